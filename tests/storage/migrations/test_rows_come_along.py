"""Rows of every past version come along, up and down, with the rows that refer to them."""

from __future__ import annotations

from typing import Any

import pytest

from storage import filters, tenants, upgrading

HEAD = upgrading.SCHEMA_NUMBER


def truths(ground: Any) -> dict[int, tuple[str, str]]:
    rows = ground.rows("SELECT id, consent_status, verification_status FROM provider_connections")
    return {row[0]: row[1:] for row in rows}


def legacy(ground: Any) -> dict[int, tuple[str, str]]:
    return {row[0]: row[1:] for row in ground.rows("SELECT id, status, health_status FROM provider_connections")}


@pytest.mark.parametrize("revision", range(1, HEAD))
def test_an_upgrade_from_any_revision_loses_no_row_and_no_reference(ground: Any, fleet: Any, revision: int) -> None:
    fleet.add_through(revision)
    before = ground.counts()

    result = ground.to(HEAD)

    assert (result.from_, result.to) == (revision, HEAD)
    after = ground.counts()
    brought = {"meta", "schedules", "change_topics"}  # revision 10 brings a daily check for each workspace, and topics
    assert {table: after[table] for table in before if table not in brought} == {
        table: count for table, count in before.items() if table not in brought
    }
    assert after["schedules"] == before.get("schedules", 0) + after["workspaces"]
    assert before["provider_connections"] == 6
    assert before["credentials"] >= 2
    if ground.is_sqlite:
        assert ground.rows("PRAGMA foreign_key_check") == []
        assert ground.one("PRAGMA integrity_check") == "ok"


def test_each_step_down_keeps_what_it_can_hold_and_all_comes_up_again(ground: Any, fleet: Any) -> None:
    fleet.add_through(HEAD)
    before = ground.counts()

    for revision in range(HEAD - 1, 0, -1):
        ground.to(revision)

        after = ground.counts()
        lost = {"meta", "credentials", "schedules", "change_topics", "alert_deliveries"}
        assert {table: count for table, count in after.items() if table not in lost} == {
            table: before[table] for table in after if table not in lost
        }
        if revision == 9:  # what only the newest tables can hold: an interval, a delivery without a rule
            assert after["schedules"] == before["schedules"] - 1
            assert after["alert_deliveries"] == before["alert_deliveries"] - 1
        assert after["credentials"] == (5 if revision >= 8 else 4 if revision >= 3 else 2)
        if ground.is_sqlite:
            assert ground.rows("PRAGMA foreign_key_check") == []
    ground.to(HEAD)
    assert ground.one("SELECT count(*) FROM provider_connections") == 6
    assert ground.one("SELECT count(*) FROM tenants") == 3


def test_consent_and_verification_are_read_from_the_old_status_and_health(ground: Any, fleet: Any) -> None:
    fleet.bring(1, 3)
    assert truths(ground) == {
        1: ("granted", "healthy"),
        2: ("required", "degraded"),
        3: ("unknown", "unknown"),
        4: ("unknown", "unknown"),
        5: ("granted", "degraded"),
        6: ("unknown", "healthy"),
    }


def test_a_canonical_value_that_is_already_there_is_never_overwritten(ground: Any, fleet: Any) -> None:
    fleet.add_through(2)
    ground.run("ALTER TABLE provider_connections ADD COLUMN consent_status TEXT")
    ground.run("ALTER TABLE provider_connections ADD COLUMN verification_status TEXT")
    ground.run(
        "UPDATE provider_connections SET consent_status = 'revoked', verification_status = 'blocked' WHERE id = 1"
    )
    ground.run("UPDATE provider_connections SET consent_status = 'whatever', verification_status = '' WHERE id = 2")
    ground.to(3)
    assert truths(ground)[1] == ("revoked", "blocked")
    assert truths(ground)[2] == ("required", "degraded")
    assert truths(ground)[5] == ("granted", "degraded")

    ground.run("ALTER TABLE provider_connections ADD COLUMN is_enabled BOOLEAN")
    ground.run("UPDATE provider_connections SET is_enabled = :off WHERE id = 1", off=False)
    ground.run("UPDATE provider_connections SET is_enabled = :on WHERE id = 4", on=True)
    ground.to(4)
    enabled = dict(ground.rows("SELECT id, is_enabled FROM provider_connections"))
    assert {number: bool(value) for number, value in enabled.items()} == {
        1: False,
        2: True,
        3: True,
        4: True,
        5: True,
        6: False,
    }


