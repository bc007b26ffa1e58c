"""Schedules, as lists show them: what is started by itself, on what, and when next.

Promise: a schedule is seen by whoever sees something that it reaches; how its runs fare as a whole only by who sees all of it. Changing
one is in `schedule_changes.py`, everything about one in `schedule_detail.py`, becoming due in `schedule_firing.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, exists, false, func, insert, or_, select

from storage import filters, operations
from storage.access import Authority, Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schedule_stored import Fault, read_stored
from storage.schedule_times import DueRule
from storage.schema import provider_connections, schedules, tags, tenant_tags, tenants
from storage.states import ScheduleScope

DAILY_CHECK: Final = "Daily check"
"""Every workspace begins with it: each enabled connection is checked once a day, so that no badge stands on what was true long ago."""

_DAILY_CRON: Final = "0 2 * * *"
_DAILY_JITTER_MINUTES: Final = 240

_KEYS: Final[dict[str, Collection[str] | None]] = {
    "enabled": {"yes", "no"},
    "scope": set(ScheduleScope),
    "tag": None,
    "tenant": None,
    "type": None,
}


class Became(StrEnum):
    """What became of one connection when its schedule was due. The words are those of the database."""

    STARTED = "started"
    WAITING = "waiting"
    ATTACHED = "attached"
    BLOCKED = "blocked"
    DISABLED = "disabled"
    ARCHIVED = "archived"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a schedule's connections at one due time.

    Attributes:
        classes: how many connections, by what became of them; those with none are left out.
        reasons: how many of the blocked ones, by reason code.
    """

    classes: Mapping[Became, int]
    reasons: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many connections it reached."""
        return sum(self.classes.values())


@dataclass(frozen=True, slots=True)
class Reach:
    """What a schedule reaches.

    Attributes:
        kind: the whole workspace, a tag, a tenant or a connection.
        id: which tag, tenant or connection; None for the workspace.
        name: its name, a connection's with its tenant's; empty for the workspace.
        tenant_id: the tenant that it is about alone; None when it is about several.
    """

    kind: ScheduleScope
    id: int | None
    name: str
    tenant_id: int | None

    @property
    def words(self) -> str:
        """As people read it: `whole workspace`, `tag gold`, `Contoso`."""
        return {ScheduleScope.WORKSPACE: "whole workspace", ScheduleScope.TAG: f"tag {self.name}"}.get(
            self.kind, self.name
        )


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule in a list.

    Attributes:
        type: the operation that it starts.
        rule: when it is due.
        faults: what of that cannot be read; with one it is never due.
        jitter_minutes: over how long its runs are spread.
        next_due_at: when next; None while it is disabled or cannot be read, or until a worker has computed it.
        last_due_at: the last due time that it was fired for.
        last: what became of it then; None before the first time, and for who does not see all that it reaches.
    """

    id: int
    workspace_id: int
    type: str
    name: str
    reach: Reach
    rule: DueRule
    faults: tuple[Fault, ...]
    jitter_minutes: int
    is_enabled: bool
    next_due_at: datetime | None
    last_due_at: datetime | None
    last: Tally | None
    created_at: datetime
    updated_at: datetime

    @property
    def label(self) -> str:
        """What people call its operation."""
        return operations.find(self.type).label


@dataclass(frozen=True, slots=True)
class ScheduleQuery:
    """What a list of schedules shall show, by name. `text` is the filter line; `tenant_id` leaves those that reach this tenant."""

    workspace_id: int
    text: str = ""
    tenant_id: int | None = None
    descending: bool = False


def page(db: Database, who: Principal, query: ScheduleQuery, place: Place, limit: int = 100) -> Page[ScheduleRow]:
    """Returns a page of schedules, by name.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound: the principal is no member of the workspace.
    """
    wanted = filters.read_filter(query.text, _KEYS)
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(query.workspace_id):
            raise NotFound(f"Workspace {query.workspace_id} does not exist.")
        conditions = [schedules.c.workspace_id == query.workspace_id, visible(rights, query.workspace_id)]
        if query.tenant_id is not None:
            conditions.append(reaches_tenant(query.tenant_id))
        conditions += [_mentions(word) for word in wanted.words]
        conditions += [~_mentions(word) for word in wanted.not_words]
        conditions += [_matches(key, values) for key, values in wanted.values.items()]
        conditions += [~_matches(key, values) for key, values in wanted.not_values.items()]
        keys = [SortKey(column, column.name, query.descending) for column in (schedules.c.name, schedules.c.id)]
        statement = select_schedules().where(*conditions)
        return read_page(tx, statement, keys, place, limit, lambda row: row_of(rights, row), schedules.c.id)


