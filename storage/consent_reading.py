"""Reading the answer to an admin-consent link: from a query, or from an address that a person pasted.

Promise: pure; any text gives either a `ParsedAnswer` or one `InvalidInput`, never another exception, and nothing of it is believed yet:
who may use it is asked elsewhere. `error` decides first, because real errors carry `admin_consent=True` too. This is the only place that
knows the error numbers of the consent page.

Sources: Microsoft, "v2.0 admin consent" (parameters); MicrosoftDocs/azure-docs#114009 (what real errors look like);
"Microsoft Entra authentication and authorization error codes" (the numbers).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from storage.errors import InvalidInput
from storage.failures import clean_request_id
from storage.fields import read_guid

MAX_ANSWER: Final = 16_384
"""Characters. Microsoft's longest answers, with an error's description, have about two thousand."""

_MAX_PARAMETERS: Final = 60
_MAX_STATE: Final = 128
_KNOWN: Final = ("admin_consent", "tenant", "state", "error", "error_description", "error_uri")
_FIELD: Final = "address"
_HINT: Final = "Copy the whole address from the browser's address bar, from https: to its end."

REASON_OF_NUMBER: Final = MappingProxyType(
    {
        65004: "consent_declined",
        65001: "consent_required",
        90093: "consent_admin_required",
        90094: "consent_admin_required",
        90095: "consent_admin_required",
        50011: "consent_redirect_mismatch",
        500113: "consent_redirect_mismatch",
        650052: "consent_service_not_subscribed",
        700016: "app_not_found",
        50020: "consent_wrong_account",
        50194: "app_not_multitenant",
        90033: "identity_service_unavailable",
        90006: "identity_service_unavailable",
        90012: "identity_service_unavailable",
        90024: "identity_service_unavailable",
    }
)
"""AADSTS number → reason. What is not here is `consent_failed`, with the number kept."""

_REASON_OF_ERROR: Final = MappingProxyType(
    {
        "access_denied": "consent_declined",
        "permission_denied": "consent_declined",
        "consent_required": "consent_required",
        "temporarily_unavailable": "identity_service_unavailable",
        "server_error": "identity_service_unavailable",
    }
)
"""For errors without a number: RFC 6749 and Microsoft's documentation of both versions of the endpoint."""

_NUMBER: Final = re.compile(r"AADSTS([0-9]{4,9})\b", re.IGNORECASE)
_NUMBER_IN_URI: Final = re.compile(r"[?&]code=([0-9]{4,9})\b")
_CORRELATION: Final = re.compile(r"Correlation ID:\s*([0-9A-Fa-f-]{36})", re.IGNORECASE)
_TRACE: Final = re.compile(r"Trace ID:\s*([0-9A-Fa-f-]{36})", re.IGNORECASE)
_QUOTED_BREAK: Final = re.compile(r"[ \t]*[\r\n\v\f\x85\u2028\u2029]+(?:[ \t]*>)*[ \t]*")
_INVISIBLE: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_AMPERSAND: Final = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What an answer says. Nothing of it is proven.

    Attributes:
        state: the one-time state, or None when there is none that could be ours.
        reason_code: why consent was not given; None when the answer says that it was.
        provider_code: Microsoft's own number, such as `AADSTS65004`; empty when there was none.
        tenant: the tenant the answer names, lower case; None when it names none or something that is no GUID.
        correlation_id: Microsoft's correlation id, for their support; empty when there was none.
    """

    state: str | None
    reason_code: str | None
    provider_code: str = ""
    tenant: str | None = None
    correlation_id: str = ""

    @property
    def is_granted(self) -> bool:
        """Says whether the answer claims that consent was given."""
        return self.reason_code is None


def read_pasted(text: str) -> ParsedAnswer:
    """Reads an address that somebody pasted, as terminals, mail programs and browsers leave it.

    Line breaks in the middle, quotes or angle brackets around it, words before and after it, `&amp;`, and a fragment instead of a query are
    put right. The bare query without the address will do.

    Raises:
        InvalidInput: there is no answer in it.
    """
    if len(text) > MAX_ANSWER:
        raise InvalidInput(_FIELD, f"is longer than {MAX_ANSWER} characters", _HINT)
    joined = _INVISIBLE.sub("", _QUOTED_BREAK.sub("", text.strip()))
    start = re.search(r"https?://", joined, re.IGNORECASE)
    if start is not None:
        joined = joined[start.start() :]
    words = joined.split(maxsplit=1)
    address = _AMPERSAND.sub("&", words[0] if words else "").rstrip("\"'>)]}.,;")
    try:
        parts = urlsplit(address)
    except ValueError:
        raise InvalidInput(_FIELD, "is not an address", _HINT) from None
    candidates = [parts.query, parts.fragment.lstrip("?/")]
    if start is None:
        candidates.append(address.lstrip("?#"))
    for candidate in candidates:
        if "=" in candidate and (found := _split(candidate)):
            return read_query(found)
    raise InvalidInput(_FIELD, "holds no answer of Microsoft's", _HINT)


def _split(query: str) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise InvalidInput(_FIELD, f"has more than {_MAX_PARAMETERS} parameters", _HINT) from None
    return pairs if any(name in _KNOWN for name, _ in pairs) else []


def read_query(query: Mapping[str, str] | Iterable[tuple[str, str]]) -> ParsedAnswer:
    """Reads an answer's parameters.

    Raises:
        InvalidInput: a parameter is given twice with different values, or there is no answer in it.
    """
    pairs = list(query.items() if isinstance(query, Mapping) else query)
    if len(pairs) > _MAX_PARAMETERS or sum(len(name) + len(value) for name, value in pairs) > MAX_ANSWER:
        raise InvalidInput(_FIELD, f"is longer than {MAX_ANSWER} characters", _HINT)
    values: dict[str, str] = {}
    for name, value in pairs:
        if name not in _KNOWN:
            continue
        if values.setdefault(name, value) != value:
            raise InvalidInput(_FIELD, f"gives {name} twice, with different values", _HINT)
    state = _state(values.get("state", ""))
    description = values.get("error_description", "")
    found = _CORRELATION.search(description) or _TRACE.search(description)
    correlation = clean_request_id(found.group(1)) if found else ""
    if values.get("error") or description:
        number = _number(description, values.get("error_uri", ""))
        return ParsedAnswer(
            state,
            _reason(number, values.get("error", "")),
            f"AADSTS{number}" if number else "",
            _tenant(values.get("tenant", "")),
            correlation,
        )
    said = values.get("admin_consent", "").strip().lower()
    if said == "false":
        return ParsedAnswer(state, "consent_declined", tenant=_tenant(values.get("tenant", "")))
    if said != "true":
        raise InvalidInput(_FIELD, "holds no answer of Microsoft's", _HINT)
    return ParsedAnswer(state, None, tenant=_tenant(values.get("tenant", "")))


def _state(text: str) -> str | None:
    cleaned = text.strip()
    return cleaned if cleaned.isascii() and cleaned.isprintable() and 0 < len(cleaned) <= _MAX_STATE else None


def _tenant(text: str) -> str | None:
    try:
        return read_guid("tenant", text[:100])
    except InvalidInput:
        return None


def _number(description: str, uri: str) -> int | None:
    found = _NUMBER.search(description) or _NUMBER_IN_URI.search(uri)
    return int(found.group(1)) if found else None


def _reason(number: int | None, error: str) -> str:
    if number is not None:
        return REASON_OF_NUMBER.get(number, "consent_failed")
    return _REASON_OF_ERROR.get(error.strip().lower(), "consent_failed")
