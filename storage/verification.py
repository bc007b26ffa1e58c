"""What a connection check reports, and the rules that turn its report into badges.

Promise: pure functions from facts to verdicts; the same facts always give the same verdict. The check (in another room) gathers facts
and never decides about a badge; the finish of the run asks here, inside its transaction. Transient trouble (throttling, outage,
network) never changes a badge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from storage import failures, operations, reasons
from storage.states import ConnectionType, ConsentStatus, StepStatus, VerificationStatus

MANIFEST_VERSION: Final = 2
"""Raised whenever the catalog's permissions change, so that old reports say what they were checked against."""

SECOND_ANSWER_AFTER: Final = timedelta(minutes=5)
"""A healthy connection loses its consent only when two answers at least this far apart agree."""

EvidenceValue = str | int | bool | None | tuple[str, ...]


class ConsentFact(StrEnum):
    """What a sign-in proved about consent. Facts, not statuses: the rule below reads them."""

    NOTHING = "nothing"
    ROLES_PRESENT = "roles_present"
    NO_ROLES = "no_roles"
    APP_ABSENT = "app_absent"
    """AADSTS700016 or 7000229: no application or service principal in the tenant."""
    APP_DISABLED = "app_disabled"
    """AADSTS7000112."""


@dataclass(frozen=True, slots=True)
class ReportStep:
    """One step of a connection check.

    Attributes:
        key: stable name of the step, such as `token`.
        label: what people read.
        status: how it ended.
        reason_code: why it did not pass; None when it passed.
        sentence: one sentence of ours about what was found; never Microsoft's own text.
        evidence: small allow-listed facts (ids, counts, permission names); never a secret or a token.
        needed_by: operation types that cannot work while this step fails; includes the check's own type when its verdict does.
        request_id: Microsoft's request id of the call that decided, when there was one.
        started_at: when it began.
        seconds: how long it took.
    """

    key: str
    label: str
    status: StepStatus
    reason_code: str | None = None
    sentence: str = ""
    evidence: Mapping[str, EvidenceValue] = field(default_factory=dict)
    needed_by: tuple[str, ...] = ()
    request_id: str | None = None
    started_at: datetime | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class OrganizationFacts:
    """What Microsoft says about the tenant itself."""

    entra_tenant_id: str
    display_name: str
    verified_domains: tuple[str, ...] = ()
    cloud_instance: str = ""
    region_sub_scope: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything one connection check found.

    Attributes:
        steps: every step of the recipe, in order, skipped ones included.
        consent_fact: what sign-in proved about consent.
        granted_permissions: the application permissions in the token; None when no token was had, so nothing is known.
        organization: what `/organization` said; None when it was not reached.
        licences: service plan names found enabled, such as `intune`, `p1`, `p2`; None when not read.
        credential_slot: the slot whose credential was used, `active` or `staged`; None when none could be opened.
        credential_expires_at: the expiry Microsoft knows for the credential used; None when unknown.
        token_passed: token, claims and organization all passed, so a staged credential may be promoted.
    """

    steps: tuple[ReportStep, ...]
    consent_fact: ConsentFact = ConsentFact.NOTHING
    granted_permissions: frozenset[str] | None = None
    organization: OrganizationFacts | None = None
    licences: frozenset[str] | None = None
    credential_slot: str | None = None
    credential_expires_at: datetime | None = None
    token_passed: bool = False


def cleaned(report: CheckReport) -> CheckReport:
    """Returns the report as it may be stored: no control characters, no word that no stored text may hold (`storage.failures`)."""
    return replace(report, steps=tuple(_cleaned_step(step) for step in report.steps))


def _cleaned_step(step: ReportStep) -> ReportStep:
    reason = reasons.find(step.reason_code) if step.reason_code else None
    return replace(
        step,
        label=failures.clean_text(step.label, step.key),
        sentence=failures.clean_text(step.sentence, reason.sentence if reason and step.sentence else "", limit=1000),
        reason_code=None if reason is None else reason.code,
        evidence={key: _cleaned_evidence(value) for key, value in step.evidence.items()},
        request_id=failures.clean_request_id(step.request_id) or None,
    )


def _cleaned_evidence(value: EvidenceValue) -> EvidenceValue:
    if isinstance(value, str):
        return failures.clean_text(value)
    if isinstance(value, tuple):
        return tuple(failures.clean_text(part) for part in value)
    return value


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a report means for the verification badge.

    Attributes:
        status: the new badge, or None when the badge stays as it is.
        reason_code: why, when the badge is not `healthy`.
        sentence: the deciding step's sentence.
        limited_operations: operation types that cannot work, when degraded.
    """

    status: VerificationStatus | None
    reason_code: str | None = None
    sentence: str = ""
    limited_operations: tuple[str, ...] = ()


