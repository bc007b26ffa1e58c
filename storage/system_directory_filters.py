"""What the system directory may be narrowed by: from a typed filter line to SQL conditions.

Promise: a condition is one that an index serves wherever it can be; whatever is rare is found by an index, whatever is frequent is met on
the way through the list. Must not know: who may look (`system_directory`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, select, text

from storage import filters, operations
from storage.database import Transaction
from storage.schema import connection_permissions, tenants, workspaces
from storage.schema import provider_connections as pc
from storage.states import ConsentStatus, Provider, TenantLifecycle, VerificationStatus

KEYS: Final[dict[str, Collection[str] | None]] = {
    "workspace": None,
    "verification": set(VerificationStatus),
    "consent": set(ConsentStatus),
    "permissions": {"missing"},
    "archived": {"yes"},
}
"""The filter line's keys, with their values where these are a closed set."""

IN_USE: Final = (TenantLifecycle.ONBOARDING.value, TenantLifecycle.ACTIVE.value)
IS_DEFAULT: Final = and_(pc.c.is_default, pc.c.provider == Provider.MICROSOFT.value)
FEW: Final = 2_000
"""So many tenants that fit are looked up one by one; of more, enough stand in any stretch of the list to be met on the way."""

_NOT_GRANTED: Final = text("NOT connection_permissions.is_granted")
"""Word for word the predicate of the partial index: SQLAlchemy's own `is_granted = 0` is another one to SQLite, which would not use it."""

_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def conditions_of(tx: Transaction, wanted: filters.Filter) -> list[ColumnElement[bool]]:
    """Returns the conditions of a filter line on `tenants`. Drafts and archived ones only with `archived:yes`."""
    conditions: list[ColumnElement[bool]] = [_mentions(word) for word in wanted.words]
    conditions += [~_mentions(word) for word in wanted.not_words]
    slugs, others = wanted.values.get("workspace"), wanted.not_values.get("workspace")
    if slugs is not None:
        conditions.append(tenants.c.workspace_id.in_(of_workspaces(slugs)))
    if others is not None:
        conditions.append(tenants.c.workspace_id.not_in(of_workspaces(others)))
    if "archived" not in wanted.values:
        conditions.append(tenants.c.lifecycle.in_(IN_USE))
    if {*wanted.values, *wanted.not_values} & {"verification", "consent"}:
        conditions.append(_by_badges(tx, wanted, of_workspaces(slugs)))
    conditions += [_by_permissions(tx, True, slugs) for _ in wanted.values.get("permissions", ())[:1]]
    conditions += [_by_permissions(tx, False, slugs) for _ in wanted.not_values.get("permissions", ())[:1]]
    return conditions


def refused() -> ColumnElement[bool]:
    """The condition on `connection_permissions` that an operation cannot do its job without it, and it was refused."""
    return and_(
        _NOT_GRANTED,
        connection_permissions.c.permission.in_(operations.all_required_permissions()),
    )


def lacking(tx: Transaction, slugs: Sequence[str] | None) -> Select[Any]:
    """Asks for the default connections of some workspaces, or of all, that were refused something required, each once.

    When few were refused anything anywhere, they are named.
    """
    found = select(pc.c.id).where(IS_DEFAULT)
    if slugs is not None:
        found = found.where(pc.c.workspace_id.in_(of_workspaces(slugs)))
    few = _refused_anywhere(tx)
    everybody = select(connection_permissions.c.connection_id).where(refused())
    return found.where(pc.c.id.in_(everybody if few is None else sorted(few)))


def _refused_anywhere(tx: Transaction) -> set[int] | None:
    """The connections that were refused something required; None when they are many.

    Permission by permission in the index's own order: asked for all at once, PostgreSQL expects a quarter of all rows of a permission that
    one in a thousand lacks, and reads the table.
    """
    ids: set[int] = set()
    for name in operations.all_required_permissions():
        column = connection_permissions.c.connection_id
        some = select(column).where(_NOT_GRANTED, connection_permissions.c.permission == name)
        ids.update(tx.run(some.order_by(column).limit(FEW + 1)).scalars())
        if len(ids) > FEW:
            return None
    return ids


def of_workspaces(slugs: Sequence[str] | None) -> Select[Any]:
    """The ids of some workspaces, or of all: said to every question, so that the indexes that begin with the workspace serve."""
    found = select(workspaces.c.id)
    return found if slugs is None else found.where(workspaces.c.slug.in_(slugs))


def _by_badges(tx: Transaction, wanted: filters.Filter, places: Select[Any]) -> ColumnElement[bool]:
    """Tenants whose default connection has these badges."""
    columns = {"verification": pc.c.verification_status, "consent": pc.c.consent_status}
    conditions: list[ColumnElement[bool]] = [IS_DEFAULT]
    conditions += [column.in_(wanted.values[key]) for key, column in columns.items() if key in wanted.values]
    conditions += [column.not_in(wanted.not_values[key]) for key, column in columns.items() if key in wanted.not_values]
    some = select(pc.c.tenant_id).where(pc.c.workspace_id.in_(places), *conditions)
    few = _few(tx, some)
    return few if few is not None else exists().where(pc.c.tenant_id == tenants.c.id, *conditions)


def _by_permissions(tx: Transaction, is_missing: bool, slugs: Sequence[str] | None) -> ColumnElement[bool]:
    """Tenants whose default connection was refused something required, or was not."""
    found = exists().where(connection_permissions.c.connection_id == pc.c.id, refused()).correlate(pc)
    if is_missing and (few := _few(tx, lacking(tx, slugs).with_only_columns(pc.c.tenant_id))) is not None:
        return few
    return exists().where(pc.c.tenant_id == tenants.c.id, IS_DEFAULT, found if is_missing else ~found)


def _few(tx: Transaction, some: Select[Any]) -> ColumnElement[bool] | None:
    """Names the tenants that a question finds; None when they are many, and each is asked as it comes along in the list's order."""
    ids = tx.run(some.limit(FEW + 1)).scalars().all()
    return tenants.c.id.in_(ids) if len(ids) <= FEW else None


def _mentions(word: str) -> ColumnElement[bool]:
    """Name and domain are one indexed column; a tenant id is looked for only when the word is one."""
    if _GUID.fullmatch(word):
        return and_(tenants.c.workspace_id.in_(of_workspaces(None)), tenants.c.entra_tenant_id == word)
    return tenants.c.sort_name.like(filters.like(word), escape="\\")
