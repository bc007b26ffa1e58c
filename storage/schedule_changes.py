"""Making, editing, enabling, disabling and deleting a schedule.

Promise: each change is one transaction with its audit entry. It takes `provider.manage` on all that the schedule reaches. Two people who
edit the same schedule lose nothing (`edits.merge`). What a schedule starts and what it reaches stay as they were made: its runs tell of it.
Must not know how one becomes due (`schedule_firing.py`), or is told to run (`schedule_running.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import delete, insert, select, update

from storage import audit, operations
from storage.access import Authority, Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.edits import last_change, merge
from storage.errors import Conflict, InvalidInput
from storage.schedule_fields import read_changes, read_field
from storage.schedule_targets import WHOLE_WORKSPACE, Target, columns_of, refuse_archived
from storage.schedule_times import DueRule, next_due
from storage.schedules import ScheduleRow, find, row_of, select_schedules
from storage.schema import schedules
from storage.states import Topic

CREATE: Final = "schedule.create"
EDIT: Final = "schedule.edit"
ENABLE: Final = "schedule.enable"
DISABLE: Final = "schedule.disable"
DELETE: Final = "schedule.delete"


def create(
    db: Database,
    who: Principal,
    workspace_id: int,
    *,
    name: str,
    operation_type: str,
    rhythm: str,
    target: Target = WHOLE_WORKSPACE,
    time_zone: str = "UTC",
    jitter: str = "",
    quiet: str = "",
    ticket: str | None = None,
) -> ScheduleRow:
    """Makes a schedule, enabled.

    Args:
        db: the database.
        who: who does it.
        workspace_id: where.
        name: what it is called.
        operation_type: what it starts, an entry of the catalog.
        rhythm: a cron expression, or `every 6h`.
        target: what it reaches.
        time_zone: whose clock the rhythm and the quiet hours are read from.
        jitter: over how many minutes its runs are spread.
        quiet: between which times of day nothing begins, `22:00-06:00`.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: a schedule of this name exists, or what it shall reach is archived.
        NotFound, Forbidden: what it shall reach is not visible, or not allowed.
    """
    operation = operations.find(operation_type)
    given = {"name": name, "rhythm": rhythm, "time_zone": time_zone, "jitter_minutes": jitter, "quiet": quiet}
    values = read_changes(given)

    def work(tx: Transaction) -> ScheduleRow:
        rights = authority(tx, who)
        reached = columns_of(tx, rights, workspace_id, target)
        _refuse_taken(tx, workspace_id, values["name"])
        now = tx.now()
        rule = DueRule(values["rhythm"], values["time_zone"], values["quiet"], now)
        schedule_id = tx.run(
            insert(schedules)
            .values(
                workspace_id=workspace_id,
                type=operation.type,
                **reached,
                **_columns(values),
                next_due_at=next_due(rule, now),
                created_by_id=who.user_id,
                created_at=now,
                updated_at=now,
            )
            .returning(schedules.c.id)
        ).scalar_one()
        made = _row_in(tx, rights, schedule_id)
        told = {field: _told(value) for field, value in values.items()}
        note(tx, who, CREATE, made, ticket, told | {"type": operation.type, "reach": made.reach.words})
        return made

    return audit.attempt(db, who, CREATE, work, target_kind="workspace", target_id=workspace_id, ticket=ticket)


def edit(
    db: Database,
    who: Principal,
    schedule_id: int,
    *,
    changes: Mapping[str, Any],
    seen: Mapping[str, Any] | None = None,
    ticket: str | None = None,
) -> ScheduleRow:
    """Edits a schedule. With another rhythm, time zone or quiet hours its next due time is computed anew.

    Args:
        db: the database.
        who: who does it.
        schedule_id: which.
        changes: the values the editor wants, by the names of `schedule_fields.LABELS`, as text or as stored.
        seen: the values the editor was shown; a field that is not here is written outright.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: a field cannot be used.
        EditConflict: somebody else changed the same field meanwhile; it says what to.
        Conflict: a schedule of this name exists.
        NotFound, Forbidden: not visible, or not allowed.
    """
    wanted = read_changes(changes)
    shown = {name: _read_shown(name, value) for name, value in (seen or {}).items()}

    def work(tx: Transaction) -> ScheduleRow:
        rights = authority(tx, who)
        row = lock(tx, rights, schedule_id, Capability.PROVIDER_MANAGE)
        current = current_values(row)
        effective = merge(
            shown, current, wanted, by=lambda: last_change(tx, row.workspace_id, "schedule", schedule_id, [EDIT])
        )
        if not effective:
            return row
        if "name" in effective:
            _refuse_taken(tx, row.workspace_id, effective["name"], but=schedule_id)
        now = tx.now()
        after = current | effective
        moved: dict[str, Any] = {}
        if row.is_enabled and set(effective) & {"rhythm", "time_zone", "quiet"}:
            _refuse_faults(row, mended=effective)
            rule = DueRule(after["rhythm"], after["time_zone"], after["quiet"], row.rule.anchor)
            moved["next_due_at"] = next_due(rule, now)
        tx.run(
            update(schedules)
            .where(schedules.c.id == schedule_id)
            .values(**_columns(effective), **moved, updated_at=now)
        )
        told = {f"{name}_before": _told(current[name]) for name in effective}
        note(tx, who, EDIT, row, ticket, told | {name: _told(value) for name, value in effective.items()})
        return _row_in(tx, rights, schedule_id)

    return audit.attempt(db, who, EDIT, work, target_kind="schedule", target_id=schedule_id, ticket=ticket)


def set_enabled(
    db: Database, who: Principal, schedule_id: int, enabled: bool, *, ticket: str | None = None
) -> ScheduleRow:
    """Enables a schedule, from its next due time on, or disables it. What it has started goes on.

    Raises:
        Conflict: the tenant that it is about is archived.
        InvalidInput: what is stored of when it is due cannot be read.
        NotFound, Forbidden: not visible, or not allowed.
    """
    action = ENABLE if enabled else DISABLE

    def work(tx: Transaction) -> ScheduleRow:
        rights = authority(tx, who)
        row = lock(tx, rights, schedule_id, Capability.PROVIDER_MANAGE)
        if enabled:
            _refuse_faults(row)
        if row.is_enabled == enabled:
            return row
        now = tx.now()
        if enabled and row.reach.tenant_id is not None:
            refuse_archived(tx, row.reach.tenant_id)
        due = next_due(row.rule, now) if enabled else None
        tx.run(
            update(schedules)
            .where(schedules.c.id == schedule_id)
            .values(is_enabled=enabled, next_due_at=due, updated_at=now)
        )
        note(tx, who, action, row, ticket, {"name": row.name})
        return _row_in(tx, rights, schedule_id)

    return audit.attempt(db, who, action, work, target_kind="schedule", target_id=schedule_id, ticket=ticket)


def remove(db: Database, who: Principal, schedule_id: int, *, ticket: str | None = None) -> str:
    """Deletes a schedule and returns its name. The runs that it started stay.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> str:
        row = lock(tx, authority(tx, who), schedule_id, Capability.PROVIDER_MANAGE, to_delete=True)
        note(tx, who, DELETE, row, ticket, {"name": row.name, "type": row.type, "rhythm": str(row.rule.rhythm)})
        tx.run(delete(schedules).where(schedules.c.id == schedule_id))
        return row.name

    return audit.attempt(db, who, DELETE, work, target_kind="schedule", target_id=schedule_id, ticket=ticket)