def judge(steps: Sequence[ReportStep]) -> Verdict:
    """Turns the steps of a check into a verdict (product rule "Verdict").

    What the check itself needs fails: `blocked`, or `error` when the fault is our own, or no change when it is transient. Otherwise,
    something that an operation needs is missing: `degraded`. Otherwise `healthy`. Warnings and skips are not verdicts.
    """
    failed = [step for step in steps if step.status is StepStatus.FAIL]
    for step in failed:
        if operations.CONNECTION_CHECK not in step.needed_by:
            continue
        reason = reasons.find(step.reason_code or reasons.UNKNOWN_ERROR)
        if reason.is_transient:
            return Verdict(None, reason.code, step.sentence)
        status = (
            VerificationStatus.ERROR if reason.category is reasons.Category.INTERNAL else VerificationStatus.BLOCKED
        )
        return Verdict(status, reason.code, step.sentence)
    transient = [step for step in failed if reasons.find(step.reason_code or reasons.UNKNOWN_ERROR).is_transient]
    if transient:
        return Verdict(None, transient[0].reason_code, transient[0].sentence)
    limiting = [step for step in failed if step.needed_by]
    if limiting:
        limited = tuple(
            sorted({name for step in limiting for name in step.needed_by if name != operations.CONNECTION_CHECK})
        )
        return Verdict(VerificationStatus.DEGRADED, limiting[0].reason_code, limiting[0].sentence, limited)
    if not any(step.status is StepStatus.PASS for step in steps):
        return Verdict(VerificationStatus.ERROR, "internal_error", "The check ended without doing a single step.")
    return Verdict(VerificationStatus.HEALTHY)


@dataclass(frozen=True, slots=True)
class ConsentRuling:
    """What a consent fact means.

    Attributes:
        status: the new consent badge (the old one when nothing changes).
        doubt_since: when the first doubting answer came, kept until it is confirmed or dispelled; None when there is no doubt.
        hold_verification: the verification badge must not be written by this check, because a second answer is awaited.
    """

    status: ConsentStatus
    doubt_since: datetime | None = None
    hold_verification: bool = False


def rule_consent(
    fact: ConsentFact,
    *,
    current: ConsentStatus,
    granted_before: bool,
    was_healthy: bool,
    connection_type: ConnectionType,
    doubt_since: datetime | None,
    now: datetime,
) -> ConsentRuling:
    """Reads consent from facts (product rule "Consent from facts").

    Args:
        fact: what sign-in proved.
        current: the consent badge as it is.
        granted_before: consent was recorded or seen at some time in the past.
        was_healthy: the verification badge is `healthy`, so one bad answer is not believed.
        connection_type: on a dedicated connection an absent app is our own mistake and says nothing about consent.
        doubt_since: when the first doubting answer came, if one did.
        now: the database's clock.
    """
    if fact is ConsentFact.ROLES_PRESENT:
        return ConsentRuling(ConsentStatus.GRANTED)
    if fact is ConsentFact.NOTHING or (fact is ConsentFact.APP_ABSENT and connection_type is ConnectionType.DEDICATED):
        return ConsentRuling(current, doubt_since)
    if fact is not ConsentFact.APP_DISABLED and not granted_before:
        return ConsentRuling(ConsentStatus.REQUIRED)
    if was_healthy and (doubt_since is None or now - doubt_since < SECOND_ANSWER_AFTER):
        return ConsentRuling(current, doubt_since or now, hold_verification=True)
    return ConsentRuling(ConsentStatus.REVOKED)
