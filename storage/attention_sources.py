"""What is wrong on connections, one symptom each: read from the badges, from what became of operations, and from blocked schedules.

Promise: however many connections a workspace has, a bounded number of rows is read: the reasons are found by seeking in an index, one step
a reason, and of a reason that very many connections have only a part is looked at, and said so. Disabled connections and archived tenants
need nobody. Must not know: how symptoms are put together (`attention`), who has acknowledged what.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, TextClause, and_, func, literal, null, select, text

from storage.access import Authority
from storage.capabilities import Capability
from storage.columns import UtcTime
from storage.database import Transaction
from storage.gate import CONSENT_REASONS
from storage.schema import connection_operations as ops
from storage.schema import provider_connections as pc
from storage.schema import tenants
from storage.states import ConsentStatus, TenantLifecycle, VerificationStatus

BUDGET: Final = 5_000
"""Rows that are looked at for one kind of symptom, over all reasons."""

CONSENT_BUDGET: Final = 1_000
"""Connections without consent that are looked at, of each of the four words for that."""

ALL_OF_THEM: Final = 2**31
"""A limit that is none. With one, both databases leave a subquery as it is, and so find its rows by the index that it was written for."""

COUNTED: Final = 10_000
"""Connections of one reason that are counted, or looked at for its own page; beyond it people read "10,000+"."""


class Kind(StrEnum):
    """Where a symptom shows."""

    BADGE = "badge"
    CONSENT = "consent"
    OPERATION = "operation"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that is wrong on one connection.

    Attributes:
        client: what it signs in with: the platform app's number, or the client id of its own registration; None when neither is known.
        operation: the operation that fails or is held back; None for a badge.
        verification: the connection's badge, which says how bad it is.
    """

    connection_id: int
    tenant_id: int
    reason_code: str
    since: datetime | None
    kind: Kind
    client: int | str | None
    operation: str | None
    verification: str


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What was read.

    Attributes:
        rows: the symptoms.
        sizes: for each reason of which only a part was read, how many connections there are, as far as they were counted.
    """

    rows: tuple[Symptom, ...]
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose symptoms are read.

    Attributes:
        rights: of the principal; None for the worker, who looks after everything.
        workspace_id: which workspace.
        tenant_id: only this tenant's.
        connection_ids: only these connections'.
        client: only those that sign in with this: a platform app's number, or the client id of a registration of their own.
    """

    rights: Authority | None
    workspace_id: int
    tenant_id: int | None = None
    connection_ids: tuple[int, ...] | None = None
    client: int | str | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether it is only about some, whatever the principal may see."""
        return not (self.tenant_id is None and self.connection_ids is None and self.client is None)

    @property
    def is_by_tenant(self) -> bool:
        """Whether few connections are meant, which the indexes of tenants and numbers find."""
        return self.tenant_id is not None or self.connection_ids is not None

    @property
    def sees_whole(self) -> bool:
        """Whether the principal sees every connection of the workspace."""
        return self.rights is None or self.rights.reaches_whole(self.workspace_id, Capability.PROVIDER_VIEW)

    @property
    def is_whole(self) -> bool:
        """Whether every connection of the workspace is within it."""
        return self.sees_whole and not self.is_narrowed

    def clause(self) -> ColumnElement[bool]:
        """The condition on a connection."""
        parts = [pc.c.workspace_id == self.workspace_id]
        if self.rights is not None:
            parts.append(self.rights.tenant_clause(self.workspace_id, Capability.PROVIDER_VIEW, pc.c.tenant_id))
        if self.tenant_id is not None:
            parts.append(pc.c.tenant_id == self.tenant_id)
        if self.connection_ids is not None:
            parts.append(pc.c.id.in_(self.connection_ids))
        if isinstance(self.client, int):
            # Not by the index of apps, which may hold the whole fleet: the reason's own index finds far fewer.
            parts.append(pc.c.platform_app_id + 0 == self.client)
        elif self.client is not None:
            parts.append(pc.c.client_id == self.client)
        return and_(*parts)


BAD: Final = (VerificationStatus.BLOCKED.value, VerificationStatus.DEGRADED.value, VerificationStatus.ERROR.value)
"""The verdicts that need somebody."""

_CODES: Final = """
WITH RECURSIVE codes(code) AS (
  SELECT min({column}) FROM {table} WHERE workspace_id = :workspace AND {column} > '' {also}
  UNION ALL
  SELECT (SELECT min({column}) FROM {table} WHERE workspace_id = :workspace AND {column} > codes.code {also})
  FROM codes WHERE codes.code IS NOT NULL)
