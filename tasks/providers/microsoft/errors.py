"""From what went wrong to one reason code: exceptions, and the rules that sign-in and Graph answers share.

Promise: every exception and every answer that is not a success becomes a `MicrosoftFailure` with a reason of the catalog; what is not known
stays unknown and keeps its raw number. Microsoft's own text is matched and dropped. `token_errors` and `graph_errors` hold the tables.

Source of the cases: the project's catalogue of failures (Microsoft error reference pages and public captures).
"""

from __future__ import annotations

import math
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Self

import httpx

from storage import reasons
from storage.failures import clean_provider_code, clean_request_id
from tasks.providers.base import ProviderFailure
from tasks.providers.microsoft.http import Answer, AnswerTooLarge, HostRefused

PROPAGATION: Final = timedelta(minutes=2)
"""How long after a consent or credential change Microsoft's answers may still lag behind."""

_NUMBER: Final = re.compile(r"^[0-9]{1,12}(\.[0-9]{1,9})?$")


class MicrosoftFailure(ProviderFailure):
    """A failed call, read.

    Attributes:
        plain_code: the reason it is when it does not pass by itself; differs from `reason_code` only shortly after a change.
        claims: the decoded claims that continuous access evaluation asks for; empty otherwise.
    """

    def __init__(
        self,
        reason_code: str,
        sentence: str = "",
        *,
        plain_code: str = "",
        claims: str = "",
        provider_code: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
        missing_permissions: tuple[str, ...] = (),
        http_status: int | None = None,
    ) -> None:
        super().__init__(
            reason_code,
            sentence or describe(reason_code, missing_permissions),
            provider_code=clean_provider_code(provider_code),
            request_id=clean_request_id(request_id) or None,
            retry_after=retry_after,
            missing_permissions=missing_permissions,
            http_status=http_status,
        )
        self.plain_code = plain_code or reason_code
        self.claims = claims

    @property
    def is_transient(self) -> bool:
        """Throttling, outage or network: says nothing about the connection."""
        return reasons.find(self.reason_code).is_transient

    @property
    def is_propagating(self) -> bool:
        """The answer may be right in a minute, because something changed just now."""
        return self.reason_code != self.plain_code

    def settled(self) -> MicrosoftFailure:
        """Returns the same failure under its plain reason: what it is when waiting did not help."""
        if not self.is_propagating:
            return self
        return MicrosoftFailure(
            self.plain_code,
            provider_code=self.provider_code,
            request_id=self.request_id,
            retry_after=self.retry_after,
            missing_permissions=self.missing_permissions,
            http_status=self.http_status,
            claims=self.claims,
        )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What, besides the answer, decides how it is read.

    Attributes:
        credential_is_new: the credential changed so recently that Microsoft may not know it everywhere.
        consent_is_new: the same for consent.
        is_dedicated: the application is the customer's own, so its absence is our mistake.
    """

    credential_is_new: bool = False
    consent_is_new: bool = False
    is_dedicated: bool = False

    @classmethod
    def of(
        cls,
        *,
        credential_changed_at: datetime | None,
        consent_changed_at: datetime | None,
        is_dedicated: bool,
        now: datetime,
    ) -> Self:
        """Judges how recent the last changes are."""
        return cls(
            credential_is_new=_is_recent(credential_changed_at, now),
            consent_is_new=_is_recent(consent_changed_at, now),
            is_dedicated=is_dedicated,
        )


def describe(reason_code: str, missing_permissions: tuple[str, ...] = ()) -> str:
    """Returns our sentence for a reason, with the missing permissions named."""
    sentence = reasons.find(reason_code).sentence
    return f"{sentence} Missing: {', '.join(missing_permissions)}." if missing_permissions else sentence


def read_exception(error: Exception) -> MicrosoftFailure:
    """Reads what httpx raises, and what our own transport does, as a network reason.

    Args:
        error: any exception of a call that brought no answer.
    """
    return MicrosoftFailure(_network_reason(error))


def network_reason_of_status(status: int) -> str | None:
    """Returns the reason of a status that a proxy sends and Microsoft does not; None otherwise."""
    return "network_proxy" if status == 407 else None


def is_busy(status: int) -> bool:
    """Says whether a status means that the service could not answer just now (RFC 9110; Graph "Error responses")."""
    return status == 408 or 500 <= status <= 599


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Reads `Retry-After` (RFC 9110 §10.2.3) leniently.

    Whole and fractional seconds and HTTP dates are understood (a date is held against the answer's own `Date`, so that our clock does
    not matter). Negative, past and zero values mean "now" and give 0. Absent, empty and unreadable values give None.

    Args:
        headers: lower-case header names.
        now: our clock, for a date without a `Date` beside it.

    Returns:
        Seconds, never negative, or None.
    """
    raw = headers.get("retry-after", "").strip()
    if raw.startswith(("-", "+")) and _NUMBER.match(raw[1:]):
        return 0.0 if raw[0] == "-" else float(raw[1:])
    if _NUMBER.match(raw):
        return float(raw)
    moment = _http_date(raw)
    if moment is None:
        return None
    sent = _http_date(headers.get("date", "")) or now
    seconds = (moment - sent).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def request_id(answer: Answer) -> str | None:
    """Returns Microsoft's request id of an answer, from Graph's or sign-in's header."""
    return clean_request_id(answer.headers.get("request-id") or answer.headers.get("x-ms-request-id")) or None


def _is_recent(changed_at: datetime | None, now: datetime) -> bool:
    return changed_at is not None and now - changed_at < PROPAGATION


def _http_date(raw: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(raw)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _network_reason(error: Exception) -> str:
    if isinstance(error, AnswerTooLarge):
        return "response_too_large"
    if isinstance(error, HostRefused):
        return "next_link_refused"
    if isinstance(error, httpx.ProxyError):
        return "network_proxy"
    if isinstance(error, httpx.TimeoutException):
        return "network_timeout"
    if isinstance(error, httpx.DecodingError):
        return "response_unreadable"
    if isinstance(error, httpx.ConnectError):
        causes = list(_causes(error))
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return "network_tls"
        return "network_dns" if any(isinstance(cause, socket.gaierror) for cause in causes) else "network_connect"
    if isinstance(error, httpx.TransportError):
        return "network_interrupted"
    return "internal_error"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
