"""What an access token says about itself.

Promise: read for diagnosis only, without verifying anything and without trusting it for a decision about rights; a token that cannot be
read is no error. Source: Microsoft, "Access token claims reference".
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says about itself; empty where it says nothing.

    Attributes:
        entra_tenant_id: `tid`, lower case.
        client_id: `appid` (v1 tokens) or `azp`, lower case.
        object_id: `oid`, the service principal.
        audience: `aud`.
        roles: `roles`, the application permissions granted.
    """

    entra_tenant_id: str
    client_id: str
    object_id: str
    audience: str
    roles: frozenset[str]


def decode_claims(token: str) -> Claims | None:
    """Reads the claims of a JSON Web Token without verifying it; None when it is not readable."""
    try:
        payload = token.split(".")[1]
        body = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, binascii.Error, ValueError, msgspec.DecodeError):
        return None
    if not isinstance(body, dict):
        return None

    def string(*names: str) -> str:
        return next((value for name in names if isinstance(value := body.get(name), str)), "")

    roles = body.get("roles")
    return Claims(
        string("tid").lower(),
        string("appid", "azp").lower(),
        string("oid"),
        string("aud"),
        frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset(),
    )
