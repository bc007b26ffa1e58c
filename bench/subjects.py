"""Small programs that are measured in a terminal: a bare Textual app, the list engine by itself, and Textual's own table.

`python -m bench.subjects bare|list|datatable …`. The list engine gets the columns of the real list and asks the real storage; Textual's
table gets the same cells. `r` reads the rows on the screen again.
"""

from __future__ import annotations

import argparse
import importlib
import os
from pathlib import Path

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
READY = "Ready."


def bare(options: argparse.Namespace) -> None:
    """One line of text: the least that Textual can show; when asked for, after SQLAlchemy Core was imported and used for nothing."""
    if options.sqlalchemy:
        importlib.import_module("sqlalchemy")

    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Bare(App[None]):
        ENABLE_COMMAND_PALETTE = False

        def compose(self) -> ComposeResult:
            yield Static(READY)

    Bare().run()


def list_engine(options: argparse.Namespace) -> None:
    """`VirtualTable` over `StoredPages`, nothing else on the screen."""
    import gc

    from textual.app import App, ComposeResult

    from atlas_tui import theme
    from atlas_tui.screens.connection_columns import USUAL, WIDE
    from atlas_tui.widgets.stored_pages import StoredPages
    from atlas_tui.widgets.virtual_table import VirtualTable
    from storage import connections, workspaces
    from storage.access import local_principal
    from storage.connections import ConnectionQuery
    from storage.database import open_database

    db = open_database(str(options.database))
    who = local_principal(db)
    query = ConnectionQuery(workspaces.find_workspace(db, who, "bench"))
    source = StoredPages(lambda place, request: connections.page(db, who, query, place, request.limit))

    class ListApp(App[None]):
        ENABLE_COMMAND_PALETTE = False

        def compose(self) -> ComposeResult:
            yield VirtualTable(WIDE if self.size.width >= 120 else USUAL, lambda row: row.id, source)

        def on_mount(self) -> None:
            theme.register(self)
            self.theme = "atlas-dark"
            table = self.query_one(VirtualTable)
            for action in table.ACTIONS:
                for key in action.keys:
                    table._bindings.bind(key, action.id)
            table._bindings.bind("r", "app.read_again")
            table.focus()
            gc.collect()
            gc.freeze()  # as the dashboard does once it is open

        def action_read_again(self) -> None:
            self.query_one(VirtualTable).refresh_page()

    ListApp().run()


def datatable(options: argparse.Namespace) -> None:
    """Textual's DataTable with all rows in it, as it wants them."""
    from datetime import UTC, datetime

    from rich.text import Text
    from textual.app import App, ComposeResult
    from textual.widgets import DataTable

    from atlas_tui.screens.connection_columns import USUAL
    from storage import connections, workspaces
    from storage.access import local_principal
    from storage.connections import ConnectionQuery, ConnectionRow
    from storage.database import open_database
    from storage.pages import Place

    db = open_database(str(options.database))
    who = local_principal(db)
    query = ConnectionQuery(workspaces.find_workspace(db, who, "bench"))
    now = datetime.now(UTC)

    def cells(row: ConnectionRow) -> list[Text]:
        return [Text(column.render(row, now).text) for column in USUAL]

    class DataTableApp(App[None]):
        ENABLE_COMMAND_PALETTE = False

        def compose(self) -> ComposeResult:
            yield DataTable(cursor_type="row")

        def on_mount(self) -> None:
            table = self.query_one(DataTable)
            self.columns = table.add_columns(*(column.title for column in USUAL))
            place = Place.first()
            while True:
                page = connections.page(db, who, query, place, 500)
                for row in page.rows:
                    table.add_row(*cells(row), key=str(row.id))
                if not page.has_after:
                    break
                place = Place.after(page.cursors[-1])
            table.focus()

        def key_r(self) -> None:
            """The rows on the screen again, cell by cell."""
            table = self.query_one(DataTable)
            page = connections.page(db, who, query, Place.first(), 60)
            for row in page.rows:
                for column, cell in zip(self.columns, cells(row), strict=True):
                    if table.get_cell(str(row.id), column) != cell:
                        table.update_cell(str(row.id), column, cell)

    DataTableApp().run()


def main() -> None:
    """Runs the one that was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("subject", choices=["bare", "list", "datatable"])
    parser.add_argument("--database", type=Path, help="what the tables show")
    parser.add_argument("--sqlalchemy", action="store_true", help="bare: import it first")
    options = parser.parse_args()
    {"bare": bare, "list": list_engine, "datatable": datatable}[options.subject](options)


if __name__ == "__main__":
    main()
