"""The consent evidence card: everything known about one connection's consent, to read, or to send to the customer.

Promise: reads only, from the links, the reports of checks and the trail; nothing on it is secret, so it can be copied into a mail. It tells
what was asked, what Microsoft answered, which permissions were seen, and, when something is missing, what usually causes that. It exists
before anything was asked or answered, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select

from storage import operations, reasons
from storage.access import Principal
from storage.consent_history import ConsentRequest, requests_in, see_connection
from storage.consent_requests import ROLES_NEEDED, application_of
from storage.database import Database, Transaction
from storage.schema import connection_permissions, tenants, verification_reports
from storage.states import Cloud, ConnectionType, ConsentRequestStatus, ConsentStatus
from storage.verification import MANIFEST_VERSION

_TRAIL: Final = 50
_ANSWERED_BY_MICROSOFT: Final = frozenset(
    {"consent_wrong_account", "consent_admin_required", "consent_wrong_tenant", "consent_declined", "app_not_found"}
)


@dataclass(frozen=True, slots=True)
class RoleChange:
    """How the permissions in the token changed between the last check before a consent and the first one after it.

    Attributes:
        gained: there now, not before.
        lost: there before, not now: consenting grants what the registration lists today, and takes away the rest.
    """

    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvidenceCard:
    """What is known about a connection's consent.

    Attributes:
        asked: the link that was answered last, else the newest one; None when no link was ever made.
        links: how many links there are, and `open_links` of them that may still be answered.
        provider_code: Microsoft's number in the last answer; empty when there was none.
        roles_seen: the permissions of the last token; None when no check has had a token.
        roles_missing: required permissions that were looked for and not there.
        optional_missing: the same for optional ones.
        checked_at: when that was.
        change: what the last recorded consent changed; None until a check has seen both sides of it.
        manifest_behind: consent was given for an older permission manifest than today's.
        causes: what usually explains it, the likeliest first; empty when nothing is wrong.
        next_step: what to do now.
        portal_url: the cloud's admin centre.
    """

    connection_id: int
    tenant_name: str
    entra_tenant_id: str
    primary_domain: str | None
    cloud: Cloud
    connection_type: ConnectionType
    client_id: str | None
    app_name: str
    consent_status: ConsentStatus
    consent_granted_at: datetime | None
    consent_checked_at: datetime | None
    asked: ConsentRequest | None
    links: int
    open_links: int
    provider_code: str
    roles_seen: tuple[str, ...] | None
    roles_missing: tuple[str, ...]
    optional_missing: tuple[str, ...]
    checked_at: datetime | None
    change: RoleChange | None
    manifest_behind: bool
    causes: tuple[str, ...]
    next_step: str


def evidence(db: Database, who: Principal, connection_id: int) -> EvidenceCard:
    """Returns the evidence card of a connection.

    Raises:
        NotFound: the connection is not visible.
    """
    with db.read() as tx:
        connection = see_connection(tx, who, connection_id)
        tenant = tx.run(select(tenants).where(tenants.c.id == connection.tenant_id)).one()
        client_id, app_name, _ = application_of(tx, connection)
        links = requests_in(tx, connection_id)
        asked = max(
            links,
            key=lambda link: (link.answered_at is not None, link.answered_at or link.created_at, link.id),
            default=None,
        )
        seen, missing, optional, checked_at = _permissions(tx, connection_id)
        change = role_change_in(tx, connection)
        status = ConsentStatus(connection.consent_status)
        behind = (
            status is ConsentStatus.GRANTED
            and connection.consent_manifest_version is not None
            and connection.consent_manifest_version < MANIFEST_VERSION
        )
        open_links = sum(link.status is ConsentRequestStatus.OPEN for link in links)
        code = None if asked is None else asked.answer_reason_code
        return EvidenceCard(
            connection_id=connection_id,
            tenant_name=tenant.name,
            entra_tenant_id=connection.entra_tenant_id,
            primary_domain=tenant.primary_domain,
            cloud=Cloud(tenant.cloud),
            connection_type=ConnectionType(connection.connection_type),
            client_id=client_id,
            app_name=app_name,
            consent_status=status,
            consent_granted_at=connection.consent_granted_at,
            consent_checked_at=connection.consent_checked_at,
            asked=asked,
            links=len(links),
            open_links=open_links,
            provider_code="" if asked is None else asked.answer_provider_code or "",
            roles_seen=seen,
            roles_missing=missing,
            optional_missing=optional,
            checked_at=checked_at,
            change=change,
            manifest_behind=behind,
            causes=_causes(status, code, missing, change, behind),
            next_step=_next_step(status, code, missing, open_links, asked),
        )


def role_change_in(tx: Transaction, connection: Row[Any]) -> RoleChange | None:
    """Compares the reports on both sides of the last recorded consent; None until both are there, or when nothing was recorded."""
    granted_at = connection.consent_granted_at
    if granted_at is None:
        return None
    table = verification_reports
    mine = (table.c.connection_id == connection.id, ~table.c.is_superseded)
    before = _roles(
        tx.run(
            select(table.c.document)
            .where(*mine, table.c.created_at < granted_at)
            .order_by(table.c.id.desc())
            .limit(_TRAIL)
        )
        .scalars()
        .all()
    )
    after = _roles(
        tx.run(
            select(table.c.document).where(*mine, table.c.created_at >= granted_at).order_by(table.c.id).limit(_TRAIL)
        )
        .scalars()
        .all()
    )
    if before is None or after is None:
        return None
    return RoleChange(tuple(sorted(after - before)), tuple(sorted(before - after)))


def _roles(documents: Sequence[Any]) -> frozenset[str] | None:
    """The permissions of the first report that had a token."""
    for document in documents:
        granted = document.get("granted_permissions")
        if granted is not None:
            return frozenset(map(str, granted))
    return None


def _permissions(
    tx: Transaction, connection_id: int
) -> tuple[tuple[str, ...] | None, tuple[str, ...], tuple[str, ...], datetime | None]:
    """Permission truth, as the last check that had a token left it: seen, required and missing, optional and missing, when."""
    table = connection_permissions
    rows = tx.run(select(table).where(table.c.connection_id == connection_id).order_by(table.c.permission)).all()
    if not rows:
        return None, (), (), None
    required = set(operations.all_required_permissions())
    missing = [row.permission for row in rows if not row.is_granted]
    return (
        tuple(row.permission for row in rows if row.is_granted),
        tuple(name for name in missing if name in required),
        tuple(name for name in missing if name not in required),
        max(row.checked_at for row in rows),
    )


_ACCOUNT: Final = (
    "Wrong account or tenant: the browser was signed in elsewhere. Use a private window and an administrator of the tenant "
    "above."
)
_ROLE: Final = f"Wrong role. {ROLES_NEEDED}"
_REQUESTED: Final = (
    "Requested instead of approved: without the role Microsoft offers to send a request, which grants nothing until it is approved under "
    "Enterprise applications, Admin consent requests."
)
_DELEGATED: Final = (
    "Delegated instead of Application: the registration lists the permissions as type Delegated, which an application without a user "
    "never gets."
)
_ADDED_LATER: Final = "Permission added later: it was added to the registration after the consent. Consent again."
_TAKEN: Final = (
    "Consenting grants what the registration lists today and takes away the rest: what is lost was removed from it."
)


def _causes(
    status: ConsentStatus, code: str | None, missing: tuple[str, ...], change: RoleChange | None, behind: bool
) -> tuple[str, ...]:
    """What usually explains what is known, the likeliest first."""
    if code in ("consent_wrong_account", "consent_wrong_tenant"):
        first = [_ACCOUNT]
    elif code == "consent_admin_required":
        first = [_ROLE, _REQUESTED]
    else:
        first = []
    if status is ConsentStatus.GRANTED:
        if missing or behind:
            first += [_ADDED_LATER, _DELEGATED]
        if change is not None and change.lost:
            first.append(_TAKEN)
        return tuple(dict.fromkeys(first if missing or behind or (change is not None and change.lost) else ()))
    if code == "consent_declined":
        return tuple(dict.fromkeys([*first, _ROLE]))
    return tuple(dict.fromkeys([*first, _ACCOUNT, _ROLE, _REQUESTED, _DELEGATED]))


def _next_step(
    status: ConsentStatus, code: str | None, missing: tuple[str, ...], open_links: int, asked: ConsentRequest | None
) -> str:
    if status is ConsentStatus.GRANTED:
        if not missing:
            return "Nothing: consent is there. A check proves it whenever you want."
        return "Add what is missing to the registration as type Application, then have the administrator consent again."
    if code in _ANSWERED_BY_MICROSOFT:
        step = reasons.find(str(code)).next_step
        return f"{step} The link is still open." if open_links else f"{step} The link is over: make a new one."
    if asked is None:
        return "Make a link, or have it granted in the portal and start a check."
    if open_links:
        return "Wait for the answer, paste it back, or, when it was granted in the portal, start a check."
    return "Make a new link: none is open."
