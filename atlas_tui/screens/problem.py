"""One problem: why, what next, and the connections that have it, each with since when, and who has acknowledged it until when.

Promise: what was marked is what is acted on: every operation can be started on it, and it can be acknowledged. A problem that is solved
says so and is left.

Must not know: how the list of problems looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.widget import Widget

from atlas_tui.badges import BADGE_WIDTH, consent_badge, verification_badge
from atlas_tui.cells import Cell, Line, Part, age_bucket, cell
from atlas_tui.command import Command, Where
from atlas_tui.commands import REGISTRY
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_connection, to_platform_app
from atlas_tui.screens.acknowledge_form import AcknowledgeProblem
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.connection_actions import STARTING, ask_first
from atlas_tui.screens.connection_text import name_of, overview
from atlas_tui.screens.connection_text import summary as connection_summary
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.problem_text import acknowledgement_words, head_lines, whose
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer, Scrolled
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.menu import Menu, MenuItem
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts, PageRead
from storage import acknowledging, attention_members, connections
from storage.attention import Problem
from storage.attention_members import Affected
from storage.connections import ConnectionDetail
from storage.consequences import Consequences, count
from storage.errors import AtlasError, NotFound
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place

HEAD_LINES: Final = 6

_OFFERED: Final = (*STARTING, "cancel", "consent", "credentials")
"""What helps against a problem; the rest is on the connection's own page."""


