"""Platform apps: their page, their edits, their verification, and that a rotation resets nobody."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select

from storage import (
    connection_changes,
    connection_edits,
    connections,
    credentials,
    platform_app_changes,
    platform_app_checks,
    platform_apps,
    reports,
)
from storage.connections import ConnectionQuery
from storage.credential_material import from_secret
from storage.edits import EditConflict
from storage.errors import AtlasError, Conflict, Forbidden, InvalidInput, NotFound
from storage.pages import Place
from storage.schema import audit_entries
from storage.schema import credentials as credential_table
from storage.schema import platform_apps as app_table
from storage.schema import provider_connections as pc
from storage.starting import AlreadyRunning, Blocked, ScopeBusy, Started
from storage.states import Cloud, ConnectionType, CredentialOwner


def store(fleet: Any, value: str = "a~new-secret") -> None:
    credentials.store(
        fleet.db, fleet.dana, CredentialOwner.PLATFORM_APP, fleet.app, from_secret(value), fleet.public_key
    )


def platform_connections(fleet: Any, count: int) -> list[int]:
    return [fleet.add_connection(f"p{number}", client_id=None) for number in range(count)]


def home(fleet: Any) -> int:
    """The connection of the app's own tenant."""
    home_tenant = fleet.one(select(app_table.c.home_tenant_id).where(app_table.c.id == fleet.app))
    return int(fleet.add_connection("home", client_id=None, entra_tenant_id=home_tenant))


def app_row(fleet: Any) -> Any:
    return fleet.rows(select(app_table).where(app_table.c.id == fleet.app))[0]


def test_its_page_shows_who_uses_it_and_the_same_reason_on_five_as_one_problem(fleet: Any) -> None:
    users = platform_connections(fleet, 6)
    for number, connection in enumerate(users):
        reason = "secret_expired" if number < 4 else "throttled"
        fleet.set_connection(connection, verification_status="blocked", last_reason_code=reason)
    assert platform_apps.get(fleet.db, fleet.dana, fleet.app).shared_problems == ()
    fleet.set_connection(users[4], last_reason_code="secret_expired")

    detail = platform_apps.get(fleet.db, fleet.dana, fleet.app)
    (problem,) = detail.shared_problems
    assert (problem.reason_code, problem.connections) == ("secret_expired", 5)
    assert (detail.app.connections, detail.home_connection_id, detail.may_manage) == (7, None, True)
    assert [info.slot for info in detail.app.credentials] == ["active"]

    fleet.set_connection(users[0], is_enabled=False)
    assert platform_apps.get(fleet.db, fleet.dana, fleet.app).shared_problems == (), (
        "a disabled one is nobody's problem"
    )

    query = ConnectionQuery(fleet.north, platform_app_id=fleet.app)
    found = connections.page(fleet.db, fleet.dana, query, Place.first())
    assert {row.id for row in found.rows} == {*users, fleet.connection["wingtip"]}
    assert found.total == 7


