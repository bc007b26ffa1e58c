"""A sign of life for somebody else: an address that is asked for every minute while this worker works.

Promise: what watches that address notices a worker that is dead, frozen or without its database, which nobody here could tell. Only asked
while this worker's beats reach the database. A failure is logged and nothing more; the address may hold a token and is never logged.
"""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any, Final

from tasks.logs import Log

EVERY: Final = 60.0
TIMEOUT: Final = 10.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An address that points elsewhere is not followed: its token stays where it was meant to go."""

    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        """Follows nothing."""


class Ping:
    """Asks for the address.

    Args:
        address: what to ask for; http or https.
        is_well: whether this worker's beats reach the database.
        log: where a failure is written.
        ca_bundle: PEM file of authorities to trust; empty for the system's.
        proxy: `http://host:port`; empty for none.
        every: seconds between two of them; replaced in tests.
    """

    def __init__(
        self,
        address: str,
        is_well: Callable[[], bool],
        log: Log,
        *,
        ca_bundle: str = "",
        proxy: str = "",
        every: float = EVERY,
    ) -> None:
        self._address = address
        self._is_well = is_well
        self._log = log
        self._every = every
        self._opener = urllib.request.build_opener(
            _NoRedirect,
            urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else {}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_bundle or None)),
        )
        self._failing = False

    def step(self) -> float:
        """Asks once; returns seconds until the next time."""
        if self._is_well():
            self._ask()
        return self._every

    def _ask(self) -> None:
        try:
            with self._opener.open(
                self._address, timeout=TIMEOUT
            ) as answer:  # the scheme was checked with the configuration
                answer.read(1024)
        except (OSError, HTTPException, ValueError) as error:
            if not self._failing:
                self._log.warning("ping_failed", error=type(error).__name__)
            self._failing = True
            return
        if self._failing:
            self._log.info("ping_arrives_again")
        self._failing = False
