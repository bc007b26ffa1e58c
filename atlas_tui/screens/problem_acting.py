"""The menu of a problem: start checks on all of it, acknowledge it, go to where it is mended.

Promise: each asks first; what is not possible is there, dimmed, with the reason and who may. What concerns no connection in particular can
only be mended.

Must not know: how the list of problems looks.

What an action needs is imported when it is done: this is part of the first screen, which shall be there soon.
"""

from __future__ import annotations

from typing import Final

from atlas_tui.commands import REGISTRY
from atlas_tui.links import Link, View, to_connection, to_consent, to_platform_app, to_problem
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import attention_members, operations, reasons
from storage.attention import Problem
from storage.capabilities import CAPABILITIES_OF, Capability
from storage.consequences import Consequences, count
from storage.reasons import Category

_NO_CONNECTION: Final = "It concerns no connection in particular."


class ProblemActs(AtlasScreen):
    """A screen with a problem to act on. Put it before the kind of screen it is."""

    def problem_meant(self) -> Problem | None:
        """The problem that is meant now."""
        raise NotImplementedError

    def problem_refusals(self, problem: Problem) -> dict[str, str]:
        """Why each action cannot be done now; empty texts for those that can."""
        role = self.session.workspace.role
        run = "" if Capability.PROVIDER_RUN in CAPABILITIES_OF[role] else f"The role {role.value} may not."
        acknowledge = problem.acknowledge_refusal
        return {
            "fix_problem": "",
            "check_problem": _NO_CONNECTION if problem.is_of_installation else run,
            "acknowledge": acknowledge or ("" if problem.connections else "It is acknowledged everywhere already."),
            "unacknowledge": acknowledge or ("" if problem.acknowledged else "Nobody has acknowledged it."),
        }

    def command_actions(self) -> None:
        """Open the menu."""
        problem = self.problem_meant()
        if problem is None:
            self.atlas.flash("There is no problem here.")
            return
        refusals = self.problem_refusals(problem)
        items = [MenuItem(id, REGISTRY[id].letter, REGISTRY[id].label, why) for id, why in refusals.items()]
        self.app.push_screen(Menu(problem.reason_code, items), lambda id: self.do(id) if id is not None else None)

    def _may(self, id: str) -> Problem | None:
        """The problem, unless there is a reason why not, which is said."""
        problem = self.problem_meant()
        if problem is None:
            self.atlas.flash("There is no problem here.")
        elif refusal := self.problem_refusals(problem)[id]:
            self.atlas.flash(refusal, "warn")
            return None
        return problem

    def command_fix_problem(self) -> None:
        """Go to where it is mended."""
        if (problem := self._may("fix_problem")) is not None:
            self.atlas.navigation.go(mended_at(problem))

    def command_check_problem(self) -> None:
        """Start a check on all that have it."""
        if (problem := self._may("check_problem")) is None:
            return
        from atlas_tui.screens.starting_many import StartMany
        from storage.batch_selection import Selection

        session, where = self.session, self.session.workspace.workspace_id
        check = operations.find(operations.CONNECTION_CHECK)

        def ask(ids: tuple[int, ...]) -> None:
            StartMany(self, check, Selection.named(where, ids), count(len(ids), "connection")).ask_first()

        self.ask(
            "problem",
            lambda: attention_members.connection_ids(session.db, session.who, where, problem.id),
            ask,
            self.tell_error,
        )

    def command_acknowledge(self) -> None:
        """Acknowledge it, in a form."""
        from atlas_tui.screens.acknowledge_form import AcknowledgeProblem
        from atlas_tui.screens.form_opening import open_form

        if (problem := self._may("acknowledge")) is not None:
            open_form(self.atlas, AcknowledgeProblem(problem.id))

    def command_unacknowledge(self) -> None:
        """Take every acknowledgement of it back."""
        if (problem := self._may("unacknowledge")) is None:
            return
        from atlas_tui.screens.connection_actions import ask_first

        session, where = self.session, self.session.workspace.workspace_id
        sentences = (f"It shows again for everybody, on {count(problem.acknowledged, 'connection')}.",)
        ask_first(
            self,
            lambda: Consequences(f"Take back the acknowledgement of {problem.reason_code}", sentences, hurts=False),
            "Take it back",
            lambda ticket: attention_members.withdraw_problem(
                session.db, session.who, where, problem.id, ticket=ticket
            ),
            lambda ended: f"{count(ended, 'acknowledgement')} taken back.",
        )


def mended_at(problem: Problem) -> Link:
    """Where a problem is mended: the workers, the app, the consent, the connection, or the list of those it concerns."""
    if problem.is_of_installation:
        return Link(View.HEALTH)
    if problem.platform_app_id is not None:
        return to_platform_app(problem.platform_app_id)
    if problem.only_connection_id is None:
        return to_problem(problem.id)
    if reasons.find(problem.reason_code).category is Category.CONSENT:
        return to_consent(problem.only_connection_id)
    return to_connection(problem.only_connection_id)
