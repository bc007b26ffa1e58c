"""Offboarding a tenant, restoring it, and the purge."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from storage import (
    audit_chain,
    connection_changes,
    finishing,
    offboarding,
    purging,
    tenant_archive,
    tenant_detail,
    tenants,
)
from storage.errors import AtlasError, Conflict, InvalidInput
from storage.schema import (
    audit_entries,
    compliance_snapshots,
    connection_permissions,
    credentials,
    directory_counts,
    drafts,
    inventory_items,
    inventory_staging,
    onboardings,
    operation_runs,
    role_assignments,
    role_findings,
    role_reports,
    schedules,
    verification_reports,
)
from storage.schema import tenants as tenant_table
from storage.states import TenantLifecycle

COLLECTED = (
    compliance_snapshots,
    connection_permissions,
    directory_counts,
    drafts,
    inventory_items,
    inventory_staging,
    role_assignments,
    role_findings,
    role_reports,
    verification_reports,
)


def offboard(fleet: Any, name: str = "contoso", **more: Any) -> Any:
    return offboarding.offboard(fleet.db, fleet.dana, fleet.tenant[name], **more)


def collect(fleet: Any, name: str, items: int = 7) -> None:
    """Puts something of every kind that is collected into the database, past the rules."""
    tenant, connection, now = fleet.tenant[name], fleet.connection[name], fleet.clock.time
    run = fleet.check(connection).id
    place = {"workspace_id": fleet.north, "tenant_id": tenant, "connection_id": connection}
    taken = place | {"run_id": run, "taken_at": now, "is_complete": True}

    def work(tx: Any) -> None:
        for number in range(items):
            seen = {"first_seen_run_id": run, "last_seen_run_id": run}
            tx.run(insert(inventory_items).values(**place, **seen, kind="policy", external_id=str(number), name="n"))
            tx.run(
                insert(inventory_staging).values(run_id=run, fence=1, kind="policy", external_id=str(number), name="n")
            )
        tx.run(insert(compliance_snapshots).values(**taken, total=1, counts={}, by_platform={}))
        tx.run(insert(directory_counts).values(**taken, users=1))
        report = tx.run(
            insert(role_reports).values(**taken, counts={}, difference={}).returning(role_reports.c.id)
        ).scalar_one()
        for number in range(items):
            tx.run(
                insert(role_assignments).values(
                    report_id=report,
                    principal_id=str(number),
                    principal_name="p",
                    principal_kind="user",
                    role_template_id="r",
                    role_name="r",
                    is_privileged=True,
                    assignment="active",
                )
            )
        tx.run(insert(role_findings).values(report_id=report, code="c", subject="s", sentence="s"))
        for subject in (f"tenant:{tenant}", f"connection:{connection}"):
            tx.run(
                insert(drafts).values(
                    user_id=fleet.dana.user_id,
                    workspace_id=fleet.north,
                    form="f",
                    subject=subject,
                    document={},
                    updated_at=now,
                )
            )

    fleet.db.write(work)


def left(fleet: Any) -> dict[str, int]:
    return {table.name: fleet.count(table) for table in COLLECTED}


def test_offboarding_ends_everything_at_once_and_says_what_the_customer_must_do(fleet: Any) -> None:
    tenant, connection = fleet.tenant["contoso"], fleet.connection["contoso"]
    running = fleet.begin(connection)
    waiting = fleet.start(connection, "inventory.sync", run_after=True).waiting.id
    fleet.write(
        insert(schedules).values(
            workspace_id=fleet.north,
            type="inventory.sync",
            name="nightly",
            scope_kind="tenant",
            tenant_id=tenant,
            cron="0 3 * * *",
            time_zone="UTC",
            next_due_at=fleet.clock.time,
            created_at=fleet.clock.time,
            updated_at=fleet.clock.time,
        )
    )
    fleet.write(
        insert(onboardings).values(
            workspace_id=fleet.north, tenant_id=tenant, status="open", started_at=fleet.clock.time
        )
    )
    preview = offboarding.preview(fleet.db, fleet.dana, tenant)
    assert {run.id for run in preview.runs} == {running.held.run_id, waiting}
    assert (preview.disabled, preview.schedules, preview.credentials_destroyed) == (("Microsoft",), 1, 1)
    assert preview.purge_after == fleet.clock.time + timedelta(days=30)
    before = fleet.truth(connection)
    sheet = offboard(fleet, ticket="T-9")
    after = fleet.truth(connection)
    assert (after.is_enabled, after.generation, after.offboarded_at) == (False, before.generation + 1, fleet.clock.time)
    assert (after.consent_status, after.verification_status) == ("granted", "unknown")
    assert fleet.run_row(waiting).outcome == "cancelled"
    assert fleet.run_row(running.held.run_id).cancel_requested_at is not None
    assert fleet.count(credentials, credentials.c.connection_id == connection) == 0
    assert not fleet.one(select(schedules.c.is_enabled).where(schedules.c.tenant_id == tenant))
    assert fleet.one(select(onboardings.c.status)) == "cancelled"
    row = tenants.get(fleet.db, fleet.dana, tenant)
    assert (row.lifecycle, row.purge_after) == (TenantLifecycle.ARCHIVED, fleet.clock.time + timedelta(days=30))
    told = "\n".join(sheet.lines)
    assert before.client_id in told
    assert "your consent still stands" in told
    assert sheet == offboarding.sheet(fleet.db, fleet.dana, tenant)
    actions = [e.action for e in fleet.rows(select(audit_entries).where(audit_entries.c.ticket == "T-9"))]
    assert {"tenant.offboard", "connection.disable", "run.cancel"} <= set(actions)
    with fleet.db.read() as tx:
        assert audit_chain.verify_chain(tx, f"workspace:{fleet.north}") is None


def test_the_sheet_of_a_platform_connection_names_the_app_and_its_credential_stays(fleet: Any) -> None:
    sheet = offboard(fleet, "wingtip")
    (app,) = sheet.apps
    assert (app.name, app.is_theirs) == ("North's app", False)
    assert "app registration" not in "\n".join(sheet.lines)
    assert fleet.count(credentials, credentials.c.platform_app_id == fleet.app) == 1


def test_a_tenant_that_was_never_connected_leaves_nothing_to_do(fleet: Any) -> None:
    fleet.add_tenant("lonely")
    assert "nothing is left for you to do" in offboard(fleet, "lonely").lines[-1]


def test_nothing_starts_on_an_offboarded_tenant_and_its_last_run_finishes(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    offboard(fleet)
    assert fleet.finish(claim).status == "completed"
    assert fleet.unfinished(fleet.connection["contoso"]) == []
    assert fleet.start(fleet.connection["contoso"]).reason.code == "tenant_archived"
    with pytest.raises(Conflict, match="offboarded already"):
        offboard(fleet)
    with pytest.raises(Conflict, match="Restore it instead"):
        tenant_archive.unarchive(fleet.db, fleet.dana, fleet.tenant["contoso"])


def test_offboarding_and_a_finish_at_the_same_moment_leave_nothing_unfinished(fleet: Any) -> None:
    claims = [fleet.begin(fleet.connection[name]) for name in ("contoso", "fabrikam", "wingtip")]
    start, errors = threading.Barrier(6), []

    def run(work: Any) -> None:
        start.wait(60)
        try:
            work()
        except AtlasError as error:
            errors.append(error)

    jobs = [
        lambda claim=claim: finishing.finish(fleet.db, claim.held, finishing.RunResult(check=fleet.good_report(claim)))
        for claim in claims
    ]
    jobs += [lambda name=name: offboard(fleet, name) for name in ("contoso", "fabrikam", "wingtip")]
    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert fleet.count(operation_runs, operation_runs.c.status != "completed") == 0
    for name in ("contoso", "fabrikam", "wingtip"):
        assert tenants.get(fleet.db, fleet.dana, fleet.tenant[name]).lifecycle is TenantLifecycle.ARCHIVED
        assert not fleet.truth(fleet.connection[name]).is_enabled


def test_restoring_brings_it_back_disabled_and_says_what_is_missing(fleet: Any) -> None:
    offboard(fleet)
    fleet.clock.advance(days=29)
    back = offboarding.restore(fleet.db, fleet.dana, fleet.tenant["contoso"])
    connection = fleet.connection["contoso"]
    assert (back.tenant.lifecycle, back.tenant.purge_after) == (TenantLifecycle.ACTIVE, None)
    assert back.disabled == ((connection, "Microsoft"),)
    assert back.without_credential == (connection,)
    assert not fleet.truth(connection).is_enabled
    fleet.clock.advance(days=300)
    assert purging.purge_due(fleet.db) == purging.Purged()
    connection_changes.set_enabled(fleet.db, fleet.dana, connection, True)
    assert fleet.start(connection).reason.code == "provider_credential_missing"
    with pytest.raises(Conflict, match="was not offboarded"):
        offboarding.restore(fleet.db, fleet.dana, fleet.tenant["contoso"])


def test_the_purge_waits_for_its_time_goes_on_after_a_kill_and_is_told_once(fleet: Any) -> None:
    collect(fleet, "contoso")
    collect(fleet, "fabrikam")
    kept = {name: count // 2 for name, count in left(fleet).items()}
    offboard(fleet, purge_days=10)
    fleet.clock.advance(days=9, hours=23)
    assert purging.purge_due(fleet.db) == purging.Purged()
    fleet.clock.advance(hours=2)
    assert purging.purge_due(fleet.db, parts=2, chunk=5).rows == 10  # and here the worker is killed
    assert tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"]).purged_at is None
    with pytest.raises(Conflict, match="is being purged"):
        offboarding.restore(fleet.db, fleet.dana, fleet.tenant["contoso"])
    assert purging.purge_due(fleet.db, chunk=5).tenants == (fleet.tenant["contoso"],)
    assert left(fleet) == kept
    assert purging.purge_due(fleet.db) == purging.Purged()
    row = tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"])
    assert row.purged_at is not None
    assert row.name == "Contoso"
    entries = fleet.rows(select(audit_entries).where(audit_entries.c.action == "tenant.purge"))
    assert [(entry.actor, entry.target_id) for entry in entries] == [("system:worker", str(row.id))]
    assert fleet.count(audit_entries, audit_entries.c.action == "tenant.offboard") == 1
    with pytest.raises(Conflict, match="was purged"):
        offboarding.restore(fleet.db, fleet.dana, row.id)
    anew = tenant_archive.unarchive(fleet.db, fleet.dana, row.id)
    assert (anew.lifecycle, anew.purge_after, anew.purged_at) == (TenantLifecycle.ACTIVE, None, None)


def test_workers_that_purge_together_purge_once(fleet: Any) -> None:
    collect(fleet, "contoso", 30)
    offboard(fleet, purge_days=0)
    fleet.clock.advance(minutes=1)
    done: list[Any] = []
    threads = [threading.Thread(target=lambda: done.append(purging.purge_due(fleet.db, chunk=10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 4
    purging.purge_due(fleet.db)
    assert fleet.count(audit_entries, audit_entries.c.action == "tenant.purge") == 1
    assert not any(left(fleet).values()) or left(fleet)["connection_permissions"] == 0


def test_the_purge_waits_for_a_run_that_could_still_write(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"])
    offboard(fleet, purge_days=0)
    fleet.clock.advance(minutes=1)
    assert purging.purge_due(fleet.db) == purging.Purged()
    fleet.finish(claim)
    assert purging.purge_due(fleet.db).tenants == (fleet.tenant["contoso"],)
    assert fleet.count(verification_reports) == 0


def test_days_that_make_no_sense_are_refused(sqlite_fleet: Any) -> None:
    for days in (-1, 100_000):
        with pytest.raises(InvalidInput, match="purge days"):
            offboard(sqlite_fleet, purge_days=days)


def test_the_page_tells_what_a_tenant_is_and_what_is_missing(fleet: Any) -> None:
    def page(name: str, by: str = "dana") -> Any:
        return tenant_detail.get(fleet.db, fleet.people[by], fleet.tenant[name])

    run = fleet.check(fleet.connection["contoso"]).id
    fleet.set_permissions(
        fleet.connection["contoso"],
        {"Organization.Read.All": True, "DeviceManagementManagedDevices.Read.All": False, "Odd.ReadWrite.All": True},
    )
    contoso = page("contoso")
    assert contoso.provider is not None
    assert (contoso.provider.id, contoso.call_to_create) == (fleet.connection["contoso"], None)
    assert contoso.permissions.granted == ("Organization.Read.All",)
    assert "DeviceManagementManagedDevices.Read.All" in contoso.permissions.missing_required
    assert [row.id for row in contoso.runs] == [run]
    assert contoso.tenant.name_differs
    second = fleet.add_connection("contoso", ready=False)
    assert [row.id for row in page("contoso").connections] == [fleet.connection["contoso"], second]
    fleet.add_tenant("lonely")
    lonely = page("lonely")
    assert (lonely.provider, lonely.permissions, lonely.call_to_create.may) == (None, None, True)
    seen_by_rita = page("lonely", "rita")
    assert (seen_by_rita.may_manage, seen_by_rita.call_to_create.may) == (False, False)
    assert "dana (Owner)" in seen_by_rita.call_to_create.who_may
    offboard(fleet)
    assert page("contoso").goodbye.may_restore
    assert not page("contoso", "omar").goodbye.may_restore


def test_a_tenant_that_was_changed_past_the_rules_is_not_purged(fleet: Any) -> None:
    offboard(fleet, purge_days=0)
    fleet.clock.advance(minutes=1)
    fleet.write(update(tenant_table).where(tenant_table.c.id == fleet.tenant["contoso"]).values(lifecycle="active"))
    assert purging.purge_due(fleet.db) == purging.Purged()
