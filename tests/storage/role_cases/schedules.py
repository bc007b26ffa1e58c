"""Role table: schedules."""

from __future__ import annotations

from typing import Any

from storage import schedule_changes, schedule_detail, schedule_reach, schedule_running, schedule_targets, schedules
from storage.operations import CONNECTION_CHECK
from storage.pages import Place
from storage.schedule_targets import Target
from storage.schedules import ScheduleQuery

VIEW, RUN, MANAGE = "provider.view", "provider.run", "provider.manage"


def _contoso(fleet: Any) -> Target:
    return Target(tenant_id=int(fleet.tenant["contoso"]))


def _made(fleet: Any) -> int:
    return schedule_changes.create(
        fleet.db, fleet.dana, fleet.north, name="Theirs", operation_type=CONNECTION_CHECK, rhythm="every 6h",
        target=_contoso(fleet),
    ).id  # fmt: skip


def _fired(fleet: Any) -> tuple[int, int]:
    schedule = _made(fleet)
    return schedule, schedule_running.run_now(fleet.db, fleet.dana, schedule).firing_id


CASES = {
    "schedules.page": (
        VIEW, "entrance", lambda f, who, _: schedules.page(f.db, who, ScheduleQuery(f.north), Place.first())
    ),
    "schedules.find_by_name": (
        VIEW, "contoso", lambda f, who, _: schedules.find_by_name(f.db, who, f.north, "theirs"), _made
    ),
    "schedule_detail.get": (VIEW, "contoso", lambda f, who, id: schedule_detail.get(f.db, who, id), _made),
    "schedule_running.progress": (
        VIEW, "contoso", lambda f, who, pair: schedule_running.progress(f.db, who, *pair), _fired
    ),
    "schedule_reach.next_for_tenant": (
        VIEW, "contoso", lambda f, who, _: schedule_reach.next_for_tenant(f.db, who, f.tenant["contoso"])
    ),
    "schedule_targets.preview": (
        MANAGE, "contoso",
        lambda f, who, _: schedule_targets.preview(f.db, who, f.north, rhythm="every 6h", target=_contoso(f)),
    ),
    "schedule_changes.create": (
        MANAGE, "contoso",
        lambda f, who, _: schedule_changes.create(
            f.db, who, f.north, name="New", operation_type=CONNECTION_CHECK, rhythm="0 2 * * *", target=_contoso(f)
        ),
    ),
    "schedule_changes.edit": (
        MANAGE, "contoso",
        lambda f, who, id: schedule_changes.edit(f.db, who, id, changes={"jitter_minutes": "30"}), _made,
    ),
    "schedule_changes.set_enabled": (
        MANAGE, "contoso", lambda f, who, id: schedule_changes.set_enabled(f.db, who, id, False), _made
    ),
    "schedule_changes.remove": (
        MANAGE, "contoso", lambda f, who, id: schedule_changes.remove(f.db, who, id), _made
    ),
    "schedule_running.run_now": (
        RUN, "contoso", lambda f, who, id: schedule_running.run_now(f.db, who, id), _made
    ),
}  # fmt: skip

ONCE = {"schedule_changes.remove"}
READS = {"schedule_targets.preview"}
