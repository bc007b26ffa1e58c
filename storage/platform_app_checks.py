"""Verifying a platform app: checks on its home tenant and on a few connections that sign in with it.

Promise: asking changes no badge and resets nobody; each check goes through the start gate and is answered in its classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from storage import audit, operations, starting
from storage.access import Principal
from storage.capabilities import Capability
from storage.credential_changes import MOST_CHECKED
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput
from storage.platform_apps import home_connection, require_app
from storage.schema import provider_connections, tenants
from storage.starting import StartResult


@dataclass(frozen=True, slots=True)
class AppCheck:
    """One check that verifies the app.

    Attributes:
        connection_id: on which connection.
        tenant_name: of which tenant.
        is_home: it is the app's home tenant.
        result: what the start gate answered.
    """

    connection_id: int
    tenant_name: str
    is_home: bool
    result: StartResult


def verify(
    db: Database, who: Principal, app_id: int, connection_ids: Sequence[int] = (), *, ticket: str | None = None
) -> tuple[AppCheck, ...]:
    """Verifies an app: queues a check on its home tenant's connection, if the workspace has one, and on up to three named ones.

    No badge changes by asking. A staged credential is carried by these checks; the first that passes promotes it.

    Returns:
        What the start gate answered for each connection, the home tenant's first.

    Raises:
        InvalidInput: more than three are named, or one does not sign in with this app.
        Conflict: there is nothing to check it on.
        NotFound, Forbidden: not visible, or not allowed.
    """
    named = list(dict.fromkeys(connection_ids))
    if len(named) > MOST_CHECKED:
        raise InvalidInput("connections", f"are more than {MOST_CHECKED}", "A few are enough to verify an app.")

    def choose(tx: Transaction) -> list[tuple[int, str, bool]]:
        app = require_app(tx, who, app_id, Capability.PROVIDER_RUN)
        home = home_connection(tx, app)
        chosen = [*([] if home is None else [home]), *(one for one in named if one != home)]
        names = {
            row.id: row.name
            for row in tx.run(
                select(provider_connections.c.id, tenants.c.name)
                .join(tenants, tenants.c.id == provider_connections.c.tenant_id)
                .where(provider_connections.c.platform_app_id == app_id, provider_connections.c.id.in_(chosen))
            )
        }
        for one in chosen:
            if one not in names:
                raise InvalidInput(
                    "connections", f"{one} does not sign in with this platform app", "Name one that does."
                )
        if not chosen:
            raise Conflict(
                "This workspace has no connection of the app's home tenant.",
                f"Name up to {MOST_CHECKED} connections to verify it on.",
            )
        audit.record(
            tx,
            who,
            "platform_app.verify",
            target_kind="platform_app",
            target_id=app_id,
            workspace_id=app.workspace_id,
            ticket=ticket,
            detail={"connections": [str(one) for one in chosen]},
        )
        return [(one, names[one], one == home) for one in chosen]

    chosen = audit.attempt(
        db, who, "platform_app.verify", choose, target_kind="platform_app", target_id=app_id, ticket=ticket
    )
    return tuple(
        AppCheck(
            one, name, is_home, starting.start(db, who, one, operations.CONNECTION_CHECK, run_after=True, ticket=ticket)
        )
        for one, name, is_home in chosen
    )
