"""Taking what a list shows into a file: `E`, on every list.

Promise: the file holds everything that the list's filter finds, read a page at a time in a worker thread; it goes into the one directory
of exports and its path is said; nothing is written for a session that an SSH key was forced into.

Must not know: which list it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.exporting import Format, csv_lines, exports_directory, json_lines, write_export
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.widgets.menu import Menu, MenuItem
from atlas_tui.widgets.pages import Direction, PageRequest

if TYPE_CHECKING:
    from datetime import datetime

    from atlas_tui.session import Session
    from atlas_tui.widgets.virtual_table import VirtualTable
    from storage.pages import Page, Place

PAGE_ROWS = 500


class Exports(AtlasScreen):
    """A list whose rows can be taken away."""

    CSV_COLUMNS: ClassVar[tuple[str, ...]] = ()
    """The columns of a CSV file; the row's own fields when empty."""

    EXPORTED: ClassVar[str] = "what this list finds"

    table: VirtualTable[Any]

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[Any]:
        """One page of the list, in a worker thread."""
        raise NotImplementedError

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """Everything the list finds, as records; in a worker thread.

        Args:
            session: Who asks.
            request: The list's filter and order.
            format: What it becomes.
        """
        from storage.pages import Place

        place = Place.first()
        while True:
            page = self.read_page(session, request, place)
            for row in page.rows:
                yield {field.name: getattr(row, field.name) for field in fields(row)}
            if not page.has_after or not page.cursors:
                return
            place = Place.after(page.cursors[-1])

    def export_request(self) -> PageRequest:
        """What is taken away: the list's filter and order."""
        return PageRequest(Direction.FIRST, PAGE_ROWS, sort=self.table.sort, filter=self.table.filter)

    def command_export(self) -> None:
        """Ask for the format, and write the file."""
        title = f"Export {self.EXPORTED} to a file of yours"
        items = (
            MenuItem(Format.CSV.value, "c", "CSV, for spreadsheets"),
            MenuItem(Format.JSONL.value, "j", "JSON, one object a line"),
        )
        self.app.push_screen(Menu(title, items), self._export_as)

    def _export_as(self, chosen: str | None) -> None:
        if chosen is None:
            return
        session, format, now = self.session, Format(chosen), self.atlas.clock()
        request = self.export_request()
        self.atlas.flash("exporting...")
        self.ask(
            "export",
            lambda: self._write(session, request, format, now),
            lambda path: self.atlas.flash(f"Written: {path}", "ok"),
            self.tell_error,
            keep_all=True,
        )

    def _write(self, session: Session, request: PageRequest, format: Format, now: datetime) -> Path:
        directory = exports_directory(session.state_directory, session.who.via)
        records = self.records(session, request, format)
        if format is Format.JSONL:
            return write_export(directory, self.VIEW.value, format, json_lines(records), now)
        first = next(records, None)
        columns = self.CSV_COLUMNS or tuple(first or ())

        def all_records() -> Iterator[Mapping[str, Any]]:
            if first is not None:
                yield first
            yield from records

        return write_export(directory, self.VIEW.value, format, csv_lines(all_records(), columns), now)
