"""What running a schedule now, disabling it or deleting it does, in sentences: the same on the screen and on the command line."""

from __future__ import annotations

from storage.consequences import Consequences, count
from storage.schedule_detail import ScheduleDetail
from storage.schedule_reach import COUNTED
from storage.states import ScheduleScope


def reached(detail: ScheduleDetail) -> str:
    """Says on how many connections a schedule would start something now."""
    number = detail.connections
    if number is None:
        return "every enabled connection that it reaches"
    return f"more than {COUNTED:,} connections" if number > COUNTED else count(number, "connection")


def of_running_now(detail: ScheduleDetail) -> Consequences:
    """Says what running it now would do. It asks when more than one connection is meant."""
    row = detail.row
    sentences = [
        f"A worker starts the {row.label.lower()} on {reached(detail)}, all at once: without jitter, in quiet hours too.",
        "Where the same is on its way already, that is attached to; what a person waits for goes first.",
    ]
    if row.is_enabled:
        sentences.append("Its next due time stays.")
    return Consequences(f"Run {row.name} now", tuple(sentences), hurts=detail.connections != 1)


def of_disabling(detail: ScheduleDetail) -> Consequences:
    """Says what disabling it would do."""
    row = detail.row
    sentences = [f"{row.label} no longer starts by itself on {reached(detail)}, until it is enabled again."]
    if row.reach.kind is ScheduleScope.WORKSPACE:
        sentences.append("Unless another schedule does, nothing keeps what it found fresh: old badges only dim.")
    sentences.append("What it has started goes on.")
    return Consequences(f"Disable {row.name}", tuple(sentences), hurts=False)


def of_removal(detail: ScheduleDetail) -> Consequences:
    """Says what deleting it would do."""
    row = detail.row
    return Consequences(
        f"Delete the schedule {row.name}",
        (
            f"{row.label} no longer starts by itself on {reached(detail)}, for good; its history is deleted.",
            "The runs that it started stay, and what it has started goes on. To pause it, disable it instead.",
        ),
        hurts=True,
    )
