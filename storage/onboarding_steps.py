"""Where bringing a tenant on stands: seven steps, each read from what is true now.

Promise: pure functions from facts to steps; nothing about a step is stored, so a step can never say something else than the truth, also
after a session was lost or somebody undid a thing. Each step is judged by itself: consent may be revoked while verification is healthy,
and both are shown. Knows no table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from storage import reasons
from storage.states import (
    Cloud,
    ConnectionType,
    ConsentStatus,
    CredentialKind,
    OnboardingStatus,
    RunStatus,
    VerificationStatus,
)


class StepKey(StrEnum):
    """The steps, in their order."""

    TENANT = "tenant"
    PERMISSIONS = "permissions"
    CONNECTION = "connection"
    CREDENTIAL = "credential"
    CONSENT = "consent"
    VERIFY = "verify"
    DONE = "done"


class StepState(StrEnum):
    """How far a step is."""

    DONE = "done"
    CURRENT = "current"
    OPEN = "open"
    SKIPPED = "skipped"
    FAILED = "failed"


SETTLED: Final = (StepState.DONE, StepState.SKIPPED)
"""Nothing more to do for it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        key: which.
        state: how far it is. At most one is `current`: the first that wants something and has not failed.
        sentence: what is true about it now.
        reason_code: why it failed, or what is not as it should be; None otherwise.
        next_step: what to do now; empty when nothing.
    """

    key: StepKey
    state: StepState
    sentence: str
    reason_code: str | None = None
    next_step: str = ""

    @property
    def label(self) -> str:
        """What people read."""
        return self.key.value.capitalize()


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """What is known about a credential that the connection signs in with."""

    kind: CredentialKind
    starts_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """The tenant's default connection.

    Attributes:
        has_application: a dedicated one always; a platform one when its workspace has a platform app for the cloud.
        credentials: the active and the staged one of what it signs in with.
        check_run_id: the unfinished connection check, if any.
    """

    id: int
    display_name: str
    connection_type: ConnectionType
    is_enabled: bool
    has_application: bool
    consent_status: ConsentStatus
    verification_status: VerificationStatus
    reason_code: str | None
    reason_sentence: str | None
    credentials: tuple[CredentialFacts, ...]
    check_run_id: int | None
    check_run_status: RunStatus | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the steps are read from, and whether a new connection would find a platform app for its cloud."""

    tenant_name: str
    entra_tenant_id: str
    cloud: Cloud
    is_archived: bool
    status: OnboardingStatus
    permissions_seen_at: datetime | None
    connection: ConnectionFacts | None
    has_platform_app: bool = False


def derive(facts: Facts, now: datetime) -> tuple[Step, ...]:
    """Returns the seven steps as they are now.

    Args:
        facts: what is true.
        now: the present, for credentials that expire.
    """
    verify = _verify(facts.connection)
    steps = [
        _tenant(facts),
        _permissions(facts, verified=verify.state is StepState.DONE),
        _connection(facts.connection),
        _credential(facts.connection, now),
        _consent(facts.connection),
        verify,
    ]
    ready = all(step.state in SETTLED for step in steps)
    steps.append(_done(facts.status, ready=ready))
    return _mark_current(steps)


def current(steps: Sequence[Step]) -> Step:
    """Returns the step that wants something now: the first that is not settled, failed or not; the last when all are."""
    return next((step for step in steps if step.state not in SETTLED), steps[-1])


def _mark_current(steps: list[Step]) -> tuple[Step, ...]:
    first = current(steps)
    return tuple(
        replace(step, state=StepState.CURRENT) if step is first and step.state is StepState.OPEN else step
        for step in steps
    )


def _failed(key: StepKey, code: str, sentence: str | None = None) -> Step:
    reason = reasons.find(code)
    return Step(key, StepState.FAILED, sentence or reason.sentence, reason.code, reason.next_step)


def _tenant(facts: Facts) -> Step:
    if facts.is_archived:
        return _failed(StepKey.TENANT, "tenant_archived")
    return Step(StepKey.TENANT, StepState.DONE, f"{facts.tenant_name} ({facts.entra_tenant_id}).")


def _permissions(facts: Facts, *, verified: bool) -> Step:
    if facts.permissions_seen_at is not None:
        return Step(StepKey.PERMISSIONS, StepState.DONE, "What the app registration must be given was shown.")
    if verified:
        return Step(StepKey.PERMISSIONS, StepState.SKIPPED, "Not looked at; the check has seen what was granted.")
    return Step(
        StepKey.PERMISSIONS,
        StepState.OPEN,
        "The app registration needs application permissions.",
        next_step="Look at what it must be given, and give it.",
    )


