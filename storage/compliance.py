"""Compliance of devices over time: what snapshots counted, per tenant.

Promise: a trend and a difference are made of whole snapshots only, one point a day (the day's last, in UTC); a partial one is shown beside
them, never among them. Every read is bounded: a tenant's days, or a page of tenants.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Row, Select, String, cast, func, select, type_coerce

from storage import figure_order, last_runs, operations, resolver
from storage import tenants as tenant_reads
from storage.access import Principal
from storage.capabilities import Capability
from storage.compliance_publishing import STATES
from storage.database import Database, Transaction
from storage.errors import InvalidInput
from storage.last_runs import LastRun
from storage.pages import Page, Place
from storage.schema import compliance_snapshots, tenants
from storage.tenants import TenantQuery, TenantRow

SPARKLINE_DAYS: Final = 14
LONGEST_TREND: Final = 3660
_S: Final = compliance_snapshots.c


class ComplianceOrder(StrEnum):
    """What a list of tenants can be in the order of: the name, or a figure of the last whole snapshot."""

    NAME = "name"
    DEVICES = "devices"
    SHARE = "share"
    NONCOMPLIANT = "noncompliant"
    CHANGE = "change"
    AGE = "age"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot.

    Attributes:
        is_complete: every page was read and believed; only such a one is a point of a trend.
        total: all devices.
        counts: devices by state, every state of `compliance_publishing.STATES` named, in that order.
        by_platform: the same by platform; a platform without devices is left out, a state without devices too.
    """

    id: int
    tenant_id: int
    connection_id: int
    run_id: int
    taken_at: datetime
    is_complete: bool
    total: int
    counts: Mapping[str, int]
    by_platform: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Compliance:
    """What is known of a tenant's devices now.

    Attributes:
        snapshot: the last whole one; None when there is none.
        before: the whole one before it, which differences are taken against.
        partial: the last one of all, when it is newer than `snapshot` and not whole.
    """

    snapshot: Snapshot | None
    before: Snapshot | None
    partial: Snapshot | None = None

    @property
    def difference(self) -> Mapping[str, int] | None:
        """How each state, and `total`, changed since the snapshot before; None when there are not two."""
        if self.snapshot is None or self.before is None:
            return None
        now, then = self.snapshot, self.before
        changes = {state: now.counts[state] - then.counts[state] for state in STATES}
        return {"total": now.total - then.total, **changes}


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The last whole snapshot of a day."""

    day: date
    taken_at: datetime
    total: int
    counts: Mapping[str, int]

    @property
    def share(self) -> float | None:
        """The part of all devices that is compliant, from 0 to 1; None without devices."""
        return self.counts["compliant"] / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class TenantCompliance:
    """One line of a workspace's list.

    Attributes:
        now: the last whole snapshot and the one before, and a newer one that is not whole.
        points: a sparkline: the days of the last two weeks that have a whole snapshot, oldest first.
        last_run: the last run, where there is no whole snapshot.
        connection_id: the tenant's default connection; None when it has none.
    """

    tenant_id: int
    tenant_name: str
    now: Compliance
    points: tuple[TrendPoint, ...]
    last_run: LastRun | None = None
    connection_id: int | None = None


def latest(db: Database, who: Principal, tenant_id: int) -> Compliance:
    """Returns what is known of a tenant's devices.

    Raises:
        NotFound: the tenant is not visible.
    """
    with db.read() as tx:
        tenant_reads.require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        return latest_in(tx, tenant_id)


def latest_in(tx: Transaction, tenant_id: int, connection_id: int | None = None) -> Compliance:
    """Does what `latest` does, for a caller that has asked for authority.

    Args:
        tx: an open transaction.
        tenant_id: which tenant.
        connection_id: only what this connection counted.
    """
    newest = select(compliance_snapshots).where(_S.tenant_id == tenant_id)
    if connection_id is not None:
        newest = newest.where(_S.connection_id == connection_id)
    newest = newest.order_by(_S.taken_at.desc(), _S.id.desc())
    whole = [_snapshot(row) for row in tx.run(newest.where(_S.is_complete).limit(2)).all()]
    last = tx.run(newest.limit(1)).first()
    snapshot = whole[0] if whole else None
    partial = None if last is None or last.is_complete else _snapshot(last)
    return Compliance(snapshot, whole[1] if len(whole) > 1 else None, partial)


def of_run(db: Database, who: Principal, tenant_id: int, run_id: int) -> Snapshot | None:
    """Returns the snapshot that a run of a tenant took; None when it took none.

    Raises:
        NotFound: the tenant is not visible.
    """
    with db.read() as tx:
        tenant_reads.require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        row = tx.run(select(compliance_snapshots).where(_S.run_id == run_id, _S.tenant_id == tenant_id)).first()
    return None if row is None else _snapshot(row)


def trend(db: Database, who: Principal, tenant_id: int, *, days: int = 30) -> tuple[TrendPoint, ...]:
    """Returns a tenant's trend, oldest day first; days without a whole snapshot are left out.

    Args:
        db: the database.
        who: who asks.
        tenant_id: which tenant.
        days: how many days back, today included.

    Raises:
        InvalidInput: not a number of days that can be asked for.
        NotFound: the tenant is not visible.
    """
    if not 1 <= days <= LONGEST_TREND:
        raise InvalidInput("days", f"must be from 1 to {LONGEST_TREND}")
    with db.read() as tx:
        tenant_reads.require(tx, who, tenant_id, Capability.PROVIDER_VIEW)
        return points_in(tx, [tenant_id], days)[tenant_id]


def of_workspace(
    db: Database,
    who: Principal,
    query: TenantQuery,
    place: Place,
    limit: int = 100,
    *,
    order: ComplianceOrder = ComplianceOrder.NAME,
) -> Page[TenantCompliance]:
    """Returns a page of tenants, each with what is known of its devices and a sparkline.

    Args:
        db: the database.
        who: who asks.
        query: which tenants; and which way round.
        place: where.
        limit: rows wanted.
        order: in the order of what. `SHARE` is the share that is compliant; `AGE` is when the snapshot was taken; `CHANGE` is by how many
            more are noncompliant than in the snapshot before.

    Raises:
        InvalidInput: the filter line cannot be read, or too many tenants fit for this order.
        NotFound: the principal is no member.
    """
    found: Page[TenantRow] | Page[Row[Any]]
    if order is ComplianceOrder.NAME:
        found = tenant_reads.page(db, who, query, place, limit)
    else:
        with db.read() as tx:
            conditions = tenant_reads.conditions_for(tx, who, query)
            figure = _figure(order)
            found = figure_order.page_by(tx, figure, conditions, place, limit, descending=query.descending)
    ids = [row.id for row in found.rows]
    with db.read() as tx:
        points = points_in(tx, ids)
        known = _newest(tx, ids)
        without = [tenant_id for tenant_id in ids if known[tenant_id].snapshot is None]
        tried = last_runs.of_tenants(tx, without, operations.COMPLIANCE_SNAPSHOT)
        default = resolver.default_ids(tx, ids)
    rows = tuple(
        TenantCompliance(row.id, row.name, known[row.id], points[row.id], tried.get(row.id), default.get(row.id))
        for row in found.rows
    )
    return Page(rows, found.cursors, found.has_before, found.has_after, position=found.position)


def _figure(order: ComplianceOrder) -> ColumnElement[Any]:
    """A figure of the last whole snapshot of the tenant around it; NULL where there is none."""
    noncompliant = _S.counts["noncompliant"].as_integer()
    if order is ComplianceOrder.CHANGE:
        return _last_whole(noncompliant).scalar_subquery() - _last_whole(noncompliant).offset(1).scalar_subquery()
    if order is ComplianceOrder.SHARE:
        # In millionths: the places of a keyset are whole numbers.
        compliant = cast(_S.counts["compliant"].as_integer(), BigInteger)
        return _last_whole(cast(compliant * 1_000_000 / func.nullif(_S.total, 0), BigInteger)).scalar_subquery()
    by = {
        ComplianceOrder.DEVICES: _S.total,
        ComplianceOrder.NONCOMPLIANT: noncompliant,
        ComplianceOrder.AGE: _S.taken_at,
    }
    return _last_whole(by[order]).scalar_subquery()


def _last_whole(value: ColumnElement[Any]) -> Select[Any]:
    newest = (_S.taken_at.desc(), _S.id.desc())
    of_tenant = select(value).where(_S.tenant_id == tenants.c.id, _S.is_complete).order_by(*newest).limit(1)
    return of_tenant.correlate(tenants)


def points_in(
    tx: Transaction, tenant_ids: Sequence[int], days: int = SPARKLINE_DAYS
) -> Mapping[int, tuple[TrendPoint, ...]]:
    """Returns the trends of some tenants, for a caller that has asked for authority; a tenant without one has an empty one.

    The last whole snapshot of each day is picked in the database, so that an hourly schedule costs no more than a daily one.
    """
    since = tx.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    order = func.row_number().over(partition_by=[_S.tenant_id, _day(tx)], order_by=[_S.taken_at.desc(), _S.id.desc()])
    ranked = (
        select(_S.tenant_id, _S.taken_at, _S.id, _S.total, _S.counts, order.label("place"))
        .where(_S.tenant_id.in_(tenant_ids), _S.is_complete, _S.taken_at >= since)
        .subquery()
    )
    wanted = select(ranked).where(ranked.c.place == 1).order_by(ranked.c.tenant_id, ranked.c.taken_at, ranked.c.id)
    found: dict[int, tuple[TrendPoint, ...]] = defaultdict(tuple)
    for row in tx.run(wanted).all():
        point = TrendPoint(row.taken_at.date(), row.taken_at, row.total, _counts(row.counts))
        found[row.tenant_id] = (*found[row.tenant_id], point)
    return found


def _day(tx: Transaction) -> ColumnElement[str]:
    """The UTC day of a snapshot."""
    if tx.is_sqlite:
        return func.substr(type_coerce(_S.taken_at, String), 1, 10)
    return func.to_char(func.timezone("UTC", _S.taken_at), "YYYY-MM-DD")


def _newest(tx: Transaction, tenant_ids: Sequence[int]) -> Mapping[int, Compliance]:
    """The last two whole snapshots of each tenant and its very last one, however old: three short index walks a tenant."""
    of_tenant = select(_S.id).where(_S.tenant_id == tenants.c.id).order_by(_S.taken_at.desc(), _S.id.desc()).limit(1)
    whole = of_tenant.where(_S.is_complete)
    picked = tx.run(
        select(
            tenants.c.id,
            whole.scalar_subquery().label("first"),
            whole.offset(1).scalar_subquery().label("second"),
            of_tenant.scalar_subquery().label("last"),
        ).where(tenants.c.id.in_(tenant_ids))
    ).all()
    wanted = {key for row in picked for key in (row.first, row.second, row.last) if key is not None}
    by_id = {s.id: s for s in _snapshots(tx, wanted)}
    known: dict[int, Compliance] = defaultdict(lambda: Compliance(None, None))
    for row in picked:
        last = by_id.get(row.last)
        partial = None if last is None or last.is_complete else last
        known[row.id] = Compliance(by_id.get(row.first), by_id.get(row.second), partial)
    return known


def _snapshots(tx: Transaction, ids: Iterable[int]) -> list[Snapshot]:
    return [_snapshot(row) for row in tx.run(select(compliance_snapshots).where(_S.id.in_(list(ids)))).all()]


def _snapshot(row: Row[Any]) -> Snapshot:
    return Snapshot(
        row.id,
        row.tenant_id,
        row.connection_id,
        row.run_id,
        row.taken_at,
        row.is_complete,
        row.total,
        _counts(row.counts),
        row.by_platform,
    )


def _counts(stored: Mapping[str, int]) -> dict[str, int]:
    return {state: int(stored.get(state, 0)) for state in STATES}
