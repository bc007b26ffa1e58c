"""Slots: a rotation step by step, back again, and the old key that must still be removed at Microsoft."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from storage import credential_changes, credential_expiry, credential_owners, credentials
from storage.credential_expiry import Bucket
from storage.credential_material import from_secret
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.schema import audit_entries
from storage.schema import credentials as table
from storage.starting import AlreadyRunning, Started
from storage.states import CredentialOwner, CredentialSlot

CONNECTION, APP = CredentialOwner.CONNECTION, CredentialOwner.PLATFORM_APP


def key_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def store(fleet: Any, owner_id: int, number: int, *, owner: CredentialOwner = CONNECTION, **more: Any) -> None:
    credentials.store(
        fleet.db, fleet.dana, owner, owner_id, from_secret(f"secret~{number}"), fleet.public_key,
        client_key_id=key_id(number), **more,
    )  # fmt: skip


def keys(fleet: Any, owner_id: int, owner: CredentialOwner = CONNECTION) -> dict[str, int]:
    """Which key is in which slot, by its number."""
    column = table.c.connection_id if owner is CONNECTION else table.c.platform_app_id
    rows = fleet.rows(select(table).where(column == owner_id))
    return {row.slot: int(row.client_key_id[-4:] or 0) for row in rows}


def still_there(fleet: Any, owner_id: int, owner: CredentialOwner = CONNECTION) -> list[int]:
    found = credential_changes.reminders(fleet.db, fleet.dana, owner, owner_id)
    return [int(reminder.client_key_id[-4:] or 0) for reminder in found]


@pytest.fixture
def connection(fleet: Any) -> int:
    """A connection whose active key is number 1 and whose staged key is number 2."""
    number = int(fleet.add_connection("rotating", ready=False))
    store(fleet, number, 1)
    store(fleet, number, 2)
    fleet.set_connection(number, consent_status="granted", consent_granted_at=fleet.clock.time)
    fleet.set_connection(number, verification_status="healthy")
    return number


def test_the_check_that_carries_the_staged_one_promotes_it_and_the_old_key_is_remembered(
    fleet: Any, connection: int
) -> None:
    (started,) = credential_changes.verify(fleet.db, fleet.dana, CONNECTION, connection)
    assert isinstance(started.result, Started)
    (claim,) = fleet.take()
    assert [sealed.slot.value for sealed in claim.credentials] == ["staged", "active"]
    assert still_there(fleet, connection) == []

    fleet.finish(claim, fleet.good_report(claim, credential_slot="staged"))

    assert keys(fleet, connection) == {"active": 2, "previous": 1}
    assert fleet.truth(connection).verification_status == "healthy"
    assert still_there(fleet, connection) == [1]


def test_verifying_twice_opens_the_same_check(fleet: Any, connection: int) -> None:
    (first,) = credential_changes.verify(fleet.db, fleet.dana, CONNECTION, connection)
    (second,) = credential_changes.verify(fleet.db, fleet.dana, CONNECTION, connection)
    assert isinstance(first.result, Started)
    assert isinstance(second.result, AlreadyRunning)
    assert first.result.run.id == second.result.run.id


def test_without_a_staged_one_there_is_nothing_to_verify_or_promote(fleet: Any) -> None:
    number = fleet.connection["contoso"]
    with pytest.raises(Conflict, match="staged"):
        credential_changes.verify(fleet.db, fleet.dana, CONNECTION, number)
    with pytest.raises(Conflict, match="staged"):
        credential_changes.promote(fleet.db, fleet.dana, CONNECTION, number, reason="known good")


def test_promoting_by_hand_starts_the_verification_anew_and_says_why_in_the_trail(fleet: Any, connection: int) -> None:
    before = fleet.truth(connection)
    with pytest.raises(InvalidInput, match="reason"):
        credential_changes.promote(fleet.db, fleet.dana, CONNECTION, connection, reason="  ")

    credential_changes.promote(fleet.db, fleet.dana, CONNECTION, connection, reason="old one leaked", ticket="T-1")

    after = fleet.truth(connection)
    assert keys(fleet, connection) == {"active": 2, "previous": 1}
    assert (after.verification_status, after.generation) == ("unknown", before.generation + 1)
    assert after.consent_status == "granted"
    entry = fleet.rows(
        select(audit_entries).where(audit_entries.c.action == "credential.promote").order_by(audit_entries.c.id)
    )[-1]
    assert (entry.actor, entry.ticket) == ("dana", "T-1")
    assert b"old one leaked" in bytes(entry.canonical)


def test_rolling_back_swaps_active_and_previous_and_can_be_done_again(fleet: Any, connection: int) -> None:
    with pytest.raises(Conflict, match="no previous"):
        credential_changes.roll_back(fleet.db, fleet.dana, CONNECTION, connection)
    credential_changes.promote(fleet.db, fleet.dana, CONNECTION, connection, reason="x")
    store(fleet, connection, 3)  # a staged one is not in the way

    credential_changes.roll_back(fleet.db, fleet.dana, CONNECTION, connection)
    assert keys(fleet, connection) == {"active": 1, "previous": 2, "staged": 3}
    assert still_there(fleet, connection) == [2]
    assert fleet.truth(connection).verification_status == "unknown"

    credential_changes.roll_back(fleet.db, fleet.dana, CONNECTION, connection)
    assert keys(fleet, connection) == {"active": 2, "previous": 1, "staged": 3}
    assert still_there(fleet, connection) == [1]


def test_what_was_rolled_back_to_still_opens(fleet: Any, connection: int) -> None:
    credential_changes.promote(fleet.db, fleet.dana, CONNECTION, connection, reason="x")
    credential_changes.roll_back(fleet.db, fleet.dana, CONNECTION, connection)
    from storage.sealing import SUITE

    (active,) = fleet.begin(connection).credentials
    assert b"secret~1" in SUITE.decrypt(active.sealed, fleet.worker_key, info=active.binding.info())


def test_there_is_no_way_back_to_an_expired_key_or_to_one_that_was_removed(fleet: Any, connection: int) -> None:
    credential_changes.promote(fleet.db, fleet.dana, CONNECTION, connection, reason="x")
    fleet.write(
        update(table)
        .where(table.c.connection_id == connection, table.c.slot == "previous")
        .values(expires_at=fleet.clock.time + timedelta(days=1))
    )
    fleet.clock.advance(days=2)
    before = fleet.contents()
    with pytest.raises(Conflict, match="expired"):
        credential_changes.roll_back(fleet.db, fleet.dana, CONNECTION, connection)
    assert fleet.contents() == before
    assert still_there(fleet, connection) == []  # it has ended by itself
    fleet.write(update(table).where(table.c.slot == "previous").values(expires_at=None))
    credential_changes.confirm_removed(fleet.db, fleet.dana, CONNECTION, connection)
    with pytest.raises(Conflict, match="removed at Microsoft"):
        credential_changes.roll_back(fleet.db, fleet.dana, CONNECTION, connection)


def test_a_reminder_survives_the_third_credential_and_ends_when_it_is_confirmed(fleet: Any, connection: int) -> None:
    for number in (3, 4):
        credential_changes.promote(fleet.db, fleet.dana, CONNECTION, connection, reason="x")
        store(fleet, connection, number)
    credential_changes.promote(fleet.db, fleet.dana, CONNECTION, connection, reason="x")
    assert keys(fleet, connection) == {"active": 4, "previous": 3}
    assert still_there(fleet, connection) == [3, 2, 1]

    with pytest.raises(Conflict, match="3 old keys"):
        credential_changes.confirm_removed(fleet.db, fleet.dana, CONNECTION, connection)
    with pytest.raises(NotFound):
        credential_changes.confirm_removed(fleet.db, fleet.dana, CONNECTION, connection, key_id(9))
    credential_changes.confirm_removed(fleet.db, fleet.dana, CONNECTION, connection, key_id(1))
    credential_changes.confirm_removed(fleet.db, fleet.dana, CONNECTION, connection, "previous")
    assert still_there(fleet, connection) == [2]
    gone = credential_changes.confirm_removed(fleet.db, fleet.dana, CONNECTION, connection)
    assert gone.client_key_id == key_id(2)
    assert still_there(fleet, connection) == []


def test_a_confirmed_key_is_not_brought_up_again_by_the_next_rotation(fleet: Any, connection: int) -> None:
    credential_changes.promote(fleet.db, fleet.dana, CONNECTION, connection, reason="x")
    credential_changes.confirm_removed(fleet.db, fleet.dana, CONNECTION, connection)
    store(fleet, connection, 3)
    credential_changes.promote(fleet.db, fleet.dana, CONNECTION, connection, reason="x")
    assert still_there(fleet, connection) == [2]


def test_a_key_that_is_stored_again_is_no_old_key(fleet: Any, connection: int) -> None:
    credential_changes.remove(fleet.db, fleet.dana, CONNECTION, connection, CredentialSlot.STAGED)
    assert still_there(fleet, connection) == [2]
    store(fleet, connection, 2)
    assert still_there(fleet, connection) == []


def test_a_staged_key_that_another_pushes_out_is_remembered_unless_it_was_mistyped(fleet: Any, connection: int) -> None:
    store(fleet, connection, 3)
    assert still_there(fleet, connection) == [2]
    store(fleet, connection, 3)  # the same key with its value typed again
    assert still_there(fleet, connection) == [2]


def test_removing_the_active_one_leaves_nothing_to_sign_in_with(fleet: Any) -> None:
    number = fleet.connection["contoso"]
    before = fleet.truth(number)
    credential_changes.remove(fleet.db, fleet.dana, CONNECTION, number, CredentialSlot.ACTIVE)
    after = fleet.truth(number)
    assert keys(fleet, number) == {}
    assert (after.verification_status, after.generation) == ("unknown", before.generation + 1)
    assert still_there(fleet, number) == [0]
    result = fleet.start(number)
    assert result.reason.code == "provider_credential_missing"
    with pytest.raises(Conflict, match="no active"):
        credential_changes.remove(fleet.db, fleet.dana, CONNECTION, number, CredentialSlot.ACTIVE)


def test_removing_a_staged_one_changes_no_badge(fleet: Any, connection: int) -> None:
    before = fleet.truth(connection)
    credential_changes.remove(fleet.db, fleet.dana, CONNECTION, connection, CredentialSlot.STAGED)
    after = fleet.truth(connection)
    assert (after.verification_status, after.generation) == ("healthy", before.generation + 1)


def test_a_platform_apps_rotation_resets_nobody_and_is_tried_on_few(fleet: Any) -> None:
    store(fleet, fleet.app, 2, owner=APP)
    more = [fleet.add_connection(f"member{n}", client_id=None) for n in range(5)]
    before = fleet.truth(fleet.connection["wingtip"])

    started = credential_changes.verify(fleet.db, fleet.dana, APP, fleet.app)
    assert [check.connection_id for check in started] == [fleet.connection["wingtip"], *more[:2]]
    named = credential_changes.verify(fleet.db, fleet.dana, APP, fleet.app, connection_ids=[more[4]])
    assert [check.connection_id for check in named] == [more[4]]
    with pytest.raises(InvalidInput, match="more than 3"):
        credential_changes.verify(fleet.db, fleet.dana, APP, fleet.app, connection_ids=more)
    with pytest.raises(InvalidInput, match="does not sign in"):
        credential_changes.verify(fleet.db, fleet.dana, APP, fleet.app, connection_ids=[fleet.connection["contoso"]])

    changes: tuple[Callable[[], object], ...] = (
        lambda: credential_changes.promote(fleet.db, fleet.dana, APP, fleet.app, reason="x"),
        lambda: credential_changes.roll_back(fleet.db, fleet.dana, APP, fleet.app),
    )
    for change in changes:
        change()
        after = fleet.truth(fleet.connection["wingtip"])
        assert (after.generation, after.verification_status) == (before.generation, "healthy")
    assert still_there(fleet, fleet.app, APP) == [2]


def test_a_platform_app_that_nobody_can_try_says_so(fleet: Any) -> None:
    store(fleet, fleet.app, 2, owner=APP)
    fleet.set_connection(fleet.connection["wingtip"], is_enabled=False)
    with pytest.raises(Conflict, match="nothing can try"):
        credential_changes.verify(fleet.db, fleet.dana, APP, fleet.app)


def test_the_check_of_an_apps_connection_promotes_the_app_for_all(fleet: Any) -> None:
    for number in (2, 3):
        store(fleet, fleet.app, number, owner=APP)
        credential_changes.verify(fleet.db, fleet.dana, APP, fleet.app)
        (claim,) = fleet.take()
        fleet.finish(claim, fleet.good_report(claim, credential_slot="staged"))
    assert keys(fleet, fleet.app, APP) == {"active": 3, "previous": 2}
    assert still_there(fleet, fleet.app, APP) == [2, 0]


@pytest.mark.parametrize(
    ("login", "error"), [("omar", Forbidden), ("rita", Forbidden), ("fred", NotFound), ("zoe", NotFound)]
)
def test_only_who_manages_changes_credentials_and_nothing_is_half_written(
    sqlite_fleet: Any, login: str, error: type[Exception]
) -> None:
    fleet, who = sqlite_fleet, sqlite_fleet.people[login]
    number = fleet.connection["contoso"]
    store(fleet, number, 2)
    before = fleet.contents(without=("audit_entries", "audit_heads", "change_topics"))
    changes: tuple[Callable[[], object], ...] = (
        lambda: credential_changes.promote(fleet.db, who, CONNECTION, number, reason="x"),
        lambda: credential_changes.roll_back(fleet.db, who, CONNECTION, number),
        lambda: credential_changes.remove(fleet.db, who, CONNECTION, number, CredentialSlot.ACTIVE),
        lambda: credential_changes.confirm_removed(fleet.db, who, CONNECTION, number),
    )
    for change in changes:
        with pytest.raises(error):
            change()
    assert fleet.contents(without=("audit_entries", "audit_heads", "change_topics")) == before
    refused = fleet.count(audit_entries, audit_entries.c.outcome == "refused")
    assert refused == (4 if error is Forbidden else 0)


def test_a_rolled_back_transaction_of_a_promotion_leaves_every_slot(sqlite_fleet: Any, monkeypatch: Any) -> None:
    fleet = sqlite_fleet
    number = fleet.connection["contoso"]
    store(fleet, number, 2)
    before = fleet.contents()

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(credential_owners, "note_change", broken)
    changes: tuple[Callable[[], object], ...] = (
        lambda: credential_changes.promote(fleet.db, fleet.dana, CONNECTION, number, reason="x"),
        lambda: credential_changes.remove(fleet.db, fleet.dana, CONNECTION, number, CredentialSlot.ACTIVE),
    )
    for change in changes:
        with pytest.raises(RuntimeError):
            change()
    assert fleet.contents() == before


# Expiry


def test_what_runs_out_is_listed_by_date_and_the_unknown_is_a_bucket_of_its_own(fleet: Any) -> None:
    now = fleet.clock.time
    spans = {"gone": -1, "tomorrow": 1, "month": 30, "later": 31}
    numbers = {name: fleet.add_connection(name, ready=False) for name in spans}
    for index, (name, days) in enumerate(spans.items()):
        store(fleet, numbers[name], index, expires_at=now + timedelta(days=days))

    found = credential_expiry.expiring(fleet.db, fleet.dana, fleet.north)

    assert [(row.owner_name, row.bucket.value) for row in found.rows[:3]] == [
        ("Gone", "expired"), ("Tomorrow", "expiring"), ("Month", "expiring"),
    ]  # fmt: skip
    assert (found.expired, found.expiring, found.unknown) == (1, 2, 3)
    assert {row.owner_name for row in found.rows if row.bucket is Bucket.UNKNOWN} == {
        "Contoso",
        "Fabrikam",
        "North's app",
    }
    assert found.rows[0].days_left == -1
    wider = credential_expiry.expiring(fleet.db, fleet.dana, fleet.north, timedelta(days=31), limit=2)
    assert (wider.expiring, len(wider.rows)) == (3, 2)


def test_expiry_shows_only_what_is_within_reach(fleet: Any) -> None:
    names = {row.owner_name for row in credential_expiry.expiring(fleet.db, fleet.people["tina"], fleet.north).rows}
    assert names == {"Contoso"}
    with pytest.raises(NotFound):
        credential_expiry.expiring(fleet.db, fleet.people["zoe"], fleet.north)
    with pytest.raises(InvalidInput):
        credential_expiry.expiring(fleet.db, fleet.dana, fleet.north, timedelta(days=-1))


def test_a_reminder_holds_no_value(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    number = fleet.connection["contoso"]
    credential_changes.remove(fleet.db, fleet.dana, CONNECTION, number, CredentialSlot.ACTIVE)
    (reminder,) = credential_changes.reminders(fleet.db, fleet.dana, CONNECTION, number)
    assert set(dataclasses.asdict(reminder)) == {"reference", "client_key_id", "kind", "expires_at", "since", "is_kept"}
