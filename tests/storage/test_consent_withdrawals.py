"""Links that an edit makes worthless: the trail says which, and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from storage import (
    audit_trail,
    connection_edits,
    connection_removal,
    consent_history,
    consent_requests,
    offboarding,
    platform_app_changes,
    platform_apps,
    tenant_changes,
)
from storage.audit_trail import AuditEntry
from storage.pages import Place


def _withdrawn(fleet: Any, connection_id: int) -> list[AuditEntry]:
    entries = audit_trail.of_connection(fleet.db, fleet.dana, connection_id)
    return [entry for entry in reversed(entries) if entry.action == "consent.withdraw_link"]


def _app(fleet: Any) -> int:
    (app,) = platform_apps.of_workspace(fleet.db, fleet.dana, fleet.north)
    return app.id


def _edit_app(fleet: Any, changes: dict[str, str]) -> None:
    platform_app_changes.edit(fleet.db, fleet.people["mona"], _app(fleet), changes, ticket="INC-7")


CAUSES: dict[str, tuple[str, Callable[[Any, int], Any], str]] = {
    "another client id": (
        "contoso",
        lambda f, id: connection_edits.edit(
            f.db, f.people["mona"], id, {"client_id": f.guid()}, ticket="INC-7"
        ),
        "another application",
    ),
    "another type": (
        "contoso",
        lambda f, id: connection_edits.edit(
            f.db, f.people["mona"], id, {"connection_type": "platform", "client_id": None}, ticket="INC-7"
        ),
        "another application",
    ),
    "another client id of the platform app": (
        "wingtip", lambda f, id: _edit_app(f, {"client_id": f.guid()}), "another application",
    ),
    "another redirect URI": (
        "wingtip", lambda f, id: _edit_app(f, {"redirect_uri": "https://consent.example/back"}), "redirect URI",
    ),
    "another cloud": (
        "contoso",
        lambda f, id: tenant_changes.edit(
            f.db, f.people["mona"], f.tenant["contoso"], changes={"cloud": "usgov"}, ticket="INC-7"
        ),
        "another id or cloud",
    ),
    "another tenant id": (
        "contoso",
        lambda f, id: tenant_changes.edit(
            f.db, f.people["mona"], f.tenant["contoso"], changes={"entra_tenant_id": f.guid()}, ticket="INC-7"
        ),
        "another id or cloud",
    ),
    "offboarding": (
        "contoso",
        lambda f, id: offboarding.offboard(f.db, f.people["mona"], f.tenant["contoso"], ticket="INC-7"),
        "offboarded",
    ),
}  # fmt: skip


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_a_link_that_a_change_withdraws_has_its_own_entry_with_the_reason(sqlite_fleet: Any, cause: str) -> None:
    fleet, (key, change, because) = sqlite_fleet, CAUSES[cause]
    connection_id = fleet.connection[key]
    over = consent_requests.request(fleet.db, fleet.dana, connection_id, valid_for=timedelta(hours=1))
    fleet.clock.advance(hours=2)
    taken_back = consent_requests.request(fleet.db, fleet.dana, connection_id)
    consent_requests.revoke_request(fleet.db, fleet.dana, taken_back.request_id)
    link = consent_requests.request(fleet.db, fleet.dana, connection_id)
    elsewhere = consent_requests.request(fleet.db, fleet.dana, fleet.connection["fabrikam"])
    change(fleet, connection_id)
    (entry,) = _withdrawn(fleet, connection_id)
    assert (entry.actor, entry.ticket, entry.detail["request"]) == ("mona", "INC-7", link.request_id)
    assert because in entry.detail["because"]
    assert f"link {link.request_id}" in entry.sentence
    assert because in entry.sentence
    shown = {each.id: each.status.value for each in consent_history.requests(fleet.db, fleet.dana, connection_id)}
    assert shown == dict.fromkeys((over.request_id, taken_back.request_id, link.request_id), "revoked")
    (left,) = consent_history.open_requests(fleet.db, fleet.dana, fleet.connection["fabrikam"])
    assert left.id == elsewhere.request_id


def test_a_deleted_connection_takes_its_links_with_it_and_the_trail_says_so(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    second = fleet.add_connection("contoso", ready=False)
    link = consent_requests.request(fleet.db, fleet.dana, second)
    connection_removal.delete_draft(fleet.db, fleet.dana, second)
    query = audit_trail.AuditQuery(fleet.north, "action:consent.withdraw_link", fleet.tenant["contoso"])
    (entry,) = audit_trail.page(fleet.db, fleet.dana, query, Place.first()).rows
    assert (entry.detail["request"], entry.detail["because"]) == (link.request_id, "the connection was deleted")


def test_an_edit_that_leaves_the_links_right_withdraws_none(fleet: Any) -> None:
    contoso = fleet.connection["contoso"]
    link = consent_requests.request(fleet.db, fleet.dana, contoso)
    connection_edits.edit(fleet.db, fleet.dana, contoso, {"display_name": "Renamed"})
    tenant_changes.edit(fleet.db, fleet.dana, fleet.tenant["contoso"], changes={"name": "Renamed"})
    assert _withdrawn(fleet, contoso) == []
    connection_edits.edit(fleet.db, fleet.dana, contoso, {"client_id": fleet.guid()})
    (entry,) = _withdrawn(fleet, contoso)
    assert entry.detail["request"] == link.request_id
