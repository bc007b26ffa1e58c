"""The forms of a schedule: a new one, and another rhythm, time zone, jitter, quiet hours or name of one that is there.

Promise: while it is typed, the next due times are said on the schedule's own clock and in UTC, and on how many connections something
would be started. What a schedule starts and what it reaches is given once.

Must not know: how a form looks or is saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from atlas_tui.cells import Line
from atlas_tui.links import View, to_schedule
from atlas_tui.screens.form_definition import Filled, Form, Loaded, LookedUp, Saved
from atlas_tui.screens.form_fields import name_field
from atlas_tui.screens.prose import Times, field
from atlas_tui.widgets.form_field import Field, Kind, Option
from atlas_tui.widgets.form_state import Remark
from storage import (
    allowance,
    connections,
    operations,
    schedule_changes,
    schedule_consequences,
    schedule_detail,
    schedule_targets,
    tenant_search,
)
from storage.capabilities import Capability
from storage.consequences import count
from storage.errors import AtlasError
from storage.schedule_fields import read_jitter, read_quiet, read_rhythm
from storage.schedule_reach import COUNTED
from storage.schedule_targets import Preview, Target
from storage.states import ScheduleScope, Topic
from storage.tenant_fields import read_tag, read_time_zone

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.schedules import ScheduleRow

_OPERATIONS: Final = tuple(Option(found.type, found.label.lower()) for found in operations.CATALOG.values())
_SCOPES: Final = (
    Option(ScheduleScope.WORKSPACE.value, "workspace", "every tenant, those of tomorrow too"),
    Option(ScheduleScope.TAG.value, "tag", "tenants that have the tag, now and later"),
    Option(ScheduleScope.TENANT.value, "tenant", "all connections of one tenant"),
    Option(ScheduleScope.CONNECTION.value, "connection", "one connection"),
)


def _show(value: Any) -> str:
    return "" if value is None else str(value)


_NAME: Final = name_field("name", "Name", "name", "What your team calls it, such as Nightly inventory.")
_WHEN: Final = (
    Field(
        "rhythm",
        "Rhythm",
        read=lambda text: str(read_rhythm(text)),
        show=_show,
        hint="0 2 * * * (minute hour day month weekday: daily at 02:00), or every 6h.",
        is_required=True,
    ),
    Field(
        "time_zone",
        "Time zone",
        read=read_time_zone,
        hint="Whose clock that is, such as Europe/Berlin; empty means UTC.",
    ),
    Field(
        "jitter_minutes",
        "Jitter",
        read=read_jitter,
        show=_show,
        hint="Runs are spread over so long after the due time: 240, 4h; 0 starts all at once.",
    ),
    Field(
        "quiet",
        "Quiet hours",
        read=lambda text: _show(read_quiet(text)),
        show=_show,
        hint="What is due then waits for their end: 22:00-06:00; empty for none.",
    ),
)


def _target_fields() -> tuple[Field, ...]:
    def when(scope: ScheduleScope) -> Any:
        return lambda texts: texts["scope"] == scope

    return (
        Field("scope", "On", Kind.CHOICE, options=_SCOPES, hint="What it reaches. Left, right or space."),
        Field("tag", "Tag", read=read_tag, hint="One that some tenant has.", is_required=True,
              shown_when=when(ScheduleScope.TAG)),
        Field("tenant", "Tenant", hint="Its name, domain or tenant id.", is_required=True,
              shown_when=when(ScheduleScope.TENANT)),
        Field("connection", "Connection", hint="Its number, or its tenant's name, domain or tenant id.",
              is_required=True, shown_when=when(ScheduleScope.CONNECTION)),
    )  # fmt: skip


class NewSchedule(Form):
    """A schedule that is not there yet.

    Args:
        workspace_id: Where.
    """

    TAB = View.RUNS

    def __init__(self, workspace_id: int) -> None:
        super().__init__("schedule.create", f"workspace:{workspace_id}", "New schedule")
        self._workspace_id = workspace_id

    def load(self, session: Session) -> Loaded:
        """A nightly check of everything."""
        rights = allowance.allowance_somewhere(session.db, session.who, Capability.PROVIDER_MANAGE, self._workspace_id)
        what = Field("type", "Starts", Kind.CHOICE, options=_OPERATIONS, hint="Left, right or space.")
        there = {
            "type": operations.CONNECTION_CHECK,
            "scope": ScheduleScope.WORKSPACE.value,
            "time_zone": "UTC",
            "jitter_minutes": 60,
        }
        return Loaded((_NAME, what, *_target_fields(), *_WHEN), there, self._workspace_id, refusal=rights.refusal)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """When it would be due, and on how many connections."""
        values = filled.values
        if not _is_readable(values):
            return LookedUp()
        try:
            target = _target(session, self._workspace_id, values)
        except AtlasError as error:
            key = "tag" if values.get("tag") else "tenant" if values.get("tenant") else "connection"
            return LookedUp({key: Remark(str(error))})
        if target is None:
            return LookedUp()
        found = schedule_targets.preview(
            session.db,
            session.who,
            self._workspace_id,
            rhythm=values["rhythm"],
            target=target,
            time_zone=values.get("time_zone") or "UTC",
            quiet=values.get("quiet") or "",
        )
        return LookedUp(consequences=(*_due_sentences(found), _starts(values["type"], found)))

    def save(self, session: Session, filled: Filled) -> Saved:
        """Make it."""
        values = filled.values
        row = schedule_changes.create(
            session.db,
            session.who,
            self._workspace_id,
            name=values["name"],
            operation_type=values["type"],
            rhythm=values["rhythm"],
            target=_target(session, self._workspace_id, values) or Target(),
            time_zone=values.get("time_zone") or "UTC",
            jitter=str(values.get("jitter_minutes") or ""),
            quiet=values.get("quiet") or "",
            ticket=filled.ticket,
        )
        return Saved(f"{row.name} is on.", to_schedule(row.id))


class EditSchedule(Form):
    """A schedule that is there.

    Args:
        schedule_id: Which.
    """

    TAB = View.RUNS
    TOPICS = frozenset({Topic.SCHEDULES})
    IS_EDIT = True

    def __init__(self, schedule_id: int) -> None:
        super().__init__("schedule.edit", f"schedule:{schedule_id}", "Edit schedule")
        self._schedule_id = schedule_id

    def load(self, session: Session) -> Loaded:
        """What is stored."""
        detail = schedule_detail.get(session.db, session.who, self._schedule_id)
        row = detail.row
        self.title = f"Edit {row.name}"
        refusal = "" if detail.may_manage else f"Your role may not. {detail.who_may_manage}"
        there = {name: _stored(value) for name, value in schedule_changes.current_values(row).items()}

        def head(times: Times, width: int) -> Sequence[Line]:
            on = f"{row.reach.words}: {schedule_consequences.reached(detail)} now"
            return [*field("Starts", row.label, width), *field("On", on, width)]

        return Loaded((_NAME, *_WHEN), there, row.workspace_id, head, refusal, facts=row)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """When it would be due."""
        values = filled.values
        if not _is_readable(values):
            return LookedUp()
        row = schedule_detail.get(session.db, session.who, self._schedule_id).row
        found = schedule_targets.preview(
            session.db,
            session.who,
            row.workspace_id,
            rhythm=values["rhythm"],
            target=_target_of(row),
            time_zone=values.get("time_zone") or "UTC",
            quiet=values.get("quiet") or "",
            anchor=row.rule.anchor,
        )
        off = () if row.is_enabled else ("It is off: it is due only once it is enabled.",)
        return LookedUp(consequences=(*_due_sentences(found), *off))

    def save(self, session: Session, filled: Filled) -> Saved:
        """Change it."""
        row = schedule_changes.edit(
            session.db,
            session.who,
            self._schedule_id,
            changes=_for_storage(filled.changes),
            seen=_for_storage(filled.seen),
            ticket=filled.ticket,
        )
        return Saved(f"{row.name} is saved.", to_schedule(row.id))


def _stored(value: Any) -> Any:
    """A stored value as the form compares it: numbers as they are, everything else as it is typed."""
    return value if isinstance(value, int) else _show(value)


def _for_storage(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "" if value is None else value for name, value in values.items()}


def _target(session: Session, workspace_id: int, values: Mapping[str, Any]) -> Target | None:
    """What is named so far; None when it is not complete yet.

    Raises:
        NotFound, InvalidInput: It is not there, or several are meant.
    """
    match ScheduleScope(values["scope"]):
        case ScheduleScope.WORKSPACE:
            return Target()
        case ScheduleScope.TAG if values.get("tag"):
            return Target(tag=values["tag"])
        case ScheduleScope.TENANT if values.get("tenant"):
            return Target(
                tenant_id=tenant_search.find_by_name(session.db, session.who, workspace_id, values["tenant"]).id
            )
        case ScheduleScope.CONNECTION if values.get("connection"):
            found = connections.find_by_name(session.db, session.who, workspace_id, values["connection"])
            return Target(connection_id=found.id)
    return None


def _target_of(row: ScheduleRow) -> Target:
    match row.reach.kind:
        case ScheduleScope.TAG:
            return Target(tag=row.reach.name)
        case ScheduleScope.TENANT:
            return Target(tenant_id=row.reach.id)
        case ScheduleScope.CONNECTION:
            return Target(connection_id=row.reach.id)
        case ScheduleScope.WORKSPACE:
            return Target()


def _is_readable(values: Mapping[str, Any]) -> bool:
    """Whether all that decides when it is due can be read: else what would be said is not what was typed."""
    return bool(values.get("rhythm")) and {"time_zone", "quiet"} <= set(values)


def _due_sentences(found: Preview) -> tuple[str, ...]:
    """The rhythm in words, and when that is: on the schedule's clock, the first time in UTC too when that is another."""
    rule = found.rule
    times = ", ".join(f"{at.astimezone(rule.zone):%a %Y-%m-%d %H:%M}" for at in found.due)
    first = "" if rule.time_zone == "UTC" or not found.due else f" (the first is {found.due[0]:%m-%d %H:%M}Z)"
    return (f"{rule.rhythm.words}.", f"Due {times} {rule.time_zone}{first}.")


def _starts(operation_type: str, found: Preview) -> str:
    many = (
        f"more than {COUNTED:,} connections" if found.connections > COUNTED else count(found.connections, "connection")
    )
    return f"Starts {operations.find(operation_type).label.lower()} on {many} as they are now."
