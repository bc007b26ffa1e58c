"""Copying to the clipboard of whoever looks, through the terminal (OSC 52).

Promise: what is copied is text without control characters; what is longer than terminals take goes into a private file instead, and its
path is said.

Must not know: what is copied.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, Final

from atlas_tui import keyboard
from atlas_tui.cells import cut, plain

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp

MAX_BYTES: Final = 50_000
"""xterm and tmux take about 75 kB of base64; a little less is safe everywhere."""


def copy_text(app: AtlasApp, text: str) -> None:
    """Copy one short text and say so."""
    safe = plain(text)
    app.copy_to_clipboard(safe)
    app.flash(f"Copied {cut(safe, 50)}", "ok")


def copy_json(app: AtlasApp, value: Any) -> None:
    """Copy a row or a page as JSON; into a file when it is too long.

    Args:
        app: Has the terminal.
        value: A frozen dataclass of storage.
    """
    import msgspec

    document = msgspec.json.format(msgspec.json.encode(value), indent=2)
    if len(document) <= MAX_BYTES:
        app.copy_to_clipboard(document.decode("utf-8"))
        app.flash(f"Copied {len(document):,} bytes of JSON", "ok")
        return
    if keyboard.is_confined():
        app.flash("Too long for the clipboard, and no file can be written over this connection.", "warn")
        return
    handle, path = tempfile.mkstemp(prefix="atlas-", suffix=".json")
    with os.fdopen(handle, "wb") as file:
        file.write(document)
    app.flash(f"Too long for the clipboard: {path}", "ok")
