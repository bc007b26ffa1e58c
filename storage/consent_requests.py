"""Asking for consent: admin-consent links, their one-time states, and revoking them.

Promise: a link is bound to its connection, to the tenant it expects and to the application it asks for. Only the hash of its state is
stored, so a link can be shown once and nobody who reads the database can answer in its place. Older links stay valid until they expire or
are revoked, and all are listed.

Source: Microsoft, "v2.0 admin consent": `{tenant}/v2.0/adminconsent`, `.default` scope for application permissions.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from sqlalchemy import Row, insert, select, update

from storage import audit
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.cloud_hosts import addresses_of
from storage.configuration import CloudHosts
from storage.consent_history import ConsentRequest, rows_in
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.fields import read_redirect_uri
from storage.gate import lock_connection
from storage.schema import consent_requests, platform_apps
from storage.states import Cloud, ConnectionType, ConsentRequestStatus, TenantLifecycle, Topic

VALID_FOR: Final = timedelta(days=7)
LONGEST: Final = timedelta(days=90)
LOCALHOST: Final = "http://localhost/atlas-consent"
"""Where the answer of a dedicated connection's link goes when nothing else is said: nowhere, so that its address can be pasted back."""

ROLES_NEEDED: Final = (
    "A Global Administrator or Privileged Role Administrator of the tenant must open it. "
    "Application Administrators cannot consent to Graph application permissions."
)
"""Source: Microsoft, "Grant tenant-wide admin consent to an application", prerequisites."""

_STATE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class ConsentLink:
    """A new link. Its address is in no other place than here: who loses it makes a new one.

    Attributes:
        request_id: the link's number, to revoke it by.
        tenant_name: what we call the tenant.
        entra_tenant_id: the tenant that must answer.
        client_id: the application that asks.
        app_name: what the application is called; `OWN_APP` when the tenant registered it.
        url: what the administrator opens. Whoever has it may answer it, so it stays out of `repr`.
        roles_needed: who must open it.
        redirect_uri: where the answer goes; must be registered with the application, exactly so.
        is_pasted_back: the answer ends on an error page of the administrator's own browser, whose address is sent back to us.
        portal_first: the connection is dedicated: granting in the portal and checking is the usual way, the link the other one.
        expires_at: after this an answer is not recorded any more.
    """

    request_id: int
    connection_id: int
    tenant_name: str
    entra_tenant_id: str
    client_id: str
    app_name: str
    cloud: Cloud
    url: str = field(repr=False)
    roles_needed: str
    redirect_uri: str
    is_pasted_back: bool
    portal_first: bool
    created_at: datetime
    expires_at: datetime


def hash_of(state: str) -> str:
    """Returns what is stored of a state. It has 256 random bits, so a plain hash cannot be guessed backwards."""
    return hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()


def request(
    db: Database,
    who: Principal,
    connection_id: int,
    *,
    redirect_uri: str | None = None,
    valid_for: timedelta = VALID_FOR,
    clouds: Mapping[str, CloudHosts] | None = None,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ticket: str | None = None,
) -> ConsentLink:
    """Makes a link to Microsoft's consent page for a connection.

    Args:
        db: the database.
        who: who asks.
        connection_id: for which connection.
        redirect_uri: where the answer shall go; the platform app's, or `LOCALHOST`, when None.
        valid_for: how long an answer is recorded.
        clouds: `Settings.clouds`: hosts in place of Microsoft's.
        random_bytes: where the state comes from.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: the redirect URI or the span cannot be used.
        Conflict: the connection has no application yet, or its tenant is archived.
        NotFound, Forbidden: not visible, or not allowed.
    """
    wanted_uri = None if redirect_uri is None else read_redirect_uri("redirect URI", redirect_uri)
    if not timedelta(minutes=5) <= valid_for <= LONGEST:
        raise InvalidInput("valid for", "must be from 5 minutes to 90 days", "A week is usual.")
    state = base64.urlsafe_b64encode(random_bytes(_STATE_BYTES)).rstrip(b"=").decode("ascii")

    def work(tx: Transaction) -> ConsentLink:
        connection = lock_for_manager(tx, who, connection_id)
        if connection.tenant_lifecycle == TenantLifecycle.ARCHIVED:
            raise Conflict("The tenant is archived.", "Restore it first.")
        client_id, app_name, app_uri = application_of(tx, connection)
        if client_id is None:
            raise Conflict(
                "The connection has no application to ask consent for.",
                "Register the platform app (atlas-tui app add), or give the connection its client id.",
            )
        uri = wanted_uri or app_uri or LOCALHOST
        now = tx.now()
        row = tx.run(
            insert(consent_requests)
            .values(
                workspace_id=connection.workspace_id,
                connection_id=connection_id,
                state_hash=hash_of(state),
                expected_tenant_id=connection.entra_tenant_id,
                client_id=client_id,
                redirect_uri=uri,
                status=ConsentRequestStatus.OPEN.value,
                created_by_id=who.user_id,
                created_at=now,
                expires_at=now + valid_for,
            )
            .returning(consent_requests.c.id, consent_requests.c.expires_at)
        ).one()
        record(
            tx,
            who,
            "consent.request",
            connection,
            ticket=ticket,
            detail={"request": row.id, "client_id": client_id, "redirect_uri": uri, "expires": str(row.expires_at)},
        )
        addresses = addresses_of(Cloud(connection.cloud), clouds)
        query = {"client_id": client_id, "scope": addresses.scope, "redirect_uri": uri, "state": state}
        return ConsentLink(
            request_id=row.id,
            connection_id=connection_id,
            tenant_name=connection.tenant_name,
            entra_tenant_id=connection.entra_tenant_id,
            client_id=client_id,
            app_name=app_name,
            cloud=Cloud(connection.cloud),
            url=f"{addresses.login}/{connection.entra_tenant_id}/v2.0/adminconsent?{urlencode(query)}",
            roles_needed=ROLES_NEEDED,
            redirect_uri=uri,
            is_pasted_back=_leads_nowhere(uri),
            portal_first=connection.connection_type == ConnectionType.DEDICATED,
            created_at=now,
            expires_at=row.expires_at,
        )

    return audit.attempt(
        db, who, "consent.request", work, target_kind="connection", target_id=connection_id, ticket=ticket
    )


