"""What runs and checks tell the alert rules: the two hooks in the transactions that end a run and that change a badge.

Promise: costs one look into an index where a workspace has no rules. A run that failed for a credential, consent or permission is about
its connection, as the badge is, so that both are one alert; what is wrong with a platform app itself (`alert_subjects`) is about the app,
however many connections sign in with it, and is over once any of them could. Nothing is told of archived tenants and disabled
connections. What a customer's tenant is called is data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select

from storage import alert_subjects, operations, reasons
from storage.alert_episodes import Listener, begin, listeners, solve
from storage.alert_matching import Event, fact_time
from storage.database import Transaction
from storage.reasons import Category
from storage.schema import platform_apps, provider_connections, tenant_tags, tenants
from storage.states import AlertEvent, ConnectionType, RunOutcome, TenantLifecycle, VerificationStatus

_BAD: Final = (RunOutcome.FAILED.value, RunOutcome.BLOCKED.value, RunOutcome.LOST.value)
_GOOD: Final = (RunOutcome.SUCCEEDED.value, RunOutcome.PARTIALLY_SUCCEEDED.value)
_SET_ASIDE: Final = ("superseded", "consent_doubted")
_OF_THE_CONNECTION: Final = (Category.CREDENTIAL, Category.CONSENT, Category.PERMISSION)


def note_run(tx: Transaction, run: Row[Any], now: datetime) -> None:
    """Tells the rules of a run that ended, well or badly. Called by `completing.complete`, which holds the connection's lock.

    Args:
        tx: the transaction that ends the run.
        run: the completed run's row.
        now: the database's clock.
    """
    if run.outcome not in (*_BAD, *_GOOD) or run.reason_code in _SET_ASIDE:
        return
    rules = listeners(tx, run.workspace_id)
    if not rules:
        return
    if run.outcome in _GOOD:
        solve(tx, rules, [alert_subjects.of_run(run)], now)
        return
    place = _place(tx, run.connection_id)
    if place is None:
        return
    code = run.reason_code or reasons.UNKNOWN_ERROR
    reason = reasons.find(code)
    is_of_the_connection = reason.category in _OF_THE_CONNECTION or (
        run.type == operations.CONNECTION_CHECK and not reason.is_transient and run.outcome != RunOutcome.LOST.value
    )
    facts = {"run": run.id, "operation": operations.find(run.type).label, "sentence": run.reason_sentence or ""}
    kinds = {AlertEvent.RUN} | ({AlertEvent.RUN_LOST} if run.outcome == RunOutcome.LOST.value else set())
    about = None if is_of_the_connection else alert_subjects.of_run(run)
    begin(tx, rules, _event(tx, rules, place, frozenset(kinds), code, facts, about), now)


def note_badge(
    tx: Transaction,
    connection: Row[Any],
    changes: Mapping[str, Any],
    *,
    verification: VerificationStatus | None,
    signed_in: bool,
    run_id: int,
    now: datetime,
) -> None:
    """Tells the rules what a check's report made of a connection's badge. Called by `connection_truth`, under the connection's lock.

    Args:
        tx: the finish's transaction.
        connection: the connection's row as it was before.
        changes: what is written on it.
        verification: the verdict; None when it leaves the badge as it is, or is held back.
        signed_in: the tenant let the application in, whatever else the check found; nothing is wrong with a platform app then.
        run_id: the check's run.
        now: the database's clock.
    """
    is_proof = signed_in and connection.connection_type == ConnectionType.PLATFORM.value
    if verification is None and not is_proof:
        return
    rules = listeners(tx, connection.workspace_id)
    if not rules:
        return
    if is_proof:
        solve(tx, rules, alert_subjects.all_of_app(connection.platform_app_id), now)
    if verification is None:
        return
    code = changes.get("last_reason_code")
    if code is None:
        if verification is VerificationStatus.HEALTHY:
            solve(tx, rules, [alert_subjects.of_connection(connection.id)], now)
        return
    place = _place(tx, connection.id)
    if place is None:
        return
    facts = {
        "run": run_id,
        "operation": operations.find(operations.CONNECTION_CHECK).label,
        "sentence": changes.get("last_reason_sentence") or "",
        "badge": verification.value,
    }
    if connection.last_reason_code == code and changes["reason_since"] is not None:
        facts["since"] = fact_time(changes["reason_since"])
    begin(tx, rules, _event(tx, rules, place, frozenset({AlertEvent.PROBLEM}), code, facts), now)


def _event(
    tx: Transaction,
    rules: tuple[Listener, ...],
    place: Row[Any],
    kinds: frozenset[AlertEvent],
    code: str,
    facts: dict[str, Any],
    about: str | None = None,
) -> Event:
    """What happened on a connection, about what is wrong there unless it is about something else."""
    tags: frozenset[int] = frozenset()
    if any(rule.conditions.tag_ids for rule in rules):
        of_tenant = select(tenant_tags.c.tag_id).where(tenant_tags.c.tenant_id == place.tenant_id)
        tags = frozenset(tx.run(of_tenant).scalars())
    facts = {"tenant": place.tenant_name, "connection": place.display_name, **facts}
    credential_id = None
    if about is None:
        about = alert_subjects.of_connection(place.id)
        if alert_subjects.is_of_app(place, code):
            about = alert_subjects.of_app(place.platform_app_id, code)
            facts["app"] = tx.run(
                select(platform_apps.c.display_name).where(platform_apps.c.id == place.platform_app_id)
            ).scalar_one()
        if any(AlertEvent.EXPIRING in rule.conditions.events for rule in rules):
            credential_id = alert_subjects.failing_credential(tx, place, code)
    return Event(kinds, about, code, place.tenant_id, place.id, tags, credential_id, facts)


def _place(tx: Transaction, connection_id: int) -> Row[Any] | None:
    """The connection with its tenant's name; None for what nobody is alerted of any more."""
    pc = provider_connections
    row = tx.run(
        select(
            pc.c.id,
            pc.c.tenant_id,
            pc.c.display_name,
            pc.c.connection_type,
            pc.c.platform_app_id,
            pc.c.is_enabled,
            tenants.c.name.label("tenant_name"),
            tenants.c.lifecycle,
        )
        .join(tenants, tenants.c.id == pc.c.tenant_id)
        .where(pc.c.id == connection_id)
    ).one()
    return row if row.is_enabled and row.lifecycle != TenantLifecycle.ARCHIVED.value else None
