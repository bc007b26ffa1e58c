"""Inventory and directory sync on the whole road: a start, the installed worker process, the simulator over HTTPS, and both databases."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import update

from storage import (
    cancelling,
    configuration,
    connection_changes,
    credential_material,
    credentials,
    directory,
    inventory,
    inventory_difference,
    operations,
    tenants,
)
from storage.configuration import CloudHosts
from storage.inventory import InventoryQuery
from storage.inventory_kinds import KINDS
from storage.pages import Place
from storage.schema import inventory_items, inventory_staging, provider_connections
from storage.states import ConnectionType, CredentialOwner

ROOT = Path(__file__).parents[2]
PERMISSIONS = sorted(
    {p for o in operations.CATALOG.values() for p in (*o.required_permissions, *o.optional_permissions)}
)
APPS = {"where": "graph", "path": "/deviceAppManagement/mobileApps*"}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The simulator process: its addresses, and a client of its control."""
    directory_of = tmp_path_factory.mktemp("simulator")
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "serve", "--directory", str(directory_of), "--exit-with-stdin"],
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
    yield endpoints, client
    client.close()
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


class Road:
    """The fleet with one healthy tenant that is in the simulator."""

    def __init__(self, fleet: Any, simulator: Any, start_process: Any) -> None:
        endpoints, self._client = simulator
        clouds = {name: CloudHosts(**hosts) for name, hosts in endpoints["clouds"].items()}
        settings = msgspec.structs.replace(fleet.settings, clouds=clouds, ca_bundle=endpoints["ca"])
        configuration.save(fleet.config, settings)
        self.fleet = replace(fleet, settings=settings)
        self._start_process = start_process
        self.entra_id, self.client_id, secret = str(uuid.uuid4()), str(uuid.uuid4()), f"abc~{uuid.uuid4()}"
        domain, now = f"t{self.entra_id[:8]}.example", datetime.now(UTC)
        key = {"key_id": str(uuid.uuid4()), "value": secret, "starts": (now - timedelta(days=9)).isoformat()}
        app = {
            "client_id": self.client_id,
            "multi_tenant": False,
            "consented": True,
            "enabled": True,
            "granted_roles": PERMISSIONS,
            "secrets": [{**key, "expires": (now + timedelta(days=300)).isoformat()}],
            "certificates": [],
        }
        body = {"id": self.entra_id, "name": "Contoso", "cloud": "global", "domains": [domain], "apps": [app]}
        self.control("POST", "/tenants", body)
        made = tenants.create(
            fleet.db,
            fleet.who,
            fleet.workspace_id,
            entra_tenant_id=self.entra_id,
            name="Contoso",
            primary_domain=domain,
        )
        connection = connection_changes.create(
            fleet.db, fleet.who, made.id, connection_type=ConnectionType.DEDICATED, client_id=self.client_id
        )
        material = credential_material.from_secret(secret)
        credentials.store(
            fleet.db, fleet.who, CredentialOwner.CONNECTION, connection.id, material, settings.public_key_bytes()
        )
        self.tenant, self.connection = made.id, connection.id
        self._be_healthy()

    def _be_healthy(self) -> None:
        def work(tx: Any) -> None:
            facts = {"consent_status": "granted", "consent_granted_at": tx.now(), "verification_status": "healthy"}
            where = provider_connections.c.id == self.connection
            tx.run(update(provider_connections).where(where).values(**facts))

        self.fleet.db.write(work)

    def control(self, method: str, path: str, body: Any) -> None:
        self._client.request(method, path, json=body).raise_for_status()

    def script(self, match: dict[str, str], *answers: Any) -> None:
        body = {"match": match, "answers": list(answers), "then": "fine"}
        self.control("POST", f"/tenants/{self.entra_id}/scripts", body)

    def work(self) -> Any:
        """Starts the installed worker."""
        return self._start_process(self.fleet, "--slots", "2", installed=True)

    def start(self, operation: str = operations.INVENTORY_SYNC) -> int:
        return int(self.fleet.start(self.connection, operation))

    def done(self, run_id: int) -> Any:
        return self.fleet.until_completed(run_id)

    def items(self, text: str = "") -> list[Any]:
        query = InventoryQuery(self.fleet.workspace_id, text)
        return list(inventory.page(self.fleet.db, self.fleet.who, query, Place.first(), 500).rows)


