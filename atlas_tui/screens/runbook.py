"""The runbook of a reason code, over the screen it was asked for on: what it means, causes, who fixes it, steps, commands.

Promise: it is read from the installed program alone, so it is there without a network and without a database; closing it leaves the screen
behind as it was, the cursor on its row. A command is copied whole, for the connection and the run that the code was seen on.

Must not know: where the code was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingsMap, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from atlas_tui.badges import fix_by
from atlas_tui.cells import Line, Part, fit_line
from atlas_tui.keymap import Keymap, key_word, textual_key
from atlas_tui.screens.prose import heading, wrapped
from atlas_tui.screens.scrolled import Scrolled
from atlas_tui.widgets.lines import PaintedLines
from storage import runbooks
from storage.reasons import Reason
from storage.runbooks import Section, Shape

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp

KEYS: Final = "keys"
"""What the screen answers when the keys of the screen behind are wanted."""


_WITHIN: Final = ("row", "detail", "default", "provider", "consent", "shared_problems", "failures", "last_run")
_DEEP: Final = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """The reason code that something is about.

    Attributes:
        code: The code.
        names: What the words in capitals of its commands stand for here, as far as it is known: `CONNECTION`, `RUN`.
    """

    code: str
    names: Mapping[str, str] = field(default_factory=dict)


def subject_of(thing: Any, deep: int = _DEEP) -> Subject | None:
    """The reason code that a row or a page is about; None when it is about none.

    Args:
        thing: What has a `reason_code` or a `reason`; or what a screen read, with something that has one inside.
        deep: How far inside it is looked for.
    """
    code, reason = getattr(thing, "reason_code", None), getattr(thing, "reason", None)
    if isinstance(code, str) and code:
        return Subject(code, _names_of(thing))
    if isinstance(reason, Reason):
        return Subject(reason.code, _names_of(thing))
    for place in (getattr(thing, name, None) for name in (_WITHIN if deep else ())):
        inside = place[0] if isinstance(place, tuple) and place else place
        if inside is not None and (found := subject_of(inside, deep - 1)) is not None:
            return found
    return None


def _names_of(thing: Any) -> dict[str, str]:
    from storage.connections import ConnectionRow
    from storage.runs import RunRow

    connection, run = getattr(thing, "connection_id", None) or getattr(thing, "only_connection_id", None), None
    if isinstance(thing, ConnectionRow):
        connection = thing.id
    elif isinstance(thing, RunRow):
        run = thing.id
    known = {"CONNECTION": connection, "RUN": run}
    return {word: str(number) for word, number in known.items() if isinstance(number, int)}


class _Head(PaintedLines):
    """Code, category and who fixes it."""

    DEFAULT_CSS = """
    _Head { height: 1; background: $panel; }
    """

    def __init__(self, parts: Line) -> None:
        super().__init__()
        self._parts = parts

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """One line, cut."""
        return [fit_line(self._parts, width)]


class RunbookScreen(ModalScreen[str | None]):
    """One runbook. Answers `KEYS` when the help key is pressed again, else None.

    Args:
        subject: The reason code, and what its commands are about.
        keymap: Which keys help has.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Close", id="runbook.close", show=False),
        Binding("down,j", "scroll(1)", "Down", id="runbook.down", show=False),
        Binding("up,k", "scroll(-1)", "Up", id="runbook.up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", id="runbook.page_down", show=False),
        Binding("pageup", "page(-1)", "Page up", id="runbook.page_up", show=False),
        Binding("g,home", "end(False)", "Top", id="runbook.top", show=False),
        Binding("G,end", "end(True)", "Bottom", id="runbook.bottom", show=False),
        *(Binding(str(n), f"copy({n})", "Copy", id=f"runbook.copy_{n}", show=False) for n in range(1, 10)),
    ]
    DEFAULT_CSS = """
    RunbookScreen { align: center middle; }
    RunbookScreen > Vertical {
        width: 78; max-width: 100%; height: auto; max-height: 100%;
        background: $panel; color: $foreground; border: solid $primary; padding: 0 1;
    }
    RunbookScreen Static { height: 1; background: $panel; }
    RunbookScreen Scrolled { background: $panel; }
    """

    def __init__(self, subject: Subject, keymap: Keymap) -> None:
        super().__init__()
        runbook = runbooks.of(subject.code)
        filled = tuple(
            " ".join(subject.names.get(word, word) for word in command.split()) for command in runbook.commands
        )
        self.runbook = replace(runbook, commands=filled)
        self._help_keys = keymap.get("help", ())
        again = [Binding(textual_key(key), "keys", "Keys", show=False) for key in self._help_keys]
        self._bindings = BindingsMap.merge([self._bindings, BindingsMap(again)])

    def compose(self) -> ComposeResult:
        """The code, its runbook, the keys."""
        reason = self.runbook.reason
        head = (Part(reason.code, "title"), Part(f"  {reason.category.value}  fix by ", "muted"))
        count = len(self.runbook.commands)
        copies = "1 copies the command" if count == 1 else f"1-{count} copy a command"
        again = f"  {key_word(self._help_keys[0])} keys of this screen" if self._help_keys else ""
        with Vertical():
            yield _Head((*head, *fix_by(reason.fix_by.value).parts))
            yield Scrolled(id="runbook-page")
            yield Static(f"up down scroll  {copies}{again}  Esc close", markup=False)

    def on_mount(self) -> None:
        """As high as it needs to be and the screen allows."""
        page = self.query_one(Scrolled)
        page.styles.height = min(len(self.lines(74)), max(3, self.app.size.height - 4))
        page.show(self.lines)

    def lines(self, width: int) -> list[Line]:
        """The runbook as lines."""
        lines: list[Line] = []
        for section in self.runbook.sections:
            lines += [heading(section.title), *_items(section, width), ()]
        return lines[:-1]

    def action_close(self) -> None:
        """Back to where it was asked for."""
        self.dismiss(None)

    def action_keys(self) -> None:
        """The keys of the screen behind, rather."""
        self.dismiss(KEYS)

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
        """Copy a command."""
        if number <= len(self.runbook.commands):
            atlas = cast("AtlasApp", self.app)
            atlas.copy_to_clipboard(self.runbook.commands[number - 1])
            atlas.flash(f"Copied: {self.runbook.commands[number - 1]}", "ok")


def _items(section: Section, width: int) -> list[Line]:
    lines: list[Line] = []
    for number, item in enumerate(section.items, 1):
        mark = "" if section.shape is Shape.TEXT else "- " if section.shape is Shape.LIST else f"{number} "
        style = "strong" if section.shape is Shape.COMMANDS else ""
        first, *more = wrapped(item, width, indent=1 + len(mark), style=style)
        lines += [(Part(f" {mark}", "info"), *first[1:]), *more]
    return lines
