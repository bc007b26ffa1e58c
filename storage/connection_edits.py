"""Editing a connection: its name, and whose app registration it signs in with.

Promise: another app registration is another identity: the generation changes, what was known about consent and verification is forgotten,
and a credential that belonged to the old one is destroyed, since it opens nothing any more. The same rules make the sentences that are
shown before and the change itself. Two people edit: what only the other one changed stays, what both changed is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, func, select, update

from storage import audit, consent_withdrawals, credential_changes, credential_owners, edits
from storage.access import Principal
from storage.connection_changes import read_client_id
from storage.connection_locks import lock_to_manage, note, read_to_manage, refuse_archived, title
from storage.connections import ConnectionRow, rows_by_id
from storage.consequences import Consequences, count
from storage.database import Database, Transaction
from storage.errors import InvalidInput
from storage.fields import read_guid, read_name
from storage.gate import unfinished_runs
from storage.schema import connection_permissions, consent_requests, credentials, platform_apps, provider_connections
from storage.states import (
    ConnectionType,
    ConsentStatus,
    CredentialOwner,
    RunStatus,
    VerificationStatus,
)
from storage.tenants import sort_name

FIELDS: Final = ("display_name", "connection_type", "client_id")
"""What a form may change."""

_EDITS: Final = ("connection.create", "connection.edit")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an edit comes to.

    Attributes:
        columns: what is written.
        before: the edited fields as they are.
        after: the edited fields as they will be.
        new_identity: it signs in as another application afterwards.
    """

    columns: dict[str, Any]
    before: dict[str, str | None]
    after: dict[str, str | None]
    new_identity: bool


def edit(
    db: Database,
    who: Principal,
    connection_id: int,
    changes: Mapping[str, str | None],
    *,
    seen: Mapping[str, str | None] | None = None,
    ticket: str | None = None,
) -> ConnectionRow:
    """Changes a connection. An edit that changes nothing writes nothing.

    Args:
        db: the database.
        who: who does it.
        connection_id: which connection.
        changes: new values of some of `FIELDS`.
        seen: the values that the editor was shown, as `fields` gave them; None writes without asking what they were.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: a field cannot be used.
        EditConflict: somebody else changed the same field meanwhile; it says what and who.
        Conflict: the tenant is archived, or its cloud has no platform app.
        NotFound, Forbidden: not visible, or not allowed (any more).
    """
    wanted = _read_changes(changes)

    def work(tx: Transaction) -> ConnectionRow:
        connection = lock_to_manage(tx, who, connection_id)
        plan = _plan(tx, connection, wanted, seen)
        if not plan.columns:
            return rows_by_id(tx, [connection_id])[0]
        now = tx.now()
        detail: dict[str, audit.DetailValue] = {f"{name}_before": plan.before[name] for name in plan.after}
        detail |= dict(plan.after)
        if plan.new_identity:
            forget_identity(tx, who, provider_connections.c.id == connection_id, ticket=ticket)
            destroyed = discard_own_credentials(tx, who, connection, ticket)
            detail |= {"new_identity": True, "credentials_destroyed": destroyed}
            if destroyed:
                plan.columns["credential_changed_at"] = now
        tx.run(
            update(provider_connections)
            .where(provider_connections.c.id == connection_id)
            .values(**plan.columns, updated_at=now)
        )
        note(tx, who, "connection.edit", connection_id, connection.workspace_id, ticket, detail)
        return rows_by_id(tx, [connection_id])[0]

    return audit.attempt(
        db, who, "connection.edit", work, target_kind="connection", target_id=connection_id, ticket=ticket
    )


