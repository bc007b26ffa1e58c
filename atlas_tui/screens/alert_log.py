"""The log of alerts: what was told, where, and what did not arrive.

Must not know: how channels and rules look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from atlas_tui.alert_words import what_is_told
from atlas_tui.cells import Line, Part, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_alert_channel, to_connection
from atlas_tui.screens.alert_text import delivery_lines, status_cell
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import alert_deliveries
from storage.alert_deliveries import Delivery
from storage.pages import Page, Place
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session

_COLUMNS: tuple[Column[Delivery], ...] = (
    Column("status", "STATUS", lambda row, now: status_cell(row), 12),
    Column("age", "AGE", lambda row, now: cell(age_bucket(now - row.created_at)), 4, align="right",
           age_of=lambda row: row.created_at),
    Column("tells", "TELLS", lambda row, now: cell(what_is_told(row)), 24, share=3),
    Column("channel", "CHANNEL", lambda row, now: cell(row.channel), 10, share=1, priority=1),
    Column("rule", "RULE", lambda row, now: cell(row.rule or "-"), 8, share=1, priority=2),
    Column("tries", "TRIES", lambda row, now: cell(row.attempt), 5, priority=4, align="right"),
    Column("failure", "FAILURE", lambda row, now: cell(row.failure or "", "bad"), 10, share=1, priority=3),
)  # fmt: skip


class AlertLogScreen(ListScreen[Delivery]):
    """The list."""

    VIEW = View.ALERT_LOG
    PLACES = (Where.LIST, Where.ALERT_LOG)
    TOPICS = frozenset({Topic.ALERTS})
    FILTER_HINT: ClassVar[str] = "word  !word  status:failed  channel:x  rule:x  reason:x  tenant:x  since:1d"
    ORDER: ClassVar[str] = "newest first"
    EXPORTED: ClassVar[str] = "the log of alerts"
    TEXTS = ListTexts(empty="Nothing was told yet.", empty_hint=":alerts shows who is told what.")

    def tab(self) -> View:
        """Health, as the alerts."""
        return View.HEALTH

    def crumb(self) -> str:
        """What this is."""
        return "alert log"

    def columns(self, wide: bool) -> Sequence[Column[Delivery]]:
        """Those that fit."""
        return _COLUMNS

    def key_of(self, row: Delivery) -> int:
        """The alert's number."""
        return row.id

    def link_to(self, row: Delivery) -> Link:
        """The connection it is about; else the channel it went to."""
        return to_alert_channel(row.channel_id) if row.connection_id is None else to_connection(row.connection_id)

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[Delivery]:
        """A page of the log."""
        wanted, _ = asked(request)
        where = session.workspace.workspace_id
        return alert_deliveries.page(session.db, session.who, where, wanted.text, place, request.limit)

    def read_panel(self, session: Session, key: int) -> Delivery:
        """The alert."""
        return alert_deliveries.get(session.db, session.who, key)

    def panel_lines(self, read: Delivery) -> Composer:
        """Everything about it."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" Alert #{read.id}", "title"),), blank()]
            return [*head, *delivery_lines(read, self.times, width)]

        return lines
