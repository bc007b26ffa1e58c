"""`python -m tasks`: bad input is a sentence, a hint and an exit code; keys are made, shown and changed."""

from __future__ import annotations

import base64
import dataclasses
import json
import sqlite3
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from storage import configuration, leases
from storage.schema import audit_entries, credentials
from storage.sealing import fingerprint
from tasks import key_files, key_rotation
from tasks.keyring import open_keyring, public_fingerprint

SECRET = "canary-8Q~secret-value-that-must-not-be-seen"


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(nursery: Any) -> Run:
    """Runs `python -m tasks` to its end."""
    return partial(nursery.run, "tasks.__main__:main", ATLAS_KEY="", CREDENTIALS_DIRECTORY="")


def changed(fleet: Any, **fields: Any) -> str:
    configuration.save(fleet.config, msgspec.structs.replace(fleet.settings, **fields))
    return str(fleet.config)


def no_configuration(fleet: Any) -> str:
    return str(fleet.config) + ".absent"


def broken_configuration(fleet: Any) -> str:
    fleet.config.write_text("database = [")
    return str(fleet.config)


def no_database(fleet: Any) -> str:
    return changed(fleet, database=str(fleet.config.parent / "absent.db"))


def damaged_database(fleet: Any) -> str:
    fleet.db.close()
    Path(fleet.url).write_bytes(b"this is no database, only text that is long enough to be read as one" * 100)
    return str(fleet.config)


def newer_database(fleet: Any) -> str:
    fleet.db.close()
    connection = sqlite3.connect(fleet.url)
    connection.execute("UPDATE meta SET value = '999' WHERE key IN ('schema', 'min_reader', 'min_writer')")
    connection.commit()
    connection.close()
    return str(fleet.config)


def unreachable_server(fleet: Any) -> str:
    return changed(fleet, database="postgresql://atlas:hunter2@127.0.0.1:1/atlas")


def no_key(fleet: Any) -> str:
    Path(fleet.settings.key_file).unlink()
    return str(fleet.config)


def open_key(fleet: Any) -> str:
    Path(fleet.settings.key_file).chmod(0o644)
    return str(fleet.config)


def other_key(fleet: Any) -> str:
    Path(fleet.settings.key_file).unlink()
    key_files.create(Path(fleet.settings.key_file))
    return str(fleet.config)


def no_key_at_all_in_the_file(fleet: Any) -> str:
    place = Path(fleet.settings.key_file)
    place.chmod(0o600)
    place.write_text("-----BEGIN NONSENSE-----")
    place.chmod(0o400)
    return str(fleet.config)


def strange_queue(fleet: Any) -> str:
    return changed(fleet, worker=configuration.WorkerSettings(queue="ftp://somewhere"))


@pytest.mark.parametrize(
    ("spoil", "code", "says"),
    [
        (no_configuration, 2, "there is no file"),
        (broken_configuration, 2, "is not TOML"),
        (no_database, 7, "There is no database"),
        (damaged_database, 7, "database"),
        (newer_database, 7, "newer"),
        (unreachable_server, 7, "cannot be reached"),
        (no_key, 8, "has no key"),
        (open_key, 8, "chmod 400"),
        (other_key, 8, "is not the one that secrets are sealed for"),
        (no_key_at_all_in_the_file, 8, "not an X25519 private key"),
        (strange_queue, 2, "worker.queue"),
    ],
)
def test_a_worker_that_cannot_begin_says_why(
    sqlite_fleet: Any, run: Run, spoil: Callable[[Any], str], code: int, says: str
) -> None:
    answer = run("worker", "--config", spoil(sqlite_fleet))

    assert answer.returncode == code, answer.stderr
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "hunter2" not in answer.stderr
    assert 1 <= len(answer.stderr.strip().splitlines()) <= 2
    assert answer.stdout == ""


def test_a_number_of_slots_that_cannot_be_is_refused(sqlite_fleet: Any, run: Run) -> None:
    answer = run("worker", "--config", str(sqlite_fleet.config), "--slots", "0")
    assert answer.returncode == 2
    assert "from 1 to 64" in answer.stderr