def test_only_a_disabled_connection_is_not_enabled_afterwards(ground: Any, fleet: Any) -> None:
    fleet.bring(1, 4)
    rows = ground.rows("SELECT id FROM provider_connections WHERE NOT is_enabled ORDER BY id")
    assert rows == [(4,), (6,)]
    assert ground.one("SELECT count(*) FROM provider_connections WHERE lifecycle_changed_at = updated_at") == 6


def test_the_connection_type_follows_from_client_id_and_credential(ground: Any, fleet: Any) -> None:
    fleet.bring(2, HEAD)
    rows = ground.rows(
        "SELECT id, connection_type, platform_app_id, last_reason_code FROM provider_connections ORDER BY id"
    )
    assert rows == [
        (1, "platform", 1, None),  # the platform app's client id, in another case, although it has its own credential
        (2, "platform", None, "provider_credential_missing"),
        (3, "dedicated", None, "secret_expired"),
        (4, "platform", None, "unknown_error"),  # what stood there was Microsoft's text, not a code
        (5, "platform", None, "provider_credential_missing"),
        (6, "platform", None, "provider_credential_missing"),
    ]


def test_a_platform_app_of_another_cloud_or_workspace_claims_no_connection(ground: Any, fleet: Any) -> None:
    fleet.add_through(2)
    ground.run("UPDATE platform_apps SET cloud = 'usgov'")
    ground.to(3)
    assert ground.one("SELECT connection_type FROM provider_connections WHERE id = 1") == "dedicated"


def test_texts_of_microsoft_do_not_come_along(ground: Any, fleet: Any) -> None:
    fleet.bring(1, HEAD)
    assert ground.rows("SELECT DISTINCT last_reason_sentence FROM provider_connections") == [(None,)]


def test_the_first_connection_of_a_tenant_becomes_its_default_where_none_is(ground: Any, fleet: Any) -> None:
    fleet.bring(1, 3)
    assert ground.rows("SELECT id FROM provider_connections WHERE is_default ORDER BY id") == [(1,), (6,)]


def test_sort_names_are_those_that_the_program_would_write(ground: Any, fleet: Any) -> None:
    fleet.add_through(1)
    ground.run("UPDATE tenants SET name = :name WHERE id = 2", name=" ＢＥＴＡ İﬁ ")
    ground.to(3)
    rows = ground.rows(
        "SELECT t.name, t.sort_name, t.primary_domain, c.display_name, c.sort_name FROM tenants t"
        " JOIN provider_connections c ON c.tenant_id = t.id"
    )
    assert len(rows) == 6
    for tenant, tenant_sort, domain, connection, connection_sort in rows:
        assert tenant_sort == filters.fold(tenant)
        assert connection_sort == tenants.sort_name(tenant, connection, domain)
    assert ground.one("SELECT sort_name FROM tenants WHERE id = 1") == "strasse strasse"


