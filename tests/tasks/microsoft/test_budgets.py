"""Budgets: what is published is never exceeded, one tenant never waits for another, and Microsoft's word counts more than ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.budgets import BUDGETS, LONGEST_BLOCK, Allowance, Budgets, Workload

CA = Workload.CONDITIONAL_ACCESS


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def allowance(clock: Clock) -> Allowance:
    return Budgets(clock).of("tenant", "client")


def test_conditional_access_gets_one_request_a_second(allowance: Allowance) -> None:
    assert [allowance.reserve(CA) for _ in range(4)] == [0.0, 1.0, 2.0, 3.0]


def test_a_pause_gives_back_no_more_than_the_burst(allowance: Allowance, clock: Clock) -> None:
    allowance.reserve(CA)
    clock.advance(3600)
    assert [allowance.reserve(CA) for _ in range(2)] == [0.0, 1.0]


def test_nothing_comes_back_while_a_request_is_on_its_way(allowance: Allowance, clock: Clock) -> None:
    allowance.reserve(CA)
    sent = clock()
    clock.advance(0.9)
    allowance.answered(CA, sent)
    assert allowance.reserve(CA) == pytest.approx(1.0)
    clock.advance(1.0)
    sent = clock()
    clock.advance(0.1)
    allowance.answered(CA, sent)
    assert allowance.reserve(CA) == pytest.approx(1.0)


@given(st.lists(st.tuples(*[st.floats(0, 3)] * 4), min_size=2, max_size=20))
def test_sent_late_and_counted_late_it_is_still_one_request_a_second(
    asked: list[tuple[float, float, float, float]],
) -> None:
    clock = Clock()
    allowance = Budgets(clock).of("tenant", "client")
    counted = []
    for pause, late, there, back in asked:
        clock.advance(pause)
        clock.advance(allowance.reserve(CA) + late)
        sent = clock()
        clock.advance(there)
        counted.append(clock().timestamp())
        clock.advance(back)
        allowance.answered(CA, sent)
    assert all(later - earlier >= 1.0 - 1e-3 for earlier, later in pairwise(counted))


def test_tenants_applications_and_workloads_do_not_wait_for_each_other(clock: Clock) -> None:
    budgets = Budgets(clock)
    busy = budgets.of("one", "client")
    for _ in range(50):
        busy.reserve(CA)
    busy.refused(CA, 60)
    assert budgets.of("two", "client").reserve(CA) == 0.0
    assert budgets.of("one", "other").reserve(CA) == 0.0
    assert busy.reserve(Workload.DIRECTORY) == 0.0


def test_a_refusal_holds_back_every_run_of_the_tenant_until_the_time_it_named(clock: Clock) -> None:
    budgets = Budgets(clock)
    budgets.of("Tenant", "CLIENT").refused(Workload.DIRECTORY, 10)
    another_run = budgets.of("tenant", "client")
    assert another_run.reserve(Workload.DIRECTORY) == pytest.approx(10)
    clock.advance(10)
    assert another_run.reserve(Workload.DIRECTORY) == 0.0


@pytest.mark.parametrize("said", [None, 0.0, -5.0])
def test_a_refusal_without_a_time_leaves_nothing_over(allowance: Allowance, said: float | None) -> None:
    allowance.refused(CA, said)
    assert allowance.reserve(CA) == pytest.approx(1.0)


def test_an_absurd_time_does_not_hold_the_tenant_back_for_ever(allowance: Allowance) -> None:
    allowance.refused(CA, 86_400)
    assert allowance.reserve(CA) <= LONGEST_BLOCK


def test_what_others_used_up_is_not_there_for_us(allowance: Allowance) -> None:
    budget = BUDGETS[Workload.INTUNE_DEVICES]
    allowance.used(Workload.INTUNE_DEVICES, 1.2)
    assert allowance.reserve(Workload.INTUNE_DEVICES) == pytest.approx(1 / budget.rate)
    allowance.used(Workload.INTUNE_DEVICES, float("nan"))
    assert allowance.reserve(Workload.INTUNE_DEVICES) < 1


def test_a_clock_that_is_set_back_neither_gives_nor_blocks(allowance: Allowance, clock: Clock) -> None:
    allowance.refused(CA, 30)
    clock.advance(-3600)
    allowance.refused(CA, 5)
    assert allowance.reserve(CA) <= LONGEST_BLOCK
    clock.advance(3600)
    assert allowance.reserve(CA) <= 2.0


def test_idle_tenants_are_forgotten(clock: Clock) -> None:
    budgets = Budgets(clock)
    for number in range(5000):
        budgets.of(f"tenant {number}", "client").reserve(CA)
        clock.advance(1)
    assert len(budgets._buckets) <= 4096


@given(
    st.sampled_from(list(BUDGETS)),
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 400)), min_size=1, max_size=40),
)
def test_no_window_ever_holds_more_than_was_published(workload: Workload, asked: list[tuple[float, int]]) -> None:
    clock, budget = Clock(), BUDGETS[workload]
    allowance = Budgets(clock).of("tenant", "client")
    sent: list[tuple[float, int]] = []
    for pause, cost in asked:
        clock.advance(pause)
        spent = min(cost, budget.burst)
        sent.append((clock().timestamp() + allowance.reserve(workload, spent), spent))
    for start, _ in sent:
        inside = sum(spent for moment, spent in sent if start <= moment < start + budget.window - 1e-3)
        assert inside <= budget.units


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.floats(0, 3), st.sampled_from(["one", "two", "three"])), min_size=1, max_size=60),
)
def test_an_application_sends_no_more_than_its_share_over_all_tenants(
    per_second: int, asked: list[tuple[float, str]]
) -> None:
    clock = Clock()
    budgets = Budgets(clock, per_second)
    sent = []
    for pause, tenant in asked:
        clock.advance(pause)
        sent.append(clock().timestamp() + budgets.of(tenant, "client").reserve(Workload.DIRECTORY))
    for start in sent:
        assert sum(start <= moment < start + 1.0 - 1e-3 for moment in sent) <= per_second


def test_one_application_does_not_wait_for_another(clock: Clock) -> None:
    budgets = Budgets(clock, 1)
    assert [budgets.of(f"tenant {n}", "client").reserve(Workload.DIRECTORY) for n in range(3)] == [0.0, 1.0, 2.0]
    assert budgets.of("tenant 1", "other").reserve(Workload.DIRECTORY) == 0.0


@pytest.mark.parametrize("contract", contracts.CONTRACTS.values(), ids=list(contracts.CONTRACTS))
def test_every_contract_belongs_to_the_workload_of_its_path(contract: contracts.Contract) -> None:
    root = contract.path
    if root.startswith("/identity/conditionalAccess"):
        expected = CA
    elif root.endswith("/managedDevices"):
        expected = Workload.INTUNE_DEVICES
    elif root.startswith(("/deviceManagement", "/deviceAppManagement")):
        expected = Workload.INTUNE_CONFIGURATION
    else:
        expected = Workload.DIRECTORY
    assert contract.workload is expected
    assert contract.cost >= 1


def test_the_directory_counts_resource_units_as_published() -> None:
    assert contracts.SUBSCRIBED_SKUS.cost == 2  # 3, less one for $select
    assert contracts.CONTRACTS["users_count"].cost == 1  # 2, less one for $select and one for a small $top, at least 1
    assert contracts.MANAGED_DEVICES.cost == 1
