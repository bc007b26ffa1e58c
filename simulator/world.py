"""Everything one simulator process holds: its tenants, clock, keys, listeners, log and throttling.

Promise: no module keeps state of its own; a test builds a World and has a whole Microsoft.
Must not know: how a request is parsed or answered.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.clock import Clock
from simulator.model import CLOUDS, Directory, Tenant
from simulator.request_log import RequestLog
from simulator.throttling import Throttle
from simulator.tokens import TokenSigner


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening port. ``kind`` is login, graph or control; ``url`` has no trailing slash."""

    kind: str
    cloud: str
    url: str

    @property
    def name(self) -> str:
        """How the request log calls it: ``global.login``, ``usgov.graph``, ``control``."""
        return self.kind if self.kind == "control" else f"{self.cloud}.{self.kind}"


@dataclass(frozen=True, slots=True)
class CloudFacts:
    """What tells one national cloud from another in Microsoft's own documents."""

    instance_name: str
    graph_host: str
    region: str
    sub_region: str | None


CLOUD_FACTS = {
    "global": CloudFacts("microsoftonline.com", "graph.microsoft.com", "NA", None),
    "usgov": CloudFacts("microsoftonline.us", "graph.microsoft.us", "USGov", "DODCON"),
    "dod": CloudFacts("microsoftonline.us", "dod-graph.microsoft.us", "USGov", "DOD"),
    "china": CloudFacts("partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn", "AS", None),
}


@dataclass
class World:
    """The whole simulated Microsoft.

    ``remember`` is called with the tenants that were changed, or whose app was; ``portal_key`` opens the portal and nothing else.
    """

    clock: Clock = field(default_factory=Clock)
    directory: Directory = field(default_factory=Directory)
    signer: TokenSigner = field(default_factory=TokenSigner)
    log: RequestLog = field(default_factory=RequestLog)
    listeners: dict[int, Listener] = field(default_factory=dict)
    control_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    portal_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    remember: Callable[..., None] = field(default=lambda *_: None)
    page_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    met_challenges: set[str] = field(default_factory=set)
    throttle: Throttle = field(init=False)

    def __post_init__(self) -> None:
        """Give the throttle this world's clock."""
        self.throttle = Throttle(self.clock)

    def url(self, kind: str, cloud: str) -> str:
        """Return the base URL of a cloud's login or graph listener. Raises KeyError when there is none."""
        for listener in self.listeners.values():
            if listener.kind == kind and (kind == "control" or listener.cloud == cloud):
                return listener.url
        raise KeyError(f"no {cloud} {kind} listener")

    def issuer(self, tenant: Tenant) -> str:
        """Return the token issuer of a tenant (v1.0 form, on our login host)."""
        return f"{self.url('login', tenant.cloud)}/{tenant.id}/"

    def audiences(self, cloud: str) -> set[str]:
        """Return the ``aud`` values a cloud's Graph accepts."""
        return {self.url("graph", cloud), f"https://{CLOUD_FACTS[cloud].graph_host}"}

    def endpoints(self, ca: str) -> dict[str, Any]:
        """Return what the ready line says; ``ca`` is the path of the public CA certificate."""
        return {
            "ca": ca,
            "control": self.url("control", ""),
            "control_key": self.control_key,
            "portal": f"{self.url('control', '')}/portal?key={self.portal_key}",
            "clouds": {c: {"login": self.url("login", c), "graph": self.url("graph", c)} for c in CLOUDS},
        }
