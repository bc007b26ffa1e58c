"""What the targets of audit entries are called now. What is gone has no name, and keeps its kind and number.

Promise: a name is of the entry's own workspace. A refused request may have named any number, also that of something in another workspace:
that stays a number. Must not know: who may see an entry (whoever may, may read what it is about).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from storage import operations
from storage.database import Transaction
from storage.schema import (
    alert_channels,
    alert_rules,
    memberships,
    operation_runs,
    platform_apps,
    provider_connections,
    run_batches,
    schedules,
    tenants,
    users,
    workspaces,
)

_NAMED: Final[Mapping[str, tuple[Any, Any]]] = {
    "tenant": (tenants, tenants.c.name),
    "platform_app": (platform_apps, platform_apps.c.display_name),
    "schedule": (schedules, schedules.c.name),
    "alert_channel": (alert_channels, alert_channels.c.name),
    "alert_rule": (alert_rules, alert_rules.c.name),
}
"""Kinds of targets whose name stands in their own row."""


def names_of(tx: Transaction, workspace_id: int | None, rows: Sequence[Any]) -> dict[tuple[str, str], str]:
    """Returns the names of the targets of some entries, by kind and id: one question for each kind that is there.

    Args:
        tx: the transaction.
        workspace_id: whose entries they are; None for the system's, which are about nothing that has a name.
        rows: the entries.
    """
    if workspace_id is None:
        return {}
    ids: dict[str, set[int]] = {}
    for row in rows:
        if row.target_id.isascii() and row.target_id.isdigit() and len(row.target_id) < 19:
            ids.setdefault(row.target_kind, set()).add(int(row.target_id))
    found: dict[tuple[str, str], str] = {}
    for kind, wanted in ids.items():
        if kind in _NAMED:
            named = _lookup(tx, workspace_id, *_NAMED[kind], wanted)
        elif kind == "connection":
            named = _connection_names(tx, workspace_id, wanted)
        elif kind in ("run", "batch"):
            table = operation_runs if kind == "run" else run_batches
            types = _lookup(tx, workspace_id, table, table.c.type, wanted)
            named = {id: f"#{id} {operations.find(type).label}" for id, type in types.items()}
        elif kind in ("workspace", "audit_trail"):
            own = {id for id in wanted if id == workspace_id}
            called = tx.run(select(workspaces.c.id, workspaces.c.name).where(workspaces.c.id.in_(own)))
            named = {row.id: f"{'trail of ' if kind == 'audit_trail' else ''}{row.name}" for row in called}
        elif kind == "member":
            named = _member_names(tx, workspace_id, wanted)
        else:
            continue
        found |= {(kind, str(id)): name for id, name in named.items()}
    return found


def tenant_names(tx: Transaction, workspace_id: int | None, wanted: set[int]) -> dict[int, str]:
    """Returns the names of tenants of a workspace, by id."""
    return {} if workspace_id is None else _lookup(tx, workspace_id, tenants, tenants.c.name, wanted)


def _lookup(tx: Transaction, workspace_id: int, table: Any, value: Any, wanted: set[int]) -> dict[int, str]:
    """One column of those rows of a workspace whose id is wanted, by id."""
    if not wanted:
        return {}
    rows = tx.run(
        select(table.c.id, value.label("value")).where(
            table.c.id.in_(sorted(wanted)), table.c.workspace_id == workspace_id
        )
    )
    return {row.id: str(row.value) for row in rows}


def _connection_names(tx: Transaction, workspace_id: int, wanted: set[int]) -> dict[int, str]:
    pc = provider_connections
    rows = tx.run(
        select(pc.c.id, tenants.c.name, pc.c.display_name)
        .join(tenants, tenants.c.id == pc.c.tenant_id)
        .where(pc.c.id.in_(sorted(wanted)), pc.c.workspace_id == workspace_id)
    )
    return {row.id: f"{row.name} / {row.display_name}" for row in rows}


def _member_names(tx: Transaction, workspace_id: int, wanted: set[int]) -> dict[int, str]:
    rows = tx.run(
        select(memberships.c.id, users.c.login)
        .join(users, users.c.id == memberships.c.user_id)
        .where(memberships.c.id.in_(sorted(wanted)), memberships.c.workspace_id == workspace_id)
    )
    return {row.id: row.login for row in rows}
