"""Which connection a tenant's operations use, and that the start gate says the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from storage import connection_changes, resolver, starting
from storage.errors import InvalidInput, NotFound
from storage.operations import DIRECTORY_SYNC
from storage.resolver import Resolved, Unresolved
from storage.schema import credentials, provider_connections, tenants
from storage.starting import Blocked
from storage.states import ConsentStatus, CredentialSlot, VerificationStatus

# What is wrong, and which reason speaks when several things are: each row has everything wrong that the rows below it have.
ORDER = [
    ({"tenant": "archived"}, "tenant_archived"),
    ({"is_enabled": False}, "provider_connection_disabled"),
    ({"connection_type": "platform", "platform_app_id": None, "client_id": None}, "platform_app_missing"),
    ({"credential": None}, "provider_credential_missing"),
    ({"consent_status": "revoked"}, "provider_consent_revoked"),
    ({"verification_status": "blocked", "last_reason_code": "secret_expired"}, "secret_expired"),
]


def spoil(fleet: Any, connection: int, wrong: dict[str, Any]) -> None:
    columns = dict(wrong)
    if columns.pop("tenant", None):
        fleet.write(update(tenants).where(tenants.c.id == fleet.tenant["contoso"]).values(lifecycle="archived"))
    if "credential" in columns:
        columns.pop("credential")
        fleet.write(delete(credentials).where(credentials.c.connection_id == connection))
    if columns:
        fleet.set_connection(connection, **columns)


def resolve(fleet: Any, key: str = "contoso", login: str = "dana") -> Resolved | Unresolved:
    return resolver.resolve(fleet.db, fleet.people[login], fleet.tenant[key])


def test_a_usable_default_is_found(fleet: Any) -> None:
    found = resolve(fleet)
    assert isinstance(found, Resolved)
    assert found.connection.id == fleet.connection["contoso"]
    assert isinstance(resolve(fleet, "wingtip"), Resolved), "a platform connection uses its app's credential"


def test_a_tenant_without_a_connection_says_so(fleet: Any) -> None:
    fleet.add_tenant("bare")
    found = resolve(fleet, "bare")
    assert isinstance(found, Unresolved)
    assert (found.reason, found.connection) == ("provider_connection_missing", None)
    assert "Create a connection" in found.next_step


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_of_several_things_the_first_of_the_order_speaks(sqlite_fleet: Any, first: int) -> None:
    for wrong, _ in ORDER[first:]:
        spoil(sqlite_fleet, sqlite_fleet.connection["contoso"], wrong)
    found = resolve(sqlite_fleet)
    assert isinstance(found, Unresolved)
    assert found.reason == ORDER[first][1]


@pytest.mark.parametrize(
    ("consent", "reason"),
    [
        ("unknown", "provider_consent_missing"),
        ("required", "provider_consent_missing"),
        ("failed", "provider_consent_failed"),
        ("revoked", "provider_consent_revoked"),
    ],
)
def test_each_consent_that_is_not_granted_has_its_reason(sqlite_fleet: Any, consent: str, reason: str) -> None:
    sqlite_fleet.set_connection(sqlite_fleet.connection["contoso"], consent_status=consent)
    found = resolve(sqlite_fleet)
    assert isinstance(found, Unresolved)
    assert found.reason == reason


def test_another_connection_is_never_taken_instead(fleet: Any) -> None:
    spare = fleet.add_connection("contoso")
    connection_changes.set_enabled(fleet.db, fleet.dana, fleet.connection["contoso"], False)
    found = resolve(fleet)
    assert isinstance(found, Unresolved)
    assert (found.reason, found.connection.id) == ("provider_connection_disabled", fleet.connection["contoso"])
    connection_changes.set_default(fleet.db, fleet.dana, spare)
    found = resolve(fleet)
    assert isinstance(found, Resolved)
    assert found.connection.id == spare


def test_who_cannot_mend_it_reads_who_can(sqlite_fleet: Any) -> None:
    connection_changes.set_enabled(sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.connection["contoso"], False)
    manager, reader = resolve(sqlite_fleet, login="mona"), resolve(sqlite_fleet, login="rita")
    assert isinstance(manager, Unresolved)
    assert isinstance(reader, Unresolved)
    assert "dana (Owner)" in reader.next_step
    assert "Ask" not in manager.next_step


def test_a_tenant_one_may_not_see_does_not_exist_and_a_provider_must_be_registered(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    for login in ("zoe", "fred", "pat"):
        with pytest.raises(NotFound):
            resolve(fleet, login=login)
    with pytest.raises(InvalidInput, match="provider"):
        resolver.resolve(fleet.db, fleet.dana, fleet.tenant["contoso"], "google")


@given(
    archived=st.booleans(),
    is_enabled=st.booleans(),
    consent=st.sampled_from(list(ConsentStatus)),
    verification=st.sampled_from(list(VerificationStatus)),
    reason=st.sampled_from([None, "secret_expired", "no_such_reason"]),
    slots=st.sets(st.sampled_from([slot.value for slot in CredentialSlot])),
    platform=st.booleans(),
)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_resolver_and_the_start_gate_agree(
    sqlite_fleet: Any,
    archived: bool,
    is_enabled: bool,
    consent: ConsentStatus,
    verification: VerificationStatus,
    reason: str | None,
    slots: set[str],
    platform: bool,
) -> None:
    fleet, connection = sqlite_fleet, sqlite_fleet.connection["contoso"]
    lives = update(tenants).where(tenants.c.id == fleet.tenant["contoso"])
    fleet.write(lives.values(lifecycle="active"))  # an archived one takes no credential
    fleet.write(delete(credentials).where(credentials.c.connection_id == connection))
    fleet.set_connection(connection, connection_type="dedicated", platform_app_id=None)
    for slot in sorted(slots):
        fleet.store_secret(connection)
        newest = (
            select(credentials.c.id).where(credentials.c.connection_id == connection).order_by(credentials.c.id.desc())
        )
        chosen = fleet.rows(newest)[0].id
        fleet.write(update(credentials).where(credentials.c.id == chosen).values(slot=slot))
    fleet.set_connection(
        connection,
        is_enabled=is_enabled,
        consent_status=consent.value,
        verification_status=verification.value,
        last_reason_code=reason,
        connection_type="platform" if platform else "dedicated",
        platform_app_id=fleet.app if platform else None,
    )
    fleet.write(lives.values(lifecycle="archived" if archived else "active"))
    gate = starting.preview(fleet.db, fleet.dana, connection, DIRECTORY_SYNC)
    found = resolve(fleet)
    if isinstance(found, Resolved):
        assert gate is None
        assert found.connection.id == connection
    else:
        assert isinstance(gate, Blocked)
        assert (gate.reason.code, gate.sentence) == (found.reason, found.sentence)
    stored = fleet.rows(select(provider_connections.c.is_default).where(provider_connections.c.id == connection))
    assert stored[0].is_default, "asking changes nothing"
