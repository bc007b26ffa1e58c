"""What the targets of audit entries are called now. What is gone has no name, and keeps its kind and number.

Must not know: who may see an entry (whoever may, may read what it is about).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from storage import operations
from storage.database import Transaction
from storage.schema import memberships, operation_runs, platform_apps, provider_connections, tenants, users

_NAMED: Final[Mapping[str, tuple[Any, Any]]] = {
    "tenant": (tenants.c.id, tenants.c.name),
    "platform_app": (platform_apps.c.id, platform_apps.c.display_name),
    "user": (users.c.id, users.c.login),
}
"""Kinds of targets whose name stands in their own row."""


def names_of(tx: Transaction, rows: Sequence[Any]) -> dict[tuple[str, str], str]:
    """Returns the names of the targets of some entries, by kind and id: one question for each kind that is there."""
    ids: dict[str, set[int]] = {}
    for row in rows:
        if row.target_id.isascii() and row.target_id.isdigit() and len(row.target_id) < 19:
            ids.setdefault(row.target_kind, set()).add(int(row.target_id))
    found: dict[tuple[str, str], str] = {}
    for kind, wanted in ids.items():
        if kind in _NAMED:
            named = lookup(tx, *_NAMED[kind], wanted)
        elif kind == "connection":
            named = _connection_names(tx, wanted)
        elif kind == "run":
            types = lookup(tx, operation_runs.c.id, operation_runs.c.type, wanted)
            named = {id: f"#{id} {operations.find(type).label}" for id, type in types.items()}
        elif kind == "member":
            named = _member_names(tx, wanted)
        else:
            continue
        found |= {(kind, str(id)): name for id, name in named.items()}
    return found


def lookup(tx: Transaction, key: Any, value: Any, wanted: set[Any]) -> dict[Any, str]:
    """Returns one column of the rows whose key is wanted, by key."""
    if not wanted:
        return {}
    rows = tx.run(select(key.label("key"), value.label("value")).where(key.in_(sorted(wanted))))
    return {row.key: str(row.value) for row in rows}


def _connection_names(tx: Transaction, wanted: set[int]) -> dict[Any, str]:
    pc = provider_connections
    rows = tx.run(
        select(pc.c.id, tenants.c.name, pc.c.display_name)
        .join(tenants, tenants.c.id == pc.c.tenant_id)
        .where(pc.c.id.in_(sorted(wanted)))
    )
    return {row.id: f"{row.name} / {row.display_name}" for row in rows}


def _member_names(tx: Transaction, wanted: set[int]) -> dict[Any, str]:
    rows = tx.run(
        select(memberships.c.id, users.c.login)
        .join(users, users.c.id == memberships.c.user_id)
        .where(memberships.c.id.in_(sorted(wanted)))
    )
    return {row.id: row.login for row in rows}
