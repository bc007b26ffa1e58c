"""The list of runs, newest first: of the workspace, or of one connection.

Must not know: how a run's own page looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from atlas_tui.badges import RUN_BADGE_WIDTH, run_badge
from atlas_tui.cells import Cell, Line, Part, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_connection, to_run
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.run_text import progress_words, run_lines
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import runs
from storage.runs import RunDetail, RunQuery, RunRow
from storage.states import RunStatus, Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place


def _what_now(row: RunRow, now: datetime) -> Cell:
    """Progress while it is on its way, the reason afterwards."""
    if row.status is RunStatus.COMPLETED:
        return cell(row.reason_code or "")
    if row.cancel_requested_at is not None:
        return cell("cancel requested", "warn")
    if row.waiting_until is not None and row.waiting_until > now:
        return cell("waits for Microsoft", "warn")
    return cell(progress_words(row.progress_done, row.progress_total, row.phase), "info")


def _at(row: RunRow) -> datetime:
    return row.completed_at or row.started_at or row.queued_at


_NUMBER: Final[Column[RunRow]] = Column("id", "RUN", lambda row, now: cell(f"#{row.id}"), 7)
_TENANT: Final[Column[RunRow]] = Column(
    "tenant", "TENANT", lambda row, now: cell(row.tenant_name), 14, share=2, priority=1
)
_REST: Final[tuple[Column[RunRow], ...]] = (
    Column("type", "OPERATION", lambda row, now: cell(row.label), 16, priority=2),
    Column("state", "STATE", lambda row, now: run_badge(row.status, row.outcome), RUN_BADGE_WIDTH),
    Column("age", "AGE", lambda row, now: cell(age_bucket(now - _at(row))), 5, priority=3, align="right", age_of=_at),
    Column("reason", "REASON", _what_now, 14, share=2, priority=1),
)
USUAL: Final = (_NUMBER, _TENANT, *_REST)
WIDE: Final[tuple[Column[RunRow], ...]] = (
    *USUAL,
    Column("initiator", "BY", lambda row, now: cell(row.initiator), 10, priority=4),
    Column("cause", "CAUSE", lambda row, now: cell(row.cause.value), 9, priority=5),
    Column("attempt", "TRY", lambda row, now: cell(row.attempt), 3, priority=6, align="right"),
    Column("name", "CONNECTION", lambda row, now: cell(row.connection_name), 12, share=1, priority=7),
)


class RunsScreen(Acts, ListScreen[RunRow]):
    """The list."""

    VIEW = View.RUNS
    PLACES = (Where.LIST, Where.RUNS)
    TOPICS = frozenset({Topic.RUNS})
    FILTER_HINT: ClassVar[str] = "word  #1842  status:running  outcome:failed  reason:…  since:1h  by:dana"
    ORDER: ClassVar[str] = "newest first"
    TEXTS = ListTexts(empty="No run here.", empty_hint="A run begins on a connection: x, c checks it.")

    def columns(self, wide: bool) -> Sequence[Column[RunRow]]:
        """Few, or as many as fit."""
        return WIDE if wide else USUAL

    def key_of(self, row: RunRow) -> int:
        """The run's number."""
        return row.id

    def link_to(self, row: RunRow) -> Link:
        """Its page."""
        return to_run(row.id)

    def tenant_of(self, row: RunRow) -> tuple[int, str]:
        """Its tenant."""
        return row.tenant_id, row.tenant_name

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[RunRow]:
        """A page of runs."""
        wanted, tenant_id = asked(request)
        query = RunQuery(session.workspace.workspace_id, wanted.text, wanted.connection_id, tenant_id)
        return runs.page(session.db, session.who, query, place, request.limit)

    def read_panel(self, session: Session, key: int) -> RunDetail:
        """What its page shows."""
        return runs.get(session.db, session.who, key)

    def panel_lines(self, read: RunDetail) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" Run #{read.row.id}  {read.row.label}", "title"),), blank()]
            return [*head, *run_lines(read, self.times, width)]

        return lines

    def linked(self) -> Link | None:
        """The run's connection."""
        row = self.table.cursor_row
        return None if row is None else to_connection(row.connection_id)

    def targets(self) -> Targets:
        """The run under the cursor."""
        row = self.table.cursor_row
        return Targets(run_id=None if row is None else row.id)
