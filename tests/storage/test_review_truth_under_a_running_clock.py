"""With a clock that goes on between two statements, as real ones do: what a check wrote in one transaction still belongs together."""

from __future__ import annotations

from typing import Any

import pytest

from storage import permissions
from storage.permissions import Standing


@pytest.fixture
def running_clock(fleet: Any) -> None:
    """Lets every look at the clock find it a millisecond later."""

    def tick(_connection: Any) -> Any:
        fleet.clock.advance(milliseconds=1)
        return fleet.clock.time

    fleet.db.clock = tick


@pytest.mark.usefixtures("running_clock")
def test_a_broader_permission_covers_and_is_not_taken_for_the_needed_one(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    broader = "DeviceManagementConfiguration.ReadWrite.All"
    fleet.finish(claim, fleet.good_report(claim, granted_permissions=frozenset({"Organization.Read.All", broader})))
    found = permissions.of_connection(fleet.db, fleet.dana, connection).comparison
    needed = {one.permission: one for one in found.needed}
    covered = needed["DeviceManagementConfiguration.Read.All"]
    assert (covered.standing, covered.covered_by) == (Standing.COVERED, broader)
    assert broader in {one.permission for one in found.beyond}


@pytest.mark.usefixtures("running_clock")
def test_each_check_is_held_against_its_own_token(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    for granted in ({"Organization.Read.All", "User.ReadWrite.All"}, {"Organization.Read.All"}):
        claim = fleet.begin(connection)
        fleet.finish(claim, fleet.good_report(claim, granted_permissions=frozenset(granted)))
        found = permissions.of_connection(fleet.db, fleet.dana, connection).comparison
        assert {one.permission for one in found.beyond} == granted - {"Organization.Read.All"}
