"""What the system directory may be narrowed by: from a typed filter line to SQL conditions.

Promise: a condition is one that an index serves wherever it can be; whatever is rare is found by an index, whatever is frequent is met on
the way through the list. Must not know: who may look (`system_directory`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, select

from storage import filters, operations
from storage.database import Transaction
from storage.schema import connection_permissions, tenants, workspaces
from storage.schema import provider_connections as pc
from storage.states import Cloud, ConsentStatus, Provider, TenantLifecycle, VerificationStatus

KEYS: Final[dict[str, Collection[str] | None]] = {
    "workspace": None,
    "verification": set(VerificationStatus),
    "consent": set(ConsentStatus),
    "permissions": {"missing"},
    "cloud": set(Cloud),
    "lifecycle": set(TenantLifecycle),
    "archived": {"yes"},
}
"""The filter line's keys, with their values where these are a closed set."""

IN_USE: Final = (TenantLifecycle.ONBOARDING.value, TenantLifecycle.ACTIVE.value)
IS_DEFAULT: Final = and_(pc.c.is_default, pc.c.provider == Provider.MICROSOFT.value)
FEW: Final = 2_000
"""So many tenants that fit are looked up one by one; of more, enough stand in any stretch of the list to be met on the way."""

_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_DEFAULT: Final = ("verification", "consent", "permissions")


def conditions_of(tx: Transaction, wanted: filters.Filter) -> list[ColumnElement[bool]]:
    """Returns the conditions of a filter line on `tenants`. Drafts and archived ones only with `archived:yes` or `lifecycle:`."""
    conditions: list[ColumnElement[bool]] = [_mentions(word) for word in wanted.words]
    conditions += [~_mentions(word) for word in wanted.not_words]
    own = {key: values for key, values in wanted.values.items() if key not in (*_OF_DEFAULT, "archived")}
    not_own = {key: values for key, values in wanted.not_values.items() if key not in (*_OF_DEFAULT, "archived")}
    conditions += [_matches(key, values) for key, values in own.items()]
    conditions += [~_matches(key, values) for key, values in not_own.items()]
    if not {"archived", "lifecycle"} & set(wanted.values):
        conditions.append(tenants.c.lifecycle.in_(IN_USE))
    if {*wanted.values, *wanted.not_values} & set(_OF_DEFAULT):
        conditions.append(_whose_default(tx, wanted))
    return conditions


def refused() -> ColumnElement[bool]:
    """The condition on `connection_permissions` that an operation cannot do its job without it, and it was refused."""
    return and_(
        ~connection_permissions.c.is_granted,
        connection_permissions.c.permission.in_(operations.all_required_permissions()),
    )


def lacking(some: Select[Any]) -> Select[Any]:
    """Narrows a question about connections to those that were refused something required; led by the refusals, each connection once."""
    found = some.join(connection_permissions, connection_permissions.c.connection_id == pc.c.id)
    return found.where(refused()).distinct()


def of_workspaces(slugs: Sequence[str] | None) -> Select[Any]:
    """The ids of some workspaces, or of all: said to every question, so that the indexes that begin with the workspace serve."""
    found = select(workspaces.c.id)
    return found if slugs is None else found.where(workspaces.c.slug.in_(slugs))


def _whose_default(tx: Transaction, wanted: filters.Filter) -> ColumnElement[bool]:
    """Tenants whose default connection is so: by their ids when they are few, else each asked as it comes along in the list's order."""
    conditions = [_of_default(key, values) for key, values in wanted.values.items() if key in _OF_DEFAULT]
    conditions += [~_of_default(key, values) for key, values in wanted.not_values.items() if key in _OF_DEFAULT]
    places = of_workspaces(wanted.values.get("workspace"))
    some = select(pc.c.tenant_id).select_from(pc).where(IS_DEFAULT, pc.c.workspace_id.in_(places), *conditions)
    if "permissions" in wanted.values:
        some = lacking(some)
    few = tx.run(some.limit(FEW + 1)).scalars().all()
    if len(few) <= FEW:
        return tenants.c.id.in_(few)
    return exists().where(pc.c.tenant_id == tenants.c.id, IS_DEFAULT, *conditions)


def _of_default(key: str, values: Sequence[str]) -> ColumnElement[bool]:
    if key == "permissions":
        return exists().where(connection_permissions.c.connection_id == pc.c.id, refused()).correlate(pc)
    return {"verification": pc.c.verification_status, "consent": pc.c.consent_status}[key].in_(values)


def _matches(key: str, values: Sequence[str]) -> ColumnElement[bool]:
    if key == "workspace":
        return tenants.c.workspace_id.in_(of_workspaces(values))
    return {"cloud": tenants.c.cloud, "lifecycle": tenants.c.lifecycle}[key].in_(values)


def _mentions(word: str) -> ColumnElement[bool]:
    """Name and domain are one indexed column; a tenant id is looked for only when the word is one."""
    if _GUID.fullmatch(word):
        return and_(tenants.c.workspace_id.in_(of_workspaces(None)), tenants.c.entra_tenant_id == word)
    return tenants.c.sort_name.like(filters.like(word), escape="\\")
