"""What a connection check's report changes on the connection: the only writer of verification, and of consent from facts.

Promise: called by the finish of a run, under the connection's lock and for the generation the run began with. Transient trouble changes
no badge. Every change of a badge is audited.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from storage import alert_noting, audit, operations, reasons
from storage.access import WORKER
from storage.credential_slots import owner_clause, promote_staged
from storage.database import Transaction
from storage.schema import connection_permissions, credentials, platform_apps, provider_connections, tenants
from storage.states import ConnectionType, ConsentStatus, CredentialSlot, Topic, VerificationStatus
from storage.verification import MANIFEST_VERSION, CheckReport, ConsentFact, Verdict, rule_consent

_MAX_NAME = 400


def apply_report(
    tx: Transaction, connection: Row[Any], report: CheckReport, verdict: Verdict, *, claimed_at: datetime, run_id: int
) -> bool:
    """Writes what a report proves.

    Args:
        tx: the finish's transaction.
        connection: the locked row.
        report: what the check found.
        verdict: what it means.
        run_id: the check's run.
        claimed_at: when the check got its credentials; one that was stored later is not the one it used.

    Returns:
        True when the verdict is held back because a second answer about consent is awaited.
    """
    now = tx.now()
    ruling = rule_consent(
        report.consent_fact,
        current=ConsentStatus(connection.consent_status),
        granted_before=connection.consent_granted_at is not None,
        was_healthy=connection.verification_status
        in (VerificationStatus.HEALTHY.value, VerificationStatus.DEGRADED.value),
        connection_type=ConnectionType(connection.connection_type),
        doubt_since=connection.consent_doubt_since,
        now=now,
    )
    changes: dict[str, Any] = {"updated_at": now, "consent_doubt_since": ruling.doubt_since}
    if report.consent_fact is not ConsentFact.NOTHING:
        changes["consent_checked_at"] = now
    if ruling.status.value != connection.consent_status:
        changes |= {"consent_status": ruling.status.value, "consent_changed_at": now}
        if ruling.status is ConsentStatus.GRANTED:
            changes["consent_manifest_version"] = MANIFEST_VERSION
    if ruling.status is ConsentStatus.GRANTED and connection.consent_granted_at is None:
        changes["consent_granted_at"] = now
    if ruling.hold_verification:
        sentence = reasons.find("consent_doubted").sentence
        changes |= _reason_changes(connection, "consent_doubted", sentence, now)
    elif verdict.status is not None:
        changes |= _verification_changes(connection, verdict, now)
    tx.run(update(provider_connections).where(provider_connections.c.id == connection.id).values(**changes))
    if report.granted_permissions is not None and not ruling.hold_verification:
        _write_permissions(tx, connection.id, report.granted_permissions, now)
    _write_tenant(tx, connection, report, now)
    _write_credential(tx, connection, report, claimed_at, now)
    _audit_badges(tx, connection, changes)
    settled = None if ruling.hold_verification else verdict.status
    alert_noting.note_badge(
        tx, connection, changes, verification=settled, signed_in=report.token_passed, run_id=run_id, now=now
    )
    tx.touch(Topic.CONNECTIONS)
    return ruling.hold_verification


def _verification_changes(connection: Row[Any], verdict: Verdict, now: datetime) -> dict[str, Any]:
    assert verdict.status is not None
    healthy = verdict.status is VerificationStatus.HEALTHY
    code, sentence = (None, None) if healthy else (verdict.reason_code, verdict.sentence[:1000])
    changes: dict[str, Any] = {
        "last_checked_at": now,
        "manifest_version": MANIFEST_VERSION,
        **_reason_changes(connection, code, sentence, now),
    }
    if healthy:
        changes["last_good_at"] = now
    if verdict.status.value != connection.verification_status:
        changes |= {"verification_status": verdict.status.value, "verification_changed_at": now}
    return changes


def _reason_changes(
    connection: Row[Any], code: str | None, sentence: str | None, now: datetime
) -> dict[str, datetime | str | None]:
    """A badge's reason. The same one again keeps its time, also when the verdict changed; another one begins anew."""
    since = connection.reason_since if code == connection.last_reason_code else now
    return {
        "last_reason_code": code,
        "last_reason_sentence": sentence,
        "reason_since": None if code is None else since,
    }


