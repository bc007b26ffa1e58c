"""Which keys a command has: the registry's, unless the configuration says otherwise.

Promise: a keymap that was made is sound: every id is a command, no key is one that terminals, multiplexers or browsers take, and no key
means two things in one place. A mistake is refused with the setting's name and what would do.

Must not know: screens, files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from textual.binding import Binding
from textual.keys import _character_to_key

from atlas_tui.command import ACTION_PLACES, Command, Where
from atlas_tui.commands import REGISTRY
from storage.errors import InvalidInput

Keymap = Mapping[str, tuple[str, ...]]
"""Command id → the keys it has, as people write them."""

NEVER_BOUND: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("ctrl+b", "ctrl+a", "ctrl+space", "ctrl+@"), "terminal multiplexers take it"),
        "ctrl+h": "it is the same byte as Backspace",
        "ctrl+i": "it is the same byte as Tab",
        "ctrl+m": "it is the same byte as Enter",
        "ctrl+j": "it is the same byte as Enter",
        "ctrl+[": "it is the same byte as Escape",
        "ctrl+left_square_bracket": "it is the same byte as Escape",
        "ctrl+\\": "the terminal takes it for a signal",
        "ctrl+backslash": "the terminal takes it for a signal",
        **dict.fromkeys(("ctrl+w", "ctrl+t", "ctrl+n"), "browsers take it"),
        "ctrl+enter": "most terminals cannot send it",
        "ctrl+c": "the terminal's own interrupt and copy key",
    }
)
_NEVER_PREFIXES: Final = (("ctrl+shift+", "most terminals cannot send it"), ("alt+", "it arrives as Escape and a key"))
_KEY: Final = re.compile(r"(?:(?:ctrl|shift)\+)*(?:[a-z0-9_]{1,32}|[!-~])", re.IGNORECASE)
_WORDS: Final = {
    "enter": "Enter",
    "escape": "Esc",
    "space": "Space",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "up": "Up",
    "down": "Down",
    "home": "Home",
    "end": "End",
    "f1": "F1",
}
_FIXED: Final = frozenset({"back"})
"""Commands that keep a key whatever the configuration says: without one nobody gets out of a screen."""


def resolve(overrides: Mapping[str, str]) -> Keymap:
    """The keymap of the registry with a configuration's changes.

    Args:
        overrides: Command id → keys, separated by blanks or commas (`"ctrl+r f5"`); the empty string takes all keys away.

    Raises:
        InvalidInput: Naming the setting: an unknown command, a key that is never bound, one that is already taken.
    """
    chosen = {command.id: command.keys for command in REGISTRY.values() if not ACTION_PLACES & command.where}
    for id, written in overrides.items():
        if id not in chosen:
            raise InvalidInput(
                f"keys.{id}", "is not a command that can have a key", f"Use one of: {', '.join(chosen)}."
            )
        keys = tuple(_split(written))
        for key in keys:
            _check_key(f"keys.{id}", key)
        if not keys and id in _FIXED:
            raise InvalidInput(f"keys.{id}", "needs a key", "Such as `escape`.")
        chosen[id] = keys
    _check_clashes(chosen, overrides)
    return MappingProxyType(chosen)


def bindings(commands: tuple[Command, ...], keymap: Keymap) -> list[Binding]:
    """Textual's bindings for some commands; each calls `action_command` with the command's id."""
    return [
        Binding(textual_key(key), f"command('{command.id}')", command.label, show=False, id=command.id)
        for command in commands
        for key in keymap.get(command.id, ())
    ]


def textual_key(key: str) -> str:
    """A key as Textual names it: `?` → `question_mark`."""
    head, plus, last = key.rpartition("+") if len(key) > 1 else ("", "", key)
    return f"{head}{plus}{_character_to_key(last) if len(last) == 1 else last}"


def words(id: str, keymap: Keymap) -> str:
    """The keys of a command for people: `Esc q`; empty when it has none."""
    return " ".join(key_word(key) for key in keymap.get(id, ()))


def key_word(key: str) -> str:
    """One key for people: `escape` → `Esc`."""
    return _WORDS.get(key, key)


def render_keys_markdown(keymap: Keymap | None = None) -> str:
    """The docs page of all commands, as Markdown.

    Args:
        keymap: The keys to show; the usual ones when None.
    """
    keymap = keymap if keymap is not None else resolve({})
    lines = [
        "# Keys and commands",
        "",
        "Generated from `atlas_tui/commands.py`. In the configuration, `[keys]` gives a command other keys by its id.",
        "Keys that are never bound: " + ", ".join(f"`{key}`" for key in NEVER_BOUND) + ", `ctrl+shift+…`, `alt+…`.",
    ]
    for where in Where:
        commands = [command for command in REGISTRY.values() if where in command.where]
        if not commands:
            continue
        lines += ["", f"## {where.value}", "", "| keys | command bar | does | id |", "|---|---|---|---|"]
        for command in commands:
            keys = f"x, {command.letter}" if command.letter else words(command.id, keymap)
            word = f"`:{command.word}`" if command.word else ""
            lines.append(f"| {keys.replace('|', chr(92) + '|')} | {word} | {command.help} | `{command.id}` |")
    return "\n".join(lines) + "\n"


def _split(written: str) -> list[str]:
    """`"a, b"`, `"a b"` and `","` (the comma itself) as keys."""
    return written.split() if written.strip() == "," else [key for key in re.split(r"[,\s]+", written) if key]


def _check_key(field: str, key: str) -> None:
    lowered = key.lower()
    why = NEVER_BOUND.get(lowered) or next((why for head, why in _NEVER_PREFIXES if lowered.startswith(head)), "")
    if why:
        raise InvalidInput(field, f"{key} is never bound: {why}", "Choose another key.")
    if not _KEY.fullmatch(key):
        raise InvalidInput(field, "is not the name of a key", "Such as `c`, `?`, `f5`, `ctrl+r`, `pagedown`.")


def _check_clashes(chosen: Mapping[str, tuple[str, ...]], overrides: Mapping[str, str]) -> None:
    """Refuse a key that would mean two things in one place."""
    for id in overrides:
        mine = {textual_key(key) for key in chosen[id]}
        for other, keys in chosen.items():
            if other == id or not _meet(REGISTRY[id], REGISTRY[other]):
                continue
            for key in keys:
                if textual_key(key) in mine:
                    raise InvalidInput(
                        f"keys.{id}", f"{key} already means `{other}`", f"Give `{other}` another key too."
                    )


def _meet(one: Command, other: Command) -> bool:
    """Whether two commands can be there at the same time."""
    return any(a & one.where and a & other.where for a in SCREENS)


_LISTS: Final = (
    Where.CONNECTIONS,
    Where.RUNS,
    Where.TENANTS,
    Where.AUDIT,
    Where.MEMBERS,
    Where.SCHEDULES,
    Where.FLEET_IMPORT,
    Where.INBOX,
    Where.ATTENTION,
    Where.PROBLEM,
    Where.EXPIRY,
    Where.INVENTORY,
    Where.INVENTORY_CHANGES,
    Where.COMPLIANCE,
    Where.ROLES,
)
_PAGES: Final = (
    Where.PLATFORM_APPS,
    Where.PLATFORM_APP,
    Where.SCHEDULE,
    Where.CONNECTION,
    Where.RUN,
    Where.TENANT,
    Where.AUDIT_ENTRY,
    Where.MEMBER,
    Where.CONSENT,
    Where.ONBOARDING,
    Where.ONBOARDINGS,
    Where.INVENTORY_ITEM,
    Where.HANDOVER,
    Where.TENANT_COMPLIANCE,
    Where.TENANT_ROLES,
    Where.TENANT_DIRECTORY,
)
SCREENS: Final[tuple[frozenset[Where], ...]] = (
    *(frozenset({Where.EVERYWHERE, Where.LIST, where}) for where in _LISTS),
    *(frozenset({Where.EVERYWHERE, Where.DETAIL, where}) for where in _PAGES),
    frozenset({Where.EVERYWHERE, Where.HEALTH}),
    frozenset({Where.EVERYWHERE, Where.FORM}),
)
"""The places that each screen is in: no key may mean two things within one of these."""
