"""A run's page on the system plane: the same as in its workspace, and its workspace's name. Only to look at.

Must not know: how lists look.
"""

from __future__ import annotations

from typing import Any

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_system_tenant
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.prose import field
from atlas_tui.screens.run_text import run_lines
from atlas_tui.screens.system_plane import SystemPlane
from storage import system_runs
from storage.capabilities import Capability
from storage.states import Topic


class SystemRunScreen(SystemPlane, PageScreen):
    """The page."""

    VIEW = View.SYSTEM_RUN
    PLACES = (Where.DETAIL, Where.SYSTEM_RUN)
    TOPICS = frozenset({Topic.RUNS})
    NEEDS = Capability.PLATFORM_RUNS_VIEW

    def tab(self) -> View:
        """Runs."""
        return View.SYSTEM_RUNS

    def crumb(self) -> str:
        """The run's number and operation."""
        return f"#{self.subject} {self.read.run.row.label}" if self.read is not None else f"#{self.subject}"

    def read_subject(self, id: int) -> Any:
        """The run."""
        return system_runs.get(self.session.db, self.session.who, id)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        run = self.read.run
        head: Line = (Part(f" Run #{run.row.id}  {run.row.label}", "title"),)
        return [head, *field("Workspace", self.read.workspace, width), *run_lines(run, self.times, width)]

    def linked(self) -> Link | None:
        """The run's tenant, for who may read the directory."""
        if self.read is None or Capability.PLATFORM_DIRECTORY_VIEW not in self.session.platform:
            return None
        return to_system_tenant(self.read.run.row.tenant_id)

    def command_copy_id(self) -> None:
        """Copy the run's number."""
        copy_text(self.atlas, str(self.subject))
