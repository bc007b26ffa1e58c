"""Bulk starts going on in a worker when whoever asked for them is gone."""

from __future__ import annotations

from typing import Any

import pytest

from storage import batch_ending, batch_starting, batches
from storage.batch_selection import Selection
from storage.connection_filters import ConnectionQuery
from storage.operations import CONNECTION_CHECK, INVENTORY_SYNC
from tasks import batches as in_turn
from tasks.batches import Batches
from tasks.timing import Timing


def test_open_batches_go_on_in_turn_and_one_that_cannot_holds_up_none(
    sqlite_fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = sqlite_fleet
    for _ in range(3):
        fleet.connection()
    everything = Selection.found(ConnectionQuery(fleet.workspace_id))
    made = [
        batch_starting.create(fleet.db, fleet.who, operation, everything)
        for operation in (CONNECTION_CHECK, INVENTORY_SYNC, CONNECTION_CHECK)
    ]
    went_on: list[int] = []

    def go_on(db: Any, batch_id: int) -> bool:
        went_on.append(batch_id)
        if batch_id == made[0] and went_on.count(batch_id) == 1:
            raise ZeroDivisionError  # a fault of the program, whatever it is
        return batch_starting.advance(db, batch_id, limit=2) > 0

    monkeypatch.setattr(batch_ending, "go_on", go_on)
    monkeypatch.setattr(in_turn, "steady_clock", lambda: 0.0)  # a step is as short as can be
    loop = Batches(fleet.db, Timing())
    with pytest.raises(ZeroDivisionError):
        loop.step()  # the loop around it logs that and comes again
    pauses = [loop.step() for _ in range(4)]
    assert went_on == [made[0], made[1], made[2], made[1], made[2]]
    assert max(pauses) < Timing().sweep
    # The next look at what is open finds the one that could not go on.
    for _ in range(2):
        while loop.step() < Timing().sweep:
            pass
    assert all(batches.status(fleet.db, fleet.who, id).row.tally.untried == 0 for id in made)
