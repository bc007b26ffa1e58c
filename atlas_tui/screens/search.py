"""Finding a tenant wherever one may be: `:find TEXT`, results as one types.

Promise: every workspace the person may enter is looked in, and each result says which one it is of; choosing one opens the tenant's page,
in its workspace. Connections are not found, by nothing of theirs (storage sees to that). The database is asked after a pause in typing, in
a worker thread; an answer that was overtaken is dropped.

Must not know: how a tenant's page looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input

from atlas_tui.cells import Line, Part, fit, plain
from atlas_tui.links import to_tenant
from atlas_tui.screens.prose import wrapped
from atlas_tui.threads import Asks
from atlas_tui.widgets.lines import PaintedLines
from storage import tenant_search
from storage.errors import AtlasError
from storage.states import TenantLifecycle
from storage.tenant_search import Hit, Hits

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp

PAUSE: Final = 0.15
"""Seconds without a key before the database is asked: a pause that one does not notice, and longer than between two letters."""

MOST: Final = 50
_HELP: Final = (
    "Name, domain, tenant id or its beginning, tag: every word must fit. tag:gold  cloud:usgov  archived:yes",
    "archived:yes finds drafts and archived tenants too. Connections are not searched.",
)


def find_tenant(atlas: AtlasApp, text: str = "") -> None:
    """Let a person find a tenant, and go to it.

    Args:
        atlas: The app.
        text: What is typed already.
    """

    def go(hit: Hit | None) -> None:
        if hit is not None:
            open_hit(atlas, hit)

    atlas.push_screen(Search(text), go)


def open_hit(atlas: AtlasApp, hit: Hit) -> None:
    """Go to a tenant's page, into its workspace when it is in another one."""
    if hit.tenant.workspace_id != atlas.session.workspace.workspace_id:
        try:
            atlas.enter_workspace(hit.workspace)
        except AtlasError as error:
            atlas.flash(str(error), "bad")
            return
        atlas.flash(f"You are in {hit.workspace_name} now; :workspace goes back.")
    # Behind the change of workspace, which makes every screen anew.
    atlas.call_next(lambda: atlas.navigation.go(to_tenant(hit.tenant.id)))


class _Hits(PaintedLines):
    """What was found, two lines each, the chosen one in reverse."""

    DEFAULT_CSS = """
    _Hits { height: 1fr; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.hits: tuple[Hit, ...] = ()
        self.said: Sequence[tuple[str, str]] = ()
        self.at = 0
        self.has_more = False

    def show(self, found: Hits) -> None:
        """Other results; the cursor stays on its tenant if that is still there."""
        kept = self.hits[self.at].tenant.id if self.hits else None
        self.hits, self.has_more, self.said = found.hits, found.has_more, ()
        self.at = next((index for index, hit in enumerate(self.hits) if hit.tenant.id == kept), 0)
        self.repaint()

    def say(self, *lines: tuple[str, str]) -> None:
        """Sentences in the place of results, each with its style."""
        self.hits, self.said, self.at = (), lines, 0
        self.repaint()

    def move(self, step: int) -> None:
        """To another result."""
        if self.hits:
            self.at = max(0, min(len(self.hits) - 1, self.at + step))
            self.repaint()

    def compose_lines(self, width: int, height: int) -> list[Line]:
        """The results around the chosen one."""
        if not self.hits:
            return [line for text, style in self.said for line in wrapped(text, width, indent=1, style=style)]
        room = max(1, (height - 1) // 2)
        first = max(0, min(self.at - room // 2, len(self.hits) - room))
        lines: list[Line] = []
        for index, hit in enumerate(self.hits[first : first + room], first):
            lines += self._hit(hit, width, index == self.at)
        if self.has_more:
            lines += [()] * (height - 1 - len(lines))
            lines.append((Part(f" More than {len(self.hits)}: type another word.", "muted"),))
        return lines

    @staticmethod
    def _hit(hit: Hit, width: int, chosen: bool) -> list[Line]:
        row = hit.tenant
        where = plain(hit.workspace)
        name = fit(f"{'>' if chosen else ' '} {plain(row.name)}", max(10, width - len(where) - 1))
        facts = [plain(row.primary_domain or "no domain"), row.entra_tenant_id]
        if row.lifecycle is not TenantLifecycle.ACTIVE:
            facts.append(row.lifecycle.value)
        facts += [plain(tag) for tag in row.tags]
        head: Line = (
            (Part(f"{name} {where}", "cursor"),) if chosen else (Part(name, "strong"), Part(f" {where}", "info"))
        )
        return [head, (Part(fit(f"    {'  '.join(facts)}", width), "muted"),)]


class Search(Asks, ModalScreen[Hit | None]):
    """A line to type in and the tenants that fit. Answers the chosen one, or None.

    Args:
        text: What is typed already.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "move(-8)", "Up", show=False),
        Binding("pagedown", "move(8)", "Down", show=False),
    ]
    DEFAULT_CSS = """
    Search { align: center middle; }
    Search > Vertical {
        width: 76; max-width: 96%; height: 90%; background: $panel; border: solid $primary; padding: 0 1;
    }
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._text = plain(text)
        self._hits = _Hits()
        self._timer: Timer | None = None
        self._opens_first = False
        self._asked_for: str | None = None
        self._answered = False

    @property
    def atlas(self) -> AtlasApp:
        """The app."""
        return cast("AtlasApp", self.app)

    def compose(self) -> ComposeResult:
        """The line and the results."""
        with Vertical():
            line = Input(
                self._text, placeholder="find a tenant in every workspace", compact=True, select_on_focus=False
            )
            line.cursor_blink = False
            yield line
            yield self._hits

    def on_mount(self) -> None:
        """Look at once for what is typed already."""
        line = self.query_one(Input)
        line.focus()
        line.cursor_position = len(line.value)
        self._look()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._opens_first = False
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, self._look)

    def _look(self) -> None:
        """Ask for what is typed now."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        text = plain(self.query_one(Input).value).strip()
        if text == self._asked_for:
            return
        self._asked_for, session = text, self.atlas.session
        if not text:
            self.ask("search", lambda: Hits((), False), self._show, self._failed)
            return
        self.ask(
            "search", lambda: tenant_search.search(session.db, session.who, text, limit=MOST), self._show, self._failed
        )

    def _show(self, found: Hits) -> None:
        if found.hits:
            self._hits.show(found)
            if self._opens_first:
                self._answer(found.hits[0])
        elif self._asked_for:
            self._hits.say(("No tenant fits.", "warn"), *((line, "muted") for line in _HELP))
        else:
            self._hits.say(*((line, "muted") for line in _HELP))
        self._opens_first = False

    def _failed(self, error: AtlasError) -> None:
        self._hits.say((str(error), "bad"))
        self._opens_first = False

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        """The chosen one; when it was typed faster than it was found, the first that will be."""
        event.stop()
        if plain(event.value).strip() != self._asked_for or self.is_asking:
            self._opens_first = bool(event.value.strip())
            self._look()
        elif self._hits.hits:
            self._answer(self._hits.hits[self._hits.at])

    def action_move(self, step: int) -> None:
        """Another result."""
        self._hits.move(step)

    def action_close(self) -> None:
        """Nothing."""
        self._answer(None)

    def _answer(self, hit: Hit | None) -> None:
        if not self._answered:
            self._answered = True
            self.dismiss(hit)
