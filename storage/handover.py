"""The handover of a shift: what changed since a moment, and what is open now.

Promise: read from what is stored, in a handful of bounded reads; nothing is written for it. Whoever may not read the audit trail gets
everything but what people did. Newest first. Must not know: how it is shown or written out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Select, func, select

from storage import acknowledgements, attention, expiry_horizon, operations
from storage.access import Authority, Principal, authority
from storage.acknowledgements import Acknowledgement
from storage.attention import AttentionQuery, Problem
from storage.audit_filters import AuditQuery, entries_since
from storage.audit_trail import AuditEntry, entries_of
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import InvalidInput, NotFound
from storage.expiry_horizon import HorizonQuery, HorizonRow
from storage.pages import Place
from storage.schema import audit_entries as ae
from storage.schema import operation_runs as r
from storage.schema import provider_connections as pc
from storage.schema import tenants, workspaces
from storage.states import RunOutcome

LONGEST: Final = timedelta(days=31)
MOST: Final = 200
"""Lines of each part; how many there are beyond is said."""

ENDING_WITHIN: Final = timedelta(hours=24)

_BADGES: Final = "connection.badges"
_ENDED: Final = ("problem.solve", "problem.expire")
_NOT_TOLD: Final = ("session.start", "session.end", "session.refused", "audit.export")
_BAD_OUTCOMES: Final = (RunOutcome.FAILED.value, RunOutcome.LOST.value, RunOutcome.BLOCKED.value)


@dataclass(frozen=True, slots=True)
class BadgeChange:
    """A connection whose badges changed, from the first change to the last.

    Attributes:
        consent, verification: before and after; None when that did not change.
        reason_code: what it says now; None when it is content.
        at: the last change.
    """

    connection_id: int
    tenant_id: int
    tenant_name: str
    connection_name: str
    consent: tuple[str, str] | None
    verification: tuple[str, str] | None
    reason_code: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RunTrouble:
    """Runs of one operation that ended badly for one reason.

    Attributes:
        connections: on how many connections.
        last_run_id: the newest of them.
    """

    operation: str
    outcome: RunOutcome
    reason_code: str | None
    runs: int
    connections: int
    last_run_id: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Handover:
    """What changed, and what is open.

    Attributes:
        problems: what needs a human now; `new` says how many connections got it since.
        solved: acknowledged problems that were solved since, or whose snooze ended.
        people: what people did, newest first; None when the reader may not read the trail.
        acknowledged: what somebody owns now, the ones ending soon first.
        ending_soon: how many of those end within a day.
        expiring: credentials that are over or end within a week.
        more: part → how many lines of it were left out.
    """

    workspace: str
    since: datetime
    until: datetime
    problems: tuple[Problem, ...]
    badges: tuple[BadgeChange, ...]
    solved: tuple[AuditEntry, ...]
    runs: tuple[RunTrouble, ...]
    people: tuple[AuditEntry, ...] | None
    acknowledged: tuple[Acknowledgement, ...]
    ending_soon: int
    expiring: tuple[HorizonRow, ...]
    more: dict[str, int]


def handover(db: Database, who: Principal, workspace_id: int, span: timedelta) -> Handover:
    """Returns what changed in a workspace during the last hours or days, within what the principal may see.

    Args:
        db: the database.
        who: who hands over, or takes over.
        workspace_id: which workspace.
        span: how long back; up to a month.

    Raises:
        InvalidInput: the span is nothing, or too long.
        NotFound: the principal is no member.
    """
    if not timedelta(0) < span <= LONGEST:
        raise InvalidInput("since", "must be more than nothing and at most 31 days", "Such as 8h, 24h or 7d.")
    more: dict[str, int] = {}
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        now = tx.now()
        since = now - span
        slug = _slug(tx, workspace_id)
        badges = _badges(tx, rights, workspace_id, since, more)
        solved = _entries(tx, rights, workspace_id, since, Capability.PROVIDER_VIEW, (ae.c.action.in_(_ENDED),))
        troubles = _runs(tx, rights, workspace_id, since)
        people = None
        if _reads_trail(tx, rights, workspace_id):
            by_people = (ae.c.actor_id.is_not(None), ae.c.action.not_in(_NOT_TOLD))
            people = _entries(tx, rights, workspace_id, since, Capability.AUDIT_VIEW, by_people)
    problems = attention.overview(db, who, AttentionQuery(workspace_id, looked_at=since)).problems
    held = acknowledgements.page(db, who, workspace_id, Place.first(), MOST).rows
    far = now + timedelta(days=36500)
    held = tuple(sorted(held, key=lambda row: (row.until or far, row.id)))
    query = HorizonQuery(workspace_id, "bucket:expired,1,7")
    expiring = expiry_horizon.page(db, who, query, Place.first(), MOST)
    return Handover(
        workspace=slug,
        since=since,
        until=now,
        problems=_cut("problems", problems, more),
        badges=badges,
        solved=_cut("solved", solved, more),
        runs=_cut("runs", troubles, more),
        people=None if people is None else _cut("people", people, more),
        acknowledged=held,
        ending_soon=sum(row.until is not None and row.until <= now + ENDING_WITHIN for row in held),
        expiring=expiring.rows,
        more=more,
    )


def _cut(part: str, rows: Sequence[Any], more: dict[str, int]) -> tuple[Any, ...]:
    if len(rows) > MOST:
        more[part] = len(rows) - MOST
    return tuple(rows[:MOST])


def _slug(tx: Transaction, workspace_id: int) -> str:
    return str(tx.run(select(workspaces.c.slug).where(workspaces.c.id == workspace_id)).scalar_one())


def _reads_trail(tx: Transaction, rights: Authority, workspace_id: int) -> bool:
    if rights.reaches_whole(workspace_id, Capability.AUDIT_VIEW):
        return True
    clause = rights.tenant_clause(workspace_id, Capability.AUDIT_VIEW, tenants.c.id)
    return (
        tx.run(select(tenants.c.id).where(tenants.c.workspace_id == workspace_id, clause).limit(1)).first() is not None
    )


def _told(tx: Transaction, rights: Authority, workspace_id: int, since: datetime, needed: Capability) -> Select[Any]:
    """Entries of the trail since a moment, newest first, of tenants within reach of a capability."""
    statement = select(ae).where(ae.c.workspace_id == workspace_id, entries_since(tx, AuditQuery(workspace_id), since))
    if not rights.reaches_whole(workspace_id, needed):
        reach = rights.tenant_clause(workspace_id, needed, ae.c.tenant_id)
        statement = statement.where(ae.c.tenant_id.is_not(None), reach)
    return statement.order_by(ae.c.id.desc())


def _entries(
    tx: Transaction,
    rights: Authority,
    workspace_id: int,
    since: datetime,
    needed: Capability,
    which: tuple[Any, ...],
) -> tuple[AuditEntry, ...]:
    statement = _told(tx, rights, workspace_id, since, needed).where(*which).limit(MOST * 5)
    return entries_of(tx, tx.run(statement).all())


def _badges(
    tx: Transaction, rights: Authority, workspace_id: int, since: datetime, more: dict[str, int]
) -> tuple[BadgeChange, ...]:
    """Each connection once: what its badges were before the first change, and what they are after the last."""
    statement = _told(tx, rights, workspace_id, since, Capability.PROVIDER_VIEW).where(ae.c.action == _BADGES)
    told: dict[int, list[Any]] = {}
    for row in tx.run(statement.limit(MOST * 10)):
        told.setdefault(int(row.target_id), []).append(row)
    named = {
        row.id: row
        for row in tx.run(
            select(pc.c.id, pc.c.tenant_id, pc.c.display_name, pc.c.last_reason_code, tenants.c.name)
            .join(tenants, tenants.c.id == pc.c.tenant_id)
            .where(pc.c.id.in_(list(told)))
        )
    }
    found = [
        change
        for id, entries in told.items()
        if id in named and (change := _badge_change(named[id], entries)) is not None
    ]
    return tuple(_cut("badges", found, more))


def _badge_change(connection: Any, newest_first: Sequence[Any]) -> BadgeChange | None:
    details = [msgspec.json.decode(entry.canonical).get("detail", {}) for entry in reversed(newest_first)]
    consent, verification = (_from_to(details, name) for name in ("consent_status", "verification_status"))
    if consent is None and verification is None:
        return None
    return BadgeChange(
        connection.id,
        connection.tenant_id,
        connection.name,
        connection.display_name,
        consent,
        verification,
        connection.last_reason_code,
        newest_first[0].at,
    )


def _from_to(details: Sequence[dict[str, Any]], name: str) -> tuple[str, str] | None:
    """The first value and the last; None when nothing changed, or changed back."""
    changes = [(detail.get(f"{name}_before"), detail[name]) for detail in details if name in detail]
    if not changes or changes[0][0] == changes[-1][1]:
        return None
    return str(changes[0][0]), str(changes[-1][1])


def _runs(tx: Transaction, rights: Authority, workspace_id: int, since: datetime) -> tuple[RunTrouble, ...]:
    rows = tx.run(
        select(
            r.c.type,
            r.c.outcome,
            r.c.reason_code,
            func.count().label("runs"),
            func.count(r.c.connection_id.distinct()).label("connections"),
            func.max(r.c.id).label("last_run_id"),
            func.max(r.c.completed_at, type_=r.c.completed_at.type).label("last_at"),
        )
        .where(
            r.c.workspace_id == workspace_id,
            r.c.status == "completed",
            r.c.completed_at >= since,
            r.c.outcome.in_(_BAD_OUTCOMES),
            rights.tenant_clause(workspace_id, Capability.RUN_VIEW, r.c.tenant_id),
        )
        .group_by(r.c.type, r.c.outcome, r.c.reason_code)
    ).all()
    found = [
        RunTrouble(
            operations.find(row.type).label,
            RunOutcome(row.outcome),
            row.reason_code,
            row.runs,
            row.connections,
            row.last_run_id,
            row.last_at,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda trouble: (-trouble.connections, trouble.operation)))
