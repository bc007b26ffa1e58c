"""Sign-in's answers as reasons: the AADSTS numbers, as data.

Promise: `error_codes[]` decides first, then `error`, then the HTTP status, then a number in the text; nothing else of Microsoft's text is
looked at but two marks that tell one number's meanings apart. An unknown number stays `unknown_token_error` and is kept.

Source: Microsoft, "Microsoft Entra authentication and authorization error codes", "AADSTS900439 USGClientNotSupportedOnPublicEndpoint",
and the public captures in the project's catalogue of failures, section A.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from storage.failures import clean_request_id
from tasks.providers.microsoft.errors import (
    Circumstances,
    MicrosoftFailure,
    is_busy,
    network_reason_of_status,
    request_id,
    retry_after,
)
from tasks.providers.microsoft.http import Answer

REASON_OF_NUMBER: Final[Mapping[int, str]] = MappingProxyType(
    {
        7000215: "secret_invalid",
        7000222: "secret_expired",
        700016: "app_not_found_in_tenant",
        700011: "app_not_found_in_tenant",
        7000229: "service_principal_missing",
        65001: "consent_required",
        7000112: "app_disabled_in_tenant",
        500014: "resource_disabled",
        500011: "resource_not_found",
        650052: "service_not_subscribed",
        650051: "sp_conflict",
        650056: "app_misconfigured",
        650057: "app_misconfigured",
        700025: "app_misconfigured",
        90002: "tenant_not_found",
        5000224: "tenant_unavailable",
        900023: "tenant_identifier_invalid",
        900021: "tenant_identifier_invalid",
        90019: "tenant_identifier_invalid",
        50059: "tenant_identifier_invalid",
        9001023: "tenant_identifier_invalid",
        90038: "wrong_cloud",
        900382: "wrong_cloud",
        900432: "wrong_cloud",
        900439: "wrong_cloud",
        900440: "wrong_cloud",
        53003: "blocked_by_conditional_access",
        530032: "blocked_by_conditional_access",
        50131: "blocked_by_conditional_access",
        50105: "assignment_required",
        501051: "assignment_required",
        700027: "cert_not_registered",
        700030: "cert_not_registered",
        50012: "cert_signature_invalid",
        900384: "cert_signature_invalid",
        700024: "clock_skew",
        500133: "clock_skew",
        7000216: "credential_missing",
        7000218: "credential_missing",
        9002313: "request_malformed",
        900144: "request_malformed",
        90014: "request_malformed",
        50027: "request_malformed",
        700021: "request_malformed",
        700023: "request_malformed",
        70011: "scope_invalid",
        1002012: "scope_invalid",
        50194: "app_not_multitenant",
        50196: "auth_loop_throttled",
        90055: "token_throttled",
        90033: "identity_service_unavailable",
        90006: "identity_service_unavailable",
        90012: "identity_service_unavailable",
        90024: "identity_service_unavailable",
        90090: "identity_service_unavailable",
        90091: "identity_service_unavailable",
        50033: "identity_service_unavailable",
    }
)

_REASON_OF_ERROR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "temporarily_unavailable": "identity_service_unavailable",
        "invalid_scope": "scope_invalid",
        "invalid_tenant": "tenant_not_found",
        "invalid_resource": "resource_not_found",
    }
)

_PROPAGATING_CREDENTIAL: Final[Mapping[str, str]] = MappingProxyType(
    {"secret_invalid": "secret_propagating", "cert_not_registered": "cert_propagating"}
)
_PROPAGATING_CONSENT: Final = frozenset({"app_not_found_in_tenant", "service_principal_missing", "consent_required"})
_APP_ABSENT: Final = frozenset({"app_not_found_in_tenant", "service_principal_missing"})
_NUMBER_IN_TEXT: Final = re.compile(r"AADSTS(\d{4,9})")


def read_token_answer(answer: Answer, circumstances: Circumstances, now: datetime) -> MicrosoftFailure:
    """Reads an answer of sign-in (token endpoint or discovery) that is not a success.

    Args:
        answer: the HTTP answer as it came.
        circumstances: how recent the last changes are.
        now: our clock, for `Retry-After` dates.
    """
    body = _decoded(answer)
    number, plain = _plain_reason(answer, body)
    description = body.get("error_description")
    if isinstance(description, str):
        plain = _told_apart(plain, description.lower())
    final = "app_not_found" if circumstances.is_dedicated and plain in _APP_ABSENT else plain
    return MicrosoftFailure(
        _propagating(plain, circumstances) or final,
        plain_code=final,
        provider_code=f"AADSTS{number}" if number else str(body.get("error") or ""),
        request_id=_trace_id(body) or request_id(answer),
        retry_after=retry_after(answer.headers, now),
        http_status=answer.status,
    )


def _plain_reason(answer: Answer, body: Mapping[str, object]) -> tuple[int | None, str]:
    numbers = _numbers(body)
    for known in numbers:
        if known in REASON_OF_NUMBER:
            return known, REASON_OF_NUMBER[known]
    number = numbers[0] if numbers else None
    error = body.get("error")
    if answer.status == 429:
        return number, "token_throttled"
    if isinstance(error, str) and error in _REASON_OF_ERROR:
        return number, _REASON_OF_ERROR[error]
    proxy = network_reason_of_status(answer.status)
    if proxy:
        return number, proxy
    if is_busy(answer.status):
        return number, "identity_service_unavailable"
    described = body.get("error_description")
    for found in _NUMBER_IN_TEXT.findall(described) if isinstance(described, str) else ():
        number = number or int(found)
        if int(found) in REASON_OF_NUMBER:
            return int(found), REASON_OF_NUMBER[int(found)]
    return number, "unknown_token_error" if isinstance(error, str) else "response_unreadable"


def _told_apart(reason: str, description: str) -> str:
    """Two numbers carry more than one meaning; Microsoft says which only in words."""
    if reason in ("cert_not_registered", "cert_signature_invalid"):
        if "key used is expired" in description:
            return "cert_expired"
        if "key was not found" in description:
            return "cert_not_registered"
    return reason


def _propagating(reason: str, circumstances: Circumstances) -> str | None:
    if circumstances.credential_is_new and reason in _PROPAGATING_CREDENTIAL:
        return _PROPAGATING_CREDENTIAL[reason]
    return "identity_propagating" if circumstances.consent_is_new and reason in _PROPAGATING_CONSENT else None


def _decoded(answer: Answer) -> Mapping[str, object]:
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _numbers(body: Mapping[str, object]) -> list[int]:
    codes = body.get("error_codes")
    return [code for code in codes if isinstance(code, int)] if isinstance(codes, list) else []


def _trace_id(body: Mapping[str, object]) -> str:
    trace = body.get("trace_id")
    return clean_request_id(trace) if isinstance(trace, str) else ""
