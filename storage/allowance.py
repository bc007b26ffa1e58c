"""Asking beforehand whether somebody may do something, so that a screen can say why not and who may, before anything is typed.

Promise: the answer comes from the same rules as the refusal of the work itself; it grants nothing, the work asks again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from storage.access import Principal, authority, who_may
from storage.capabilities import Capability
from storage.database import Database
from storage.errors import NotFound
from storage.schema import tenants


@dataclass(frozen=True, slots=True)
class Allowance:
    """An answer.

    Attributes:
        is_allowed: whether it may be done.
        refusal: why not, and who may: "Your role may not do this. Ask dana (Manager)."; empty when it may.
    """

    is_allowed: bool
    refusal: str


def allowance(
    db: Database, who: Principal, capability: Capability, workspace_id: int, tenant_id: int | None = None
) -> Allowance:
    """Says whether the principal holds a capability.

    Args:
        db: the database.
        who: who asks, for themselves.
        capability: what the work will need.
        workspace_id: where.
        tenant_id: on which tenant; None for the whole workspace.

    Raises:
        NotFound: the workspace or the tenant is not visible.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        if rights.may(tx, capability, workspace_id, tenant_id):
            return Allowance(True, "")
        visible = (
            rights.may_enter(workspace_id)
            if tenant_id is None
            else rights.may(tx, Capability.TENANT_VIEW, workspace_id, tenant_id)
        )
        if not visible:
            raise NotFound("That does not exist.")
        return Allowance(False, f"Your role may not do this. {who_may(tx, capability, workspace_id, tenant_id)}")


def allowance_somewhere(db: Database, who: Principal, capability: Capability, workspace_id: int) -> Allowance:
    """Says whether the principal holds a capability for anything of a workspace: for a form that asks what it is about.

    Raises:
        NotFound: the workspace is not visible.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound("That does not exist.")
        mine = rights.tenant_clause(workspace_id, capability, tenants.c.id)
        if rights.may(tx, capability, workspace_id) or (
            tx.run(select(tenants.c.id).where(tenants.c.workspace_id == workspace_id, mine).limit(1)).first()
            is not None
        ):
            return Allowance(True, "")
        return Allowance(False, f"Your role may not do this. {who_may(tx, capability, workspace_id)}")
