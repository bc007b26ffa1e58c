"""How a firing goes on, for whoever waits for it."""

from __future__ import annotations

from typing import Any

from storage import schedule_running
from storage.failures import failure
from storage.finishing import RunResult
from storage.operations import INVENTORY_SYNC
from storage.schedule_running import FiringProgress
from storage.schedules import Became, Tally
from storage.states import RunOutcome


def test_it_is_over_when_what_it_started_and_what_it_found_there_has_ended(fleet: Any, plan: Any) -> None:
    key = plan.make(fleet, "Inventory", operation_type=INVENTORY_SYNC)
    plan.only(fleet, key)
    # Before it: one that has ended, one on its way, and one that is blocked.
    fleet.finish(fleet.begin(fleet.connection["wingtip"], INVENTORY_SYNC))
    theirs = fleet.begin(fleet.connection["contoso"], INVENTORY_SYNC, by="mona")
    blocked = fleet.add_connection("blocked")
    fleet.set_connection(blocked, consent_status="revoked")
    fleet.clock.advance(minutes=1)
    firing = schedule_running.run_now(fleet.db, fleet.dana, key).firing_id

    def standing() -> FiringProgress:
        return schedule_running.progress(fleet.db, fleet.dana, key, firing)

    assert (standing().is_open, standing().result) == (True, None)
    plan.work(fleet)
    assert not standing().is_open
    assert standing().tally.classes == {Became.STARTED: 2, Became.ATTACHED: 1, Became.BLOCKED: 1}
    assert (standing().unfinished, standing().ended, standing().is_over) == (3, 0, False)
    claims = {claim.connection_id: claim for claim in fleet.take()}
    fleet.finish(claims[fleet.connection["fabrikam"]])
    broken = RunResult(RunOutcome.FAILED, "graph_unavailable", failures=[failure("graph_unavailable")])
    fleet.finish(claims[fleet.connection["wingtip"]], broken)
    fleet.start(fleet.connection["wingtip"], INVENTORY_SYNC)  # somebody tries again: that is not waited for
    assert (standing().unfinished, standing().result) == (1, None)
    fleet.finish(theirs)
    assert standing().outcomes == {RunOutcome.SUCCEEDED: 2, RunOutcome.FAILED: 1}
    assert standing().result is RunOutcome.PARTIALLY_SUCCEEDED


def test_as_a_whole_it_ended_as_all_of_it_did_or_in_part() -> None:
    def result(blocked: int = 0, **outcomes: int) -> RunOutcome | None:
        tally = Tally({Became.BLOCKED: blocked} if blocked else {}, {})
        return FiringProgress(False, tally, 0, {RunOutcome(name): n for name, n in outcomes.items()}).result

    assert result() is result(succeeded=3) is RunOutcome.SUCCEEDED
    assert result(blocked=2) is RunOutcome.BLOCKED
    assert result(failed=2) is result(failed=1, blocked=1) is result(failed=1, lost=1) is RunOutcome.FAILED
    assert result(succeeded=2, blocked=1) is RunOutcome.PARTIALLY_SUCCEEDED
    assert result(cancelled=1, partially_succeeded=1) is RunOutcome.PARTIALLY_SUCCEEDED
    assert result(cancelled=2) is RunOutcome.CANCELLED
