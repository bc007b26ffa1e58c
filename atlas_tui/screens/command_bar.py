"""The command bar: `:conn NAME`, `:runs failed`, `:q`.

Promise: every word is a command of the registry; tab completes, the arrows bring back what was typed before; nothing is done here, the
line is the answer.

Must not know: how a command is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from atlas_tui.arguments.mistakes import nearest
from atlas_tui.cells import plain
from atlas_tui.command import Command
from atlas_tui.commands import by_word
from storage.errors import InvalidInput

KEPT: Final = 50
_FILTER_WORDS: Final = {
    "connections": (
        "consent:",
        "verification:",
        "lifecycle:",
        "reason:",
        "tenant:",
        "type:",
        "cloud:",
        "problems:yes",
        "acked:yes",
        "batch:",
    ),
    "runs": ("status:", "outcome:failed", "outcome:", "reason:", "since:1h", "tenant:", "by:", "type:", "batch:"),
    "audit": (
        "action:",
        "actor:",
        "target:",
        "outcome:refused",
        "tenant:",
        "connection:",
        "run:",
        "ticket:",
        "since:7d",
    ),
    "tenants": ("tag:", "lifecycle:", "cloud:", "archived:yes"),
    "find": ("tag:", "lifecycle:", "cloud:", "archived:yes"),
    "inventory": ("@", "kind:", "platform:", "new:7d", "changed:7d", "removed:yes"),
    "compliance": ("@", "tag:"),
    "roles": ("@", "finding:"),
    "directory": ("@",),
    "members": ("role:", "scope:"),
    "schedules": ("enabled:no", "scope:", "tag:", "tenant:", "type:"),
    "system": ("workspace:", "verification:", "consent:", "permissions:missing", "archived:yes"),
    "system-runs": ("status:", "outcome:failed", "outcome:", "reason:", "since:1h", "tenant:", "by:", "type:"),
    "batches": ("state:open", "type:", "by:", "since:7d"),
    "attention": ("who:us", "who:customer", "new", "acked", "reason:"),
    "expiry": ("bucket:", "owner:app", "kind:", "slot:staged"),
    "handover": ("since:8h", "since:24h", "since:7d"),
    "inbox": ("unread:yes", "kind:", "outcome:failed", "since:1d"),
}
_OUTCOMES: Final = frozenset({"succeeded", "failed", "blocked", "cancelled", "lost"})


def read_line(line: str) -> tuple[Command, str]:
    """A typed line as a command and what stands behind it.

    Raises:
        InvalidInput: There is no command of that word.
    """
    word, _, argument = line.strip().removeprefix(":").partition(" ")
    words = by_word()
    command = words.get(word) or next((words[known] for known in words if word and known.startswith(word)), None)
    if command is None:
        near = nearest(word, tuple(words))
        hint = "Tab completes, and ? lists them." if near is None else f"Did you mean :{near}?"
        raise InvalidInput("command", f":{plain(word)[:40]} is not known", hint)
    argument = argument.strip()
    if command.id == "runs" and argument in _OUTCOMES:
        argument = f"outcome:{argument}"
    return command, argument


def completions(line: str, workspaces: Sequence[str]) -> list[str]:
    """Lines that a line could become with tab.

    Args:
        line: What is typed.
        workspaces: Slugs of the workspaces one may enter.
    """
    word, blank, rest = line.removeprefix(":").partition(" ")
    if not blank:
        return [f"{known} " for known in by_word() if known.startswith(word)]
    if word == "workspace":
        return [f"workspace {slug}" for slug in workspaces if slug.startswith(rest)]
    if word in ("reason", "runbook"):
        from storage import reasons

        return [f"{word} {code}" for code in reasons.catalog() if code.startswith(rest) and code != rest]
    head, _, last = rest.rpartition(" ")
    kept = f"{head} " if head else ""
    return [f"{word} {kept}{key}" for key in _FILTER_WORDS.get(word, ()) if key.startswith(last) and key != last]


class CommandBar(ModalScreen[str | None]):
    """The line at the bottom. Answers what was typed, or None.

    Args:
        text: What is typed already.
        history: What was typed before, oldest first; the line is added to it.
        workspaces: Slugs, to complete.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("tab", "complete", "Complete", show=False),
        Binding("up", "recall(-1)", "Older", show=False),
        Binding("down", "recall(1)", "Newer", show=False),
    ]
    DEFAULT_CSS = """
    CommandBar { align: left bottom; background: transparent; }
    CommandBar Static { height: 1; background: $panel; color: $secondary; padding: 0 1; }
    CommandBar Horizontal { height: 1; background: $panel; }
    CommandBar #colon { width: 2; padding: 0 0 0 1; }
    CommandBar Input { width: 1fr; background: $panel; padding: 0; }
    """

    def __init__(self, text: str, history: list[str], workspaces: Sequence[str]) -> None:
        super().__init__()
        self._text = text
        self._history = history
        self._workspaces = tuple(workspaces)
        self._at = len(history)
        self._offered: list[str] = []
        self._chosen = -1
        self._answered = False

    def compose(self) -> ComposeResult:
        """The words that could follow, and the line."""
        yield Static("", id="offers", markup=False)
        line = Input(self._text, placeholder="command", compact=True, select_on_focus=False)
        line.cursor_blink = False
        with Horizontal():
            yield Static(":", id="colon")
            yield line

    def on_mount(self) -> None:
        """Type behind what is there."""
        line = self.query_one(Input)
        line.focus()
        line.cursor_position = len(line.value)
        self._show_offers(line.value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if 0 <= self._chosen < len(self._offered) and event.value == self._offered[self._chosen]:
            return
        self._show_offers(event.value)

    def _show_offers(self, value: str) -> None:
        self._offered, self._chosen = completions(value, self._workspaces), -1
        offers = "  ".join(offer.split(" ")[-1] or offer for offer in (line.rstrip() for line in self._offered))
        self.query_one("#offers", Static).update(offers)

    def action_complete(self) -> None:
        """The next completion."""
        if self._offered:
            self._chosen = (self._chosen + 1) % len(self._offered)
            self._put(self._offered[self._chosen])

    def action_recall(self, step: int) -> None:
        """What was typed before."""
        self._at = max(0, min(len(self._history), self._at + step))
        self._put(self._history[self._at] if self._at < len(self._history) else "")

    def _put(self, value: str) -> None:
        line = self.query_one(Input)
        line.value = value
        line.cursor_position = len(value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        line = plain(event.value).strip()
        if line:
            self._history[:] = [*(old for old in self._history if old != line), line][-KEPT:]
        self._answer(line or None)

    def action_close(self) -> None:
        """Nothing."""
        self._answer(None)

    def _answer(self, line: str | None) -> None:
        if not self._answered:
            self._answered = True
            self.dismiss(line)