class ProblemScreen(Acts, ListScreen[Affected]):
    """The page."""

    VIEW = View.PROBLEM
    PLACES = (Where.LIST, Where.PROBLEM)
    TOPICS = frozenset({Topic.ATTENTION, Topic.CONNECTIONS, Topic.RUNS})
    FILTER_HINT: ClassVar[str] = "word  !word  acked:yes  !acked:yes"
    TEXTS = ListTexts(empty="No connection has it.", empty_hint="Esc goes back.")

    def __init__(self, keymap: Keymap) -> None:
        self.subject: int | None = None
        self.problem: Problem | None = None
        self._every: tuple[int, ...] = ()
        self._is_solved = False
        super().__init__(keymap)

    def tab(self) -> View:
        """Attention."""
        return View.ATTENTION

    def crumb(self) -> str:
        """Its reason."""
        return "" if self.problem is None else f"{self.problem.reason_code} {whose(self.problem)}".rstrip()

    def link(self) -> Link:
        """This problem."""
        return Link(self.VIEW, self.subject)

    def compose_body(self) -> Iterable[Widget]:
        """Why and what next, above the list."""
        head = Scrolled(id="why")
        head.styles.height = HEAD_LINES
        yield head
        yield from super().compose_body()

    def follow(self, link: Link) -> None:
        """Another problem, or the same again."""
        if link.id != self.subject:
            self.subject, self.problem, self._is_solved = link.id, None, False
            if self.is_mounted:
                self.table.action_clear_marks()
                self.show_head()
        if self.is_mounted:
            self.reload()

    # The rows

    def columns(self, wide: bool) -> Sequence[Column[Affected]]:
        """Badges, since when, where it shows; whose it is only while it is somebody's, for that room shows more of where."""
        is_owned = self.problem is not None and self.problem.acknowledged > 0
        owner = Column("acknowledged", "ACKNOWLEDGED BY", self._acknowledged, 21)
        return (
            Column("tenant", "TENANT", lambda row, now: cell(name_of(row.connection)), 16, share=2),
            Column("consent", "CONSENT", _consent, BADGE_WIDTH, priority=3),
            Column("verification", "VERIFIED", _verification, BADGE_WIDTH, priority=2),
            Column("since", "SINCE", _since, 5, align="right", age_of=lambda row: row.since),
            Column("shows", "SHOWS", lambda row, now: cell(row.shows), 12, share=2, priority=1),
            *((owner,) if is_owned else ()),
        )

    def _acknowledged(self, row: Affected, now: datetime) -> Cell:
        return cell(acknowledgement_words(row.acknowledgement, row.is_of_app, self.times), "muted")

    def key_of(self, row: Affected) -> int:
        """The connection's number."""
        return row.connection.id

    def link_to(self, row: Affected) -> Link:
        """The connection."""
        return to_connection(row.connection.id)

    def tenant_of(self, row: Affected) -> tuple[int, str]:
        """Its tenant."""
        return row.connection.tenant_id, row.connection.tenant_name

    def id_text(self, row: Affected) -> str:
        """The tenant's GUID."""
        return row.connection.entra_tenant_id

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[Affected]:
        """A page of its connections, and the problem itself."""
        wanted, _ = asked(request)
        where, subject = session.workspace.workspace_id, self.subject
        if subject is None:
            raise NotFound("There is no problem here.")
        read = attention_members.read(session.db, session.who, where, subject, place, request.limit, text=wanted.text)
        self.problem, self._every = read.problem, read.connection_ids
        self.post_message(PageRead())
        return read.members

    def read_panel(self, session: Session, key: int) -> ConnectionDetail:
        """What the connection's page shows first."""
        return connections.get(session.db, session.who, key)

    def panel_lines(self, read: ConnectionDetail) -> Composer:
        """Name, truths, why."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" {name_of(read.row)}", "title"),), blank()]
            return [*head, *connection_summary(read, self.times, width), blank(), *overview(read, self.times, width)]

        return lines

    @on(PageRead)
    def _read(self, event: PageRead) -> None:
        self._is_solved = False
        columns = self.columns(self.is_wide)
        if [column.title for column in columns] != [column.title for column in self.table.columns]:
            self.table.set_columns(columns)
        self.show_head()
        self.show_frame()

    def tell_error(self, error: AtlasError) -> None:
        """Say what went wrong; a problem that is gone is solved, and the page says so."""
        if isinstance(error, NotFound) and self.problem is not None and not self._is_solved:
            self._is_solved = True
            self.show_head()
        super().tell_error(error)

    def show_head(self) -> None:
        """Why, and what next."""
        problem = self.problem
        if not self.is_mounted:
            return

        def lines(width: int) -> list[Line]:
            if problem is None:
                return [(Part(" Loading", "muted"),)]
            if self._is_solved:
                return [(Part(f" {problem.reason_code} is solved.", "ok"),), (Part(" Esc goes back.", "muted"),)]
            return head_lines(problem, self.times, width)

        self.query_one("#why", Scrolled).show(lines, from_top=True)

    def reason_here(self) -> str | None:
        """Its reason."""
        return None if self.problem is None else self.problem.reason_code

    def linked(self) -> Link | None:
        """The app, when it is the problem; else the connections whose badge says so."""
        if self.problem is None:
            return None
        if self.problem.platform_app_id is not None:
            return to_platform_app(self.problem.platform_app_id)
        return Link(View.CONNECTIONS, filter=f"reason:{self.problem.reason_code}")

    # Acting

    def all_commands(self) -> tuple[Command, ...]:
        """What can be done about the problem, too."""
        return (*super().all_commands(), REGISTRY["acknowledge"], REGISTRY["unacknowledge"])

    def targets(self) -> Targets:
        """The marked connections, or the one under the cursor."""
        keys = self._meant()
        return Targets(keys, count=len(keys))

    def _meant(self) -> tuple[int, ...]:
        selection, row = self.table.selection, self.table.cursor_row
        keys = tuple(key for key in selection.keys if isinstance(key, int))
        if selection.all_in_filter:
            return tuple(id for id in self._every if id not in selection.keys)
        return keys or (() if row is None else (row.connection.id,))

    def _open_menu(self, title: str, refusals: dict[str, str], labels: dict[str, str]) -> None:
        """What can be done about the problem, then about the connections that are meant."""
        refusal = "" if self.problem is None else self.problem.acknowledge_refusal
        more = {"acknowledge": refusal, "unacknowledge": refusal}
        refusals = {id: why for id, why in refusals.items() if id in _OFFERED}
        items = [
            MenuItem(id, REGISTRY[id].letter, labels.get(id, REGISTRY[id].label), why)
            for id, why in (more | refusals).items()
        ]
        self.app.push_screen(Menu(title, items), lambda id: self.do(id) if id is not None else None)

    def command_acknowledge(self) -> None:
        """Acknowledge it on what is meant."""
        ids, problem = self._meant(), self.problem
        if problem is None or not ids:
            self.atlas.flash("There is no problem here.")
        elif problem.acknowledge_refusal:
            self.atlas.flash(problem.acknowledge_refusal, "warn")
        else:
            shown = {row.connection.id: name_of(row.connection) for row in self.table.visible_rows}
            open_form(self.atlas, AcknowledgeProblem(problem.id, ids, [shown[id] for id in ids if id in shown]))

    def command_unacknowledge(self) -> None:
        """Take the acknowledgement back on what is meant."""
        ids, problem, session = self._meant(), self.problem, self.session
        if problem is None or not ids:
            self.atlas.flash("Mark some of them, or go to one.")
            return
        if problem.acknowledge_refusal:
            self.atlas.flash(problem.acknowledge_refusal, "warn")
            return
        sentences = (f"It shows again for everybody, on {count(len(ids), 'connection')}.",)
        ask_first(
            self,
            lambda: Consequences(f"Take back the acknowledgement of {problem.reason_code}", sentences, hurts=False),
            "Take it back",
            lambda ticket: acknowledging.withdraw(session.db, session.who, ids, problem.reason_code, ticket=ticket),
            lambda ended: f"{count(ended, 'acknowledgement')} taken back.",
        )


def _consent(row: Affected, now: datetime) -> Cell:
    checked = row.connection.last_checked_at
    return consent_badge(row.connection.consent_status, None if checked is None else now - checked)


def _verification(row: Affected, now: datetime) -> Cell:
    checked = row.connection.last_checked_at
    return verification_badge(row.connection.verification_status, None if checked is None else now - checked)


def _since(row: Affected, now: datetime) -> Cell:
    return cell("-" if row.since is None else age_bucket(now - row.since))
