"""Editing a tenant, its tags, and archiving it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from storage import tenant_archive, tenant_changes, tenant_tags, tenants
from storage.edits import EditConflict
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.schema import audit_entries, consent_requests, operation_runs, provider_connections
from storage.schema import tenants as tenant_table
from storage.states import TenantLifecycle


def edit(fleet: Any, which: str = "contoso", /, *, by: str = "dana", seen: Any = None, **changes: Any) -> Any:
    return tenant_changes.edit(fleet.db, fleet.people[by], fleet.tenant[which], seen=seen, changes=changes)


def edits(fleet: Any) -> list[Any]:
    return list(fleet.rows(select(audit_entries).where(audit_entries.c.action == "tenant.edit")))


def test_every_field_can_be_edited_and_the_trail_says_from_what_to_what(fleet: Any) -> None:
    row = edit(
        fleet,
        name="Contoso  GmbH",
        primary_domain="CONTOSO.de",
        contact="Eva, +49 30 1234",
        time_zone="europe/berlin",
        note="first line\r\nsecond",
        lifecycle="onboarding",
        tags=["Silver", "EU"],
    )
    assert (row.name, row.primary_domain, row.contact) == ("Contoso GmbH", "contoso.de", "Eva, +49 30 1234")
    assert (row.time_zone, row.note, row.lifecycle) == ("Europe/Berlin", "first line\nsecond", "onboarding")
    assert row.tags == ("eu", "silver")
    (entry,) = edits(fleet)
    told = bytes(entry.canonical).decode()
    assert '"tags_before":["gold"]' in told
    assert '"primary_domain_before":"contoso.example"' in told


def test_an_edit_that_changes_nothing_writes_nothing(fleet: Any) -> None:
    edit(fleet, name="Contoso")
    assert edits(fleet) == []


def test_names_and_domains_keep_the_sort_names_in_step(fleet: Any) -> None:
    edit(fleet, name="Zeta", primary_domain="zeta.example")
    connection = fleet.truth(fleet.connection["contoso"])
    assert connection.sort_name == tenants.sort_name("Zeta", connection.display_name, "zeta.example")
    stored = fleet.one(select(tenant_table.c.sort_name).where(tenant_table.c.id == fleet.tenant["contoso"]))
    assert stored == tenants.tenant_sort_name("Zeta", "zeta.example")


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "  ", "tenant name: is empty"),
        ("primary_domain", "not a domain", "primary domain"),
        ("time_zone", "Mars/Olympus", "time zone"),
        ("cloud", "moon", "cloud"),
        ("lifecycle", "archived", "Archive or offboard"),
        ("lifecycle", "draft", "does not go from active to draft"),
        ("entra_tenant_id", "8a3c", "is not a GUID"),
        ("note", "bell \x07", "control characters"),
        ("contact", "x" * 401, "longer than 400"),
        ("tags", ["a,b"], "holds a comma"),
        ("colour", "red", "colour is not one of a tenant"),
    ],
)
def test_what_cannot_be_used_names_the_field(sqlite_fleet: Any, field: str, value: Any, says: str) -> None:
    before = sqlite_fleet.contents()
    with pytest.raises(InvalidInput, match=says):
        edit(sqlite_fleet, **{field: value})
    assert sqlite_fleet.contents() == before


def test_two_people_edit_the_same_tenant_and_nothing_is_lost(fleet: Any) -> None:
    seen = {"name": "Contoso", "note": "", "contact": "", "tags": ("gold",)}
    edit(fleet, by="mona", seen=seen, note="Mona's note", name="Contoso")
    row = edit(fleet, by="dana", seen=seen, contact="Dana's contact", note="")
    assert (row.note, row.contact) == ("Mona's note", "Dana's contact")
    with pytest.raises(EditConflict) as refused:
        edit(fleet, by="dana", seen=seen, note="Dana's note", name="Contoso AG")
    assert refused.value.theirs == {"note": ("", "Mona's note")}
    assert refused.value.by is not None
    assert tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"]).name == "Contoso"


def test_a_conflict_names_who_was_faster(fleet: Any) -> None:
    edit(fleet, by="mona", seen={"note": ""}, note="Mona's note")
    with pytest.raises(EditConflict, match="mona changed note meanwhile"):
        edit(fleet, by="dana", seen={"note": ""}, note="Dana's note")


def test_a_role_removed_meanwhile_refuses_the_save(fleet: Any) -> None:
    with pytest.raises(Forbidden):
        edit(fleet, by="omar", note="n")
    with pytest.raises(NotFound):
        edit(fleet, by="zoe", note="n")


def test_a_wrong_tenant_id_is_corrected_with_its_connections_until_the_first_token(fleet: Any) -> None:
    connection, right = fleet.connection["contoso"], fleet.guid()
    before = fleet.truth(connection)
    fleet.write(
        insert(consent_requests).values(
            workspace_id=fleet.north,
            connection_id=connection,
            state_hash="h",
            expected_tenant_id=before.entra_tenant_id,
            client_id="c",
            redirect_uri="r",
            status="open",
            created_at=fleet.clock.time,
            expires_at=fleet.clock.time,
        )
    )
    row = edit(fleet, entra_tenant_id=right.upper())
    after = fleet.truth(connection)
    assert row.entra_tenant_id == after.entra_tenant_id == right
    assert after.generation == before.generation + 1
    assert (after.verification_status, after.consent_status) == ("unknown", "unknown")
    assert fleet.one(select(consent_requests.c.status)) == "revoked"
    if fleet.db.is_sqlite:
        assert fleet.rows(text("PRAGMA foreign_key_check")) == []


def test_a_check_that_runs_while_the_tenant_id_is_corrected_is_superseded(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    edit(fleet, entra_tenant_id=fleet.guid())
    assert fleet.finish(claim).reason_code == "superseded"
    assert fleet.truth(fleet.connection["contoso"]).verification_status == "pending"
    assert tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"]).first_token_at is None


def test_after_the_first_token_the_tenant_id_and_the_cloud_stay(fleet: Any) -> None:
    fleet.check(fleet.connection["contoso"])
    for change in ({"entra_tenant_id": fleet.guid()}, {"cloud": "usgov"}):
        with pytest.raises(Conflict, match="Offboard this tenant and add a new one"):
            edit(fleet, **change)
    assert edit(fleet, note="but the rest does not").note


def test_another_cloud_takes_its_platform_app_or_none(fleet: Any) -> None:
    edit(fleet, "wingtip", cloud="china")
    connection = fleet.truth(fleet.connection["wingtip"])
    assert (connection.platform_app_id, connection.consent_status) == (None, "unknown")
    edit(fleet, "wingtip", cloud="global")
    assert fleet.truth(fleet.connection["wingtip"]).platform_app_id == fleet.app


def test_a_tenant_id_of_this_workspace_is_taken_and_one_of_another_is_never_told(fleet: Any) -> None:
    taken = tenants.get(fleet.db, fleet.dana, fleet.tenant["fabrikam"]).entra_tenant_id
    with pytest.raises(Conflict, match="as Fabrikam"):
        edit(fleet, entra_tenant_id=taken)
    with pytest.raises(Conflict) as told:
        edit(fleet, by="gina", entra_tenant_id=taken)
    assert "abrikam" not in str(told.value)
    theirs = fleet.guid()
    tenants.create(fleet.db, fleet.people["zoe"], fleet.south, entra_tenant_id=theirs, name="Southern")
    assert edit(fleet, entra_tenant_id=theirs).entra_tenant_id == theirs


def test_microsofts_other_name_is_seen_and_never_taken(fleet: Any) -> None:
    def differs(name: str) -> bool:
        fleet.write(
            update(tenant_table).where(tenant_table.c.id == fleet.tenant["contoso"]).values(microsoft_name=name)
        )
        row = tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"])
        assert row.name == "Contoso"
        return bool(row.name_differs)

    assert not tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"]).name_differs
    assert differs("Contoso Ltd.")
    assert not differs(" CONTOSO ")


def test_editors_at_the_same_moment_all_win_or_are_told(fleet: Any) -> None:
    answers: list[Any] = []
    start = threading.Barrier(6)

    def work(number: int) -> None:
        start.wait(60)
        try:
            answers.append(edit(fleet, seen={"note": ""}, note=f"note {number}").note)
        except EditConflict as error:
            answers.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    won = [answer for answer in answers if isinstance(answer, str)]
    assert len(answers) == 6
    assert won == [tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"]).note]


def test_a_tenant_is_not_archived_while_runs_are_unfinished_or_connections_enabled(fleet: Any) -> None:
    run = fleet.start(fleet.connection["contoso"]).run.id
    with pytest.raises(Conflict, match=f"#{run} provider.connection.check"):
        tenant_archive.archive(fleet.db, fleet.dana, fleet.tenant["contoso"])
    fleet.finish(fleet.take()[0])
    with pytest.raises(Conflict, match="enabled connections: Microsoft"):
        tenant_archive.archive(fleet.db, fleet.dana, fleet.tenant["contoso"])
    fleet.set_connection(fleet.connection["contoso"], is_enabled=False)
    row = tenant_archive.archive(fleet.db, fleet.dana, fleet.tenant["contoso"])
    assert (row.lifecycle, row.archived_at) == (TenantLifecycle.ARCHIVED, fleet.clock.time)
    with pytest.raises(Conflict, match="is archived"):
        edit(fleet, name="Other")
    assert edit(fleet, note="still writable").note == "still writable"
    back = tenant_archive.unarchive(fleet.db, fleet.dana, fleet.tenant["contoso"])
    assert (back.lifecycle, back.archived_at) == (TenantLifecycle.ACTIVE, None)
    assert fleet.count(operation_runs) == 1
    assert not fleet.truth(fleet.connection["contoso"]).is_enabled


def test_a_tenant_begins_with_everything_that_is_known_of_it(fleet: Any) -> None:
    row = tenants.create(
        fleet.db,
        fleet.dana,
        fleet.north,
        entra_tenant_id=fleet.guid(),
        name="New",
        contact="Eva",
        time_zone="Asia/Tokyo",
        note="n",
        lifecycle=TenantLifecycle.DRAFT,
        tag_names=["x"],
        ticket="T-1",
    )
    assert (row.contact, row.time_zone, row.note, row.tags) == ("Eva", "Asia/Tokyo", "n", ("x",))
    with pytest.raises(InvalidInput, match="cannot begin as archived"):
        tenants.create(
            fleet.db,
            fleet.dana,
            fleet.north,
            entra_tenant_id=fleet.guid(),
            name="New",
            lifecycle=TenantLifecycle.ARCHIVED,
        )
    assert fleet.one(select(audit_entries.c.ticket).where(audit_entries.c.ticket.is_not(None))) == "T-1"


def test_tags_are_added_taken_away_counted_and_renamed(fleet: Any) -> None:
    contoso, fabrikam = fleet.tenant["contoso"], fleet.tenant["fabrikam"]
    row = tenant_tags.change(fleet.db, fleet.dana, contoso, add=["EU", "gold"], remove=["absent"])
    assert row.tags == ("eu", "gold")
    tenant_tags.change(fleet.db, fleet.dana, fabrikam, add=["eu"])
    assert tenant_tags.change(fleet.db, fleet.dana, contoso, remove=["gold"]).tags == ("eu",)
    counted = {
        tag.name: (tag.tenants, tag.memberships) for tag in tenant_tags.of_workspace(fleet.db, fleet.dana, fleet.north)
    }
    assert counted == {"eu": (2, 0), "gold": (0, 1)}
    assert tenant_tags.rename(fleet.db, fleet.dana, fleet.north, "EU", "Europe").tenants == 2
    assert tenants.get(fleet.db, fleet.dana, contoso).tags == ("europe",)
    with pytest.raises(Conflict, match="already"):
        tenant_tags.rename(fleet.db, fleet.dana, fleet.north, "europe", "gold")
    with pytest.raises(NotFound, match="no tag"):
        tenant_tags.rename(fleet.db, fleet.dana, fleet.north, "absent", "present")


def test_tags_decide_who_reaches_a_tenant_so_only_the_whole_workspace_changes_them(fleet: Any) -> None:
    contoso = fleet.tenant["contoso"]
    expected: dict[str, type[Exception] | None] = {
        "mona": None,
        "gina": Forbidden,
        "omar": Forbidden,
        "rita": Forbidden,
        "tina": Forbidden,
    }
    expected |= dict.fromkeys(("fred", "zoe", "eve", "rex", "ivan", "pat"), NotFound)
    for login, error in expected.items():
        if error is None:
            tenant_tags.change(fleet.db, fleet.people[login], contoso, add=["new"])
            continue
        with pytest.raises((Forbidden, NotFound)) as refused:
            tenant_tags.change(fleet.db, fleet.people[login], contoso, add=["mine"])
        assert refused.type is error, login
        with pytest.raises((Forbidden, NotFound)) as refused:
            tenant_changes.edit(fleet.db, fleet.people[login], contoso, changes={"tags": ["mine"]})
        assert refused.type is error, login
    assert tenants.get(fleet.db, fleet.dana, contoso).tags == ("gold", "new")
    seen_by_gina = tenant_tags.of_workspace(fleet.db, fleet.people["gina"], fleet.north)
    assert [(tag.name, tag.tenants, tag.memberships) for tag in seen_by_gina] == [("gold", 1, None), ("new", 1, None)]


def test_the_connections_of_a_renamed_tenant_are_found_by_its_new_name(fleet: Any) -> None:
    edit(fleet, name="Renamed Ltd")
    assert fleet.count(provider_connections, provider_connections.c.sort_name.like("renamed ltd%")) == 1