def current_values(row: ScheduleRow) -> dict[str, Any]:
    """Returns a schedule's editable fields as they are stored; one that cannot be read is the text that stands there."""
    values = {
        "name": row.name,
        "rhythm": row.rule.rhythm,
        "time_zone": row.rule.time_zone,
        "jitter_minutes": row.jitter_minutes,
        "quiet": row.rule.quiet,
    }
    return values | {fault.field: fault.stored for fault in row.faults}


def _read_shown(name: str, value: Any) -> Any:
    """Reads what the editor was shown; what could not be read was shown as it stands in the database."""
    try:
        return read_field(name, value)
    except InvalidInput:
        return str(value)


def _refuse_faults(row: ScheduleRow, mended: Collection[str] = ()) -> None:
    """Refuses to compute when a schedule is due while some of it cannot be read.

    Raises:
        InvalidInput: naming the first such field.
    """
    for fault in row.faults:
        if fault.field not in mended:
            raise fault.refused()


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: values[name] for name in ("name", "time_zone", "jitter_minutes") if name in values}
    if "rhythm" in values:
        columns |= {"cron": values["rhythm"].cron, "interval_minutes": values["rhythm"].interval_minutes}
    if "quiet" in values:
        quiet = values["quiet"]
        columns["quiet_from"] = None if quiet is None else f"{quiet.begin:%H:%M}"
        columns["quiet_until"] = None if quiet is None else f"{quiet.end:%H:%M}"
    return columns


def _told(value: Any) -> str | int | None:
    return value if isinstance(value, int) or value is None else str(value)


def _refuse_taken(tx: Transaction, workspace_id: int, name: str, but: int | None = None) -> None:
    taken = tx.run(
        select(schedules.c.id).where(schedules.c.workspace_id == workspace_id, schedules.c.name == name)
    ).scalar_one_or_none()
    if taken is not None and taken != but:
        raise Conflict(f"name: this workspace has a schedule {name} already.", "Choose another name.")


def _row_in(tx: Transaction, rights: Authority, schedule_id: int) -> ScheduleRow:
    return row_of(rights, tx.run(select_schedules().where(schedules.c.id == schedule_id)).one())


def lock(
    tx: Transaction, rights: Authority, schedule_id: int, capability: Capability, *, to_delete: bool = False
) -> ScheduleRow:
    """Locks a schedule that the principal holds a capability on, on all that it reaches, and returns it.

    Args:
        tx: a write transaction.
        rights: whose.
        schedule_id: which.
        capability: what it takes.
        to_delete: nothing may refer to it meanwhile.

    Raises:
        NotFound: it is not there, or reaches nothing that is visible.
        Forbidden: it is visible, but this is not allowed.
    """
    statement = select(schedules.c.id).where(schedules.c.id == schedule_id)
    if not tx.is_sqlite:
        # Runs refer to the schedule: an edit lets a worker go on making them, a deletion waits for it.
        tx.run(statement.with_for_update(key_share=not to_delete))
    found, what = find(tx, rights, schedule_id), f"Schedule {schedule_id}"
    rights.require(tx, capability, found.workspace_id, found.reach.tenant_id, see=Capability.PROVIDER_VIEW, what=what)
    return found


def note(
    tx: Transaction,
    who: Principal,
    action: str,
    row: ScheduleRow,
    ticket: str | None,
    detail: Mapping[str, audit.DetailValue],
) -> None:
    """Tells in the trail, and to whoever looks at schedules, that something was done to one."""
    audit.record(
        tx,
        who,
        action,
        target_kind="schedule",
        target_id=row.id,
        workspace_id=row.workspace_id,
        tenant_id=row.reach.tenant_id,
        ticket=ticket,
        detail=detail,
    )
    tx.touch(Topic.SCHEDULES)
