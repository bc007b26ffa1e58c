"""A leaflet: a text over the screen that is read, copied from with a key, and closed; the screen behind stays as it was.

Promise: it is as high as its text and no higher than the screen; what does not fit is counted and scrolls. A text is copied whole through
the terminal (OSC 52).

Must not know: what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from atlas_tui.cells import Line, Part, fit_line
from atlas_tui.screens.scrolled import Scrolled
from atlas_tui.widgets.lines import PaintedLines

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp

Answer = TypeVar("Answer")

MOST_COPIED: Final = 9
"""Texts that have a key of their own: 1 to 9."""

_AROUND: Final = 4
"""Cells beside the text: the border and a blank on each side. Lines above and below it: the border, the title, the keys."""


class _Title(PaintedLines):
    """The first line, cut."""

    DEFAULT_CSS = """
    _Title { height: 1; background: $panel; }
    """

    def __init__(self, parts: Line) -> None:
        super().__init__()
        self._parts = parts

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """One line."""
        return [fit_line(self._parts, width)]


class Leaflet(ModalScreen[Answer | None], Generic[Answer]):
    """The leaflet. Answers None when it is closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Close", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("g,home", "end(False)", "Top", show=False),
        Binding("G,end", "end(True)", "Bottom", show=False),
        *(Binding(str(n), f"copy({n})", "Copy", show=False) for n in range(1, MOST_COPIED + 1)),
    ]
    DEFAULT_CSS = """
    Leaflet { align: center middle; }
    Leaflet > Vertical {
        width: 78; max-width: 100%; height: auto; max-height: 100%;
        background: $panel; color: $foreground; border: solid $primary; padding: 0 1;
    }
    Leaflet Static { height: 1; background: $panel; }
    Leaflet Scrolled { background: $panel; }
    """

    # What a leaflet says

    def title_parts(self) -> Line:
        """The first line."""
        raise NotImplementedError

    def lines(self, width: int) -> list[Line]:
        """The text, in lines of a width."""
        raise NotImplementedError

    def copied(self) -> Sequence[tuple[str, str]]:
        """What keys copy, the first `MOST_COPIED`: what is said about it then, and the text."""
        return ()

    def more_keys(self) -> str:
        """Further keys, for the last line."""
        return ""

    # What it is made of

    def compose(self) -> ComposeResult:
        """The title, the text, the keys."""
        with Vertical():
            yield _Title(self.title_parts())
            yield Scrolled(id="leaflet")
            yield Static("", id="leaflet-keys", markup=False)

    def on_mount(self) -> None:
        """As high as it needs to be and the screen allows; the keys that scroll are told of only where there is something to scroll."""
        width, room = min(78, self.app.size.width) - _AROUND, max(3, self.app.size.height - _AROUND)
        page, height = self.query_one(Scrolled), len(self.lines(width))
        page.styles.height = min(height, room)
        page.show(self.lines)
        last = min(len(self.copied()), MOST_COPIED)
        copies = "" if not last else "1 copies it" if last == 1 else f"1-{last} copy"
        keys = ("up down scroll" if height > room else "", copies, self.more_keys(), "Esc close")
        self.query_one("#leaflet-keys", Static).update("  ".join(key for key in keys if key))

    def action_close(self) -> None:
        """Back to where it was asked for."""
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        """Some lines down or up."""
        self.query_one(Scrolled).scroll_lines(lines)

    def action_page(self, pages: int) -> None:
        """A screen down or up."""
        self.query_one(Scrolled).scroll_pages(pages)

    def action_end(self, last: bool) -> None:
        """To the last line, or to the first."""
        self.query_one(Scrolled).show_end(last)

    def action_copy(self, number: int) -> None:
        """Copy a text, whole."""
        texts = self.copied()
        if number <= len(texts):
            said, text = texts[number - 1]
            atlas = cast("AtlasApp", self.app)
            atlas.copy_to_clipboard(text)
            atlas.flash(f"Copied: {said}", "ok")


def numbered(number: int) -> Part:
    """The number in front of a text that a key copies; nothing where there is no such key."""
    return Part(f"{number} " if number <= MOST_COPIED else "  ", "info")
