"""What tests of the road to Microsoft may ask for: a simulator process, tenants in it, and a run to work in.

The simulator runs as a process of its own and is spoken to over HTTPS only. Nobody sleeps, and no time passes by itself: a wait of the
run moves the simulator's clock (and ours with it) forward, so that the simulator can tell whether a call came too early.
"""

from __future__ import annotations

import itertools
import json
import ssl
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from storage import operations
from storage.errors import KeyMissing
from storage.sealing import Binding, SealedCredential, SecretMaterial
from storage.states import Cloud, ConnectionType, CredentialKind, CredentialOwner, CredentialSlot
from storage.verification import ReportStep
from tasks.providers.base import RunDeferred, RunStopped, Target
from tasks.providers.microsoft.gateway import MicrosoftGateway
from tasks.providers.microsoft.settings import MicrosoftSettings

ROOT = Path(__file__).parents[3]
ALL_PERMISSIONS = sorted(
    {p for o in operations.CATALOG.values() for p in (*o.required_permissions, *o.optional_permissions)}
)
_NUMBERS = itertools.count(1)


@dataclass
class Simulated:
    """A simulator process and its control endpoint."""

    endpoints: dict[str, Any]
    stands_at: datetime | None = None
    """What the clock shows, there and here, until it is moved; None for the machine's."""

    def __post_init__(self) -> None:
        self._client = httpx.Client(
            base_url=self.endpoints["control"],
            verify=ssl.create_default_context(cafile=self.endpoints["ca"]),
            headers={"Authorization": f"Bearer {self.endpoints['control_key']}"},
            trust_env=False,
        )

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def now(self) -> datetime:
        return self.stands_at or datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        answer = self.control("POST", "/clock", {"seconds": seconds, "frozen": True})
        self.stands_at = datetime.fromtimestamp(answer["epoch"], UTC)

    def close(self) -> None:
        self._client.close()


@dataclass
class SimulatedTenant:
    """A tenant in the simulator, with one application that is consented to."""

    simulator: Simulated
    id: str
    client_id: str
    secret: str
    key_id: str
    domain: str
    cloud: Cloud

    def scenarios(self, *names: Any) -> None:
        self.simulator.control("PUT", f"/tenants/{self.id}/scenarios", list(names))

    def script(self, match: dict[str, str], answers: list[Any], then: str = "fine") -> None:
        self.simulator.control(
            "POST", f"/tenants/{self.id}/scripts", {"match": match, "answers": answers, "then": then}
        )

    def change(self, **fields: Any) -> None:
        self.simulator.control("PATCH", f"/tenants/{self.id}", fields)

    def change_app(self, **fields: Any) -> None:
        self.change(apps=[{"client_id": self.client_id, **fields}])

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        entries = self.simulator.control("GET", f"/requests?tenant={self.id}")["requests"]
        return [entry for entry in entries if path.lower() in entry["path"].lower()]

    def early_retries(self) -> list[dict[str, Any]]:
        return [entry for entry in self.requests() if entry["early_retry"]]


@dataclass
class RecordingReporter:
    """The run, as an operation sees it: remembers what it is told, and stops or defers when a test says so."""

    simulator: Simulated | None = None
    holds_for: float = float("inf")
    steps: list[ReportStep] = field(default_factory=list)
    waits: list[tuple[float, str, str]] = field(default_factory=list)
    calls_allowed: int | None = None
    stop_in_wait: bool = False
    checks: int = 0
    on_step: Callable[[str], None] = lambda key: None

    def check_running(self) -> None:
        self.checks += 1
        if self.calls_allowed is not None and self.checks > self.calls_allowed:
            raise RunStopped

    def begin_step(self, key: str, label: str) -> None:
        assert label
        self.on_step(key)

    def end_step(self, step: ReportStep) -> None:
        self.steps.append(step)

    def progress(self, done: int, total: int | None, phase: str) -> None:
        assert total is None or done <= total

    def wait(self, seconds: float, reason_code: str, phase: str) -> None:
        self.waits.append((seconds, reason_code, phase))
        if self.stop_in_wait:
            raise RunStopped
        if seconds > self.holds_for:
            raise RunDeferred(seconds, reason_code, phase)
        if self.simulator is not None:
            self.simulator.advance(seconds)


@dataclass
class Drawer:
    """A keyring whose credentials are in memory; opening one that is not there says that the key is missing."""

    materials: dict[int, SecretMaterial] = field(default_factory=dict)
    opened: list[int] = field(default_factory=list)

    def put(
        self,
        material: SecretMaterial,
        slot: CredentialSlot = CredentialSlot.ACTIVE,
        *,
        expires_at: datetime | None = None,
        key_id: str = "",
    ) -> SealedCredential:
        number = next(_NUMBERS)
        self.materials[number] = material
        binding = Binding("database", CredentialOwner.CONNECTION, number, CredentialKind(material.kind), "key")
        return SealedCredential(
            number, slot, binding, f"sealed {number}".encode(), key_id, expires_at, datetime.now(UTC)
        )

    def open(self, sealed: SealedCredential) -> SecretMaterial:
        self.opened.append(sealed.id)
        if sealed.id not in self.materials:
            raise KeyMissing("The key is missing.")
        return self.materials[sealed.id]


def _start(directory: Path, *arguments: str) -> Iterator[Simulated]:
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "serve", "--directory", str(directory), "--exit-with-stdin", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    simulated = Simulated(json.loads(process.stdout.readline()))
    try:
        yield simulated
    finally:
        simulated.close()
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """A simulator whose clock stands still unless a test moves it."""
    for simulated in _start(tmp_path_factory.mktemp("simulator")):
        simulated.advance(0)
        yield simulated


