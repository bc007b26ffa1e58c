"""How many runs a second the start gate lets in, by one process and by four at once."""

from __future__ import annotations

import multiprocessing
import time
from typing import Any, Final

from sqlalchemy import select

from bench.figures import Figure, Section, counted, timed
from bench.fleets import BulkFleet, Fleets, make_fleet
from storage import sqlite_file, starting
from storage.access import local_principal
from storage.database import chunks, open_database
from storage.operations import CONNECTION_CHECK
from storage.schema import provider_connections
from storage.starting import Started

NAME = "start-gate"
_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON")
_COLUMNS: Final = ("a", "b", "c", "d", "e", "f")


def run(fleets: Fleets, *, quick: bool) -> Section:
    """Measures it."""
    block, blocks, processes = (10, 2, 2) if quick else (200, 8, 4)
    starts = block * blocks
    fleet = make_fleet(fleets.new_directory(), starts * 3)
    try:
        ids = _enabled(fleet)
        gate, raw = _one_process(fleet, ids[: starts + 1], block)
        rates, waits = _at_once(processes, fleet, ids[starts + 1 : 2 * starts + 1])
    finally:
        fleet.db.close()
    gate_seconds, raw_seconds = (
        [second for part in gate for second in part],
        [second for part in raw for second in part],
    )
    return Section(
        NAME,
        "The start gate",
        f"`storage.starting.start` on one connection after another (SQLite, WAL, `synchronous=FULL`), {block} starts, then {block} raw"
        " inserts of one row with the same settings in a file beside it, turn by turn; then the same by"
        f" {processes} processes at once, each with connections of its own.",
        (
            _rate("starts by one process", gate, raw),
            timed(
                "one start",
                gate_seconds,
                "Authority, gate, run row, audit chain and change feed in one durable transaction.",
                reference=raw_seconds,
                against="raw INSERT transaction, synchronous=FULL",
            ),
            timed("one raw insert", raw_seconds, "What the disk and SQLite ask for one durable transaction."),
            counted(
                f"starts by {processes} processes together",
                rates,
                "All of them share one write lock: this is what a bulk start beside schedules gets.",
                unit="per second",
            ),
            timed(
                f"one start, {processes} processes at once",
                waits,
                "What each of them waits; the largest are those who met the lock and slept.",
                reference=gate_seconds,
                against="alone",
            ),
        ),
        (
            f"File system: {sqlite_file.file_system(fleet.path) or 'unknown'}.",
            "A raw durable insert far below a millisecond means that the"
            " disk acknowledges before it has written, as virtual ones do; on a disk that does not, its flush is added to both.",
            "SQLite's waiters sleep and ask again instead of queueing, so under four processes that never pause a few starts wait long.",
        ),
    )


def _rate(name: str, parts: list[list[float]], raw: list[list[float]]) -> Figure:
    figure = counted(
        name,
        [len(part) / sum(part) for part in parts],
        "Runs that can be begun in a second when nobody else writes.",
        unit="per second",
    )
    return figure.compared([len(part) / sum(part) for part in raw], "raw INSERT transactions")


def _enabled(fleet: BulkFleet) -> list[int]:
    with fleet.db.read() as tx:
        return list(tx.run(select(provider_connections.c.id).where(provider_connections.c.is_enabled)).scalars())


def _one_process(fleet: BulkFleet, ids: list[int], block: int) -> tuple[list[list[float]], list[list[float]]]:
    raw = sqlite_file.sqlite_module().connect(str(fleet.path.with_name("raw.db")), isolation_level=None)
    try:
        for pragma in _PRAGMAS:
            raw.execute(f"PRAGMA {pragma}").close()
        raw.execute(f"CREATE TABLE run (id INTEGER PRIMARY KEY, {', '.join(_COLUMNS)})")
        gates: list[list[float]] = []
        inserts: list[list[float]] = []
        _start(fleet, ids[0])  # the first one compiles the statements
        for part in chunks(ids[1:], block):
            gates.append([_start(fleet, connection_id) for connection_id in part])
            inserts.append([_insert(raw) for _ in part])
        return gates, inserts
    finally:
        raw.close()


def _start(fleet: BulkFleet, connection_id: int) -> float:
    began = time.perf_counter()
    result = starting.start(fleet.db, fleet.who, connection_id, CONNECTION_CHECK)
    took = time.perf_counter() - began
    return _checked(result, took)


def _checked(result: object, took: float) -> float:
    """A start that was refused is not a start.

    Raises:
        RuntimeError: it was refused.
    """
    if not isinstance(result, Started):
        raise RuntimeError(f"a start was refused: {result}")
    return took


def _insert(raw: Any) -> float:
    began = time.perf_counter()
    raw.execute("BEGIN IMMEDIATE")
    raw.execute(f"INSERT INTO run ({', '.join(_COLUMNS)}) VALUES (1, 'queued', 'check', 'someone', 'x', '{{}}')")
    raw.execute("COMMIT")
    return time.perf_counter() - began


def _at_once(processes: int, fleet: BulkFleet, ids: list[int]) -> tuple[list[float], list[float]]:
    """Returns the rate of all together, and every wait.

    Raises:
        EOFError: one of the processes died.
    """
    spawn = multiprocessing.get_context("spawn")
    lines = []
    children = []
    for number in range(processes):
        here, there = spawn.Pipe()
        child = spawn.Process(target=_press, args=(str(fleet.path), ids[number::processes], there), daemon=True)
        child.start()
        there.close()
        lines.append(here)
        children.append(child)
    for line in lines:
        line.recv()
    began = time.perf_counter()
    for line in lines:
        line.send("go")
    waits = [wait for line in lines for wait in line.recv()]
    took = time.perf_counter() - began
    for child in children:
        child.join(30)
    return [len(waits) / took], waits


def _press(path: str, ids: list[int], line: Any) -> None:
    """One of several processes that start runs at the same time."""
    db = open_database(path)
    who = local_principal(db)
    line.send("ready")
    line.recv()
    waits = []
    for connection_id in ids:
        began = time.perf_counter()
        result = starting.start(db, who, connection_id, CONNECTION_CHECK)
        waits.append(_checked(result, time.perf_counter() - began))
    line.send(waits)
    db.close()
