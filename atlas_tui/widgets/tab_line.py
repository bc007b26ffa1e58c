"""The numbered tabs, where one is below them, and the place in the list.

Promise: the tab one is on is shown in reverse; with little room the others shrink to their keys. The place in the list is a widget of
its own, because Textual writes a line from its widget's left edge on: a step of the cursor then costs the place, not the whole line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal

from atlas_tui.cells import Line, Part, plain, width_of
from atlas_tui.widgets.lines import PaintedLines


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab.

    Attributes:
        key: The key that opens it, as shown.
        label: Its word.
        count: What waits there, if that is worth a number.
    """

    key: str
    label: str
    count: int | None = None


class _Tabs(PaintedLines):
    def __init__(self) -> None:
        super().__init__()
        self.tabs: tuple[Tab, ...] = ()
        self.current = ""
        self.crumb = ""

    def compose_lines(self, width: int, height: int) -> list[Line]:
        crumb = f" > {plain(self.crumb)}" if self.crumb else ""
        words = [_word(tab) for tab in self.tabs]
        room = width - width_of(crumb)
        # No room for all the words: the ones furthest right shrink to their keys first, the current one never.
        for index in reversed(range(len(words))):
            if sum(width_of(word) + 2 for word in words) <= room:
                break
            if self.tabs[index].key != self.current:
                words[index] = self.tabs[index].key
        parts: list[Part] = []
        for tab, word in zip(self.tabs, words, strict=True):
            parts.append(Part(f" {word} ", "cursor" if tab.key == self.current else ""))
        return [(*parts, Part(crumb, "strong"))]


def _word(tab: Tab) -> str:
    return f"{tab.key} {tab.label}" if tab.count is None else f"{tab.key} {tab.label} {tab.count:,}"


class _Place(PaintedLines):
    DEFAULT_CSS = """
    _Place { width: 9; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.room = 9

    def compose_lines(self, width: int, height: int) -> list[Line]:
        return [(Part(self.text.rjust(width - 1)), Part(" "))]


class TabLine(Horizontal):
    """Tabs, crumb and place."""

    DEFAULT_CSS = """
    TabLine { height: 1; width: 1fr; }
    """

    def __init__(self, tabs: Sequence[Tab] = (), current: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabs, self._place = _Tabs(), _Place()
        self._tabs.tabs, self._tabs.current = tuple(tabs), current

    def compose(self) -> ComposeResult:
        """The two halves."""
        yield self._tabs
        yield self._place

    def show(self, tabs: Sequence[Tab], current: str, crumb: str = "") -> None:
        """Other tabs.

        Args:
            tabs: Left to right.
            current: The key of the one on the screen.
            crumb: What is open inside it; outside text is fine.
        """
        self._tabs.tabs, self._tabs.current, self._tabs.crumb = tuple(tabs), current, crumb
        self._tabs.repaint()

    def show_place(self, position: int | None, total: int | None, is_exact: bool = True) -> None:
        """Where the cursor is: `12/1,204`, `12/~1,204` when the total is an estimate, nothing when neither is known."""
        size = "" if total is None else f"{'' if is_exact else '~'}{total:,}"
        self._place.text = f"{position:,}/{size}" if position is not None and size else size
        needed = len(self._place.text) + 2
        if needed > self._place.room:
            # It only grows: shrinking would lay out both halves anew whenever a list ends.
            self._place.room = needed
            self._place.styles.width = needed
        self._place.repaint()