def _connection(connection: ConnectionFacts | None) -> Step:
    if connection is None:
        reason = reasons.find("provider_connection_missing")
        return Step(StepKey.CONNECTION, StepState.OPEN, reason.sentence, next_step=reason.next_step)
    if not connection.is_enabled:
        return _failed(StepKey.CONNECTION, "provider_connection_disabled")
    if not connection.has_application:
        return _failed(StepKey.CONNECTION, "platform_app_missing")
    return Step(
        StepKey.CONNECTION, StepState.DONE, f"{connection.display_name}, type {connection.connection_type.value}."
    )


def _credential(connection: ConnectionFacts | None, now: datetime) -> Step:
    key = StepKey.CREDENTIAL
    if connection is None:
        return Step(key, StepState.OPEN, "It is stored with the connection.")
    faults = [_fault(one, now) for one in connection.credentials]
    if None in faults:
        if connection.connection_type is ConnectionType.PLATFORM:
            return Step(key, StepState.SKIPPED, "The platform app's credential is used.")
        return Step(key, StepState.DONE, "A credential is stored, sealed.")
    if faults:
        return _failed(key, str(faults[0]))
    reason = reasons.find("provider_credential_missing")
    return Step(key, StepState.OPEN, reason.sentence, next_step=reason.next_step)


def _fault(credential: CredentialFacts, now: datetime) -> str | None:
    is_secret = credential.kind is CredentialKind.SECRET
    if credential.expires_at is not None and credential.expires_at <= now:
        return "secret_expired_local" if is_secret else "cert_expired"
    if credential.starts_at is not None and credential.starts_at > now:
        return "cert_not_yet_valid"
    return None


def _consent(connection: ConnectionFacts | None) -> Step:
    key = StepKey.CONSENT
    if connection is None:
        return Step(key, StepState.OPEN, "The customer consents to the connection's application.")
    if connection.consent_status is ConsentStatus.GRANTED:
        return Step(key, StepState.DONE, "The customer has consented.")
    if connection.consent_status is ConsentStatus.FAILED:
        return _failed(key, "provider_consent_failed")
    if connection.consent_status is ConsentStatus.REVOKED:
        return _failed(key, "provider_consent_revoked")
    reason = reasons.find("provider_consent_missing")
    return Step(key, StepState.OPEN, reason.sentence, next_step=reason.next_step)


def _verify(connection: ConnectionFacts | None) -> Step:
    key, check = StepKey.VERIFY, "Start a connection check."
    if connection is None:
        return Step(key, StepState.OPEN, "A connection check proves that everything works.")
    status = connection.verification_status
    if connection.check_run_id is not None and status not in (VerificationStatus.HEALTHY, VerificationStatus.DEGRADED):
        assert connection.check_run_status is not None
        sentence = f"The connection check #{connection.check_run_id} is {connection.check_run_status.value}."
        return Step(key, StepState.OPEN, sentence, next_step="Wait for its result.")
    if status is VerificationStatus.HEALTHY:
        return Step(key, StepState.DONE, "The last connection check found it healthy.")
    why = connection.reason_sentence or ""
    if status is VerificationStatus.DEGRADED:
        sentence = f"The last connection check found it degraded. {why}".rstrip()
        return Step(key, StepState.DONE, sentence, connection.reason_code)
    if status in (VerificationStatus.BLOCKED, VerificationStatus.ERROR):
        return _failed(key, connection.reason_code or "provider_verification_blocked", why or None)
    return Step(key, StepState.OPEN, "No connection check has reached a verdict.", next_step=check)


def _done(status: OnboardingStatus, *, ready: bool) -> Step:
    if status is OnboardingStatus.DONE:
        return Step(StepKey.DONE, StepState.DONE, "The tenant is on board.")
    if status is OnboardingStatus.CANCELLED:
        return Step(StepKey.DONE, StepState.SKIPPED, "The onboarding was cancelled.")
    if ready:
        return Step(StepKey.DONE, StepState.OPEN, "Everything is in place.", next_step="Finish the onboarding.")
    return Step(StepKey.DONE, StepState.OPEN, "It is done when the connection is verified.")
