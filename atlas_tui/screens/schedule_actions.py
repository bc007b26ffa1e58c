"""The actions menu of a schedule: run now, edit, enable, disable, delete.

Promise: what follows is said before it is done; Cancel has the focus; deleting asks for the name, typed. Storage decides; what is dimmed
here is refused there.

Must not know: how the list or the page of schedules looks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from atlas_tui.commands import REGISTRY
from atlas_tui.links import Link, View
from atlas_tui.schedule_words import running_now_words
from atlas_tui.screens.connection_actions import ask_first
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.screens.schedule_form import EditSchedule
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import schedule_changes, schedule_consequences, schedule_detail, schedule_running
from storage.consequences import Consequences
from storage.schedule_detail import ScheduleDetail
from storage.schedule_running import RunningNow
from storage.schedules import ScheduleRow

_LETTERS: Final = {"edit_schedule": "e"}


def to_runs_of(schedule_id: int) -> Link:
    """The runs that a schedule started."""
    return Link(View.RUNS, filter=f"schedule:{schedule_id}")


class ScheduleActs(AtlasScreen):
    """A screen with a schedule to act on."""

    def schedule_meant(self) -> int | None:
        """The schedule that is meant now."""
        raise NotImplementedError

    def schedule_is_gone(self) -> None:
        """The schedule that is shown was deleted."""

    def _with_schedule(self, then: Callable[[ScheduleDetail], None]) -> None:
        id, session = self.schedule_meant(), self.session
        if id is None:
            self.atlas.flash("There is no schedule here; N makes one.")
        else:
            found = id
            self.ask("schedule", lambda: schedule_detail.get(session.db, session.who, found), then, self.tell_error)

    def command_actions(self) -> None:
        """Open the menu."""
        self._with_schedule(self._open_menu)

    def _open_menu(self, detail: ScheduleDetail) -> None:
        row = detail.row
        manage = "" if detail.may_manage else f"Your role may not. {detail.who_may_manage}"
        run = "" if detail.may_run else f"Your role may not. {detail.who_may_run}"
        refused = {
            "run_schedule": run,
            "edit_schedule": manage,
            "enable_schedule": manage or ("It is on already." if row.is_enabled else _mend_first(row)),
            "disable_schedule": manage or ("" if row.is_enabled else "It is off already."),
            "delete_schedule": manage,
        }
        items = [
            MenuItem(id, _LETTERS.get(id) or REGISTRY[id].letter, REGISTRY[id].label.capitalize(), why)
            for id, why in refused.items()
        ]
        self.app.push_screen(Menu(f"Schedule {row.name}", items), lambda id: self.do(id) if id is not None else None)

    def command_edit_schedule(self) -> None:
        """Change when it is due."""
        if (id := self.schedule_meant()) is not None:
            open_form(self.atlas, EditSchedule(id))

    def command_run_schedule(self) -> None:
        """Run it now."""

        def told(result: RunningNow) -> str:
            self.reload()
            return running_now_words("The schedule", result)

        self._confirm(
            schedule_consequences.of_running_now,
            "Run now",
            lambda id, ticket: schedule_running.run_now(self.session.db, self.session.who, id, ticket=ticket),
            told,
        )

    def command_enable_schedule(self) -> None:
        """Enable it."""
        self._switch(True, _of_enabling, "Enable")

    def command_disable_schedule(self) -> None:
        """Disable it."""
        self._switch(False, schedule_consequences.of_disabling, "Disable")

    def _switch(self, wanted: bool, say: Callable[[ScheduleDetail], Consequences], verb: str) -> None:
        def told(row: ScheduleRow) -> str:
            return f"{row.name} is {'on' if row.is_enabled else 'off'}"

        self._confirm(
            say,
            verb,
            lambda id, ticket: schedule_changes.set_enabled(
                self.session.db, self.session.who, id, wanted, ticket=ticket
            ),
            told,
        )

    def command_delete_schedule(self) -> None:
        """Delete it."""

        def told(name: str) -> str:
            self.schedule_is_gone()
            return f"The schedule {name} is deleted"

        def ask(detail: ScheduleDetail) -> None:
            session, row = self.session, detail.row
            ask_first(
                self,
                lambda: schedule_consequences.of_removal(detail),
                "Delete",
                lambda ticket: schedule_changes.remove(session.db, session.who, row.id, ticket=ticket),
                told,
                name_to_type=row.name,
            )

        self._with_schedule(ask)

    def _confirm(
        self,
        say: Callable[[ScheduleDetail], Consequences],
        verb: str,
        do: Callable[[int, str | None], RunningNow | ScheduleRow],
        told: Callable[..., str],
    ) -> None:
        """Ask with what it would do, do it, say so."""
        id, session = self.schedule_meant(), self.session
        if id is None:
            self.atlas.flash("There is no schedule here; N makes one.")
            return
        found = id
        ask_first(
            self,
            lambda: say(schedule_detail.get(session.db, session.who, found)),
            verb,
            lambda ticket: do(found, ticket),
            told,
        )


def _mend_first(row: ScheduleRow) -> str:
    return f"Its {row.faults[0].label} cannot be read: edit it first." if row.faults else ""


def _of_enabling(detail: ScheduleDetail) -> Consequences:
    row = detail.row
    when = f" It is due next at {detail.due[0]:%Y-%m-%d %H:%M}Z." if detail.due else ""
    sentence = f"{row.label} starts by itself on {schedule_consequences.reached(detail)}."
    return Consequences(f"Enable {row.name}", (f"{sentence}{when}",), hurts=False)
