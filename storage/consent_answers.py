"""Answers to admin-consent links as they arrive: pasted back by a member, or at the callback page.

Promise: the one place that takes them. Whoever pastes needs `provider.manage`; the page acts as `system:consent-page`, whose only authority
is the state itself, and learns nothing that names a customer. What an answer means is said by `storage.consent_verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from storage import audit, reasons
from storage.access import CONSENT_PAGE, Principal, authority
from storage.capabilities import Capability
from storage.consent_reading import ParsedAnswer, read_pasted, read_query
from storage.consent_requests import hash_of, lock_for_manager
from storage.consent_verdicts import AnswerOutcome, ConsentResult, Verdict
from storage.database import Database, Transaction
from storage.gate import lock_connection
from storage.schema import consent_requests


@dataclass(frozen=True, slots=True)
class PublicResult:
    """What the public page may know: nothing that names a customer, a connection or a tenant."""

    outcome: AnswerOutcome
    reason_code: str | None


def answer(
    db: Database,
    who: Principal,
    given: str | Mapping[str, str],
    *,
    connection_id: int | None = None,
    ticket: str | None = None,
) -> ConsentResult:
    """Reads an answer that a member pasted back, or that arrived as parameters.

    Any member with `provider.manage` may finish what another began. An answer to a link of a connection that the member cannot see is
    an unknown one.

    Args:
        db: the database.
        who: who pastes it.
        given: the address from the browser, or its parameters.
        connection_id: the connection it must be for; any that the member may change when None.
        ticket: a reference for the audit trail.

    Raises:
        InvalidInput: there is no answer in what was given; nothing is written.
        Forbidden: the connection is visible, but its consent may not be changed (audited).
        NotFound: `connection_id` is not visible.
    """
    parsed = read_pasted(given) if isinstance(given, str) else read_query(given)

    def work(tx: Transaction) -> ConsentResult:
        workspace_id = None if connection_id is None else _workspace_of(tx, who, connection_id)
        found = _find(tx, parsed)
        if found is not None and not _sees(tx, who, found[0]):
            found = None
        if found is not None:
            authority(tx, who).require(
                tx,
                Capability.PROVIDER_MANAGE,
                found[0].workspace_id,
                found[0].tenant_id,
                see=Capability.PROVIDER_VIEW,
                what=f"Connection {found[0].id}",
            )
        if found is None or (connection_id is not None and found[0].id != connection_id):
            return _unknown(tx, who, parsed, connection_id, workspace_id, ticket)
        return Verdict(tx, who, parsed, *found, ticket).reach()

    target = ("consent_request", "unknown") if connection_id is None else ("connection", connection_id)
    return audit.attempt(db, who, "consent.answer", work, target_kind=target[0], target_id=target[1], ticket=ticket)


def read_callback(query: Iterable[tuple[str, str]]) -> ParsedAnswer:
    """Reads the parameters that arrived at the callback page.

    Raises:
        InvalidInput: there is no answer in them.
    """
    return read_query(query)


def is_known(db: Database, parsed: ParsedAnswer) -> bool:
    """Says whether an answer's state is one of ours, without writing: the callback page limits how often others are written down."""
    if parsed.state is None:
        return False
    with db.read() as tx:
        statement = select(consent_requests.c.id).where(consent_requests.c.state_hash == hash_of(parsed.state))
        return tx.run(statement).first() is not None


def answer_by_state(db: Database, parsed: ParsedAnswer) -> PublicResult:
    """Reads an answer that arrived at the callback page, as `system:consent-page`. The state itself is the authority."""

    def work(tx: Transaction) -> ConsentResult:
        found = _find(tx, parsed)
        if found is None:
            return _unknown(tx, CONSENT_PAGE, parsed, None, None, None)
        return Verdict(tx, CONSENT_PAGE, parsed, *found).reach()

    result = db.write(work)
    return PublicResult(result.outcome, result.reason_code)


def _find(tx: Transaction, parsed: ParsedAnswer) -> tuple[Row[Any], Row[Any]] | None:
    """Locks the connection that a state belongs to, then reads the link: connection first, as everywhere."""
    if parsed.state is None:
        return None
    hashed = hash_of(parsed.state)
    place = tx.run(
        select(consent_requests.c.connection_id).where(consent_requests.c.state_hash == hashed)
    ).scalar_one_or_none()
    connection = None if place is None else lock_connection(tx, place)
    if connection is None:
        return None
    link = tx.run(select(consent_requests).where(consent_requests.c.state_hash == hashed)).first()
    return None if link is None else (connection, link)


def _sees(tx: Transaction, who: Principal, connection: Row[Any]) -> bool:
    return authority(tx, who).may(tx, Capability.PROVIDER_VIEW, connection.workspace_id, connection.tenant_id)


def _workspace_of(tx: Transaction, who: Principal, connection_id: int) -> int:
    return int(lock_for_manager(tx, who, connection_id).workspace_id)


def _unknown(
    tx: Transaction,
    who: Principal,
    parsed: ParsedAnswer,
    connection_id: int | None,
    workspace_id: int | None,
    ticket: str | None,
) -> ConsentResult:
    """No link of ours, or none of the one connection it was pasted for. The state itself is not written down."""
    reason = reasons.find("consent_state_unknown")
    audit.record(
        tx,
        who,
        "consent.answer",
        target_kind="consent_request" if connection_id is None else "connection",
        target_id="unknown" if connection_id is None else connection_id,
        workspace_id=workspace_id,
        outcome="refused",
        ticket=ticket,
        detail={"answer": AnswerOutcome.UNKNOWN.value, "reason": reason.code, "answered_tenant": parsed.tenant},
    )
    return ConsentResult(
        AnswerOutcome.UNKNOWN,
        reason.code,
        reason.sentence,
        reason.next_step,
        connection_id=connection_id,
        answered_tenant_id=parsed.tenant,
        provider_code=parsed.provider_code,
        correlation_id=parsed.correlation_id,
    )
