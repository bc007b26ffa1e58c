"""The newcomers: unknown to every database, ready at Microsoft, and listed with the mistakes that lists have."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simulator.demo_fleet import ROLES, demo_fleet
from simulator.demo_newcomers import COLUMNS, NEWCOMERS, SWAPPED, customer_list, newcomers

_TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
_LOCALHOST = "http://localhost:4711/atlas-consent"


@pytest.fixture(scope="module")
def fleet() -> list[dict[str, Any]]:
    return demo_fleet(200, 1, _TODAY)


@pytest.fixture(scope="module")
def listed(fleet: list[dict[str, Any]]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(customer_list(newcomers(1), fleet), newline="")))


@pytest.fixture(scope="module")
def demo(microsoft: Any, start_simulator: Any) -> Any:
    """A simulator that serves the demo fleet with its newcomers."""
    process = start_simulator("serve", "--fleet", "demo", "--size", "100", "--anchor", f"{_TODAY:%Y-%m-%d}",
                              "--exit-with-stdin")  # fmt: skip
    running = type(microsoft)(json.loads(process.stdout.readline()))
    yield running
    running.http.close()


def _platform_secret(fleet: list[dict[str, Any]], cloud: str) -> str:
    return next(
        str(t["demo"]["secret"])
        for t in fleet
        if t["demo"].get("platform_home") and (t["workspace"], t["cloud"]) == ("north-msp", cloud)
    )


def _sign_in(demo: Any, tenant: dict[str, Any], secret: str) -> Any:
    form = {"client_id": tenant["demo"]["client_id"], "client_secret": secret, "grant_type": "client_credentials",
            "scope": f"{demo.graph(tenant['cloud'])}/.default"}  # fmt: skip
    return demo.http.post(f"{demo.login(tenant['cloud'])}/{tenant['id']}/oauth2/v2.0/token", data=form)


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("size", [100, 2000])
def test_they_share_nothing_with_the_fleet_but_its_platform_apps(seed: int, size: int) -> None:
    fleet, new = demo_fleet(size, seed, _TODAY), newcomers(seed)
    for what in (lambda t: {t["id"]}, lambda t: {t["name"]}, lambda t: set(t["domains"])):
        known = set().union(*(what(t) for t in fleet))
        fresh = [item for t in new for item in what(t)]
        assert not known & set(fresh)
        assert len(fresh) == len(set(fresh))
    homes = {(t["workspace"], t["cloud"]): t["apps"][0] for t in fleet if t["demo"].get("platform_home")}
    for tenant in new:
        (app,) = tenant["apps"]
        if tenant["demo"]["connection_type"] == "platform":
            home = homes["north-msp", tenant["cloud"]]
            for field in ("client_id", "home_tenant", "required_roles", "redirect_uris"):
                assert app[field] == home[field]


def test_there_is_one_of_each_kind() -> None:
    new = newcomers(1)
    assert len(new) == len(NEWCOMERS) == 8
    assert [t["name"] for t in new if t["cloud"] == "usgov"] == ["Parnell Aerospace"]
    assert [t["name"] for t in new if t["demo"]["connection_type"] == "dedicated"] == ["A. Datum Corporation"]
    assert [t["name"] for t in new if "p2" not in t["licences"]] == ["Baldwin Museum of Science"]


def test_a_newcomer_has_not_consented_and_can(demo: Any, fleet: list[dict[str, Any]]) -> None:
    for tenant in newcomers(1):
        if tenant["demo"]["connection_type"] == "dedicated":
            continue
        secret = _platform_secret(fleet, tenant["cloud"])
        assert _sign_in(demo, tenant, secret).json()["error_codes"] == [700016], tenant["name"]
        query = {"client_id": tenant["demo"]["client_id"], "redirect_uri": _LOCALHOST, "answer": "accept",
                 "scope": f"{demo.graph(tenant['cloud'])}/.default", "state": "s"}  # fmt: skip
        answer = demo.http.get(f"{demo.login(tenant['cloud'])}/{tenant['id']}/v2.0/adminconsent", params=query)
        assert answer.headers["location"].startswith(f"{_LOCALHOST}?admin_consent=True&tenant={tenant['id']}")
        assert _sign_in(demo, tenant, secret).status_code == 200


def test_the_app_of_ones_own_has_nothing_yet(demo: Any) -> None:
    tenant = next(t for t in newcomers(1) if t["demo"]["connection_type"] == "dedicated")
    (app,) = tenant["apps"]
    assert (app["secrets"], app["certificates"], app["required_roles"], app["granted_roles"]) == ([], [], [], [])
    assert _sign_in(demo, tenant, "abc8Q~nothing").json()["error_codes"] == [7000215]


def test_the_list_is_partner_centers_with_every_kind_of_row(
    fleet: list[dict[str, Any]], listed: list[dict[str, str]]
) -> None:
    assert tuple(listed[0]) == COLUMNS
    known = {t["id"]: t for t in fleet}
    new = {t["id"]: t for t in newcomers(1)}
    names = [row["Company name"] for row in listed]
    assert set(names) == {t["name"] for t in new.values()} | {"Contoso Ltd", "Wingtip Toys", "Hiabuv Toys"}
    assert [name for name in set(names) if names.count(name) > 1] == ["Tailwind Traders"], "one row was pasted twice"

    bad = [row for row in listed if not _is_guid(row["Microsoft ID"])]
    assert [row["Company name"] for row in bad] == ["Hiabuv Toys"]

    swapped = {row["Company name"]: row["Microsoft ID"] for row in listed if row["Company name"] in SWAPPED}
    assert [new[swapped[name]]["name"] for name in SWAPPED] == list(reversed(SWAPPED))
    for row in listed:
        if row["Company name"] not in (*SWAPPED, "Hiabuv Toys"):
            tenant = (known | new)[row["Microsoft ID"]]
            assert (tenant["name"], tenant["domains"][0]) == (row["Company name"], row["Primary domain name"])
            assert row["Cloud"] == ("" if tenant["cloud"] == "global" else tenant["cloud"])


def _is_guid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def test_discovery_tells_that_two_ids_are_swapped(demo: Any, listed: list[dict[str, str]]) -> None:
    for row in (row for row in listed if row["Company name"] in SWAPPED):
        issuers = {
            demo.http.get(f"{demo.login()}/{name}/v2.0/.well-known/openid-configuration").json()["issuer"]
            for name in (row["Microsoft ID"], row["Primary domain name"])
        }
        assert len(issuers) == 2


def test_the_command_writes_the_list_beside_the_fleet(run_simulator: Any, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    said = run_simulator("fleet", "demo", "--customers", str(path))
    document = json.loads(said.stdout)
    assert document["newcomers"] == newcomers(1)
    assert path.read_bytes().decode() == customer_list(newcomers(1), document["tenants"])
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_permissions_that_are_asked_for_are_the_demos() -> None:
    asked = {app["client_id"]: app["required_roles"] for t in newcomers(1) for app in t["apps"] if app["multi_tenant"]}
    assert all(sorted(roles) == sorted(ROLES) for roles in asked.values())
