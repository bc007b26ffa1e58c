"""Texts to take away after something was done: read here, copied with a key, closed when the person is done.

Promise: each text is copied whole through the terminal (OSC 52), line breaks and all; what does not fit the screen is counted and scrolls.
A handout never holds a secret.

Must not know: what the texts are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from atlas_tui.cells import Line, Part, cut, plain
from atlas_tui.screens.form_definition import Handout
from atlas_tui.screens.prose import wrapped
from atlas_tui.screens.scrolled import Scrolled
from atlas_tui.widgets.form_field import harmless

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp


class HandoutScreen(ModalScreen[None]):
    """The handout.

    Args:
        handout: What it holds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Close", id="handout.close", show=False),
        Binding("down,j", "scroll(1)", "Down", id="handout.down", show=False),
        Binding("up,k", "scroll(-1)", "Up", id="handout.up", show=False),
        Binding("pagedown", "page(1)", "Page down", id="handout.page_down", show=False),
        Binding("pageup", "page(-1)", "Page up", id="handout.page_up", show=False),
        *(Binding(str(n), f"copy({n})", "Copy", id=f"handout.copy_{n}", show=False) for n in range(1, 10)),
    ]

    DEFAULT_CSS = """
    HandoutScreen { align: center middle; }
    HandoutScreen > Vertical {
        width: 78; max-width: 100%; height: auto; max-height: 100%;
        background: $panel; color: $foreground; border: solid $primary; padding: 0 1;
    }
    HandoutScreen Static { height: 1; background: $panel; }
    HandoutScreen #handout-title { text-style: bold; }
    HandoutScreen Scrolled { background: $panel; }
    """

    def __init__(self, handout: Handout) -> None:
        super().__init__()
        self._handout = handout

    def compose(self) -> ComposeResult:
        """The title, the texts, the keys."""
        last = len(self._handout.texts)
        copies = "" if not last else ("1 copies it  " if last == 1 else f"1-{last} copy  ")
        with Vertical():
            yield Static(cut(plain(self._handout.title), 200), id="handout-title", markup=False)
            yield Scrolled(id="handout-page")
            yield Static(f"{copies}up down scroll  esc close", markup=False)

    def on_mount(self) -> None:
        """As high as it needs to be and the screen allows."""
        page = self.query_one(Scrolled)
        page.styles.height = min(len(self._lines(74)), max(3, self.app.size.height - 4))
        page.show(self._lines)

    def _lines(self, width: int) -> list[Line]:
        lines: list[Line] = []
        for sentence in self._handout.sentences:
            lines += wrapped(sentence, width)
        for number, (label, text) in enumerate(self._handout.texts, 1):
            lines += [(), (Part(f"{number} ", "info"), Part(label, "strong"))]
            for line in harmless(text).splitlines():
                lines += wrapped(line, width, indent=2)
        return lines

    def action_close(self) -> None:
        """Done with it."""
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        """Some lines down or up."""
        self.query_one(Scrolled).scroll_lines(lines)

    def action_page(self, pages: int) -> None:
        """A screen down or up."""
        self.query_one(Scrolled).scroll_pages(pages)

    def action_copy(self, number: int) -> None:
        """Copy a text, whole."""
        if number > len(self._handout.texts):
            return
        label, text = self._handout.texts[number - 1]
        atlas = cast("AtlasApp", self.app)
        atlas.copy_to_clipboard(harmless(text))
        atlas.flash(f"Copied: {label}", "ok")