@pytest.fixture
def road(fleet: Any, simulator: Any, start_process: Any) -> Road:
    """The road on each kind of database."""
    return Road(fleet, simulator, start_process)


@pytest.fixture
def sqlite_road(sqlite_fleet: Any, simulator: Any, start_process: Any) -> Road:
    """The road on SQLite, for what does not depend on the database."""
    return Road(sqlite_fleet, simulator, start_process)


def throttled(seconds: int) -> dict[str, Any]:
    error = {"error": {"code": "TooManyRequests", "message": "Too many requests."}}
    return {"status": 429, "headers": {"Retry-After": str(seconds)}, "body": error}


def test_two_syncs_find_the_items_and_then_what_changed(road: Road) -> None:
    road.work()
    first = road.done(road.start())
    found = road.items()
    assert (first.outcome, first.reason_code) == ("succeeded", None)
    assert {item.kind for item in found} == set(KINDS)
    assert first.summary_counts["created"] == first.summary_counts["items"] == len(found)
    assert [(step.key, step.status) for step in road.fleet.steps(first.id)] == [(kind, "pass") for kind in KINDS]

    app = {"id": "only", "displayName": "The only app", "lastModifiedDateTime": "2026-01-01T00:00:00Z"}
    road.script(APPS, {"status": 200, "body": {"value": [app]}})
    second = road.done(road.start())
    changes = inventory_difference.difference(road.fleet.db, road.fleet.who, road.connection)
    assert [item.name for item in changes.created] == ["The only app"]
    assert {item.kind for item in changes.removed} == {"mobile_apps"}
    assert second.summary_counts["removed"] == len(changes.removed) > 0
    assert (changes.run_id, changes.before_run_id) == (second.id, first.id)

    counted = road.done(road.start(operations.DIRECTORY_SYNC))
    (row,) = directory.history(road.fleet.db, road.fleet.who, road.tenant)
    assert (counted.outcome, row.run_id, row.is_complete, row.domains) == ("succeeded", counted.id, True, 1)


def test_a_worker_killed_in_the_middle_leaves_nothing_half_published(road: Road) -> None:
    road.script(APPS, throttled(12))
    first = road.work()
    run_id = road.start()
    road.fleet.until(run_id, lambda row: row.waiting_until is not None, "waiting for Microsoft")
    assert road.fleet.count(inventory_staging) > 0
    assert road.fleet.count(inventory_items) == 0

    first.signal(signal.SIGKILL)
    first.wait()
    road.work()
    road.fleet.let_leases_end()

    run = road.done(run_id)
    assert (run.outcome, run.attempt) == ("succeeded", 2)
    assert run.summary_counts["items"] == len(road.items()) > 0


def test_a_long_retry_after_gives_the_run_back_and_it_begins_anew(sqlite_road: Road) -> None:
    sqlite_road.script(APPS, throttled(120))
    sqlite_road.work()
    run_id = sqlite_road.start()
    row = sqlite_road.fleet.until(run_id, lambda row: row.deferrals == 1, "given back")
    assert (row.status, row.reason_code) == ("queued", "throttled")
    assert sqlite_road.items() == []


def test_a_cancel_publishes_nothing(sqlite_road: Road) -> None:
    sqlite_road.script(APPS, throttled(14))
    sqlite_road.work()
    run_id = sqlite_road.start()
    sqlite_road.fleet.until(run_id, lambda row: row.waiting_until is not None, "waiting for Microsoft")
    cancelling.cancel(sqlite_road.fleet.db, sqlite_road.fleet.who, run_id)
    assert sqlite_road.done(run_id).outcome == "cancelled"
    assert sqlite_road.items() == []


def test_one_broken_listing_makes_it_partial_and_keeps_what_is_stored(sqlite_road: Road) -> None:
    sqlite_road.work()
    sqlite_road.done(sqlite_road.start())
    before = [item.external_id for item in sqlite_road.items("kind:mobile_apps")]
    sqlite_road.script(APPS, {"status": 200, "body": {"value": None}})
    run = sqlite_road.done(sqlite_road.start())
    assert (run.outcome, run.reason_code) == ("partially_succeeded", "data_incomplete")
    assert [item.external_id for item in sqlite_road.items("kind:mobile_apps")] == before != []