def fields(db: Database, who: Principal, connection_id: int) -> dict[str, str | None]:
    """Returns the values that an editor starts from, to be given back as `seen`.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    with db.read(wanting="connection.edit") as tx:
        return _fields_of(read_to_manage(tx, who, connection_id))


def consequences(
    db: Database,
    who: Principal,
    connection_id: int,
    changes: Mapping[str, str | None],
    *,
    seen: Mapping[str, str | None] | None = None,
) -> Consequences:
    """Says what an edit would do, by the rules of `edit`.

    Raises:
        InvalidInput, EditConflict, Conflict, NotFound, Forbidden: as `edit` would.
    """
    wanted = _read_changes(changes)
    with db.read(wanting="connection.edit") as tx:
        connection = read_to_manage(tx, who, connection_id)
        plan = _plan(tx, connection, wanted, seen)
        heading = title("Edit", connection)
        if not plan.columns:
            return Consequences(heading, ("Nothing changes.",), hurts=False)
        sentences = [
            f"{name.replace('_', ' ').capitalize()}: {plan.before[name] or '-'} → {value or '-'}."
            for name, value in plan.after.items()
        ]
        if plan.new_identity:
            sentences += _identity_sentences(tx, connection, plan)
        return Consequences(heading, tuple(sentences), hurts=plan.new_identity)


def forget_identity(tx: Transaction, who: Principal, which: ColumnElement[bool], *, ticket: str | None = None) -> int:
    """Forgets what was known about connections that sign in as another application from now on; returns how many.

    Their consent and verification become unknown, their generation changes, the permissions that were seen are dropped, and
    admin-consent links that name the old application are not accepted any more. The caller holds their locks.
    """
    now = tx.now()
    ids = select(provider_connections.c.id).where(which)
    tx.run(delete(connection_permissions).where(connection_permissions.c.connection_id.in_(ids)))
    mine = consent_requests.c.connection_id.in_(ids)
    consent_withdrawals.withdraw(tx, who, mine, consent_withdrawals.ANOTHER_APPLICATION, ticket=ticket)
    changed = tx.run(
        update(provider_connections)
        .where(which)
        .values(
            consent_status=ConsentStatus.UNKNOWN.value,
            consent_changed_at=now,
            consent_granted_at=None,
            consent_checked_at=None,
            consent_doubt_since=None,
            consent_manifest_version=None,
            verification_status=VerificationStatus.UNKNOWN.value,
            verification_changed_at=now,
            last_reason_code=None,
            last_reason_sentence=None,
            generation=provider_connections.c.generation + 1,
            updated_at=now,
        )
        .returning(provider_connections.c.id)
    ).all()
    return len(changed)


def discard_own_credentials(tx: Transaction, who: Principal, connection: Row[Any], ticket: str | None) -> int:
    """Destroys the credentials of a locked connection; what Microsoft may still accept stays a reminder. Returns how many."""
    if connection.connection_type != ConnectionType.DEDICATED:
        return 0
    owner = credential_owners.see(tx, who, CredentialOwner.CONNECTION, connection.id)
    return credential_changes.discard_all(tx, who, owner, ticket=ticket)


def _read_changes(changes: Mapping[str, str | None]) -> dict[str, str | None]:
    read: dict[str, str | None] = {}
    for name, value in changes.items():
        if name == "display_name":
            read[name] = read_name("connection name", value or "")
        elif name == "connection_type":
            if value not in set(ConnectionType):
                raise InvalidInput("connection type", "is not one", f"Use one of: {', '.join(ConnectionType)}.")
            read[name] = ConnectionType(value).value
        elif name == "client_id":
            read[name] = read_guid("client id", value) if value and value.strip() else None
        else:
            raise InvalidInput(name, "cannot be edited", f"Use some of: {', '.join(FIELDS)}.")
    if read.get("connection_type") == ConnectionType.PLATFORM:
        read["client_id"] = read_client_id(ConnectionType.PLATFORM, read.get("client_id"), None)
    return read


def _fields_of(connection: Row[Any]) -> dict[str, str | None]:
    return {name: getattr(connection, name) for name in FIELDS}


def _plan(
    tx: Transaction, connection: Row[Any], wanted: Mapping[str, str | None], seen: Mapping[str, str | None] | None
) -> _Plan:
    refuse_archived(connection.tenant_lifecycle)
    current = _fields_of(connection)
    effective = edits.merge(
        seen or {},
        current,
        wanted,
        by=lambda: edits.last_change(tx, connection.workspace_id, "connection", connection.id, _EDITS),
    )
    merged: dict[str, str | None] = current | effective
    columns: dict[str, Any] = dict(effective)
    if "connection_type" in effective or "client_id" in effective:
        columns |= _sign_in(tx, connection, merged)
    if "display_name" in effective:
        columns["sort_name"] = sort_name(connection.tenant_name, str(merged["display_name"]), connection.primary_domain)
    return _Plan(
        columns=columns,
        before=current,
        after=effective,
        new_identity="connection_type" in effective or "client_id" in effective,
    )


def _sign_in(tx: Transaction, connection: Row[Any], merged: Mapping[str, str | None]) -> dict[str, Any]:
    app = tx.run(
        select(platform_apps.c.id, platform_apps.c.client_id).where(
            platform_apps.c.workspace_id == connection.workspace_id, platform_apps.c.cloud == connection.cloud
        )
    ).first()
    kind = ConnectionType(str(merged["connection_type"]))
    if kind is ConnectionType.PLATFORM and app is None:
        raise InvalidInput(
            "connection type",
            f"cannot be platform: this workspace has no platform app for {connection.cloud}",
            "Register it first: atlas-tui app add.",
        )
    client_id = read_client_id(kind, merged["client_id"], None if app is None else app.client_id)
    return {
        "connection_type": kind.value,
        "client_id": client_id,
        "platform_app_id": app.id if app is not None and kind is ConnectionType.PLATFORM else None,
    }


def _identity_sentences(tx: Transaction, connection: Row[Any], plan: _Plan) -> list[str]:
    sentences = []
    held = tx.run(select(func.count()).where(credentials.c.connection_id == connection.id)).scalar_one()
    if held:
        sentences.append(
            f"Its {count(held, 'credential')} here belongs to the old app registration and is destroyed; "
            "at Microsoft it stays valid until it is removed there."
        )
    if plan.columns["connection_type"] == ConnectionType.DEDICATED:
        sentences.append("It needs a credential of the new app registration before anything can start.")
    else:
        sentences.append("It signs in with the platform app's credential from now on.")
    if connection.consent_status == ConsentStatus.UNKNOWN:
        sentences.append("The customer must consent to the new application.")
    else:
        sentences.append(
            f"Consent becomes unknown (it is {connection.consent_status}): it was given to another application, "
            "so the customer must consent to the new one."
        )
    if connection.verification_status != VerificationStatus.UNKNOWN:
        sentences.append(f"Verification becomes unknown (it is {connection.verification_status}).")
    sentences.append("Open admin-consent links name the old application and are not accepted any more.")
    for run in unfinished_runs(tx, connection.id):
        if run.status == RunStatus.RUNNING:
            sentences.append(f"Run #{run.id} goes on with the old application; a check's verdict will not count.")
        else:
            sentences.append(f"Run #{run.id} is {run.status} and will use the new application.")
    return sentences
