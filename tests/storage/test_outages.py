"""Them or us: many tenants that fail in the same passing way at once are an outage, and no badge moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import attention, attention_members, leases, outages
from storage.attention import AttentionQuery
from storage.failures import failure
from storage.finishing import RunResult
from storage.operations import CONNECTION_CHECK, INVENTORY_SYNC
from storage.outage_rules import CALM, FEWEST_TENANTS, HOLD, SMALLEST_SHARE, WINDOW, detect
from storage.outage_signs import OutageKind, Sign
from storage.outage_words import headline_of
from storage.outages import Outage
from storage.states import RunOutcome

NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")


def sign(tenant: int, minutes_ago: float, reason: str | None = None, *, type: str = CONNECTION_CHECK) -> Sign:
    at = NOON - timedelta(minutes=minutes_ago)
    return Sign(tenant, tenant, type, reason, failed=reason is not None, succeeded=reason is None, began_at=at, at=at)


def many(count: int, minutes_ago: float, reason: str | None = None, *, first: int = 1) -> list[Sign]:
    return [sign(tenant, minutes_ago, reason) for tenant in range(first, first + count)]


@pytest.mark.parametrize(
    ("signs", "kind"),
    [
        (many(4, 1, "network_dns"), None),
        (many(5, 1, "network_dns"), OutageKind.NETWORK),
        (many(5, 1, "service_unavailable") + many(20, 1, first=10), OutageKind.MICROSOFT),
        (many(5, 1, "service_unavailable") + many(21, 1, first=10), None),
        (many(9, 1, "secret_expired"), None),
        (many(5, 1, "throttled") + many(5, 1, "network_connect", first=10), OutageKind.NETWORK),
        (many(6, 1, "throttled") + many(5, 1, "network_connect", first=10), OutageKind.MICROSOFT),
        # Over: they answered afterwards, most of them did, or nobody failed for long and others were answered since.
        (many(9, 3, "identity_service_unavailable") + many(9, 1), None),
        (many(9, 3, "identity_service_unavailable") + many(5, 1), None),
        (many(9, 31, "service_unavailable") + many(1, 28, first=20), None),
        # Not over: few recovered, or the next try of those that failed is still to come; the others answer all the while.
        (many(9, 3, "identity_service_unavailable") + many(4, 1), OutageKind.MICROSOFT),
        (many(9, 29, "service_unavailable") + many(40, 12, first=20), OutageKind.MICROSOFT),
        # Never begun: five of forty at any time, however long; four at a time.
        ([s for at in (29, 9) for s in many(40, at + 1, first=20) + many(5, at, "service_unavailable")], None),
        (many(4, 29, "service_unavailable") + many(4, 9, "service_unavailable", first=10) + many(1, 15, first=20), None),
        # Nobody succeeded since, so what happened an hour ago still stands; not for ever.
        (many(9, 60, "service_unavailable") + many(1, 70, first=20), OutageKind.MICROSOFT),
        (many(9, HOLD / timedelta(minutes=1) + 1, "service_unavailable"), None),
        # One workload fails although the tenants answer otherwise: Microsoft's; the network cannot be so.
        ([s for t in range(9) for s in (sign(t, 3, "service_unavailable", type=INVENTORY_SYNC), sign(t, 1))], OutageKind.MICROSOFT),
        ([s for t in range(9) for s in (sign(t, 3, "network_timeout", type=INVENTORY_SYNC), sign(t, 1))], None),
    ],
)  # fmt: skip
def test_what_is_an_outage(signs: list[Sign], kind: OutageKind | None) -> None:
    found = detect(signs, NOON)
    assert (None if found is None else found.kind) is kind


@pytest.mark.parametrize(
    ("others", "is_local"),
    [([], True), (many(1, 1, first=20), False), (many(1, 1, "throttled", first=20), False),
     (many(1, 1, "consent_required", first=20), False), (many(1, 1, "secret_expired_local", first=20), True)],
)  # fmt: skip
def test_a_network_that_lets_anybody_through_need_not_be_ours(others: list[Sign], is_local: bool) -> None:
    found = detect(many(9, 1, "network_connect") + others, NOON)
    assert found is not None
    assert ("local" in headline_of(found.kind, anything_answers=found.anything_answers)) is is_local


_SIGNS = st.builds(
    sign,
    st.integers(1, 30),
    st.integers(0, 130),
    st.sampled_from([None, None, "secret_expired", "throttled", "service_unavailable", "network_dns"]),
)


@given(st.lists(_SIGNS, max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_an_outage_is_told_of_whom_it_struck_and_of_nobody_else(signs: list[Sign], random: Any) -> None:
    found = detect(signs, NOON)
    shuffled = list(signs)
    random.shuffle(shuffled)
    again = detect(shuffled, NOON)
    assert (found is None) == (again is None), "the order in which runs are read does not matter"
    if found is None or again is None:
        return
    assert set(found.affected) == set(again.affected)
    tenants = {s.tenant_id for s in found.affected}
    assert len(tenants) == len(found.affected) <= found.tried
    assert 2 * len(tenants) >= FEWEST_TENANTS
    assert {s.failed_as for s in found.affected} == {found.kind}
    assert found.reason_code in {s.reason_code for s in found.affected}
    struck = {s.tenant_id for s in signs if s.failed_as is found.kind and s.began_at <= found.since}
    assert len(struck) >= FEWEST_TENANTS, "since so many had begun to fail"


@given(st.lists(_SIGNS, max_size=60))
@settings(max_examples=60, deadline=None)
def test_an_outage_begins_by_the_rule_and_ends_only_when_it_is_calm_or_most_recovered(signs: list[Sign]) -> None:
    """Somebody watches the banner all the while. Beside the rules stands what people were promised of it."""
    shown, beginning = None, NOON
    for minute in range(130, -1, -1):
        now = NOON - timedelta(minutes=minute)
        past = [s for s in signs if s.at <= now]
        found = detect(past, now)
        if found is not None and (shown is None or found.kind is not shown.kind):
            assert len(found.affected) >= max(FEWEST_TENANTS, SMALLEST_SHARE * found.tried), "it begins with enough"
            beginning = min(now - WINDOW, *(s.at for s in found.affected))
        elif found is None and shown is not None:
            failed = {s.tenant_id: s.at for s in past if s.failed_as is shown.kind and s.at >= now - HOLD}
            answered = {s.tenant_id for s in past if s.at == now and s.failed_as is not shown.kind}
            still = {s.tenant_id for s in shown.affected} - answered
            is_calm = max(failed.values(), default=now - HOLD) < now - CALM
            is_forgotten = beginning <= now - HOLD
            assert is_calm or is_forgotten or 2 * len(still) < len(failed)
        shown = found


def current(fleet: Any, login: str = "dana") -> Outage | None:
    return outages.current(fleet.db, fleet.people[login], fleet.north)


def grown(fleet: Any, count: int = 5) -> list[int]:
    """A fleet of so many connections, checked and well."""
    connections = [fleet.connection[name] for name in ("contoso", "fabrikam", "wingtip")]
    connections += [fleet.add_connection(f"t{n}", client_id=None) for n in range(count - len(connections))]
    for connection in connections:
        fleet.check(connection)
    fleet.clock.advance(hours=3)
    return connections


def test_many_tenants_answered_503_are_one_probable_microsoft_problem_and_no_badge_moves(fleet: Any) -> None:
    connections = grown(fleet)
    good_at = fleet.truth(connections[0]).last_good_at
    for connection in connections[:-1]:
        fleet.check(connection, fleet.failing_report("service_unavailable"))
        fleet.clock.advance(seconds=30)
    assert current(fleet) is None, "four are not many"
    since = fleet.clock.time
    fleet.check(connections[-1], fleet.failing_report("service_unavailable"))
    fleet.clock.advance(minutes=2)
    found = current(fleet)
    assert found is not None
    assert (found.kind, found.reason_code, found.since) == (OutageKind.MICROSOFT, "service_unavailable", since)
    assert (found.tenants_affected, found.tenants_tried, found.last_good_at) == (5, 5, good_at)
    assert found.sentence == "Probable Microsoft problem: all 5 tenants got server errors."
    assert found.covers("throttled", fleet.clock.time)
    assert not found.covers("network_dns", fleet.clock.time)
    assert not found.covers("throttled", since - timedelta(hours=1))
    assert {fleet.truth(one).verification_status for one in connections} == {"healthy"}
    assert current(fleet, "gina") is None, "whoever sees one tenant hears nothing of the others"
    fleet.check(connections[0])
    still = current(fleet)
    assert still is not None, "one of five answers again: it goes on"
    assert (still.tenants_affected, still.tenants_tried, still.since) == (4, 5, since)
    for connection in connections[1:3]:
        fleet.check(connection)
    assert current(fleet) is None, "most answer again"


def test_it_is_seen_while_runs_still_wait_for_microsoft_and_says_what_the_network_does(fleet: Any) -> None:
    connections = grown(fleet)
    broken = fleet.add_connection("broken", client_id=None)
    fleet.check(broken, fleet.failing_report("secret_expired"))
    fleet.clock.advance(hours=1)
    began = fleet.clock.time
    for connection in (*connections, broken):
        claim = fleet.begin(connection)
        leases.defer(fleet.db, claim.held, seconds=600, reason_code="network_dns", phase="waiting")
    fleet.clock.advance(minutes=1)
    found = current(fleet)
    assert found is not None
    assert (found.kind, found.tenants_affected, found.since) == (OutageKind.NETWORK, 6, began)
    assert found.sentence == "Probable local network problem: names are not resolved for all 6 tenants."
    assert "DNS" in found.advice
    fleet.clock.advance(minutes=10)
    for claim in fleet.take():
        fleet.finish(claim, fleet.failing_report("network_dns"))
    fleet.clock.advance(minutes=40)
    later = current(fleet)
    assert later is not None
    assert later.since == began, "the one whose secret expired long ago says nothing about when this began"
    fleet.clock.advance(hours=2)
    assert current(fleet) is None, "nothing was tried for so long that nothing is known"


def test_one_workload_that_fails_in_part_is_microsofts_too(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    for connection in grown(fleet):
        claim = fleet.begin(connection, INVENTORY_SYNC)
        problem = failure("service_unavailable")
        fleet.finish(claim, RunResult(RunOutcome.PARTIALLY_SUCCEEDED, problem.reason_code, failures=[problem]))
        fleet.clock.advance(seconds=WINDOW.seconds / 20)
        fleet.check(connection)
    found = current(fleet)
    assert found is not None
    assert found.kind is OutageKind.MICROSOFT


def test_attention_tells_an_outage_once_however_it_strikes(fleet: Any) -> None:
    connections = grown(fleet, 7)
    for connection, reason in zip(
        connections, ["network_dns"] * 4 + ["network_connect"] * 2 + ["secret_expired"], strict=True
    ):
        fleet.check(connection, fleet.failing_report(reason))
    since = fleet.clock.time
    fleet.clock.advance(minutes=3)
    found = attention.overview(fleet.db, fleet.dana, AttentionQuery(fleet.north)).problems
    by_reason = {problem.reason_code: problem for problem in found}
    assert {"network_dns": 6, "secret_expired": 1}.items() <= {p.reason_code: p.connections for p in found}.items()
    assert "network_connect" not in by_reason
    outage = by_reason["network_dns"]
    assert (outage.name, outage.since) == ("Probable local network problem", since)
    assert "Look at the worker host" in outage.sentence
    members = attention_members.connection_ids(fleet.db, fleet.dana, fleet.north, outage.id)
    assert set(members) == set(connections[:-1])
    for connection in connections[:4]:
        fleet.check(connection)
    found = attention.overview(fleet.db, fleet.dana, AttentionQuery(fleet.north)).problems
    left = {p.reason_code: p.connections for p in found}
    assert (left.get("network_dns"), left["network_connect"]) == (None, 2), "it is over; what is left is told by itself"
