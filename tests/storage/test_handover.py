"""The handover of a shift: what changed since a moment, for whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storage import acknowledgement_sweep, acknowledging, connection_edits, handover
from storage.acknowledging import Terms
from storage.errors import InvalidInput
from storage.finishing import RunResult
from storage.operations import INVENTORY_SYNC
from storage.states import RunOutcome

EIGHT = timedelta(hours=8)


def told(fleet: Any, who: str = "dana", span: timedelta = EIGHT) -> handover.Handover:
    return handover.handover(fleet.db, fleet.people[who], fleet.north, span)


def test_a_shift_is_told_by_what_changed_in_it_and_by_what_is_open(fleet: Any) -> None:
    contoso, fabrikam = fleet.connection["contoso"], fleet.connection["fabrikam"]
    fleet.clock.advance(hours=20)
    fleet.check(fabrikam, fleet.failing_report("secret_invalid"))
    fleet.clock.advance(hours=10)
    fleet.check(contoso, fleet.failing_report("secret_expired"))
    fleet.clock.advance(hours=1)
    fleet.check(contoso, fleet.failing_report("tenant_not_found"))
    fleet.finish(
        fleet.begin(fleet.connection["wingtip"], INVENTORY_SYNC), RunResult(RunOutcome.FAILED, "internal_error")
    )
    terms = Terms(until=fleet.clock.time + timedelta(hours=5))
    acknowledging.acknowledge(fleet.db, fleet.people["omar"], [fabrikam], "secret_invalid", terms)
    connection_edits.edit(fleet.db, fleet.people["mona"], contoso, {"display_name": "Intune"})
    found = told(fleet)
    assert (found.workspace, found.until - found.since) == ("north", EIGHT)
    [badge] = found.badges
    assert (badge.tenant_name, badge.verification, badge.reason_code) == (
        "Contoso", ("healthy", "blocked"), "tenant_not_found",
    )  # fmt: skip
    assert {p.reason_code: p.new for p in found.problems if not p.is_of_installation} == {
        "tenant_not_found": 1, "internal_error": 1,
    }  # fmt: skip
    assert {(t.operation, t.outcome.value, t.reason_code, t.connections) for t in found.runs} == {
        ("Connection check", "blocked", "secret_expired", 1),
        ("Connection check", "blocked", "tenant_not_found", 1),
        ("Inventory sync", "failed", "internal_error", 1),
    }
    assert found.people is not None
    people = [(entry.actor, entry.action) for entry in found.people]
    assert people[:2] == [("mona", "connection.edit"), ("omar", "problem.acknowledge")]
    assert "member.add" not in {action for _, action in people}, "that was before the shift"
    assert [(row.name, row.owner) for row in found.acknowledged] == [("Fabrikam", "omar")]
    assert (found.ending_soon, found.solved) == (1, ())
    fleet.check(fabrikam)
    assert acknowledgement_sweep.sweep(fleet.db).ended == 1
    found = told(fleet)
    assert [entry.action for entry in found.solved] == ["problem.solve"]
    assert {badge.tenant_name for badge in found.badges} == {"Contoso", "Fabrikam"}


def test_what_changed_and_changed_back_is_no_news(fleet: Any) -> None:
    fleet.clock.advance(days=2)
    fleet.check(fleet.connection["contoso"], fleet.failing_report("secret_invalid"))
    fleet.clock.advance(minutes=5)
    fleet.check(fleet.connection["contoso"])
    found = told(fleet)
    assert found.badges == ()
    assert [trouble.reason_code for trouble in found.runs] == ["secret_invalid"]


def test_everybody_hears_of_what_they_see_and_of_people_only_who_may_read_the_trail(fleet: Any) -> None:
    fleet.clock.advance(days=2)
    for name in ("contoso", "fabrikam"):
        fleet.check(fleet.connection[name], fleet.failing_report("secret_invalid"))
    assert told(fleet, "rita").people is None
    assert len(told(fleet, "rita").badges) == 2
    tina = told(fleet, "tina")
    assert [badge.tenant_name for badge in tina.badges] == ["Contoso"]
    assert [trouble.connections for trouble in tina.runs] == [1]
    assert tina.people is not None
    assert {entry.tenant_id for entry in tina.people} <= {fleet.tenant["contoso"]}


@pytest.mark.parametrize("hours", [0, -1, 24 * 32])
def test_a_span_of_nothing_or_beyond_a_month_is_refused(sqlite_fleet: Any, hours: int) -> None:
    with pytest.raises(InvalidInput, match="since"):
        told(sqlite_fleet, span=timedelta(hours=hours))
