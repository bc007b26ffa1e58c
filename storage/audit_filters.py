"""What a list of audit entries may be narrowed by: from a typed query to SQL conditions.

Promise: a condition is one that an index serves wherever it can be; words become the few actions, people and tenants that they mean
before the entries are asked. Must not know: who may see which entries (`audit_trail`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, LargeBinary, Text, and_, cast, false, func, literal, or_, select

from storage import audit_actions, filters
from storage.audit_chain import chain_of
from storage.database import Transaction
from storage.errors import InvalidInput
from storage.schema import audit_entries as ae
from storage.schema import audit_heads, operation_runs, tenants

KEYS: Final[dict[str, Collection[str] | None]] = {
    "action": None,
    "actor": None,
    "target": None,
    "outcome": {"done", "refused"},
    "tenant": None,
    "connection": None,
    "run": None,
    "ticket": None,
    "since": None,
}
"""The filter line's keys, with their values where these are a closed set."""

CLOCK_ALLOWANCE: Final = timedelta(hours=1)
_TARGET: Final = re.compile(r"([a-z_]+)(?::#?(\S+))?")


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What a list of entries shall show, newest first.

    Attributes:
        workspace_id: of which workspace; None for the system's own trail.
        text: the filter line.
        tenant_id: only what is about this tenant.
    """

    workspace_id: int | None
    text: str = ""
    tenant_id: int | None = None


def conditions_of(tx: Transaction, query: AuditQuery) -> list[ColumnElement[bool]]:
    """Returns the conditions of a query, the principal's reach left out.

    Raises:
        InvalidInput: the filter line cannot be read.
    """
    wanted = filters.read_filter(query.text, KEYS)
    conditions: list[ColumnElement[bool]] = [_of(query)]
    if query.tenant_id is not None:
        conditions.append(ae.c.tenant_id == query.tenant_id)
    conditions += [_mentions(tx, query, word) for word in wanted.words]
    conditions += [~_mentions(tx, query, word) for word in wanted.not_words]
    conditions += [_matches(tx, query, key, values) for key, values in wanted.values.items()]
    conditions += [~_matches(tx, query, key, values) for key, values in wanted.not_values.items()]
    return conditions


def _of(query: AuditQuery) -> ColumnElement[bool]:
    if query.workspace_id is None:
        return ae.c.workspace_id.is_(None)
    return ae.c.workspace_id == query.workspace_id


def _mentions(tx: Transaction, query: AuditQuery, word: str) -> ColumnElement[bool]:
    parts = [_by(tx, query, word), _about_tenants(tx, query, word), _like(ae.c.ticket, word)]
    if actions := audit_actions.mentioning(word):
        parts.append(ae.c.action.in_(actions))
    if (number := filters.read_number(word)) is not None:
        parts.append(ae.c.target_id == str(number))
    return or_(*parts)


def _matches(tx: Transaction, query: AuditQuery, key: str, values: Sequence[str]) -> ColumnElement[bool]:
    if key == "since":
        return entries_since(tx, query, tx.now() - filters.read_span(values[-1]))
    if key == "action":
        return ae.c.action.in_([code for value in values for code in audit_actions.matching(value)])
    if key == "outcome":
        # Word for word the predicate of the partial index, so that it is used.
        return or_(*(ae.c.outcome == literal(value, literal_execute=True) for value in values))
    one: Callable[[str], ColumnElement[bool]] = {
        "actor": lambda value: _by(tx, query, value),
        "target": _target,
        "tenant": lambda value: _about_tenants(tx, query, value),
        "connection": lambda value: _about(query, "connection", _number(key, value)),
        "run": lambda value: _about_run(tx, query, _number(key, value)),
        "ticket": lambda value: _like(ae.c.ticket, value),
    }[key]
    return or_(*(one(value) for value in values))


def _by(tx: Transaction, query: AuditQuery, word: str) -> ColumnElement[bool]:
    """Entries of everybody whose name holds the word."""
    names = [name for name in _actors(tx, query) if word in name.casefold()]
    return ae.c.actor.in_(names) if names else false()


def _actors(tx: Transaction, query: AuditQuery) -> list[str]:
    """Everybody who ever did something there, by jumping from name to name in the index instead of reading the entries."""
    there = _of(query)
    steps = select(func.min(ae.c.actor).label("actor")).where(there).cte("actors", recursive=True)
    following = select(func.min(ae.c.actor)).where(there, ae.c.actor > steps.c.actor).correlate(steps).scalar_subquery()
    steps = steps.union_all(select(following).where(steps.c.actor.is_not(None)))
    return [name for name in tx.run(select(steps.c.actor)).scalars() if name is not None]


def _about_tenants(tx: Transaction, query: AuditQuery, value: str) -> ColumnElement[bool]:
    """Entries about the tenants that a number, or a part of a name or domain, means."""
    mine = tenants.c.workspace_id == query.workspace_id
    if (number := filters.read_number(value)) is not None:
        found = tx.run(select(tenants.c.id).where(mine, tenants.c.id == number)).scalars().all()
        if found:
            return ae.c.tenant_id == number
    pattern = filters.like(value)
    named = tenants.c.sort_name.like(pattern, escape="\\")
    return and_(ae.c.tenant_id.is_not(None), ae.c.tenant_id.in_(select(tenants.c.id).where(mine, named)))


def entries_since(tx: Transaction, query: AuditQuery, moment: datetime) -> ColumnElement[bool]:
    """Makes the condition of entries from a moment on, with a bound on the id.

    The chain's sequence has no gaps, so twenty steps find where a million begin.

    Entries are in the order of time but for a clock that was set back, which an hour's allowance covers.
    """
    chain = chain_of(query.workspace_id)
    last = tx.run(select(audit_heads.c.sequence).where(audit_heads.c.chain == chain)).scalar_one_or_none() or 0
    low, high, found = 1, last + 1, None
    while low < high:
        middle = (low + high) // 2
        row = tx.run(select(ae.c.id, ae.c.at).where(ae.c.chain == chain, ae.c.sequence == middle)).first()
        if row is None or row.at < moment - CLOCK_ALLOWANCE:
            low = middle + 1
        else:
            high, found = middle, row.id
    return false() if found is None else and_(ae.c.id >= found, ae.c.at >= moment)


def _target(value: str) -> ColumnElement[bool]:
    match = _TARGET.fullmatch(value)
    if match is None:
        raise InvalidInput(
            "filter", f"`target:{value}` is not a kind of thing", "Such as target:tenant or target:run:12."
        )
    kind, id = match.groups()
    return ae.c.target_kind == kind if id is None else and_(ae.c.target_kind == kind, ae.c.target_id == id)


def _about(query: AuditQuery, kind: str, number: int) -> ColumnElement[bool]:
    # The workspace again, so that the index on workspace, kind and id serves inside an OR too.
    return and_(_of(query), ae.c.target_kind == kind, ae.c.target_id == str(number))


def _about_run(tx: Transaction, query: AuditQuery, number: int) -> ColumnElement[bool]:
    """A run's own entries, and those of its connection that name it: found by the index first, then by their bytes."""
    connection_id = tx.run(
        select(operation_runs.c.connection_id).where(
            operation_runs.c.id == number, operation_runs.c.workspace_id == query.workspace_id
        )
    ).scalar_one_or_none()
    own = _about(query, "run", number)
    if connection_id is None:
        return own
    raw = cast(ae.c.canonical, Text) if tx.is_sqlite else func.convert_from(cast(ae.c.canonical, LargeBinary), "UTF8")
    named = or_(*(raw.like(f'%"{key}":{number}{end}%') for key in ("run", "retry_of") for end in (",", "}")))
    return or_(own, and_(_about(query, "connection", connection_id), named))


def _like(column: Any, value: str) -> ColumnElement[bool]:
    return and_(column.is_not(None), func.lower(column).like(filters.like(value), escape="\\"))


def _number(key: str, value: str) -> int:
    number = filters.read_number(value)
    if number is None:
        raise InvalidInput("filter", f"`{key}:{value}` is not a number", f"Such as {key}:12.")
    return number
