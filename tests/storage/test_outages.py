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
from storage.outage_rules import FEWEST_TENANTS, HOLD, WINDOW, OutageKind, Sign, detect, headline_of
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
        # Over: they answered afterwards, or it is too long ago and others were answered since.
        (many(9, 3, "identity_service_unavailable") + many(9, 1), None),
        (many(9, 15, "service_unavailable") + many(1, 12, first=20), None),
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
@settings(max_examples=150, deadline=None)
def test_an_outage_is_always_enough_tenants_with_one_kind_of_passing_reason(signs: list[Sign], random: Any) -> None:
    found = detect(signs, NOON)
    shuffled = list(signs)
    random.shuffle(shuffled)
    again = detect(shuffled, NOON)
    assert (found is None) == (again is None), "the order in which runs are read does not matter"
    if found is None:
        return
    tenants = {s.tenant_id for s in found.affected}
    assert len(tenants) == len(found.affected) >= max(FEWEST_TENANTS, 0.2 * found.tried)
    assert found.reason_code in {s.reason_code for s in found.affected}
    assert "secret_expired" not in {s.reason_code for s in found.affected}


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
    assert current(fleet) is None, "one tenant answers again, and four are left"


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
    for connection in connections[:3]:
        fleet.check(connection)
    found = attention.overview(fleet.db, fleet.dana, AttentionQuery(fleet.north)).problems
    left = {p.reason_code: p.connections for p in found}
    assert (left["network_dns"], left["network_connect"]) == (1, 2), "it is over, and what is left is told by itself"