@pytest.fixture(scope="session")
def steady_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """A simulator whose clock nobody moves: msal dates a certificate's assertion by the machine's clock."""
    yield from _start(tmp_path_factory.mktemp("steady-simulator"))


@pytest.fixture(scope="session")
def demo_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """A simulator with the demo's fleet."""
    yield from _start(tmp_path_factory.mktemp("demo-simulator"), "--fleet", "demo")


@pytest.fixture
def new_tenant(simulator: Simulated) -> Callable[..., SimulatedTenant]:
    """Makes a tenant in the simulator."""

    def make(
        *,
        permissions: list[str] | None = None,
        cloud: Cloud = Cloud.GLOBAL,
        process: Simulated | None = None,
        consented: bool = True,
        multi_tenant: bool = False,
        enabled: bool = True,
        expires_in: timedelta = timedelta(days=365),
        lifetime: timedelta = timedelta(days=730),
        certificates: list[str] | None = None,
        **fields: Any,
    ) -> SimulatedTenant:
        used = process or simulator
        number = next(_NUMBERS)
        tenant, client, key = (str(uuid.uuid4()) for _ in range(3))
        secret, domain = f"{uuid.uuid4().hex[:3]}~{uuid.uuid4()}", f"tenant{number}.example"
        expires = used.now() + expires_in
        app = {
            "client_id": client,
            "multi_tenant": multi_tenant,
            "consented": consented,
            "enabled": enabled,
            "granted_roles": ALL_PERMISSIONS if permissions is None else permissions,
            "secrets": [
                {
                    "key_id": key,
                    "value": secret,
                    "starts": (expires - lifetime).isoformat(),
                    "expires": expires.isoformat(),
                }
            ],
            "certificates": [{"key_id": str(uuid.uuid4()), "pem": pem} for pem in certificates or []],
        }
        if multi_tenant:
            app["home_tenant"] = str(uuid.uuid4())
        body = {"id": tenant, "name": f"Tenant {number}", "cloud": cloud.value, "domains": [domain], "apps": [app]}
        used.control("POST", "/tenants", {**body, **fields})
        return SimulatedTenant(used, tenant, client, secret, key, domain, cloud)

    return make


@pytest.fixture
def tenant(new_tenant: Callable[..., SimulatedTenant]) -> SimulatedTenant:
    """A healthy tenant with every permission."""
    return new_tenant()


@pytest.fixture
def drawer() -> Drawer:
    """A keyring in memory."""
    return Drawer()


@pytest.fixture
def settings_for() -> Callable[..., MicrosoftSettings]:
    """Makes settings that lead to a simulator."""

    def make(simulator: Simulated, **overrides: Any) -> MicrosoftSettings:
        return MicrosoftSettings(
            clouds=simulator.endpoints["clouds"], ca_bundle=Path(simulator.endpoints["ca"]), **overrides
        )

    return make


@pytest.fixture
def new_gateway(
    simulator: Simulated, drawer: Drawer, settings_for: Callable[..., MicrosoftSettings]
) -> Iterator[Callable[..., MicrosoftGateway]]:
    """Makes a gateway to a simulator; closed at the end of the test."""
    made: list[MicrosoftGateway] = []

    def make(
        settings: MicrosoftSettings | None = None, process: Simulated | None = None, **overrides: Any
    ) -> MicrosoftGateway:
        used = process or simulator
        gateway = MicrosoftGateway(
            settings or settings_for(used, **overrides), drawer, now=used.now, jitter=lambda: 0.5
        )
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        gateway.close()


@pytest.fixture
def gateway(new_gateway: Callable[..., MicrosoftGateway]) -> MicrosoftGateway:
    """A gateway to the simulator."""
    return new_gateway()


@pytest.fixture
def new_reporter(simulator: Simulated) -> Callable[..., RecordingReporter]:
    """Makes a run whose waits move the simulator's clock."""
    return lambda **options: RecordingReporter(**{"simulator": simulator, **options})


@pytest.fixture
def reporter(new_reporter: Callable[..., RecordingReporter]) -> RecordingReporter:
    """A run that holds every wait."""
    return new_reporter()


@pytest.fixture
def target_for(drawer: Drawer) -> Callable[..., Target]:
    """Makes the target of a run: a dedicated connection with the tenant's own secret, unless told otherwise."""

    def make(tenant: SimulatedTenant, **changes: Any) -> Target:
        target = Target(
            run_id=1,
            attempt=1,
            deferrals=0,
            connection_id=1,
            entra_tenant_id=tenant.id,
            tenant_name="Our name",
            primary_domain=tenant.domain,
            cloud=tenant.cloud,
            connection_type=ConnectionType.DEDICATED,
            client_id=tenant.client_id,
            credentials=(),
            credential_changed_at=None,
            consent_changed_at=None,
            consent_granted_before=True,
            is_enabled=True,
            waited_for=True,
            home_tenant_id=tenant.id,
        )
        if "credentials" not in changes:
            changes["credentials"] = (drawer.put(SecretMaterial("secret", secret=tenant.secret)),)
        return replace(target, **changes)

    return make


@pytest.fixture(scope="session")
def new_certificate() -> Callable[..., SecretMaterial]:
    """Makes a certificate credential; `other_key` gives it a private key that does not belong to it."""

    def make(
        *, starts: timedelta = timedelta(days=-1), ends: timedelta = timedelta(days=365), other_key: bool = False
    ) -> SecretMaterial:
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "atlas test")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + starts)
            .not_valid_after(now + ends)
            .sign(key, hashes.SHA256())
        )
        kept = rsa.generate_private_key(65537, 2048) if other_key else key
        return SecretMaterial(
            "certificate",
            certificate_pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
            private_key_pem=kept.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )

    return make
