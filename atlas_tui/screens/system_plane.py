"""What the screens of the system plane share: line 1 and tabs of their own, and nothing that would act in a workspace.

Promise: line 1 says that this is the system plane, with which platform role, and that it only looks; a command that belongs to a workspace
is refused with the way there, whether its reader is a member of one or not.

Must not know: what a screen shows.
"""

from __future__ import annotations

from typing import ClassVar, Final

from atlas_tui.links import View
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.standing import identity_of_staff, running
from atlas_tui.widgets.status_line import Segment
from atlas_tui.widgets.tab_line import Tab
from storage.capabilities import Capability
from storage.errors import AtlasError

_TABS: Final = (
    (View.SYSTEM, "[", "Directory", Capability.PLATFORM_DIRECTORY_VIEW),
    (View.SYSTEM_RUNS, "]", "Runs", Capability.PLATFORM_RUNS_VIEW),
)
_OF_A_WORKSPACE: Final = frozenset(
    {"drafts", "find", "import_fleet", "members", "onboard_tenant", "onboardings", "platform_apps", "connection", "run"}
)


class SystemPlane(AtlasScreen):
    """A screen of the system plane. Put it before the kind of screen it is."""

    NEEDS: ClassVar[Capability]
    """The platform role that opens it."""

    def status_segments(self) -> tuple[list[Segment], list[Segment]]:
        """The plane, the platform roles, and how fresh it is."""
        return identity_of_staff(self.session), running(self.atlas, in_workspace=False)

    def tab_words(self) -> list[Tab]:
        """What the reader's platform roles open."""
        return [Tab(key, word) for _, key, word, needed in _TABS if needed in self.session.platform]

    def tab_key(self) -> str:
        """The tab one is on, or below."""
        return next((key for view, key, _, _ in _TABS if view is self.tab()), "")

    def command_next_tab(self) -> None:
        """The runs."""
        self.atlas.everywhere.command_system_runs()

    def command_previous_tab(self) -> None:
        """The directory."""
        self.atlas.everywhere.command_system()

    def do(self, id: str) -> None:
        """Whatever acts in a workspace is done there."""
        if id in _OF_A_WORKSPACE:
            way = ":workspace NAME goes there" if self.session.workspaces else "you are a member of none"
            self.atlas.flash(f"That is done in a workspace; {way}.", "warn")
        else:
            super().do(id)

    def tell_error(self, error: AtlasError) -> None:
        """Say what went wrong; not that a role was taken, which is said already, on the way out of here."""
        if self.NEEDS in self.session.platform:
            super().tell_error(error)
