"""What the database itself refuses: changing the audit trail, changing a completed run."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine, exc, text

from storage import upgrading

REFUSED = (exc.IntegrityError, exc.OperationalError)
ENTRY = {
    "chain": "w1",
    "at": "2026-01-02 03:04:05.678",
    "actor": "alice",
    "plane": "system",
    "action": "a",
    "target_kind": "t",
    "target_id": "1",
    "outcome": "done",
    "canonical": b"{}",
    "previous_hash": "",
    "hash": "h",
}


@pytest.fixture
def trail(ground: Any) -> Any:
    """A trail of three entries in one chain and one in another."""
    ground.stand_at(upgrading.SCHEMA_NUMBER)
    for number in (1, 2, 3):
        ground.add("audit_entries", id=number, sequence=number, **ENTRY)
    ground.add("audit_entries", id=4, sequence=1, **(ENTRY | {"chain": "other"}))
    return ground


def checkpoint(ground: Any, sequence: int) -> None:
    ground.add("audit_checkpoints", id=1, chain="w1", sequence=sequence, hash="h", created_at=ENTRY["at"])


def entries(ground: Any) -> list[int]:
    return [row[0] for row in ground.rows("SELECT id FROM audit_entries ORDER BY id")]


@pytest.mark.parametrize("assignment", ["actor = 'mallory'", "hash = hash"])
def test_an_audit_entry_cannot_be_changed(trail: Any, assignment: str) -> None:
    with pytest.raises(REFUSED, match="append-only"):
        trail.run(f"UPDATE audit_entries SET {assignment} WHERE id = 1")
    assert trail.one("SELECT actor FROM audit_entries WHERE id = 1") == "alice"


def test_an_audit_entry_cannot_be_deleted_without_a_checkpoint(trail: Any) -> None:
    with pytest.raises(REFUSED, match="append-only"):
        trail.run("DELETE FROM audit_entries WHERE id = 1")
    assert entries(trail) == [1, 2, 3, 4]


def test_pruning_reaches_up_to_the_checkpoint_of_the_same_chain_and_no_further(trail: Any) -> None:
    checkpoint(trail, 2)
    trail.run("DELETE FROM audit_entries WHERE chain = 'w1' AND sequence <= 2")
    assert entries(trail) == [3, 4]
    for number in (3, 4):
        with pytest.raises(REFUSED, match="append-only"):
            trail.run("DELETE FROM audit_entries WHERE id = :id", id=number)
    assert entries(trail) == [3, 4]


def test_one_entry_out_of_reach_keeps_the_whole_statement_from_deleting(trail: Any) -> None:
    checkpoint(trail, 2)
    with pytest.raises(REFUSED, match="append-only"):
        trail.run("DELETE FROM audit_entries")
    assert entries(trail) == [1, 2, 3, 4]


@pytest.mark.parametrize("statement", ["UPDATE audit_checkpoints SET sequence = 9", "DELETE FROM audit_checkpoints"])
def test_a_checkpoint_can_be_neither_changed_nor_deleted(trail: Any, statement: str) -> None:
    checkpoint(trail, 2)
    with pytest.raises(REFUSED, match="append-only"):
        trail.run(statement)
    assert trail.one("SELECT sequence FROM audit_checkpoints") == 2


@pytest.mark.parametrize("key", [{"id": 1, "sequence": 99}, {"id": 99, "sequence": 1}])
def test_an_entry_cannot_be_replaced_by_a_conflicting_insert(sqlite_ground: Any, key: dict[str, int]) -> None:
    sqlite_ground.stand_at(upgrading.SCHEMA_NUMBER)
    sqlite_ground.add("audit_entries", id=1, sequence=1, **ENTRY)
    with pytest.raises(REFUSED, match="append-only"):
        sqlite_ground.add("audit_entries", **(ENTRY | key | {"actor": "mallory"}))
    names = ", ".join(ENTRY | key)
    values = ", ".join(f":{name}" for name in ENTRY | key)
    with pytest.raises(REFUSED, match="append-only"):
        sqlite_ground.run(f"INSERT OR REPLACE INTO audit_entries ({names}) VALUES ({values})", **(ENTRY | key))
    assert sqlite_ground.rows("SELECT id, sequence, actor FROM audit_entries") == [(1, 1, "alice")]


def test_truncating_the_trail_is_refused(postgres_url: str) -> None:
    upgrading.upgrade(postgres_url)
    engine = create_engine(postgres_url)
    for table in ("audit_entries", "audit_checkpoints"):
        with pytest.raises(REFUSED, match="append-only"), engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {table}"))
    engine.dispose()


@pytest.fixture
def runs(ground: Any, fleet: Any) -> Any:
    """Run 1 is completed and came from schedule 1; run 2 is running."""
    fleet.add_through(6)
    return ground


@pytest.mark.parametrize(
    "assignment",
    [
        "outcome = 'failed'",
        "status = 'queued', completed_at = NULL, outcome = NULL",
        "fence = fence",
        "schedule_id = 1",
    ],
)
def test_a_completed_run_never_changes(runs: Any, assignment: str) -> None:
    before = runs.rows("SELECT * FROM operation_runs WHERE id = 1")
    with pytest.raises(REFUSED, match="completed run never changes"):
        runs.run(f"UPDATE operation_runs SET {assignment} WHERE id = 1")
    assert runs.rows("SELECT * FROM operation_runs WHERE id = 1") == before


def test_every_column_of_a_completed_run_is_guarded(runs: Any) -> None:
    with runs.begin() as connection:
        columns = list(connection.exec_driver_sql("SELECT * FROM operation_runs").keys())
    assert len(columns) > 40
    with runs.connected():
        for column in columns:
            with pytest.raises(REFUSED, match="completed run never changes"):
                runs.run(f"UPDATE operation_runs SET {column} = {column} WHERE id = 1")


def test_a_running_run_changes_and_completes(runs: Any) -> None:
    runs.run("UPDATE operation_runs SET fence = 7 WHERE id = 2")
    runs.run(
        "UPDATE operation_runs SET status = 'completed', outcome = 'failed', completed_at = queued_at, lease_until = NULL"
        " WHERE id = 2"
    )
    assert runs.rows("SELECT fence, outcome FROM operation_runs WHERE id = 2") == [(7, "failed")]


def test_deleting_a_schedule_empties_the_reference_of_its_completed_runs(runs: Any) -> None:
    runs.run("DELETE FROM schedules WHERE id = 1")
    assert runs.rows("SELECT schedule_id, outcome FROM operation_runs WHERE id = 1") == [(None, "succeeded")]
