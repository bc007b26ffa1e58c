"""The shared HTTP client: one per process, and what msal gets in its place.

Promise: TLS is verified; an answer is never larger, nor slower in all, than the settings allow; a request goes only to the origin that
its caller names; redirects are not followed; the environment changes nothing; no URL is ever logged. Must not know Entra or Graph.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urlencode

import httpx

from storage.errors import InvalidInput
from tasks.counters import count_answer
from tasks.providers.microsoft import clouds
from tasks.providers.microsoft.settings import MicrosoftSettings

USER_AGENT: Final = "atlas-tui"
_FORM: Final = "application/x-www-form-urlencoded"
_TALKATIVE: Final = ("httpx", "httpcore", "msal")

Form = Mapping[str, str | bytes] | str


class AnswerTooLarge(httpx.TransportError):
    """The answer was longer than the settings allow."""


class HostRefused(httpx.RequestError):
    """A request was about to leave for another origin than the one it was meant for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read whole.

    Attributes:
        status: HTTP status.
        headers: with lower-case names; of a repeated header the values are joined with a comma.
        body: the decoded (decompressed) body. Not shown in representations.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are replaced."""
        return self.body.decode("utf-8", errors="replace")


class Transport:
    """The process's only way out. Safe to share between threads.

    Args:
        settings: limits, trust and proxy.
        monotonic: seconds from any start; replaceable in tests.

    Raises:
        InvalidInput: the CA bundle is not one.
    """

    def __init__(self, settings: MicrosoftSettings, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        _silence_logs()
        self._settings = settings
        self._monotonic = monotonic
        self._client = httpx.Client(
            verify=_trust(settings),
            proxy=settings.proxy,
            trust_env=False,
            http1=True,
            http2=False,
            follow_redirects=False,
            timeout=httpx.Timeout(
                settings.read_timeout, connect=settings.connect_timeout, pool=settings.answer_timeout
            ),
            limits=httpx.Limits(
                max_connections=settings.max_connections, max_keepalive_connections=settings.max_connections
            ),
            headers={"User-Agent": USER_AGENT},
            # A jar that keeps nothing: no cookie of one tenant's answer may travel with another tenant's request.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def send(
        self,
        method: str,
        url: str,
        *,
        pinned_to: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Sends one request and reads the whole answer.

        Args:
            method: HTTP method.
            url: absolute URL.
            pinned_to: base address the URL must share scheme, host and port with.
            headers: request headers.
            content: request body.

        Raises:
            HostRefused: the URL points elsewhere; nothing was sent.
            AnswerTooLarge: the body exceeds the limit; the connection is closed.
            httpx.HTTPError: anything else that happens on the way.
        """
        if not same_origin(url, pinned_to):
            raise HostRefused("refused to send a request to another host")
        limit, deadline = self._settings.max_answer_bytes, self._monotonic() + self._settings.answer_timeout
        try:
            request = self._client.build_request(method, url, headers=headers, content=content)
        except httpx.InvalidURL:
            raise HostRefused("refused to send a request to an address that cannot be read") from None
        try:
            response = self._client.send(request, stream=True)
        except httpx.HTTPError:
            count_answer(None)
            raise
        count_answer(response.status_code)
        try:
            parts, size = [], 0
            for part in response.iter_bytes():
                size += len(part)
                if size > limit:
                    raise AnswerTooLarge("the answer is too large")
                if self._monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer took too long")
                parts.append(part)
            return Answer(
                response.status_code,
                {name.lower(): value for name, value in response.headers.items()},
                b"".join(parts),
            )
        finally:
            response.close()

    def close(self) -> None:
        """Closes every connection. The transport cannot be used afterwards."""
        self._client.close()


@dataclass(slots=True)
class MsalResponse:
    """The shape of an answer that msal reads."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str]


class MsalHttp:
    """What msal uses as its HTTP client.

    msal loses the body of a token endpoint's 5xx and the text of a failed discovery, so the last answer and the last exception are
    kept here, and the mapping to reasons reads those. Form fields that are bytes (a client assertion) are encoded as they are; a bare
    httpx client would send their Python representation. Used by one thread at a time (the sign-in's lock sees to that).

    Args:
        transport: the way out.
        login_url: the only origin that may be asked; a token endpoint elsewhere is refused.
        known: answers that were had a moment ago and need not be asked for again, by URL.
    """

    def __init__(self, transport: Transport, login_url: str, known: Mapping[str, Answer] | None = None) -> None:
        self._transport = transport
        self._login_url = login_url
        self._known = dict(known or {})
        self.last_answer: Answer | None = None
        self.last_error: httpx.HTTPError | None = None

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Form | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> MsalResponse:
        """Sends a form."""
        content = data.encode() if isinstance(data, str) else urlencode(dict(data or {})).encode()
        return self._send("POST", _with_query(url, params), {**(headers or {}), "Content-Type": _FORM}, content)

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> MsalResponse:
        """Reads a URL."""
        return self._send("GET", _with_query(url, params), dict(headers or {}), None)

    def close(self) -> None:
        """Does nothing: the connections belong to the process."""

    def _send(self, method: str, url: str, headers: dict[str, str], content: bytes | None) -> MsalResponse:
        self.last_answer = self.last_error = None
        answer = self._known.get(url) if method == "GET" else None
        if answer is None:
            try:
                answer = self._transport.send(method, url, pinned_to=self._login_url, headers=headers, content=content)
            except httpx.HTTPError as error:
                self.last_error = error
                raise
        self.last_answer = answer
        return MsalResponse(answer.status, answer.text, answer.headers)


def same_origin(url: str, base: str) -> bool:
    """Says whether two https addresses have the same host and port; anything unreadable is not the same."""
    try:
        return clouds.origin(url) == clouds.origin(base)
    except ValueError:
        return False


def _with_query(url: str, params: Mapping[str, str] | None) -> str:
    return f"{url}?{urlencode(dict(params))}" if params else url


def _trust(settings: MicrosoftSettings) -> ssl.SSLContext:
    if settings.ca_bundle is None:
        context = httpx.create_ssl_context(trust_env=False)
    else:
        try:
            context = ssl.create_default_context(cafile=str(settings.ca_bundle))
        except (ssl.SSLError, OSError):
            raise InvalidInput("ca_bundle", "holds no certificate that can be read", "Give a PEM file.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _silence_logs() -> None:
    """httpx logs full URLs at INFO, httpcore headers at DEBUG, msal error texts at DEBUG: none of it may be written anywhere."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
