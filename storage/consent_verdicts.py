"""What an answer to an admin-consent link means: the table from what was said, and to which link, to what is written.

Promise: the state was ours, the connection is locked; `error` comes before the tenant, and the tenant an answer names is never trusted for
more than a refusal. The same answer twice has the effect and the page of one. Every answer is audited, refused ones too.

A link is used up by the answer that grants. An error, or an answer from another tenant, is written down with the link but leaves it open:
it proves nothing about who sent it, and whoever signed in with the wrong account opens the same link again. A declined answer makes consent
`failed` only where nothing better is known: what a check has seen granted or revoked is a fact, and declining changes nothing at Microsoft.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, update

from storage import audit, reasons
from storage.access import Principal
from storage.consent_reading import ParsedAnswer
from storage.consent_recording import grant_in, queue_check_in
from storage.consent_requests import application_of, record
from storage.database import Transaction
from storage.schema import consent_requests, provider_connections
from storage.states import ConsentRequestStatus, ConsentStatus


class AnswerOutcome(StrEnum):
    """What became of an answer."""

    GRANTED = "granted"
    ALREADY_RECORDED = "already_recorded"
    NOT_GRANTED = "not_granted"
    WRONG_TENANT = "wrong_tenant"
    EXPIRED = "expired"
    USED = "used"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ConsentResult:
    """What an answer led to, for members.

    Attributes:
        outcome: what became of it.
        reason_code: why it was not recorded; None when it was.
        sentence: the same for people.
        next_step: what to do now.
        connection_id: whose answer it is; None when that is unknown.
        expected_tenant_id: the tenant that should have answered.
        answered_tenant_id: the tenant the answer names; None when it names none.
        provider_code: Microsoft's number; empty when there was none.
        correlation_id: Microsoft's correlation id; empty when there was none.
        check_run_id: the check that was started or found under way; None when there is none.
    """

    outcome: AnswerOutcome
    reason_code: str | None
    sentence: str
    next_step: str
    connection_id: int | None = None
    tenant_name: str = ""
    expected_tenant_id: str | None = None
    answered_tenant_id: str | None = None
    provider_code: str = ""
    correlation_id: str = ""
    check_run_id: int | None = None


_LEAVES_BADGE: Final = frozenset({ConsentStatus.GRANTED.value, ConsentStatus.REVOKED.value})
_GRANTED_SENTENCE: Final = "Consent is recorded. A check proves what was granted; it may take some minutes."
_GRANTED_STEP: Final = "Wait for the check, or open its run."
_UNPROVEN_STEP: Final = "No check may start yet: see the connection, then start one."
_REPEATED_SENTENCE: Final = "This answer was recorded before; nothing was changed."


class Verdict:
    """One answer to one link of ours, inside the transaction that holds the connection's lock.

    Args:
        tx: the transaction.
        who: who brought the answer; authority was asked.
        parsed: what it says.
        connection: the locked row, as `lock_connection` returned it.
        link: the row of the link.
        ticket: a reference for the audit trail.
    """

    def __init__(
        self,
        tx: Transaction,
        who: Principal,
        parsed: ParsedAnswer,
        connection: Row[Any],
        link: Row[Any],
        ticket: str | None = None,
    ) -> None:
        self._tx, self._who, self._parsed = tx, who, parsed
        self._connection, self._link, self._ticket = connection, link, ticket
        self._base = ConsentResult(
            AnswerOutcome.UNKNOWN,
            None,
            "",
            "",
            connection_id=connection.id,
            tenant_name=connection.tenant_name,
            expected_tenant_id=link.expected_tenant_id,
            answered_tenant_id=parsed.tenant,
            provider_code=parsed.provider_code,
            correlation_id=parsed.correlation_id,
        )

    def reach(self) -> ConsentResult:
        """Writes what the answer means and returns it."""
        link = self._link
        if link.status == ConsentRequestStatus.REVOKED.value:
            return self._refuse(AnswerOutcome.REVOKED, "consent_link_revoked")
        if link.status == ConsentRequestStatus.USED.value:
            return self._after_use()
        if link.status == ConsentRequestStatus.EXPIRED.value or link.expires_at <= self._tx.now():
            return self._late()
        if link.client_id != application_of(self._tx, self._connection)[0]:
            return self._refuse(AnswerOutcome.REVOKED, "consent_link_outdated")
        if self._parsed.reason_code is not None:
            return self._not_granted(self._parsed.reason_code)
        if self._parsed.tenant != link.expected_tenant_id:
            self._note("consent_wrong_tenant")
            return self._refuse(AnswerOutcome.WRONG_TENANT, "consent_wrong_tenant")
        return self._granted()

    def _granted(self) -> ConsentResult:
        self._note(None, ConsentRequestStatus.USED)
        done = grant_in(self._tx, self._who, self._connection, ticket=self._ticket)
        self._audit(
            AnswerOutcome.GRANTED,
            {
                "client_id": self._link.client_id,
                "consent_status_before": done.status_before,
                "consent_status": ConsentStatus.GRANTED.value,
                "roles_before": list(done.roles_before),
                "run": done.check_run_id,
            },
        )
        return replace(
            self._base,
            outcome=AnswerOutcome.GRANTED,
            sentence=_GRANTED_SENTENCE,
            next_step=_GRANTED_STEP if done.check_run_id else _UNPROVEN_STEP,
            check_run_id=done.check_run_id,
        )

    def _not_granted(self, code: str) -> ConsentResult:
        """An error of Microsoft's. A passing outage says nothing about consent and changes no badge."""
        reason = reasons.find(code)
        repeated = self._link.answered_at is not None and (
            self._link.answer_reason_code,
            self._link.answer_correlation_id or "",
        ) == (code, self._parsed.correlation_id)
        badges: dict[str, audit.DetailValue] = {}
        if not repeated:
            self._note(code)
            if not reason.is_transient and self._connection.consent_status not in _LEAVES_BADGE:
                self._fail_consent()
                before = self._connection.consent_status
                badges = {"consent_status_before": before, "consent_status": ConsentStatus.FAILED.value}
        self._audit(
            AnswerOutcome.NOT_GRANTED,
            {
                "reason": code,
                "provider_code": self._parsed.provider_code,
                "correlation_id": self._parsed.correlation_id,
                "repeated": repeated,
                **badges,
            },
        )
        return replace(
            self._base,
            outcome=AnswerOutcome.NOT_GRANTED,
            reason_code=code,
            sentence=reason.sentence,
            next_step=reason.next_step,
        )

    def _fail_consent(self) -> None:
        now = self._tx.now()
        self._tx.run(
            update(provider_connections)
            .where(provider_connections.c.id == self._connection.id)
            .values(
                consent_status=ConsentStatus.FAILED.value,
                consent_changed_at=now,
                generation=provider_connections.c.generation + 1,
                updated_at=now,
            )
        )

    def _after_use(self) -> ConsentResult:
        """The same answer again is a double click; another one is refused."""
        if not self._parsed.is_granted or self._parsed.tenant != self._link.answer_tenant_id:
            return self._refuse(AnswerOutcome.USED, "consent_state_used")
        self._audit(AnswerOutcome.ALREADY_RECORDED, {"repeated": True})
        return replace(
            self._base,
            outcome=AnswerOutcome.ALREADY_RECORDED,
            sentence=_REPEATED_SENTENCE,
            next_step=reasons.find("consent_state_used").next_step,
        )

    def _late(self) -> ConsentResult:
        """Not recorded, but the first late answer starts a check: consent may well have been given."""
        run_id = None
        if self._link.status == ConsentRequestStatus.OPEN.value:
            self._note("consent_state_expired", ConsentRequestStatus.EXPIRED)
            run_id = queue_check_in(self._tx, self._who, self._connection.id, ticket=self._ticket)
        refused = self._refuse(AnswerOutcome.EXPIRED, "consent_state_expired", {"run": run_id})
        return replace(refused, check_run_id=run_id)

    def _refuse(
        self, outcome: AnswerOutcome, code: str, more: Mapping[str, audit.DetailValue] | None = None
    ) -> ConsentResult:
        reason = reasons.find(code)
        expected, answered = self._link.expected_tenant_id, self._parsed.tenant
        sentence = reason.sentence
        if outcome is AnswerOutcome.WRONG_TENANT:
            sentence = f"{sentence} Expected {expected}, answered {answered or 'without a tenant'}."
        self._audit(
            outcome,
            {
                "reason": code,
                "expected_tenant": expected,
                "answered_tenant": answered,
                "provider_code": self._parsed.provider_code,
                **(more or {}),
            },
            refused=True,
        )
        return replace(self._base, outcome=outcome, reason_code=code, sentence=sentence, next_step=reason.next_step)

    def _note(self, reason_code: str | None, status: ConsentRequestStatus | None = None) -> None:
        """Writes with the link what was answered last."""
        changes: dict[str, Any] = {
            "answered_at": self._tx.now(),
            "answered_by_id": self._who.user_id,
            "answer_reason_code": reason_code,
            "answer_tenant_id": self._parsed.tenant,
            "answer_correlation_id": self._parsed.correlation_id or None,
            "answer_provider_code": self._parsed.provider_code or None,
        }
        if status is not None:
            changes["status"] = status.value
        self._tx.run(update(consent_requests).where(consent_requests.c.id == self._link.id).values(**changes))

    def _audit(self, answer: AnswerOutcome, detail: Mapping[str, audit.DetailValue], *, refused: bool = False) -> None:
        record(
            self._tx,
            self._who,
            "consent.answer",
            self._connection,
            outcome="refused" if refused else "done",
            ticket=self._ticket,
            detail={"request": self._link.id, "answer": answer.value, **detail},
        )
