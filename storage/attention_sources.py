"""What is wrong on connections, one symptom each: read from the badges, from what became of operations, and from blocked schedules.

Promise: however many connections a workspace has, a bounded number of rows is read: the reasons are found by seeking in an index, one step
a reason, and of a reason that very many connections have only a part is looked at, and said so. Disabled connections and archived tenants
need nobody. Must not know: how symptoms are put together (`attention`), who has acknowledged what.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, null, select, text

from storage.access import Authority
from storage.capabilities import Capability
from storage.database import Transaction
from storage.gate import CONSENT_REASONS
from storage.schema import connection_operations as ops
from storage.schema import provider_connections as pc
from storage.schema import tenants
from storage.states import ConsentStatus, TenantLifecycle, VerificationStatus

BUDGET: Final = 20_000
"""Rows that are looked at for one kind of symptom, over all reasons."""

COUNTED: Final = 10_000
"""Connections of one reason that are counted; beyond it people read "10,000+"."""


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
    verification: VerificationStatus


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
            parts.append(pc.c.platform_app_id == self.client)
        elif self.client is not None:
            parts.append(pc.c.client_id == self.client)
        return and_(*parts)


BAD: Final = (VerificationStatus.BLOCKED.value, VerificationStatus.DEGRADED.value, VerificationStatus.ERROR.value)
"""The verdicts that need somebody."""

# Word for word the predicates of the partial indexes, so that they are used.
_FAILING: Final = text("connection_operations.failing_since IS NOT NULL")
_BLOCKED: Final = text("connection_operations.blocked_since IS NOT NULL")

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
    rows += _badges(tx, reach, only, sizes)
    rows += _consents(tx, reach, only, sizes)
    for kind, column, since, predicate in (
        (Kind.OPERATION, ops.c.last_reason_code, ops.c.failing_since, _FAILING),
        (Kind.SCHEDULE, ops.c.blocked_reason_code, ops.c.blocked_since, _BLOCKED),
    ):
        base = (
            select(*_facts(kind), column.label("reason_code"), since.label("since"), ops.c.type.label("operation"))
            .select_from(ops)
            .join(pc, pc.c.id == ops.c.connection_id)
            .join(tenants, tenants.c.id == pc.c.tenant_id)
            .where(_in_use(), reach.clause())
        )
        ids = select(ops.c.connection_id).where(ops.c.workspace_id == reach.workspace_id, predicate)
        table = f"{ops.name} AS connection_operations"
        rows += _bounded(tx, reach, only, sizes, base.where(predicate), column, ids, table, f"AND {predicate.text}")
    return Symptoms(tuple(rows), sizes)


def _badges(tx: Transaction, reach: Reach, only: str | None, sizes: dict[str, int]) -> Iterator[Symptom]:
    base = (
        select(
            *_facts(Kind.BADGE),
            pc.c.last_reason_code.label("reason_code"),
            func.coalesce(pc.c.verification_changed_at, pc.c.last_checked_at).label("since"),
            null().label("operation"),
        )
        .join(tenants, tenants.c.id == pc.c.tenant_id)
        .where(_in_use(), reach.clause(), pc.c.verification_status.in_(BAD))
    )
    ids = select(pc.c.id).where(pc.c.workspace_id == reach.workspace_id)
    yield from _bounded(tx, reach, only, sizes, base, pc.c.last_reason_code, ids, pc.name, "")


def _consents(tx: Transaction, reach: Reach, only: str | None, sizes: dict[str, int]) -> Iterator[Symptom]:
    """Consent that is missing where no verdict says why already. A tenant that is still being brought on has its wizard for that."""
    active = tenants.c.lifecycle == TenantLifecycle.ACTIVE.value
    for status, code in CONSENT_REASONS.items():
        if only not in (None, code):
            continue
        some = (
            select(pc.c.id)
            .where(pc.c.workspace_id == reach.workspace_id, pc.c.consent_status == literal(status.value))
            .limit(BUDGET)
        )
        statement = (
            select(
                *_facts(Kind.CONSENT),
                literal(code).label("reason_code"),
                pc.c.consent_changed_at.label("since"),
                null().label("operation"),
            )
            .join(tenants, tenants.c.id == pc.c.tenant_id)
            .where(_in_use(), reach.clause(), pc.c.verification_status.not_in(BAD))
            .where(pc.c.consent_status == status.value)
            .limit(BUDGET)
        )
        if status in (ConsentStatus.UNKNOWN, ConsentStatus.REQUIRED):
            statement = statement.where(active)
        if reach.is_whole:
            statement = statement.where(pc.c.id.in_(some))
        found = [_symptom(row) for row in tx.run(statement)]
        if len(found) == BUDGET:
            sizes[code] = max(sizes.get(code, 0), BUDGET)
        yield from found


def _bounded(
    tx: Transaction,
    reach: Reach,
    only: str | None,
    sizes: dict[str, int],
    base: Select[Any],
    column: ColumnElement[Any],
    ids: Select[Any],
    table: str,
    also: str,
) -> Iterator[Symptom]:
    """Runs a source's query within the budget.

    A part of a workspace is asked for directly. Of a whole one the reasons are found first: the rare ones are read together and completely,
    of each other one only its share.
    """
    if only is not None or not reach.is_whole:
        wanted = column == only if only is not None else column.is_not(None)
        if only is not None and reach.is_whole:
            base = base.where(pc.c.id.in_(ids.where(wanted).limit(BUDGET)))
        yield from (_symptom(row) for row in tx.run(base.where(wanted).limit(BUDGET)))
        return
    column_name = str(column.name)
    statement = text(_CODES.format(table=table, column=column_name, also=also))
    counted = {
        row.code: int(row.size) for row in tx.run(statement, {"workspace": reach.workspace_id, "most": COUNTED + 1})
    }
    share = _share(list(counted.values()))
    rare = [code for code, size in counted.items() if size <= share]
    if rare:
        yield from (_symptom(row) for row in tx.run(base.where(column.in_(rare))))
    for code, size in counted.items():
        if size > share:
            part = base.where(column == code, pc.c.id.in_(ids.where(column == code).limit(share)))
            found = [_symptom(row) for row in tx.run(part)]
            if found:
                # As many of all as of those looked at: some are disabled, or need nobody.
                sizes[code] = max(sizes.get(code, 0), round(size * len(found) / share))
            yield from found


def _share(sizes: list[int]) -> int:
    """How many rows of one reason may be read so that all together stay within the budget: what small ones leave goes to the others."""
    left, share = BUDGET, BUDGET
    for index, size in enumerate(ordered := sorted(sizes)):
        share = left // (len(ordered) - index)
        if size > share:
            return max(1, share)
        left -= size
    return max(share, *sizes) if sizes else share


def _facts(kind: Kind) -> tuple[ColumnElement[Any], ...]:
    return (
        literal(kind.value).label("kind"),
        pc.c.id.label("connection_id"),
        pc.c.tenant_id,
        pc.c.platform_app_id,
        pc.c.client_id,
        pc.c.verification_status,
    )


def _in_use() -> ColumnElement[bool]:
    return and_(pc.c.is_enabled, tenants.c.lifecycle != TenantLifecycle.ARCHIVED.value)


def _symptom(row: Any) -> Symptom:
    return Symptom(
        row.connection_id,
        row.tenant_id,
        row.reason_code,
        row.since,
        Kind(row.kind),
        row.platform_app_id or row.client_id,
        row.operation,
        VerificationStatus(row.verification_status),
    )
