"""The audit trail, newest first: who did what, to what, and whether it was refused.

Must not know: how an entry's own page looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.audit_records import CSV_COLUMNS, record_of
from atlas_tui.cells import Cell, Line, Part, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_audit_entry
from atlas_tui.screens.audit_text import OUTCOME_WIDTH, entry_lines, outcome_badge, target_of
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import audit_export, audit_trail
from storage.audit_filters import AuditQuery
from storage.audit_trail import AuditDetail, AuditEntry
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place


def _what(row: AuditEntry, now: datetime) -> Cell:
    return cell(row.sentence, "bad" if row.is_refused else "")


class AuditScreen(ListScreen[AuditEntry]):
    """The list."""

    VIEW = View.AUDIT
    PLACES = (Where.LIST, Where.AUDIT)
    TOPICS = frozenset({Topic.AUDIT})
    FILTER_HINT: ClassVar[str] = "word  action:consent.*  actor:dana  outcome:refused  tenant:x  run:12  since:7d"
    ORDER: ClassVar[str] = "newest first"
    TEXTS = ListTexts(empty="Nothing was done yet.", empty_hint="Whatever anybody changes here is told in this list.")
    CSV_COLUMNS = CSV_COLUMNS

    def columns(self, wide: bool) -> Sequence[Column[AuditEntry]]:
        """Few, or as many as fit."""
        usual: tuple[Column[AuditEntry], ...] = (
            Column("time", "TIME", self._time, 9, align="right"),
            Column("actor", "ACTOR", lambda row, now: cell(row.actor), 10, priority=2),
            Column("what", "WHAT", _what, 20, share=4),
            Column("target", "TARGET", lambda row, now: cell(row.target_name), 14, share=2, priority=1),
            Column("outcome", "OUTCOME", lambda row, now: outcome_badge(row), OUTCOME_WIDTH, priority=3),
            Column("ticket", "TICKET", lambda row, now: cell(row.ticket or ""), 8, priority=4),
        )
        if not wide:
            return usual
        return (
            *usual,
            Column(
                "age",
                "AGE",
                lambda row, now: cell(age_bucket(now - row.at)),
                5,
                priority=5,
                align="right",
                age_of=lambda row: row.at,
            ),
            Column("tenant", "TENANT", lambda row, now: cell(row.tenant_name or ""), 12, share=1, priority=6),
            Column("action", "ACTION", lambda row, now: cell(row.action), 20, priority=7),
            Column("id", "ENTRY", lambda row, now: cell(f"#{row.id}"), 8, priority=8, align="right"),
        )

    def _time(self, row: AuditEntry, now: datetime) -> Cell:
        """Today's entries by their time of day, others by their day."""
        zone = self.times.zone
        at = row.at.astimezone(zone)
        if at.date() == now.astimezone(zone).date():
            return cell(self.times.of_day(row.at))
        return cell(f"{at:%b %d}" if at.year == now.astimezone(zone).year else f"{at:%Y-%m}", "muted")

    def key_of(self, row: AuditEntry) -> int:
        """The entry's number."""
        return row.id

    def link_to(self, row: AuditEntry) -> Link:
        """Its page."""
        return to_audit_entry(row.id)

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[AuditEntry]:
        """A page of entries."""
        return audit_trail.page(session.db, session.who, self._query(session, request), place, request.limit)

    @staticmethod
    def _query(session: Session, request: PageRequest) -> AuditQuery:
        wanted, tenant_id = asked(request)
        return AuditQuery(session.workspace.workspace_id, wanted.text, tenant_id)

    def read_panel(self, session: Session, key: int) -> AuditDetail:
        """What its page shows."""
        return audit_trail.get(session.db, session.who, key)

    def panel_lines(self, read: AuditDetail) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" Entry #{read.row.id}", "title"),), blank()]
            return [*head, *entry_lines(read, self.times, width)]

        return lines

    def linked(self) -> Link | None:
        """What the entry is about."""
        row = self.table.cursor_row
        return None if row is None else target_of(row)

    def command_pin(self) -> None:
        """Only this entry's tenant in all views, or all again."""
        row = self.table.cursor_row
        if self.atlas.navigation.pin is None and (row is None or row.tenant_id is None):
            self.atlas.flash("This entry is about no tenant.")
        else:
            super().command_pin()

    def tenant_of(self, row: AuditEntry) -> tuple[int, str]:
        """Its tenant."""
        return row.tenant_id or 0, row.tenant_name or ""

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """The entries with their hashes, oldest first; taking them away is told in the trail."""
        begun = audit_export.begin(session.db, session.who, self._query(session, request), format=format.value)
        return (record_of(found) for found in audit_export.read(session.db, session.who, begun))