SELECT code, (SELECT count(*) FROM (SELECT 1 AS one FROM {table}
   WHERE workspace_id = :workspace AND {column} = codes.code {also} LIMIT :most) AS counted) AS size
FROM codes WHERE code IS NOT NULL
"""
"""A loose index scan: one seek for each reason that occurs, and a count in the index that ends somewhere (PostgreSQL wiki, "Loose
indexscan"; SQLite, "The WITH Clause")."""


def symptoms(tx: Transaction, reach: Reach, only: str | None = None) -> Symptoms:
    """Reads what is wrong on enabled connections.

    Args:
        tx: a read transaction.
        reach: whose.
        only: only this reason's.
    """
    sizes: dict[str, int] = {}
    rows: list[Symptom] = []
    for source in _SOURCES:
        rows += _bounded(tx, source, reach, only, sizes)
    for status, code in CONSENT_REASONS.items():
        if only in (None, code):
            rows += _consents(tx, reach, status, sizes, only=only is not None)
    return Symptoms(tuple(rows), sizes)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where symptoms of one kind are.

    Attributes:
        table: the table that has an index of them by workspace and reason.
        connection: its column that names the connection.
        code: its column of reasons.
        since: when its reason began.
        operation: its column of operations; None for a badge.
        predicate: what makes a row a symptom, word for word as in the partial index; empty when there is none.
        needed: what must be so besides.
    """

    kind: Kind
    table: Table
    connection: ColumnElement[int]
    code: ColumnElement[Any]
    since: ColumnElement[Any]
    operation: ColumnElement[Any] | None = None
    predicate: str = ""
    needed: tuple[ColumnElement[bool], ...] = ()

    def conditions(self, workspace_id: int) -> tuple[ColumnElement[bool] | TextClause, ...]:
        """What finds them by their index."""
        here: ColumnElement[bool] = self.table.c.workspace_id == workspace_id
        return (here, text(self.predicate)) if self.predicate else (here,)


_SOURCES: Final = (
    _Source(
        Kind.BADGE,
        pc,
        pc.c.id,
        pc.c.last_reason_code,
        pc.c.reason_since,
        needed=(pc.c.verification_status.in_(BAD),),
    ),
    _Source(
        Kind.OPERATION,
        ops,
        ops.c.connection_id,
        ops.c.last_reason_code,
        ops.c.reason_since,
        ops.c.type,
        "connection_operations.failing_since IS NOT NULL",
    ),
    _Source(
        Kind.SCHEDULE,
        ops,
        ops.c.connection_id,
        ops.c.blocked_reason_code,
        ops.c.blocked_since,
        ops.c.type,
        "connection_operations.blocked_since IS NOT NULL",
    ),
)


def _bounded(
    tx: Transaction, source: _Source, reach: Reach, only: str | None, sizes: dict[str, int]
) -> Iterator[Symptom]:
    """Reads a source within the budget.

    Some tenants or connections are asked for directly; one reason by its index. Of a whole workspace the reasons are found first: the rare
    ones are read together and completely, of each other one only its share.
    """
    if only is not None and not reach.is_by_tenant:
        most = COUNTED if reach.is_whole else ALL_OF_THEM
        yield from _read(tx, _part(source, reach.workspace_id, [only], most), reach, source.kind)
        return
    if not reach.is_whole:
        wanted = source.code.is_not(None) if only is None else source.code == only
        yield from _read(
            tx, _directly(source).where(*source.conditions(reach.workspace_id), wanted), reach, source.kind
        )
        return
    counted = _reasons(tx, source, reach.workspace_id)
    share = _share(list(counted.values()))
    rare = [code for code, size in counted.items() if size <= share]
    if rare:
        yield from _read(tx, _part(source, reach.workspace_id, rare, BUDGET), reach, source.kind)
    for code, size in counted.items():
        if size > share and (
            found := list(_read(tx, _part(source, reach.workspace_id, [code], share), reach, source.kind))
        ):
            # As many of all as of those looked at: some are disabled, or need nobody.
            sizes[code] = max(sizes.get(code, 0), round(size * len(found) / share))
            yield from found


def _reasons(tx: Transaction, source: _Source, workspace_id: int) -> dict[str, int]:
    """The reasons that occur, and how many rows each has, counted up to some."""
    also = f"AND {source.predicate}" if source.predicate else ""
    statement = text(_CODES.format(table=source.table.name, column=source.code.name, also=also))
    rows = tx.run(statement, {"workspace": workspace_id, "most": COUNTED + 1})
    return {row.code: int(row.size) for row in rows}


def _directly(source: _Source) -> Select[Any]:
    """A source's rows with what is to be known of their connections."""
    operation = null() if source.operation is None else source.operation
    statement = select(
        *_FACTS, source.code.label("reason_code"), source.since.label("since"), operation.label("operation")
    )
    if source.table is not pc:
        statement = statement.select_from(source.table).join(pc, pc.c.id == source.connection)
    return statement.where(*source.needed)


def _part(source: _Source, workspace_id: int, codes: Sequence[str], most: int) -> Select[Any]:
    """Some rows of some reasons, found in the index alone; what is to be known of them is looked up for those only."""
    keys = [column.label(f"key_{column.name}") for column in source.table.primary_key]
    wanted = source.code.in_(codes)
    found = select(*keys).where(*source.conditions(workspace_id), wanted).limit(most).subquery("found")
    same = [column == found.c[f"key_{column.name}"] for column in source.table.primary_key]
    operation = null() if source.operation is None else source.operation
    statement = (
        select(*_FACTS, source.code.label("reason_code"), source.since.label("since"), operation.label("operation"))
        .select_from(found)
        .join(source.table, and_(*same))
        .where(*source.needed)
    )
    return statement if source.table is pc else statement.join(pc, pc.c.id == source.connection)


def _consents(
    tx: Transaction, reach: Reach, status: ConsentStatus, sizes: dict[str, int], *, only: bool
) -> list[Symptom]:
    """Consent that is missing where no verdict says why already. A tenant that is still being brought on has its wizard for that."""
    code = CONSENT_REASONS[status]
    which = (pc.c.workspace_id == reach.workspace_id, pc.c.consent_status == status.value)
    columns = (
        *_FACTS,
        literal(code).label("reason_code"),
        func.coalesce(pc.c.consent_changed_at, pc.c.lifecycle_changed_at, type_=UtcTime()).label("since"),
        null().label("operation"),
    )
    looked_at = 0
    if reach.is_by_tenant:
        statement = select(*columns).where(*which)
    else:
        most = ALL_OF_THEM if not reach.is_whole else COUNTED if only else CONSENT_BUDGET
        some = select(pc.c.id).where(*which).limit(most).subquery("found")
        statement = select(*columns).select_from(some).join(pc, pc.c.id == some.c.id)
    if reach.is_whole and not only:
        looked_at = int(
            tx.run(
                select(func.count()).select_from(select(pc.c.id).where(*which).limit(COUNTED + 1).subquery())
            ).scalar_one()
        )
    statement = statement.where(pc.c.verification_status.not_in(BAD))
    if status in (ConsentStatus.UNKNOWN, ConsentStatus.REQUIRED):
        statement = statement.where(tenants.c.lifecycle == TenantLifecycle.ACTIVE.value)
    found = list(_read(tx, statement, reach, Kind.CONSENT))
    if looked_at > CONSENT_BUDGET:
        sizes[code] = sizes.get(code, 0) + round(looked_at * len(found) / CONSENT_BUDGET)
    return found


def _read(tx: Transaction, statement: Select[Any], reach: Reach, kind: Kind) -> Iterator[Symptom]:
    """Runs a query of symptoms: of connections that are used, within reach."""
    in_use = statement.join(tenants, tenants.c.id == pc.c.tenant_id).where(
        pc.c.is_enabled, tenants.c.lifecycle != TenantLifecycle.ARCHIVED.value, reach.clause()
    )
    for row in tx.run(in_use.limit(COUNTED)):
        yield Symptom(
            row.connection_id,
            row.tenant_id,
            row.reason_code,
            row.since,
            kind,
            row.platform_app_id or row.client_id,
            row.operation,
            row.verification_status,
        )


_FACTS: Final = (
    pc.c.id.label("connection_id"),
    pc.c.tenant_id,
    pc.c.platform_app_id,
    pc.c.client_id,
    pc.c.verification_status,
)


def _share(sizes: list[int]) -> int:
    """How many rows of one reason may be read so that all together stay within the budget: what small ones leave goes to the others."""
    left, share = BUDGET, BUDGET
    for index, size in enumerate(ordered := sorted(sizes)):
        share = left // (len(ordered) - index)
        if size > share:
            return max(1, share)
        left -= size
    return max(share, *sizes) if sizes else share
