"""SSH keys: who logs in with which, for an installation where sshd starts the dashboard for each member.

Promise: a key belongs to one user and is valid only while it is not revoked, not over, and its user is active. Whoever may add a key for
somebody can act as them, and whoever revokes one shuts them out of everything, so an Owner may do either only by the rule of `whole_say`;
one's own key everybody may revoke.

Must not know: sshd, its configuration, the line it is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, or_, select, update

from storage import audit
from storage.access import Principal, authority, require_person
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.fields import read_name
from storage.openssh import read_public_key
from storage.ownership import VIA, require_gateway
from storage.schema import memberships, ssh_keys, users
from storage.states import Topic
from storage.users import active_user
from storage.whole_say import END_THE_ROLE, counting, require_whole_say

_ADDERS = users.alias("adders")


@dataclass(frozen=True, slots=True)
class SshKey:
    """One key.

    Attributes:
        fingerprint: `SHA256:…`.
        algorithm: its type.
        label: what it is called here.
        added_by: who added it; None for whoever owned the database.
        expires_at: until when it may log in; None for good.
        revoked_at: when it was revoked; None while it may log in.
    """

    id: int
    login: str
    fingerprint: str
    algorithm: str
    label: str
    added_by: str | None
    added_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyLogin:
    """A key that may log in now, for sshd."""

    id: int
    login: str
    line: str


def add(
    db: Database,
    who: Principal,
    workspace_id: int,
    login: str,
    public_key: str,
    *,
    label: str | None = None,
    expires_at: datetime | None = None,
    ticket: str | None = None,
) -> SshKey:
    """Lets somebody log in with a key.

    Args:
        db: the database.
        who: an Owner, or whoever owns the database.
        workspace_id: the workspace that the person is a member of.
        login: whose key it is.
        public_key: the line of the `.pub` file.
        label: what to call it; the line's comment when None.
        expires_at: until when; None for good.
        ticket: a reference for the trail.

    Raises:
        InvalidInput: the key or the label cannot be used.
        Conflict: the key is known already.
        NotFound, Forbidden: not visible, or not allowed.
    """
    key = read_public_key(public_key)
    label = read_name("label", label or key.comment or key.algorithm)

    def work(tx: Transaction) -> SshKey:
        user_id = _person_of(tx, who, workspace_id, login)
        require_whole_say(tx, who, user_id, workspace_id, f"add a key for {login}")
        now = tx.now()
        if expires_at is not None and expires_at <= now:
            raise InvalidInput("until", "is in the past", "Give a moment that is still to come.")
        if tx.run(select(ssh_keys.c.id).where(ssh_keys.c.fingerprint == key.fingerprint)).first() is not None:
            raise Conflict("This key was added before.", "A key is added once, for one person; make a new pair.")
        key_id = tx.run(
            insert(ssh_keys)
            .values(
                user_id=user_id,
                fingerprint=key.fingerprint,
                public_key=key.line,
                label=label,
                added_by_id=who.user_id,
                added_at=now,
                expires_at=expires_at,
            )
            .returning(ssh_keys.c.id)
        ).scalar_one()
        _told(tx, who, "ssh_key.add", workspace_id, key_id, ticket, login, key.fingerprint, expires_at)
        return _key(tx.run(_select().where(ssh_keys.c.id == key_id)).one())

    return audit.attempt(db, who, "ssh_key.add", work, target_kind="account", target_id=login, ticket=ticket)


def revoke(db: Database, who: Principal, workspace_id: int, fingerprint: str, *, ticket: str | None = None) -> SshKey:
    """Lets nobody log in with a key any more; dashboards that were opened with it go on until they are ended.

    Args:
        db: the database.
        who: whose key it is, an Owner by the rule of `whole_say`, or whoever owns the database.
        workspace_id: a workspace that the key's person is a member of.
        fingerprint: `SHA256:…`, or the key's number.
        ticket: a reference for the trail.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """

    def work(tx: Transaction) -> SshKey:
        found = tx.run(
            _of_members(tx, workspace_id).where(_named(fingerprint), ssh_keys.c.revoked_at.is_(None))
        ).first()
        if found is None or not _is_own(tx, who, found.user_id):
            _require_say(tx, who, workspace_id)
            if found is None:
                raise NotFound(f"There is no key {fingerprint[:80]} here.", "See `atlas-tui member key list`.")
            require_whole_say(
                tx, who, found.user_id, workspace_id, f"revoke a key of {found.login}", instead=END_THE_ROLE
            )
        tx.run(update(ssh_keys).where(ssh_keys.c.id == found.id).values(revoked_at=tx.now()))
        _told(tx, who, "ssh_key.revoke", workspace_id, found.id, ticket, found.login, found.fingerprint, None)
        return _key(tx.run(_select().where(ssh_keys.c.id == found.id)).one())

    return audit.attempt(
        db, who, "ssh_key.revoke", work, target_kind="ssh_key", target_id=fingerprint[:80], ticket=ticket
    )


def of_workspace(db: Database, who: Principal, workspace_id: int, login: str | None = None) -> tuple[SshKey, ...]:
    """Returns the keys of a workspace's members, revoked ones too, by login.

    Raises:
        NotFound, Forbidden: not visible, or not an Owner.
    """
    with db.read() as tx:
        _require_say(tx, who, workspace_id)
        statement = _of_members(tx, workspace_id)
        if login is not None:
            statement = statement.where(users.c.login == login)
        return tuple(_key(row) for row in tx.run(statement.order_by(users.c.login, ssh_keys.c.id)).all())


def mine(db: Database, who: Principal) -> tuple[SshKey, ...]:
    """Returns one's own keys.

    Raises:
        Forbidden: who asks is no active user.
    """
    with db.read() as tx:
        user_id = require_person(tx, who)
        rows = tx.run(_select().where(ssh_keys.c.user_id == user_id).order_by(ssh_keys.c.id)).all()
        return tuple(_key(row) for row in rows)


def login_of(db: Database, fingerprint: str) -> KeyLogin | None:
    """Says which key sshd may accept; None for one that is unknown, revoked, over, or of somebody who left.

    Raises:
        Forbidden: this process may not vouch for members.
    """
    require_gateway(db)
    with db.read() as tx:
        row = tx.run(_valid(tx).where(ssh_keys.c.fingerprint == fingerprint)).first()
    return None if row is None else KeyLogin(row.id, row.login, row.public_key)


def principal_of(db: Database, key_id: int, *, real_login: str | None = None) -> Principal:
    """Returns the member whose key logged in. Only a process that sshd starts as the database's owner may say so.

    Args:
        db: the database.
        key_id: the number in the line that sshd was given.
        real_login: the account's own login when it is another one.

    Raises:
        Forbidden: the key may not log in any more, or this process may not vouch for members.
    """
    require_gateway(db)
    with db.read() as tx:
        row = tx.run(_valid(tx).where(ssh_keys.c.id == key_id)).first()
    if row is None:
        raise Forbidden("This key may not log in any more.", "Ask an Owner of your workspace.")
    return Principal(row.user_id, row.login, via="ssh", real_login=real_login)


def _valid(tx: Transaction) -> Select[Any]:
    return _select().where(
        ssh_keys.c.revoked_at.is_(None),
        or_(ssh_keys.c.expires_at.is_(None), ssh_keys.c.expires_at > tx.now()),
        users.c.is_active,
    )


def _select() -> Select[Any]:
    return (
        select(ssh_keys, users.c.login, _ADDERS.c.login.label("added_by"))
        .select_from(ssh_keys)
        .join(users, users.c.id == ssh_keys.c.user_id)
        .outerjoin(_ADDERS, _ADDERS.c.id == ssh_keys.c.added_by_id)
    )


def _of_members(tx: Transaction, workspace_id: int) -> Select[Any]:
    return _select().where(ssh_keys.c.user_id.in_(_members(tx, workspace_id)))


def _members(tx: Transaction, workspace_id: int) -> Select[Any]:
    return select(memberships.c.user_id).where(memberships.c.workspace_id == workspace_id, counting(tx))


def _named(text: str) -> Any:
    if text.isascii() and text.isdigit() and len(text) < 18:
        return ssh_keys.c.id == int(text)
    return ssh_keys.c.fingerprint == text


def _require_say(tx: Transaction, who: Principal, workspace_id: int) -> None:
    if who.via != VIA:
        authority(tx, who).require(tx, Capability.MEMBER_MANAGE, workspace_id, what=f"Workspace {workspace_id}")


def _is_own(tx: Transaction, who: Principal, user_id: int) -> bool:
    return who.user_id == user_id and require_person(tx, who) == user_id


def _person_of(tx: Transaction, who: Principal, workspace_id: int, login: str) -> int:
    """The user, who must be a member here: others are none of an Owner's business."""
    _require_say(tx, who, workspace_id)
    user_id = active_user(tx, login) if who.via == VIA else None
    if user_id is None:
        user_id = tx.run(
            select(users.c.id).where(
                users.c.login == login, users.c.is_active, users.c.id.in_(_members(tx, workspace_id))
            )
        ).scalar_one_or_none()
    if user_id is None:
        raise NotFound(f"{login} is no member of this workspace.", "Add them first: atlas-tui member add")
    return int(user_id)


def _told(
    tx: Transaction,
    who: Principal,
    action: str,
    workspace_id: int,
    key_id: int,
    ticket: str | None,
    login: str,
    fingerprint: str,
    expires_at: datetime | None,
) -> None:
    until = "" if expires_at is None else expires_at.isoformat(" ", "minutes")
    audit.record(
        tx,
        who,
        action,
        target_kind="ssh_key",
        target_id=key_id,
        workspace_id=workspace_id,
        ticket=ticket,
        detail={"login": login, "fingerprint": fingerprint, "until": until},
    )
    tx.touch(Topic.MEMBERS)


def _key(row: Any) -> SshKey:
    return SshKey(
        id=row.id,
        login=row.login,
        fingerprint=row.fingerprint,
        algorithm=row.public_key.split()[0],
        label=row.label,
        added_by=row.added_by,
        added_at=row.added_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
