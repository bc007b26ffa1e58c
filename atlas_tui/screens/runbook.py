"""The runbook of a reason code, over the screen it was asked for on: what it means, causes, who fixes it, steps, commands.

Promise: it is read from the installed program alone, so it is there without a network and without a database; closing it leaves the screen
behind as it was, the cursor on its row. A command is copied whole, for the connection and the run that the code was seen on.

Must not know: where the code was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from textual.binding import Binding, BindingsMap

from atlas_tui.badges import fix_by
from atlas_tui.cells import Line, Part
from atlas_tui.keymap import Keymap, key_word, textual_key
from atlas_tui.screens.leaflet import Leaflet, numbered
from atlas_tui.screens.prose import heading, wrapped
from storage import runbooks
from storage.reasons import Reason
from storage.runbooks import Section, Shape

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


class RunbookScreen(Leaflet[str]):
    """One runbook. Answers `KEYS` when the help key is pressed again, else None.

    Args:
        subject: The reason code, and what its commands are about.
        keymap: Which keys help has.
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

    def title_parts(self) -> Line:
        """The code, its category and who fixes it."""
        reason = self.runbook.reason
        head = (Part(reason.code, "title"), Part(f"  {reason.category.value}  fix by ", "muted"))
        return (*head, *fix_by(reason.fix_by.value).parts)

    def lines(self, width: int) -> list[Line]:
        """The runbook as lines."""
        lines: list[Line] = []
        keys = {text: number for number, (_, text) in enumerate(self.copied(), 1)}
        for section in self.runbook.sections:
            lines += [heading(section.title), *_items(section, keys, width), ()]
        return lines[:-1]

    def copied(self) -> Sequence[tuple[str, str]]:
        """The commands, and where to read on."""
        link = self.runbook.reason.link
        return tuple((text, text) for text in (*self.runbook.commands, *((link,) if link else ())))

    def more_keys(self) -> str:
        """Help again."""
        return f"{key_word(self._help_keys[0])} keys of this screen" if self._help_keys else ""

    def action_keys(self) -> None:
        """The keys of the screen behind, rather."""
        self.dismiss(KEYS)


def _items(section: Section, keys: Mapping[str, int], width: int) -> list[Line]:
    """A section's items; in front of what a key copies, that key."""
    lines: list[Line] = []
    for number, item in enumerate(section.items, 1):
        is_copied = item in keys and section.shape in (Shape.COMMANDS, Shape.TEXT)
        mark = {Shape.LIST: "- ", Shape.STEPS: f"{number} "}.get(section.shape, "")
        mark = numbered(keys[item]).text if is_copied else mark
        style = "strong" if section.shape is Shape.COMMANDS else ""
        first, *more = wrapped(item, width, indent=1 + len(mark), style=style)
        lines += [(Part(f" {mark}", "info"), *first[1:]), *more]
    return lines
