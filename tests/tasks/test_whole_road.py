"""The whole road: a start, the installed worker process, msal and httpx over HTTPS to the simulator, and back into the database."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from storage import (
    cancelling,
    compliance,
    configuration,
    connection_changes,
    connection_removal,
    credential_changes,
    credential_material,
    credentials,
    offboarding,
    operations,
    roles,
    starting,
    tenants,
)
from storage.configuration import CloudHosts
from storage.errors import Conflict
from storage.schema import compliance_snapshots, operation_runs
from storage.states import ConnectionType, CredentialOwner, CredentialSlot
from tasks import keyring

ROOT = Path(__file__).parents[2]
PERMISSIONS = sorted(
    {p for o in operations.CATALOG.values() for p in (*o.required_permissions, *o.optional_permissions)}
)


@dataclass
class Simulated:
    """The simulator process."""

    endpoints: dict[str, Any]
    client: httpx.Client

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    directory = tmp_path_factory.mktemp("simulator")
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "serve", "--directory", str(directory), "--exit-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdin is not None
    endpoints = json.loads(process.stdout.readline())
    client = httpx.Client(
        base_url=endpoints["control"],
        verify=ssl.create_default_context(cafile=endpoints["ca"]),
        headers={"Authorization": f"Bearer {endpoints['control_key']}"},
        trust_env=False,
    )
    yield Simulated(endpoints, client)
    client.close()
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


@dataclass
class Tenant:
    """A tenant that is in the simulator and, with one connection, in the fleet."""

    simulator: Simulated
    entra_id: str
    connection: int

    def script(self, match: dict[str, str], answers: list[Any]) -> None:
        body = {"match": match, "answers": answers, "then": "fine"}
        self.simulator.control("POST", f"/tenants/{self.entra_id}/scripts", body)

    def scenarios(self, *names: Any) -> None:
        self.simulator.control("PUT", f"/tenants/{self.entra_id}/scenarios", list(names))

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        answer = self.simulator.control("GET", f"/requests?tenant={self.entra_id}")
        return [entry for entry in answer["requests"] if path in entry["path"]]


@pytest.fixture
def road(sqlite_fleet: Any, simulator: Simulated) -> Any:
    """The fleet, configured for the simulator."""
    clouds = {name: CloudHosts(**hosts) for name, hosts in simulator.endpoints["clouds"].items()}
    settings = msgspec.structs.replace(sqlite_fleet.settings, clouds=clouds, ca_bundle=simulator.endpoints["ca"])
    configuration.save(sqlite_fleet.config, settings)
    return replace(sqlite_fleet, settings=settings)


def throttled(seconds: int) -> dict[str, Any]:
    """Microsoft's answer when there were too many requests."""
    error = {"error": {"code": "TooManyRequests", "message": "Too many requests."}}
    return {"status": 429, "headers": {"Retry-After": str(seconds)}, "body": error}


def add_tenant(road: Any, simulator: Simulated, *, expires_in: timedelta = timedelta(days=300)) -> Tenant:
    entra_id, client_id = str(uuid.uuid4()), str(uuid.uuid4())
    secret, domain = f"{uuid.uuid4().hex[:3]}~{uuid.uuid4()}", f"t{entra_id[:8]}.example"
    now = datetime.now(UTC)
    app = {
        "client_id": client_id,
        "multi_tenant": False,
        "consented": True,
        "enabled": True,
        "granted_roles": PERMISSIONS,
        "secrets": [
            {
                "key_id": str(uuid.uuid4()),
                "value": secret,
                "starts": (now - timedelta(days=200)).isoformat(),
                "expires": (now + expires_in).isoformat(),
            }
        ],
        "certificates": [],
    }
    simulator.control(
        "POST",
        "/tenants",
        {"id": entra_id, "name": "Contoso", "cloud": "global", "domains": [domain], "apps": [app]},
    )
    tenant = tenants.create(
        road.db, road.who, road.workspace_id, entra_tenant_id=entra_id, name="Contoso", primary_domain=domain
    )
    connection = connection_changes.create(
        road.db, road.who, tenant.id, connection_type=ConnectionType.DEDICATED, client_id=client_id
    )
    credentials.store(
        road.db,
        road.who,
        CredentialOwner.CONNECTION,
        connection.id,
        credential_material.from_secret(secret),
        road.settings.public_key_bytes(),
    )
    return Tenant(simulator, entra_id, connection.id)


