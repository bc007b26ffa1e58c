"""Headless bulk starts: the dry run, the start, following, cancelling the rest, retrying the failed.

Promise: the same classes, in the same words, as on the screen; nothing starts without `--yes` or the number of connections, typed. Whoever
interrupts a command stops nothing: the workers go on with the batch.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

from atlas_tui.batch_words import (
    Count,
    cancel_sentences,
    dry_run_lines,
    dry_run_sentences,
    end,
    gate_counts,
    progress,
    run_counts,
    state,
)
from atlas_tui.cells import plain
from atlas_tui.headless import exit_codes
from atlas_tui.headless.confirming import confirm
from atlas_tui.headless.following import LOOK_EVERY, Following
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.rows import all_rows
from atlas_tui.headless.running import operation_named
from storage import (
    batch_ending,
    batch_previews,
    batch_starting,
    batches,
    connections,
    notifications,
    workers,
)
from storage.batch_previews import DryRun
from storage.batch_selection import Selection
from storage.batches import BatchRow, BatchStatus
from storage.connection_filters import ConnectionQuery
from storage.consequences import Consequences
from storage.consequences import count as in_words
from storage.errors import InvalidInput
from storage.feed import ChangeFeed
from storage.operations import Operation

PAUSE: Final = 0.02
"""Seconds between two chunks at least, for whoever else wants the database."""


def start_batch(options: argparse.Namespace) -> int:
    """`atlas-tui bulk start OPERATION --filter TEXT | --connections … | --all`.

    Raises:
        InvalidInput: there is no such operation, nothing was named, or it must be confirmed and nobody can be asked.
        Conflict: it was not confirmed; nothing was done.
    """
    operation = operation_named(options.operation)
    with opened(options.config, options.workspace) as here:
        selection = _selection(here, options)
        found = _dry_run(here, operation, selection)
        if options.dry_run:
            if options.json:
                write_json(found)
            else:
                for line in dry_run_lines(found):
                    write_line(line)
            return exit_codes.OK if found.will_run else exit_codes.BLOCKED
        sentences = tuple(dry_run_sentences(found))
        if not found.will_run:
            _say(f"Nothing would start: {'; '.join(sentences)}")
            if options.json:
                write_json(found)
            return exit_codes.BLOCKED
        title = f"{operation.label} of {in_words(found.total, 'connection')}"
        confirm(Consequences(title, sentences, hurts=True), str(found.total), yes=options.yes)
        saying = Following(sys.stderr)
        saying.show(f"Writing the batch down: {in_words(found.total, 'connection')}")
        try:
            batch_id = batch_starting.create(here.db, here.who, operation.type, selection, ticket=options.ticket)
        finally:
            saying.end()
        return _after_start(here, batch_id, options)


def retry_batch(options: argparse.Namespace) -> int:
    """`atlas-tui bulk retry BATCH`: what failed is tried again, through the gate, as a batch of its own."""
    with opened(options.config, options.workspace) as here:
        batch_id = batch_starting.retry_failed(here.db, here.who, options.batch, ticket=options.ticket)
        return _after_start(here, batch_id, options)


def list_batches(options: argparse.Namespace) -> int:
    """`atlas-tui bulk list [FILTER]`."""
    with opened(options.config, options.workspace) as here:
        text = " ".join(options.filter)
        workspace_id = here.workspace.workspace_id
        rows = all_rows(lambda place, n: batches.page(here.db, here.who, workspace_id, text, place, n), options.limit)
    if options.json:
        write_json([_record(row) for row in rows])
    else:
        head = ("ID", "OPERATION", "CONNECTIONS", "STATE", "DONE", "FAILED", "STARTED", "BY")
        write_table(head, [_line(row) for row in rows])
    return exit_codes.OK


def show_batch(options: argparse.Namespace) -> int:
    """`atlas-tui bulk show BATCH`."""
    with opened(options.config, options.workspace) as here:
        return _tell(batches.status(here.db, here.who, options.batch), options.json)


def cancel_batch(options: argparse.Namespace) -> int:
    """`atlas-tui bulk cancel BATCH`: nothing more is started; what waits or is queued ends now, what runs at its next safe point."""
    with opened(options.config, options.workspace) as here:
        row = batches.status(here.db, here.who, options.batch).row
        if row.completed_at is None and row.cancel_requested_at is None:
            title = f"Cancel the rest of batch {row.id} ({row.label})"
            confirm(Consequences(title, cancel_sentences(row.tally), hurts=True), str(row.id), yes=options.yes)
        batch_ending.cancel_rest(here.db, here.who, row.id, ticket=options.ticket)
        try:
            _carry_on(here, row.id)
        except KeyboardInterrupt:
            _say(f"Batch {row.id} is cancelled all the same, by the workers; see: atlas-tui bulk show {row.id}")
            return exit_codes.INTERRUPTED
        return _tell(batches.status(here.db, here.who, row.id), options.json)


def _selection(here: Opened, options: argparse.Namespace) -> Selection:
    workspace_id = here.workspace.workspace_id
    if options.connections is not None:
        named = list(_named(options.connections))
        if not named:
            raise InvalidInput("--connections", "names none", "Name some, or use --filter or --all.")
        return Selection.named(workspace_id, [_number(here, text) for text in named])
    if not options.all and not options.filter.strip():
        raise InvalidInput("--filter", "is blank, which would mean every connection", "Use --all if that is meant.")
    return Selection.found(ConnectionQuery(workspace_id, "" if options.all else options.filter))


def _named(given: list[str]) -> Iterator[str]:
    for text in given:
        if text == "-":
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield text


def _number(here: Opened, text: str) -> int:
    """A number is taken as it is: one that is not there becomes the class of those that are gone."""
    if text.isascii() and text.isdigit() and len(text) < 18:
        return int(text)
    return connections.find_by_name(here.db, here.who, here.workspace.workspace_id, text).id


def _dry_run(here: Opened, operation: Operation, selection: Selection) -> DryRun:
    line, found = Following(sys.stderr), DryRun(operation.type, 0)
    try:
        for step in batch_previews.preview(here.db, here.who, operation.type, selection):
            found = step
            line.show(f"Looking: {found.seen:,} of {found.total:,}")
    finally:
        line.end()
    return found


def _after_start(here: Opened, batch_id: int, options: argparse.Namespace) -> int:
    if not options.json:
        _say(f"Batch {batch_id} is being started (ctrl+c leaves it going).")
        if workers.status(here.db).alive == 0:
            _say("No worker is running, so nothing will run until one does: atlas-tui worker")
    try:
        _carry_on(here, batch_id)
        if options.wait:
            return _follow(here, batch_id, options)
    except KeyboardInterrupt:
        _say(f"Batch {batch_id} goes on; see it again: atlas-tui bulk show {batch_id}")
        return exit_codes.INTERRUPTED
    status = batches.status(here.db, here.who, batch_id)
    _write(status, options.json)
    return exit_codes.OK


def _carry_on(here: Opened, batch_id: int) -> None:
    """Carries out what is next, beside the workers, until there is nothing to do; between two chunks others get the database."""
    line, pause = Following(sys.stderr), threading.Event()
    try:
        while True:
            began = time.monotonic()
            if not batch_ending.go_on(here.db, batch_id):
                return
            line.show(_progress(batches.status(here.db, here.who, batch_id).row))
            pause.wait(max(PAUSE, time.monotonic() - began))
    finally:
        line.end()


def _follow(here: Opened, batch_id: int, options: argparse.Namespace) -> int:
    line, pause, feed = Following(sys.stderr), threading.Event(), ChangeFeed(here.db)
    until = time.monotonic() + options.timeout
    try:
        while True:
            if feed.poll():
                batch_ending.go_on(here.db, batch_id)
                status = batches.status(here.db, here.who, batch_id)
                if status.row.completed_at is not None:
                    notifications.mark_seen(here.db, here.who, batch_ids=[batch_id])
                    break
                line.show(_progress(status.row))
            if time.monotonic() >= until:
                line.end()
                _say(f"Batch {batch_id} is not over after {options.timeout:g} s; it goes on.")
                return exit_codes.BUSY
            pause.wait(LOOK_EVERY)
    finally:
        line.end()
        feed.close()
    return _tell(status, options.json)


def _progress(row: BatchRow) -> str:
    return f"Batch {row.id} {row.label}: {state(row)[1]} {progress(row)}"


def _tell(status: BatchStatus, as_json: bool) -> int:
    _write(status, as_json)
    result = status.row.result
    return exit_codes.OK if result is None else exit_codes.OUTCOME[result]


def _write(status: BatchStatus, as_json: bool) -> None:
    row = status.row
    if as_json:
        write_json({**_record(row), "ends_at": status.ends_at})
        return
    write_line(
        f"Batch {row.id} {row.label} of {in_words(row.member_count, 'connection')}: {state(row)[1]} {progress(row)}"
    )
    write_line(f"started    {moment(row.created_at)} by {row.initiator}")
    if row.completed_at is None:
        write_line(f"ends       {end(status, status.now, moment)}")
    else:
        write_line(f"ended      {moment(row.completed_at)}")
    for title, counts in (("the runs", run_counts(row)), ("what the gate said", gate_counts(row))):
        lines = [_count_line(count) for count in counts]
        for line in (title, *lines) if lines else ():
            write_line(line)


def _count_line(count: Count) -> str:
    indent = "  " if count.glyph else "      "
    return f"{indent}{count.number:>9,}  {count.words}{f' ({count.note})' if count.note else ''}"


def _line(row: BatchRow) -> tuple[str, ...]:
    done = f"{row.tally.settled * 100 // max(1, row.member_count)} %"
    numbers = (f"{row.member_count:,}", state(row)[1], done, f"{row.tally.failed:,}")
    return (str(row.id), row.label, *numbers, moment(row.created_at), row.initiator)


def _record(row: BatchRow) -> dict[str, object]:
    return {"batch": row, "result": row.result, "done": row.tally.settled, "failed": row.tally.failed}


def _say(text: str) -> None:
    sys.stderr.write(plain(text) + "\n")