def test_a_key_is_made_once_and_never_overwritten(tmp_path: Path, run: Run) -> None:
    tmp_path.chmod(0o700)
    place = tmp_path / "keys" / "atlas.key"

    made = run("keys", "create", "--key-file", str(place))
    shown = run("keys", "public", "--key-file", str(place))
    again = run("keys", "create", "--key-file", str(place))

    assert made.returncode == 0, made.stderr
    answer = json.loads(made.stdout)
    assert answer == json.loads(shown.stdout)
    assert answer["fingerprint"] == fingerprint(base64.b64decode(answer["public_key"]))
    assert place.stat().st_mode & 0o777 == 0o400
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert again.returncode == 6
    assert "exists" in again.stderr
    assert "PRIVATE" not in made.stdout + shown.stdout


def test_no_new_key_is_made_where_another_sealed_credentials(sqlite_fleet: Any, tmp_path: Path, run: Run) -> None:
    sqlite_fleet.connection()

    answer = run("keys", "create", "--key-file", str(tmp_path / "key" / "2.key"), "--config", str(sqlite_fleet.config))

    assert answer.returncode == 6
    assert "another key sealed" in answer.stderr
    assert not (tmp_path / "key" / "2.key").exists()


def opens(fleet: Any, connection: int) -> str:
    """Opens the connection's credential as a worker would, and returns the key id it was sealed for."""
    claim = leases.claim(fleet.db, "w", fleet.start(connection))
    assert claim is not None
    settings = configuration.load(fleet.config)
    keyring = open_keyring(settings.key_file, key_id=fingerprint(settings.public_key_bytes()), environment={})
    assert keyring.open(claim.credentials[0]).secret == SECRET
    return str(claim.credentials[0].binding.key_id)


def test_a_rotation_reseals_everything_for_a_new_key(fleet: Any, run: Run) -> None:
    connections = [fleet.connection() for _ in range(3)]
    before = fingerprint(fleet.settings.public_key_bytes())

    answer = run("keys", "rotate", "--config", str(fleet.config))

    assert answer.returncode == 0, answer.stderr
    after = json.loads(answer.stdout)["fingerprint"]
    assert after != before
    assert {opens(fleet, connection) for connection in connections} == {after}
    assert configuration.load(fleet.config).key_fingerprint == after
    names = sorted(path.name for path in Path(fleet.settings.key_file).parent.iterdir())
    assert names == ["atlas.key", f"atlas.key.{before}.old"]
    assert fleet.count(audit_entries, audit_entries.c.action == "key.rotate") == 1


@pytest.mark.parametrize("stop_after", range(6))
def test_a_rotation_that_was_interrupted_goes_on(
    sqlite_fleet: Any, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    """Stops at each of the moments where something was just made to last, then runs it again."""
    fleet = sqlite_fleet
    connections = [fleet.connection() for _ in range(2)]
    moments = 0

    class Interrupted(Exception):
        pass

    def stopping(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            nonlocal moments
            answer = original(*arguments, **named)
            moments += 1
            if moments > stop_after:
                raise Interrupted
            return answer

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(key_files, "create", stopping(key_files.create))
        patch.setattr(configuration, "save", stopping(configuration.save))
        patch.setattr(key_rotation.resealing, "replace", stopping(key_rotation.resealing.replace))
        patch.setattr(Path, "rename", stopping(Path.rename))
        with pytest.raises(Interrupted):
            key_rotation.rotate(fleet.config)

    key = key_rotation.rotate(fleet.config)

    assert {opens(fleet, connection) for connection in connections} == {public_fingerprint(key)}
    assert configuration.load(fleet.config).key_fingerprint == public_fingerprint(key)


def test_a_running_worker_opens_what_a_rotation_resealed(sqlite_fleet: Any, start_process: Any, run: Run) -> None:
    fleet = sqlite_fleet
    connection = fleet.connection(["open"])
    start_process(fleet)
    assert fleet.until_completed(fleet.start(connection)).outcome == "succeeded"

    assert run("keys", "rotate", "--config", str(fleet.config)).returncode == 0

    run_id = fleet.start(connection)
    assert fleet.until_completed(run_id).outcome == "succeeded"
    assert [what for *_, what in fleet.calls(run_id)] == ["began", str(len(SECRET)), "ended"]


def test_a_credential_stored_during_a_rotation_is_not_overwritten(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    fleet.connection()
    old = key_rotation.resealing.sealed_for_others(fleet.db, "another key", limit=1)[0]
    with fleet.db.read() as tx:
        before = tx.run(select(credentials.c.sealed)).scalar_one()
    stale = dataclasses.replace(old, sealed=b"what was there before somebody stored another")
    assert not key_rotation.resealing.replace(fleet.db, stale, b"resealed", "key")
    with fleet.db.read() as tx:
        assert tx.run(select(credentials.c.sealed)).scalar_one() == before
