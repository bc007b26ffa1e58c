"""The onboardings that are open, with a cursor, to go on with one.

Must not know: what the wizard shows.
"""

from __future__ import annotations

from atlas_tui.cells import Line, Part, fit
from atlas_tui.command import Where
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_onboarding
from atlas_tui.screens.onboarding_steps_text import state_part
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.prose import field
from storage import onboarding_state
from storage.onboarding_state import OnboardingState
from storage.states import Topic


class OnboardingsScreen(PageScreen):
    """The list; a workspace has few that are open at once."""

    VIEW = View.ONBOARDINGS
    PLACES = (Where.DETAIL, Where.ONBOARDINGS)
    TOPICS = frozenset({Topic.TENANTS, Topic.CONNECTIONS, Topic.RUNS})

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self.subject = 0
        self._chosen: int | None = None

    def tab(self) -> View:
        """Tenants."""
        return View.TENANTS

    def crumb(self) -> str:
        """What it is."""
        return "open onboardings"

    def link(self) -> Link:
        """This list."""
        return Link(self.VIEW)

    def follow(self, link: Link) -> None:
        """There is one list."""
        if self.is_mounted:
            self.reload()

    def read_subject(self, id: int) -> tuple[OnboardingState, ...]:
        """Those within reach."""
        session = self.session
        return onboarding_state.open_ones(session.db, session.who, session.workspace.workspace_id)

    @property
    def chosen(self) -> OnboardingState | None:
        """The one under the cursor."""
        rows: tuple[OnboardingState, ...] = self.read or ()
        return next((row for row in rows if row.id == self._chosen), rows[0] if rows else None)

    def lines(self, width: int) -> list[Line]:
        """A line each."""
        if not self.read:
            lines = field("", "No onboarding is open.", width)
            return lines + field(
                "Next step", ":onboard begins one, of a new tenant; :onboard NAME of one that is here.", width
            )
        at, name = self.chosen, max(16, width - 58)
        lines = [(Part(f"   {'TENANT':{name}} {'STEP':12} {'IS':10} {'HELD BY':14} SINCE", "muted"),)]
        for row in self.read:
            step = row.current
            held = Part(fit(row.held_by or "nobody", 14), "" if row.held_by == self.session.who.login else "warn")
            state = state_part(step.state)
            lines.append(
                (
                    Part(" > " if row is at else "   ", "strong"),
                    Part(fit(row.tenant_name, name) + " "),
                    Part(fit(step.label, 12) + " "),
                    Part(fit(state.text, 10) + " ", state.style),
                    held,
                    Part(f" {self.times.ago(row.started_at)}", "muted"),
                )
            )
        return lines

    def command_scroll_down(self) -> None:
        """The next one."""
        self._move(1)

    def command_scroll_up(self) -> None:
        """The one before."""
        self._move(-1)

    def _move(self, step: int) -> None:
        rows: tuple[OnboardingState, ...] = self.read or ()
        at = self.chosen
        if at is not None and 0 <= (index := rows.index(at) + step) < len(rows):
            self._chosen = rows[index].id
            self.show_page()
            # The heading's line is above the first one.
            self.page.scroll_lines(step if index + 2 > self.page.size.height or step < 0 else 0)

    def offers(self, id: str) -> bool:
        """Enter opens an onboarding, when there is one."""
        return id != "open" or self.chosen is not None

    def command_open(self) -> None:
        """Go on with it."""
        if (row := self.chosen) is not None:
            self.atlas.navigation.go(to_onboarding(row.id))

    def step(self, rows: int) -> Link | None:
        """The next one, for the wizard on top of this list."""
        before = self.chosen
        self._move(rows)
        after = self.chosen
        return None if after is None or after is before else to_onboarding(after.id)
