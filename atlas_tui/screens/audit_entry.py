"""An audit entry's page: who did what to what, before and after, and its place in the hash chain.

Must not know: how lists look.
"""

from __future__ import annotations

from typing import Any

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_connection, to_run
from atlas_tui.screens.audit_text import entry_lines, target_of
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.paging import PageScreen
from storage import audit_trail


class AuditEntryScreen(PageScreen):
    """The page. An entry never changes, so no topic makes it read again."""

    VIEW = View.AUDIT_ENTRY
    PLACES = (Where.DETAIL, Where.AUDIT_ENTRY)

    def tab(self) -> View:
        """Audit."""
        return View.AUDIT

    def crumb(self) -> str:
        """The entry's number."""
        return f"#{self.subject}"

    def offers(self, id: str) -> bool:
        """Enter opens what the entry names, when it names something that is still there."""
        return id != "open" or self._named() is not None

    def read_subject(self, id: int) -> Any:
        """The entry."""
        return audit_trail.get(self.session.db, self.session.who, id)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        head: Line = (Part(f" Entry #{self.read.row.id}", "title"),)
        return [head, *entry_lines(self.read, self.times, width)]

    def linked(self) -> Link | None:
        """What the entry is about."""
        return None if self.read is None else target_of(self.read.row)

    def _named(self) -> Link | None:
        if self.read is None:
            return None
        if self.read.run_id is not None:
            return to_run(self.read.run_id)
        return to_connection(self.read.connection_id) if self.read.connection_id is not None else self.linked()

    def command_open(self) -> None:
        """Open the run the entry names, else what it is about."""
        if (link := self._named()) is not None:
            self.atlas.navigation.go(link)

    def show_page(self) -> None:
        """The page; what enter does depends on it."""
        super().show_page()
        if self.is_mounted:
            self.show_hints()

    def command_copy_id(self) -> None:
        """Copy the entry's hash."""
        if self.read is not None:
            copy_text(self.atlas, self.read.hash)
