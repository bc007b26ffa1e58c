"""Acknowledging a problem: somebody owns it, until then or until it is solved.

Promise: an acknowledgement is of one reason on one connection, or on everything that signs in with one platform app; another reason is
another problem, so it shows again by itself. It ends when its time is over, when the problem is solved (`acknowledgement_sweep`), or when
somebody takes it back; every one of these is told in the trail. Only what is there can be acknowledged. Must not know: screens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, insert, or_, select, update

from storage import audit
from storage.access import Principal, authority, require_person
from storage.acknowledgement_times import check_until
from storage.acknowledgements import app_has, connections_having
from storage.capabilities import Capability
from storage.database import Database, Transaction, chunks
from storage.errors import Conflict, InvalidInput, NotFound
from storage.fields import read_ticket
from storage.reasons import catalog
from storage.schema import acknowledgements as a
from storage.schema import memberships, platform_apps, users
from storage.schema import provider_connections as pc
from storage.states import Topic
from storage.tenant_fields import read_note
from storage.turns import in_turn

CHUNK: Final = 100
"""Connections in one transaction; each has its entry in the trail."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How something is acknowledged.

    Attributes:
        until: when it shows again; None when it is solved.
        note: why, or what is being done.
        owner: the login of who owns it; None for who acknowledges.
    """

    until: datetime | None = None
    note: str = ""
    owner: str | None = None


def acknowledge(
    db: Database,
    who: Principal,
    connection_ids: Sequence[int],
    reason_code: str,
    terms: Terms | None = None,
    *,
    ticket: str | None = None,
) -> int:
    """Acknowledges a problem on some connections; where somebody has already, the new terms count.

    Args:
        db: the database.
        who: who acknowledges.
        connection_ids: of one workspace; those on which it is solved meanwhile are left out.
        reason_code: which problem.
        terms: until when, why, whose.
        ticket: a reference, kept with it and in the trail.

    Returns:
        On how many it is acknowledged now.

    Raises:
        Conflict: none of them has this problem.
        InvalidInput: a term cannot be used.
        NotFound, Forbidden: not visible, or not allowed.
    """
    given = terms or Terms()

    def change(tx: Transaction, connection: Any) -> None:
        of = (a.c.connection_id == connection.id, a.c.reason_code == reason_code)
        _write(tx, who, connection.workspace_id, of, {"connection_id": connection.id}, reason_code, given, ticket)

    return _each(db, who, "problem.acknowledge", connection_ids, reason_code, ticket, change, only_present=True)


def acknowledge_app(
    db: Database,
    who: Principal,
    platform_app_id: int,
    reason_code: str,
    terms: Terms | None = None,
    *,
    ticket: str | None = None,
) -> None:
    """Acknowledges a problem of a platform app: on everything that signs in with it, also what gets the same problem later.

    Raises:
        Conflict: nothing of the app has this problem.
        InvalidInput: a term cannot be used.
        NotFound, Forbidden: not visible, or not allowed.
    """
    given = terms or Terms()

    def work(tx: Transaction) -> None:
        workspace_id = _require_app(tx, who, platform_app_id)
        if not app_has(tx, workspace_id, platform_app_id, reason_code):
            raise Conflict(f"Nothing that signs in with this app has {reason_code} now.", "Look at the list again.")
        of = (a.c.platform_app_id == platform_app_id, a.c.reason_code == reason_code)
        _write(tx, who, workspace_id, of, {"platform_app_id": platform_app_id}, reason_code, given, ticket)

    _check_reason(reason_code)
    audit.attempt(
        db,
        who,
        "problem.acknowledge",
        work,
        target_kind="platform_app",
        target_id=platform_app_id,
        ticket=ticket,
        detail={"reason": reason_code},
    )


def withdraw(
    db: Database, who: Principal, connection_ids: Sequence[int], reason_code: str, *, ticket: str | None = None
) -> int:
    """Takes acknowledgements back: the problem shows again. Returns how many there were.

    Raises:
        NotFound, Forbidden: a connection is not visible, or it is not allowed.
    """
    ended: list[int] = []

    def change(tx: Transaction, connection: Any) -> None:
        of = (a.c.connection_id == connection.id, a.c.reason_code == reason_code)
        if _withdraw(tx, who, connection.workspace_id, of, "connection", connection.id, reason_code, ticket):
            ended.append(connection.id)

    _each(db, who, "problem.unacknowledge", connection_ids, reason_code, ticket, change, only_present=False)
    return len(set(ended))


def withdraw_app(
    db: Database, who: Principal, platform_app_id: int, reason_code: str, *, ticket: str | None = None
) -> int:
    """Takes an app's acknowledgement back. Returns how many there were: one, or none.

    Raises:
        NotFound, Forbidden: the app is not visible, or it is not allowed.
    """

    def work(tx: Transaction) -> int:
        workspace_id = _require_app(tx, who, platform_app_id)
        of = (a.c.platform_app_id == platform_app_id, a.c.reason_code == reason_code)
        return int(_withdraw(tx, who, workspace_id, of, "platform_app", platform_app_id, reason_code, ticket))

    return audit.attempt(
        db, who, "problem.unacknowledge", work, target_kind="platform_app", target_id=platform_app_id, ticket=ticket
    )


def _each(
    db: Database,
    who: Principal,
    action: str,
    connection_ids: Sequence[int],
    reason_code: str,
    ticket: str | None,
    change: Callable[[Transaction, Any], None],
    *,
    only_present: bool,
) -> int:
    """Does something with each connection, some in a transaction; refuses before anything is written when one of them is not allowed."""
    _check_reason(reason_code)
    wanted = sorted(set(connection_ids))
    if not wanted:
        raise InvalidInput("connections", "none is named", "Name at least one.")
    done = 0

    def work(tx: Transaction, part: Sequence[int]) -> int:
        found = _require(tx, who, part)
        meant = found
        if only_present:
            having = connections_having(tx, found[0].workspace_id, part, reason_code)
            meant = [row for row in found if row.id in having]
        for row in meant:
            change(tx, row)
        tx.touch(Topic.ATTENTION)
        return len(meant)

    for part in in_turn(chunks(wanted, CHUNK)):
        done += audit.attempt(
            db,
            who,
            action,
            partial(work, part=part),
            target_kind="connection",
            target_id=part[0],
            ticket=ticket,
            detail={"reason": reason_code},
        )
    if only_present and not done:
        raise Conflict(f"None of them has {reason_code} now.", "Look at the list again: it may be solved.")
    return done


def _check_reason(reason_code: str) -> None:
    if reason_code not in catalog():
        raise InvalidInput("reason", "is not a reason code", "See `atlas-tui attention list`.")


def _require(tx: Transaction, who: Principal, connection_ids: Sequence[int]) -> list[Any]:
    found = tx.run(
        select(pc.c.id, pc.c.workspace_id, pc.c.tenant_id).where(pc.c.id.in_(connection_ids)).order_by(pc.c.id)
    ).all()
    missing = set(connection_ids) - {row.id for row in found}
    if missing:
        raise NotFound(f"Connection {min(missing)} does not exist.")
    rights = authority(tx, who)
    first = {row.tenant_id: row for row in reversed(found)}
    for tenant_id, row in sorted(first.items()):
        rights.require(
            tx,
            Capability.PROVIDER_RUN,
            row.workspace_id,
            tenant_id,
            see=Capability.PROVIDER_VIEW,
            what=f"Connection {row.id}",
        )
    if len({row.workspace_id for row in found}) > 1:
        raise InvalidInput("connections", "are of several workspaces", "Acknowledge them in each.")
    return list(found)


def _require_app(tx: Transaction, who: Principal, platform_app_id: int) -> int:
    workspace_id = tx.run(
        select(platform_apps.c.workspace_id).where(platform_apps.c.id == platform_app_id)
    ).scalar_one_or_none()
    if workspace_id is None:
        raise NotFound(f"Platform app {platform_app_id} does not exist.")
    authority(tx, who).require(tx, Capability.PROVIDER_RUN, workspace_id, what=f"Platform app {platform_app_id}")
    return int(workspace_id)


def _write(
    tx: Transaction,
    who: Principal,
    workspace_id: int,
    of: tuple[ColumnElement[bool], ...],
    target: dict[str, int],
    reason_code: str,
    terms: Terms,
    ticket: str | None,
) -> None:
    now = tx.now()
    owner_id, owner = _owner(tx, who, workspace_id, terms.owner)
    note = read_note(terms.note)
    values = {
        "user_id": owner_id,
        "note": note,
        "ticket": read_ticket(ticket),
        "expires_at": None if terms.until is None else check_until(terms.until, now),
    }
    before = tx.run(
        select(a.c.id, users.c.login).join(users, users.c.id == a.c.user_id).where(*of, a.c.ended_at.is_(None))
    )
    held = before.first()
    if held is None:
        tx.run(insert(a).values(workspace_id=workspace_id, reason_code=reason_code, created_at=now, **target, **values))
    else:
        tx.run(update(a).where(a.c.id == held.id).values(**values))
    (column, target_id), *_ = target.items()
    audit.record(
        tx,
        who,
        "problem.acknowledge",
        target_kind=column.removesuffix("_id"),
        target_id=target_id,
        workspace_id=workspace_id,
        ticket=ticket,
        detail={
            "reason": reason_code,
            "owner": owner,
            "owner_before": None if held is None else held.login,
            "until": None if terms.until is None else f"{terms.until:%Y-%m-%d %H:%M}Z",
            "note": note,
        },
    )
    tx.touch(Topic.ATTENTION)


def _owner(tx: Transaction, who: Principal, workspace_id: int, login: str | None) -> tuple[int, str]:
    """Who shall own it: somebody who is in the workspace now."""
    if login is None or login.strip() == who.login:
        return require_person(tx, who), who.login
    now = tx.now()
    found = tx.run(
        select(users.c.id)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(
            users.c.login == login.strip(),
            users.c.is_active,
            memberships.c.workspace_id == workspace_id,
            memberships.c.revoked_at.is_(None),
            or_(memberships.c.expires_at.is_(None), memberships.c.expires_at > now),
        )
    ).scalar()
    if found is None:
        raise InvalidInput("owner", "is no member of this workspace", "Write the login of somebody who is.")
    return int(found), login.strip()


def _withdraw(
    tx: Transaction,
    who: Principal,
    workspace_id: int,
    of: tuple[ColumnElement[bool], ...],
    target_kind: str,
    target_id: int,
    reason_code: str,
    ticket: str | None,
) -> bool:
    ended = tx.run(
        update(a)
        .where(*of, a.c.ended_at.is_(None))
        .values(ended_at=tx.now(), ended_by=who.label, ended_reason="withdrawn")
        .returning(a.c.id)
    ).first()
    if ended is None:
        return False
    audit.record(
        tx,
        who,
        "problem.unacknowledge",
        target_kind=target_kind,
        target_id=target_id,
        workspace_id=workspace_id,
        ticket=ticket,
        detail={"reason": reason_code},
    )
    tx.touch(Topic.ATTENTION)
    return True
