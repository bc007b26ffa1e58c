"""One problem instead of many: the same reason on connections that share a client id is the app's problem (product rule "Connection type").

Promise: one number says from how many on, for lists and pages alike. What a person hears of others is what they may see.

    SHARED_FROM                                 five
    shared_clients(clients) -> frozenset        which clients, of those that have one reason, are the problem themselves (pure)
    of_connection(db, who, connection_id)       what a connection shares with others, for its page
    of_app(tx, app_id)                          what a platform app's connections share, for the app's page

A client is the id of a platform app (int), or the client id of an app registration of its own (str) that several connections were given.
Transient reasons are nobody's app: those are outages (`outages`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select, text, union

from storage import reasons
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.schema import connection_operations, platform_apps, tenants
from storage.schema import provider_connections as pc
from storage.states import TenantLifecycle, VerificationStatus

SHARED_FROM: Final = 5
"""So many connections with one client id and one reason are one problem: the app."""

COUNTED: Final = 1_000
"""Others are counted up to here; beyond it people read "1,000+"."""

Client = int | str

_BAD: Final = (VerificationStatus.BLOCKED.value, VerificationStatus.DEGRADED.value, VerificationStatus.ERROR.value)

# Word for word the predicate of the partial index, so that it is used.
_FAILING: Final = text("connection_operations.failing_since IS NOT NULL")


@dataclass(frozen=True, slots=True)
class SharedProblem:
    """What a connection shares with others.

    Attributes:
        reason_code: the reason they have in common.
        others: how many others have it, of those the reader may see; one more than `COUNTED` when there are more.
        platform_app_id: the app they sign in with, when it is a platform app.
        app_name: its name, or the client id they share.
    """

    reason_code: str
    others: int
    platform_app_id: int | None
    app_name: str


@dataclass(frozen=True, slots=True)
class AppProblem:
    """One reason that several of an app's connections have: one problem.

    Attributes:
        reason_code: the reason.
        connections: how many enabled connections of the app have it.
        sentence: what is wrong.
        next_step: what to do about it.
    """

    reason_code: str
    connections: int
    sentence: str
    next_step: str


def shared_clients(clients: Iterable[Client | None]) -> frozenset[Client]:
    """Returns the clients that are the problem themselves.

    Args:
        clients: the client of every connection that has one and the same reason, each connection once; None when it has no client.
    """
    counts = Counter(client for client in clients if client is not None)
    return frozenset(client for client, count in counts.items() if count >= SHARED_FROM)


def of_connection(db: Database, who: Principal, connection_id: int) -> tuple[SharedProblem, ...]:
    """Returns the problems that a connection shares with at least four others, the most widespread first.

    Raises:
        NotFound: the connection is not visible.
    """
    with db.read() as tx:
        row = tx.run(
            select(pc, platform_apps.c.display_name.label("app_name"))
            .outerjoin(platform_apps, platform_apps.c.id == pc.c.platform_app_id)
            .where(pc.c.id == connection_id)
        ).first()
        if row is None:
            raise NotFound(f"Connection {connection_id} does not exist.")
        rights = authority(tx, who)
        rights.require(
            tx,
            Capability.PROVIDER_VIEW,
            row.workspace_id,
            row.tenant_id,
            see=Capability.PROVIDER_VIEW,
            what=f"Connection {connection_id}",
        )
        client = row.platform_app_id or row.client_id
        if client is None or not row.is_enabled:
            return ()
        visible = rights.tenant_clause(row.workspace_id, Capability.PROVIDER_VIEW, pc.c.tenant_id)
        counted = {code: _count_others(tx, row, code, visible) for code in _reasons_of(tx, row)}
    found = [
        SharedProblem(code, others, row.platform_app_id, row.app_name or str(row.client_id))
        for code, others in counted.items()
        if others + 1 >= SHARED_FROM
    ]
    return tuple(sorted(found, key=lambda problem: (-problem.others, problem.reason_code)))


def of_app(tx: Transaction, app_id: int) -> tuple[AppProblem, ...]:
    """Returns the problems that a platform app's connections share, the most widespread first. The caller has asked for authority."""
    mine = (pc.c.platform_app_id == app_id, pc.c.is_enabled)
    by_badge = select(pc.c.id, pc.c.last_reason_code.label("code")).where(
        *mine, pc.c.last_reason_code.is_not(None), pc.c.verification_status.in_(_BAD)
    )
    by_operation = (
        select(pc.c.id, connection_operations.c.last_reason_code.label("code"))
        .join(connection_operations, connection_operations.c.connection_id == pc.c.id)
        .where(*mine, connection_operations.c.last_reason_code.is_not(None), _FAILING)
    )
    either, number = union(by_badge, by_operation).subquery(), func.count().label("number")
    rows = tx.run(
        select(either.c.code, number)
        .group_by(either.c.code)
        .having(number >= SHARED_FROM)
        .order_by(number.desc(), either.c.code)
    )
    found = [(row.number, reasons.find(row.code)) for row in rows]
    return tuple(
        AppProblem(known.code, number, known.sentence, known.next_step)
        for number, known in found
        if not known.is_transient
    )


def _reasons_of(tx: Transaction, row: Row[Any]) -> list[str]:
    """What is wrong with a connection: what its badge says, and what its operations failed for."""
    failing = tx.run(
        select(connection_operations.c.last_reason_code).where(
            connection_operations.c.connection_id == row.id,
            connection_operations.c.failing_since.is_not(None),
            connection_operations.c.last_reason_code.is_not(None),
        )
    ).scalars()
    codes = dict.fromkeys(failing.all())
    if row.last_reason_code is not None and row.verification_status in _BAD:
        codes = {row.last_reason_code: None, **codes}
    return [code for code in codes if not reasons.find(code).is_transient]


def _count_others(tx: Transaction, row: Row[Any], code: str, visible: ColumnElement[bool]) -> int:
    same = pc.c.platform_app_id == row.platform_app_id if row.platform_app_id else pc.c.client_id == row.client_id
    others = (
        select(pc.c.id)
        .join(tenants, tenants.c.id == pc.c.tenant_id)
        .where(pc.c.workspace_id == row.workspace_id, same, pc.c.is_enabled, pc.c.id != row.id, visible)
        .where(tenants.c.lifecycle != TenantLifecycle.ARCHIVED.value)
    )
    by_badge = others.where(pc.c.last_reason_code == code, pc.c.verification_status.in_(_BAD)).limit(COUNTED + 1)
    by_operation = (
        others.join(connection_operations, connection_operations.c.connection_id == pc.c.id)
        .where(
            connection_operations.c.workspace_id == row.workspace_id,
            connection_operations.c.last_reason_code == code,
            _FAILING,
        )
        .limit(COUNTED + 1)
    )
    # Each part is cut by itself (SQLite has no LIMIT inside a UNION), and the union counts a connection once.
    either = union(select(by_badge.subquery().c.id), select(by_operation.subquery().c.id)).limit(COUNTED + 1)
    return int(tx.run(select(func.count()).select_from(either.subquery())).scalar_one())
