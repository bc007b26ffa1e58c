"""A tenant's page in the system directory: what it is, whose, and how its default connection stands. Only to look at.

Must not know: how lists look.
"""

from __future__ import annotations

from typing import Any

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_system_runs_of
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.system_plane import SystemPlane
from atlas_tui.screens.system_text import directory_lines
from storage import system_directory
from storage.capabilities import Capability
from storage.states import Topic


class SystemTenantScreen(SystemPlane, PageScreen):
    """The page."""

    VIEW = View.SYSTEM_TENANT
    PLACES = (Where.DETAIL, Where.SYSTEM_TENANT)
    TOPICS = frozenset({Topic.TENANTS, Topic.CONNECTIONS, Topic.RUNS})
    NEEDS = Capability.PLATFORM_DIRECTORY_VIEW

    def tab(self) -> View:
        """The directory."""
        return View.SYSTEM

    def crumb(self) -> str:
        """The tenant's name."""
        return self.read.row.name if self.read is not None else ""

    def read_subject(self, id: int) -> Any:
        """The tenant."""
        return system_directory.get(self.session.db, self.session.who, id)

    def lines(self, width: int) -> list[Line]:
        """The page."""
        head: Line = (Part(f" {self.read.row.name}", "title"),)
        return [head, *directory_lines(self.read, self.times, width)]

    def offers(self, id: str) -> bool:
        """Enter opens its runs, for who may read runs."""
        return id != "open" or self.linked() is not None

    def show_page(self) -> None:
        """The page; what enter does depends on it."""
        super().show_page()
        if self.is_mounted:
            self.show_hints()

    def linked(self) -> Link | None:
        """Its runs."""
        if self.read is None or not self.read.may_see_runs:
            return None
        return to_system_runs_of(self.read.row.id, self.read.row.name)

    def command_open(self) -> None:
        """Open its runs."""
        if (link := self.linked()) is not None:
            self.atlas.navigation.go(link)

    def command_copy_id(self) -> None:
        """Copy the tenant's GUID."""
        if self.read is not None:
            copy_text(self.atlas, self.read.row.entra_tenant_id)
