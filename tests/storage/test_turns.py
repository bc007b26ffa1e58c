"""Large pieces of work take turns with everybody else who wants the database."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from storage import acknowledging, batch_starting, batch_writing
from storage.batch_selection import Selection
from storage.connection_filters import ConnectionQuery
from storage.operations import CONNECTION_CHECK
from storage.turns import in_turn


def test_between_two_parts_others_get_a_turn_as_long_as_the_last_one_took() -> None:
    times, slept = iter([0.0, 0.3, 1.0, 1.001, 2.0]), list[float]()
    assert list(in_turn("abc", sleep=slept.append, clock=lambda: next(times))) == ["a", "b", "c"]
    assert slept == [0.3, 0.01]


def test_many_members_and_many_acknowledgements_are_written_in_turns(
    sqlite_fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, slept = sqlite_fleet, list[float]()
    for module, size in ((acknowledging, "CHUNK"), (batch_writing, "MEMBERS_AT_ONCE")):
        monkeypatch.setattr(module, size, 1)
        monkeypatch.setattr(module, "in_turn", partial(in_turn, sleep=slept.append))
    ids = list(fleet.connection.values())
    for id in ids:
        fleet.set_connection(id, verification_status="blocked", last_reason_code="secret_invalid")
    assert acknowledging.acknowledge(fleet.db, fleet.dana, ids, "secret_invalid") == 3
    assert len(slept) == 2
    batch_starting.create(fleet.db, fleet.dana, CONNECTION_CHECK, Selection.found(ConnectionQuery(fleet.north)))
    assert len(slept) == 3
