"""A dashboard that was open while the key was rotated goes on sealing for the old one: nothing of that is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from storage import configuration
from storage.credential_slots import as_sealed
from storage.schema import credentials
from storage.sealing import SEAL_VERSION, Binding, SecretMaterial, fingerprint, seal
from storage.states import CredentialKind, CredentialOwner
from tasks import key_status
from tasks.keyring import open_keyring

ROOT = Path(__file__).parents[2]


def _rotate(fleet: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tasks", "keys", "rotate", "--config", str(fleet.config)],
        cwd=ROOT, env=dict(os.environ), capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_was_sealed_for_the_key_before_is_resealed_by_the_next_rotation(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    connection = fleet.connection()
    stale = fleet.settings.public_key_bytes()
    _rotate(fleet)
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
    _rotate(fleet)
    keyring = open_keyring(configuration.load(fleet.config).key_file, environment={})
    with fleet.db.read() as tx:
        rows = tx.run(select(credentials)).all()
    opened = {keyring.open(as_sealed(row, fleet.db.database_id)).secret for row in rows}
    assert "canary~late" in opened
    assert len(rows) == len(opened) == 2
    assert key_status.status(fleet.config, {}).findings == []
