"""Changing a platform app: edit and delete.

Promise: another client id is another identity for every connection that signs in with the app, changed with it in one transaction; the
sentences shown before come from the rules of the change. A new credential resets nobody, which is why it is not changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, func, select, update

from storage import audit, credential_changes, credential_owners, edits
from storage.access import Principal
from storage.connection_edits import forget_identity
from storage.connection_locks import lock_all
from storage.consent_withdrawals import ANOTHER_REDIRECT_URI, answerable_links, withdraw
from storage.consequences import Consequences, count
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput
from storage.fields import read_guid, read_name, read_redirect_uri
from storage.platform_apps import PlatformApp, app_of, require_app
from storage.schema import consent_requests, credentials, platform_apps, provider_connections
from storage.states import CredentialOwner, Topic, VerificationStatus

FIELDS: Final = ("display_name", "client_id", "home_tenant_id", "redirect_uri")
"""What a form may change. The cloud is what the app is registered for; another cloud is another app."""

_EDITS: Final = ("platform_app.register", "platform_app.edit")


def fields(db: Database, who: Principal, app_id: int) -> dict[str, str]:
    """Returns the values that an editor starts from, to be given back as `seen`.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
    """
    with db.read(wanting="platform_app.edit") as tx:
        return _fields_of(require_app(tx, who, app_id))


def edit(
    db: Database,
    who: Principal,
    app_id: int,
    changes: Mapping[str, str],
    *,
    seen: Mapping[str, str] | None = None,
    ticket: str | None = None,
) -> PlatformApp:
    """Changes a platform app. An edit that changes nothing writes nothing.

    Args:
        db: the database.
        who: who does it.
        app_id: which app.
        changes: new values of some of `FIELDS`.
        seen: the values that the editor was shown, as `fields` gave them; None writes without asking what they were.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: a field cannot be used.
        EditConflict: somebody else changed the same field meanwhile.
        NotFound, Forbidden: not visible, or not allowed (any more).
    """
    wanted = _read_changes(changes)

    def work(tx: Transaction) -> PlatformApp:
        # Connections before the app, as a check's finish locks them; no new one comes in between, since it would wait for the app's row.
        users = lock_all(tx, provider_connections.c.platform_app_id == app_id)
        app = require_app(tx, who, app_id, locked=True)
        effective = _merge(tx, app, wanted, seen)
        if not effective:
            return app_of(tx, app)
        now, current = tx.now(), _fields_of(app)
        values: dict[str, Any] = {**effective, "updated_at": now}
        detail: dict[str, audit.DetailValue] = {f"{name}_before": current[name] for name in effective}
        detail |= dict(effective)
        mine = provider_connections.c.platform_app_id == app_id
        if "client_id" in effective:
            owner = credential_owners.see(tx, who, CredentialOwner.PLATFORM_APP, app_id)
            destroyed = credential_changes.discard_all(tx, who, owner, ticket=ticket)
            detail |= {
                "credentials_destroyed": destroyed,
                "connections_reset": forget_identity(tx, who, mine, ticket=ticket),
            }
            values |= {"credential_changed_at": now}
        elif "home_tenant_id" in effective:
            detail["connections_reset"] = _forget_verification(tx, app_id)
        if "client_id" in effective or "home_tenant_id" in effective:
            values["generation"] = platform_apps.c.generation + 1
        if "redirect_uri" in effective:
            links = _links_of(app_id)
            withdraw(tx, who, links, ANOTHER_REDIRECT_URI, ticket=ticket)
        row = tx.run(
            update(platform_apps).where(platform_apps.c.id == app_id).values(**values).returning(*platform_apps.c)
        ).one()
        detail["connections"] = len(users)
        _note(tx, who, "platform_app.edit", row, ticket, detail)
        return app_of(tx, row)

    return audit.attempt(
        db, who, "platform_app.edit", work, target_kind="platform_app", target_id=app_id, ticket=ticket
    )


def consequences(
    db: Database, who: Principal, app_id: int, changes: Mapping[str, str], *, seen: Mapping[str, str] | None = None
) -> Consequences:
    """Says what an edit would do, by the rules of `edit`.

    Raises:
        InvalidInput, EditConflict, NotFound, Forbidden: as `edit` would.
    """
    wanted = _read_changes(changes)
    with db.read(wanting="platform_app.edit") as tx:
        app = require_app(tx, who, app_id)
        effective = _merge(tx, app, wanted, seen)
        heading = f"Edit platform app {app.id} {app.display_name}"
        if not effective:
            return Consequences(heading, ("Nothing changes.",), hurts=False)
        current, users = _fields_of(app), count(_users(tx, app_id), "connection")
        sentences = [
            f"{name.replace('_', ' ').capitalize()}: {current[name]} → {value}." for name, value in effective.items()
        ]
        if "client_id" in effective:
            held = _number(tx, credentials, credentials.c.platform_app_id == app_id)
            if held:
                sentences.append(
                    f"Its {count(held, 'credential')} here belongs to the old app registration and is destroyed; "
                    "at Microsoft it stays valid until it is removed there."
                )
            sentences += [
                f"{users} sign in with it: consent and verification of each become unknown, and every customer must consent again.",
                "Nothing can start on them until a credential of the new app registration is stored.",
                "Open admin-consent links name the old application and are not accepted any more.",
            ]
        elif "home_tenant_id" in effective:
            sentences.append(f"{users} sign in with it: verification of each becomes unknown; consent stays as it is.")
        if "redirect_uri" in effective:
            links = _number(tx, consent_requests, _links_of(app_id) & answerable_links(tx))
            sentences.append("Register the new redirect URI with the app registration, exactly as written.")
            if links and "client_id" not in effective:
                sentences.append(
                    f"{count(links, 'open admin-consent link')} names the old address and is not accepted any more."
                )
        return Consequences(
            heading, tuple(sentences), hurts=bool({"client_id", "home_tenant_id", "redirect_uri"} & effective.keys())
        )


def delete_unused(db: Database, who: Principal, app_id: int, *, ticket: str | None = None) -> None:
    """Deletes a platform app that no connection signs in with, and destroys its credentials.

    Raises:
        NotFound, Forbidden: not visible, or not allowed.
        Conflict: connections sign in with it.
    """

    def work(tx: Transaction) -> None:
        app = require_app(tx, who, app_id, locked=True)
        _refuse_used(tx, app_id)
        owner = credential_owners.see(tx, who, CredentialOwner.PLATFORM_APP, app_id)
        destroyed = credential_changes.discard_all(tx, who, owner, ticket=ticket)
        detail: dict[str, audit.DetailValue] = {
            "name": app.display_name,
            "cloud": app.cloud,
            "client_id": app.client_id,
            "credentials_destroyed": destroyed,
        }
        _note(tx, who, "platform_app.delete", app, ticket, detail)
        tx.run(delete(platform_apps).where(platform_apps.c.id == app_id))

    audit.attempt(db, who, "platform_app.delete", work, target_kind="platform_app", target_id=app_id, ticket=ticket)


def preview_delete(db: Database, who: Principal, app_id: int) -> Consequences:
    """Says what deleting a platform app would destroy.

    Raises:
        NotFound, Forbidden, Conflict: as `delete_unused` would.
    """
    with db.read(wanting="platform_app.delete") as tx:
        app = require_app(tx, who, app_id)
        _refuse_used(tx, app_id)
        sentences = ["No connection signs in with it.", "The app registration at Microsoft stays; delete it there."]
        held = _number(tx, credentials, credentials.c.platform_app_id == app_id)
        if held:
            sentences.insert(0, f"Its {count(held, 'credential')} here is destroyed.")
        return Consequences(f"Delete platform app {app.id} {app.display_name}", tuple(sentences), hurts=True)


def _refuse_used(tx: Transaction, app_id: int) -> None:
    used = _users(tx, app_id)
    if used:
        raise Conflict(
            f"{count(used, 'connection')} sign in with this platform app.",
            "Make them dedicated, or delete them, first.",
        )


def _read_changes(changes: Mapping[str, str]) -> dict[str, str]:
    readers = {
        "display_name": lambda value: read_name("display name", value),
        "client_id": lambda value: read_guid("client id", value),
        "home_tenant_id": lambda value: read_guid("home tenant id", value),
        "redirect_uri": lambda value: read_redirect_uri("redirect URI", value),
    }
    for name in changes:
        if name not in readers:
            raise InvalidInput(name, "cannot be edited", f"Use some of: {', '.join(FIELDS)}.")
    return {name: readers[name](value) for name, value in changes.items()}


def _fields_of(app: Row[Any]) -> dict[str, str]:
    return {name: getattr(app, name) for name in FIELDS}


def _merge(tx: Transaction, app: Row[Any], wanted: Mapping[str, str], seen: Mapping[str, str] | None) -> dict[str, str]:
    return edits.merge(
        seen or {},
        _fields_of(app),
        wanted,
        by=lambda: edits.last_change(tx, app.workspace_id, "platform_app", app.id, _EDITS),
    )


def _forget_verification(tx: Transaction, app_id: int) -> int:
    """The same application, registered somewhere else than was thought: what was verified is not known any more, consent stays."""
    now = tx.now()
    changed = tx.run(
        update(provider_connections)
        .where(provider_connections.c.platform_app_id == app_id)
        .values(
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


def _links_of(app_id: int) -> ColumnElement[bool]:
    users = select(provider_connections.c.id).where(provider_connections.c.platform_app_id == app_id)
    return consent_requests.c.connection_id.in_(users)


def _users(tx: Transaction, app_id: int) -> int:
    return _number(tx, provider_connections, provider_connections.c.platform_app_id == app_id)


def _number(tx: Transaction, table: Any, condition: Any) -> int:
    return int(tx.run(select(func.count()).select_from(table).where(condition)).scalar_one())


def _note(
    tx: Transaction,
    who: Principal,
    action: str,
    app: Row[Any],
    ticket: str | None,
    detail: Mapping[str, audit.DetailValue],
) -> None:
    audit.record(
        tx,
        who,
        action,
        target_kind="platform_app",
        target_id=app.id,
        workspace_id=app.workspace_id,
        ticket=ticket,
        detail=detail,
    )
    tx.touch(Topic.CONNECTIONS)
