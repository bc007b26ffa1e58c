"""The database itself: what is refused when it is opened, and what a transaction promises."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, select, text, update

from storage import database, sqlite_file
from storage.database import open_database, read_url
from storage.errors import AtlasError, DatabaseBusy, DatabaseError, DatabaseTooNew, DatabaseTooOld, InvalidInput
from storage.schema import tenants
from storage.states import Topic

CANARY = "planted-canary-parameter"


# Addresses


@pytest.mark.parametrize(
    "address",
    ["mysql://h/n", "sqlite://", "sqlite:///:memory:", "postgresql://h:port/n", "://", "nonsense://", "a\0b",
     "~no-such-user-here/a.db", "sqlite:///a\0b"],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_url(address)
    assert caught.value.field == "database"


def test_an_address_never_shows_its_password(sqlite_fleet: Any) -> None:
    assert read_url("postgresql://dana:hunter2@h/n").render_as_string().find("hunter2") == -1
    assert sqlite_fleet.db.kind == "sqlite"


# Opening


def test_a_file_that_is_absent_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="There is no database"):
        open_database(str(tmp_path / "absent.db"))
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="is not a file"):
        open_database(str(tmp_path))


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604, 0o777])
def test_a_file_open_to_others_is_refused_with_the_command_that_mends_it(sqlite_fleet: Any, mode: int) -> None:
    os.chmod(sqlite_fleet.address, mode)
    with pytest.raises(DatabaseError) as caught:
        open_database(sqlite_fleet.address)
    assert caught.value.hint == f"Run: chmod 600 {sqlite_fleet.address}"


def test_a_shared_file_may_be_its_groups_and_no_more(sqlite_fleet: Any) -> None:
    os.chmod(sqlite_fleet.address, 0o660)
    open_database(sqlite_fleet.address, shared=True).close()
    os.chmod(sqlite_fleet.address, 0o664)
    with pytest.raises(DatabaseError, match="open to other accounts"):
        open_database(sqlite_fleet.address, shared=True)


def private(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("module", ["bundled", "standard"])
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setenv("ATLAS_SQLITE", module)
    foreign = tmp_path / "foreign.db"
    subprocess.run(
        [sys.executable, "-c", f"import sqlite3; c=sqlite3.connect({str(foreign)!r}); c.execute('create table a(b)')"],
        check=True,
    )
    cases: list[tuple[str, type[AtlasError], str]] = [
        (private(tmp_path / "text.db", b"hello, this is a letter to you " * 200), DatabaseError, "not a database"),
        (private(tmp_path / "foreign.db", foreign.read_bytes()), DatabaseError, "not an Atlas database"),
        (private(tmp_path / "empty.db", b""), DatabaseTooOld, "empty"),
    ]
    for address, error, words in cases:
        with pytest.raises(error, match=words):
            open_database(address)


def test_a_damaged_file_is_said_to_be_damaged(sqlite_fleet: Any, tmp_path: Path) -> None:
    sqlite_fleet.db.close()
    raw = bytearray(Path(sqlite_fleet.address).read_bytes())
    raw[100:4096] = b"\xff" * (4096 - 100)  # the schema's own page
    with pytest.raises(DatabaseError, match="damaged"):
        open_database(private(tmp_path / "damaged.db", bytes(raw)))


def test_a_newer_and_an_older_database_are_refused(fleet: Any) -> None:
    from storage.schema import meta

    def open_with(**facts: int) -> None:
        for key, value in facts.items():
            fleet.write(update(meta).where(meta.c.key == key).values(value=str(value)))
        open_database(fleet.address).close()

    with pytest.raises(DatabaseTooNew):
        open_with(schema=99, min_reader=99, min_writer=99)
    with pytest.raises(DatabaseTooOld, match="schema 3"):
        open_with(schema=3, min_reader=1, min_writer=1)


@pytest.mark.parametrize(
    ("version", "journal"),
    [
        ((3, 40, 1), "DELETE"),
        ((3, 44, 5), "DELETE"),
        ((3, 44, 6), "WAL"),
        ((3, 45, 0), "DELETE"),
        ((3, 50, 6), "DELETE"),
        ((3, 50, 7), "WAL"),
        ((3, 51, 0), "DELETE"),
        ((3, 51, 2), "DELETE"),
        ((3, 51, 3), "WAL"),
        ((3, 52, 0), "WAL"),
        ((4, 0, 0), "WAL"),
    ],
)
def test_wal_only_where_it_is_safe(version: tuple[int, ...], journal: str) -> None:
    assert sqlite_file.journal_mode(version) == journal


@pytest.mark.parametrize("kind", ["sqlite-wal", "sqlite-delete"])
def test_every_connection_has_the_pragmas_of_the_house(copy_fleet: Callable[[str], Any], kind: str) -> None:
    fleet = copy_fleet(kind)
    journal = sqlite_file.journal_mode(sqlite_file.sqlite_module().sqlite_version_info).lower()
    expected = {"foreign_keys": 1, "synchronous": 2, "trusted_schema": 0, "secure_delete": 1, "journal_mode": journal}
    with fleet.db.read() as tx:
        found = {name: tx.run(text(f"PRAGMA {name}")).scalar_one() for name in expected}
    assert found == expected
    assert oct(os.stat(fleet.address).st_mode)[-3:] == "600"


def test_a_network_file_system_is_refused_even_behind_a_link(
    sqlite_fleet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mounts"
    place = tmp_path / "far away"
    place.mkdir()
    moved = private(place / "a.db", Path(sqlite_fleet.address).read_bytes())
    (tmp_path / "near").symlink_to(place)
    spelled = str(place).replace(" ", "\\040")
    monkeypatch.setattr(sqlite_file, "MOUNT_TABLE", table)
    for kind in ("nfs4", "cifs", "fuse.sshfs", "9p"):
        table.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {spelled} {kind} rw 0 0\n")
        for address in (moved, str(tmp_path / "near" / "a.db")):
            with pytest.raises(DatabaseError, match=f"network file system \\({kind}\\)"):
                open_database(address)
    table.write_text(f"server:/x / nfs4 rw 0 0\n/dev/sda {spelled} ext4 rw 0 0\n")
    open_database(moved).close()


def test_a_private_directory_is_made_or_refused(tmp_path: Path) -> None:
    sqlite_file.make_private_directory(tmp_path / "a" / "b")
    assert oct((tmp_path / "a" / "b").stat().st_mode)[-3:] == "700"
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    with pytest.raises(DatabaseError, match="open to other accounts"):
        sqlite_file.make_private_directory(tmp_path / "open")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatabaseError, match="cannot be made"):
        sqlite_file.make_private_directory(tmp_path / "file" / "b")


# Servers


def test_a_server_that_is_not_there_is_said_to_be_unreachable(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="cannot be reached") as caught:
        open_database(f"postgresql://dana:{CANARY}@/n?host={tmp_path}")
    assert CANARY not in str(caught.value)


def test_a_server_that_knows_no_such_account_or_database_says_which(postgres_server: str) -> None:
    for changes, words in (
        ({"username": "nobody_here"}, "no such account"),
        ({"database": "none_here"}, "no such database"),
    ):
        with pytest.raises(DatabaseError, match=words):
            open_database(make_url(postgres_server).set(**changes).render_as_string(hide_password=False))


@pytest.fixture
def password_account(postgres_server: str) -> Iterator[str]:
    """An account that has to give a password."""
    host = Path(str(make_url(postgres_server).query["host"]))
    rules = host / "data" / "pg_hba.conf"
    before = rules.read_text()
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE ROLE carl LOGIN PASSWORD 'right'"))
        rules.write_text(f"local all carl scram-sha-256\n{before}")
        connection.execute(text("SELECT pg_reload_conf()"))
        _wait_until_asked_for_a_password(postgres_server, "carl")
        yield "carl"
        rules.write_text(before)
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text("DROP ROLE carl"))
    engine.dispose()


def _wait_until_asked_for_a_password(server: str, account: str) -> None:
    """`pg_reload_conf` only tells the server to read its rules again: until it has, the old ones let everybody in."""
    url = make_url(server).set(drivername="postgresql", username=account).render_as_string(hide_password=False)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            return
    raise AssertionError("the server lets everybody in, as before")


def test_a_wrong_password_is_said_to_be_a_refused_login(postgres_server: str, password_account: str) -> None:
    for password in (CANARY, None):
        address = make_url(postgres_server).set(username=password_account, password=password)
        with pytest.raises(DatabaseError, match="refused the login") as caught:
            open_database(address.render_as_string(hide_password=False))
        assert CANARY not in str(caught.value)


# Transactions


def test_nothing_is_half_written_when_the_work_fails(fleet: Any) -> None:
    before = fleet.contents()

    def work(tx: Any) -> None:
        tx.run(update(tenants).values(note="half"))
        tx.touch(Topic.TENANTS)
        tx.at_the_end(lambda tx, _: tx.run(text("SELECT 1 FROM nothing_here")), None)

    with pytest.raises(DatabaseError):
        fleet.db.write(work)
    assert fleet.contents() == before


def test_a_read_sees_one_moment_and_writes_nothing_after(fleet: Any) -> None:
    with fleet.db.read() as tx:
        assert tx.run(select(tenants.c.id)).all()
    fleet.write(update(tenants).values(note="after"))
    assert {row.note for row in fleet.rows(select(tenants.c.note))} == {"after"}


@pytest.mark.parametrize("kind", ["sqlite-wal", "sqlite-delete"])
def test_a_database_locked_by_another_process_is_busy_and_nothing_is_lost(
    copy_fleet: Callable[[str], Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = copy_fleet(kind)
    fleet.db.close()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 20)
    db = open_database(fleet.address)
    db._sleep = lambda seconds: None
    module = sqlite_file.sqlite_module().__name__
    program = (
        f"import {module} as m, sys\nc = m.connect({fleet.address!r}, isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE')\nprint('locked', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(DatabaseBusy, match="locked by another process"):
            db.write(lambda tx: tx.run(update(tenants).values(note="x")) and None)
        with db.read() as tx:
            assert tx.run(select(tenants.c.note)).first() is not None
        assert other.stdin is not None
        other.stdin.close()
    db.write(lambda tx: tx.run(update(tenants).values(note="y")) and None)
    db.close()


def test_a_serialization_failure_is_tried_again(postgres_fleet: Any) -> None:
    fleet = postgres_fleet
    fleet.db._sleep = lambda seconds: None
    attempts: list[int] = []

    def work(tx: Any) -> None:
        tx.run(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
        seen = tx.run(select(tenants.c.note).where(tenants.c.id == fleet.tenant["contoso"])).scalar_one()
        attempts.append(1)
        if len(attempts) == 1:  # somebody else is quicker
            fleet.write(update(tenants).values(note="theirs"))
        tx.run(update(tenants).where(tenants.c.id == fleet.tenant["contoso"]).values(note=f"{seen}+ours"))

    fleet.db.write(work)
    assert len(attempts) == 2
    assert fleet.one(select(tenants.c.note).where(tenants.c.id == fleet.tenant["contoso"])) == "theirs+ours"


def test_two_who_lock_each_other_out_both_get_through(postgres_fleet: Any) -> None:
    fleet = postgres_fleet
    both_hold_one = threading.Barrier(2)
    errors: list[BaseException] = []

    def swap(first: str, second: str) -> None:
        tries: list[int] = []

        def work(tx: Any) -> None:
            tx.run(update(tenants).where(tenants.c.id == fleet.tenant[first]).values(note=first))
            if not tries:
                tries.append(1)
                both_hold_one.wait(60)
            tx.run(update(tenants).where(tenants.c.id == fleet.tenant[second]).values(note=first))

        try:
            fleet.db.write(work)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=swap, args=pair) for pair in (("contoso", "fabrikam"), ("fabrikam", "contoso"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


def test_no_error_ever_shows_a_parameter(fleet: Any) -> None:
    attempts: list[Callable[[Any], Any]] = [
        lambda tx: tx.run(text("INSERT INTO tenants (name) VALUES (:x)"), {"x": CANARY}),
        lambda tx: tx.run(text("SELECT * FROM nothing_here WHERE a = :x"), {"x": CANARY}),
        lambda tx: tx.run(text("UPDATE tenants SET cloud = :x"), {"x": CANARY}),
        lambda tx: tx.run(text("UPDATE users SET login = :x"), {"x": CANARY}),
        lambda tx: tx.run(text("UPDATE tenants SET note = :x"), {"x": f"{CANARY}\ud800"}),
        lambda tx: tx.run(text("UPDATE memberships SET user_id = :x, granted_by_id = 99999"), {"x": 99999}),
    ]
    for attempt in attempts:
        with pytest.raises(AtlasError) as caught:
            fleet.db.write(attempt)
        error: BaseException | None = caught.value
        assert CANARY not in str(error)
        assert isinstance(error, AtlasError)
        assert error.__cause__ is None


def test_times_are_aware_and_of_the_database(fleet: Any) -> None:
    real = open_database(fleet.address)
    with real.read() as tx:
        now = tx.now()
    assert now.utcoffset() is not None
    assert now.microsecond % 1000 == 0
    real.close()
    with pytest.raises(Exception, match="naive"):
        fleet.write(update(tenants).values(created_at=now.replace(tzinfo=None)))


def test_postgresql_compiles_no_query(postgres_fleet: Any) -> None:
    """It took four fifths of the time of Attention's longest query at a million connections."""
    assert postgres_fleet.one(text("SHOW jit")) == "off"
