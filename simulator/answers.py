"""An answer before it is sent: status, headers, body, and how the transport shall misbehave.

Promise: sign-in, Graph and batch items all produce this one value, so a scenario can change any of them, and one function
puts it on the wire, honestly or broken on purpose.
Must not know: what the answer means.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import msgspec
from starlette.types import Send

from simulator.clock import http_date

Fault = Literal["none", "closed", "gzip"]
_CHUNK = 1 << 20


@dataclass(slots=True)
class Answer:
    """One HTTP answer.

    ``fault``: ``closed`` announces the whole body and closes the connection half-way; ``gzip`` sends it compressed.
    ``padding``: bytes of white space sent before the body, or with ``filler`` of that, over and over, between the body and its
    ``tail`` (a huge body that costs no memory here). ``clock_offset``: seconds by which its Date is wrong.
    ``scenario``: what produced it, for the request log.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    scenario: str | None = None
    fault: Fault = "none"
    padding: int = 0
    filler: bytes = b""
    tail: bytes = b""
    clock_offset: float = 0.0
    latency: float = 0.0

    @property
    def retry_after(self) -> str | None:
        """The Retry-After value it carries, if any."""
        return self.headers.get("Retry-After")


def json_answer(status: int, content: Any, **headers: str) -> Answer:
    """Return a JSON answer. Header names are given with underscores for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, msgspec.json.encode(content), {"Content-Type": "application/json; charset=utf-8", **named})


def html_answer(status: int, page: str) -> Answer:
    """Return an HTML page."""
    return Answer(status, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


async def send_answer(answer: Answer, send: Send) -> None:
    """Put an answer on the wire (ASGI), with its transport fault if it has one."""
    body = gzip.compress(answer.body, 1) if answer.fault == "gzip" else answer.body
    headers = dict(answer.headers)
    if answer.fault == "gzip":
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body) + answer.padding + len(answer.tail))
    if answer.clock_offset and "Date" in headers:
        headers["Date"] = http_date(parsedate_to_datetime(headers["Date"]).timestamp() + answer.clock_offset)
    # Header names and values are Latin-1 on the wire; a scenario may carry other text and must not break the server.
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if answer.fault == "closed":
        # Returning without the rest makes the server close the connection: the client sees an incomplete body.
        await send({"type": "http.response.body", "body": body[: max(1, len(body) // 2)], "more_body": True})
        return
    if answer.filler:
        await _send_filled(answer, body, send)
        return
    left = answer.padding
    while left > 0:
        await send({"type": "http.response.body", "body": b" " * min(left, _CHUNK), "more_body": True})
        left -= _CHUNK
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _send_filled(answer: Answer, body: bytes, send: Send) -> None:
    """Send the body, its filler as often as it fits, and the tail."""
    await send({"type": "http.response.body", "body": body, "more_body": True})
    left, chunk = answer.padding // len(answer.filler), _CHUNK // len(answer.filler)
    while left > 0:
        await send({"type": "http.response.body", "body": answer.filler * min(left, chunk), "more_body": True})
        left -= chunk
    await send({"type": "http.response.body", "body": answer.tail, "more_body": False})
