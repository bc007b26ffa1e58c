"""From facts to badges: the pure rules, as tables and as properties."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import reasons
from storage.operations import CATALOG, CONNECTION_CHECK, DIRECTORY_SYNC, INVENTORY_SYNC
from storage.states import ConnectionType, ConsentStatus, StepStatus, VerificationStatus
from storage.verification import SECOND_ANSWER_AFTER, ConsentFact, ConsentRuling, ReportStep, judge, rule_consent

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASS, WARN, FAIL, SKIP = StepStatus.PASS, StepStatus.WARN, StepStatus.FAIL, StepStatus.SKIP


def step(status: StepStatus, reason: str | None = None, *needed_by: str) -> ReportStep:
    return ReportStep("s", "S", status, reason, f"about {reason}", needed_by=needed_by)


GOOD = step(PASS)


@pytest.mark.parametrize(
    ("steps", "status", "reason"),
    [
        ([GOOD], "healthy", None),
        ([GOOD, step(WARN, "secret_expiring")], "healthy", None),
        ([GOOD, step(SKIP, "not_licensed")], "healthy", None),
        ([GOOD, step(SKIP, "prerequisite_failed", CONNECTION_CHECK)], "healthy", None),
        ([GOOD, step(FAIL, "missing_permission", INVENTORY_SYNC)], "degraded", "missing_permission"),
        ([GOOD, step(FAIL, "missing_permission", CONNECTION_CHECK, INVENTORY_SYNC)], "blocked", "missing_permission"),
        ([step(FAIL, "secret_expired", CONNECTION_CHECK), step(SKIP)], "blocked", "secret_expired"),
        ([step(FAIL, "internal_error", CONNECTION_CHECK)], "error", "internal_error"),
        ([step(FAIL, "throttled", CONNECTION_CHECK)], None, "throttled"),
        ([step(FAIL, "identity_service_unavailable", CONNECTION_CHECK)], None, "identity_service_unavailable"),
        ([step(FAIL, "network_timeout", CONNECTION_CHECK)], None, "network_timeout"),
        ([GOOD, step(FAIL, "throttled", INVENTORY_SYNC)], None, "throttled"),
        (
            [GOOD, step(FAIL, "missing_permission", INVENTORY_SYNC), step(FAIL, "network_dns", DIRECTORY_SYNC)],
            None,
            "network_dns",
        ),
        ([GOOD, step(FAIL, "throttled", INVENTORY_SYNC), step(FAIL, "cert_expired", CONNECTION_CHECK)], "blocked",
         "cert_expired"),
        ([GOOD, step(FAIL, "secret_expiring")], "healthy", None),  # nothing needs that step
        ([], "error", "internal_error"),
        ([step(SKIP)], "error", "internal_error"),
    ],
)  # fmt: skip
def test_the_verdict(steps: list[ReportStep], status: str | None, reason: str | None) -> None:
    verdict = judge(steps)
    assert (verdict.status and verdict.status.value, verdict.reason_code) == (status, reason)


def test_a_degraded_verdict_names_the_operations_that_cannot_work() -> None:
    verdict = judge(
        [GOOD, step(FAIL, "missing_permission", INVENTORY_SYNC, DIRECTORY_SYNC), step(FAIL, "x", INVENTORY_SYNC)]
    )
    assert verdict.limited_operations == tuple(sorted([INVENTORY_SYNC, DIRECTORY_SYNC]))
    assert verdict.sentence == "about missing_permission"


steps = st.lists(
    st.builds(
        step,
        st.sampled_from([PASS, WARN, FAIL, SKIP]),
        st.sampled_from(sorted(reasons.catalog())),
        *[st.sampled_from([*CATALOG])],
    ),
    max_size=12,
)


@given(steps)
def test_whatever_the_steps_the_verdict_keeps_its_rules(found: list[ReportStep]) -> None:
    verdict = judge(found)
    failed = [one for one in found if one.status is FAIL]
    transient = [one for one in failed if reasons.find(one.reason_code or "").is_transient]
    critical = [one for one in failed if CONNECTION_CHECK in one.needed_by]
    assert verdict.status not in (VerificationStatus.UNKNOWN, VerificationStatus.PENDING)
    assert judge(found) == verdict
    if verdict.status is VerificationStatus.HEALTHY:
        assert not failed
        assert any(one.status is PASS for one in found)
    else:
        assert verdict.reason_code in reasons.catalog()
    if verdict.status is None:
        assert transient
    if verdict.status is VerificationStatus.DEGRADED:
        assert not critical
        assert not transient
        assert verdict.limited_operations
    if verdict.status is VerificationStatus.BLOCKED:
        assert critical
    if transient and not critical:
        assert verdict.status is None


def expected_ruling(
    fact: ConsentFact,
    current: ConsentStatus,
    granted_before: bool,
    was_healthy: bool,
    dedicated: bool,
    doubt: timedelta | None,
) -> tuple[ConsentStatus, bool]:
    """The rule "Consent from facts", written down a second time: the new badge, and whether the verdict is held back."""
    if fact is ConsentFact.ROLES_PRESENT:
        return ConsentStatus.GRANTED, False
    if fact is ConsentFact.NOTHING or (fact is ConsentFact.APP_ABSENT and dedicated):
        return current, False
    confirmed = doubt is not None and doubt >= timedelta(minutes=5)
    revoked = fact is ConsentFact.APP_DISABLED or granted_before
    if not revoked:
        return ConsentStatus.REQUIRED, False
    if was_healthy and not confirmed:
        return current, True
    return ConsentStatus.REVOKED, False


@pytest.mark.parametrize("fact", ConsentFact)
def test_the_whole_table_of_consent_from_facts(fact: ConsentFact) -> None:
    doubts = (None, timedelta(0), timedelta(minutes=4, seconds=59), timedelta(minutes=5), timedelta(days=9))
    for current, granted, healthy, kind, doubt in itertools.product(
        ConsentStatus, (True, False), (True, False), ConnectionType, doubts
    ):
        since = None if doubt is None else NOW - doubt
        ruling = rule_consent(
            fact,
            current=current,
            granted_before=granted,
            was_healthy=healthy,
            connection_type=kind,
            doubt_since=since,
            now=NOW,
        )
        expected = expected_ruling(fact, current, granted, healthy, kind is ConnectionType.DEDICATED, doubt)
        assert (ruling.status, ruling.hold_verification) == expected, (current, granted, healthy, kind, doubt)
        if ruling.hold_verification:
            assert ruling.doubt_since == (since or NOW)


def test_a_doubt_is_dispelled_by_roles_and_kept_by_silence() -> None:
    def ask(fact: ConsentFact) -> ConsentRuling:
        return rule_consent(
            fact,
            current=ConsentStatus.GRANTED,
            granted_before=True,
            was_healthy=True,
            connection_type=ConnectionType.PLATFORM,
            doubt_since=NOW - timedelta(minutes=1),
            now=NOW,
        )

    assert ask(ConsentFact.ROLES_PRESENT).doubt_since is None
    assert ask(ConsentFact.NOTHING).doubt_since == NOW - timedelta(minutes=1)
    assert timedelta(minutes=5) == SECOND_ANSWER_AFTER