def _write_permissions(tx: Transaction, connection_id: int, granted: frozenset[str], now: datetime) -> None:
    """Permission truth: every permission that some operation wants, and whatever else was granted."""
    wanted = {
        name
        for operation in operations.CATALOG.values()
        for name in (*operation.required_permissions, *operation.optional_permissions)
    }
    tx.run(delete(connection_permissions).where(connection_permissions.c.connection_id == connection_id))
    rows = [
        {
            "connection_id": connection_id,
            "permission": name[:200],
            "is_granted": name in granted or operations.satisfies(granted, name),
            "checked_at": now,
        }
        for name in sorted(wanted | set(list(granted)[:500]))
    ]
    tx.run(insert(connection_permissions), rows)


def _write_tenant(tx: Transaction, connection: Row[Any], report: CheckReport, now: datetime) -> None:
    changes: dict[str, Any] = {}
    if report.organization is not None and report.organization.entra_tenant_id == connection.entra_tenant_id:
        changes["microsoft_name"] = report.organization.display_name[:_MAX_NAME]
    if changes or report.token_passed:
        tx.run(update(tenants).where(tenants.c.id == connection.tenant_id).values(updated_at=now, **changes))
    if report.token_passed:
        settle_tenant_id(tx, connection, connection.entra_tenant_id, now)
    if changes:
        tx.touch(Topic.TENANTS)


def settle_tenant_id(tx: Transaction, connection: Row[Any], entra_tenant_id: str, now: datetime) -> None:
    """Writes down when Microsoft first gave a token for a tenant id, which stays as it is from then on.

    Args:
        tx: the finish's transaction.
        connection: the locked row.
        entra_tenant_id: what the token was for; nothing is written when the tenant has another id by now.
        now: the database's clock.
    """
    tx.run(
        update(tenants)
        .where(
            tenants.c.id == connection.tenant_id,
            tenants.c.entra_tenant_id == entra_tenant_id,
            tenants.c.first_token_at.is_(None),
        )
        .values(first_token_at=now)
    )


def _write_credential(
    tx: Transaction, connection: Row[Any], report: CheckReport, claimed_at: datetime, now: datetime
) -> None:
    slot = report.credential_slot
    if slot is None:
        return
    if slot == CredentialSlot.STAGED.value and report.token_passed:
        _lock_app(tx, connection)
    owner = owner_clause(connection)
    used = tx.run(
        select(credentials.c.id).where(owner, credentials.c.slot == slot, credentials.c.stored_at <= claimed_at)
    ).first()
    if used is None:
        return
    if report.credential_expires_at is not None:
        tx.run(update(credentials).where(credentials.c.id == used.id).values(expires_at=report.credential_expires_at))
    if slot != CredentialSlot.STAGED.value or not report.token_passed or not promote_staged(tx, connection, now):
        return
    if connection.connection_type == ConnectionType.PLATFORM:
        tx.run(
            update(platform_apps)
            .where(platform_apps.c.id == connection.platform_app_id)
            .values(generation=platform_apps.c.generation + 1, credential_changed_at=now, updated_at=now)
        )
    else:
        tx.run(
            update(provider_connections)
            .where(provider_connections.c.id == connection.id)
            .values(generation=provider_connections.c.generation + 1, credential_changed_at=now)
        )
    audit.record(
        tx,
        WORKER,
        "credential.promote",
        target_kind="connection",
        target_id=connection.id,
        workspace_id=connection.workspace_id,
        detail={"from": "staged", "to": "active"},
    )


def _lock_app(tx: Transaction, connection: Row[Any]) -> None:
    """Holds a platform app whose slots are about to move, as everybody does who changes them; the connection is locked already."""
    if connection.connection_type != ConnectionType.PLATFORM or tx.is_sqlite:
        return
    app = select(platform_apps.c.id).where(platform_apps.c.id == connection.platform_app_id)
    tx.run(app.with_for_update(key_share=True)).first()


def _audit_badges(tx: Transaction, connection: Row[Any], changes: dict[str, Any]) -> None:
    detail: dict[str, audit.DetailValue] = {}
    for column in ("consent_status", "verification_status"):
        if column in changes:
            detail[f"{column}_before"] = getattr(connection, column)
            detail[column] = changes[column]
    if detail:
        audit.record(
            tx,
            WORKER,
            "connection.badges",
            target_kind="connection",
            target_id=connection.id,
            workspace_id=connection.workspace_id,
            detail=detail | {"reason": changes.get("last_reason_code")},
        )
