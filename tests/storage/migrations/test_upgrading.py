"""Running the chain: one at a time, wholly or not at all, with a copy, and only on a database that is ours."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from storage import upgrading
from storage.errors import DatabaseBusy, DatabaseError, DatabaseTooNew, DatabaseTooOld, InvalidInput

HEAD = upgrading.SCHEMA_NUMBER


def check(ground: Any, **options: Any) -> None:
    with ground.begin() as connection:
        upgrading.check_version(connection, **options)


def test_an_absent_file_becomes_a_private_database_in_a_private_directory(sqlite_ground: Any, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "new" / "deeper" / "atlas.db"
        assert upgrading.upgrade(str(path)) == upgrading.UpgradeResult(0, HEAD)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert upgrading.current(str(path)) == HEAD


def test_a_second_upgrade_finds_nothing_to_do(ground: Any) -> None:
    assert upgrading.upgrade(ground.address) == upgrading.UpgradeResult(0, HEAD)
    before = ground.shape()
    assert upgrading.upgrade(ground.address) == upgrading.UpgradeResult(HEAD, HEAD)
    assert upgrading.upgrade(ground.address, target="0003") == upgrading.UpgradeResult(HEAD, HEAD)
    assert ground.shape() == before


def test_an_absent_database_has_schema_zero_and_is_not_made_by_asking(sqlite_ground: Any) -> None:
    assert upgrading.current(sqlite_ground.address) == 0
    assert not Path(sqlite_ground.address).exists()
    with pytest.raises(DatabaseError, match="no database"):
        upgrading.downgrade(sqlite_ground.address, "base")
    assert not Path(sqlite_ground.address).exists()


@pytest.mark.parametrize("target", ["0011", "99", "-1", "+1", "heads", "", "²"])
def test_a_target_that_is_no_schema_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(InvalidInput, match="target"):
        upgrading.upgrade(str(tmp_path / "a.db"), target=target)
    assert list(tmp_path.iterdir()) == []


def test_an_upgrade_waits_no_longer_than_told_for_another(ground: Any) -> None:
    ground.stand_at(1)
    with contextlib.ExitStack() as stack:
        if ground.is_sqlite:
            from storage.sqlite_copy import upgrade_lock

            stack.enter_context(upgrade_lock(Path(ground.address), 0.0))
        else:
            holder = stack.enter_context(ground.begin())
            holder.execute(text("SELECT pg_advisory_lock(:key)"), {"key": upgrading.ADVISORY_LOCK})
        with pytest.raises(DatabaseBusy):
            upgrading.upgrade(ground.address, wait_seconds=0.05)
    assert upgrading.current(ground.address) == 1


def test_a_database_in_use_by_another_writer_is_busy_and_left_as_it_is(ground: Any, fleet: Any) -> None:
    fleet.add_through(2)
    with ground.begin() as connection:
        connection.execute(text("UPDATE provider_connections SET display_name = display_name"))
        with pytest.raises(DatabaseBusy):
            upgrading.upgrade(ground.address, wait_seconds=0.05)
    assert upgrading.current(ground.address) == 2


def test_rows_that_break_a_new_rule_stop_the_upgrade_and_stay_as_they_were(ground: Any, fleet: Any) -> None:
    fleet.add_through(1)
    ground.run("UPDATE provider_connections SET entra_tenant_id = 'another' WHERE id IN (2, 5)")
    shape, rows = ground.shape(), ground.rows("SELECT * FROM provider_connections ORDER BY id")
    with pytest.raises(DatabaseError, match=r"name another Entra tenant .*: 2, 5\."):
        upgrading.upgrade(ground.address)
    assert ground.shape() == shape
    assert ground.rows("SELECT * FROM provider_connections ORDER BY id") == rows
    assert upgrading.current(ground.address) == 1
    ground.run(
        "UPDATE provider_connections SET entra_tenant_id = (SELECT entra_tenant_id FROM tenants t WHERE t.id = tenant_id)"
    )
    assert upgrading.upgrade(ground.address).to == HEAD


def test_a_revision_that_fails_half_way_leaves_nothing_and_earlier_ones_stay(ground: Any, fleet: Any) -> None:
    fleet.add_through(4)
    ground.run("CREATE TABLE run_steps (x INTEGER)")  # in the way of 0006, after five of its tables
    with pytest.raises(DatabaseError):
        upgrading.upgrade(ground.address)
    assert upgrading.current(ground.address) == 5
    assert "operation_runs" not in ground.tables()
    ground.run("DROP TABLE run_steps")
    assert upgrading.upgrade(ground.address).from_ == 5


def test_the_same_entra_tenant_in_two_workspaces_cannot_go_below_workspaces(ground: Any, fleet: Any) -> None:
    fleet.add_through(2)
    ground.add("workspaces", id=7, slug="seven", name="Seven", created_at="2026-01-02 03:04:05.678")
    ground.run(
        "INSERT INTO tenants (id, workspace_id, entra_tenant_id, name, sort_name, created_at, updated_at)"
        " SELECT 77, 7, entra_tenant_id, name, sort_name, created_at, updated_at FROM tenants WHERE id = 1"
    )
    with pytest.raises(DatabaseError, match="several workspaces"):
        upgrading.downgrade(ground.address, "base")
    assert upgrading.current(ground.address) == 2


def test_the_same_entra_tenant_in_different_case_is_refused_with_its_id(ground: Any, fleet: Any) -> None:
    fleet.add_through(1)
    ground.run(
        "INSERT INTO tenants (id, entra_tenant_id, name, created_at, updated_at)"
        " SELECT 77, lower(entra_tenant_id), name, created_at, updated_at FROM tenants WHERE id = 1"
    )
    with pytest.raises(DatabaseError, match="aaaaaaaa-0000-4000-8000-000000000001"):
        upgrading.upgrade(ground.address)


def test_a_dangling_reference_stops_a_sqlite_upgrade_before_commit(sqlite_ground: Any, sqlite_fleet: Any) -> None:
    sqlite_fleet.add_through(1)
    module = sqlite_ground.engine.dialect.dbapi
    with contextlib.closing(module.connect(sqlite_ground.address)) as raw:  # a program that left foreign keys off
        raw.execute("UPDATE credentials SET connection_id = 404 WHERE connection_id = 3")
        raw.commit()
    shape = sqlite_ground.shape()
    with pytest.raises(
        DatabaseError, match=r"1 rows refer to rows that do not exist \(credentials → provider_connections\)"
    ):
        upgrading.upgrade(sqlite_ground.address)
    assert sqlite_ground.shape() == shape
    assert upgrading.current(sqlite_ground.address) == 1


def test_triggers_of_a_recreated_table_are_recreated(sqlite_ground: Any) -> None:
    sqlite_ground.stand_at(2)
    sqlite_ground.run("CREATE TRIGGER someones AFTER DELETE ON provider_connections BEGIN SELECT 1; END")
    sqlite_ground.to(5)
    assert sqlite_ground.one("SELECT count(*) FROM sqlite_master WHERE name = 'someones'") == 1


def test_a_file_with_rows_is_copied_before_it_is_changed(sqlite_ground: Any, sqlite_fleet: Any) -> None:
    sqlite_fleet.add_through(4)
    shape, counts = sqlite_ground.shape(), sqlite_ground.counts()
    result = upgrading.upgrade(sqlite_ground.address)
    copy = Path(f"{sqlite_ground.address}.before-{HEAD}")
    assert result.backup == copy
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    of_the_copy = type(sqlite_ground)(str(copy), sqlite_ground.engine.dialect.dbapi)
    assert upgrading.current(str(copy)) == 4
    assert of_the_copy.shape() == shape
    assert of_the_copy.counts() == counts
    of_the_copy.dispose()


def test_only_the_newest_two_copies_are_kept(sqlite_ground: Any) -> None:
    for revision in (1, 2, 3, 4, 5):
        sqlite_ground.to(revision)
    there = {path.name for path in Path(sqlite_ground.address).parent.iterdir() if ".before-" in path.name}
    assert there == {"atlas.db.before-4", "atlas.db.before-5"}


def test_a_copy_that_cannot_be_written_stops_the_upgrade(sqlite_ground: Any) -> None:
    sqlite_ground.stand_at(1)
    Path(f"{sqlite_ground.address}.before-{HEAD}").mkdir()
    with pytest.raises(DatabaseError, match="copy"):
        upgrading.upgrade(sqlite_ground.address)
    assert upgrading.current(sqlite_ground.address) == 1


def test_this_programs_own_schema_is_accepted(ground: Any) -> None:
    ground.stand_at(HEAD)
    check(ground)


def test_an_older_database_names_the_command(ground: Any) -> None:
    ground.stand_at(HEAD - 1)
    with pytest.raises(DatabaseTooOld, match=f"schema {HEAD - 1}.*`atlas-tui db upgrade`"):
        check(ground)


def test_an_empty_database_is_too_old(ground: Any) -> None:
    upgrading.upgrade(ground.address, target="base")
    with pytest.raises(DatabaseTooOld, match="empty"):
        check(ground)
    ground.to(1)
    ground.to(0)
    with pytest.raises(DatabaseTooOld, match="empty"):
        check(ground)


def newer(ground: Any, *, reader: int, writer: int) -> None:
    ground.stand_at(HEAD)
    for key, value in (("schema", 12), ("min_reader", reader), ("min_writer", writer)):
        ground.run("UPDATE meta SET value = :value WHERE key = :key", key=key, value=str(value))
    ground.run("UPDATE alembic_version SET version_num = '0012'")


def test_a_newer_database_is_refused_and_left_alone(ground: Any) -> None:
    newer(ground, reader=12, writer=12)
    before = ground.shape()
    with pytest.raises(DatabaseTooNew, match=f"schema 12; this program knows schema {HEAD}"):
        check(ground)
    with pytest.raises(DatabaseTooNew):
        upgrading.upgrade(ground.address)
    with pytest.raises(DatabaseTooNew):
        upgrading.downgrade(ground.address, "base")
    assert ground.shape() == before


def test_a_newer_database_may_still_let_older_programs_read_or_write(ground: Any) -> None:
    newer(ground, reader=HEAD, writer=12)
    check(ground, writing=False)
    with pytest.raises(DatabaseTooNew):
        check(ground)
    newer_numbers = {"min_writer": HEAD}
    for key, value in newer_numbers.items():
        ground.run("UPDATE meta SET value = :value WHERE key = :key", key=key, value=str(value))
    check(ground)


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE cats (name TEXT)"],
        ["CREATE TABLE meta (name TEXT)"],
        ["CREATE TABLE meta (key TEXT, value TEXT)", "INSERT INTO meta (key, value) VALUES ('schema', '8')"],
    ],
)
def test_somebody_elses_database_is_refused_and_left_alone(ground: Any, statements: list[str]) -> None:
    upgrading.upgrade(ground.address, target="base")
    for statement in statements:
        ground.run(statement)
    before = ground.shape()
    with pytest.raises(DatabaseError, match="not an Atlas database"):
        check(ground)
    with pytest.raises(DatabaseError, match="not an Atlas database"):
        upgrading.upgrade(ground.address)
    with pytest.raises(DatabaseError, match="not an Atlas database"):
        upgrading.current(ground.address)
    assert ground.shape() == before


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta WHERE key = 'min_writer'",
        "UPDATE meta SET value = 'eight' WHERE key = 'schema'",
    ],
)
def test_a_database_whose_numbers_are_broken_is_called_damaged(ground: Any, statement: str) -> None:
    ground.stand_at(HEAD)
    ground.run(statement)
    with pytest.raises(DatabaseError, match="damaged"):
        check(ground)
    with pytest.raises(DatabaseError, match="damaged"):
        upgrading.upgrade(ground.address)


def test_a_schema_number_that_disagrees_with_the_last_migration_is_called_damaged(ground: Any) -> None:
    ground.stand_at(4)
    ground.run("UPDATE meta SET value = '3' WHERE key = 'schema'")
    with pytest.raises(DatabaseError, match="disagree"):
        upgrading.upgrade(ground.address)


@pytest.mark.parametrize("content", [b"this is not a database at all" * 200, None])
def test_a_file_that_is_damaged_or_no_database_is_refused_and_left_alone(
    sqlite_ground: Any, sqlite_fleet: Any, content: bytes | None
) -> None:
    path = Path(sqlite_ground.address)
    sqlite_fleet.add_through(4)
    module = sqlite_ground.engine.dialect.dbapi
    with contextlib.closing(module.connect(str(path))) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")
    if content is None:
        healthy = path.read_bytes()
        content = healthy[:4096] + b"\xa5" * (len(healthy) - 4096)
    path.write_bytes(content)
    with pytest.raises(DatabaseError) as caught:
        upgrading.upgrade(str(path))
    assert "Traceback" not in str(caught.value)
    assert caught.value.hint
    assert path.read_bytes() == content
