"""What was changed at a simulator is there when it starts again; without a file for it, the fleet is as it was."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simulator.demo_fleet import demo_fleet
from simulator.demo_newcomers import newcomers
from simulator.fleet import FleetError, add_tenant, dump_tenant, read_fleet
from simulator.memory import Memory
from simulator.model import Directory

_SECRET = {
    "key_id": "6d6f7c2e-0000-4000-8000-000000000001",
    "value": "abc8Q~later",
    "starts": "2026-01-01T00:00:00Z",
    "expires": "2099-01-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def fleet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fleet") / "fleet.json"
    path.write_text(
        json.dumps({"tenants": demo_fleet(100, 1, datetime(2026, 6, 1, tzinfo=UTC)), "newcomers": newcomers(1)})
    )
    return path


@pytest.fixture
def start(microsoft: Any, start_simulator: Callable[..., Any], fleet_file: Path, tmp_path: Path) -> Any:
    """Starts the simulator of this test (again)."""

    def begin(*more: str) -> Any:
        process = start_simulator("serve", "--fleet", str(fleet_file), "--exit-with-stdin", *more)
        assert process.stdout is not None
        running = type(microsoft)(json.loads(process.stdout.readline()))
        running.process = process
        return running

    return begin


def _tenant(running: Any, name: str) -> dict[str, Any]:
    return next(t for t in running.control("GET", "/fleet").json()["tenants"] if t["name"] == name)


def test_consent_secrets_and_scenarios_outlive_a_killed_simulator(start: Any, tmp_path: Path) -> None:
    memory = tmp_path / "changed.json"
    first = start("--remember", str(memory))
    home, new = _tenant(first, "North MSP"), _tenant(first, "Tailwind Traders")
    app, old = home["apps"][0], home["apps"][0]["secrets"][0]
    consent = {
        "client_id": app["client_id"],
        "redirect_uri": "http://localhost:1234/atlas-consent",
        "scope": "x/.default",
    }
    address = f"{first.login()}/{new['id']}/v2.0/adminconsent"
    assert first.http.get(address, params={**consent, "answer": "accept"}).status_code == 302
    change = {"client_id": app["client_id"], "secrets": {"add": [_SECRET], "remove": [old["key_id"]]}}
    # Through the newcomer, who knows the app as well: what the app has stands with its home all the same.
    assert first.control("PATCH", f"/tenants/{new['id']}", {"apps": [change]}).status_code == 200
    first.control("PUT", f"/tenants/{home['id']}/scenarios", ["outage"])
    before = first.control("GET", "/fleet").json()
    first.process.kill()
    first.process.wait()

    second = start("--remember", str(memory))

    after = {tenant["id"]: tenant for tenant in second.control("GET", "/fleet").json()["tenants"]}
    assert after == {tenant["id"]: tenant for tenant in before["tenants"]}
    assert after[new["id"]]["apps"][0]["consented"] is True
    assert [secret["value"] for secret in after[home["id"]]["apps"][0]["secrets"]] == ["abc8Q~later"]
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600
    remembered = json.loads(memory.read_text())["tenants"]
    assert {tenant["name"] for tenant in remembered} == {"North MSP", "Tailwind Traders"}, (
        "no tenant that was not changed"
    )
    holders = [tenant["name"] for tenant in remembered if "abc8Q~later" in json.dumps(tenant)]
    assert holders == ["North MSP"], "a secret stands with its app's home alone"


def test_without_it_a_restart_is_as_the_fleet_says(start: Any) -> None:
    first = start()
    home = _tenant(first, "North MSP")
    first.control("PUT", f"/tenants/{home['id']}/scenarios", ["outage"])
    assert _tenant(first, "North MSP")["scenarios"] == ["outage"]
    assert _tenant(start(), "North MSP")["scenarios"] == []


def test_a_tenant_that_was_added_stays_and_one_that_was_removed_is_not_written(
    fleet_file: Path, tmp_path: Path
) -> None:
    directory = Directory()
    for entry in read_fleet(fleet_file):
        add_tenant(directory, entry)
    memory = Memory(directory, tmp_path / "changed.json")
    added = add_tenant(directory, {"id": _SECRET["key_id"], "name": "Nod Publishers", "domains": ["nod.example"]})
    gone = directory.find("tailwindtraders-demo.com")
    assert gone is not None
    directory.remove(gone.id)
    memory.remember(gone)
    memory.remember(added)

    again = Directory()
    Memory(again, tmp_path / "changed.json").recall()

    assert [tenant.name for tenant in again.tenants.values()] == ["Nod Publishers"]
    assert dump_tenant(again, next(iter(again.tenants.values()))) == dump_tenant(directory, added)


@pytest.mark.parametrize(
    "content", ["", "{}", '{"tenants": [{}]}', '{"tenants": [3]}', '{"tenants": [], "newcomers": 3}']
)
def test_a_file_that_is_none_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "changed.json"
    path.write_text(content)
    with pytest.raises(FleetError, match=r"changed\.json"):
        Memory(Directory(), path).recall()
