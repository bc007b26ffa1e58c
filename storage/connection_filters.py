"""What a list of connections may be narrowed and sorted by: from a typed query to SQL conditions and sort keys.

Promise: an order such as "problems first" is made here, from the three dimensions, at query time; it is stored nowhere and is no state.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, union_all

from storage import batch_filters, filters
from storage.access import Authority
from storage.capabilities import Capability
from storage.columns import UtcTime
from storage.errors import InvalidInput
from storage.pages import SortKey
from storage.schema import acknowledgements, tenants
from storage.schema import provider_connections as pc
from storage.states import Cloud, ConnectionType, ConsentStatus, VerificationStatus

SORTS: Final = ("tenant", "checked", "consent", "verification", "reason", "problems")

KEYS: Final[dict[str, Collection[str] | None]] = {
    "lifecycle": {"enabled", "disabled"},
    "consent": set(ConsentStatus),
    "verification": set(VerificationStatus),
    "type": set(ConnectionType),
    "cloud": set(Cloud),
    "reason": None,
    "tenant": None,
    "problems": {"yes"},
    "batch": None,
    "acked": {"yes"},
}
"""The filter line's keys, with their values where these are a closed set."""

_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class ConnectionQuery:
    """What a list of connections shall show.

    Attributes:
        workspace_id: of which workspace.
        text: the filter line.
        problems_only: leave out what is enabled, granted and healthy at once.
        tenant_id: only this tenant's.
        platform_app_id: only those that sign in with this platform app.
        sort: one of `SORTS`.
        descending: the other way round.
    """

    workspace_id: int
    text: str = ""
    problems_only: bool = False
    tenant_id: int | None = None
    sort: str = "tenant"
    descending: bool = False
    platform_app_id: int | None = None


def sort_keys(query: ConnectionQuery) -> list[SortKey]:
    """Returns the order a query asks for, ending with name and id so that it is total.

    Raises:
        InvalidInput: the sort is not a column of the list.
    """
    never = literal(datetime.fromisoformat("1970-01-01T00:00:00+00:00"), UtcTime())
    first: dict[str, ColumnElement[Any] | None] = {
        "tenant": None,
        "checked": func.coalesce(pc.c.last_checked_at, never, type_=UtcTime()),
        "consent": pc.c.consent_status,
        "verification": pc.c.verification_status,
        "reason": func.coalesce(pc.c.last_reason_code, ""),
        "problems": problem_rank(),
    }
    if query.sort not in first:
        raise InvalidInput("sort", "is not a column of this list", f"Use one of: {', '.join(SORTS)}.")
    keys = [SortKey(pc.c.sort_name, "sort_name"), SortKey(pc.c.id, "id")]
    leading = first[query.sort]
    if leading is not None:
        keys.insert(0, SortKey(leading, "leading"))
    return [SortKey(key.expression, key.label, query.descending) for key in keys]


def problem_rank() -> ColumnElement[int]:
    """Orders by what needs a human most, made from the three dimensions at query time and stored nowhere."""
    return case(
        (~pc.c.is_enabled, 3),
        (
            or_(
                pc.c.verification_status.in_([VerificationStatus.BLOCKED.value, VerificationStatus.ERROR.value]),
                pc.c.consent_status.in_([ConsentStatus.REVOKED.value, ConsentStatus.FAILED.value]),
            ),
            0,
        ),
        (
            and_(
                pc.c.verification_status == VerificationStatus.HEALTHY.value,
                pc.c.consent_status == ConsentStatus.GRANTED.value,
            ),
            2,
        ),
        else_=1,
    )


def needs_tenant(wanted: filters.Filter) -> bool:
    """Says whether the conditions of a filter need the tenants table joined."""
    keys = {*wanted.values, *wanted.not_values}
    return "cloud" in keys


def conditions_of(rights: Authority, query: ConnectionQuery, wanted: filters.Filter) -> list[ColumnElement[bool]]:
    """Returns the conditions of a query within what the principal may see."""
    conditions: list[ColumnElement[bool]] = [
        pc.c.workspace_id == query.workspace_id,
        rights.tenant_clause(query.workspace_id, Capability.PROVIDER_VIEW, pc.c.tenant_id),
    ]
    if query.tenant_id is not None:
        conditions.append(pc.c.tenant_id == query.tenant_id)
    if query.platform_app_id is not None:
        conditions.append(pc.c.platform_app_id == query.platform_app_id)
    # Word for word the predicate of the partial index, so that it is used.
    content = and_(
        pc.c.is_enabled,
        pc.c.consent_status == literal("granted", literal_execute=True),
        pc.c.verification_status == literal("healthy", literal_execute=True),
    )
    if query.problems_only or "problems" in wanted.values:
        conditions.append(~content)
    if "problems" in wanted.not_values:
        conditions.append(content)
    conditions += [_mentions(word) for word in wanted.words]
    conditions += [~_mentions(word) for word in wanted.not_words]
    conditions += [_matches(key, values) for key, values in wanted.values.items() if key != "problems"]
    conditions += [~_matches(key, values) for key, values in wanted.not_values.items() if key != "problems"]
    return conditions


def _mentions(word: str) -> ColumnElement[bool]:
    """Names and the domain are one indexed column; a tenant id is looked for only when the word could be one."""
    if _GUID.fullmatch(word):
        return pc.c.entra_tenant_id == word
    return pc.c.sort_name.like(filters.like(word), escape="\\")


def _matches(key: str, values: Sequence[str]) -> ColumnElement[bool]:
    if key == "lifecycle":
        return pc.c.is_enabled.in_([value == "enabled" for value in values])
    if key == "reason":
        # Without `coalesce`, so that the index serves; a connection without a reason is not NULL when this is negated.
        return and_(pc.c.last_reason_code.is_not(None), pc.c.last_reason_code.in_(values))
    if key == "acked":
        return _is_acknowledged()
    if key == "tenant":
        return or_(*(_mentions(value) for value in values))
    if key == "batch":
        return pc.c.id.in_(batch_filters.connections_of(values))
    column = {
        "consent": pc.c.consent_status,
        "verification": pc.c.verification_status,
        "type": pc.c.connection_type,
        "cloud": tenants.c.cloud,
    }[key]
    return column.in_(values)


def _is_acknowledged() -> ColumnElement[bool]:
    """Whether somebody owns what the badge says; the sweep ends what is over.

    The acknowledged are found from the acknowledgements, which are few, and not by asking of each connection.
    """
    a, owned = acknowledgements.c, pc.alias("owned")
    of_its_badge = and_(a.ended_at.is_(None), a.reason_code == owned.c.last_reason_code)
    by_itself = and_(a.connection_id.is_not(None), owned.c.id == a.connection_id)
    with_its_app = and_(
        a.platform_app_id.is_not(None),
        # Not by the index of apps, which may hold the whole fleet: the reason's own index finds far fewer.
        owned.c.platform_app_id + 0 == a.platform_app_id,
        owned.c.workspace_id == a.workspace_id,
    )
    found = (select(owned.c.id).join(acknowledgements, and_(of_its_badge, how)) for how in (by_itself, with_its_app))
    return pc.c.id.in_(union_all(*found))
