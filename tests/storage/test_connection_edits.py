"""Editing a connection: its name, whose app registration it signs in with, and two people at once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from storage import connection_changes, connection_edits, connection_previews, connections
from storage.capabilities import Role
from storage.edits import EditConflict
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.operations import INVENTORY_SYNC
from storage.schema import (
    audit_entries,
    connection_permissions,
    consent_requests,
    credentials,
    memberships,
    platform_apps,
    schedules,
    tenants,
)
from storage.states import Cloud

EDIT = "connection.edit"


def entries(fleet: Any, action: str) -> list[Any]:
    return fleet.rows(select(audit_entries).where(audit_entries.c.action == action, audit_entries.c.outcome == "done"))


def add_link(fleet: Any, connection: int) -> None:
    fleet.write(
        insert(consent_requests).values(
            workspace_id=fleet.north,
            connection_id=connection,
            state_hash=fleet.guid(),
            expected_tenant_id=fleet.guid(),
            client_id=fleet.guid(),
            redirect_uri="http://localhost/atlas-consent",
            status="open",
            created_at=fleet.clock.time,
            expires_at=fleet.clock.time,
        )
    )


def test_a_new_name_is_only_a_name(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    before = fleet.truth(connection)
    row = connection_edits.edit(fleet.db, fleet.dana, connection, {"display_name": " Graph  main "}, ticket="CHG-7")
    after = fleet.truth(connection)
    assert row.display_name == "Graph main"
    assert after.sort_name == "contoso\x1fgraph main\x1fcontoso.example"
    kept = ("generation", "consent_status", "verification_status", "client_id", "consent_granted_at")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    assert [(entry.ticket, entry.actor) for entry in entries(fleet, EDIT)] == [("CHG-7", "dana")]


def test_an_edit_that_changes_nothing_writes_nothing(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    connection, before = fleet.connection["contoso"], fleet.contents()
    same = connection_edits.fields(fleet.db, fleet.dana, connection)
    assert connection_edits.consequences(fleet.db, fleet.dana, connection, same).sentences == ("Nothing changes.",)
    connection_edits.edit(fleet.db, fleet.dana, connection, same, seen=same)
    assert fleet.contents() == before


def test_another_client_id_is_another_identity(fleet: Any) -> None:
    connection, other = fleet.connection["contoso"], fleet.guid()
    fleet.set_permissions(connection, {"User.Read.All": True})
    add_link(fleet, connection)
    before = fleet.truth(connection)

    told = connection_edits.consequences(fleet.db, fleet.dana, connection, {"client_id": other})
    connection_edits.edit(fleet.db, fleet.dana, connection, {"client_id": other.upper()})

    after = fleet.truth(connection)
    assert (after.client_id, after.generation) == (other, before.generation + 1)
    assert (after.consent_status, after.verification_status) == ("unknown", "unknown")
    assert (after.consent_granted_at, after.consent_manifest_version, after.last_reason_code) == (None, None, None)
    assert (after.is_enabled, after.is_default) == (before.is_enabled, before.is_default)
    assert fleet.count(credentials, credentials.c.connection_id == connection) == 0
    assert fleet.count(connection_permissions, connection_permissions.c.connection_id == connection) == 0
    assert [row.status for row in fleet.rows(select(consent_requests))] == ["revoked"]
    assert told.hurts
    text = " ".join(told.sentences)
    for word in ("1 credential", "destroyed", "stays valid", "Consent becomes unknown", "Verification becomes unknown"):
        assert word in text


def test_a_dedicated_connection_becomes_platform_and_back(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    row = connection_edits.edit(fleet.db, fleet.dana, connection, {"connection_type": "platform"})
    truth = fleet.truth(connection)
    assert (row.connection_type, truth.client_id, truth.platform_app_id) == ("platform", None, fleet.app)
    assert (truth.consent_status, truth.verification_status) == ("unknown", "unknown")

    with pytest.raises(InvalidInput, match="client id: is needed"):
        connection_edits.edit(fleet.db, fleet.dana, connection, {"connection_type": "dedicated"})
    own = fleet.guid()
    connection_edits.edit(fleet.db, fleet.dana, connection, {"connection_type": "dedicated", "client_id": own})
    truth = fleet.truth(connection)
    assert (truth.connection_type, truth.client_id, truth.platform_app_id) == ("dedicated", own, None)
    assert truth.generation == 4  # the first secret, and two identities
    assert fleet.count(credentials, credentials.c.platform_app_id == fleet.app) == 1, (
        "the app's credential is the app's"
    )


def test_platform_needs_a_platform_app_of_the_tenants_cloud(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    connection = fleet.add_connection("sovereign", cloud=Cloud.CHINA)
    before = fleet.contents()
    with pytest.raises(InvalidInput, match="no platform app for china"):
        connection_edits.edit(fleet.db, fleet.dana, connection, {"connection_type": "platform"})
    assert fleet.contents() == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"display_name": " "}, "connection name"),
        ({"display_name": "x" * 201}, "connection name"),
        ({"display_name": "a\x1b[2Jb"}, "connection name"),
        ({"connection_type": "shared"}, "connection type"),
        ({"client_id": "not-a-guid"}, "client id"),
        ({"client_id": ""}, "client id"),
        ({"connection_type": "platform", "client_id": "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"}, "client id"),
        ({"is_default": "yes"}, "is_default"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_written(sqlite_fleet: Any, changes: dict[str, str], field: str) -> None:
    fleet = sqlite_fleet
    before = fleet.contents()
    with pytest.raises(InvalidInput) as caught:
        connection_edits.edit(fleet.db, fleet.dana, fleet.connection["contoso"], {"display_name": "Fine"} | changes)
    assert caught.value.field == field
    assert fleet.contents() == before


def test_the_platform_apps_client_id_is_no_dedicated_one(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    taken = fleet.one(select(platform_apps.c.client_id))
    with pytest.raises(InvalidInput, match="platform app's"):
        connection_edits.edit(fleet.db, fleet.dana, fleet.connection["contoso"], {"client_id": taken})
    with pytest.raises(InvalidInput, match="platform app's"):
        connection_changes.create(fleet.db, fleet.dana, fleet.tenant["contoso"], client_id=taken)


def test_two_people_edit_different_fields_and_nothing_is_lost(fleet: Any) -> None:
    connection, other = fleet.connection["contoso"], fleet.guid()
    seen = connection_edits.fields(fleet.db, fleet.people["mona"], connection)
    connection_edits.edit(fleet.db, fleet.dana, connection, {"client_id": other}, seen=seen)
    connection_edits.edit(fleet.db, fleet.people["mona"], connection, seen | {"display_name": "Main"}, seen=seen)
    truth = fleet.truth(connection)
    assert (truth.client_id, truth.display_name) == (other, "Main")


def test_the_second_of_two_who_edit_the_same_field_is_told_what_changed_and_by_whom(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    seen = connection_edits.fields(fleet.db, fleet.people["mona"], connection)
    connection_edits.edit(fleet.db, fleet.dana, connection, {"display_name": "Dana's"}, seen=seen)
    before = fleet.contents()
    for attempt in (connection_edits.edit, connection_edits.consequences):
        with pytest.raises(EditConflict) as caught:
            attempt(fleet.db, fleet.people["mona"], connection, {"display_name": "Mona's"}, seen=seen)
        assert caught.value.theirs == {"display_name": ("Microsoft", "Dana's")}
        assert caught.value.by is not None
        assert caught.value.by.actor == "dana"
    assert fleet.contents() == before


def test_a_role_removed_while_the_form_is_open_refuses_the_save(fleet: Any) -> None:
    connection, mona = fleet.connection["contoso"], fleet.people["mona"]
    seen = connection_edits.fields(fleet.db, mona, connection)
    fleet.write(update(memberships).where(memberships.c.user_id == mona.user_id).values(role=Role.READONLY.value))
    with pytest.raises(Forbidden):
        connection_edits.edit(fleet.db, mona, connection, {"display_name": "Late"}, seen=seen)
    fleet.write(update(memberships).where(memberships.c.user_id == mona.user_id).values(revoked_at=fleet.clock.time))
    with pytest.raises(NotFound):
        connection_edits.edit(fleet.db, mona, connection, {"display_name": "Late"}, seen=seen)
    assert fleet.truth(connection).display_name == "Microsoft"
    refusals = fleet.rows(select(audit_entries).where(audit_entries.c.outcome == "refused"))
    assert [(entry.action, entry.actor) for entry in refusals] == [(EDIT, "mona")]


def test_a_disabled_connection_can_be_edited_and_stays_disabled(sqlite_fleet: Any) -> None:
    fleet, connection = sqlite_fleet, sqlite_fleet.connection["contoso"]
    connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
    connection_edits.edit(fleet.db, fleet.dana, connection, {"client_id": fleet.guid(), "display_name": "Parked"})
    truth = fleet.truth(connection)
    assert (truth.is_enabled, truth.display_name, truth.consent_status) == (False, "Parked", "unknown")


def test_a_check_that_ran_under_the_old_identity_changes_no_badge(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    told = connection_edits.consequences(fleet.db, fleet.dana, connection, {"client_id": fleet.guid()})
    assert any(f"#{claim.held.run_id} goes on" in sentence for sentence in told.sentences)
    connection_edits.edit(fleet.db, fleet.dana, connection, {"client_id": fleet.guid()})
    fleet.finish(claim)
    truth = fleet.truth(connection)
    assert (truth.consent_status, truth.consent_granted_at) == ("unknown", None)
    assert truth.verification_status in ("unknown", "pending")


def test_an_archived_tenants_connections_are_left_alone(sqlite_fleet: Any) -> None:
    fleet, connection = sqlite_fleet, sqlite_fleet.connection["contoso"]
    connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
    fleet.write(update(tenants).where(tenants.c.id == fleet.tenant["contoso"]).values(lifecycle="archived"))
    for change in (
        lambda: connection_edits.edit(fleet.db, fleet.dana, connection, {"display_name": "X"}),
        lambda: connection_changes.set_enabled(fleet.db, fleet.dana, connection, True),
        lambda: connection_previews.preview_enable(fleet.db, fleet.dana, connection),
        lambda: connection_changes.create(fleet.db, fleet.dana, fleet.tenant["contoso"]),
    ):
        with pytest.raises(Conflict, match="archived"):
            change()


def test_disabling_is_spelled_out_and_does_what_was_said(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.write(
        insert(schedules).values(
            workspace_id=fleet.north,
            type=INVENTORY_SYNC,
            name="Nightly",
            scope_kind="workspace",
            cron="0 2 * * *",
            time_zone="UTC",
            created_at=fleet.clock.time,
            updated_at=fleet.clock.time,
        )
    )
    queued = fleet.start(connection).run.id
    waiting = fleet.start(connection, INVENTORY_SYNC, run_after=True).waiting.id

    told = connection_previews.preview_disable(fleet.db, fleet.dana, connection)
    text = " ".join(told.sentences)
    assert told.hurts
    for word in (
        f"#{queued} by dana is queued: it is cancelled",
        f"#{waiting} by dana is waiting",
        "2 schedules",
        "only",
    ):
        assert word in text, text
    assert "consent granted, verification healthy" in text

    connection_changes.set_enabled(fleet.db, fleet.dana, connection, False)
    assert fleet.unfinished(connection) == []
    row = connections.get(fleet.db, fleet.dana, connection).row
    assert (row.is_enabled, row.consent_status, row.verification_status) == (False, "granted", "healthy")
    assert not connection_previews.preview_disable(fleet.db, fleet.dana, connection).hurts
    again = connection_previews.preview_enable(fleet.db, fleet.dana, connection)
    assert "Verification becomes unknown (it is healthy)" in " ".join(again.sentences)


def test_a_preview_is_for_whoever_may_do_it(sqlite_fleet: Any) -> None:
    fleet, connection = sqlite_fleet, sqlite_fleet.connection["contoso"]
    for preview in (
        connection_previews.preview_disable,
        connection_previews.preview_enable,
        connection_edits.fields,
    ):
        with pytest.raises(Forbidden):
            preview(fleet.db, fleet.people["rita"], connection)
        with pytest.raises(NotFound):
            preview(fleet.db, fleet.people["zoe"], connection)
    fleet.write(delete(memberships).where(memberships.c.user_id == fleet.people["gina"].user_id))
    with pytest.raises(NotFound):
        connection_previews.preview_disable(fleet.db, fleet.people["gina"], connection)