def test_readers_see_the_page_and_read_who_may_change_it(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    detail = platform_apps.get(fleet.db, fleet.people["rita"], fleet.app)
    assert not detail.may_manage
    assert "dana (Owner)" in detail.who_may_manage
    with pytest.raises(Forbidden):
        platform_apps.get(fleet.db, fleet.people["tina"], fleet.app)
    for login in ("zoe", "eve", "pat"):
        with pytest.raises(NotFound):
            platform_apps.get(fleet.db, fleet.people[login], fleet.app)


def test_a_rotation_resets_nobody_and_says_what_was_checked_with_the_previous_credential(fleet: Any) -> None:
    wingtip = fleet.connection["wingtip"]
    others = platform_connections(fleet, 2)
    for connection in (wingtip, *others):
        fleet.check(connection)
    before = {one: fleet.truth(one) for one in (wingtip, *others)}
    report = reports.latest(fleet.db, fleet.dana, others[0])
    fleet.clock.advance(hours=1)

    store(fleet)
    fleet.clock.advance(minutes=1)
    claim = fleet.begin(wingtip)
    fleet.finish(claim, fleet.good_report(claim, credential_slot="staged"))

    slots = {info.slot.value for info in platform_apps.get(fleet.db, fleet.dana, fleet.app).app.credentials}
    assert slots == {"active", "previous"}
    for one in others:
        assert fleet.truth(one) == before[one], "a rotation touched another connection"
        assert connections.get(fleet.db, fleet.dana, one).checked_with_previous_credential
    assert reports.latest(fleet.db, fleet.dana, others[0]) == report
    assert not connections.get(fleet.db, fleet.dana, wingtip).checked_with_previous_credential
    (old,) = platform_apps.get(fleet.db, fleet.dana, fleet.app).reminders
    assert old.is_kept, "the old key still works at Microsoft"
    fleet.check(others[0])
    assert not connections.get(fleet.db, fleet.dana, others[0]).checked_with_previous_credential


def test_a_new_name_or_address_resets_nobody(fleet: Any) -> None:
    wingtip = fleet.connection["wingtip"]
    before = fleet.truth(wingtip)
    app = platform_app_changes.edit(
        fleet.db,
        fleet.dana,
        fleet.app,
        {"display_name": "Renamed", "redirect_uri": "https://consent.example.com/back"},
        ticket="CHG-9",
    )
    assert (app.display_name, app.redirect_uri) == ("Renamed", "https://consent.example.com/back")
    assert fleet.truth(wingtip) == before
    (entry,) = fleet.rows(select(audit_entries).where(audit_entries.c.action == "platform_app.edit"))
    assert (entry.ticket, entry.target_id) == ("CHG-9", str(fleet.app))


def test_another_client_id_is_another_identity_for_all_of_them(fleet: Any) -> None:
    users = [fleet.connection["wingtip"], *platform_connections(fleet, 2)]
    dedicated = fleet.truth(fleet.connection["contoso"])
    generations = {one: fleet.truth(one).generation for one in users}
    told = platform_app_changes.consequences(fleet.db, fleet.dana, fleet.app, {"client_id": fleet.guid()})
    text = " ".join(told.sentences)
    assert told.hurts
    assert "3 connections sign in with it" in text
    assert "1 credential here belongs to the old app registration and is destroyed" in text

    app = platform_app_changes.edit(fleet.db, fleet.dana, fleet.app, {"client_id": fleet.guid()})

    assert app.credentials == ()
    for one in users:
        truth = fleet.truth(one)
        assert (truth.consent_status, truth.verification_status) == ("unknown", "unknown")
        assert truth.generation == generations[one] + 1
        blocked = fleet.start(one)
        assert isinstance(blocked, Blocked)
        assert blocked.reason.code == "provider_credential_missing"
    assert fleet.truth(fleet.connection["contoso"]) == dedicated


def test_another_home_tenant_keeps_consent_and_credential(fleet: Any) -> None:
    wingtip = fleet.connection["wingtip"]
    generation = app_row(fleet).generation
    app = platform_app_changes.edit(fleet.db, fleet.dana, fleet.app, {"home_tenant_id": fleet.guid()})
    truth = fleet.truth(wingtip)
    assert (truth.consent_status, truth.verification_status) == ("granted", "unknown")
    assert len(app.credentials) == 1
    assert app_row(fleet).generation == generation + 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"display_name": ""}, "display name"),
        ({"client_id": "x"}, "client id"),
        ({"home_tenant_id": "00000000-0000-0000-0000-000000000000"}, "home tenant id"),
        ({"redirect_uri": "http://example.com/back"}, "redirect URI"),
        ({"redirect_uri": "https://example.com/#part"}, "redirect URI"),
        ({"redirect_uri": "javascript:alert(1)"}, "redirect URI"),
        ({"cloud": "china"}, "cloud"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_written(sqlite_fleet: Any, changes: dict[str, str], field: str) -> None:
    before = sqlite_fleet.contents()
    with pytest.raises(InvalidInput) as caught:
        platform_app_changes.edit(sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.app, changes)
    assert caught.value.field == field
    assert sqlite_fleet.contents() == before


def test_the_second_of_two_editors_is_told(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    seen = platform_app_changes.fields(fleet.db, fleet.dana, fleet.app)
    platform_app_changes.edit(fleet.db, fleet.people["mona"], fleet.app, {"display_name": "Mona's"}, seen=seen)
    with pytest.raises(EditConflict) as caught:
        platform_app_changes.edit(fleet.db, fleet.dana, fleet.app, {"display_name": "Dana's"}, seen=seen)
    assert caught.value.theirs == {"display_name": ("North's app", "Mona's")}
    platform_app_changes.edit(fleet.db, fleet.dana, fleet.app, {"redirect_uri": "https://a.example/b"}, seen=seen)
    assert app_row(fleet).display_name == "Mona's"


def test_verifying_queues_checks_and_changes_no_badge(fleet: Any) -> None:
    at_home = home(fleet)
    users = platform_connections(fleet, 3)
    fleet.set_connection(users[1], is_enabled=False)
    fleet.start(users[2], "directory.sync")
    before = {one: fleet.truth(one) for one in (at_home, *users)}

    checks = platform_app_checks.verify(fleet.db, fleet.people["omar"], fleet.app, users, ticket="CHG-4")

    assert [(check.connection_id, check.is_home) for check in checks] == [(at_home, True), *((u, False) for u in users)]
    assert [type(check.result) for check in checks] == [Started, Started, Blocked, ScopeBusy]
    for one, row in before.items():
        after = fleet.truth(one)
        assert (after.verification_status, after.consent_status, after.generation) == (
            row.verification_status,
            row.consent_status,
            row.generation,
        )
    again = platform_app_checks.verify(fleet.db, fleet.people["omar"], fleet.app, users)
    assert [type(check.result) for check in again] == [AlreadyRunning, AlreadyRunning, Blocked, AlreadyRunning]


def test_verifying_is_refused_for_foreign_or_too_many_connections_and_without_any(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    users = platform_connections(fleet, 4)
    runs = len(fleet.unfinished(users[0]))
    for named, problem in ((users, "more than 3"), ([fleet.connection["contoso"]], "does not sign in")):
        with pytest.raises(InvalidInput, match=problem):
            platform_app_checks.verify(fleet.db, fleet.dana, fleet.app, named)
    with pytest.raises(Conflict, match="home tenant"):
        platform_app_checks.verify(fleet.db, fleet.dana, fleet.app)
    with pytest.raises(Forbidden):
        platform_app_checks.verify(fleet.db, fleet.people["rita"], fleet.app, users[:1])
    assert len(fleet.unfinished(users[0])) == runs


def test_an_app_that_nobody_uses_is_deleted_and_one_that_is_used_stays(fleet: Any) -> None:
    for refused in (platform_app_changes.delete_unused, platform_app_changes.preview_delete):
        with pytest.raises(Conflict, match="1 connection"):
            refused(fleet.db, fleet.dana, fleet.app)
    own = {"connection_type": "dedicated", "client_id": fleet.guid()}
    connection_edits.edit(fleet.db, fleet.dana, fleet.connection["wingtip"], own)
    with pytest.raises(Forbidden):
        platform_app_changes.delete_unused(fleet.db, fleet.people["omar"], fleet.app)

    assert "1 credential" in " ".join(platform_app_changes.preview_delete(fleet.db, fleet.dana, fleet.app).sentences)
    platform_app_changes.delete_unused(fleet.db, fleet.dana, fleet.app)

    assert platform_apps.of_workspace(fleet.db, fleet.dana, fleet.north) == ()
    assert fleet.count(credential_table, credential_table.c.platform_app_id.is_not(None)) == 0
    assert connection_changes.create(
        fleet.db, fleet.dana, fleet.add_tenant("later"), client_id=fleet.guid()
    ).connection_type is ConnectionType.DEDICATED  # fmt: skip


def test_deleting_it_while_a_connection_is_made_with_it_leaves_neither_half(fleet: Any) -> None:
    own = {"connection_type": "dedicated", "client_id": fleet.guid()}
    connection_edits.edit(fleet.db, fleet.dana, fleet.connection["wingtip"], own)
    tenant = fleet.add_tenant("racing")
    start, answers = threading.Barrier(2), {}

    def work(name: str, do: Any) -> None:
        start.wait(60)
        try:
            answers[name] = do()
        except AtlasError as error:
            answers[name] = error

    threads = [
        threading.Thread(
            target=work, args=("delete", lambda: platform_app_changes.delete_unused(fleet.db, fleet.dana, fleet.app))
        ),
        threading.Thread(
            target=work,
            args=(
                "create",
                lambda: connection_changes.create(
                    fleet.db, fleet.dana, tenant, connection_type=ConnectionType.PLATFORM
                ),
            ),
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    apps = fleet.count(app_table)
    for row in fleet.rows(select(pc.c.platform_app_id).where(pc.c.tenant_id == tenant)):
        assert row.platform_app_id is None or apps == 1, answers
    assert isinstance(answers["delete"], Conflict) == (apps == 1), answers


def test_a_new_connection_is_platform_exactly_where_the_cloud_has_an_app(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    with_app = connection_changes.create(fleet.db, fleet.dana, fleet.add_tenant("global"))
    assert with_app.connection_type is ConnectionType.PLATFORM
    sovereign = fleet.add_tenant("sovereign", cloud=Cloud.CHINA)
    with pytest.raises(InvalidInput, match="client id"):
        connection_changes.create(fleet.db, fleet.dana, sovereign)
    orphan = connection_changes.create(fleet.db, fleet.dana, sovereign, connection_type=ConnectionType.PLATFORM)
    blocked = fleet.start(orphan.id)
    assert isinstance(blocked, Blocked)
    assert blocked.reason.code == "platform_app_missing"
    app = platform_apps.register(
        fleet.db,
        fleet.dana,
        fleet.north,
        cloud=Cloud.CHINA,
        client_id=fleet.guid(),
        display_name="21Vianet",
        home_tenant_id=fleet.guid(),
    )
    assert app.connections == 1, "the connection that waited for an app has it now"
    assert fleet.truth(orphan.id).platform_app_id == app.id
