"""The Report tab: one connection check as a page, and which others there are.

Promise: every step with its evidence, and beside what did not pass the reason and the next step; what changed since the report before is
told as facts. A superseded report says so first. Text from outside is data.

Must not know: widgets, queries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from atlas_tui.badges import fix_by
from atlas_tui.cells import Line, Part
from atlas_tui.report_page import ReportPage
from atlas_tui.screens.connection_text import reader_of, step_badge
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from atlas_tui.screens.why import Reader, next_step
from storage import operations, reasons
from storage.permissions import Standing
from storage.report_difference import ReportDifference
from storage.reports import ReportSummary
from storage.states import StepStatus
from storage.verification import EvidenceValue, ReportStep


@dataclass(frozen=True, slots=True)
class ReportRead:
    """What the tab shows.

    Attributes:
        page: The report that is shown; None when no check has ended.
        all: The reports there are, newest first.
    """

    page: ReportPage | None
    all: tuple[ReportSummary, ...]

    @property
    def at(self) -> int:
        """Where the shown one is among them; 0 is the newest."""
        shown = None if self.page is None else self.page.report.id
        return next((index for index, summary in enumerate(self.all) if summary.id == shown), 0)


def verdict_word(summary: ReportSummary) -> str:
    """What a report led to."""
    if summary.is_superseded:
        return "superseded"
    return summary.verdict.value if summary.verdict is not None else "badge unchanged"


def report_lines(read: ReportRead, times: Times, width: int, *, is_folded: bool = False) -> list[Line]:
    """The tab.

    Args:
        read: The report, and which others there are.
        times: How moments are shown.
        width: Cells.
        is_folded: Steps that passed are one line each; what did not pass is always told whole.
    """
    page = read.page
    if page is None:
        return field("", "No check has ended here yet. x, c starts one.", width)
    report, reader = page.report, reader_of(page.detail)
    verdict = report.verdict.value if report.verdict is not None else "badge unchanged"
    lines: list[Line] = [
        heading(f"Check of {times.moment(report.created_at)}", f"run #{report.run_id}, verdict: {verdict}"),
    ]
    if len(read.all) > 1:
        where = "newest" if not read.at else f"{read.at} newer"
        lines.append(
            (Part(f" {read.at + 1} of {len(read.all)}, {where}   < older  > newer  enter: list  E: file", "muted"),)
        )
    if report.is_superseded:
        lines += field(
            "", "! Superseded: the connection changed while it ran, so no badge was written.", width, style="warn"
        )
    if report.limited_operations:
        lines += field("Cannot run", _labels(report.limited_operations), width, style="warn")
    fold = "f shows the evidence" if is_folded else "f folds what passed"
    lines.append((*_counts(report.steps), Part(f"  {fold}", "muted")))
    for step in report.steps:
        lines += _step(step, reader, width, is_folded=is_folded and step.status is StepStatus.PASS)
    lines += _since(page.difference, width)
    lines += _permissions(page, width)
    if report.organization is not None:
        lines += [blank(), *field("Microsoft", report.organization.display_name, width)]
        lines += field("Domains", ", ".join(report.organization.verified_domains) or "-", width)
    if report.licences is not None:
        lines += field("Licences", ", ".join(report.licences) or "none that matter here", width)
    return lines


def _counts(steps: Sequence[ReportStep]) -> Line:
    """How many steps ended how."""
    numbers = Counter(step.status for step in steps)
    words = ", ".join(f"{numbers[status]} {status.value}" for status in StepStatus if numbers[status])
    return (Part(f" {words}", "strong"),)


def _step(step: ReportStep, reader: Reader, width: int, *, is_folded: bool) -> list[Line]:
    took = f"  {step.seconds:.1f}s" if step.seconds else ""
    code = f"  {step.reason_code}" if step.reason_code else ""
    head = (
        Part(" "),
        *step_badge(step.status).parts,
        Part(step.label, "strong"),
        Part(code, "muted"),
        Part(took, "muted"),
    )
    lines: list[Line] = [head]
    if is_folded:
        return lines
    if step.sentence:
        lines += field("", step.sentence, width)
    for name, value in step.evidence.items():
        lines += field("", f"{name.replace('_', ' ')}: {_value(value)}", width, style="muted")
    if step.request_id:
        lines += field("", f"Microsoft request id {step.request_id}", width, style="muted")
    if step.reason_code and step.status is not StepStatus.PASS:
        reason = reasons.find(step.reason_code)
        lines += field("Fix by", fix_by(reason.fix_by.value), width)
        lines += field("Next step", next_step(reason, reader), width, style="strong")
    return lines


def _value(value: EvidenceValue) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return "-" if value is None else str(value)


def _since(change: ReportDifference | None, width: int) -> list[Line]:
    """What changed since the report before."""
    if change is None:
        return [blank(), heading("Since the report before", "there is none")]
    lines: list[Line] = [blank(), heading("Since the report before", f"report {change.against}")]
    if change.is_empty:
        return lines + field("", "Nothing changed.", width)
    for step in change.steps:
        before = step.before.value if step.before else "not there"
        after = step.after.value if step.after else "not there"
        reason = f" ({step.after_reason})" if step.after_reason else ""
        lines += wrapped(f"{step.label}: {before} > {after}{reason}", width, indent=2)
    if change.gained:
        lines += wrapped(f"+ gained {', '.join(change.gained)}", width, indent=2, style="ok")
    if change.lost:
        lines += wrapped(f"x lost {', '.join(change.lost)}", width, indent=2, style="bad")
    return lines


def _permissions(page: ReportPage, width: int) -> list[Line]:
    """What the token carried, held against the need."""
    lines: list[Line] = [blank(), heading("Permissions then")]
    if page.report.granted_permissions is None:
        return lines + field("", "Not known: no token was had.", width)
    found = page.permissions
    granted = sum(needed.standing is not Standing.MISSING for needed in found.needed)
    lines += field("", f"{granted} of {len(found.needed)} that are needed; {len(found.beyond)} beyond the need.", width)
    if found.missing_required:
        lines += field("Missing", ", ".join(found.missing_required), width, style="bad")
    if found.missing_optional:
        lines += field("Optional", f"missing: {', '.join(found.missing_optional)}", width, style="warn")
    return lines


def _labels(types: tuple[str, ...]) -> str:
    return ", ".join(operations.find(name).label for name in types)
