"""What is archived or offboarded holds nothing new, and forgets nothing that must still be done at Microsoft."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import text

from storage import (
    connection_changes,
    credential_changes,
    credentials,
    fleet_writing,
    offboarding,
    onboarding,
    tenant_archive,
)
from storage.credential_material import from_secret
from storage.errors import AtlasError, Conflict
from storage.schema import credentials as table
from storage.schema import onboardings, provider_connections
from storage.schema import tenants as tenant_table
from storage.states import CredentialOwner, CredentialSlot
from storage.tenants import lock_with_connections

CONNECTION = CredentialOwner.CONNECTION


def _offboarded(fleet: Any) -> int:
    offboarding.offboard(fleet.db, fleet.dana, fleet.tenant["contoso"])
    return int(fleet.connection["contoso"])


def test_no_credential_is_stored_for_a_tenant_that_was_said_goodbye_to(fleet: Any) -> None:
    connection = _offboarded(fleet)
    with pytest.raises(Conflict, match="archived"):
        fleet.store_secret(connection)
    assert fleet.count(table, table.c.connection_id == connection) == 0


def test_keys_that_offboarding_destroyed_stay_a_reminder(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    credential_changes.remove(fleet.db, fleet.dana, CONNECTION, connection, CredentialSlot.ACTIVE)
    named = {"client_key_id": fleet.guid()}
    credentials.store(fleet.db, fleet.dana, CONNECTION, connection, from_secret("newer"), fleet.public_key, **named)
    _offboarded(fleet)
    found = credential_changes.reminders(fleet.db, fleet.dana, CONNECTION, connection)
    assert named["client_key_id"] in {reminder.client_key_id for reminder in found}
    offboarding.restore(fleet.db, fleet.dana, fleet.tenant["contoso"])
    assert found == credential_changes.reminders(fleet.db, fleet.dana, CONNECTION, connection)


def test_what_lost_its_credential_is_verified_no_more(fleet: Any) -> None:
    fleet.connection["platform"] = fleet.connection["wingtip"]
    for name, expected in (("contoso", "unknown"), ("wingtip", "healthy")):
        before = fleet.truth(fleet.connection[name])
        offboarding.offboard(fleet.db, fleet.dana, fleet.tenant[name])
        after = fleet.truth(fleet.connection[name])
        assert (after.consent_status, after.verification_status) == ("granted", expected)
        assert after.generation == before.generation + 1


def _while_locked(fleet: Any, change: Any, other: Any) -> Any:
    """Runs `other` in a thread that comes while `change` is under way and not committed; returns what it gave or raised."""
    answer: list[Any] = []

    def come() -> None:
        try:
            answer.append(other())
        except AtlasError as error:
            answer.append(error)

    thread = threading.Thread(target=come)

    def work(tx: Any) -> None:
        change(tx)
        if not thread.is_alive() and not answer:
            thread.start()
        if tx.is_sqlite:
            return  # nobody else writes, or even begins to
        end = time.monotonic() + 60
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")
        while not answer and not tx.run(waiting).scalar_one() and time.monotonic() < end:
            thread.join(0.02)

    fleet.db.write(work)
    thread.join(60)
    return answer[0]


def test_a_connection_that_comes_while_its_tenant_is_archived_is_refused(fleet: Any) -> None:
    lonely = fleet.add_tenant("lonely")

    def archive(tx: Any) -> None:
        lock_with_connections(tx, lonely)
        tx.run(tenant_table.update().where(tenant_table.c.id == lonely).values(lifecycle="archived"))

    answer = _while_locked(
        fleet, archive, lambda: connection_changes.create(fleet.db, fleet.dana, lonely, client_id=fleet.guid())
    )
    assert isinstance(answer, Conflict), answer
    assert fleet.count(provider_connections, provider_connections.c.tenant_id == lonely) == 0


def test_a_connection_that_comes_while_its_tenant_is_renamed_is_found_by_the_new_name(fleet: Any) -> None:
    lonely = fleet.add_tenant("lonely")

    def rename(tx: Any) -> None:
        fleet_writing.lock_for_import(tx, [lonely])
        fleet_writing.write_fleet(tx, fleet.dana, fleet.north, {}, {lonely: {"name": "Renamed"}})

    made = _while_locked(
        fleet, rename, lambda: connection_changes.create(fleet.db, fleet.dana, lonely, client_id=fleet.guid())
    )
    assert fleet.truth(made.id).sort_name.startswith("renamed")


def test_an_onboarding_that_comes_while_its_tenant_is_archived_is_refused(fleet: Any) -> None:
    lonely = fleet.add_tenant("lonely")

    def archive(tx: Any) -> None:
        lock_with_connections(tx, lonely)
        tx.run(tenant_table.update().where(tenant_table.c.id == lonely).values(lifecycle="archived"))

    answer = _while_locked(fleet, archive, lambda: onboarding.begin(fleet.db, fleet.dana, lonely))
    assert isinstance(answer, Conflict), answer
    assert fleet.count(onboardings) == 0


def test_an_archived_tenant_is_not_brought_on_behind_its_back(fleet: Any) -> None:
    lonely = fleet.add_tenant("lonely")
    begun = onboarding.begin(fleet.db, fleet.dana, lonely)
    tenant_archive.archive(fleet.db, fleet.dana, lonely)
    assert onboarding.cancel(fleet.db, fleet.dana, begun.id, "archived").status == "cancelled"
