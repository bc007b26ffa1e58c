"""What changing an alert channel and changing an alert rule have in common: enabling and disabling, a name once, the entry in the trail.

Promise: part of the transaction of the change. Asks for no authority: `alert_channels` and `alert_rules` have locked the row, and asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, Table, select, update

from storage import audit
from storage.access import Principal
from storage.database import Transaction
from storage.errors import Conflict
from storage.states import Topic


def switch(
    tx: Transaction, who: Principal, action: str, table: Table, target: str, row: Row[Any], ticket: str | None
) -> None:
    """Enables a locked channel or rule that is disabled, or disables one that is enabled, and tells it."""
    now = tx.now()
    tx.run(update(table).where(table.c.id == row.id).values(is_enabled=not row.is_enabled, updated_at=now))
    tell(tx, who, action, target, row.id, row.workspace_id, ticket, {"name": row.name})


def refuse_taken(tx: Transaction, table: Table, workspace_id: int, name: str, what: str) -> None:
    """Refuses a name that another one of the workspace has.

    Args:
        tx: the transaction of the change.
        table: the channels or the rules.
        workspace_id: whose.
        name: the name, as it would be stored.
        what: what people call such a thing, with its article.

    Raises:
        Conflict: it is taken.
    """
    taken = select(table.c.id).where(table.c.workspace_id == workspace_id, table.c.name == name)
    if tx.run(taken).first() is not None:
        raise Conflict(f"name: this workspace has {what} called {name}.", "Choose another name.")


def tell(
    tx: Transaction,
    who: Principal,
    action: str,
    target: str,
    id: int,
    workspace_id: int,
    ticket: str | None,
    detail: Mapping[str, audit.DetailValue],
) -> None:
    """Writes the entry of a change, and has whoever looks at alerts look again."""
    audit.record(
        tx, who, action, target_kind=target, target_id=id, workspace_id=workspace_id, ticket=ticket, detail=detail
    )
    tx.touch(Topic.ALERTS)
