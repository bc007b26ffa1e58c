"""Pages and the opaque tokens between them.

Promise: a ``$skiptoken`` is signed, bound to tenant, resource and query, and expires; a client can only follow the whole
nextLink. Empty pages, loops, foreign hosts and early expiry happen only when a scenario asks.
Source: graph-docs ``concepts/paging.md``.
Must not know: what the rows are.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from urllib.parse import quote

from simulator.assertions import decode, encode
from simulator.odata import Query

TOKEN_LIFETIME = 3600.0
"""Seconds a page token lives (Microsoft's are short-lived, minutes to an hour; not published)."""

_SIGNATURE = 16


class PageTokenExpired(Exception):
    """The page token is too old: the client has to start again from the first page."""


class PageTokenInvalid(Exception):
    """The page token was changed, or belongs to another query."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page starts; ``empty`` says that the page is an empty one in between."""

    offset: int = 0
    empty: bool = False


def binding(tenant_id: str, path: str, query: Query) -> str:
    """Return what a token is bound to: tenant, resource path and the options sent with the first page."""
    text = json.dumps([tenant_id, path.lower(), sorted(query.original)])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def issue(position: Position, bound_to: str, key: bytes, now: float) -> str:
    """Return an opaque token for a position, valid for :data:`TOKEN_LIFETIME` seconds from ``now``."""
    content = json.dumps([position.offset, position.empty, bound_to, now]).encode()
    return encode(hmac.digest(key, content, "sha256")[:_SIGNATURE] + content)


def read(token: str, bound_to: str, key: bytes, now: float) -> Position:
    """Return the position of a token.

    Raises:
        PageTokenInvalid: not issued by us, changed, or for another query.
        PageTokenExpired: older than :data:`TOKEN_LIFETIME`.
    """
    try:
        raw = decode(token)
    except ValueError:
        raise PageTokenInvalid from None
    signature, content = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if not hmac.compare_digest(signature, hmac.digest(key, content, "sha256")[:_SIGNATURE]):
        raise PageTokenInvalid
    offset, empty, bound, issued = json.loads(content)
    if bound != bound_to:
        raise PageTokenInvalid
    if now > issued + TOKEN_LIFETIME:
        raise PageTokenExpired
    return Position(offset, empty)


def next_link(base: str, path: str, query: Query, token: str) -> str:
    """Return the whole URL of the next page: the options as sent, and the token."""
    options = [f"{name}={quote(value, safe='(),/$:')}" for name, value in query.original]
    return f"{base}/v1.0{path}?{'&'.join([*options, f'$skiptoken={token}'])}"
