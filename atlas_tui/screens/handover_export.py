"""Taking a handover away: as Markdown for people, or as JSON for programs.

Promise: the file holds what the page shows, goes into the one directory of exports and its path is said; nothing is written for a session
that an SSH key was forced into.

Must not know: how the page looks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from atlas_tui.exporting import exports_directory, write_export
from atlas_tui.handover_words import markdown
from atlas_tui.widgets.menu import Menu, MenuItem

if TYPE_CHECKING:
    from datetime import datetime

    from atlas_tui.screens.frame import AtlasScreen
    from atlas_tui.session import Session
    from storage.handover import Handover


def export(screen: AtlasScreen, found: Handover) -> None:
    """Ask for the format, and write the file."""
    items = (MenuItem("md", "m", "Markdown, for a ticket or a chat"), MenuItem("json", "j", "JSON, for programs"))
    session, now, atlas = screen.session, screen.atlas.clock(), screen.atlas

    def go(ending: str | None) -> None:
        if ending is not None:
            screen.ask(
                "export",
                lambda: _write(session, found, ending, now),
                lambda path: atlas.flash(f"Written: {path}", "ok"),
                screen.tell_error,
                keep_all=True,
            )

    screen.app.push_screen(Menu("Export the handover to a file of yours", items), go)


def _write(session: Session, found: Handover, ending: str, now: datetime) -> Path:
    from atlas_tui.headless.output import json_line

    directory = exports_directory(session.state_directory, session.who.via)
    text = markdown(found) if ending == "md" else json_line(found)
    return write_export(directory, "handover", ending, [text.encode("utf-8")], now)
