"""Microsoft Graph's answers as reasons: error codes, and the few texts that alone tell cases apart.

Promise: every answer that is not a success gets a reason; a service that cannot answer now is recognised by its status whatever its body
says; codes decide before texts, and an empty or unknown error stays `unknown_graph_error` with its code. Error bodies that hold JSON in a
string (Intune, PIM) are opened. Of the texts only permission names leave.

Source: Microsoft, "Microsoft Graph error responses and resource types", and the public captures in the project's catalogue of failures,
section C.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from tasks.providers.microsoft import sanitize
from tasks.providers.microsoft.errors import (
    Circumstances,
    MicrosoftFailure,
    is_busy,
    network_reason_of_status,
    request_id,
    retry_after,
)
from tasks.providers.microsoft.http import Answer

REASON_OF_CODE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Authorization_IdentityNotFound": "service_principal_missing",
        "Authorization_RequestDenied": "missing_permission",
        "accessDenied": "missing_permission",
        "PermissionScopeNotGranted": "missing_permission",
        "AadPremiumLicenseRequired": "not_licensed_p2",
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant": "not_licensed_p1",
        "TooManyRequests": "throttled",
        "activityLimitReached": "throttled",
        "ServiceNotAvailable": "service_unavailable",
        "serviceNotAvailable": "service_unavailable",
        "Directory_ExpiredPageToken": "page_token_expired",
        "resyncRequired": "resync_required",
        "syncStateNotFound": "resync_required",
        "Request_ResourceNotFound": "item_gone",
        "ResourceNotFound": "item_gone",
        "itemNotFound": "item_gone",
        "Request_UnsupportedQuery": "query_unsupported",
        "insufficient_claims": "claims_challenge",
    }
)

_REASON_OF_TEXT: Final = (
    ("request not applicable to target tenant", "not_licensed_intune"),
    ("account is not provisioned", "not_provisioned"),
    ("tenant is not licensed for this feature", "not_licensed"),
    ("must have one of the following scopes", "missing_permission"),
    ("does not have application permissions configured", "missing_permission"),
    ("missing permission scope", "missing_permission"),
    ("required scopes are missing", "missing_permission"),
    ("skip token is expired", "page_token_expired"),
    ("skiptoken is expired", "page_token_expired"),
)
_BAD_QUERY: Final = re.compile(r"invalid filter|filter clause|query option|\$filter|\$select|\$expand|\$orderby", re.I)
_CLAIMS: Final = re.compile(r'claims="([A-Za-z0-9+/=_-]+)"')
_NESTING: Final = 4


@dataclass(slots=True)
class GraphError:
    """What an error body says, opened: every code from the outside in, and all texts joined."""

    codes: list[str] = field(default_factory=list)
    text: str = ""
    is_nested: bool = False
    is_readable: bool = False

    @property
    def code(self) -> str:
        """The innermost telling code, else the outermost."""
        telling = [code for code in self.codes if code not in ("UnknownError", "BadRequest", "Forbidden")]
        return (telling or self.codes or [""])[-1]


def read_graph_answer(answer: Answer, circumstances: Circumstances, now: datetime) -> MicrosoftFailure:
    """Reads an answer of Microsoft Graph that is not a success.

    Args:
        answer: the HTTP answer as it came (or an item of a batch in that shape).
        circumstances: how recent the last changes are.
        now: our clock, for `Retry-After` dates.
    """
    error = open_error(answer.body)
    claims = read_claims(answer.headers.get("www-authenticate", ""))
    plain = "claims_challenge" if claims else _plain_reason(answer.status, error)
    scopes = sanitize.permission_names(error.text) if plain == "missing_permission" else ()
    lags = circumstances.consent_is_new and plain in ("service_principal_missing", "missing_permission")
    return MicrosoftFailure(
        "identity_propagating" if lags else plain,
        plain_code=plain,
        claims=claims,
        provider_code=error.code,
        request_id=request_id(answer),
        retry_after=retry_after(answer.headers, now),
        missing_permissions=scopes,
        http_status=answer.status,
    )


def open_error(body: bytes) -> GraphError:
    """Opens a Graph error body, also where a message is JSON in a string (several times over)."""
    opened = GraphError()
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return opened
    error = decoded.get("error") if isinstance(decoded, dict) else None
    if isinstance(error, dict):
        opened.is_readable = True
        _gather(error, opened, 0)
    return opened


def read_claims(www_authenticate: str) -> str:
    """Returns the claims JSON of a continuous-access-evaluation challenge; empty when there is none or it cannot be read.

    The header carries it base64-encoded; msal wants the JSON itself.
    """
    found = _CLAIMS.search(www_authenticate)
    if found is None:
        return ""
    raw = found.group(1).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        claims = base64.b64decode(raw + "=" * (-len(raw) % 4)).decode()
        return claims if isinstance(msgspec.json.decode(claims), dict) else ""
    except (binascii.Error, UnicodeDecodeError, msgspec.DecodeError):
        return ""


def _gather(error: Mapping[str, object], into: GraphError, depth: int) -> None:
    for key in ("code", "ErrorCode", "errorCode"):
        code = error.get(key)
        if isinstance(code, str) and code:
            into.codes.append(code)
    for key in ("message", "Message"):
        message = error.get(key)
        if not isinstance(message, str):
            continue
        nested = _nested(message) if depth < _NESTING else None
        if nested is None:
            into.text += f" {message}"
        else:
            into.is_nested = True
            _gather(nested, into, depth + 1)


def _nested(message: str) -> Mapping[str, object] | None:
    if not message.lstrip().startswith("{"):
        return None
    try:
        decoded = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _plain_reason(status: int, error: GraphError) -> str:
    busy = _busy_reason(status)
    if busy:
        return busy
    if "InvalidAuthenticationToken" in error.codes:
        return "token_expired" if _says_expired(error.text) else "token_invalid"
    for code in reversed(error.codes):
        if code in REASON_OF_CODE:
            return REASON_OF_CODE[code]
    if any(code.startswith("AppLifecycle_") for code in error.codes) or "applifecycle_" in error.text.lower():
        return "not_licensed"
    lowered = error.text.lower()
    for mark, reason in _REASON_OF_TEXT:
        if mark in lowered:
            return reason
    return _reason_of_shape(status, error)


def _reason_of_shape(status: int, error: GraphError) -> str:
    """What is left when neither a code nor a text is known."""
    if not error.is_readable:
        return "response_unreadable"
    if error.is_nested and status in (401, 403):
        return "intune_forbidden"
    if status == 403 and error.code == "Forbidden":
        return "missing_permission"
    if status == 404:
        return "item_gone"
    if status == 410:
        return "resync_required"
    return "query_unsupported" if status == 400 and _BAD_QUERY.search(error.text) else "unknown_graph_error"


def _busy_reason(status: int) -> str | None:
    if status == 429:
        return "throttled"
    return "service_unavailable" if is_busy(status) else network_reason_of_status(status)


def _says_expired(message: str) -> bool:
    lowered = message.lower()
    return "lifetime validation failed" in lowered or "expired" in lowered
