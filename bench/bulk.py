"""How many runs a second a bulk start lets in, how soon its dry run is there, and how long its longest transaction keeps others waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, event

from bench.figures import Aim, Figure, Section, counted, timed
from bench.fleets import BulkFleet, Fleets, make_fleet
from storage import batch_ending, batch_previews, batch_starting, batches, sqlite_file
from storage.batch_selection import Selection
from storage.connection_filters import ConnectionQuery
from storage.operations import CONNECTION_CHECK

NAME = "bulk"
_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON")


def run(fleets: Fleets, *, quick: bool) -> Section:
    """Measures it."""
    sizes = (200, 400) if quick else (10_000, 50_000)
    figures: list[Figure] = []
    for size in sizes:
        figures += _figures(fleets, size)
    return Section(
        NAME,
        "Bulk starts",
        "A connection check of every connection of a workspace (SQLite, WAL, `synchronous=FULL`), by one process alone: the"
        " dry run, the batch with its members, the members chunk by chunk, the page's counting, cancelling all of it. Beside it bare"
        " inserts of as many rows in transactions of as many, with the same settings, into a table without indexes.",
        tuple(figures),
        (
            "Each started connection gets its run, its place in the batch and its own entry in the audit chain.",
            "A dashboard and the workers pause after each chunk for as long as it took, so there the whole takes twice as long.",
        ),
    )


def _figures(fleets: Fleets, size: int) -> list[Figure]:
    fleet = make_fleet(fleets.new_directory(), size)
    try:
        everything = Selection.found(ConnectionQuery(fleet.workspace_id))
        began = time.perf_counter()
        dry = list(batch_previews.preview(fleet.db, fleet.who, CONNECTION_CHECK, everything))[-1]
        previewed = time.perf_counter() - began
        parts: list[float] = []
        with _transactions(fleet, parts):
            batch_id = batch_starting.create(fleet.db, fleet.who, CONNECTION_CHECK, everything)
        chunks = _chunks(fleet, batch_id)
        began = time.perf_counter()
        status = batches.status(fleet.db, fleet.who, batch_id)
        counted_in = time.perf_counter() - began
        if status.row.tally.classes != dry.classes:
            raise RuntimeError(f"the dry run said {dry.classes}, the start {status.row.tally.classes}")
        batch_ending.cancel_rest(fleet.db, fleet.who, batch_id)
        stops = _chunks(fleet, batch_id)
        bare = _bare_inserts(fleet, size)
    finally:
        fleet.db.close()
    rate = counted(f"started, {size:,}", [size / sum(chunks)], "Members tried by the gate.", unit="per second")
    return [
        rate.compared([size / sum(bare)], "bare INSERTs"),
        timed(
            f"a chunk, {size:,}",
            chunks,
            "One transaction: how long others wait for the write lock.",
            aim=Aim("high", 500.0),
        ),
        timed(f"the dry run, {size:,}", [previewed], "Until every class is counted.", unit="s"),
        timed(
            f"a part of the batch, {size:,}",
            parts,
            "One transaction with some of the members, before anything starts.",
            aim=Aim("high", 500.0),
        ),
        counted(
            f"cancelled, {size:,}",
            [status.row.tally.queued / sum(stops)],
            "Queued runs that end, each with its entry in the trail.",
            unit="per second",
        ),
        timed(f"a chunk of cancelling, {size:,}", stops, "One transaction.", aim=Aim("high", 500.0)),
        timed(f"its page, {size:,}", [counted_in], "Counting all classes and outcomes once."),
    ]


@contextmanager
def _transactions(fleet: BulkFleet, seconds: list[float]) -> Iterator[None]:
    """Notes how long each transaction takes."""
    began: list[float] = []

    def begin(_connection: Connection) -> None:
        began.append(time.perf_counter())

    def end(_connection: Connection) -> None:
        seconds.append(time.perf_counter() - began[-1])

    event.listen(fleet.db.engine, "begin", begin)
    event.listen(fleet.db.engine, "commit", end)
    try:
        yield
    finally:
        event.remove(fleet.db.engine, "begin", begin)
        event.remove(fleet.db.engine, "commit", end)


def _chunks(fleet: BulkFleet, batch_id: int) -> list[float]:
    found: list[float] = []
    while True:
        began = time.perf_counter()
        if not batch_ending.go_on(fleet.db, batch_id):
            return found
        found.append(time.perf_counter() - began)


def _bare_inserts(fleet: BulkFleet, size: int) -> list[float]:
    raw: Any = sqlite_file.sqlite_module().connect(str(fleet.path.with_name("raw.db")), isolation_level=None)
    try:
        for pragma in _PRAGMAS:
            raw.execute(f"PRAGMA {pragma}").close()
        raw.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, a, b, c)")
        found: list[float] = []
        for first in range(0, size, batch_starting.CHUNK):
            rows = [
                (number, "queued", "check", "{}") for number in range(first, min(size, first + batch_starting.CHUNK))
            ]
            began = time.perf_counter()
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany("INSERT INTO run (id, a, b, c) VALUES (?, ?, ?, ?)", rows)
            raw.execute("COMMIT")
            found.append(time.perf_counter() - began)
        return found
    finally:
        raw.close()
