"""A dashboard that was open while the key was rotated goes on sealing for the old one: nothing of that is lost."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from storage import configuration
from storage.credential_slots import as_sealed
from storage.schema import credentials
from storage.sealing import SEAL_VERSION, Binding, SecretMaterial, fingerprint, seal
from storage.states import CredentialKind, CredentialOwner
from tasks import key_status
from tasks.keyring import open_keyring


def _rotate(fleet: Any, nursery: Any) -> None:
    done = nursery.run("tasks.__main__:main", "keys", "rotate", "--config", str(fleet.config))
    assert done.returncode == 0, done.stderr


def test_what_was_sealed_for_the_key_before_is_resealed_by_the_next_rotation(sqlite_fleet: Any, nursery: Any) -> None:
    fleet = sqlite_fleet
    connection = fleet.connection()
    stale = fleet.settings.public_key_bytes()
    _rotate(fleet, nursery)
    binding = Binding(
        fleet.db.database_id, CredentialOwner.CONNECTION, connection, CredentialKind.SECRET, fingerprint(stale)
    )
    late = seal(SecretMaterial(kind="secret", secret="canary~late"), stale, binding)
    fleet.db.write(
        lambda tx: tx.run(
            insert(credentials).values(
                connection_id=connection, slot="staged", kind="secret", sealed=late, seal_version=SEAL_VERSION,
                seal_key_id=fingerprint(stale), stored_at=tx.now(),
            )
        ) and None
    )  # fmt: skip
    (finding,) = key_status.status(fleet.config, {}).findings
    assert "atlas-tui keys rotate" in finding
    _rotate(fleet, nursery)
    keyring = open_keyring(configuration.load(fleet.config).key_file, environment={})
    with fleet.db.read() as tx:
        rows = tx.run(select(credentials)).all()
    opened = {keyring.open(as_sealed(row, fleet.db.database_id)).secret for row in rows}
    assert "canary~late" in opened
    assert len(rows) == len(opened) == 2
    assert key_status.status(fleet.config, {}).findings == []
