"""What `python -m tasks consent-page` takes on its command line. Imports no server, so that every other command starts quickly."""

from __future__ import annotations

import argparse
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.errors import InvalidInput

DEFAULT_PATH: Final = "/atlas-consent"
_PATH: Final = re.compile(r"^/[A-Za-z0-9._~/-]{1,200}$")


@dataclass(frozen=True, slots=True)
class PageSettings:
    """How the page is served.

    Attributes:
        host: the address to listen on.
        port: the port; 0 for a free one.
        path: of the registered redirect URI.
        certificate: PEM file with the certificate chain; None behind a proxy.
        key: PEM file with its private key; None when it is in the certificate's file.
        trusted_proxies: whose forwarded headers are believed; empty when the page is not behind a proxy.
        ends_with_parent: the page stops when standard input ends: its parent closed it, or died.
    """

    host: str
    port: int
    path: str
    certificate: Path | None
    key: Path | None
    trusted_proxies: tuple[str, ...]
    ends_with_parent: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    parser.add_argument("--config", type=Path, help="the configuration file; the default place when left out")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8443, help="port to listen on, 0 for a free one (default: 8443)")
    parser.add_argument("--path", default=DEFAULT_PATH, help=f"path of the redirect URI (default: {DEFAULT_PATH})")
    parser.add_argument("--certificate", type=Path, help="PEM file with the TLS certificate and its chain")
    parser.add_argument("--key", type=Path, help="PEM file with its private key, when it is not in the same file")
    parser.add_argument("--behind-proxy", action="store_true", help="a proxy in front of it speaks TLS")
    parser.add_argument(
        "--trusted-proxy", action="append", metavar="ADDRESS", help="the proxy's address (default: 127.0.0.1 and ::1)"
    )
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when stdin ends")


def read_settings(chosen: argparse.Namespace) -> PageSettings:
    """Checks what was given.

    Raises:
        InvalidInput: naming the option.
    """
    if not _PATH.match(chosen.path) or chosen.path.rstrip("/") in ("", "/healthz") or "//" in chosen.path:
        raise InvalidInput("--path", "is not a path this page can have", f"Such as {DEFAULT_PATH}.")
    proxies = tuple(chosen.trusted_proxy or (("127.0.0.1", "::1") if chosen.behind_proxy else ()))
    if not chosen.behind_proxy and chosen.trusted_proxy:
        raise InvalidInput("--trusted-proxy", "needs --behind-proxy")
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            raise InvalidInput("--trusted-proxy", "is not an address or a network", "Such as 10.0.0.5.") from None
    if chosen.behind_proxy and (chosen.certificate or chosen.key):
        raise InvalidInput("--behind-proxy", "and --certificate exclude each other", "The proxy speaks TLS.")
    if not chosen.behind_proxy and chosen.certificate is None:
        raise InvalidInput(
            "--certificate",
            "is missing: Microsoft sends answers to https addresses only",
            "Give --certificate and --key, or --behind-proxy when a proxy speaks TLS.",
        )
    return PageSettings(
        chosen.host, chosen.port, chosen.path, chosen.certificate, chosen.key, proxies, chosen.exit_with_parent
    )


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError("must be a port number")
    return int(text)
