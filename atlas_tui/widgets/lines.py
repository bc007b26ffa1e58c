"""The base of every widget here: a widget is some lines, and painting again writes only the lines that differ.

Promise: painting the same lines twice writes nothing to the terminal; a changed line writes that line and no other; every line is
exactly as wide as the widget; a line on the wire changes style without repeating what did not change.

Must not know: what the lines mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from atlas_tui.cells import Line, Part, fit_line

_ATTRIBUTES = (
    ("bold", "1"),
    ("dim", "2"),
    ("italic", "3"),
    ("underline", "4"),
    ("blink", "5"),
    ("reverse", "7"),
    ("strike", "9"),
)


class WireStrip(Strip):
    """A strip that writes style changes, not whole styles.

    Textual writes every segment as full style, text, reset: some 43 bytes around each of a row's badges in true colour. Here a
    segment writes only the attributes and colours that differ from the segment before it, and the strip resets once at its end.
    """

    def render(self, console: Console) -> str:
        """The strip as terminal sequences.

        Args:
            console: Its colour system decides how colours are written.
        """
        if self._render_cache is None:
            self._render_cache = _encode(self._segments, console._color_system or ColorSystem.TRUECOLOR)
        return self._render_cache


def _encode(segments: Sequence[Segment], system: ColorSystem) -> str:
    """Segments as text and the shortest style changes between them."""
    written: list[str] = []
    before: dict[str, str] = {}
    for text, style, control in segments:
        if control or not text:
            continue
        now = _codes(style, system)
        # An attribute can only be taken back by name in ways terminals disagree on (22 ends bold and dim): start over instead.
        if any(name not in now for name in before):
            change = ["0", *now.values()]
        else:
            change = [code for name, code in now.items() if before.get(name) != code]
        if change:
            written.append(f"\x1b[{';'.join(change)}m")
        written.append(text)
        before = now
    if before:
        written.append("\x1b[0m")
    return "".join(written)


def _codes(style: Style | None, system: ColorSystem) -> dict[str, str]:
    """What a style sets: attribute or colour plane → its SGR parameters (ECMA-48, 8.3.117)."""
    if style is None:
        return {}
    codes = {name: code for name, code in _ATTRIBUTES if getattr(style, name)}
    if style.color is not None:
        codes["text"] = ";".join(style.color.downgrade(system).get_ansi_codes())
    if style.bgcolor is not None:
        codes["ground"] = ";".join(style.bgcolor.downgrade(system).get_ansi_codes(foreground=False))
    return codes


class PaintedLines(Widget):
    """A widget made of lines. Subclasses say what is on them (`compose_lines`) and call `repaint` when that may have changed."""

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "cell--ok",
        "cell--warn",
        "cell--bad",
        "cell--info",
        "cell--muted",
        "cell--title",
        "cell--strong",
        "cell--stale",
        "cell--cursor",
    }

    DEFAULT_CSS = """
    PaintedLines {
        width: 1fr; height: 1;
        color: $foreground; background: $background;
        & > .cell--ok { color: $success; }
        & > .cell--warn { color: $warning; }
        & > .cell--bad { color: $error; }
        & > .cell--info { color: $accent; }
        & > .cell--muted { color: $secondary; }
        & > .cell--title { color: $primary; text-style: bold; }
        & > .cell--strong { color: $foreground; text-style: bold; }
        & > .cell--stale { color: $secondary; }
        & > .cell--cursor { color: $foreground; text-style: reverse; }
    }
    """

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._painted: list[Line] = []
        self._strips: dict[int, WireStrip] = {}
        self._styles_by_name: dict[str, Style] = {}

    def compose_lines(self, width: int, height: int) -> Sequence[Line]:
        """What is on the lines now, top to bottom.

        Args:
            width: Cells of the widget. Lines of another width are cut or filled.
            height: Lines of the widget. Missing ones are blank, more are not shown.
        """
        raise NotImplementedError

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is on the screen, as far as this widget goes."""
        return tuple(self._painted)

    def repaint(self) -> int:
        """Compare what should be there with what is, and ask for the lines that differ.

        Returns:
            How many lines differ.
        """
        width, height = self.size
        if not self.is_mounted or width <= 0 or height <= 0:
            return 0
        wanted = list(self.compose_lines(width, height))[:height]
        wanted.extend([()] * (height - len(wanted)))
        wanted = [fit_line(line, width) if line or width else line for line in wanted]
        before = self._painted
        changed = [y for y, line in enumerate(wanted) if y >= len(before) or before[y] != line]
        self._painted = wanted
        for y in changed:
            self._strips.pop(y, None)
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))
        return len(changed)

    def forget_paint(self) -> None:
        """Paint every line anew the next time, whatever is on it (another size, other colours)."""
        self._painted = []
        self._strips.clear()
        self._styles_by_name.clear()

    def style_named(self, name: str) -> Style:
        """The Rich style a cell's style name stands for in this theme.

        Raises:
            KeyError: There is no such name.
        """
        if name not in self._styles_by_name:
            self._styles_by_name[name] = self.get_component_rich_style(f"cell--{name}") if name else self.rich_style
        return self._styles_by_name[name]

    def render_line(self, y: int) -> Strip:
        """One line of content (the way Textual asks for it when the widget has padding or a border)."""
        if (strip := self._strips.get(y)) is None:
            line: Line = self._painted[y] if y < len(self._painted) else (Part(" " * self.size.width),)
            strip = WireStrip([Segment(part.text, self.style_named(part.style)) for part in line], self.size.width)
            self._strips[y] = strip
        return strip

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines within a region, for the compositor.

        Textual's own way through its style cache rebuilds each strip as an ordinary one; a widget without padding and border
        has nothing to gain from it.
        """
        if any(self.gutter):
            return super().render_lines(crop)
        background = self.background_colors[1]
        strips: list[Strip] = []
        for y in crop.line_range:
            strip: Strip = self.render_line(y)
            for line_filter in self.get_line_filters():
                strip = strip.apply_filter(line_filter, background)
            if not isinstance(strip, WireStrip):
                strip = WireStrip(strip, strip.cell_length)
            strips.append(strip if crop.column_span == (0, self.size.width) else strip.crop(*crop.column_span))
        return strips

    def notify_style_update(self) -> None:
        """Textual tells that colours may have changed (theme, focus)."""
        super().notify_style_update()
        self._strips.clear()
        self._styles_by_name.clear()

    def on_resize(self, event: events.Resize) -> None:
        """Another size: everything is laid out anew."""
        self.forget_paint()
        self.repaint()

    def on_mount(self) -> None:
        """The first paint, when the size is already known."""
        self.repaint()
