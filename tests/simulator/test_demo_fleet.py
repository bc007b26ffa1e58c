"""The demo fleet: complete, the same every time, and true: what its hints expect is what the simulator answers."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.assertions import split_jwt
from simulator.clock import parse_iso
from simulator.demo_fleet import CONSENT, MINIMUM, ROLES, VERIFICATION, demo_fleet
from simulator.fleet import add_tenant, dump_tenant
from simulator.model import Directory

_ROOT = Path(__file__).resolve().parents[2]
_TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def fleet() -> list[dict[str, Any]]:
    return demo_fleet(200, 1, _TODAY)


def _named(fleet: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(tenant for tenant in fleet if tenant["name"] == name)


def test_the_command_prints_the_same_fleet_every_time(run_simulator: Any) -> None:
    """Also in processes whose sets and dictionaries hash differently, as those do that start from nothing."""
    command = ("fleet", "demo", "--anchor", "2026-06-01")
    from_nothing = subprocess.run(
        [sys.executable, "-m", "simulator", *command], cwd=_ROOT, capture_output=True, check=True, text=True
    )
    runs = [from_nothing.stdout, *(run_simulator(*command, *extra).stdout for extra in ([], ["--seed", "2"]))]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert len(json.loads(runs[0])["tenants"]) == 200


@pytest.mark.parametrize("size", [MINIMUM, 137, 200, 1500])
def test_every_size_holds_all_that_is_promised(size: int) -> None:
    fleet = demo_fleet(size, 3, _TODAY)
    assert len(fleet) == size
    assert len({t["id"] for t in fleet}) == size
    assert len({d for t in fleet for d in t["domains"]}) == 2 * size
    badges = {(t["demo"]["is_enabled"], t["demo"]["consent_status"], t["demo"]["verification_status"]) for t in fleet}
    assert badges == set(itertools.product((True, False), CONSENT, VERIFICATION))
    assert _named(fleet, "Contoso Ltd")["workspace"] == "north-msp"


def test_too_small_a_fleet_is_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        demo_fleet(MINIMUM - 1, 1, _TODAY)


def test_most_are_healthy_and_three_workspaces_share_them(fleet: list[dict[str, Any]]) -> None:
    assert set(Counter(t["workspace"] for t in fleet)) == {"north-msp", "harbor-it", "sandbox"}
    healthy = sum(t["demo"]["verification_status"] == "healthy" for t in fleet)
    assert 0.65 <= healthy / len(fleet) <= 0.75


def test_a_workspace_and_cloud_share_one_platform_app_with_one_home(fleet: list[dict[str, Any]]) -> None:
    homes = {(t["workspace"], t["cloud"]): t for t in fleet if t["demo"].get("platform_home")}
    assert set(homes) == {
        ("north-msp", "global"),
        ("north-msp", "usgov"),
        ("harbor-it", "global"),
        ("sandbox", "global"),
    }
    for tenant in fleet:
        (app,) = tenant["apps"]
        if tenant["demo"]["connection_type"] == "platform":
            home = homes[tenant["workspace"], tenant["cloud"]]
            assert (app["client_id"], app["home_tenant"]) == (home["apps"][0]["client_id"], home["id"])
            assert bool(app["secrets"]) == (tenant is home), "the secret is only in the home tenant's entry"
        else:
            assert app["home_tenant"] == tenant["id"]
            assert tenant["demo"]["secret"]


def test_names_are_believable_and_some_are_awkward(fleet: list[dict[str, Any]]) -> None:
    names = {t["name"] for t in fleet}
    assert len(names) == len(fleet)
    assert any("[/red]" in name for name in names)
    assert any("株" in name for name in names)
    assert any("☕" in name for name in names)


def test_the_fleet_survives_being_loaded_and_dumped(fleet: list[dict[str, Any]]) -> None:
    directory = Directory()
    for entry in fleet:
        add_tenant(directory, entry)
    home = next(t for t in fleet if t["demo"].get("platform_home"))
    assert dump_tenant(directory, directory.tenants[home["id"]]) == home


def test_special_tenants_are_what_they_are_called_for(fleet: list[dict[str, Any]]) -> None:
    now = _TODAY.timestamp()
    expiry = {name: parse_iso(_named(fleet, name)["apps"][0]["secrets"][0]["expires"]) - now
              for name in ("Tailspin Toys", "Adventure Works")}  # fmt: skip
    assert expiry["Tailspin Toys"] < 0 < expiry["Adventure Works"] < timedelta(days=13).total_seconds()
    assert _named(fleet, "Woodgrove Bank")["devices"] == 12_000
    assert _named(fleet, "Adatum Government")["cloud"] == "usgov"
    assert _named(fleet, "Northwind Traders")["demo"]["missing_permissions"]
    assert _named(fleet, "Litware Inc")["scenarios"] == ["outage"]
    swapped = _named(fleet, "Proseware"), _named(fleet, "Lucerne Publishing")
    assert [t["scenarios"][0]["tenant"] for t in swapped] == [swapped[1]["id"], swapped[0]["id"]]
    assert [t["name"] for t in fleet if t["demo"]["stale"] and t["workspace"] != "sandbox"] == [
        "Margie's Travel", "Blue Yonder Airlines",
    ]  # fmt: skip


def test_what_was_never_checked_has_no_time_of_its_last_check(fleet: list[dict[str, Any]]) -> None:
    for tenant in fleet:
        never = tenant["demo"]["verification_status"] == "unknown"
        assert (tenant["demo"]["checked_minutes_ago"] is None) == never


class _Checker:
    """A connection check in miniature: what would the badges be?"""

    def __init__(self, microsoft: Any, fleet: list[dict[str, Any]]) -> None:
        self.microsoft = microsoft
        self.secrets = {t["demo"]["client_id"]: t["demo"]["secret"] for t in fleet if t["demo"].get("platform_home")}

    def check(self, tenant: dict[str, Any]) -> tuple[str, str | None]:
        login, demo = self.microsoft.login(tenant["cloud"]), tenant["demo"]
        issuers = {self.microsoft.http.get(f"{login}/{name}/v2.0/.well-known/openid-configuration").json()["issuer"]
                   for name in (tenant["id"], tenant["domains"][0])}  # fmt: skip
        if len(issuers) > 1:
            return "blocked", "tenant_domain_mismatch"
        form = {"client_id": demo["client_id"], "grant_type": "client_credentials",
                "client_secret": demo.get("secret") or self.secrets[demo["client_id"]],
                "scope": f"{self.microsoft.graph(tenant['cloud'])}/.default"}  # fmt: skip
        answer = self.microsoft.http.post(f"{login}/{tenant['id']}/oauth2/v2.0/token", data=form)
        if answer.status_code >= 500:
            return "unchanged", "identity_service_unavailable"
        if answer.status_code != 200:
            reasons = {7000222: "secret_expired", 7000215: "secret_invalid", 700016: "app_not_found_in_tenant",
                       7000112: "app_disabled_in_tenant", 53003: "blocked_by_conditional_access"}  # fmt: skip
            return "blocked", reasons[answer.json()["error_codes"][0]]
        missing = set(ROLES) - set(split_jwt(answer.json()["access_token"])[1]["roles"])
        assert missing == set(demo["missing_permissions"])
        return ("degraded", "missing_permission") if missing else ("healthy", None)


@pytest.fixture(scope="module")
def demo(microsoft: Any, start_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A simulator that serves the demo fleet."""
    directory = str(tmp_path_factory.mktemp("demo"))
    process = start_simulator("serve", "--directory", directory, "--fleet", "demo", "--anchor",
                              f"{_TODAY:%Y-%m-%d}", "--exit-with-stdin")  # fmt: skip
    running = type(microsoft)(json.loads(process.stdout.readline()))
    yield running
    running.http.close()


