"""What exists in the simulated Microsoft: tenants, app registrations, and service principals.

Promise: an app registration (with its credentials) lives once, in its home tenant; another tenant knows the app only by a
service principal, made by consent, which holds the permissions granted there. This is Entra's own model, and every natural
sign-in failure follows from it.
Must not know: HTTP, JSON, or scenarios' meaning (it only keeps their names).
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from simulator.assertions import Thumbprints, encode, thumbprints

CLOUDS = ("global", "usgov", "dod", "china")
LICENCES = ("intune", "p1", "p2")
LISTS = frozenset(
    {
        "compliance_policies", "device_configurations", "mobile_apps", "enrollment_configurations", "conditional_access_policies",
        "named_locations", "users", "guests", "groups", "devices", "group_members",
    }
)  # fmt: skip
"""The lists whose size a fleet may give; that of managed devices is the tenant's ``devices``."""

MOST_ROUNDS = 1000
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
_NAMESPACE = uuid.UUID("8f5c4a30-6a0e-4d3c-9a7b-2f6d3f7a9b11")


def stable_guid(*parts: object) -> str:
    """Return a GUID that depends only on ``parts``."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(str(part) for part in parts)))


def opaque_id(*parts: object) -> str:
    """Return an id that is no GUID (43 characters, base64url), as assignments have, and depends only on ``parts``."""
    return encode(hashlib.sha256("/".join(map(str, parts)).encode()).digest())


@dataclass(slots=True)
class Secret:
    """A client secret of an app registration; ``starts`` and ``expires`` in seconds since the epoch."""

    key_id: str
    value: str
    hint: str
    starts: float
    expires: float
    added_at: float = 0.0


@dataclass(slots=True)
class Certificate:
    """A public certificate registered on an app; ``added_at`` in seconds since the epoch."""

    key_id: str
    pem: str
    added_at: float = 0.0
    x509: x509.Certificate = field(init=False, repr=False)
    thumbprints: Thumbprints = field(init=False)

    def __post_init__(self) -> None:
        """Parse the PEM. Raises ValueError when it is not a certificate."""
        self.x509 = x509.load_pem_x509_certificate(self.pem.encode())
        self.thumbprints = thumbprints(self.x509)


@dataclass(slots=True)
class Registration:
    """An app registration (the ``application`` object) in its home tenant."""

    client_id: str
    display_name: str
    home_tenant: str
    multi_tenant: bool
    secrets: list[Secret] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    required_roles: list[str] = field(default_factory=list)
    redirect_uris: list[str] | None = None

    @property
    def object_id(self) -> str:
        """The application object's id, which is not the client id."""
        return stable_guid("application", self.client_id)


@dataclass(slots=True)
class ServicePrincipal:
    """An app as one tenant knows it: what was granted there, and whether it may sign in."""

    client_id: str
    granted_roles: list[str]
    enabled: bool = True
    consented_at: float = 0.0


@dataclass(slots=True)
class ScenarioUse:
    """A scenario switched on for a tenant, with its options (``path``, ``seconds``, ``times``, …)."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    used: int = 0
    passed: int = 0

    def is_due(self) -> bool:
        """Count one chance to strike: the first of option ``after`` (0) are let pass. Returns whether it strikes."""
        if self.passed < int(self.options.get("after", 0)):
            self.passed += 1
            return False
        self.used += 1
        return True


@dataclass(slots=True)
class Script:
    """A scripted sequence of answers for the requests that match; ``then`` is ``fine`` or ``repeat``."""

    match: dict[str, str]
    answers: list[Any]
    then: str = "fine"
    position: int = 0


@dataclass(slots=True)
class Tenant:
    """One simulated tenant.

    ``amounts``: how many entries a list starts with (``mobile_apps``, ``users``, …) where that is not what its users suggest.
    ``rounds``: for each round in which its world changed, the moment.
    """

    id: str
    name: str
    cloud: str
    domains: list[str]
    size: int
    devices: int
    licences: list[str]
    service_principals: dict[str, ServicePrincipal] = field(default_factory=dict)
    scenarios: list[ScenarioUse] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    workspace: str = ""
    demo: dict[str, Any] = field(default_factory=dict)
    amounts: dict[str, int] = field(default_factory=dict)
    rounds: list[str] = field(default_factory=list)

    def scenario(self, name: str) -> ScenarioUse | None:
        """Return the named scenario when it is on."""
        return next((use for use in self.scenarios if use.name == name), None)

    def principal_id(self, client_id: str) -> str:
        """Return the object id (``oid``) of the app's service principal in this tenant."""
        return stable_guid("service-principal", self.id, client_id)


class Directory:
    """All tenants and app registrations of one simulator process."""

    def __init__(self) -> None:
        """Start empty."""
        self.tenants: dict[str, Tenant] = {}
        self.registrations: dict[str, Registration] = {}
        self._by_domain: dict[str, str] = {}

    def add(self, tenant: Tenant) -> None:
        """Add a tenant. Raises ValueError when its id or one of its domains is taken."""
        if tenant.id in self.tenants:
            raise ValueError(f"tenant {tenant.id} exists already")
        for domain in tenant.domains:
            if domain.lower() in self._by_domain:
                raise ValueError(f"domain {domain} belongs to another tenant")
        self.tenants[tenant.id] = tenant
        self._by_domain.update(dict.fromkeys((d.lower() for d in tenant.domains), tenant.id))

    def remove(self, tenant_id: str) -> None:
        """Forget a tenant and the registrations whose home it was. Raises KeyError when unknown."""
        tenant = self.tenants.pop(tenant_id)
        for domain in tenant.domains:
            self._by_domain.pop(domain.lower(), None)
        for client_id in [c for c, r in self.registrations.items() if r.home_tenant == tenant_id]:
            del self.registrations[client_id]

    def replace_domains(self, tenant: Tenant, domains: list[str]) -> None:
        """Give a tenant other verified domains. Raises ValueError when one belongs to another tenant."""
        for domain in domains:
            if self._by_domain.get(domain.lower(), tenant.id) != tenant.id:
                raise ValueError(f"domain {domain} belongs to another tenant")
        for domain in tenant.domains:
            self._by_domain.pop(domain.lower(), None)
        tenant.domains = domains
        self._by_domain.update(dict.fromkeys((d.lower() for d in domains), tenant.id))

    def find(self, identifier: str) -> Tenant | None:
        """Find a tenant by GUID or verified domain, without regard to case."""
        key = identifier.lower()
        return self.tenants.get(key) or self.tenants.get(self._by_domain.get(key, ""))
