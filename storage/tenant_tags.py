"""What people do with tags: give them to tenants, list them, rename them.

Promise: memberships reach tenants by tag, so changing which tenants have one takes `provider.manage` over the whole workspace. A tag is
renamed everywhere at once; one that nobody has any more stays, since a membership may wait for it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select, update

from storage import audit
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound
from storage.schema import memberships, tags, tenant_tags, tenants
from storage.states import TenantLifecycle, Topic
from storage.tags import find_tag, replace_tags, tags_of
from storage.tenant_changes import require_tagging
from storage.tenant_fields import read_tag, read_tags
from storage.tenants import TenantRow, lock, row_in

_TAG: Final = "tenant.tag"


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag of a workspace.

    Attributes:
        tenants: how many tenants that the principal may see have it, archived ones aside.
        memberships: how many people reach tenants by it; None for who does not see the whole workspace.
    """

    name: str
    tenants: int
    memberships: int | None


def change(
    db: Database,
    who: Principal,
    tenant_id: int,
    *,
    add: Collection[str] = (),
    remove: Collection[str] = (),
    ticket: str | None = None,
) -> TenantRow:
    """Adds tags to a tenant and removes others. What it has already, or has not, changes nothing.

    To give it exactly some tags, edit its `tags` (`tenant_changes.edit`), which notices what others did meanwhile.

    Raises:
        InvalidInput: a tag's name cannot be used.
        NotFound, Forbidden: not visible, or not allowed.
    """
    added, removed = set(read_tags(add)), set(read_tags(remove))

    def work(tx: Transaction) -> TenantRow:
        tenant, _ = lock(tx, who, tenant_id)
        require_tagging(tx, who, tenant)
        before = tags_of(tx, [tenant_id]).get(tenant_id, ())
        after = read_tags((set(before) | added) - removed)
        if after != before:
            replace_tags(tx, tenant.workspace_id, tenant_id, after)
            tx.run(update(tenants).where(tenants.c.id == tenant_id).values(updated_at=tx.now()))
            audit.record(
                tx,
                who,
                _TAG,
                target_kind="tenant",
                target_id=tenant_id,
                workspace_id=tenant.workspace_id,
                ticket=ticket,
                detail={"tags_before": list(before), "tags": list(after)},
            )
            tx.touch(Topic.TENANTS, Topic.MEMBERS)
        return row_in(tx, tenant_id)

    return audit.attempt(db, who, _TAG, work, target_kind="tenant", target_id=tenant_id, ticket=ticket)


def of_workspace(db: Database, who: Principal, workspace_id: int) -> tuple[TagCount, ...]:
    """Returns a workspace's tags by name, with how many tenants have each.

    Who does not see the whole workspace gets the tags of the tenants they see.

    Raises:
        NotFound: the principal is no member.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        whole = rights.reaches_whole(workspace_id, Capability.TENANT_VIEW)
        visible = select(tenants.c.id).where(
            tenants.c.workspace_id == workspace_id,
            tenants.c.lifecycle != TenantLifecycle.ARCHIVED.value,
            rights.tenant_clause(workspace_id, Capability.TENANT_VIEW, tenants.c.id),
        )
        seen: dict[int, int] = {
            row.tag_id: row.n
            for row in tx.run(
                select(tenant_tags.c.tag_id, func.count().label("n"))
                .where(tenant_tags.c.tenant_id.in_(visible))
                .group_by(tenant_tags.c.tag_id)
            ).all()
        }
        people: dict[int, int] = {
            row.tag_id: row.n
            for row in tx.run(
                select(memberships.c.tag_id, func.count().label("n"))
                .where(
                    memberships.c.workspace_id == workspace_id,
                    memberships.c.tag_id.is_not(None),
                    memberships.c.revoked_at.is_(None),
                )
                .group_by(memberships.c.tag_id)
            ).all()
        }
        rows = tx.run(select(tags.c.id, tags.c.name).where(tags.c.workspace_id == workspace_id)).all()
    found = [
        TagCount(row.name, seen.get(row.id, 0), people.get(row.id, 0) if whole else None)
        for row in rows
        if whole or row.id in seen
    ]
    return tuple(sorted(found, key=lambda tag: tag.name))


def rename(
    db: Database, who: Principal, workspace_id: int, name: str, new_name: str, *, ticket: str | None = None
) -> TagCount:
    """Renames a tag of a workspace, for every tenant and every membership that has it.

    Raises:
        InvalidInput: the new name cannot be used.
        Conflict: the workspace has a tag of the new name.
        NotFound, Forbidden: there is no such tag or workspace, or it is not allowed.
    """
    old, new = read_tag(name), read_tag(new_name)

    def work(tx: Transaction) -> None:
        authority(tx, who).require(tx, Capability.PROVIDER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")
        tag_id = find_tag(tx, workspace_id, old)
        if tag_id is None:
            raise NotFound(f"There is no tag {old!r} in this workspace.", "See `atlas-tui tenant tags`.")
        if old == new:
            return
        if find_tag(tx, workspace_id, new) is not None:
            raise Conflict(
                f"tag: this workspace has {new!r} already.", "Give the tenants that tag, and remove this one."
            )
        tx.run(update(tags).where(tags.c.id == tag_id).values(name=new))
        audit.record(
            tx,
            who,
            "tag.rename",
            target_kind="tag",
            target_id=tag_id,
            workspace_id=workspace_id,
            ticket=ticket,
            detail={"name_before": old, "name": new},
        )
        tx.touch(Topic.TENANTS, Topic.MEMBERS)

    audit.attempt(db, who, "tag.rename", work, target_kind="workspace", target_id=workspace_id, ticket=ticket)
    return next(tag for tag in of_workspace(db, who, workspace_id) if tag.name == new)
