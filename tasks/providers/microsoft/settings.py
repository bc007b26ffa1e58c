"""How the road to Microsoft is set up: hosts, trust, proxy, time limits.

Promise: a frozen value, checked when it is made; a wrong one is refused with the field's name. Must not know where it came from (the
configuration file is read elsewhere), nor httpx or msal, so that reading a configuration costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from storage.errors import InvalidInput
from storage.states import Cloud

_HOST_FIELDS = ("login", "graph")

CONNECTIONS: Final = 16
"""In use at once by the whole process: measured best (house.md §8)."""


@dataclass(frozen=True, slots=True)
class MicrosoftSettings:
    """Everything about reaching Microsoft that an installation may decide.

    Attributes:
        clouds: cloud name -> `{"login": url, "graph": url}`, either or both; replaces Microsoft's own hosts of that cloud.
        ca_bundle: PEM file with the certificate authorities to trust instead of the built-in ones.
        proxy: `http://` or `https://` URL of the proxy for every call (may hold a password, so it is not shown in representations); None
            for direct calls. The environment is not read.
        connect_timeout: seconds to wait for a connection.
        read_timeout: seconds to wait for the next bytes of an answer.
        answer_timeout: seconds one whole answer may take, however slowly it drips.
        max_answer_bytes: an answer larger than this is refused.
        max_connections: connections in use at once by the whole process.
        short_retries: how often one call is repeated inside a run before it is given up.
        longest_wait: seconds; what Microsoft asks us to wait beyond this is not waited for inside a run.
        requests_per_second: what this process sends for one application in a second, over all its tenants. The default is a quarter of
            the lowest limit that was published, so that several worker processes together stay within it.
    """

    clouds: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    ca_bundle: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    answer_timeout: float = 180.0
    max_answer_bytes: int = 32 * 1024 * 1024
    max_connections: int = CONNECTIONS
    short_retries: int = 4
    longest_wait: float = 600.0
    requests_per_second: int = 500

    def __post_init__(self) -> None:
        """Refuses what cannot work.

        Raises:
            InvalidInput: naming the setting and what a good value looks like.
        """
        for cloud, hosts in self.clouds.items():
            if cloud not in {known.value for known in Cloud}:
                known_names = ", ".join(known.value for known in Cloud)
                raise InvalidInput(
                    f"clouds.{cloud}", "is not a cloud this program knows", f"Use one of: {known_names}."
                )
            for name, url in hosts.items():
                _check_host(f"clouds.{cloud}.{name}", name, url)
        if self.proxy is not None and not _is_url(self.proxy, ("http", "https")):
            raise InvalidInput("proxy", "is not a proxy URL", "Write it as http://host:port.")
        if self.ca_bundle is not None and not self.ca_bundle.is_file():
            raise InvalidInput("ca_bundle", "is not a file that can be read", "Give the path of a PEM file.")
        for name in (
            "connect_timeout",
            "read_timeout",
            "answer_timeout",
            "max_answer_bytes",
            "max_connections",
            "longest_wait",
            "requests_per_second",
        ):
            if not getattr(self, name) > 0:
                raise InvalidInput(name, "must be more than zero")
        if self.short_retries < 0:
            raise InvalidInput("short_retries", "must not be negative")


def _check_host(setting: str, name: str, url: str) -> None:
    if name not in _HOST_FIELDS:
        raise InvalidInput(setting, "is not a host setting", "Only `login` and `graph` can be set.")
    parts = urlsplit(url)
    if not _is_url(url, ("https",)) or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise InvalidInput(setting, "is not a base address", "Write it as https://host or https://host:port.")


def _is_url(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
