"""Whatever is sent, the simulator answers as Microsoft would, never with an error of its own."""

from __future__ import annotations

import asyncio
import string
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.fleet import add_tenant
from simulator.server import Simulator
from simulator.tokens import app_only_claims
from simulator.world import Listener, World

_TENANT, _CLIENT = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
_LOGIN, _GRAPH = "https://localhost:1001", "https://localhost:1002"


def _world() -> World:
    world = World()
    kinds = ((1001, "login", "global"), (1002, "graph", "global"), (1003, "login", "usgov"), (1004, "graph", "usgov"))
    for port, kind, cloud in kinds:
        world.listeners[port] = Listener(kind, cloud, f"https://localhost:{port}")
    secret = {"key_id": _CLIENT, "value": "s", "starts": "2025-01-01T00:00:00Z", "expires": "2099-01-01T00:00:00Z"}
    roles = ["Directory.Read.All", "DeviceManagementManagedDevices.Read.All", "RoleManagement.Read.Directory"]
    app = {"client_id": _CLIENT, "secrets": [secret], "granted_roles": roles}
    add_tenant(world.directory, {"id": _TENANT, "name": "Contoso", "domains": ["contoso.example"], "apps": [app]})
    return world


@pytest.fixture(scope="module")
def world() -> World:
    return _world()


@pytest.fixture(scope="module")
def bearer(world: World) -> dict[str, str]:
    roles = world.directory.tenants[_TENANT].service_principals[_CLIENT].granted_roles
    claims = app_only_claims(
        audience=_GRAPH, issuer="", tenant_id=_TENANT, client_id=_CLIENT, app_name="", principal_id="",
        by_certificate=False, roles=roles, region="NA", now=world.clock.now(),
    )  # fmt: skip
    return {"Authorization": f"Bearer {world.signer.sign(claims)}"}


def _send(world: World, method: str, url: str, **request: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(Simulator(world))) as client:
            return await client.request(method, url, **request)

    return asyncio.run(send())


_words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
_query = st.dictionaries(
    st.sampled_from(["$select", "$top", "$filter", "$expand", "$count", "$skiptoken", "$skip", "x"]),
    st.one_of(
        _words,
        st.sampled_from(["id", "principal", "5", "true", "appId eq 'x'", "lastSyncDateTime gt 5", "isBuiltIn eq true"]),
    ),
    max_size=4,
)
_resources = st.sampled_from([
    "organization", "subscribedSkus", "servicePrincipals", "servicePrincipals(appId='x')", "applications",
    "deviceManagement/managedDevices", "roleManagement/directory/roleAssignments",
    "roleManagement/directory/roleDefinitions", "deviceManagement/managedDeviceOverview", "servicePrincipals/x/appRoleAssignments",
])  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(_resources, _query)
def test_no_query_breaks_graph(world: World, bearer: dict[str, str], path: str, query: dict[str, str]) -> None:
    answer = _send(world, "GET", f"{_GRAPH}/v1.0/{path}", params=query, headers=bearer)
    assert answer.status_code in (200, 400, 404), answer.text
    assert ("value" in answer.json() or "@odata.context" in answer.json()) == (answer.status_code == 200)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]), _words)
def test_no_path_breaks_a_listener(world: World, bearer: dict[str, str], method: str, path: str) -> None:
    for base in (f"{_GRAPH}/v1.0", _GRAPH, _LOGIN, f"{_LOGIN}/{_TENANT}"):
        answer = _send(world, method, f"{base}/{quote(path)}", headers=bearer)
        assert answer.status_code != 500


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["client_id", "client_secret", "scope", "grant_type", "client_assertion", "client_assertion_type",
                         "claims", "x"]),
        st.one_of(_words, st.sampled_from([_CLIENT, "client_credentials", f"{_GRAPH}/.default", "{}", '{"access_token":[]}',
                                           "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "e30.e30.e30"])),
    ),
    st.one_of(st.none(), st.text(string.printable.strip(), max_size=30).map(lambda text: f"Basic {text}")),
)  # fmt: skip
def test_no_form_breaks_sign_in(world: World, form: dict[str, str], authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = _send(world, "POST", f"{_LOGIN}/{_TENANT}/oauth2/v2.0/token", data=form, headers=headers)
    assert answer.status_code in (400, 401), answer.text
    assert answer.json()["error_codes"]


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), _words),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_words, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(
    st.one_of(
        _json,
        st.fixed_dictionaries({"requests": st.lists(
            st.fixed_dictionaries(
                {"id": st.sampled_from(["1", "2", "3"]), "method": st.sampled_from(["GET", "POST", "?"]), "url": _words},
                optional={"dependsOn": st.one_of(_json, st.just(["1"])), "headers": _json},
            ),
            max_size=4,
        )}),
    )
)  # fmt: skip
def test_no_batch_breaks_graph(world: World, bearer: dict[str, str], body: Any) -> None:
    answer = _send(world, "POST", f"{_GRAPH}/v1.0/$batch", json=body, headers=bearer)
    assert answer.status_code in (200, 400), answer.text


def test_an_error_of_its_own_is_a_500_without_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    broken = _world()

    class Broken(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise RuntimeError("canary: client_secret=s3cr3t")

    broken.directory.registrations = Broken()
    form = {"client_id": _CLIENT, "client_secret": "s", "grant_type": "client_credentials", "scope": "x"}
    answer = _send(broken, "POST", f"{_LOGIN}/{_TENANT}/oauth2/v2.0/token", data=form)
    assert (answer.status_code, answer.content) == (500, b"")
    said = capsys.readouterr().err
    assert said.startswith("simulator: RuntimeError at ")
    assert "canary" not in said