def test_more_rows_than_one_batch_holds_are_all_named(ground: Any) -> None:
    ground.to(1)
    at = "2026-01-02 03:04:05.678"
    numbers = range(1, 1203)
    with ground.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO tenants (id, entra_tenant_id, name, created_at, updated_at) VALUES "
            + ", ".join(f"({number * 3}, 'g{number}', 'Tenant {number}', '{at}', '{at}')" for number in numbers)
        )
        connection.exec_driver_sql(
            "INSERT INTO provider_connections (id, tenant_id, entra_tenant_id, display_name, is_default, status,"
            " created_at, updated_at) VALUES "
            + ", ".join(
                f"({number * 3}, {number * 3}, 'g{number}', 'C', true, 'connected', '{at}', '{at}')"
                for number in numbers
            )
        )
    ground.to(HEAD)
    assert ground.one("SELECT count(*) FROM tenants WHERE sort_name LIKE 'tenant %'") == 1202
    assert ground.one("SELECT count(*) FROM provider_connections WHERE sort_name LIKE 'tenant %c_'") == 1202
    assert ground.one("SELECT count FROM badge_counts WHERE dimension = 'consent' AND value = 'granted'") == 1202


def test_what_is_there_goes_to_one_workspace_and_its_users_own_it(ground: Any, fleet: Any) -> None:
    fleet.bring(1, 2)
    assert ground.rows("SELECT slug, name FROM workspaces") == [("default", "Default")]
    assert ground.rows("SELECT DISTINCT workspace_id FROM provider_connections") == ground.rows(
        "SELECT id FROM workspaces"
    )
    assert ground.rows("SELECT user_id, scope_kind, role FROM memberships") == [(1, "workspace", "owner")]
    assert ground.rows("SELECT id, lifecycle FROM tenants ORDER BY id") == [(1, "active"), (2, "active"), (3, "draft")]
    assert ground.one("SELECT entra_tenant_id FROM tenants WHERE id = 1") == "aaaaaaaa-0000-4000-8000-000000000001"


def test_an_empty_database_gets_no_workspace(ground: Any) -> None:
    ground.to(HEAD)
    assert ground.counts()["workspaces"] == 0
    assert ground.rows("SELECT topic, sequence FROM change_topics WHERE sequence <> 0") == []
    assert ground.counts()["change_topics"] == 11


def test_a_credential_becomes_the_active_one_of_its_connection(ground: Any, fleet: Any) -> None:
    fleet.bring(1, HEAD)
    rows = ground.rows("SELECT connection_id, slot, sealed FROM credentials ORDER BY connection_id")
    assert [(row[0], row[1], bytes(row[2])) for row in rows] == [
        (1, "active", b"\x00sealed"),
        (3, "active", b"\x00sealed"),
    ]


def test_the_hard_cut_is_undone_by_the_documented_mapping(ground: Any, fleet: Any) -> None:
    mapping = (
        (True, "granted", "healthy", "connected", "ok"),
        (True, "granted", "degraded", "connected", "degraded"),
        (True, "granted", "blocked", "connected", "down"),
        (True, "required", "pending", "needs_consent", "unknown"),
        (True, "revoked", "error", "needs_consent", "down"),
        (True, "failed", "unknown", "needs_consent", "unknown"),
        (True, "unknown", "unknown", "error", "unknown"),
        (False, "granted", "healthy", "disabled", "ok"),
    )
    fleet.add_through(5)
    ((*columns,),) = ground.rows("SELECT * FROM provider_connections WHERE id = 2")
    with ground.begin() as connection:
        names = list(connection.exec_driver_sql("SELECT * FROM provider_connections").keys())
    for number, (enabled, consent, verification, _, _) in enumerate(mapping, 101):
        states = {"is_enabled": enabled, "consent_status": consent, "verification_status": verification}
        ground.add("provider_connections", **(dict(zip(names, columns, strict=True)) | {"id": number} | states))
    for revision in (4, 3, 2, 1):
        ground.to(revision)
        found = legacy(ground)
        for number, (*_, status, health) in enumerate(mapping, 101):
            assert found[number] == (status, health), f"{mapping[number - 101]} at {revision}"


def test_the_hard_cut_leaves_neither_column_nor_index_of_the_old_states(ground: Any, fleet: Any) -> None:
    fleet.add_through(4)
    assert any("health_status" in line for line in ground.shape())
    ground.to(5)
    assert not [line for line in ground.shape() if "health_status" in line or "ix_provider_connections_status" in line]


