"""Does an app's registered redirect URI cover the one that a request names?

Promise: exact match, letter case included, but for the port of a loopback address, which Entra ignores so that a program may listen on a
free one: ``http://localhost/MyApp`` and ``http://localhost:1234/MyApp`` are the same. ``localhost`` and ``127.0.0.1`` are not; the IPv6
loopback address has no exception.
Source: Microsoft, "Redirect URI (reply URL) restrictions and limitations", Localhost exceptions (after RFC 8252 §7.3 and §8.3).
Must not know: consent.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

_ANY_PORT = ("localhost", "127.0.0.1")


def is_registered(registered: Iterable[str], asked: str) -> bool:
    """Say whether ``asked`` is one of an app's ``registered`` redirect URIs."""
    portless = _without_port(asked)
    return any(uri == asked or (portless is not None and _without_port(uri) == portless) for uri in registered)


def _without_port(uri: str) -> SplitResult | None:
    """Return a loopback address without its port; None for any other address."""
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.hostname not in _ANY_PORT or "@" in parts.netloc:
        return None
    return parts._replace(netloc=parts.hostname)
