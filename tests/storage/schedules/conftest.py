"""What tests of schedules may ask for: verbs to make schedules with and to look at what became of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from storage import schedule_changes, schedule_firing
from storage.operations import CONNECTION_CHECK
from storage.schedule_targets import WHOLE_WORKSPACE, Target
from storage.schema import operation_runs, schedule_firings
from storage.schema import schedules as table


class Plan:
    """Schedules of a fleet, which every verb takes."""

    def make(
        self, fleet: Any, name: str = "Hourly", *, by: str = "dana", target: Target = WHOLE_WORKSPACE, **more: Any
    ) -> int:
        values = {"operation_type": CONNECTION_CHECK, "rhythm": "0 * * * *"} | more
        row = schedule_changes.create(fleet.db, fleet.people[by], fleet.north, name=name, target=target, **values)
        return row.id

    def only(self, fleet: Any, schedule_id: int) -> None:
        """Leaves this schedule enabled alone."""
        fleet.write(update(table).where(table.c.id != schedule_id).values(is_enabled=False, next_due_at=None))

    def row_of(self, fleet: Any, schedule_id: int) -> Any:
        return fleet.rows(select(table).where(table.c.id == schedule_id))[0]

    def firings(self, fleet: Any, schedule_id: int) -> Any:
        return fleet.rows(
            select(schedule_firings)
            .where(schedule_firings.c.schedule_id == schedule_id)
            .order_by(schedule_firings.c.id)
        )

    def work(self, fleet: Any, worker: str = "w1", chunk: int = 200) -> None:
        """What a worker's rounds do."""
        schedule_firing.fire_due(fleet.db)
        while held := schedule_firing.take(fleet.db, worker):
            while schedule_firing.work_chunk(fleet.db, held, chunk=chunk):
                pass

    def classes(self, fleet: Any, schedule_id: int) -> dict[str, int]:
        return dict(self.firings(fleet, schedule_id)[-1].counts["classes"])

    def runs_of(self, fleet: Any, schedule_id: int) -> Any:
        return fleet.rows(
            select(operation_runs).where(operation_runs.c.schedule_id == schedule_id).order_by(operation_runs.c.id)
        )


@pytest.fixture
def plan() -> Plan:
    """The verbs."""
    return Plan()
