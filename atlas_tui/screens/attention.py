"""Attention: what needs a human now. The first screen.

Promise: the widest problem is on top; what is new since the person looked last is marked, and stays marked while they go into it and
come back. To come here by the tab is to look.

Must not know: where problems come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on

from atlas_tui.cells import Line
from atlas_tui.command import Where
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_problem
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.problem_acting import ProblemActs, mended_at
from atlas_tui.screens.problem_text import columns, members_lines, problem_lines, summary
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.status_line import Segment
from atlas_tui.widgets.table_messages import ListTexts, PageRead
from storage import attention, attention_members
from storage.attention import AttentionQuery, Overview, Problem
from storage.attention_members import Affected
from storage.errors import AtlasError, NotFound
from storage.pages import Page, Place, page_of
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session

COUNT_AGAIN_AFTER: Final = timedelta(seconds=15)
"""While another screen is seen, the number on the tab is counted at most this often."""

SHORTEST_STEP: Final = 12
LONGEST_STEP: Final = 30
"""Cells of the column of next steps."""

_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class ProblemRead:
    """A problem and the first of its connections."""

    problem: Problem
    members: Page[Affected]


class AttentionScreen(ProblemActs, ListScreen[Problem]):
    """The list."""

    VIEW = View.ATTENTION
    PLACES = (Where.LIST, Where.ATTENTION, Where.PROBLEM_ACTION)
    TOPICS = frozenset({Topic.ATTENTION, Topic.CONNECTIONS, Topic.RUNS, Topic.WORKERS, Topic.TENANTS})
    FILTER_HINT: ClassVar[str] = "word  who:us  who:customer  new  acked  reason:secret_expired"
    ORDER: ClassVar[str] = "widest first"
    TEXTS = ListTexts(empty="Nothing needs you now.", empty_hint="/acked shows what somebody has acknowledged.")

    def __init__(self, keymap: Keymap) -> None:
        self._found: Overview | None = None
        self._looked_at: datetime | None = None
        self._is_new_visit = True
        self._visit = Lock()
        self._counted_at: datetime | None = None
        super().__init__(keymap)

    # The rows

    def columns(self, wide: bool) -> Sequence[Column[Problem]]:
        """Those that fit; the mark of what is new only while something is."""
        found = self._found
        marks_new = found is not None and found.new > 0
        shown = () if found is None else (*found.problems, *found.acknowledged)
        longest = max((len(problem.next_step.words) for problem in shown), default=0)
        step_width = min(LONGEST_STEP, max(SHORTEST_STEP, longest))
        return columns(acknowledged=self._shows_acknowledged, marks_new=marks_new, step_width=step_width)

    @property
    def _shows_acknowledged(self) -> bool:
        return bool({"acked", "acked:yes"} & set(self.filter.text.split()))

    def key_of(self, row: Problem) -> int:
        """The problem's number."""
        return row.id

    def link_to(self, row: Problem) -> Link:
        """Its connections; of the installation's own, where it is mended."""
        return mended_at(row) if row.is_of_installation else to_problem(row.id)

    def id_text(self, row: Problem) -> str:
        """Its reason code."""
        return row.reason_code

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[Problem]:
        """A page of problems. The first one of a visit is a look."""
        wanted, tenant_id = asked(request)
        where = session.workspace.workspace_id
        looked_at, awaits = self._last_look(session, where), self.atlas.worker.is_starting
        query = AttentionQuery(where, wanted.text, tenant_id, looked_at, awaits)
        found = attention.overview(session.db, session.who, query)
        self._found = found
        self.post_message(PageRead())
        rows = found.acknowledged if attention.asks_for_acknowledged(wanted.text) else found.problems
        return page_of(rows, self.key_of, place, request.limit)

    def _last_look(self, session: Session, where: int) -> datetime | None:
        """When the person looked before this visit. Two pages may be read at once: the second one waits for the answer of the first."""
        with self._visit:
            if self._is_new_visit:
                self._looked_at = attention.look(session.db, session.who, where)
                self._is_new_visit = False
            return self._looked_at

    def read_panel(self, session: Session, key: int) -> ProblemRead:
        """What its page shows, in short."""
        where = session.workspace.workspace_id
        problem = attention.find(session.db, session.who, where, key)
        if problem.is_of_installation:
            return ProblemRead(problem, Page((), (), False, False))
        try:
            members = attention_members.page(session.db, session.who, where, key, Place.first(), _SHOWN)
        except NotFound:
            members = Page((), (), False, False)
        return ProblemRead(problem, members)

    def panel_lines(self, read: ProblemRead) -> Composer:
        """Why, whom, what next."""

        def lines(width: int) -> list[Line]:
            return [
                *problem_lines(read.problem, self.times, width),
                *members_lines(read.members.rows, read.members.has_after, self.times, width),
            ]

        return lines

    def problem_meant(self) -> Problem | None:
        """The one under the cursor."""
        return self.table.cursor_row

    def reason_here(self) -> str | None:
        """Its reason."""
        row = self.table.cursor_row
        return None if row is None else row.reason_code

    def linked(self) -> Link | None:
        """The connections whose badge says so."""
        row = self.table.cursor_row
        if row is None or row.is_of_installation:
            return None
        return Link(View.CONNECTIONS, filter=f"reason:{row.reason_code}")

    # What is seen

    def follow(self, link: Link) -> None:
        """Somebody comes to look."""
        super().follow(link)
        self._is_new_visit = True
        if self.is_mounted:
            self.reload()

    @on(PageRead)
    def _counted(self, event: PageRead) -> None:
        self._take_count()
        columns = self.columns(self.is_wide)
        if [(column.title, column.width) for column in columns] != [
            (column.title, column.width) for column in self.table.columns
        ]:
            self.table.set_columns(columns)
        self.show_state()

    def _take_count(self) -> None:
        found = self._found
        if found is not None and not self.filter.text and self.atlas.navigation.pin is None:
            self._counted_at = self.atlas.clock()
            self._show_count(len(found.problems))

    def _show_count(self, count: int) -> None:
        self.atlas.navigation.problems = count
        if (screen := self.atlas.seen) is not None:
            screen.show_frame()

    def miss(self, topics: frozenset[Topic]) -> None:
        """Something changed while another screen is seen: the number on the tab may be another one."""
        super().miss(topics)
        now = self.atlas.clock()
        due = self._counted_at is None or now - self._counted_at >= COUNT_AGAIN_AFTER
        if not (topics & self.TOPICS and due and self.is_mounted):
            return
        self._counted_at, session = now, self.session
        query = AttentionQuery(session.workspace.workspace_id, awaits_worker=self.atlas.worker.is_starting)

        def show(found: Overview) -> None:
            self._show_count(len(found.problems))

        self.ask("count", lambda: attention.overview(session.db, session.who, query), show, _ignored)

    def leading(self) -> list[Segment]:
        """How much it is."""
        if self._found is None or self._shows_acknowledged:
            return [Segment("acknowledged", "strong")] if self._found is not None else []
        acked = len(self._found.acknowledged)
        left = [Segment(summary(self._found), "strong")]
        return [*left, Segment(f"{acked:,} acknowledged (/acked)", "muted", 1)] if acked else left

    # Commands

    def command_actions(self) -> None:
        """The menu of one problem, which is always about all of its connections."""
        selection = self.table.selection
        if selection.all_in_filter or len(selection.keys) > 1:
            self.atlas.flash(
                "One problem at a time, with all its connections: take the marks away first (esc).", "warn"
            )
        else:
            super().command_actions()

    def command_only_new(self) -> None:
        """Only what is new, or all."""
        words = self.filter.text.split()
        kept = [word for word in words if word != "new"]
        text = " ".join(kept if len(kept) < len(words) else [*words, "new"])
        self.set_filter(replace(self.filter, text=text))


def _ignored(error: AtlasError) -> None:
    """The tab keeps its number until the database answers again."""
