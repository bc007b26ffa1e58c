"""Microsoft's public addresses of each cloud: sign-in, Graph and the admin centre.

Promise: the host names stand here and nowhere else; an installation (or the simulator) replaces them by configuration only. Data: what a
cloud calls itself in an answer, and what is sent where, is the provider's business.

Source: Microsoft, "Microsoft Graph national cloud deployments" and "National clouds" (authentication endpoints).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from storage.configuration import CloudHosts
from storage.states import Cloud


@dataclass(frozen=True, slots=True)
class CloudAddresses:
    """Where one cloud answers.

    Attributes:
        login: base address of sign-in, without a path.
        graph: base address of Microsoft Graph, without version or path.
        portal: Entra admin centre, for people.
    """

    login: str
    graph: str
    portal: str

    @property
    def scope(self) -> str:
        """The scope that asks for everything the app registration requires: `<graph>/.default`."""
        return f"{self.graph}/.default"


PUBLISHED: Final[Mapping[Cloud, CloudAddresses]] = MappingProxyType(
    {
        Cloud.GLOBAL: CloudAddresses(
            "https://login.microsoftonline.com", "https://graph.microsoft.com", "https://entra.microsoft.com"
        ),
        Cloud.USGOV: CloudAddresses(
            "https://login.microsoftonline.us", "https://graph.microsoft.us", "https://entra.microsoft.us"
        ),
        Cloud.DOD: CloudAddresses(
            "https://login.microsoftonline.us", "https://dod-graph.microsoft.us", "https://entra.microsoft.us"
        ),
        Cloud.CHINA: CloudAddresses(
            "https://login.partner.microsoftonline.cn",
            "https://microsoftgraph.chinacloudapi.cn",
            "https://entra.microsoftonline.cn",
        ),
    }
)


def addresses_of(cloud: Cloud, configured: Mapping[str, CloudHosts] | None = None) -> CloudAddresses:
    """Returns a cloud's addresses, with the configured ones in place of Microsoft's.

    Args:
        cloud: which cloud.
        configured: `Settings.clouds`.
    """
    published = PUBLISHED[cloud]
    own = (configured or {}).get(cloud.value)
    if own is None:
        return published
    return CloudAddresses(own.login.rstrip("/"), own.graph.rstrip("/"), own.portal.rstrip("/") or published.portal)
