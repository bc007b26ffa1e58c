"""What pages say where nothing was collected, or where the last run did not work: why, and the next step that the reader may take.

Promise: nothing is called an error that is none: what the tenant has no licence for was skipped. What the reader may not start is not
offered as their step; it names who may.

Must not know: widgets, queries.
"""

from __future__ import annotations

from atlas_tui.badges import badge, run_badge
from atlas_tui.cells import Line, Part
from atlas_tui.screens.collected_kinds import Kind
from atlas_tui.screens.collected_reading import Collector
from atlas_tui.screens.connection_text import reader_of
from atlas_tui.screens.prose import Times, field
from atlas_tui.screens.why import next_step
from storage import reasons
from storage.connections import ConnectionDetail
from storage.last_runs import LastRun
from storage.states import RunOutcome, RunStatus


def state_lines(kind: Kind, collector: Collector, shown_run_id: int | None, times: Times, width: int) -> list[Line]:
    """How collecting stands, as far as it differs from "it worked and this is what it found".

    Args:
        kind: What is collected.
        collector: By whom.
        shown_run_id: The run whose result is shown; None when there is none to show.
        times: How moments are shown.
        width: Cells.
    """
    connection, last_run = collector.connection, collector.last_runs.get(kind.operation)
    if connection is None:
        return [] if shown_run_id is not None else _without_connection(collector, width)
    lines = _running(kind, connection, width)
    if last_run is not None and last_run.run_id != shown_run_id and (last_run.reason_code or shown_run_id is None):
        return [*lines, *last_run_lines(last_run, connection, times, width)]
    if shown_run_id is None and not lines:
        lines += field("", "Never collected.", width, style="warn")
        lines += field("Next step", first_step(kind, connection), width, style="strong")
    return lines


def empty_hint(kind: Kind, collector: Collector) -> tuple[str, str]:
    """The same for a list without rows: what is so, and the next step, each one line."""
    connection, last_run = collector.connection, collector.last_runs.get(kind.operation)
    if connection is None:
        return (
            "Nothing was collected: the tenant has no connection.",
            "Its page (Esc, or :tenants) says how to add one.",
        )
    if connection.row.active_run_type == kind.operation:
        return "Nothing was collected yet.", f"#{connection.row.active_run_id} is on its way."
    if last_run is None:
        return "Never collected.", first_step(kind, connection)
    if last_run.reason_code is None:
        return "Nothing is there.", f"Run #{last_run.run_id} found nothing."
    word = "skipped" if last_run.is_skipped else "the last run did not work"
    return f"Nothing was collected: {word} ({last_run.reason_code}).", last_run.reason_sentence or ""


def last_run_lines(last_run: LastRun, connection: ConnectionDetail, times: Times, width: int) -> list[Line]:
    """How the last run ended, and what to do about it."""
    shown = badge("o", "skipped", 11) if last_run.is_skipped else run_badge(RunStatus.COMPLETED, last_run.outcome)
    when = Part(f"#{last_run.run_id}, {times.ago(last_run.at)} ago  ", "muted")
    lines = field("Last run", (*shown.parts, when, Part(last_run.reason_code or "")), width)
    if last_run.reason_code is None:
        return lines
    style = "" if last_run.is_skipped or last_run.outcome is RunOutcome.PARTIALLY_SUCCEEDED else "bad"
    lines += field("", last_run.reason_sentence or "", width, style=style)
    step = next_step(reasons.find(last_run.reason_code), reader_of(connection))
    return lines + field("Next step", step, width, style="muted" if last_run.is_skipped else "strong")


def first_step(kind: Kind, connection: ConnectionDetail) -> str:
    """What starts collecting, or why it cannot be started, or who may."""
    obstacle = connection.obstacles.get(kind.operation)
    if obstacle is not None:
        return f"It cannot start now: {obstacle.sentence}"
    if not connection.may_run:
        return f"Your role may not start it. {connection.who_may_run}"
    return f"{kind.start}."


def _running(kind: Kind, connection: ConnectionDetail, width: int) -> list[Line]:
    row = connection.row
    if row.active_run_type != kind.operation or row.active_run_status is None:
        return []
    return field("Run", (Part("~ ", "info"), Part(f"#{row.active_run_id} is {row.active_run_status.value}")), width)


def _without_connection(collector: Collector, width: int) -> list[Line]:
    call = collector.call_to_create
    lines = field("", "Never collected: the tenant has no connection.", width, style="warn")
    if call is None or call.why_not:
        return lines + field("", "" if call is None else call.why_not, width, style="muted")
    words = "the tenant's page (Esc): N adds one." if call.may else f"Your role may not add one. {call.who_may}"
    return lines + field("Next step", words, width, style="strong" if call.may else "muted")
