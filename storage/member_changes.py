"""Changing who is in a workspace: add, another role, another end, revoke.

Promise: each is one transaction with its entry in the trail, by an Owner; a workspace keeps an Owner who stays (`owners`); a role that ends
is given with its end.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from storage import audit
from storage.access import Principal
from storage.capabilities import Capability, Role
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.fields import read_login, read_name
from storage.members import Member, counting, member_of, require
from storage.owners import keep_an_owner, lasting_owners
from storage.schema import memberships, tenants, users
from storage.states import ScopeKind, Topic
from storage.tags import find_or_make_tag
from storage.users import find_or_make


def add(
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
    ticket: str | None = None,
) -> Member:
    """Adds a membership.

    Args:
        db: the database.
        who: an Owner.
        workspace_id: where.
        login: the account; made when it is new, opened again when the person had left.
        display_name: the person's name, for an account that is new.
        role: what they may do.
        tenant_id: reach only this tenant.
        tag: reach only tenants with this tag.
        expires_at: until when; None for good.
        ticket: a reference for the trail.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: the person has a role with this reach already.
        NotFound, Forbidden: not visible, or not allowed.
    """
    login, display_name = read_login("login", login), read_name("display name", display_name)
    if tenant_id is not None and tag is not None:
        raise InvalidInput("scope", "is both a tenant and a tag", "Give one of them, or add two memberships.")

    def work(tx: Transaction) -> Member:
        require(tx, who, workspace_id, Capability.MEMBER_MANAGE)
        now = tx.now()
        _check_end(now, expires_at)
        if tenant_id is not None:
            _require_tenant(tx, workspace_id, tenant_id)
        kind = ScopeKind.TENANT if tenant_id is not None else ScopeKind.TAG if tag is not None else ScopeKind.WORKSPACE
        tag_id = find_or_make_tag(tx, workspace_id, tag) if tag is not None else None
        user_id = find_or_make(tx, login, display_name)
        held = tx.run(
            counting(tx).where(
                memberships.c.workspace_id == workspace_id,
                memberships.c.user_id == user_id,
                memberships.c.scope_kind == kind.value,
                func.coalesce(memberships.c.tenant_id, 0) == (tenant_id or 0),
                func.coalesce(memberships.c.tag_id, 0) == (tag_id or 0),
            )
        ).first()
        if held is not None:
            raise Conflict(
                f"{login} is {held.role} already ({member_of(held).scope}).",
                f"Change it: atlas-tui member change {held.id}",
            )
        member_id = tx.run(
            insert(memberships)
            .values(
                user_id=user_id,
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
        member = member_of(tx.run(counting(tx).where(memberships.c.id == member_id)).one())
        detail = {"login": login, "role": role.value, "scope": member.scope, "until": _until(expires_at)}
        _told(tx, who, "member.add", workspace_id, member_id, ticket, detail)
        return member

    return audit.attempt(db, who, "member.add", work, target_kind="workspace", target_id=workspace_id, ticket=ticket)


def change_role(
    db: Database, who: Principal, workspace_id: int, member_id: int, role: Role, *, ticket: str | None = None
) -> Member:
    """Gives a membership another role; its reach and its end stay.

    Raises:
        Conflict: it is the last Owner's.
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> Member:
        row = _changeable(tx, who, workspace_id, member_id)
        keep_an_owner(tx, workspace_id, [member_id], becoming=role)
        tx.run(update(memberships).where(memberships.c.id == member_id).values(role=role.value))
        detail = {"login": row.login, "before": row.role, "after": role.value}
        _told(tx, who, "member.role", workspace_id, member_id, ticket, detail)
        return member_of(tx.run(counting(tx).where(memberships.c.id == member_id)).one())

    return audit.attempt(db, who, "member.role", work, target_kind="member", target_id=member_id, ticket=ticket)


def set_end(
    db: Database,
    who: Principal,
    workspace_id: int,
    member_id: int,
    expires_at: datetime | None,
    *,
    ticket: str | None = None,
) -> Member:
    """Sets until when a membership counts.

    Args:
        db: the database.
        who: an Owner.
        workspace_id: where.
        member_id: which.
        expires_at: the moment it ends; None for good.
        ticket: a reference for the trail.

    Raises:
        InvalidInput: the moment is over.
        Conflict: it is the last Owner's, who must not expire.
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> Member:
        row = _changeable(tx, who, workspace_id, member_id)
        _check_end(tx.now(), expires_at)
        if expires_at is not None:
            keep_an_owner(tx, workspace_id, [member_id])
        tx.run(update(memberships).where(memberships.c.id == member_id).values(expires_at=expires_at))
        detail = {"login": row.login, "role": row.role, "before": _until(row.expires_at), "after": _until(expires_at)}
        _told(tx, who, "member.until", workspace_id, member_id, ticket, detail)
        return member_of(tx.run(counting(tx).where(memberships.c.id == member_id)).one())

    return audit.attempt(db, who, "member.until", work, target_kind="member", target_id=member_id, ticket=ticket)


def revoke(db: Database, who: Principal, workspace_id: int, member_id: int, *, ticket: str | None = None) -> None:
    """Ends a membership now; one that has expired can be revoked too.

    Raises:
        Conflict: it is the last Owner's.
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> None:
        row = _changeable(tx, who, workspace_id, member_id)
        keep_an_owner(tx, workspace_id, [member_id])
        tx.run(update(memberships).where(memberships.c.id == member_id).values(revoked_at=tx.now()))
        _told(tx, who, "member.revoke", workspace_id, member_id, ticket, {"login": row.login, "role": row.role})

    audit.attempt(db, who, "member.revoke", work, target_kind="member", target_id=member_id, ticket=ticket)


def _told(
    tx: Transaction,
    who: Principal,
    action: str,
    workspace_id: int,
    member_id: int,
    ticket: str | None,
    detail: dict[str, Any],
) -> None:
    audit.record(
        tx,
        who,
        action,
        target_kind="member",
        target_id=member_id,
        workspace_id=workspace_id,
        ticket=ticket,
        detail=detail,
    )
    tx.touch(Topic.MEMBERS)


def _until(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(" ", "minutes")


def _check_end(now: datetime, expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("until", "is in the past", "Give a moment that is still to come.")


def _require_tenant(tx: Transaction, workspace_id: int, tenant_id: int) -> None:
    here = select(tenants.c.id).where(tenants.c.id == tenant_id, tenants.c.workspace_id == workspace_id)
    if tx.run(here).first() is None:
        raise NotFound(f"Tenant {tenant_id} does not exist.")


def _changeable(tx: Transaction, who: Principal, workspace_id: int, member_id: int) -> Any:
    """The membership that shall be changed, locked; expired ones and those of inactive users too.

    The Owners' are locked first, by id, as whatever takes one away locks them: so two who change each other's do not wait for each other.
    """
    require(tx, who, workspace_id, Capability.MEMBER_MANAGE)
    lasting_owners(tx, workspace_id)
    statement = (
        select(memberships.c.role, memberships.c.expires_at, users.c.login)
        .join(users, users.c.id == memberships.c.user_id)
        .where(
            memberships.c.id == member_id,
            memberships.c.workspace_id == workspace_id,
            memberships.c.revoked_at.is_(None),
        )
    )
    row = tx.run(statement if tx.is_sqlite else statement.with_for_update(of=memberships)).first()
    if row is None:
        raise NotFound(f"Membership {member_id} does not exist.", "See `atlas-tui member list`.")
    return row
