"""What a finished check does to the credentials it was made with: the staged one is promoted when it passed, and only then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storage import audit_trail, connections, credentials
from storage.credential_material import from_secret
from storage.schema import credentials as credential_table
from storage.states import CredentialOwner


def slots(fleet: Any, connection: int) -> list[tuple[str, str]]:
    return [(c.slot.value, c.client_key_id) for c in connections.get(fleet.db, fleet.dana, connection).credentials]


def store(fleet: Any, owner: CredentialOwner, owner_id: int, key_id: str) -> str:
    info = credentials.store(
        fleet.db, fleet.dana, owner, owner_id, from_secret(f"value-{key_id}"), fleet.public_key, client_key_id=key_id
    )
    return str(info.slot.value)


@pytest.mark.parametrize("name", ["contoso", "wingtip"])
def test_a_staged_credential_is_promoted_by_the_check_that_carried_it(fleet: Any, name: str) -> None:
    connection = fleet.connection[name]
    owner = (CredentialOwner.CONNECTION, connection) if name == "contoso" else (CredentialOwner.PLATFORM_APP, fleet.app)
    before = fleet.badges(connection)
    assert store(fleet, *owner, "new") == "staged"
    assert fleet.badges(connection) == before
    fleet.clock.advance(seconds=1)
    claim = fleet.begin(connection)
    assert claim.credentials[0].client_key_id == "new"
    expires = fleet.clock.time + timedelta(days=90)
    report = fleet.good_report(claim, credential_slot="staged", credential_expires_at=expires)
    fleet.finish(claim, report)
    assert slots(fleet, connection) == [("active", "new"), ("previous", "")]
    assert connections.get(fleet.db, fleet.dana, connection).credentials[0].expires_at == expires
    assert any(e.action == "credential.promote" for e in audit_trail.of_connection(fleet.db, fleet.dana, connection))


def test_a_staged_credential_that_did_not_pass_stays_staged(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    store(fleet, CredentialOwner.CONNECTION, connection, "new")
    claim = fleet.begin(connection)
    fleet.finish(claim, fleet.good_report(claim, credential_slot="staged", token_passed=False))
    assert slots(fleet, connection) == [("active", ""), ("staged", "new")]
    fleet.check(connection)  # went through with the active one
    assert slots(fleet, connection) == [("active", ""), ("staged", "new")]


def test_a_credential_staged_while_the_check_ran_is_not_promoted_by_it(fleet: Any) -> None:
    connection = fleet.connection["wingtip"]
    store(fleet, CredentialOwner.PLATFORM_APP, fleet.app, "first")
    fleet.clock.advance(seconds=1)
    claim = fleet.begin(connection)
    fleet.clock.advance(seconds=1)
    store(fleet, CredentialOwner.PLATFORM_APP, fleet.app, "untested")
    fleet.clock.advance(seconds=1)
    expires = fleet.clock.time + timedelta(days=90)
    fleet.finish(claim, fleet.good_report(claim, credential_slot="staged", credential_expires_at=expires))
    assert slots(fleet, connection) == [("active", ""), ("staged", "untested")]
    staged = connections.get(fleet.db, fleet.dana, connection).credentials[1]
    assert staged.expires_at is None


def test_a_second_promotion_forgets_the_oldest(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    for key in ("second", "third"):
        store(fleet, CredentialOwner.CONNECTION, connection, key)
        fleet.clock.advance(seconds=1)
        claim = fleet.begin(connection)
        fleet.finish(claim, fleet.good_report(claim, credential_slot="staged"))
    assert slots(fleet, connection) == [("active", "third"), ("previous", "second")]
    assert fleet.count(credential_table, credential_table.c.connection_id == connection) == 2