def find_by_name(db: Database, who: Principal, workspace_id: int, name: str) -> int:
    """Returns the id of the schedule of a name, whatever its case.

    Raises:
        NotFound: none of this name is visible.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        rows = tx.run(
            select(schedules.c.id, schedules.c.name)
            .outerjoin(provider_connections, provider_connections.c.id == schedules.c.connection_id)
            .where(schedules.c.workspace_id == workspace_id, visible(rights, workspace_id))
            .order_by(schedules.c.id)
        )
        for row in rows:
            if filters.fold(row.name) == filters.fold(name):
                return int(row.id)
    raise NotFound("There is no schedule of that name.", "See `atlas-tui schedules list`.")


def find(tx: Transaction, rights: Authority, schedule_id: int) -> ScheduleRow:
    """Returns a schedule.

    Raises:
        NotFound: it is not there, or reaches nothing that is visible.
    """
    workspace_id = tx.run(select(schedules.c.workspace_id).where(schedules.c.id == schedule_id)).scalar_one_or_none()
    row = None
    if workspace_id is not None:
        mine = select_schedules().where(schedules.c.id == schedule_id, visible(rights, workspace_id))
        row = tx.run(mine).first()
    if row is None:
        raise NotFound(f"Schedule {schedule_id} does not exist.")
    return row_of(rights, row)


def make_daily_check(tx: Transaction, workspace_id: int) -> None:
    """Gives a new workspace its daily check. A worker computes when it is due first."""
    now = tx.now()
    tx.run(
        insert(schedules).values(
            workspace_id=workspace_id,
            type=operations.CONNECTION_CHECK,
            name=DAILY_CHECK,
            scope_kind=ScheduleScope.WORKSPACE.value,
            cron=_DAILY_CRON,
            time_zone="UTC",
            jitter_minutes=_DAILY_JITTER_MINUTES,
            created_at=now,
            updated_at=now,
        )
    )


def visible(rights: Authority, workspace_id: int) -> ColumnElement[bool]:
    """Makes the condition that a schedule (joined with its connection) reaches something that the principal may see."""
    if not rights.may_enter(workspace_id):
        return false()
    if rights.reaches_whole(workspace_id, Capability.PROVIDER_VIEW):
        return schedules.c.workspace_id == workspace_id
    alone = func.coalesce(schedules.c.tenant_id, provider_connections.c.tenant_id)
    tagged = exists().where(
        and_(
            tenant_tags.c.tag_id == schedules.c.tag_id,
            rights.tenant_clause(workspace_id, Capability.PROVIDER_VIEW, tenant_tags.c.tenant_id),
        )
    )
    return or_(
        schedules.c.scope_kind == ScheduleScope.WORKSPACE.value,
        and_(schedules.c.scope_kind == ScheduleScope.TAG.value, tagged),
        and_(alone.is_not(None), rights.tenant_clause(workspace_id, Capability.PROVIDER_VIEW, alone)),
    )


def reaches_tenant(tenant_id: int) -> ColumnElement[bool]:
    """Makes the condition that a schedule (joined with its connection) reaches something of a tenant of its workspace."""
    labels = select(tenant_tags.c.tag_id).where(tenant_tags.c.tenant_id == tenant_id)
    return or_(
        schedules.c.scope_kind == ScheduleScope.WORKSPACE.value,
        schedules.c.tag_id.in_(labels),
        func.coalesce(schedules.c.tenant_id, provider_connections.c.tenant_id) == tenant_id,
    )


def select_schedules() -> Select[Any]:
    """Makes the query for schedules with the names of what they reach, as `row_of` takes them."""
    return (
        select(
            schedules,
            tags.c.name.label("tag_name"),
            tenants.c.name.label("tenant_name"),
            provider_connections.c.display_name.label("connection_name"),
            provider_connections.c.tenant_id.label("connection_tenant_id"),
        )
        .select_from(schedules)
        .outerjoin(provider_connections, provider_connections.c.id == schedules.c.connection_id)
        .outerjoin(tenants, tenants.c.id == func.coalesce(schedules.c.tenant_id, provider_connections.c.tenant_id))
        .outerjoin(tags, tags.c.id == schedules.c.tag_id)
    )


def row_of(rights: Authority, row: Row[Any]) -> ScheduleRow:
    """Makes a list's row of what `select_schedules` found."""
    reach, (rule, faults) = _reach(row), read_stored(row)
    return ScheduleRow(
        id=row.id,
        workspace_id=row.workspace_id,
        type=row.type,
        name=row.name,
        reach=reach,
        rule=rule,
        faults=faults,
        jitter_minutes=row.jitter_minutes,
        is_enabled=row.is_enabled,
        next_due_at=None if faults else row.next_due_at,
        last_due_at=row.last_due_at,
        last=tally_of(row.last_result) if sees_all_of(rights, row.workspace_id, reach) else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def sees_all_of(rights: Authority, workspace_id: int, reach: Reach) -> bool:
    """Says whether somebody who sees a schedule sees all that it reaches: totals are for nobody else."""
    return reach.tenant_id is not None or rights.reaches_whole(workspace_id, Capability.PROVIDER_VIEW)


def _reach(row: Row[Any]) -> Reach:
    kind = ScheduleScope(row.scope_kind)
    match kind:
        case ScheduleScope.TAG:
            return Reach(kind, row.tag_id, row.tag_name, None)
        case ScheduleScope.TENANT:
            return Reach(kind, row.tenant_id, row.tenant_name, row.tenant_id)
        case ScheduleScope.CONNECTION:
            name = f"{row.tenant_name} / {row.connection_name}"
            return Reach(kind, row.connection_id, name, row.connection_tenant_id)
        case ScheduleScope.WORKSPACE:
            return Reach(kind, None, "", None)


def tally_of(stored: Mapping[str, Any] | None) -> Tally | None:
    """Reads what became of a schedule's connections, as firings store it."""
    if stored is None:
        return None
    classes = {became: stored["classes"][became.value] for became in Became if became.value in stored["classes"]}
    return Tally(classes, dict(sorted(stored["reasons"].items())))


def _mentions(word: str) -> ColumnElement[bool]:
    pattern = filters.like(word)
    columns = (schedules.c.name, schedules.c.type, tags.c.name, tenants.c.name)
    return or_(*(func.lower(func.coalesce(column, "")).like(pattern, escape="\\") for column in columns))


def _matches(key: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    match key:
        case "enabled":
            return or_(*(schedules.c.is_enabled if value == "yes" else ~schedules.c.is_enabled for value in values))
        case "scope":
            return schedules.c.scope_kind.in_(values)
        case "tag":
            return func.coalesce(tags.c.name, "").in_(values)
    column = tenants.c.sort_name if key == "tenant" else schedules.c.type
    return or_(*(func.coalesce(column, "").like(filters.like(value), escape="\\") for value in values))
