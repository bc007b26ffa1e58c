"""Commands about schedules: going to them, making and editing one, and those of a schedule's actions menu."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_MANAGE: Final = Capability.PROVIDER_MANAGE
_HERE: Final = Where.SCHEDULE_ACTION

SCHEDULES: Final = (
    command("schedules", "", "schedules", "Go to the schedules: what is started by itself, and when next.",
            Where.EVERYWHERE, word="schedules"),
    command("new_schedule", "N", "new", "Have something started by itself, in a form.", Where.SCHEDULES, hint=4,
            capability=_MANAGE),
    command("edit_schedule", "e", "edit", "Change when the schedule is due.", Where.SCHEDULES, Where.SCHEDULE, hint=5,
            capability=_MANAGE),
)  # fmt: skip

SCHEDULE_ACTIONS: Final = (
    command("run_schedule", "", "Run now", "Start everything that the schedule would start, now and all at once.", _HERE,
            letter="r", capability=Capability.PROVIDER_RUN),
    command("enable_schedule", "", "Enable", "Enable the schedule, from its next due time on.", _HERE, letter="n",
            capability=_MANAGE),
    command("disable_schedule", "", "Disable", "Disable the schedule; what it has started goes on.", _HERE, letter="b",
            capability=_MANAGE),
    command("delete_schedule", "", "Delete", "Delete the schedule and its history; its runs stay.", _HERE, letter="D",
            capability=_MANAGE),
)  # fmt: skip
