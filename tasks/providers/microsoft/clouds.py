"""Microsoft's clouds as a worker needs them: which scope, which audiences, which tenants belong.

Promise: the addresses are those of `storage.cloud_hosts`, where an installation (or the simulator) replaces them by configuration only.
Tokens of one cloud are never sent to another. Must not know HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from storage import cloud_hosts
from storage.states import Cloud

GRAPH_APP_ID: Final = "00000003-0000-0000-c000-000000000000"
"""Microsoft Graph's own application id, the same in every cloud; one of the audiences a Graph token may name."""


@dataclass(frozen=True, slots=True)
class CloudHosts:
    """One Microsoft cloud.

    Attributes:
        cloud: which.
        login_url: base address of sign-in, without a path.
        graph_url: base address of Microsoft Graph, without version or path.
        portal_url: Entra admin centre, for people.
        instance_names: what discovery may call this cloud (`cloud_instance_name`).
        region_sub_scopes: what discovery may say about the tenant (`tenant_region_sub_scope`); empty for none.
        published_graph_url: Microsoft's own Graph address, also when another one is configured: tokens may name it as audience.
    """

    cloud: Cloud
    login_url: str
    graph_url: str
    portal_url: str
    instance_names: frozenset[str]
    region_sub_scopes: frozenset[str]
    published_graph_url: str

    @property
    def scope(self) -> str:
        """The scope that asks for every application permission granted: `<graph url>/.default`."""
        return f"{self.graph_url}/.default"

    @property
    def audiences(self) -> frozenset[str]:
        """The `aud` values of a token that is meant for this cloud's Graph."""
        return frozenset({self.graph_url, self.published_graph_url, GRAPH_APP_ID})

    def authority(self, tenant: str) -> str:
        """Returns the sign-in authority of a tenant, given by GUID or domain."""
        return f"{self.login_url}/{tenant}"


def _cloud(cloud: Cloud, instances: set[str], sub_scopes: set[str]) -> CloudHosts:
    addresses = cloud_hosts.PUBLISHED[cloud]
    return CloudHosts(
        cloud,
        addresses.login,
        addresses.graph,
        addresses.portal,
        frozenset(instances),
        frozenset(sub_scopes),
        addresses.graph,
    )


PUBLISHED: Final = MappingProxyType(
    {
        Cloud.GLOBAL: _cloud(Cloud.GLOBAL, {"microsoftonline.com"}, {"", "GCC"}),
        Cloud.USGOV: _cloud(Cloud.USGOV, {"microsoftonline.us"}, {"", "DODCON"}),
        Cloud.DOD: _cloud(Cloud.DOD, {"microsoftonline.us"}, {"", "DOD"}),
        Cloud.CHINA: _cloud(
            Cloud.CHINA, {"microsoftonline.cn", "partner.microsoftonline.cn", "chinacloudapi.cn"}, {""}
        ),
    }
)


def hosts_for(cloud: Cloud, overrides: Mapping[str, Mapping[str, str]] | None = None) -> CloudHosts:
    """Returns a cloud's hosts, with the configured ones in place of Microsoft's.

    Args:
        cloud: which cloud.
        overrides: cloud name -> `{"login": url, "graph": url}`; missing entries keep Microsoft's hosts.
    """
    hosts = PUBLISHED[cloud]
    configured = (overrides or {}).get(cloud.value, {})
    return replace(
        hosts,
        login_url=configured.get("login", hosts.login_url).rstrip("/"),
        graph_url=configured.get("graph", hosts.graph_url).rstrip("/"),
    )


def belongs(hosts: CloudHosts, instance_name: str, region_sub_scope: str) -> bool:
    """Says whether a tenant that discovery describes so lives in this cloud.

    An instance name or sub scope that no known cloud uses says nothing, and is let through: the token step decides.
    """
    name, sub_scope = instance_name.lower(), region_sub_scope.upper()
    known_names = frozenset().union(*(cloud.instance_names for cloud in PUBLISHED.values()))
    known_sub_scopes = frozenset().union(*(cloud.region_sub_scopes for cloud in PUBLISHED.values()))
    if name in known_names and name not in hosts.instance_names:
        return False
    return not (name in known_names and sub_scope in known_sub_scopes and sub_scope not in hosts.region_sub_scopes)


def egress_hosts(hosts: CloudHosts) -> tuple[str, ...]:
    """Returns every `host:port` a worker must be able to reach for this cloud, for firewall rules and documentation."""
    return tuple(dict.fromkeys(origin(url) for url in (hosts.login_url, hosts.graph_url)))


def origin(url: str) -> str:
    """Returns `host:port` of an https URL, port 443 when none is written; host in lower case.

    Raises:
        ValueError: the URL is not https, has no host, carries a user name or has no readable port.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or parts.password is not None:
        raise ValueError("not a plain https address")
    return f"{parts.hostname.lower()}:{443 if parts.port is None else parts.port}"
