"""Headless starting, waiting, cancelling and retrying."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final

from atlas_tui.arguments.mistakes import nearest
from atlas_tui.headless import exit_codes
from atlas_tui.headless.following import follow
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import write_json, write_line
from atlas_tui.headless.step_table import hanging, step_lines, terminal_width
from storage import cancelling, connections, notifications, operations, reasons, reports, runs, starting, workers
from storage.errors import InvalidInput
from storage.operations import Operation
from storage.runs import RunDetail
from storage.starting import AlreadyRunning, Blocked, ScopeBusy, Started, StartResult
from storage.states import RunStatus

SHORT_NAMES: Final = {
    "check": operations.CONNECTION_CHECK,
    "inventory": operations.INVENTORY_SYNC,
    "compliance": operations.COMPLIANCE_SNAPSHOT,
    "roles": operations.ADMIN_ROLES_SCAN,
    "directory": operations.DIRECTORY_SYNC,
}
"""What people type for an operation."""


def operation_named(typed: str) -> Operation:
    """The operation that is meant: by its short name or its type.

    Raises:
        InvalidInput: there is none of that name.
    """
    wanted = typed.casefold()
    known = SHORT_NAMES.get(wanted, wanted)
    if known not in operations.CATALOG:
        near = nearest(wanted, [*SHORT_NAMES, *operations.CATALOG])
        hint = f"Use one of: {', '.join(SHORT_NAMES)}." if near is None else f"Did you mean {near}?"
        raise InvalidInput("operation", f"there is none called {typed[:40]}", hint)
    return operations.find(known)


def check(options: argparse.Namespace) -> int:
    """`atlas-tui check CONNECTION`: starts a connection check and, unless told not to, waits for it."""
    return _start(options, operations.CONNECTION_CHECK)


def start(options: argparse.Namespace) -> int:
    """`atlas-tui start OPERATION CONNECTION`: starts any operation and, unless told not to, waits for it.

    Raises:
        InvalidInput: there is no such operation.
    """
    return _start(options, operation_named(options.operation).type)


def _start(options: argparse.Namespace, operation_type: str) -> int:
    with opened(options.config, options.workspace) as here:
        row = connections.find_by_name(here.db, here.who, here.workspace.workspace_id, options.connection)
        result = starting.start(
            here.db,
            here.who,
            row.id,
            operation_type,
            run_after=options.run_after,
            ticket=options.ticket,
        )
        return _after_start(here, result, options)


def retry(options: argparse.Namespace) -> int:
    """`atlas-tui retry RUN`: starts a completed run's operation again."""
    with opened(options.config, options.workspace) as here:
        result = starting.retry(here.db, here.who, options.run, ticket=options.ticket)
        return _after_start(here, result, options)


def watch(options: argparse.Namespace) -> int:
    """`atlas-tui watch RUN`: follows a run, whoever started it, until it has ended."""
    with opened(options.config, options.workspace) as here:
        detail = runs.get(here.db, here.who, options.run)
        if detail.row.status is RunStatus.COMPLETED:
            notifications.mark_seen(here.db, here.who, run_ids=[options.run])
            return _tell(here, detail, options.json)
        return _follow(here, options.run, options)


def cancel(options: argparse.Namespace) -> int:
    """`atlas-tui cancel RUN`."""
    with opened(options.config, options.workspace) as here:
        result = cancelling.cancel(here.db, here.who, options.run, ticket=options.ticket)
    if options.json:
        write_json(result)
    elif result.immediate:
        write_line(f"#{result.run.id} is cancelled.")
    else:
        write_line(f"#{result.run.id} stops at its next safe point.")
    return exit_codes.OK


def _after_start(here: Opened, result: StartResult, options: argparse.Namespace) -> int:
    if isinstance(result, Blocked):
        return _blocked(result, options.json)
    if isinstance(result, ScopeBusy) and result.waiting is None:
        return _busy(result, options.json)
    run = result.waiting if isinstance(result, ScopeBusy) else result.run
    assert run is not None
    if not options.wait:
        if options.json:
            write_json({"result": _word(result), "run": run})
        else:
            write_line(f"{_sentence(result)} #{run.id}.")
        return exit_codes.OK
    if not options.json:
        sys.stderr.write(f"{_sentence(result)} #{run.id}, waiting (ctrl+c leaves it going).\n")
    return _follow(here, run.id, options)


def _follow(here: Opened, run_id: int, options: argparse.Namespace) -> int:
    """Follows a run to its end, and tells how it ended; says so when it goes on without being followed."""
    if not options.json and workers.status(here.db).alive == 0:
        sys.stderr.write("No worker is running, so nothing will happen until one does: atlas-tui worker\n")
    try:
        detail = follow(here, run_id, options.timeout)
    except KeyboardInterrupt:
        sys.stderr.write(f"#{run_id} goes on; follow it again: atlas-tui watch {run_id}\n")
        return exit_codes.INTERRUPTED
    if detail is None:
        sys.stderr.write(f"#{run_id} has not completed after {options.timeout:g} s; it goes on.\n")
        return exit_codes.BUSY
    return _tell(here, detail, options.json)


def _word(result: StartResult) -> str:
    return {Started: "started", AlreadyRunning: "already_running", ScopeBusy: "waiting", Blocked: "blocked"}[
        type(result)
    ]


def _sentence(result: StartResult) -> str:
    return {Started: "Queued", AlreadyRunning: "Already there:", ScopeBusy: "Will run after the active one:"}[
        type(result)
    ]


def _blocked(result: Blocked, as_json: bool) -> int:
    if as_json:
        write_json({"result": "blocked", "reason": result.reason, "sentence": result.sentence})
    else:
        sys.stderr.write(f"Blocked ({result.reason.code}): {result.sentence} {result.reason.next_step}\n")
    return exit_codes.BLOCKED


def _busy(result: ScopeBusy, as_json: bool) -> int:
    label = operations.find(result.run.type).label
    if as_json:
        write_json({"result": "scope_busy", "run": result.run})
    else:
        sys.stderr.write(
            f"Busy: {label} #{result.run.id} by {result.run.initiator} is active. "
            "Wait for it, cancel it, or use --run-after.\n"
        )
    return exit_codes.BUSY


def _tell(here: Opened, detail: RunDetail, as_json: bool) -> int:
    row = detail.row
    assert row.outcome is not None
    connection = connections.get(here.db, here.who, row.connection_id).row
    report = reports.of_run(here.db, here.who, row.id)
    if as_json:
        document: dict[str, Any] = {"run": detail, "connection": connection, "report": report}
        write_json(document)
        return exit_codes.OUTCOME[row.outcome]
    write_line(f"#{row.id} {row.label} of {row.tenant_name}: {row.outcome.value}")
    write_line(
        f"lifecycle {'enabled' if connection.is_enabled else 'disabled'}, consent {connection.consent_status.value}, "
        f"verification {connection.verification_status.value}"
    )
    width = terminal_width()
    lines: list[str] = []
    if row.reason_code:
        lines += hanging("why        ", f"{row.reason_code}: {row.reason_sentence}", width)
        lines += hanging("next step  ", reasons.find(row.reason_code).next_step, width)
    for line in (*lines, *step_lines(report.steps if report else detail.steps, width)):
        write_line(line)
    if report is None and detail.summary_counts:
        write_line("  ".join(f"{key} {count:,}" for key, count in detail.summary_counts.items()))
    return exit_codes.OUTCOME[row.outcome]