def revoke_request(db: Database, who: Principal, request_id: int, *, ticket: str | None = None) -> ConsentRequest:
    """Makes a link worthless: an answer to it is refused. Doing it again changes nothing.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: it was answered, so there is nothing left to revoke.
    """

    def work(tx: Transaction) -> ConsentRequest:
        connection_id = tx.run(
            select(consent_requests.c.connection_id).where(consent_requests.c.id == request_id)
        ).scalar_one_or_none()
        if connection_id is None:
            raise NotFound(f"Consent link {request_id} does not exist.")
        connection = lock_for_manager(tx, who, connection_id, what=f"Consent link {request_id}")
        status = tx.run(select(consent_requests.c.status).where(consent_requests.c.id == request_id)).scalar_one()
        if status == ConsentRequestStatus.USED.value:
            raise Conflict(
                f"Consent link {request_id} was answered already.",
                "Consent is taken back at Microsoft: delete the enterprise application.",
            )
        if status != ConsentRequestStatus.REVOKED.value:
            tx.run(
                update(consent_requests)
                .where(consent_requests.c.id == request_id)
                .values(status=ConsentRequestStatus.REVOKED.value)
            )
            record(tx, who, "consent.revoke_link", connection, ticket=ticket, detail={"request": request_id})
        return rows_in(tx, consent_requests.c.id == request_id)[0]

    return audit.attempt(
        db, who, "consent.revoke_link", work, target_kind="consent_request", target_id=request_id, ticket=ticket
    )


def lock_for_manager(tx: Transaction, who: Principal, connection_id: int, *, what: str = "") -> Row[Any]:
    """Locks a connection for somebody who may change its consent.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    named = what or f"Connection {connection_id}"
    connection = lock_connection(tx, connection_id)
    if connection is None:
        raise NotFound(f"{named} does not exist.")
    authority(tx, who).require(
        tx,
        Capability.PROVIDER_MANAGE,
        connection.workspace_id,
        connection.tenant_id,
        see=Capability.PROVIDER_VIEW,
        what=named,
    )
    return connection


OWN_APP: Final = "the tenant's own app registration"


def application_of(tx: Transaction, connection: Row[Any]) -> tuple[str | None, str, str | None]:
    """Returns client id, name and redirect URI of what a connection signs in with; no client id when it has nothing yet."""
    if connection.connection_type != ConnectionType.PLATFORM:
        return connection.client_id, OWN_APP, None
    app = tx.run(select(platform_apps).where(platform_apps.c.id == connection.platform_app_id)).first()
    return (None, connection.display_name, None) if app is None else (app.client_id, app.display_name, app.redirect_uri)


def record(
    tx: Transaction,
    who: Principal,
    action: str,
    connection: Row[Any],
    *,
    outcome: str = "done",
    ticket: str | None = None,
    detail: dict[str, audit.DetailValue] | None = None,
) -> None:
    """Writes a consent event into the connection's trail and tells the screens."""
    audit.record(
        tx,
        who,
        action,
        target_kind="connection",
        target_id=connection.id,
        workspace_id=connection.workspace_id,
        outcome=outcome,
        ticket=ticket,
        detail=detail,
    )
    tx.touch(Topic.CONNECTIONS)


def _leads_nowhere(uri: str) -> bool:
    """Says whether nothing answers at a redirect URI: plain `http://localhost` is for pasting back; with a port, a page listens there."""
    parts = urlsplit(uri)
    return parts.scheme == "http" and parts.port is None
