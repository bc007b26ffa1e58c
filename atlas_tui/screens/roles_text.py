"""What a tenant's page of administrator roles says: findings first, then what changed since the report before.

Promise: every finding has its sentence, and each kind of finding once what to do about it. A report that is not whole is marked, and is
compared with nothing.

Must not know: widgets, queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from atlas_tui.badges import badge
from atlas_tui.cells import Cell, Line, Part, cell
from atlas_tui.screens.collected_kinds import ROLES
from atlas_tui.screens.collected_reading import Collector
from atlas_tui.screens.collected_text import state_lines
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from atlas_tui.widgets.columns import Column
from storage.role_finding_codes import CODES
from storage.roles import LatestRoles, RoleDifference, RoleReport
from storage.roles_publishing import RoleAssignment, RoleFinding

ASSIGNMENT_WIDTH: Final = 11
_GLYPHS: Final = {"active": "+", "activated": "~", "eligible": "o"}


@dataclass(frozen=True, slots=True)
class RolesRead:
    """What the page shows.

    Attributes:
        run_id: The run whose report was asked for; None shows the last whole one, or the last one of all where there is no whole one.
        of_run: That report; None when the run wrote none.
    """

    collector: Collector
    latest: LatestRoles
    run_id: int | None = None
    of_run: RoleReport | None = None

    @property
    def report(self) -> RoleReport | None:
        """The report that is shown."""
        if self.run_id is not None:
            return self.of_run
        return self.latest.report or self.latest.partial


def finding_lines(read: RolesRead, times: Times, width: int) -> list[Line]:
    """The Findings tab."""
    shown = read.report
    lines: list[Line] = []
    if read.run_id is not None and shown is None:
        lines += field("", f"Run #{read.run_id} wrote no report.", width, style="warn")
    whole = read.latest.report
    lines += state_lines(ROLES, read.collector, None if whole is None else whole.run_id, times, width)
    if shown is None:
        return lines
    lines += _head(shown, read, times, width)
    if not shown.findings:
        return [*lines, blank(), (Part(" + ", "ok"), Part("Nothing was found that needs a look."))]
    for code in dict.fromkeys(finding.code for finding in shown.findings):
        lines += _of_kind(code, [one for one in shown.findings if one.code == code], width)
    return lines


def _head(report: RoleReport, read: RolesRead, times: Times, width: int) -> list[Line]:
    lines = field("Scanned", f"{times.since(report.taken_at)}, run #{report.run_id} (l opens it)", width)
    lines += field("Assignments", headline(report), width, style="strong")
    if "eligible" not in report.counts:
        lines += field("", "Eligible ones could not be read: no Entra ID P2, or no permission.", width, style="muted")
    if not report.is_complete:
        words = "! partial: not everything could be read. It is compared with nothing."
        lines += field("", words, width, style="warn")
    partial = read.latest.partial
    if partial is not None and partial.id != report.id and read.run_id is None:
        words = f"! a newer report of {times.ago(partial.taken_at)} ago (#{partial.run_id}) is not whole."
        lines += field("", words, width, style="warn")
    if read.run_id is not None and read.latest.report is not None and read.latest.report.id != report.id:
        lines += field("", "An earlier report; :roles leads to the last one.", width, style="muted")
    return lines


def headline(report: RoleReport) -> str:
    """What was counted: `21, 13 privileged, 2 eligible; of 22 principals`."""
    counts = report.counts
    words = [f"{counts.get('assignments', 0):,}"]
    words += [f"{counts[key]:,} {key}" for key in ("privileged", "eligible", "activated") if counts.get(key)]
    return ", ".join(words) + f"; of {counts.get('principals', 0):,} principals"


def _of_kind(code: str, findings: Sequence[RoleFinding], width: int) -> list[Line]:
    known = CODES.get(code)
    times = f" x{len(findings):,}" if len(findings) > 1 else ""
    lines: list[Line] = [blank(), (Part(" ! ", "warn"), Part(f"{known.title if known else code}{times}", "strong"))]
    for finding in findings:
        lines += wrapped(finding.sentence, width, indent=3)
    if known is not None:
        lines += wrapped(known.advice, width, indent=3, style="muted")
        lines += wrapped(f"{known.link} (y copies)", width, indent=3, style="muted")
    return lines


def links_of(report: RoleReport) -> tuple[tuple[str, str], ...]:
    """Where to read on about each kind of finding of a report: the kinds, and the address; an address once."""
    titles: dict[str, list[str]] = {}
    for code in dict.fromkeys(finding.code for finding in report.findings):
        if (known := CODES.get(code)) is not None:
            titles.setdefault(known.link, []).append(known.title)
    return tuple((", ".join(of), link) for link, of in titles.items())


def difference_lines(read: RolesRead, times: Times, width: int) -> list[Line]:
    """The Difference tab."""
    report = read.report
    if report is None:
        return finding_lines(read, times, width)
    if report.difference is None:
        why = "it is the first one" if report.is_complete else "it is not whole"
        words = f"The report of {times.moment(report.taken_at)} is compared with nothing: {why}."
        return wrapped(words, width, indent=1, style="muted")
    found = report.difference
    lines: list[Line] = [heading("Since the report before", f"run #{report.run_id}, {times.ago(report.taken_at)} ago")]
    if not (found.added_count or found.removed_count or found.new_findings_count or found.solved_findings_count):
        return [*lines, *wrapped("Nothing changed.", width, indent=1)]
    return [*lines, *_changes(found, width)]


def _changes(found: RoleDifference, width: int) -> list[Line]:
    lines: list[Line] = []
    for sign, style, title, assignments, count in (
        ("+", "warn", "Came", found.added, found.added_count),
        ("-", "muted", "Went", found.removed, found.removed_count),
    ):
        if count:
            lines += [blank(), heading(f"{title}: {count:,}")]
        for one in assignments:
            lines.append((Part(f" {sign} ", style), Part(one.role_name, "strong"), Part(f"  {_who(one)}")))
        if count > len(assignments):
            lines += field("", f"and {count - len(assignments):,} more", width, style="muted")
    for title, style, findings, count in (
        ("New findings", "warn", found.new_findings, found.new_findings_count),
        ("Solved findings", "ok", found.solved_findings, found.solved_findings_count),
    ):
        if count:
            lines += [blank(), heading(f"{title}: {count:,}")]
        for finding in findings:
            lines += wrapped(finding.sentence, width, indent=3, style=style)
        if count > len(findings):
            lines += field("", f"and {count - len(findings):,} more", width, style="muted")
    return lines


def _who(one: RoleAssignment) -> str:
    through = " through a group" if one.via_group_id else ""
    return f"{one.principal_name or one.principal_id} ({one.principal_kind}, {one.assignment}){through}"


def _assignment(row: RoleAssignment, now: datetime) -> Cell:
    return badge(_GLYPHS[row.assignment], row.assignment, ASSIGNMENT_WIDTH)


ASSIGNMENT_COLUMNS: Final[tuple[Column[RoleAssignment], ...]] = (
    Column(
        "role",
        "ROLE",
        lambda row, now: cell(row.role_name, "strong" if row.is_privileged else ""),
        20,
        share=2,
    ),
    Column("holder", "HOLDER", lambda row, now: cell(row.principal_name or row.principal_id), 18, share=2),
    Column("kind", "KIND", lambda row, now: cell(row.principal_kind.replace("_", " ")), 9, priority=2),
    Column("assignment", "HELD", _assignment, ASSIGNMENT_WIDTH),
    Column("via", "VIA", lambda row, now: cell("group" if row.via_group_id else ""), 5, priority=3),
    Column(
        "scope",
        "SCOPE",
        lambda row, now: cell("tenant" if row.directory_scope == "/" else row.directory_scope),
        7,
        priority=4,
    ),
)
"""Privileged roles are strong; how it is held is a glyph and a word."""
