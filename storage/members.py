"""Members: who is in a workspace, as what, with which reach, and until when.

Promise: a membership counts until its end, and not after. Who is in a workspace is read by those who may read its trail, since whom a role
reaches tells of tenants; one's own memberships are always readable. Changes are in `member_changes`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, func, or_, select

from storage import filters
from storage.access import Principal, authority
from storage.capabilities import Capability, Role
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import memberships, sessions, ssh_keys, tags, tenants, users
from storage.states import ScopeKind

_KEYS: Final[dict[str, Collection[str] | None]] = {"role": set(Role), "scope": set(ScopeKind)}
_GRANTERS = users.alias("granters")


@dataclass(frozen=True, slots=True)
class Member:
    """One membership, as people see it.

    Attributes:
        scope_kind: what it reaches.
        scope: the same in words: `workspace`, `tenant Contoso`, `tag gold`.
        tenant_id: the tenant that is reached, when it is one.
        since: when it was given.
        expires_at: until when; None for good.
        granted_by: the login of who gave it; None for the first Owner.
        last_seen: when the person's dashboard was last heard of.
        keys: how many SSH keys the person can log in with.
    """

    id: int
    login: str
    display_name: str
    role: Role
    scope_kind: ScopeKind
    scope: str
    tenant_id: int | None
    since: datetime
    expires_at: datetime | None
    granted_by: str | None
    last_seen: datetime | None
    keys: int


@dataclass(frozen=True, slots=True)
class MemberQuery:
    """What a list of members shall show. `text` is the filter line: words, `role:` and `scope:`."""

    workspace_id: int
    text: str = ""


def page(db: Database, who: Principal, query: MemberQuery, place: Place, limit: int = 100) -> Page[Member]:
    """Returns a page of the memberships that count now, by login.

    Raises:
        InvalidInput: the filter line cannot be read.
        NotFound: the principal is no member.
        Forbidden: may not read who is in the workspace.
    """
    wanted = filters.read_filter(query.text, _KEYS)
    with db.read() as tx:
        require(tx, who, query.workspace_id, Capability.AUDIT_VIEW)
        statement = counting(tx).where(memberships.c.workspace_id == query.workspace_id)
        for word in wanted.words:
            statement = statement.where(_mentions(word))
        for word in wanted.not_words:
            statement = statement.where(~_mentions(word))
        for key, values in wanted.values.items():
            statement = statement.where(_column(key).in_(values))
        for key, values in wanted.not_values.items():
            statement = statement.where(_column(key).not_in(values))
        keys = [SortKey(users.c.login, "login"), SortKey(memberships.c.id, "id")]
        return read_page(tx, statement, keys, place, limit, member_of, memberships.c.id)


def get(db: Database, who: Principal, workspace_id: int, member_id: int) -> Member:
    """Returns one membership that counts now; one's own is always readable.

    Raises:
        NotFound: there is no such membership in this workspace, or the principal is no member.
        Forbidden: may not read who is in the workspace.
    """
    with db.read() as tx:
        row = _find(tx, workspace_id, member_id)
        if row is None or row.user_id != who.user_id:
            require(tx, who, workspace_id, Capability.AUDIT_VIEW)
        if row is None or not authority(tx, who).may_enter(workspace_id):
            raise NotFound(f"Membership {member_id} does not exist.")
        return member_of(row)


def of_login(db: Database, who: Principal, workspace_id: int, login: str) -> tuple[Member, ...]:
    """Returns the memberships of one account that count now, the oldest first; empty when it has none.

    Raises:
        NotFound: the principal is no member.
        Forbidden: may not read who is in the workspace; one's own are always readable.
    """
    with db.read() as tx:
        if login == who.login and authority(tx, who).may_enter(workspace_id):
            pass
        else:
            require(tx, who, workspace_id, Capability.AUDIT_VIEW)
        rows = tx.run(
            counting(tx)
            .where(memberships.c.workspace_id == workspace_id, users.c.login == login)
            .order_by(memberships.c.id)
        ).all()
        return tuple(member_of(row) for row in rows)


def require(tx: Transaction, who: Principal, workspace_id: int, capability: Capability) -> None:
    """Lets pass who holds a capability for the whole workspace, or refuses as `Authority.require` does."""
    authority(tx, who).require(tx, capability, workspace_id, what=f"Workspace {workspace_id}")


def _find(tx: Transaction, workspace_id: int, member_id: int) -> Any:
    return tx.run(counting(tx).where(memberships.c.id == member_id, memberships.c.workspace_id == workspace_id)).first()


def counting(tx: Transaction) -> Select[Any]:
    """Makes the query of the memberships that count now, with what `member_of` reads."""
    now = tx.now()
    seen = select(func.max(sessions.c.seen_at)).where(sessions.c.user_id == users.c.id).scalar_subquery()
    keys = (
        select(func.count())
        .where(
            ssh_keys.c.user_id == users.c.id,
            ssh_keys.c.revoked_at.is_(None),
            or_(ssh_keys.c.expires_at.is_(None), ssh_keys.c.expires_at > now),
        )
        .scalar_subquery()
    )
    return (
        select(
            memberships,
            users.c.login,
            users.c.display_name,
            tenants.c.name.label("tenant_name"),
            tags.c.name.label("tag_name"),
            _GRANTERS.c.login.label("granted_by"),
            seen.label("last_seen"),
            keys.label("keys_held"),
        )
        .select_from(memberships)
        .join(users, users.c.id == memberships.c.user_id)
        .outerjoin(tenants, tenants.c.id == memberships.c.tenant_id)
        .outerjoin(tags, tags.c.id == memberships.c.tag_id)
        .outerjoin(_GRANTERS, _GRANTERS.c.id == memberships.c.granted_by_id)
        .where(
            and_(users.c.is_active, memberships.c.revoked_at.is_(None)),
            or_(memberships.c.expires_at.is_(None), memberships.c.expires_at > now),
        )
    )


def _mentions(word: str) -> Any:
    pattern = filters.like(word)
    return or_(
        func.lower(users.c.login).like(pattern, escape="\\"),
        func.lower(users.c.display_name).like(pattern, escape="\\"),
    )


def _column(key: str) -> Any:
    return {"role": memberships.c.role, "scope": memberships.c.scope_kind}[key]


def member_of(row: Any) -> Member:
    """Makes a member of a row of `counting`."""
    kind = ScopeKind(row.scope_kind)
    named = {ScopeKind.TENANT: f"tenant {row.tenant_name}", ScopeKind.TAG: f"tag {row.tag_name}"}
    return Member(
        id=row.id,
        login=row.login,
        display_name=row.display_name,
        role=Role(row.role),
        scope_kind=kind,
        scope=named.get(kind, "workspace"),
        tenant_id=row.tenant_id,
        since=row.created_at,
        expires_at=row.expires_at,
        granted_by=row.granted_by,
        last_seen=row.last_seen,
        keys=row.keys_held,
    )
