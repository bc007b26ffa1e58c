"""Workspaces: an MSP, a company's IT. Each has its own tenants, members and trail.

Promise: a workspace is made with its first Owner and its daily check by whoever owns the database, and renamed by an Owner. Its short name
is for good: people and scripts type it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update

from storage import audit
from storage.access import Principal, authority
from storage.capabilities import Capability, Role
from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound
from storage.fields import read_login, read_name, read_slug
from storage.ownership import require_owner
from storage.schedules import make_daily_check
from storage.schema import memberships, tenants, workspaces
from storage.states import ScopeKind, Topic
from storage.users import find_or_make


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, as whoever owns the database sees it: that it is there, not what is in it."""

    id: int
    slug: str
    name: str
    tenants: int
    created_at: datetime


def initialize(
    db: Database, *, login: str, display_name: str, slug: str, name: str, owner: Principal | None = None
) -> Principal:
    """Makes a workspace with its first Owner; on the system chain of the audit. For a database that its caller made or owns.

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
    return db.write(lambda tx: _make(tx, owner, login, display_name, slug, name, None))


def create(
    db: Database,
    who: Principal,
    *,
    slug: str,
    name: str,
    login: str,
    display_name: str,
    ticket: str | None = None,
) -> Principal:
    """Makes a workspace with its first Owner.

    Args:
        db: the database.
        who: whoever owns the database, from `ownership.database_owner`.
        slug: the workspace's short name.
        name: its name.
        login: the first Owner's account.
        display_name: the first Owner's name.
        ticket: a reference for the trail.

    Returns:
        The Owner as a principal.

    Raises:
        InvalidInput: a field cannot be used.
        Conflict: a workspace with this short name exists.
        Forbidden: who asks does not own the database.
    """
    login, display_name = read_login("login", login), read_name("display name", display_name)
    slug, name = read_slug("workspace", slug), read_name("workspace name", name)

    def work(tx: Transaction) -> Principal:
        require_owner(who)
        return _make(tx, who, login, display_name, slug, name, ticket)

    return audit.attempt(db, who, "workspace.create", work, target_kind="installation", target_id="", ticket=ticket)


def _make(
    tx: Transaction, by: Principal | None, login: str, display_name: str, slug: str, name: str, ticket: str | None
) -> Principal:
    if tx.run(select(workspaces.c.id).where(workspaces.c.slug == slug)).first() is not None:
        raise Conflict(f"The workspace {slug} exists already.", "Choose another short name.")
    now = tx.now()
    user_id = find_or_make(tx, login, display_name)
    workspace_id = tx.run(
        insert(workspaces).values(slug=slug, name=name, created_at=now).returning(workspaces.c.id)
    ).scalar_one()
    tx.run(
        insert(memberships).values(
            user_id=user_id,
            workspace_id=workspace_id,
            scope_kind=ScopeKind.WORKSPACE.value,
            role=Role.OWNER.value,
            granted_by_id=None if by is None else by.user_id,
            created_at=now,
        )
    )
    make_daily_check(tx, workspace_id)
    made = Principal(user_id, login)
    audit.record(
        tx,
        by or made,
        "workspace.create",
        target_kind="workspace",
        target_id=workspace_id,
        workspace_id=None,
        ticket=ticket,
        detail={"slug": slug, "owner": login},
    )
    tx.touch(Topic.MEMBERS, Topic.SCHEDULES)
    return made


def rename(db: Database, who: Principal, workspace_id: int, name: str, *, ticket: str | None = None) -> None:
    """Gives a workspace another name; its short name stays.

    Raises:
        InvalidInput: the name cannot be used.
        NotFound, Forbidden: no member, or no Owner.
    """
    name = read_name("workspace name", name)

    def work(tx: Transaction) -> None:
        authority(tx, who).require(tx, Capability.MEMBER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")
        before = tx.run(select(workspaces.c.name).where(workspaces.c.id == workspace_id)).scalar_one()
        tx.run(update(workspaces).where(workspaces.c.id == workspace_id).values(name=name))
        audit.record(
            tx,
            who,
            "workspace.rename",
            target_kind="workspace",
            target_id=workspace_id,
            workspace_id=workspace_id,
            ticket=ticket,
            detail={"before": before, "after": name},
        )
        tx.touch(Topic.MEMBERS)

    audit.attempt(db, who, "workspace.rename", work, target_kind="workspace", target_id=workspace_id, ticket=ticket)


def of_installation(db: Database, who: Principal) -> tuple[Workspace, ...]:
    """Returns every workspace there is, by short name.

    Raises:
        Forbidden: who asks does not own the database.
    """
    require_owner(who)
    count = select(func.count()).where(tenants.c.workspace_id == workspaces.c.id).scalar_subquery()
    with db.read() as tx:
        rows = tx.run(select(workspaces, count.label("tenants")).order_by(workspaces.c.slug)).all()
    return tuple(Workspace(row.id, row.slug, row.name, row.tenants, row.created_at) for row in rows)


def are_there(db: Database) -> bool:
    """Says whether any workspace was made in this database yet."""
    with db.read() as tx:
        return tx.run(select(workspaces.c.id).limit(1)).first() is not None


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
