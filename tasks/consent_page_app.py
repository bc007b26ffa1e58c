"""The consent callback as a web application: one path that takes Microsoft's answer, and one that says whether it works.

Promise: GET only, no cookies, nothing loaded from elsewhere, no part of a request shown or logged but its outcome. An answer with a state
of ours always gets through; others are written down only as often as the limit allows, so that nobody can fill the trail. Must not know TLS
or sockets.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from storage import consent_answers
from storage.consent_reading import MAX_ANSWER
from storage.database import Database
from storage.errors import DatabaseError, InvalidInput
from tasks import consent_page_html as pages
from tasks.consent_page_html import Page
from tasks.logs import Log

MAX_QUERY: Final = 8_192
"""Bytes. Microsoft's longest answers have about two thousand."""

_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{pages.STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex, nofollow",
}
_HSTS: Final = "max-age=31536000"


class Limiter:
    """A bucket of tokens that fills slowly. Thread-safe.

    Args:
        size: how many at once.
        per_second: how fast they come back.
        clock: seconds that only grow.
    """

    def __init__(self, size: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._per_second, self._clock = size, per_second, clock
        self._left, self._at = size, clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Takes a token; says whether there was one."""
        with self._lock:
            now = self._clock()
            self._left = min(self._size, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


def make_app(db: Database, path: str, *, secure: bool, limiter: Limiter | None = None) -> ASGIApp:
    """Makes the application.

    Args:
        db: the database.
        path: of the registered redirect URI, such as `/atlas-consent`.
        secure: browsers reach it over https, so they shall stay there (HSTS).
        limiter: how often an answer without a state of ours is written down; 20 at once, then one in 3 s, when None.
    """
    callback = _Callback(db, limiter or Limiter(20, 1 / 3), secure)
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    app = Starlette(
        routes=[
            Route("/healthz", callback.health, methods=["GET"]),
            Route(path, callback.answer, methods=methods),
            Route("/{anything:path}", callback.nothing, methods=methods),
        ]
    )
    app.router.redirect_slashes = False
    return app


class _Callback:
    """The endpoints. They are plain functions, so Starlette runs them in threads: the database blocks."""

    def __init__(self, db: Database, limiter: Limiter, secure: bool) -> None:
        self._db, self._limiter, self._secure = db, limiter, secure
        self._log = Log("consent_page")

    def answer(self, request: Request) -> Response:
        """Takes an answer."""
        started = time.monotonic()
        try:
            page = self._page(request)
        except DatabaseError as error:
            self._log.failure("answer_not_taken", error)
            page = pages.BUSY
        except Exception as error:  # what is shown to a stranger must not be a traceback
            self._log.failure("answer_broke", error)
            page = pages.FAULT
        self._log.info("answer", outcome=page.name, seconds=time.monotonic() - started)
        return self._respond(page)

    def nothing(self, request: Request) -> Response:
        """Every other address."""
        return self._respond(pages.NOTHING_HERE)

    def health(self, request: Request) -> Response:
        """Says whether the database can be asked."""
        try:
            with self._db.read() as tx:
                tx.now()
        except DatabaseError:
            return self._dressed(Response(b'{"ok":false}\n', 503, media_type="application/json"))
        return self._dressed(Response(b'{"ok":true}\n', 200, media_type="application/json"))

    def _page(self, request: Request) -> Page:
        if request.method != "GET":
            return pages.WRONG_METHOD
        raw = request.scope["query_string"]
        if len(raw) > min(MAX_QUERY, MAX_ANSWER):
            return pages.TOO_LONG
        if not raw:
            return pages.NOTHING_HERE
        try:
            pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=60)
            parsed = consent_answers.read_callback(pairs)
        except (InvalidInput, ValueError):
            return pages.UNREADABLE
        if not consent_answers.is_known(self._db, parsed) and not self._limiter.take():
            return pages.TOO_MANY
        return pages.page_of(consent_answers.answer_by_state(self._db, parsed))

    def _respond(self, page: Page) -> Response:
        response = Response(page.body(), page.status, media_type="text/html")
        if page is pages.WRONG_METHOD:
            response.headers["Allow"] = "GET"
        if page.status in (429, 503):
            response.headers["Retry-After"] = "60"
        return self._dressed(response)

    def _dressed(self, response: Response) -> Response:
        response.headers.update(_HEADERS)
        if self._secure:
            response.headers["Strict-Transport-Security"] = _HSTS
        return response
