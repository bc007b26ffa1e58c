"""The list of bulk starts, newest first.

Must not know: how a batch's own page looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from atlas_tui.badges import badge
from atlas_tui.batch_words import state
from atlas_tui.cells import Cell, age_bucket, cell
from atlas_tui.command import Command, Where
from atlas_tui.commands import applying
from atlas_tui.links import Link, View, to_batch
from atlas_tui.screens.batch_acting import BatchActs
from atlas_tui.screens.batch_text import batch_lines
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import batches
from storage.batches import BatchRow, BatchStatus
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place

_STATE_WIDTH: Final = 21


def _percent(row: BatchRow, now: datetime) -> Cell:
    return cell(f"{row.tally.settled * 100 // max(1, row.member_count)} %")


_COLUMNS: Final[tuple[Column[BatchRow], ...]] = (
    Column("id", "BATCH", lambda row, now: cell(f"#{row.id}"), 7),
    Column("type", "OPERATION", lambda row, now: cell(row.label), 19),
    Column("connections", "CONNS", lambda row, now: cell(f"{row.member_count:,}"), 7, align="right"),
    Column("state", "STATE", lambda row, now: badge(*state(row), width=_STATE_WIDTH), _STATE_WIDTH),
    Column("done", "DONE", _percent, 5, priority=1, align="right"),
    Column("failed", "FAILED", lambda row, now: cell(f"{row.tally.failed:,}"), 7, priority=2, align="right"),
    Column(
        "age", "AGE", lambda row, now: cell(age_bucket(now - row.created_at)), 4, priority=1, align="right",
        age_of=lambda row: row.created_at,
    ),
)  # fmt: skip
_WIDE: Final[tuple[Column[BatchRow], ...]] = (
    *_COLUMNS,
    Column("initiator", "BY", lambda row, now: cell(row.initiator), 10, priority=3),
    Column("ticket", "TICKET", lambda row, now: cell(row.ticket or ""), 8, priority=5),
    Column("filter", "FILTER", lambda row, now: cell(row.filter_text), 12, share=1, priority=4),
)


class BatchesScreen(BatchActs, ListScreen[BatchRow]):
    """The list."""

    VIEW = View.BATCHES
    PLACES = (Where.LIST, Where.BATCHES)
    TOPICS = frozenset({Topic.BATCHES})
    FILTER_HINT: ClassVar[str] = "word  #17  state:open  type:inventory  by:dana  since:7d"
    ORDER: ClassVar[str] = "newest first"
    TEXTS = ListTexts(
        empty="Nothing was started in bulk yet.", empty_hint="Mark connections (space, v, A), then x and an operation."
    )

    def tab(self) -> View:
        """Runs."""
        return View.RUNS

    def crumb(self) -> str:
        """What it is."""
        return "bulk starts"

    def columns(self, wide: bool) -> Sequence[Column[BatchRow]]:
        """Few, or as many as fit."""
        return _WIDE if wide else _COLUMNS

    def key_of(self, row: BatchRow) -> int:
        """The batch's number."""
        return row.id

    def link_to(self, row: BatchRow) -> Link:
        """Its page."""
        return to_batch(row.id)

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[BatchRow]:
        """A page of batches."""
        wanted, _ = asked(request)
        workspace_id = session.workspace.workspace_id
        return batches.page(session.db, session.who, workspace_id, wanted.text, place, request.limit)

    def read_panel(self, session: Session, key: int) -> BatchStatus:
        """What its page shows."""
        return batches.status(session.db, session.who, key)

    def panel_lines(self, read: BatchStatus) -> Composer:
        """The whole page, without a cursor."""
        return lambda width: batch_lines(read, None, self.times, width)

    @property
    def batch_id(self) -> int | None:
        """The batch under the cursor."""
        row = self.table.cursor_row
        return None if row is None else row.id

    def all_commands(self) -> tuple[Command, ...]:
        """The menu's too."""
        return (*self.commands, *applying(Where.BATCH_ACTION))
