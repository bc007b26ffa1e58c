"""One simulator process for the whole session, and a tenant of its own for every test that wants one."""

from __future__ import annotations

import importlib.util
import json
import ssl
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

ROLES = [
    "Organization.Read.All",
    "Application.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "RoleManagement.Read.Directory",
]
_ROOT = Path(__file__).resolve().parents[2]
_specification = importlib.util.spec_from_file_location("nursery", _ROOT / "tests" / "nursery.py")
assert _specification is not None
assert _specification.loader is not None
_nurseries = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(_nurseries)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass
class Customer:
    """A tenant a test made, with its dedicated app."""

    id: str
    domain: str
    client_id: str
    secret: str
    key_id: str
    cloud: str


class Microsoft:
    """The running simulator as a test sees it."""

    def __init__(self, endpoints: dict[str, Any]) -> None:
        self.endpoints = endpoints
        self.trust = ssl.create_default_context(cafile=endpoints["ca"])
        self.http = httpx.Client(verify=self.trust, timeout=60)

    def login(self, cloud: str = "global") -> str:
        return str(self.endpoints["clouds"][cloud]["login"])

    def graph(self, cloud: str = "global") -> str:
        return str(self.endpoints["clouds"][cloud]["graph"])

    def control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        key = {"Authorization": f"Bearer {self.endpoints['control_key']}"}
        return self.http.request(method, self.endpoints["control"] + path, json=body, headers=key)

    def customer(self, *, app: dict[str, Any] | None = None, **fields: Any) -> Customer:
        """Add a tenant with one dedicated app; ``fields`` and ``app`` replace the defaults."""
        tenant_id, client_id, key_id = (str(uuid.uuid4()) for _ in range(3))
        secret, domain = f"abc8Q~{uuid.uuid4().hex}", f"t{uuid.uuid4().hex[:12]}.example"
        cloud = fields.get("cloud", "global")
        entry = {
            "id": tenant_id,
            "name": "Contoso Test",
            "domains": [domain, f"{domain.split('.')[0]}.onmicrosoft.com"],
            "size": 100,
            "devices": 25,
            "apps": [
                {
                    "client_id": client_id,
                    "display_name": "Atlas test",
                    "secrets": [
                        {
                            "key_id": key_id,
                            "value": secret,
                            "starts": "2025-01-01T00:00:00Z",
                            "expires": "2099-01-01T00:00:00Z",
                        }
                    ],
                    "granted_roles": ROLES,
                    **(app or {}),
                }
            ],
            **fields,
        }
        answer = self.control("POST", "/tenants", entry)
        assert answer.status_code == 201, answer.text
        return Customer(tenant_id, domain, client_id, secret, key_id, cloud)

    def change(self, customer: Customer, **change: Any) -> None:
        answer = self.control("PATCH", f"/tenants/{customer.id}", change)
        assert answer.status_code == 200, answer.text

    def change_app(self, customer: Customer, **change: Any) -> None:
        self.change(customer, apps=[{"client_id": customer.client_id, **change}])

    def form(self, customer: Customer, **fields: Any) -> dict[str, str]:
        form = {
            "client_id": customer.client_id,
            "client_secret": customer.secret,
            "grant_type": "client_credentials",
            "scope": f"{self.graph(customer.cloud)}/.default",
            **fields,
        }
        return {name: value for name, value in form.items() if value is not None}

    def sign_in(
        self, customer: Customer, *, tenant: str | None = None, headers: dict[str, str] | None = None, **fields: Any
    ) -> httpx.Response:
        """Ask for a token; ``fields`` replace form fields, None leaves one out."""
        url = f"{self.login(customer.cloud)}/{tenant or customer.id}/oauth2/v2.0/token"
        return self.http.post(url, data=self.form(customer, **fields), headers=headers)

    def token(self, customer: Customer, **fields: Any) -> str:
        answer = self.sign_in(customer, **fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def get(self, customer: Customer, path: str, *, token: str | None = None, **headers: str) -> httpx.Response:
        """Get a Graph path (with or without host), signing in first unless a token is given."""
        url = path if path.startswith("https:") else f"{self.graph(customer.cloud)}/v1.0{path}"
        bearer = {"Authorization": f"Bearer {token or self.token(customer)}"}
        return self.http.get(url, headers={**bearer, **headers})

    def batch(self, customer: Customer, token: str, paths: list[str]) -> list[dict[str, Any]]:
        """Send paths as one ``$batch`` and return its responses in their order."""
        items = [{"id": str(index), "method": "GET", "url": path} for index, path in enumerate(paths)]
        bearer = {"Authorization": f"Bearer {token}"}
        answer = self.http.post(f"{self.graph(customer.cloud)}/v1.0/$batch", json={"requests": items}, headers=bearer)
        assert answer.status_code == 200, answer.text
        return sorted(answer.json()["responses"], key=lambda item: int(item["id"]))

    def requests(self, customer: Customer) -> list[dict[str, Any]]:
        """The request log of one tenant."""
        found: list[dict[str, Any]] = self.control("GET", f"/requests?tenant={customer.id}").json()["requests"]
        return found


@pytest.fixture(scope="session")
def _nursery() -> Iterator[Any]:
    """Forks simulators; that the command starts from nothing, `test_process.py` shows."""
    made = _nurseries.Nursery("simulator.__main__", "uvicorn.protocols.http.h11_impl", "uvicorn.lifespan.off")
    yield made
    made.close()


@pytest.fixture(scope="session")
def run_simulator(_nursery: Any) -> Run:
    """Runs `python -m simulator` to its end."""
    return partial(_nursery.run, "simulator.__main__:main")


@pytest.fixture(scope="module")
def start_simulator(_nursery: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Starts simulator processes; those still running at the end are killed, and what they had no time to remove is pytest's."""
    started: list[Any] = []
    temporary = str(tmp_path_factory.mktemp("temporary"))

    def start(*arguments: str) -> Any:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        started.append(_nursery.start("simulator.__main__:main", *arguments, **pipes, TMPDIR=temporary))
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.fixture(scope="session")
def microsoft(_nursery: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft]:
    """The session's simulator, without any tenant."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    arguments = ("serve", "--directory", str(tmp_path_factory.mktemp("simulator")), "--exit-with-stdin")
    process = _nursery.start("simulator.__main__:main", *arguments, **pipes)
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    running = Microsoft(json.loads(line))
    yield running
    running.http.close()
    process.communicate(timeout=60)
    process.close()


@pytest.fixture
def customer(microsoft: Microsoft) -> Customer:
    """A healthy tenant of the test's own."""
    return microsoft.customer()
