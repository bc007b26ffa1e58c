"""The runs of all workspaces, newest first, or of one tenant. Only to look at.

Must not know: how a run's own page looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.badges import RUN_BADGE_WIDTH, run_badge
from atlas_tui.cells import Line, Part, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_system_run, to_system_tenant
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.run_text import run_lines
from atlas_tui.screens.scrolled import Composer
from atlas_tui.screens.system_plane import SystemPlane
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import system_runs
from storage.capabilities import Capability
from storage.runs import RunRow
from storage.states import Topic
from storage.system_runs import SystemRun, SystemRunDetail, SystemRunQuery

if TYPE_CHECKING:
    from datetime import datetime

    from atlas_tui.session import Session
    from storage.pages import Page, Place


def _at(row: SystemRun) -> datetime:
    run: RunRow = row.run
    return run.completed_at or run.started_at or run.queued_at


_COLUMNS: tuple[Column[SystemRun], ...] = (
    Column("id", "RUN", lambda row, now: cell(f"#{row.run.id}"), 7),
    Column("workspace", "WORKSPACE", lambda row, now: cell(row.workspace), 10, share=1, priority=3),
    Column("tenant", "TENANT", lambda row, now: cell(row.run.tenant_name), 12, share=2, priority=1),
    Column("type", "OPERATION", lambda row, now: cell(row.run.label), 16, priority=2),
    Column("state", "STATE", lambda row, now: run_badge(row.run.status, row.run.outcome), RUN_BADGE_WIDTH),
    Column("age", "AGE", lambda row, now: cell(age_bucket(now - _at(row))), 4, priority=4, align="right", age_of=_at),
    Column("reason", "REASON", lambda row, now: cell(row.run.reason_code or ""), 10, share=2, priority=1),
)


class SystemRunsScreen(SystemPlane, ListScreen[SystemRun]):
    """The list."""

    VIEW = View.SYSTEM_RUNS
    PLACES = (Where.LIST, Where.SYSTEM_RUNS)
    TOPICS = frozenset({Topic.RUNS})
    NEEDS = Capability.PLATFORM_RUNS_VIEW
    FILTER_HINT: ClassVar[str] = "word  #1842  status:running  outcome:failed  reason:…  since:1h  by:dana"
    ORDER: ClassVar[str] = "newest first"
    TEXTS = ListTexts(empty="No run here.", empty_hint="Runs are started in a workspace, never from here.")

    def columns(self, wide: bool) -> Sequence[Column[SystemRun]]:
        """Those that fit."""
        return _COLUMNS

    def key_of(self, row: SystemRun) -> int:
        """The run's number."""
        return row.run.id

    def link_to(self, row: SystemRun) -> Link:
        """Its page."""
        return to_system_run(row.run.id)

    def link(self) -> Link:
        """The way back to this list as it is."""
        return Link(self.VIEW, filter=self.filter.text, title=self.filter.title, tenant_id=self.filter.tenant_id)

    def follow(self, link: Link) -> None:
        """All runs, or those of the tenant that the link names."""
        text = self.filter.text if link.filter is None else link.filter
        wanted = replace(self.filter, text=text, tenant_id=link.tenant_id, title=link.title)
        if wanted != self.filter:
            self.set_filter(wanted)

    def linked(self) -> Link | None:
        """The run's tenant, for who may read the directory."""
        row = self.table.cursor_row
        if row is None or Capability.PLATFORM_DIRECTORY_VIEW not in self.session.platform:
            return None
        return to_system_tenant(row.run.tenant_id)

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[SystemRun]:
        """A page of runs."""
        wanted, _ = asked(request)
        query = SystemRunQuery(wanted.text, wanted.tenant_id)
        return system_runs.page(session.db, session.who, query, place, request.limit)

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """The runs, each with its workspace."""
        for found in super().records(session, request, format):
            run = found["run"]
            yield {"workspace": found["workspace"]} | {key.name: getattr(run, key.name) for key in fields(run)}

    def read_panel(self, session: Session, key: int) -> SystemRunDetail:
        """What its page shows."""
        return system_runs.get(session.db, session.who, key)

    def panel_lines(self, read: SystemRunDetail) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" Run #{read.run.row.id}  {read.run.row.label}", "title"),), blank()]
            return [*head, *run_lines(read.run, self.times, width)]

        return lines
