"""Taking things away: deleting a connection that never ran, revoking consent on our side, writing down a consent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from storage import connection_changes, connection_removal, connections
from storage.errors import Conflict, Forbidden, NotFound
from storage.operations import DIRECTORY_SYNC
from storage.schema import audit_entries, credentials, provider_connections
from storage.starting import Blocked
from storage.verification import MANIFEST_VERSION


def draft_of(fleet: Any, key: str = "contoso") -> int:
    """A second connection that never ran, with a secret."""
    draft = fleet.add_connection(key, ready=False)
    fleet.store_secret(draft)
    return int(draft)


def test_a_draft_is_deleted_with_its_credentials_and_the_trail_keeps_it(fleet: Any) -> None:
    draft = draft_of(fleet)
    told = connection_removal.preview_delete(fleet.db, fleet.dana, draft)
    assert "1 credential here is destroyed" in " ".join(told.sentences)

    connection_removal.delete_draft(fleet.db, fleet.dana, draft, ticket="CHG-2")

    with pytest.raises(NotFound):
        connections.get(fleet.db, fleet.dana, draft)
    assert fleet.count(credentials, credentials.c.connection_id == draft) == 0
    (entry,) = fleet.rows(select(audit_entries).where(audit_entries.c.action == "connection.delete"))
    detail = msgspec.json.decode(entry.canonical)["detail"]
    assert (entry.target_id, entry.ticket, entry.tenant_id) == (str(draft), "CHG-2", fleet.tenant["contoso"])
    assert (detail["name"], detail["credentials_destroyed"]) == ("Microsoft", 1)
    with pytest.raises(NotFound):
        connection_removal.delete_draft(fleet.db, fleet.dana, draft)


def test_what_ever_ran_stays(fleet: Any) -> None:
    draft = draft_of(fleet)
    fleet.check(draft)
    before = fleet.contents()
    for refused in (connection_removal.delete_draft, connection_removal.preview_delete):
        with pytest.raises(Conflict, match="has run"):
            refused(fleet.db, fleet.dana, draft)
    assert fleet.contents() == before


def test_the_default_stays_while_there_are_others_and_may_go_as_the_last(fleet: Any) -> None:
    tenant = fleet.add_tenant("empty")
    first = fleet.add_connection("empty", ready=False)
    second = fleet.add_connection("empty", ready=False)
    with pytest.raises(Conflict, match="default"):
        connection_removal.delete_draft(fleet.db, fleet.dana, first)
    connection_changes.set_default(fleet.db, fleet.dana, second)
    connection_removal.delete_draft(fleet.db, fleet.dana, first)
    connection_removal.delete_draft(fleet.db, fleet.dana, second)
    assert fleet.count(provider_connections, provider_connections.c.tenant_id == tenant) == 0
    assert connection_changes.create(fleet.db, fleet.dana, tenant, client_id=fleet.guid()).is_default


def test_who_may_not_manage_deletes_and_revokes_nothing(sqlite_fleet: Any) -> None:
    fleet, draft = sqlite_fleet, draft_of(sqlite_fleet)
    for change in (connection_removal.delete_draft, connection_removal.revoke_consent):
        for login, error in (("omar", Forbidden), ("rita", Forbidden), ("fred", NotFound), ("zoe", NotFound)):
            with pytest.raises(error):
                change(fleet.db, fleet.people[login], draft)
    assert fleet.truth(draft).consent_status == "unknown"


def test_revoking_changes_consent_alone_and_says_what_it_cannot_do(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    before = fleet.truth(connection)
    told = " ".join(connection_removal.preview_revoke(fleet.db, fleet.dana, connection).sentences)
    assert "still stands at Microsoft" in told
    assert "A later check" in told

    row = connection_removal.revoke_consent(fleet.db, fleet.dana, connection, ticket="CHG-3")

    after = fleet.truth(connection)
    assert (row.consent_status, after.generation) == ("revoked", before.generation + 1)
    assert (after.is_enabled, after.verification_status) == (before.is_enabled, before.verification_status)
    blocked = fleet.start(connection, DIRECTORY_SYNC)
    assert isinstance(blocked, Blocked)
    assert blocked.reason.code == "provider_consent_revoked"

    unchanged = fleet.contents(without=("operation_runs",))
    connection_removal.revoke_consent(fleet.db, fleet.dana, connection)
    assert fleet.contents(without=("operation_runs",)) == unchanged, "revoking twice changed something"

    fleet.check(connection)
    truth = fleet.truth(connection)
    assert (truth.consent_status, truth.consent_manifest_version) == ("granted", MANIFEST_VERSION)


def test_a_recorded_consent_remembers_what_the_manifest_asked_for(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.set_connection(connection, consent_status="required", consent_manifest_version=None)
    row = connection_changes.record_consent(fleet.db, fleet.dana, connection)
    assert (row.consent_status, row.verification_status) == ("granted", "pending")
    assert connections.get(fleet.db, fleet.dana, connection).consent_manifest_version == MANIFEST_VERSION
    assert [run.type for run in fleet.unfinished(connection)] == ["provider.connection.check"]


def test_a_check_that_finds_consent_where_it_stood_leaves_the_manifest_it_was_given_for(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.set_connection(connection, consent_manifest_version=0)
    fleet.check(connection)
    assert fleet.truth(connection).consent_manifest_version == 0
