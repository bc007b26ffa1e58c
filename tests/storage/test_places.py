"""A worker gets as many runs as it has places, by whatever plan PostgreSQL finds them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from storage import dispatching
from storage.operations import CONNECTION_CHECK


@pytest.mark.parametrize("without", [("hashjoin", "mergejoin"), ("nestloop",)], ids=" ".join)
def test_no_more_runs_are_given_out_than_there_are_places(postgres_fleet: Any, without: tuple[str, ...]) -> None:
    fleet = postgres_fleet
    with fleet.db.engine.begin() as connection:
        # What it believes of empty tables, and so few ways to join them, has it look a subquery up again for each row.
        connection.execute(text("ANALYZE"))
        for way in without:
            connection.execute(text(f'ALTER DATABASE "{fleet.db.engine.url.database}" SET enable_{way} = off'))
    fleet.db.engine.dispose()
    for number in range(6):
        fleet.start(fleet.add_connection(f"Tenant{number}"), CONNECTION_CHECK)
    assert [len(dispatching.dispatch(fleet.db, "w1", places)) for places in (1, 2, 8)] == [1, 2, 3]