def _graph(demo: Any, fleet: list[dict[str, Any]], name: str, *paths: str) -> list[Any]:
    """Sign in to a tenant of the demo as its connection would, and get paths."""
    tenant = _named(fleet, name)
    checker = _Checker(demo, fleet)
    form = {"client_id": tenant["demo"]["client_id"], "grant_type": "client_credentials",
            "client_secret": tenant["demo"].get("secret") or checker.secrets[tenant["demo"]["client_id"]],
            "scope": f"{demo.graph()}/.default"}  # fmt: skip
    token = demo.http.post(f"{demo.login()}/{tenant['id']}/oauth2/v2.0/token", data=form).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    return [demo.http.get(f"{demo.graph()}/v1.0{path}", headers=bearer) for path in paths]


def test_the_memorable_tenants_behave_as_their_names_promise(demo: Any, fleet: list[dict[str, Any]]) -> None:
    devices, pim = "/deviceManagement/managedDevices", "/roleManagement/directory/roleEligibilityScheduleInstances"
    throttled = _graph(demo, fleet, "Wingtip Toys", *["/organization"] * 6)
    assert [(a.status_code, a.headers.get("retry-after")) for a in throttled] == [
        (429, "3"), (429, "3"), (200, None), (429, "3"), (429, "3"), (200, None),
    ]  # fmt: skip
    assert [a.status_code for a in _graph(demo, fleet, "Northwind Traders", "/organization", devices)] == [200, 403]
    assert "not applicable" in _graph(demo, fleet, "Alpine Ski House", devices)[0].text
    assert "AadPremiumLicenseRequired" in _graph(demo, fleet, "Coho Winery", pim)[0].text
    assert _graph(demo, fleet, "Relecloud", "/organization")[0].status_code == 401
    overview = _graph(demo, fleet, "Woodgrove Bank", "/deviceManagement/managedDeviceOverview")[0].json()
    assert overview["enrolledDeviceCount"] == 12_000
    first = _graph(demo, fleet, "Wide World Importers", f"{devices}?$select=id")[0].json()
    following = first["@odata.nextLink"].removeprefix(f"{demo.graph()}/v1.0")
    second = _graph(demo, fleet, "Wide World Importers", following)[0].json()
    assert (second["value"], "@odata.nextLink" in second) == ([], True)
    assert [a.status_code for a in _graph(demo, fleet, "Contoso Ltd", "/organization", devices, pim)] == [200] * 3


def test_what_the_hints_expect_is_what_the_simulator_answers(demo: Any, fleet: list[dict[str, Any]]) -> None:
    checker = _Checker(demo, fleet)
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(checker.check, fleet))
    for tenant, (verification, reason) in zip(fleet, verdicts, strict=True):
        expected = tenant["demo"]["expected"]
        if verification == "unchanged":
            assert (tenant["name"], reason) == ("Litware Inc", expected["reason"])
            continue
        assert verification == expected["verification_status"], tenant["name"]
        if expected["reason"] != "secret_expiring":
            assert reason == expected["reason"], tenant["name"]
        if not tenant["demo"]["stale"] and tenant["demo"]["is_enabled"]:
            assert tenant["demo"]["verification_status"] == verification, tenant["name"]
