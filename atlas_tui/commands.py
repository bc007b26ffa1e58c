"""The one registry of commands: bindings, key hints, the palette, the actions menu, `?` help and the docs page all come from it.

Promise: a key that does something is in here, with the words that help shows for it; what is not in here cannot be bound. No command
with a key of its own changes data: those that do are `ACTION`s, have a letter in the actions menu and ask first.

Must not know: how a command is done (screens and the app have a `command_…` method of the same name), which keys a person chose
(`atlas_tui.keymap`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from atlas_tui.widgets.virtual_table import VirtualTable
from storage.capabilities import Capability


class Where(StrEnum):
    """Where a command applies. The words are the headings of the help."""

    EVERYWHERE = "Everywhere"
    LIST = "In every list"
    DETAIL = "On a thing's own page"
    CONNECTIONS = "Connections"
    CONNECTION = "A connection"
    RUNS = "Runs"
    RUN = "A run"
    TENANTS = "Tenants"
    TENANT = "A tenant"
    HEALTH = "Health"
    ACTION = "In the actions menu (x)"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can ask for.

    Attributes:
        id: Its stable name; the method that does it is `command_` and this name.
        keys: The keys it usually has, as Textual names them; empty for what is only in the palette and the command bar.
        label: Two or three words, for the key hints and the palette.
        help: One sentence, for the help and the docs.
        where: Where it applies.
        word: What it is called in the command bar (`:word`); empty when it is not there.
        hint: Its place in the key hints, low first; 0 is not shown there.
        capability: What somebody needs for it; None when everybody who sees the screen may.
        letter: Its letter in the actions menu.
        operation: The operation type it starts, for those that start one.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    where: frozenset[Where]
    word: str = ""
    hint: int = 0
    capability: Capability | None = None
    letter: str = ""
    operation: str = ""


def _command(
    id: str,
    keys: str,
    label: str,
    help: str,
    *where: Where,
    word: str = "",
    hint: int = 0,
    capability: Capability | None = None,
    letter: str = "",
    operation: str = "",
) -> Command:
    return Command(id, tuple(keys.split()), label, help, frozenset(where), word, hint, capability, letter, operation)


_ALL = Where.EVERYWHERE
_PAGES = (Where.CONNECTION, Where.RUN, Where.TENANT)
_CHECK: Final = "provider.connection.check"

_GOING: Final = (
    _command(
        "open", "enter", "open", "Open the row under the cursor.", Where.LIST, Where.TENANT, Where.CONNECTION, hint=1
    ),
    _command("back", "escape", "back", "Close what is open, or go back; never quits.", _ALL, hint=8),
    _command("leave", "q", "back", "Go back; at the top: quit.", _ALL),
    _command("quit", "ctrl+q", "quit", "Quit.", _ALL, word="q"),
    _command(
        "how_to_quit", "ctrl+c", "how to quit", "Say which key quits (the terminal's interrupt is no quit).", _ALL
    ),
    _command("connections", "2", "Connections", "Go to the connections.", _ALL, word="connections"),
    _command("runs", "3", "Runs", "Go to the runs.", _ALL, word="runs"),
    _command("tenants", "4", "Tenants", "Go to the tenants.", _ALL, word="tenants"),
    _command("health", "6", "Health", "Go to workers, database and queue.", _ALL, word="health"),
    _command("previous_view", "-", "previous view", "Go back and forth between the last two views.", _ALL),
    _command("next_tab", "]", "next tab", "Go to the next tab, or the next view.", _ALL),
    _command("previous_tab", "[", "previous tab", "Go to the tab, or the view, before this one.", _ALL),
    _command("next_item", "J", "next item", "Go to the next row of the list behind this page.", Where.DETAIL),
    _command("previous_item", "K", "previous item", "Go to the row before this one in that list.", Where.DETAIL),
    _command("scroll_down", "down j", "scroll", "Scroll down.", Where.DETAIL, Where.HEALTH),
    _command("scroll_up", "up k", "scroll up", "Scroll up.", Where.DETAIL, Where.HEALTH),
    _command("scroll_page_down", "pagedown", "page down", "One screen down.", Where.DETAIL, Where.HEALTH),
    _command("scroll_page_up", "pageup", "page up", "One screen up.", Where.DETAIL, Where.HEALTH),
    _command("scroll_top", "g home", "top", "To the first line.", Where.DETAIL, Where.HEALTH),
    _command("scroll_bottom", "G end", "bottom", "To the last line.", Where.DETAIL, Where.HEALTH),
    _command(
        "linked",
        "l",
        "message or runs",
        "Open what the last message is about; else the runs of this connection, or the connection of this run.",
        _ALL,
    ),
    _command("audit", "a", "audit", "Show the audit trail of this connection.", Where.CONNECTION),
)
_LOOKING: Final = (
    _command("actions", "x", "actions", "What can be done with the marked rows, or with this one.", *_PAGES,
             Where.CONNECTIONS, Where.RUNS, hint=2),
    _command("filter", "/", "filter", "Filter the list: word, !word, key:value (help lists the keys).", Where.LIST,
             hint=3),
    _command("problems", "!", "problems", "Only connections with a problem, or all again.", Where.CONNECTIONS, hint=4),
    _command("pin", "@", "pin tenant", "Show only this tenant in all views, or all tenants again.",
             Where.CONNECTIONS, Where.RUNS, Where.TENANTS, *_PAGES),
    _command("wide", "w", "wide columns", "Show every column, as far as they fit, or the usual ones.",
             Where.CONNECTIONS, Where.RUNS),
    _command("panel", "d", "detail panel", "Show or hide the panel beside the list (from 120 columns on).",
             Where.CONNECTIONS, Where.RUNS, hint=6),
    _command("copy_id", "y", "copy id", "Copy the Entra tenant id, or the run's number, to the clipboard (OSC 52).",
             Where.CONNECTIONS, Where.RUNS, Where.TENANTS, *_PAGES),
    _command("copy_json", "Y", "copy JSON", "Copy this as JSON; what is too long for a terminal goes into a file.",
             Where.CONNECTIONS, Where.RUNS, Where.TENANTS, *_PAGES),
    _command("reload", "ctrl+r", "reload", "Read the screen from the local database again.", _ALL, word="reload"),
    _command("pause", "p", "pause", "Stop repainting, or go on.", _ALL, word="pause"),
    _command("zone", "Z", "UTC/local", "Show times in UTC or in this machine's time zone.", _ALL, word="zone"),
    _command("redraw", "ctrl+l", "redraw", "Paint the whole screen again.", _ALL),
    _command("suspend", "ctrl+z", "suspend", "Give the terminal back to the shell; fg returns.", _ALL),
)  # fmt: skip
_FINDING: Final = (
    _command("help", "? f1", "help", "Search the keys and commands of this screen.", _ALL, word="help", hint=9),
    _command("command_bar", ":", "command", "Type a command, such as :conn NAME or :runs failed; tab completes.", _ALL),
    _command("palette", "ctrl+p", "palette", "Find a command by a few of its letters.", _ALL, hint=10),
    _command("connection", "", "go to connection",
             "Go to a connection, by tenant name, domain or Entra tenant id: :conn NAME.", _ALL, word="conn"),
    _command("run", "", "go to run", "Go to a run by its number: :run 1842.", _ALL, word="run"),
    _command("workspace", "", "workspace", "Go to another workspace: :workspace NAME.", _ALL, word="workspace"),
)  # fmt: skip
_ACTING: Final = (
    _command("check", "", "Check now", "Start a connection check.", Where.ACTION, word="check", letter="c",
             capability=Capability.PROVIDER_RUN, operation=_CHECK),
    _command("cancel", "", "Cancel run", "Cancel the unfinished run.", Where.ACTION, word="cancel", letter="n",
             capability=Capability.PROVIDER_RUN),
    _command("retry", "", "Retry run", "Start a completed run's operation again, as a new run.", Where.ACTION,
             word="retry", letter="t", capability=Capability.PROVIDER_RUN),
    _command("enable", "", "Enable", "Use the connection again; its verification starts from unknown.", Where.ACTION,
             word="enable", letter="e", capability=Capability.PROVIDER_MANAGE),
    _command("disable", "", "Disable", "Stop using the connection; consent and verification stay as they are.",
             Where.ACTION, word="disable", letter="b", capability=Capability.PROVIDER_MANAGE),
)  # fmt: skip


def _list_commands() -> Iterable[Command]:
    """What the list engine can do, under its own names; `enter` is the screens' own command."""
    for action in VirtualTable.ACTIONS:
        if action.id != "open_row":
            yield Command(
                f"list_{action.id}", action.keys, action.help.lower(), action.help + ".", frozenset({Where.LIST})
            )


REGISTRY: Final[Mapping[str, Command]] = MappingProxyType(
    {command.id: command for command in (*_GOING, *_list_commands(), *_LOOKING, *_FINDING, *_ACTING)}
)
"""Every command by its id, in the order people read them."""


def applying(*where: Where) -> tuple[Command, ...]:
    """The commands that apply in any of these places, in the registry's order."""
    return tuple(command for command in REGISTRY.values() if command.where & set(where))


def actions() -> tuple[Command, ...]:
    """The commands of the actions menu."""
    return applying(Where.ACTION)


def by_word() -> Mapping[str, Command]:
    """The commands of the command bar, by their word."""
    return MappingProxyType({command.word: command for command in REGISTRY.values() if command.word})
