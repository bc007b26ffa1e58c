"""Workspaces, users and memberships.

Promise: the first Owner is made by `initialize`, once; after that people are added by an Owner. A workspace keeps at least one Owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from storage import audit
from storage.access import Principal, authority
from storage.capabilities import Capability, Role
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound
from storage.fields import read_login, read_name, read_slug
from storage.schema import memberships, tenants, users, workspaces
from storage.states import ScopeKind, Topic
from storage.tenants import find_or_make_tag


@dataclass(frozen=True, slots=True)
class Member:
    """One membership, as people see it."""

    id: int
    login: str
    display_name: str
    role: Role
    scope: str
    expires_at: datetime | None


def initialize(
    db: Database, *, login: str, display_name: str, slug: str, name: str, owner: Principal | None = None
) -> Principal:
    """Makes a workspace with its first Owner. Run by whoever owns the database; on a system chain of the audit.

    Args:
        db: the database.
        login: the Owner's account.
        display_name: the Owner's name.
        slug: the workspace's short name.
        name: its name.
        owner: who does it, for the audit; the new Owner when None.

    Returns:
        The Owner as a principal.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: a workspace with this short name exists.
    """
    login, display_name = read_login("login", login), read_name("display name", display_name)
    slug, name = read_slug("workspace", slug), read_name("workspace name", name)

    def work(tx: Transaction) -> Principal:
        if tx.run(select(workspaces.c.id).where(workspaces.c.slug == slug)).first() is not None:
            raise Conflict(f"The workspace {slug} exists already.", "Choose another short name.")
        now = tx.now()
        user_id = _user(tx, login, display_name, now)
        workspace_id = tx.run(
            insert(workspaces).values(slug=slug, name=name, created_at=now).returning(workspaces.c.id)
        ).scalar_one()
        tx.run(
            insert(memberships).values(
                user_id=user_id,
                workspace_id=workspace_id,
                scope_kind=ScopeKind.WORKSPACE.value,
                role=Role.OWNER.value,
                created_at=now,
            )
        )
        who = Principal(user_id, login)
        audit.record(
            tx,
            owner or who,
            "workspace.create",
            target_kind="workspace",
            target_id=workspace_id,
            workspace_id=None,
            detail={"slug": slug, "owner": login},
        )
        tx.touch(Topic.MEMBERS)
        return who

    return db.write(work)


def _user(tx: Transaction, login: str, display_name: str, now: datetime) -> int:
    found = tx.run(select(users.c.id).where(users.c.login == login)).scalar_one_or_none()
    if found is not None:
        return int(found)
    return int(
        tx.run(
            insert(users).values(login=login, display_name=display_name, created_at=now).returning(users.c.id)
        ).scalar_one()
    )


def find_workspace(db: Database, who: Principal, slug: str) -> int:
    """Returns the id of a workspace that the principal may enter.

    Raises:
        NotFound: there is none of that name for this principal.
    """
    with db.read() as tx:
        row = tx.run(select(workspaces.c.id).where(workspaces.c.slug == slug)).first()
        if row is None or not authority(tx, who).may_enter(row.id):
            raise NotFound(f"There is no workspace {slug}.", "See `atlas-tui workspaces`.")
        return int(row.id)


def add_member(
    db: Database,
    who: Principal,
    workspace_id: int,
    *,
    login: str,
    display_name: str,
    role: Role,
    tenant_id: int | None = None,
    tag: str | None = None,
    expires_at: datetime | None = None,
) -> Member:
    """Adds a membership.

    Args:
        db: the database.
        who: an Owner.
        workspace_id: where.
        login: the account; made when it is new.
        display_name: the person's name.
        role: what they may do.
        tenant_id: reach only this tenant.
        tag: reach only tenants with this tag.
        expires_at: until when; None for good.

    Raises:
        NotFound, Forbidden, InvalidInput: see the message.
    """
    login, display_name = read_login("login", login), read_name("display name", display_name)

    def work(tx: Transaction) -> Member:
        authority(tx, who).require(tx, Capability.MEMBER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")
        now = tx.now()
        kind, tag_id, scope = ScopeKind.WORKSPACE, None, "workspace"
        if tenant_id is not None:
            kind = ScopeKind.TENANT
            scope = f"tenant {_tenant_name(tx, workspace_id, tenant_id)}"
        elif tag is not None:
            kind, tag_id, scope = ScopeKind.TAG, find_or_make_tag(tx, workspace_id, tag), f"tag {tag}"
        member_id = tx.run(
            insert(memberships)
            .values(
                user_id=_user(tx, login, display_name, now),
                workspace_id=workspace_id,
                scope_kind=kind.value,
                tenant_id=tenant_id,
                tag_id=tag_id,
                role=role.value,
                expires_at=expires_at,
                granted_by_id=who.user_id,
                created_at=now,
            )
            .returning(memberships.c.id)
        ).scalar_one()
        audit.record(
            tx,
            who,
            "member.add",
            target_kind="member",
            target_id=member_id,
            workspace_id=workspace_id,
            detail={"login": login, "role": role.value, "scope": scope, "until": str(expires_at or "")},
        )
        tx.touch(Topic.MEMBERS)
        return Member(member_id, login, display_name, role, scope, expires_at)

    return audit.attempt(db, who, "member.add", work, target_kind="workspace", target_id=workspace_id)


def _tenant_name(tx: Transaction, workspace_id: int, tenant_id: int) -> str:
    name = tx.run(
        select(tenants.c.name).where(tenants.c.id == tenant_id, tenants.c.workspace_id == workspace_id)
    ).scalar_one_or_none()
    if name is None:
        raise NotFound(f"Tenant {tenant_id} does not exist.")
    return str(name)


def revoke_member(db: Database, who: Principal, workspace_id: int, member_id: int) -> None:
    """Ends a membership.

    Raises:
        NotFound, Forbidden: see the message.
        Conflict: it is the last Owner's.
    """

    def work(tx: Transaction) -> None:
        authority(tx, who).require(tx, Capability.MEMBER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")
        now = tx.now()
        row = tx.run(
            select(memberships.c.role, memberships.c.scope_kind, users.c.login)
            .join(users, users.c.id == memberships.c.user_id)
            .where(
                memberships.c.id == member_id,
                memberships.c.workspace_id == workspace_id,
                memberships.c.revoked_at.is_(None),
            )
        ).first()
        if row is None:
            raise NotFound(f"Membership {member_id} does not exist.")
        if row.role == Role.OWNER and row.scope_kind == ScopeKind.WORKSPACE:
            others = tx.run(_lasting_owners(tx, workspace_id).where(memberships.c.id != member_id)).all()
            if not others:
                raise Conflict(f"{row.login} is the last Owner.", "Make somebody else Owner first, for good.")
        tx.run(update(memberships).where(memberships.c.id == member_id).values(revoked_at=now))
        audit.record(
            tx,
            who,
            "member.revoke",
            target_kind="member",
            target_id=member_id,
            workspace_id=workspace_id,
            detail={"login": row.login, "role": row.role},
        )
        tx.touch(Topic.MEMBERS)

    audit.attempt(db, who, "member.revoke", work, target_kind="member", target_id=member_id)


def _lasting_owners(tx: Transaction, workspace_id: int) -> Any:
    """Owners who stay: of the whole workspace, active, without an end. Locked, so that two of them cannot remove each other at once."""
    statement = (
        select(memberships.c.id)
        .join(users, users.c.id == memberships.c.user_id)
        .where(
            memberships.c.workspace_id == workspace_id,
            memberships.c.role == Role.OWNER.value,
            memberships.c.scope_kind == ScopeKind.WORKSPACE.value,
            memberships.c.revoked_at.is_(None),
            memberships.c.expires_at.is_(None),
            users.c.is_active,
        )
        .order_by(memberships.c.id)
    )
    return statement if tx.is_sqlite else statement.with_for_update(of=memberships)
