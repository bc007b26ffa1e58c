"""Badge counts: always what a GROUP BY would say."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any

from sqlalchemy import delete, select

from storage import rollups
from storage.schema import badge_count_deltas
from storage.schema import provider_connections as pc
from storage.states import ConsentStatus, VerificationStatus


def counted(fleet: Any) -> rollups.BadgeCounts:
    rows = fleet.rows(select(pc).where(pc.c.workspace_id == fleet.north))
    return rollups.BadgeCounts(
        len(rows),
        dict(Counter("enabled" if row.is_enabled else "disabled" for row in rows)),
        dict(Counter(row.consent_status for row in rows)),
        dict(Counter(row.verification_status for row in rows)),
    )


def test_the_counts_are_right_after_any_change(fleet: Any) -> None:
    rng = random.Random(3)
    connections = [fleet.add_connection(f"c{number}", ready=False) for number in range(8)]
    for step in range(60):
        connection = rng.choice(connections)
        if rng.random() < 0.1 and len(connections) > 2:
            fleet.write(delete(pc).where(pc.c.id == connection))
            connections.remove(connection)
        else:
            fleet.set_connection(
                connection,
                is_enabled=rng.random() < 0.5,
                consent_status=rng.choice(list(ConsentStatus)).value,
                verification_status=rng.choice(list(VerificationStatus)).value,
            )
        if step % 7 == 0:
            rollups.fold(fleet.db)
        if step % 5 == 0:
            assert rollups.counts(fleet.db, fleet.dana, fleet.north) == counted(fleet)
    assert rollups.counts(fleet.db, fleet.dana, fleet.north) == counted(fleet)


def test_a_scoped_member_gets_a_count_of_their_own(fleet: Any) -> None:
    fleet.set_connection(fleet.connection["contoso"], verification_status="blocked")
    mine = rollups.counts(fleet.db, fleet.people["tina"], fleet.north)
    assert (mine.total, mine.verification) == (1, {"blocked": 1})


def test_two_folders_do_not_count_twice(postgres_fleet: Any) -> None:
    fleet = postgres_fleet
    rng = random.Random(5)
    for _ in range(120):
        fleet.set_connection(
            fleet.connection["contoso"], verification_status=rng.choice(list(VerificationStatus)).value
        )
    assert fleet.count(badge_count_deltas) > 0
    start = threading.Barrier(2)
    folded: list[int] = []

    def fold() -> None:
        start.wait(60)
        folded.append(rollups.fold(fleet.db))

    threads = [threading.Thread(target=fold) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    rollups.fold(fleet.db)
    assert fleet.count(badge_count_deltas) == 0
    assert rollups.counts(fleet.db, fleet.dana, fleet.north) == counted(fleet)
