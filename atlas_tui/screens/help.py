"""Help and palette: one searchable list of commands, made from the registry.

Promise: what is listed is what the registry has for this screen, with the keys they have now; choosing one does it.

Must not know: how a command is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from atlas_tui.cells import Line, Part, fit
from atlas_tui.command import Command, Where
from atlas_tui.keymap import Keymap, words
from atlas_tui.screens.prose import wrapped
from atlas_tui.widgets.lines import PaintedLines

KEYS_WIDTH = 13
_MOVES = ("scroll_", "list_cursor", "list_page", "list_top", "list_bottom", "palette", "back", "leave", "command_bar")
"""Commands that nobody would look for by name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list.

    Attributes:
        id: What choosing it answers; empty for a heading.
        keys: Its keys, or its word in the command bar.
        text: What it does.
    """

    id: str
    keys: str
    text: str


class _Entries(PaintedLines):
    """The entries that fit, the chosen one in reverse."""

    DEFAULT_CSS = """
    _Entries { height: 1fr; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.entries: tuple[Entry, ...] = ()
        self.at = 0

    def show(self, entries: Sequence[Entry]) -> None:
        """Other entries; the first that can be chosen is."""
        self.entries = tuple(entries)
        self.at = next((index for index, entry in enumerate(self.entries) if entry.id), 0)
        self.repaint()

    def move(self, step: int) -> None:
        """To the next entry that can be chosen."""
        index = self.at + step
        while 0 <= index < len(self.entries) and not self.entries[index].id:
            index += 1 if step > 0 else -1
        if 0 <= index < len(self.entries):
            self.at = index
            self.repaint()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """The entries around the chosen one."""
        lines: list[Line] = []
        for index, entry in enumerate(self.entries):
            if not entry.id:
                lines.append((Part(f" {entry.text}", "title"),))
            elif index == self.at:
                lines.append((Part(fit(f" {fit(entry.keys, KEYS_WIDTH)} {entry.text}", width), "cursor"),))
            else:
                lines.append((Part(f" {fit(entry.keys, KEYS_WIDTH)} ", "strong"), Part(entry.text)))
        if not lines:
            return [(Part(" Nothing fits.", "muted"),)]
        # The last two lines say in full what the chosen one does.
        room = max(1, height - 2)
        first = max(0, min(self.at - room // 2, len(lines) - room))
        shown = lines[first : first + room]
        shown += [()] * (room - len(shown))
        return shown + wrapped(self.entries[self.at].text, width, indent=1, style="muted")[:2]


class Finder(ModalScreen[str | None]):
    """A line to type in and the entries that fit. Answers the chosen entry's id, or None.

    Args:
        title: What is being looked for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Up", show=False),
        Binding("pagedown", "move(10)", "Down", show=False),
    ]
    DEFAULT_CSS = """
    Finder { align: center middle; }
    Finder > Vertical {
        width: 76; max-width: 96%; height: 90%; background: $panel; border: solid $primary; padding: 0 1;
    }
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._entries = _Entries()
        self._answered = False

    def found(self, text: str) -> Sequence[Entry]:
        """What fits a text."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The line and the entries."""
        with Vertical():
            line = Input(placeholder=self._title, compact=True)
            line.cursor_blink = False
            yield line
            yield self._entries

    def on_mount(self) -> None:
        """Everything, until something is typed."""
        self.query_one(Input).focus()
        self._entries.show(self.found(""))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._entries.show(self.found(event.value))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        entries = self._entries
        self._answer(entries.entries[entries.at].id or None if entries.entries else None)

    def action_move(self, step: int) -> None:
        """Another entry."""
        self._entries.move(step)

    def action_close(self) -> None:
        """Nothing."""
        self._answer(None)

    def _answer(self, id: str | None) -> None:
        if not self._answered:
            self._answered = True
            self.dismiss(id)


class Help(Finder):
    """Every command of a screen by its place, with its keys and what it does.

    Args:
        commands: Those of the screen.
        places: The places that the screen is in.
        keymap: Their keys.
    """

    def __init__(self, commands: Sequence[Command], places: Sequence[Where], keymap: Keymap) -> None:
        super().__init__("help: type to search")
        self._places = frozenset(places)
        self._commands = tuple(commands)
        self._keymap = keymap

    def found(self, text: str) -> Sequence[Entry]:
        """Commands whose words hold every word typed, below the place where they apply."""
        entries: list[Entry] = []
        told: set[str] = set()
        # What is particular to this screen comes first, what is everywhere last.
        for where in sorted(Where, key=lambda place: (place is Where.EVERYWHERE, place in (Where.LIST, Where.DETAIL))):
            here = [command for command in self._commands if where in command.where and _holds(command, text)]
            here = [command for command in here if where in self._places and command.id not in told]
            told.update(command.id for command in here)
            if here:
                entries.append(Entry("", "", where.value))
                entries += [Entry(command.id, _ways(command, self._keymap), command.help) for command in here]
        return entries


class Palette(Finder):
    """Every command of a screen by a few letters of its name; and the workspaces.

    Args:
        commands: Those of the screen.
        keymap: Their keys.
        workspaces: Slugs of the workspaces one may enter.
    """

    def __init__(self, commands: Sequence[Command], keymap: Keymap, workspaces: Sequence[str]) -> None:
        super().__init__("a few letters of a command")
        self._entries_all = [
            Entry(command.id, _ways(command, keymap), command.label)
            for command in sorted(commands, key=lambda command: not command.letter)
            if not command.id.startswith(_MOVES)
        ]
        if len(workspaces) > 1:
            self._entries_all += [Entry(f"workspace {slug}", "", f"go to workspace {slug}") for slug in workspaces]

    def found(self, text: str) -> Sequence[Entry]:
        """Entries that have the letters in their order, the closest together first."""
        scored = [(score, entry) for entry in self._entries_all if (score := spread(text, entry.text)) is not None]
        return [entry for _, entry in sorted(scored, key=lambda pair: pair[0])]


def spread(letters: str, text: str) -> int | None:
    """How far apart letters are that a text has in this order; None when it has not.

    Args:
        letters: What was typed; case and blanks do not matter.
        text: Where to look.
    """
    wanted, within = letters.casefold().replace(" ", ""), text.casefold()
    if not wanted:
        return 0
    best: int | None = None
    for start, letter in enumerate(within):
        if letter != wanted[0]:
            continue
        at = start
        for following in wanted[1:]:
            at = within.find(following, at + 1)
            if at < 0:
                return best
        length = (at - start) * 100 + start
        best = length if best is None else min(best, length)
    return best


def _holds(command: Command, text: str) -> bool:
    within = f"{command.label} {command.help} {command.word} {' '.join(command.keys)}".casefold()
    return all(word in within for word in text.casefold().split())


def _ways(command: Command, keymap: Keymap) -> str:
    if command.letter:
        return f"x {command.letter}"
    return words(command.id, keymap) or (f":{command.word}" if command.word else "")
