"""Tags of a workspace: the words, and which tenants have them. What people may do with them is in `tenant_tags.py`.

Promise: a tag's name is folded and unique in its workspace. Functions take a transaction; the caller has asked for authority.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, insert, select

from storage.database import Transaction
from storage.schema import tags, tenant_tags
from storage.tenant_fields import read_tag


def find_tag(tx: Transaction, workspace_id: int, name: str) -> int | None:
    """Returns the id of a workspace's tag, or None when there is none of that name."""
    return tx.run(
        select(tags.c.id).where(tags.c.workspace_id == workspace_id, tags.c.name == name)
    ).scalar_one_or_none()


def find_or_make_tag(tx: Transaction, workspace_id: int, name: str) -> int:
    """Returns the id of a workspace's tag, made when it is new.

    Raises:
        InvalidInput: the name cannot be used.
    """
    folded = read_tag(name)
    found = find_tag(tx, workspace_id, folded)
    if found is not None:
        return found
    return int(tx.run(insert(tags).values(workspace_id=workspace_id, name=folded).returning(tags.c.id)).scalar_one())


def tags_of(tx: Transaction, tenant_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Returns the tags of some tenants, in order; a tenant without any is left out."""
    labels: dict[int, list[str]] = {}
    for label in tx.run(
        select(tenant_tags.c.tenant_id, tags.c.name)
        .join(tags, tags.c.id == tenant_tags.c.tag_id)
        .where(tenant_tags.c.tenant_id.in_(list(tenant_ids)))
        .order_by(tags.c.name)
    ).all():
        labels.setdefault(label.tenant_id, []).append(label.name)
    return {tenant_id: tuple(names) for tenant_id, names in labels.items()}


def replace_tags(tx: Transaction, workspace_id: int, tenant_id: int, names: Iterable[str]) -> None:
    """Gives a tenant exactly these tags."""
    wanted = {find_or_make_tag(tx, workspace_id, name) for name in names}
    held = set(tx.run(select(tenant_tags.c.tag_id).where(tenant_tags.c.tenant_id == tenant_id)).scalars())
    if held - wanted:
        tx.run(
            delete(tenant_tags).where(
                tenant_tags.c.tenant_id == tenant_id, tenant_tags.c.tag_id.in_(sorted(held - wanted))
            )
        )
    for tag_id in sorted(wanted - held):
        tx.run(insert(tenant_tags).values(tenant_id=tenant_id, tag_id=tag_id))
