"""What a run's page, and the panel beside the list of runs, say.

Promise: how it ended, why, the next step, every step with its times, the counts in the catalog's order, and every failure with
Microsoft's request id. Progress is text; nothing moves by itself.

Must not know: widgets, queries.
"""

from __future__ import annotations

from atlas_tui.badges import run_badge
from atlas_tui.cells import Line, Part
from atlas_tui.screens.connection_text import step_badge
from atlas_tui.screens.prose import Times, blank, field, heading
from atlas_tui.screens.why import Reader, explain, further_reading
from storage.runs import RunDetail, RunRow
from storage.starting import RunRef
from storage.states import RunCause, RunOutcome, RunStatus

BAR_WIDTH = 20
_CAUSES = {
    RunCause.PERSON: "",
    RunCause.SCHEDULE: " by schedule",
    RunCause.BULK: " in bulk",
    RunCause.FOLLOW_UP: " as a follow-up",
    RunCause.RETRY: " as a retry",
}


def progress_words(done: int | None, total: int | None, phase: str | None) -> str:
    """How far it is: `37 % (3/8) token`; what is not known is left out."""
    words = []
    if done is not None and total:
        words.append(f"{min(100, done * 100 // total)} % ({done}/{total})")
    if phase:
        words.append(phase)
    return " ".join(words)


def progress_bar(done: int | None, total: int | None) -> str:
    """A bar of text: `[#######.............]`; empty when the total is not known."""
    if done is None or not total:
        return ""
    filled = max(0, min(BAR_WIDTH, done * BAR_WIDTH // total))
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]"


def name_run(run: RunRef, times: Times) -> str:
    """A run in one sentence: `#1842, started 02:14:07Z by dana, 37 %`."""
    if run.status is RunStatus.RUNNING:
        words = f"#{run.id}, started {times.of_day(run.started_at)} by {run.initiator}"
    else:
        words = f"#{run.id}, {run.status.value} since {times.of_day(run.queued_at)} by {run.initiator}"
    if run.progress_done is not None and run.progress_total:
        words += f", {min(100, run.progress_done * 100 // run.progress_total)} %"
    return words


def state_lines(row: RunRow, times: Times, width: int) -> list[Line]:
    """Where the run is: badge, progress, what it waits for, who started it and when."""
    spelled = " (partially succeeded)" if row.outcome is RunOutcome.PARTIALLY_SUCCEEDED else ""
    progress = ""
    if row.status is not RunStatus.COMPLETED:
        bar = progress_bar(row.progress_done, row.progress_total)
        progress = f" {bar} {progress_words(row.progress_done, row.progress_total, row.phase)}".rstrip()
    lines = field("State", (*run_badge(row.status, row.outcome).parts, Part(f"{spelled}{progress}")), width)
    if row.status is RunStatus.RUNNING and row.waiting_until is not None:
        lines += field("Waiting", f"for Microsoft until {times.of_day(row.waiting_until)}", width, style="warn")
    elif row.status is not RunStatus.COMPLETED and row.not_before is not None and row.not_before > times.now:
        lines += field("Waiting", f"not before {times.of_day(row.not_before)}", width, style="warn")
    elif row.status is RunStatus.WAITING:
        lines += field("Waiting", "for the run that is active on this connection", width)
    if row.cancel_requested_at is not None and row.status is not RunStatus.COMPLETED:
        asked = f"asked for at {times.of_day(row.cancel_requested_at)}; it stops at the next safe point"
        lines += field("Cancel", asked, width, style="warn")
    lines += field("Started by", f"{row.initiator}{_CAUSES[row.cause]}", width)
    lines += field("Queued", times.moment(row.queued_at), width)
    if row.started_at is not None:
        lines += field("Started", times.moment(row.started_at), width)
    if row.completed_at is not None:
        lines += field("Ended", f"{times.moment(row.completed_at)}{_took(row)}", width)
    return lines


def _took(row: RunRow) -> str:
    if row.started_at is None or row.completed_at is None:
        return ""
    seconds = (row.completed_at - row.started_at).total_seconds()
    return f", took {seconds:.1f}s" if seconds < 120 else f", took {seconds / 60:.0f}m"


def run_lines(detail: RunDetail, times: Times, width: int) -> list[Line]:
    """The whole page."""
    row = detail.row
    lines = field("Tenant", f"{row.tenant_name} ({detail.entra_tenant_id})", width)
    lines += field("Connection", f"{row.connection_name} (#{row.connection_id})", width)
    lines += state_lines(row, times, width)
    if row.reason_code:
        ask = "" if detail.may_cancel or detail.may_retry else detail.why_not.removeprefix("Your role may not. ")
        may = not detail.why_not
        lines += explain(
            row.reason_code, row.reason_sentence, row.completed_at, Reader(may, may, ask, ask), times, width
        )
        lines += further_reading(row.reason_code, width)
    lines += _steps(detail, times, width)
    if detail.summary_counts:
        counts = ", ".join(f"{key} {value}" for key, value in detail.summary_counts.items())
        lines += [blank(), heading("Counts"), *field("", counts, width)]
    if detail.failures:
        lines += [blank(), heading("Failures")]
        for failure in detail.failures:
            provider = f"  Microsoft: {failure.provider_code}" if failure.provider_code else ""
            head = (Part(failure.reason_code, "bad"), Part(f" x{failure.count}{provider}"))
            lines += field("", head, width)
            lines += field("", failure.sentence, width)
            if failure.request_id:
                lines += field("", f"request id {failure.request_id}", width, style="muted")
    return lines + _origin(detail, width)


def _steps(detail: RunDetail, times: Times, width: int) -> list[Line]:
    if not detail.steps:
        return []
    lines: list[Line] = [blank(), heading("Steps")]
    for step in detail.steps:
        took = ""
        if step.ended_at is not None:
            took = f"  {(step.ended_at - step.started_at).total_seconds():.1f}s"
        code = f"  {step.reason_code}" if step.reason_code else ""
        lines.append(
            (
                Part(" "),
                *step_badge(step.status).parts,
                Part(step.label, "strong"),
                Part(f"  {times.of_day(step.started_at)}{took}{code}", "muted"),
            )
        )
        if step.sentence and step.reason_code:
            lines += field("", step.sentence, width)
    return lines


def _origin(detail: RunDetail, width: int) -> list[Line]:
    """Where it came from and who worked on it."""
    lines: list[Line] = [blank()]
    if detail.retry_of_id is not None:
        lines += field("Retry of", f"#{detail.retry_of_id}", width)
    if detail.follow_up_of_id is not None:
        lines += field("Follows", f"#{detail.follow_up_of_id}", width)
    if detail.batch_id is not None:
        lines += field("Batch", f"#{detail.batch_id} started it (:batch {detail.batch_id})", width)
    if detail.schedule_id is not None:
        lines += field("Schedule", f"#{detail.schedule_id} started it (:schedules)", width)
    attempts = f"attempt {detail.row.attempt}" if detail.row.attempt else "not taken up yet"
    deferred = f", gave its place back {detail.deferrals} times" if detail.deferrals else ""
    host = f" on {detail.worker_host}" if detail.worker_host else ""
    lines += field("Worker", f"{attempts}{host}{deferred}", width)
    if detail.ticket:
        lines += field("Ticket", detail.ticket, width)
    return lines