def start_real_worker(road: Any, start_process: Any) -> Any:
    return start_process(road, "--slots", "4", installed=True)


def test_a_healthy_connection_becomes_healthy(road: Any, simulator: Simulated, start_process: Any) -> None:
    tenant = add_tenant(road, simulator)
    worker = start_real_worker(road, start_process)

    run = road.until_completed(road.start(tenant.connection))

    badges = road.badges(tenant.connection)
    assert (run.outcome, run.reason_code) == ("succeeded", None)
    assert (badges.consent_status, badges.verification_status) == ("granted", "healthy")
    assert [step.key for step in road.steps(run.id)][:4] == ["preflight", "discovery", "token", "claims"]
    assert {step.status for step in road.steps(run.id)} <= {"pass", "warn", "skip"}
    assert run.progress_done == run.progress_total == len(road.steps(run.id))
    assert "library" not in worker.events()


def test_an_expired_secret_blocks_and_one_sealed_for_another_key_is_our_own_fault(
    road: Any, simulator: Simulated, start_process: Any
) -> None:
    tenant, foreign = add_tenant(road, simulator, expires_in=timedelta(days=-1)), add_tenant(road, simulator)
    lost_key = keyring.public_bytes(X25519PrivateKey.generate())
    secret = credential_material.from_secret("value~of-a-key-that-is-lost")
    credentials.store(road.db, road.who, CredentialOwner.CONNECTION, foreign.connection, secret, lost_key)
    credential_changes.promote(road.db, road.who, CredentialOwner.CONNECTION, foreign.connection, reason="drill")
    start_real_worker(road, start_process)

    runs = [road.start(tenant.connection), road.start(foreign.connection)]

    ended = [road.until_completed(run_id) for run_id in runs]
    assert [(run.outcome, run.reason_code) for run in ended] == [
        ("blocked", "secret_expired"),
        ("failed", "credential_undecryptable"),
    ]
    assert road.badges(tenant.connection).verification_status == "blocked"
    assert road.badges(foreign.connection).verification_status == "error"
    assert foreign.requests() == []


def test_a_throttled_tenant_waits_and_then_succeeds(road: Any, simulator: Simulated, start_process: Any) -> None:
    tenant = add_tenant(road, simulator)
    tenant.script({"where": "graph", "path": "/organization*"}, [throttled(1), throttled(1)])
    start_real_worker(road, start_process)

    assert road.until_completed(road.start(tenant.connection)).outcome == "succeeded"
    assert [entry["status"] for entry in tenant.requests("/organization")][:3] == [429, 429, 200]
    assert [entry for entry in tenant.requests() if entry["early_retry"]] == []


def test_a_killed_workers_check_is_taken_up_again(road: Any, simulator: Simulated, start_process: Any) -> None:
    tenant = add_tenant(road, simulator)
    tenant.script({"where": "graph", "path": "/organization*"}, [throttled(12)])
    first = start_real_worker(road, start_process)
    run_id = road.start(tenant.connection)
    road.until(run_id, lambda row: row.waiting_until is not None, "waiting for Microsoft")

    first.signal(signal.SIGKILL)
    first.wait()
    start_real_worker(road, start_process)
    road.let_leases_end()

    run = road.until_completed(run_id)
    assert (run.outcome, run.attempt) == ("succeeded", 2)
    assert road.reports_of(run_id) == 1


def test_a_cancel_during_a_real_retry_after_ends_the_run(road: Any, simulator: Simulated, start_process: Any) -> None:
    tenant = add_tenant(road, simulator)
    tenant.script({"where": "graph", "path": "/organization*"}, [throttled(14)])
    start_real_worker(road, start_process)
    run_id = road.start(tenant.connection)
    road.until(run_id, lambda row: row.waiting_until is not None, "waiting for Microsoft")

    cancelling.cancel(road.db, road.who, run_id)

    assert road.until(run_id, lambda row: row.status == "completed", "cancelled").outcome == "cancelled"


