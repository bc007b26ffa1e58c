"""The three dimensions are independent: each changes by what the product's rule names for it, and by nothing else.

The rule stands here a second time: what may change each column, and to what.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import (
    connection_changes,
    connection_edits,
    connection_removal,
    connections,
    credentials,
    platform_app_changes,
    platform_app_checks,
)
from storage.connection_changes import set_default, set_enabled
from storage.credential_material import from_secret
from storage.errors import Conflict
from storage.operations import CONNECTION_CHECK, DIRECTORY_SYNC
from storage.states import ConsentStatus, CredentialOwner, VerificationStatus

DIMENSIONS = ("is_enabled", "consent_status", "verification_status")


def _store(fleet: Any, connection: int) -> None:
    credentials.store(
        fleet.db, fleet.dana, CredentialOwner.CONNECTION, connection, from_secret("another~one"), fleet.public_key
    )


# What a mutation may leave in each dimension; a dimension that is not named stays as it was.
MUTATIONS: dict[str, tuple[Callable[[Any, int], Any], dict[str, set[Any]]]] = {
    "enable": (
        lambda f, c: set_enabled(f.db, f.dana, c, True),
        {"is_enabled": {True}, "verification_status": {"unknown"}},
    ),
    "disable": (lambda f, c: set_enabled(f.db, f.dana, c, False), {"is_enabled": {False}}),
    "rename": (lambda f, c: connection_edits.edit(f.db, f.dana, c, {"display_name": "Renamed"}), {}),
    "another client id": (
        lambda f, c: connection_edits.edit(f.db, f.dana, c, {"client_id": f.guid()}),
        {"consent_status": {"unknown"}, "verification_status": {"unknown"}},
    ),
    "set default": (lambda f, c: set_default(f.db, f.dana, c), {}),
    "record consent": (
        lambda f, c: connection_changes.record_consent(f.db, f.dana, c),
        {"consent_status": {"granted"}, "verification_status": {"pending"}},
    ),
    "revoke consent": (
        lambda f, c: connection_removal.revoke_consent(f.db, f.dana, c),
        {"consent_status": {"revoked"}},
    ),
    "stage a credential": (_store, {}),
    "start a check": (lambda f, c: f.start(c, CONNECTION_CHECK), {"verification_status": {"pending"}}),
    "start an operation": (lambda f, c: f.start(c, DIRECTORY_SYNC), {}),
    "give another app another client id": (
        lambda f, _: platform_app_changes.edit(f.db, f.dana, f.app, {"display_name": "App", "client_id": f.guid()}),
        {},
    ),
    "verify the app": (lambda f, c: platform_app_checks.verify(f.db, f.dana, f.app, [f.connection["wingtip"]]), {}),
    "look at it": (lambda f, c: connections.get(f.db, f.dana, c), {}),
}


def truth(fleet: Any, connection: int) -> dict[str, Any]:
    row = fleet.truth(connection)
    return {name: getattr(row, name) for name in DIMENSIONS}


@pytest.mark.parametrize(
    ("is_enabled", "consent", "verification"),
    list(itertools.product((True, False), ConsentStatus, VerificationStatus)),
)
def test_every_combination_is_shown_as_it_is(
    sqlite_fleet: Any, is_enabled: bool, consent: ConsentStatus, verification: VerificationStatus
) -> None:
    connection = sqlite_fleet.connection["contoso"]
    sqlite_fleet.set_connection(
        connection, is_enabled=is_enabled, consent_status=consent.value, verification_status=verification.value
    )
    row = connections.get(sqlite_fleet.db, sqlite_fleet.dana, connection).row
    assert (row.is_enabled, row.consent_status, row.verification_status) == (is_enabled, consent, verification)


@given(
    is_enabled=st.booleans(),
    consent=st.sampled_from(list(ConsentStatus)),
    verification=st.sampled_from(list(VerificationStatus)),
    names=st.lists(st.sampled_from(sorted(MUTATIONS)), min_size=1, max_size=6),
)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_mutation_changes_a_dimension_that_is_not_its_own(
    sqlite_fleet: Any, is_enabled: bool, consent: ConsentStatus, verification: VerificationStatus, names: list[str]
) -> None:
    fleet = sqlite_fleet
    connection = fleet.add_connection(f"t{fleet.guid()[-10:]}")
    fleet.set_connection(
        connection, is_enabled=is_enabled, consent_status=consent.value, verification_status=verification.value
    )
    for name in names:
        change, allowed = MUTATIONS[name]
        before = truth(fleet, connection)
        with contextlib.suppress(Conflict):
            change(fleet, connection)
        after = truth(fleet, connection)
        for dimension in DIMENSIONS:
            if after[dimension] != before[dimension]:
                assert after[dimension] in allowed.get(dimension, set()), f"{name} made {dimension} {after[dimension]}"
                if name == "start a check":
                    assert before[dimension] == "unknown"


def test_a_credential_that_is_used_at_once_makes_the_verification_unknown_and_a_staged_one_does_not(fleet: Any) -> None:
    connection = fleet.add_connection("fresh", ready=False)
    fleet.set_connection(connection, consent_status="granted", verification_status="blocked")
    _store(fleet, connection)
    assert truth(fleet, connection)["verification_status"] == "unknown"
    fleet.set_connection(connection, verification_status="healthy")
    _store(fleet, connection)
    assert truth(fleet, connection) == {
        "is_enabled": True,
        "consent_status": "granted",
        "verification_status": "healthy",
    }


def test_disabled_granted_and_healthy_at_once_stays_so_through_everything_that_is_refused(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
    contradiction = {"is_enabled": False, "consent_status": "granted", "verification_status": "healthy"}
    assert truth(fleet, connection) == contradiction
    fleet.start(connection)
    fleet.start(connection, DIRECTORY_SYNC)
    with pytest.raises(Conflict, match="disabled"):
        connection_changes.record_consent(fleet.db, fleet.dana, connection)
    connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
    assert truth(fleet, connection) == contradiction
