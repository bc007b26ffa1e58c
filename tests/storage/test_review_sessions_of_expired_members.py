"""Whose role in a workspace ended by the clock is nobody there any more: neither seen nor thrown out afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storage import member_changes, ownership, sessions
from storage.access import Principal
from storage.capabilities import Role
from storage.errors import Forbidden, NotFound


def test_a_session_that_began_after_the_role_expired_is_not_the_workspace_s(fleet: Any) -> None:
    zoe = fleet.people["zoe"]
    member_changes.add(
        fleet.db, fleet.dana, fleet.north, login="zoe", display_name="Zoe", role=Role.READONLY,
        expires_at=fleet.clock.time + timedelta(hours=1),
    )  # fmt: skip
    during = sessions.begin(fleet.db, zoe, "desk")
    fleet.clock.advance(hours=2)
    after = sessions.begin(fleet.db, zoe, "home")
    assert [row.id for row in sessions.of_workspace(fleet.db, fleet.dana, fleet.north)] == [during]
    with pytest.raises(NotFound):
        sessions.end(fleet.db, fleet.dana, fleet.north, after)
    # What they had open then is seen; it is Zoe's own workspace's too, so whoever owns the database ends it.
    with pytest.raises(Forbidden):
        sessions.end(fleet.db, fleet.dana, fleet.north, during)
    sessions.end(fleet.db, Principal(None, "root", via=ownership.VIA), fleet.north, during)