def test_tenants_that_hang_or_are_throttled_hold_up_no_other_one(
    road: Any, simulator: Simulated, start_process: Any
) -> None:
    """Three of four threads hang in calls that nobody answers; the fourth is given back by a throttled run."""
    hanging = [add_tenant(road, simulator) for _ in range(3)]
    patient, healthy = add_tenant(road, simulator), add_tenant(road, simulator)
    for tenant in hanging:
        tenant.scenarios({"name": "hanging", "path": "/organization*"})
    patient.script({"where": "graph", "path": "/organization*"}, [throttled(120)])
    start_real_worker(road, start_process)
    stuck = [road.start(tenant.connection) for tenant in hanging]
    road.wait_until(lambda: all(tenant.requests("/organization") for tenant in hanging), "three calls that hang")

    throttled_run, checked = road.start(patient.connection), road.start(healthy.connection)

    assert road.until_completed(checked).outcome == "succeeded"
    waiting = road.until(throttled_run, lambda row: row.not_before is not None, "given back to the queue")
    assert (waiting.status, waiting.deferrals) == ("queued", 1)
    assert {road.run(run_id).status for run_id in stuck} == {"running"}


def test_what_is_taken_away_while_checks_run_is_not_there_in_their_results(
    road: Any, simulator: Simulated, start_process: Any
) -> None:
    disabled, bare, gone = (add_tenant(road, simulator) for _ in range(3))
    for tenant in (disabled, bare, gone):
        tenant.script({"where": "graph", "path": "/organization*"}, [throttled(3)] * 4)
    start_real_worker(road, start_process)
    runs = {tenant.connection: road.start(tenant.connection) for tenant in (disabled, bare, gone)}
    for run_id in runs.values():
        road.until(run_id, lambda row: row.waiting_until is not None, "waiting for Microsoft")

    connection_changes.set_enabled(road.db, road.who, disabled.connection, False)
    credential_changes.remove(road.db, road.who, CredentialOwner.CONNECTION, bare.connection, CredentialSlot.ACTIVE)
    with pytest.raises(Conflict):
        connection_removal.delete_draft(road.db, road.who, gone.connection)
    offboarding.offboard(road.db, road.who, road.run(runs[gone.connection]).tenant_id)
    for tenant in (disabled, bare, gone):
        simulator.control("DELETE", f"/tenants/{tenant.entra_id}/scripts")

    ended = {connection: road.until_completed(run_id) for connection, run_id in runs.items()}
    assert [(run.outcome, run.reason_code) for run in ended.values()] == [
        ("cancelled", "cancelled"),
        ("partially_succeeded", "superseded"),
        ("cancelled", "cancelled"),
    ]
    assert [road.badges(connection).verification_status for connection in runs] == ["pending", "unknown", "unknown"]
    refused = starting.start(road.db, road.who, bare.connection, operations.CONNECTION_CHECK)
    assert isinstance(refused, starting.Blocked)
    assert refused.reason.code == "provider_credential_missing"


def ready_for(road: Any, tenant: Tenant, operation: str, *, devices: int = 10, then: list[Any] | None = None) -> int:
    """Has the connection checked, gives the tenant its devices and a script for them, and starts an operation."""
    assert road.until_completed(road.start(tenant.connection)).outcome in ("succeeded", "partially_succeeded")
    tenant.simulator.control("PATCH", f"/tenants/{tenant.entra_id}", {"devices": devices})
    if then:
        tenant.script({"where": "graph", "path": "/deviceManagement/managedDevices"}, then)
    started: int = road.start(tenant.connection, operation)
    return started