def test_between_lifecycle_and_hard_cut_nothing_is_lost_by_going_down_and_up(ground: Any, fleet: Any) -> None:
    fleet.add_through(HEAD)
    ground.run(
        "UPDATE provider_connections SET consent_status = 'revoked', verification_status = 'blocked' WHERE id = 5"
    )
    before = truths(ground)
    ground.to(4)
    ground.to(HEAD)
    assert truths(ground) == before


def test_a_status_that_contradicts_the_lifecycle_is_rebuilt_from_consent_on_the_way_down(
    ground: Any, fleet: Any
) -> None:
    fleet.add_through(4)
    ground.run("UPDATE provider_connections SET is_enabled = :on WHERE id = 4", on=True)
    ground.run("UPDATE provider_connections SET is_enabled = :off WHERE id = 5", off=False)
    ground.to(3)
    assert legacy(ground)[4][0] == "error"
    assert legacy(ground)[5][0] == "disabled"


def test_a_platform_connection_takes_its_apps_client_id_down_and_is_recognized_again(ground: Any, fleet: Any) -> None:
    fleet.add_through(3)
    ground.run("UPDATE provider_connections SET platform_app_id = 1, client_id = NULL WHERE id = 5")
    ground.to(2)
    assert ground.one("SELECT client_id FROM provider_connections WHERE id = 5") == "PLATFORM-client"
    ground.to(3)
    assert ground.rows("SELECT connection_type, platform_app_id FROM provider_connections WHERE id = 5") == [
        ("platform", 1)
    ]


def test_a_consent_that_stands_is_taken_to_be_for_the_first_manifest(ground: Any, fleet: Any) -> None:
    fleet.bring(8, 9)
    versions = ground.rows("SELECT consent_status, consent_manifest_version FROM provider_connections ORDER BY id")
    assert {status for status, version in versions if version == 1} == {"granted"}
    assert all(version is None for status, version in versions if status != "granted")


def test_an_audit_entrys_tenant_comes_back_from_its_bytes_and_the_guard_stands_again(ground: Any, fleet: Any) -> None:
    fleet.add_through(9)
    before = ground.rows("SELECT sequence, tenant_id FROM audit_entries ORDER BY sequence")
    shape = ground.shape()

    ground.to(8)
    ground.to(9)

    assert (
        ground.rows("SELECT sequence, tenant_id FROM audit_entries ORDER BY sequence") == before == [(1, None), (2, 1)]
    )
    assert ground.shape() == shape


def test_an_operation_fails_for_its_reason_since_the_first_of_those_runs_in_a_row(ground: Any, fleet: Any) -> None:
    fleet.add_through(9)
    common = {"workspace_id": 1, "tenant_id": 1, "connection_id": 3, "initiator": "alice", "cause": "person", "priority": 5,
              "generation": 1, "context": "{}", "queued_at": "2026-01-02 03:00:00.000", "type": "directory.sync",
              "status": "completed"}  # fmt: skip
    for number, (outcome, reason) in enumerate(
        (("failed", "b"), ("succeeded", None), ("failed", "a"), ("failed", "b"), ("cancelled", "c"), ("lost", "b"))
    ):
        at = f"2026-01-02 03:0{number}:00.000"
        ground.add("operation_runs", id=100 + number, outcome=outcome, reason_code=reason, completed_at=at, **common)
    ground.to(10)
    ((failing, since),) = ground.rows(
        "SELECT CAST(failing_since AS TEXT), CAST(reason_since AS TEXT) FROM connection_operations WHERE connection_id = 3"
    )
    assert (failing[14:16], since[14:16]) == ("02", "03")
    assert (
        ground.one(
            "SELECT count(*) FROM provider_connections WHERE (reason_since IS NULL) <> (last_reason_code IS NULL)"
            " OR reason_since <> coalesce(verification_changed_at, last_checked_at)"
        )
        == 0
    )
