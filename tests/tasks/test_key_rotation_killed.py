"""A rotation that is killed (kill -9), again and again, before, inside and after its writes: it goes on, and no credential is lost."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, update

from storage import configuration, resealing
from storage.credential_slots import as_sealed
from storage.schema import alert_channels, credentials
from storage.sealing import SEAL_VERSION, Binding, SecretMaterial, fingerprint, seal
from storage.states import CredentialKind, CredentialOwner
from tasks import key_status
from tasks.keyring import open_keyring

CHANNEL_SECRET = "canary~alert.channel"
MANY = 120


def fill(fleet: Any) -> None:
    """Many sealed credentials of every kind of owner: connections, a platform app's row copied often, and alert channels."""
    public = fleet.settings.public_key_bytes()
    key_id = fingerprint(public)
    connection = fleet.connection()

    def work(tx: Any) -> None:
        sealed = tx.run(select(credentials).where(credentials.c.connection_id == connection)).one()
        for slot in ("staged", "previous"):
            values = {k: v for k, v in sealed._mapping.items() if k != "id"} | {"slot": slot}
            tx.run(insert(credentials).values(**values))
        for number in range(MANY):
            channel = tx.run(
                insert(alert_channels)
                .values(
                    workspace_id=fleet.workspace_id,
                    name=f"Channel {number}",
                    kind="mail",
                    settings={},
                    created_at=tx.now(),
                )
                .returning(alert_channels.c.id)
            ).scalar_one()
            binding = Binding(
                fleet.db.database_id, CredentialOwner.ALERT_CHANNEL, channel, CredentialKind.SECRET, key_id
            )
            value = seal(SecretMaterial(kind="secret", secret=f"{CHANNEL_SECRET}.{number}"), public, binding)
            tx.run(
                insert(credentials).values(
                    alert_channel_id=channel, slot="active", kind="secret", sealed=value, seal_key_id=key_id,
                    seal_version=SEAL_VERSION, stored_at=tx.now(),
                )
            )  # fmt: skip

    fleet.db.write(work)


def resealed(fleet: Any, old: str) -> int:
    with fleet.db.read() as tx:
        statement = select(func.count()).select_from(credentials).where(credentials.c.seal_key_id != old)
        return int(tx.run(statement).scalar_one())


def values(fleet: Any) -> list[str]:
    """Opens everything with the keys that are there."""
    settings = configuration.load(fleet.config)
    keyring = open_keyring(settings.key_file, environment={})
    with fleet.db.read() as tx:
        rows = tx.run(select(credentials).order_by(credentials.c.id)).all()
    return [keyring.open(as_sealed(row, fleet.db.database_id)).secret for row in rows]


def test_a_killed_rotation_goes_on_and_loses_nothing(fleet: Any, nursery: Any) -> None:
    fill(fleet)
    before, old = values(fleet), fingerprint(fleet.settings.public_key_bytes())
    for moment, number, done in (("before", 1, 0), ("before", 5, 4), ("inside", 9, 12), ("after", 99, MANY - 9)):
        killed = nursery.run("killed_rotation:main", str(fleet.config), moment, str(number))
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert resealed(fleet, old) == done
        assert values(fleet) == before, "both keys are here in the middle of it"
    assert key_status.status(fleet.config, {}).is_rotating

    last = nursery.run(
        "tasks.__main__:main", "keys", "rotate", "--config", str(fleet.config), ATLAS_KEY="", CREDENTIALS_DIRECTORY=""
    )

    assert last.returncode == 0, last.stderr
    new = json.loads(last.stdout)["fingerprint"]
    assert values(fleet) == before
    (count,) = resealing.count_by_key(fleet.db)
    assert (count.key_id, count.active, count.staged, count.previous, count.alert_channels) == (
        new,
        MANY + 1,
        1,
        1,
        MANY,
    )
    assert configuration.load(fleet.config).key_fingerprint == new
    after = key_status.status(fleet.config, {})
    assert (after.pinned, after.held, after.findings, after.is_rotating) == (new, [new], [], False)
    assert [Path(path).name for path in after.left_over] == [f"atlas.key.{old}.old"]


def test_the_status_names_what_cannot_be_opened(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    fleet.connection()
    mine = fingerprint(fleet.settings.public_key_bytes())
    with fleet.db.read() as tx:
        row = tx.run(select(credentials)).one()
    fleet.connection()
    fleet.db.write(
        lambda tx: tx.run(update(credentials).where(credentials.c.id == row.id).values(seal_key_id="f" * 32)) and None
    )
    found = key_status.status(fleet.config, {})
    assert {count.key_id: count.total for count in found.sealed} == {mine: 1, "f" * 32: 1}
    assert any("1 credentials are sealed for the key " + "f" * 32 in sentence for sentence in found.findings)


def test_the_status_without_a_key_says_so_and_is_not_all_well(sqlite_fleet: Any, capsys: Any) -> None:
    fleet = sqlite_fleet
    Path(fleet.settings.key_file).unlink()
    found = key_status.status(fleet.config, {})
    assert found.held == []
    assert "no key" in found.problem
    assert key_status.write(found, as_json=False) == 8
    assert "held here  none" in capsys.readouterr().out
    assert key_status.write(found, as_json=True) == 8
    assert json.loads(capsys.readouterr().out)["pinned"] == found.pinned


def test_the_status_of_a_sound_installation_is_all_well(sqlite_fleet: Any, capsys: Any) -> None:
    sqlite_fleet.connection()
    found = key_status.status(sqlite_fleet.config, {})
    assert key_status.write(found, as_json=False) == 0
    out = capsys.readouterr().out
    assert f"{found.pinned}: 1 active, 0 staged, 0 previous" in out
    assert "PRIVATE" not in out
