"""A bulk start's page: its classes as the gate said them, what became of the runs, how far it is; enter shows what a number counts.

Must not know: how lists look.
"""

from __future__ import annotations

from typing import Final

from atlas_tui.batch_words import Count
from atlas_tui.cells import Line
from atlas_tui.command import Command, Where
from atlas_tui.commands import applying
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View
from atlas_tui.screens.batch_acting import BatchActs
from atlas_tui.screens.batch_text import batch_lines, counts_of
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.paging import PageScreen
from storage import batches
from storage.batches import BatchStatus
from storage.states import Topic

PACE: Final = 1.0
"""Seconds between two readings while the batch goes on: its numbers change several times a second."""


class BatchScreen(BatchActs, PageScreen):
    """The page."""

    VIEW = View.BATCH
    PLACES = (Where.DETAIL, Where.BATCH)
    TOPICS = frozenset({Topic.BATCHES, Topic.RUNS})

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._at = 0
        self._is_due = False

    def tab(self) -> View:
        """Runs."""
        return View.RUNS

    def crumb(self) -> str:
        """The batch's number and operation."""
        return f"batch #{self.subject}" + (f" {self.read.row.label}" if self.read is not None else "")

    def follow(self, link: Link) -> None:
        """Another batch: the cursor begins at its first number."""
        if link.id != self.subject:
            self._at = 0
        super().follow(link)

    def read_subject(self, id: int) -> BatchStatus:
        """How it stands."""
        return batches.status(self.session.db, self.session.who, id)

    def changed(self, topics: frozenset[Topic]) -> None:
        """Read again, but no more than once in `PACE`."""
        if topics & self.TOPICS and not self._is_due:
            self._is_due = True
            self.set_timer(PACE, self._read_again)

    def _read_again(self) -> None:
        self._is_due = False
        self.reload()

    def show_ages(self) -> None:
        """Ages; and when the foretold end has come without the end, another one from the pace since."""
        super().show_ages()
        read: BatchStatus | None = self.read
        if read is not None and read.ends_at is not None and read.ends_at <= self.times.now:
            self.reload()

    def lines(self, width: int) -> list[Line]:
        """The page."""
        return batch_lines(self.read, self.chosen, self.times, width)

    @property
    def batch_id(self) -> int | None:
        """This batch."""
        return self.subject

    @property
    def chosen(self) -> Count | None:
        """The number under the cursor, among those that a list shows."""
        shown = [] if self.read is None else [count for count in counts_of(self.read.row) if count.filter]
        return shown[min(self._at, len(shown) - 1)] if shown else None

    def command_scroll_down(self) -> None:
        """The next number."""
        self._move(1)

    def command_scroll_up(self) -> None:
        """The number before."""
        self._move(-1)

    def _move(self, step: int) -> None:
        if self.read is None:
            return
        shown = [count for count in counts_of(self.read.row) if count.filter]
        self._at = max(0, min(min(self._at, len(shown) - 1) + step, len(shown) - 1))
        self.show_page()
        # The head and the headings are above and between them.
        self.page.scroll_lines(step if self._at + 12 > self.page.size.height or step < 0 else 0)

    def show_page(self) -> None:
        """The page; whether enter does something depends on it."""
        super().show_page()
        if self.is_mounted:
            self.show_hints()

    def offers(self, id: str) -> bool:
        """Enter opens a list, when a number has one."""
        return id != "open" or self.chosen is not None

    def command_open(self) -> None:
        """The runs or connections that the number counts."""
        if (count := self.chosen) is not None:
            view = View.CONNECTIONS if count.in_connections else View.RUNS
            self.atlas.navigation.go(Link(view, filter=count.filter))

    def linked(self) -> Link | None:
        """Its runs."""
        return None if self.subject is None else Link(View.RUNS, filter=f"batch:{self.subject}")

    def command_linked_audit(self) -> None:
        """What the audit trail tells of this batch."""
        if self.subject is not None:
            self.atlas.navigation.go(Link(View.AUDIT, filter=f"target:batch:{self.subject}"))

    def command_copy_id(self) -> None:
        """Copy the batch's number."""
        copy_text(self.atlas, str(self.subject))

    def all_commands(self) -> tuple[Command, ...]:
        """The menu's too."""
        return (*self.commands, *applying(Where.BATCH_ACTION))
