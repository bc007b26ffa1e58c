"""The list at a thousand and at a million connections: what a key, a change and a minute of nothing cost a terminal."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from sqlalchemy import update

from bench.figures import Aim, Figure, Section, counted, timed
from bench.fleets import BulkFleet, Fleets
from bench.terminal import PROBLEMS, Terminal, dashboard, this_python
from storage import connections
from storage.connections import ConnectionQuery
from storage.database import Transaction
from storage.pages import Place
from storage.schema import provider_connections
from storage.states import Topic

NAME = "lists"
DOWN, UP, PAGE_DOWN = b"\x1b[B", b"\x1b[A", b"\x1b[6~"
STEPS_ONE_WAY: Final = 10
"""So many steps down, then up: the view never scrolls, on any screen."""

_STATES: Final = {
    "healthy": None,
    "degraded": "provider_permission_missing",
    "blocked": "secret_expired",
    "error": "internal_error",
    "pending": None,
}
"""States and their reasons; an odd number of them: programs that share a database and take turns each find another state."""

Answer = tuple[float, float, int]
"""Seconds to the first byte, seconds to the last one, bytes."""


class Subject:
    """One program in a terminal, and what was measured of it."""

    def __init__(self, kind: str, fleet: BulkFleet, size: tuple[int, int]) -> None:
        self.kind, self.fleet, self.size = kind, fleet, size
        command = (
            dashboard(fleet.config)
            if kind == "dashboard"
            else this_python("-m", "bench.subjects", kind, "--database", str(fleet.path))
        )
        self.terminal = Terminal(command, size)
        self.answers: dict[str, list[Answer]] = {}
        self.idle = 0

    def press(self, what: str, key: bytes, *, keep: bool) -> None:
        """Types a key and keeps what it caused."""
        answer = self.terminal.answer_to(lambda: self.terminal.send(key))
        if keep:
            self.answers.setdefault(what, []).append(answer)

    def change(self, row: ChangingRow, *, keep: bool) -> None:
        """Changes a visible row in the database; the dashboard hears of it, the others are told to read again."""

        def act() -> None:
            row.change()
            if self.kind != "dashboard":
                self.terminal.send(b"r")

        answer = self.terminal.answer_to(act, quiet=0.4)
        if keep:
            self.answers.setdefault("change", []).append(answer)


def run(fleets: Fleets, *, quick: bool) -> Section:
    """Measures it."""
    large = 3_000 if quick else 1_000_000
    figures: list[Figure] = []
    for size in ((80, 24),) if quick else ((80, 24), (160, 48)):
        with _subjects(fleets, size, large, quick=quick) as subjects:
            _measure(subjects, quick=quick, idle=0.5 if quick else 60.0)
            figures += _figures(subjects, large, idle=0.5 if quick else 60.0)
    return Section(
        NAME,
        "The list: keys, changes, and a minute of nothing",
        "Whole processes in pseudo-terminals (true colour), all open at once and typed into turn by turn; time and bytes are those of what"
        " the terminal gets. `list` is `VirtualTable` over `StoredPages` over `storage.connections.page` by itself, `dashboard` is"
        " `atlas-tui --no-worker`, `DataTable` is Textual's own table with every row in it and the same cells.",
        tuple(figures),
        (
            "A step is to a row on the screen. `first byte` is when the cursor has moved; `all` is when the position, the panel and the"
            " hints have followed.",
            "The dashboard's changed row includes the wait for its change feed, which asks every 0.3 s.",
            "No age on these screens changes its bucket within a minute, so nothing is due to be painted.",
        ),
    )


@contextmanager
def _subjects(fleets: Fleets, size: tuple[int, int], large: int, *, quick: bool) -> Iterator[list[Subject]]:
    wanted = (("list", large), ("dashboard", 1_000), ("dashboard", large), ("datatable", 1_000 if quick else 10_000))
    with ExitStack() as stack:
        subjects = []
        for kind, count in wanted:
            subject = Subject(kind, fleets.of(count), size)
            stack.enter_context(subject.terminal)
            if kind == "dashboard":
                subject.terminal.until(lambda lines: any(PROBLEMS in line for line in lines))
                subject.terminal.send(b"2")
            subject.terminal.until(lambda lines: any("+ enabled" in line for line in lines))
            subjects.append(subject)
        for subject in subjects:
            subject.terminal.settle(1.0)
        yield subjects


def _measure(subjects: list[Subject], *, quick: bool, idle: float) -> None:
    steps, pages, warm_up = (3, 1, 0) if quick else (200, 10, 2)
    for number in range(-warm_up * STEPS_ONE_WAY, steps):
        key = DOWN if number % (2 * STEPS_ONE_WAY) < STEPS_ONE_WAY else UP
        for subject in subjects:
            subject.press("step", key, keep=number >= 0)
    rows = {subject.fleet.count: ChangingRow(subject.fleet, 5) for subject in subjects}
    for number in range(-warm_up, pages):
        for subject in subjects:
            subject.change(rows[subject.fleet.count], keep=number >= 0)
            # Others on the same database have heard of it, too.
            for other in subjects:
                if other is not subject and other.fleet is subject.fleet:
                    other.terminal.settle(0.4 if other.kind == "dashboard" else 0.0)
    for row in rows.values():
        row.put_back()
    for number in range(-1, pages):
        for subject in subjects:
            subject.press("page", PAGE_DOWN, keep=number >= 0)
    for subject in subjects:
        subject.terminal.settle(1.0)
    before = [subject.terminal.bytes_read for subject in subjects]
    time.sleep(idle)
    for subject, earlier in zip(subjects, before, strict=True):
        subject.terminal.settle(0.0)
        subject.idle = subject.terminal.bytes_read - earlier


class ChangingRow:
    """A row that is given another state each time, in a transaction like any other; put back at the end."""

    def __init__(self, fleet: BulkFleet, index: int) -> None:
        found = connections.page(fleet.db, fleet.who, ConnectionQuery(fleet.workspace_id), Place.first(), index + 1)
        self._fleet, self._row = fleet, found.rows[index]
        names = list(_STATES)
        now = self._row.verification_status.value
        # Begin behind what it has, so that the first change is one, too.
        begin = names.index(now) + 1 if now in names else 0
        self._states = itertools.cycle(names[begin:] + names[:begin])

    def change(self) -> None:
        """Gives it the next state."""
        state = next(self._states)
        self._write(state, _STATES[state])

    def put_back(self) -> None:
        """Gives it what it had."""
        self._write(self._row.verification_status.value, self._row.reason_code)

    def _write(self, state: str, code: str | None) -> None:
        def work(tx: Transaction) -> None:
            tx.run(
                update(provider_connections)
                .where(provider_connections.c.id == self._row.id)
                .values(verification_status=state, last_reason_code=code)
            )
            tx.touch(Topic.CONNECTIONS)

        self._fleet.db.write(work)


_STEP_BYTES: Final = {(80, 24): 512}
"""The sizes that have aims, and the most bytes there."""


def _figures(subjects: list[Subject], large: int, *, idle: float) -> list[Figure]:
    by_name = {(subject.kind, subject.fleet.count): subject for subject in subjects}
    rival = next(subject for subject in subjects if subject.kind == "datatable")
    figures: list[Figure] = []
    for kind in ("list", "dashboard"):
        one, small = by_name[kind, large], by_name["dashboard", 1_000]
        place = f"{kind}, {large:,} rows, {one.size[0]}x{one.size[1]}"
        compare = _against(one, rival, small)
        figures += [
            compare(
                "step",
                0,
                f"{place}: cursor step, first byte",
                "From the key to the moved cursor.",
                Aim("p99", 16.0) if one.size in _STEP_BYTES else None,
            ),
            compare("step", 1, f"{place}: cursor step, all", "From the key until everything has followed it."),
            compare("page", 1, f"{place}: page down, all", "From the key to the next screenful, read-ahead included."),
            compare("change", 1, f"{place}: one changed row", "From the change to its line on the screen."),
        ]
        most = _STEP_BYTES.get(one.size)
        for what, name, meaning, aim in (
            ("step", "cursor step", "What a slow link has to carry for a step.", most),
            ("page", "page down", "A new screenful.", None),
            ("change", "one changed row", "The changed line, and the words for how fresh the screen is.", most),
        ):
            figures.append(_bytes(one, rival, what, f"{place}: {name}, bytes", meaning, aim))
        figures.append(
            counted(
                f"{place}: idle for {idle:.0f} s, bytes",
                [float(one.idle)],
                "Nothing changes, nothing is written.",
                aim=Aim("high", 0.0),
            )
        )
    return figures


def _against(one: Subject, rival: Subject, small: Subject) -> Callable[..., Figure]:
    """The list by itself is held against Textual's table; the dashboard, which has more to do, against itself with few rows."""
    other = rival if one.kind == "list" else small
    label = f"{'DataTable' if other is rival else other.kind}, {other.fleet.count:,} rows"

    def compare(what: str, which: int, name: str, meaning: str, aim: Aim | None = None) -> Figure:
        seconds = [float(answer[which]) for answer in one.answers[what]]
        reference = [float(answer[which]) for answer in other.answers[what]]
        return timed(name, seconds, meaning, reference=reference, against=label, aim=aim)

    return compare


def _bytes(one: Subject, rival: Subject, what: str, name: str, meaning: str, most: int | None) -> Figure:
    sizes = [float(answer[2]) for answer in one.answers[what]]
    figure = counted(name, sizes, meaning, aim=None if most is None else Aim("high", float(most)))
    return figure.compared(
        [float(answer[2]) for answer in rival.answers[what]], f"DataTable, {rival.fleet.count:,} rows"
    )
