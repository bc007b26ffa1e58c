"""The Collected tab of a tenant's and of a connection's page: the four things that operations collect, each a way to its own page.

Promise: every one of them says what was found and when, or why there is nothing and the next step.

Must not know: the pages it leads to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlas_tui.cells import Line, Part, fit
from atlas_tui.links import Link
from atlas_tui.screens.collected_kinds import COMPLIANCE, DIRECTORY, INVENTORY, KINDS, ROLES, Kind, page_of
from atlas_tui.screens.collected_reading import Collector, read_collector
from atlas_tui.screens.collected_text import state_lines
from atlas_tui.screens.compliance_text import headline, trend_cell
from atlas_tui.screens.directory import change, number
from atlas_tui.screens.prose import LABEL_WIDTH, Times, blank, field, wrapped
from storage import collected
from storage.collected import MOST_COUNTED, Summary
from storage.consequences import count
from storage.directory_counting import COUNTED
from storage.role_finding_codes import CODES

if TYPE_CHECKING:
    from atlas_tui.session import Session


CURSOR = ">"
"""What the line of the kind under the cursor begins with."""


@dataclass(frozen=True, slots=True)
class CollectedRead:
    """What the tab shows."""

    collector: Collector
    summary: Summary


def read_collected(session: Session, tenant_id: int, connection_id: int | None = None) -> CollectedRead:
    """Read the tab. Blocks; not for the event loop.

    Args:
        session: Who asks.
        tenant_id: Of which tenant.
        connection_id: Only what this connection of it collected.

    Raises:
        NotFound: The tenant, or the connection, is not visible.
    """
    summary = collected.summary(session.db, session.who, tenant_id, connection_id)
    # Of a connection, its own runs; another one's say nothing about it.
    collector = replace(read_collector(session, tenant_id, connection_id), last_runs=summary.last_runs)
    return CollectedRead(collector, summary)


def link_at(read: CollectedRead, at: int, name: str) -> Link:
    """The page of the kind under the cursor.

    Args:
        read: What the tab shows.
        at: The cursor.
        name: What a list of it is called.
    """
    return page_of(KINDS[at], read.summary.tenant_id, name, read.summary.connection_id)


def collected_lines(read: CollectedRead, at: int, times: Times, width: int, *, blocks: bool) -> list[Line]:
    """The tab.

    Args:
        read: What was read.
        at: Which kind the cursor is on.
        times: How moments are shown.
        width: Cells.
        blocks: Whether trends may be drawn in block characters.
    """
    lines: list[Line] = []
    for index, kind in enumerate(KINDS):
        found, shown_run_id = _found(kind, read.summary, times, width, blocks=blocks)
        marker = CURSOR if index == at else " "
        head = Part(fit(f"{marker}{kind.title}", LABEL_WIDTH), "strong")
        found += state_lines(kind, read.collector, shown_run_id, times, width)
        if not found or found[0][0].text.strip():
            # What begins with a label of its own stands below the kind's name, everything else beside it.
            found = [(Part(" " * LABEL_WIDTH), Part("nothing yet", "muted")), *found]
        first, *more = found
        lines += [(head, *first[1:]), *more]
        lines.append(blank())
    return lines


def glance_lines(summary: Summary, times: Times, width: int, *, blocks: bool) -> list[Line]:
    """The same in two lines, for a page that has more to say."""
    lines: list[Line] = []
    snapshot = summary.compliance.snapshot
    if snapshot is not None:
        trend = trend_cell(summary.points, times.now.date(), blocks=blocks)
        words, age = f"{headline(snapshot)}  ", f"  {times.ago(snapshot.taken_at)}"
        drawn = (Part(trend, "info"), Part(age, "muted"))
        if LABEL_WIDTH + len(words) + len(trend) + len(age) <= width:
            lines += field("Compliance", (Part(words), *drawn), width)
        else:
            lines += field("Compliance", words, width) + field("", drawn, width)
    others = []
    if summary.items:
        others.append(f"{_items(summary)} items")
    if summary.roles.report is not None:
        others.append(f"{len(summary.roles.report.findings):,} role findings")
    if summary.directory:
        others.append(f"{number(summary.directory[0].users)} users")
    if others or lines:
        return [
            *lines,
            *field("Collected", f"{', '.join(others) or 'more'} (tab Collected)", width),
        ]
    return lines


def _found(kind: Kind, summary: Summary, times: Times, width: int, *, blocks: bool) -> tuple[list[Line], int | None]:
    """What was found of a kind, and by which run; no lines when there is nothing."""
    if kind is COMPLIANCE:
        return _compliance(summary, times, width, blocks=blocks)
    if kind is INVENTORY:
        return _inventory(summary, times, width)
    if kind is ROLES:
        return _roles(summary, times, width)
    assert kind is DIRECTORY
    return _directory(summary, times, width)


def _compliance(summary: Summary, times: Times, width: int, *, blocks: bool) -> tuple[list[Line], int | None]:
    known = summary.compliance
    snapshot = known.snapshot
    lines: list[Line] = []
    if snapshot is not None:
        lines += field("", f"{headline(snapshot)}, counted {times.ago(snapshot.taken_at)} ago", width)
        difference = known.difference
        moved = "" if difference is None or not difference["noncompliant"] else f" ({difference['noncompliant']:+,})"
        trend = trend_cell(summary.points, times.now.date(), blocks=blocks)
        parts = (Part(f"{snapshot.counts['noncompliant']:,} noncompliant{moved}  ", "muted"), Part(trend, "info"))
        lines += field("", parts, width)
    if known.partial is not None:
        words = f"! partial: {known.partial.total:,} devices counted {times.ago(known.partial.taken_at)} ago."
        lines += field("", words, width, style="warn")
    return lines, None if snapshot is None else snapshot.run_id


def _inventory(summary: Summary, times: Times, width: int) -> tuple[list[Line], int | None]:
    changes = summary.inventory
    if changes is None or changes.syncs.run_id is None:
        return (field("", f"{_items(summary)} items", width) if summary.items else []), None
    words = f"{_items(summary)} items, synced {times.ago(changes.syncs.run_at)} ago"
    lines = field("", words, width)
    if changes.syncs.before_run_id is not None:
        counted = f"{changes.added:,} added, {changes.removed:,} removed, {changes.changed:,} changed by the last sync"
        lines += field("", counted, width, style="muted")
    return lines, changes.syncs.run_id


def _items(summary: Summary) -> str:
    return f"{summary.items:,}{'+' if summary.items >= MOST_COUNTED else ''}"


def _roles(summary: Summary, times: Times, width: int) -> tuple[list[Line], int | None]:
    report = summary.roles.report or summary.roles.partial
    if report is None:
        return [], None
    words = f"{len(report.findings):,} findings, {report.counts.get('privileged', 0):,} privileged assignments"
    lines = field("", f"{words}, scanned {times.ago(report.taken_at)} ago", width)
    if report.findings:
        titles = dict.fromkeys(CODES[one.code].title if one.code in CODES else one.code for one in report.findings)
        first = next(iter(titles))
        more = f" and {count(len(titles) - 1, 'kind')} more" if len(titles) > 1 else ""
        lines += field("", f"{first}{more}", width, style="warn")
    if report.difference is not None and (report.difference.added_count or report.difference.removed_count):
        moved = f"{report.difference.added_count:,} came, {report.difference.removed_count:,} went"
        lines += field("", f"{moved} since the report before", width, style="muted")
    return lines, report.run_id if report.is_complete else None


def _directory(summary: Summary, times: Times, width: int) -> tuple[list[Line], int | None]:
    if not summary.directory:
        return [], None
    now, before = summary.directory[0], summary.directory[1] if len(summary.directory) > 1 else None
    counted = []
    for what in COUNTED:
        moved = change(now, before, what)
        counted.append(f"{number(getattr(now, what))} {what}{f' ({moved})' if moved else ''}")
    lines = wrapped(", ".join(counted), width, indent=LABEL_WIDTH)
    lines += field("", f"counted {times.ago(now.taken_at)} ago", width, style="muted")
    return lines, now.run_id