def test_a_snapshot_and_a_scan_bring_home_what_they_counted(
    road: Any, simulator: Simulated, start_process: Any
) -> None:
    tenant = add_tenant(road, simulator)
    start_real_worker(road, start_process)

    run = road.until_completed(ready_for(road, tenant, operations.COMPLIANCE_SNAPSHOT, devices=2_500))
    scan = road.until_completed(road.start(tenant.connection, operations.ADMIN_ROLES_SCAN))

    assert (run.outcome, run.summary_counts["total"]) == ("succeeded", 2_500)
    found = compliance.latest(road.db, road.who, run.tenant_id)
    assert found.snapshot is not None
    assert (found.snapshot.run_id, found.snapshot.total) == (run.id, 2_500)
    assert scan.outcome == "succeeded"
    report = roles.latest(road.db, road.who, run.tenant_id).report
    assert report is not None
    assert report.counts["assignments"] == scan.summary_counts["assignments"] > 0


def test_a_snapshot_of_a_worker_that_died_in_the_middle_is_taken_once(
    road: Any, simulator: Simulated, start_process: Any
) -> None:
    tenant = add_tenant(road, simulator)
    first = start_real_worker(road, start_process)
    run_id = ready_for(road, tenant, operations.COMPLIANCE_SNAPSHOT, devices=2_500, then=["fine", throttled(12)])
    road.until(run_id, lambda row: row.waiting_until is not None, "waiting for Microsoft")

    first.signal(signal.SIGKILL)
    first.wait()
    start_real_worker(road, start_process)
    road.let_leases_end()

    run = road.until_completed(run_id)
    assert (run.outcome, run.attempt, run.summary_counts["total"]) == ("succeeded", 2, 2_500)
    assert road.count(compliance_snapshots) == 1


def test_a_snapshot_cancelled_in_a_retry_after_leaves_nothing(
    road: Any, simulator: Simulated, start_process: Any
) -> None:
    tenant = add_tenant(road, simulator)
    start_real_worker(road, start_process)
    run_id = ready_for(road, tenant, operations.COMPLIANCE_SNAPSHOT, devices=2_500, then=["fine", throttled(14)])
    road.until(run_id, lambda row: row.waiting_until is not None, "waiting for Microsoft")

    cancelling.cancel(road.db, road.who, run_id)

    assert road.until_completed(run_id).outcome == "cancelled"
    assert road.count(compliance_snapshots) == 0


def test_a_snapshot_that_breaks_off_is_kept_and_is_no_trend_point(
    road: Any, simulator: Simulated, start_process: Any
) -> None:
    tenant = add_tenant(road, simulator)
    start_real_worker(road, start_process)
    expired = {"status": 400, "code": "Directory_ExpiredPageToken"}
    broken = ["fine", expired, "fine", expired, "fine", expired]

    run = road.until_completed(ready_for(road, tenant, operations.COMPLIANCE_SNAPSHOT, devices=2_500, then=broken))

    assert (run.outcome, run.reason_code) == ("partially_succeeded", "page_token_expired")
    assert run.summary_counts["total"] == 1_000
    assert compliance.trend(road.db, road.who, run.tenant_id) == ()
    assert road.badges(tenant.connection).verification_status == "healthy"


def test_a_tenant_without_intune_is_skipped_and_a_refusal_asks_for_a_check(
    road: Any, simulator: Simulated, start_process: Any
) -> None:
    tenant = add_tenant(road, simulator)
    start_real_worker(road, start_process)
    simulator.control("PATCH", f"/tenants/{tenant.entra_id}", {"licences": ["p2"]})
    run = road.until_completed(ready_for(road, tenant, operations.COMPLIANCE_SNAPSHOT))
    assert (run.outcome, run.reason_code) == ("succeeded", "not_licensed_intune")
    assert [(step.key, step.status) for step in road.steps(run.id)] == [("managed_devices", "skip")]

    simulator.control("PATCH", f"/tenants/{tenant.entra_id}", {"licences": ["intune", "p2"]})
    tenant.script({"where": "graph", "path": "/deviceManagement/managedDevices"}, ["intune_forbidden"] * 2)
    refused = road.until_completed(road.start(tenant.connection, operations.COMPLIANCE_SNAPSHOT))
    # The check saw the consent a moment ago, so a refusal may still pass by itself.
    assert (refused.outcome, refused.reason_code) == ("blocked", "identity_propagating")
    assert road.count(operation_runs, operation_runs.c.follow_up_of_id == refused.id) == 1
    assert road.count(compliance_snapshots) == 0
