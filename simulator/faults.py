"""What can be wrong with an answer's body, its arrival, or its clock: changes to an answer that was right.

Promise: nothing here holds a large answer in memory: what is long is said as "this, so often" and made while it is sent.
Must not know: which scenario asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.answers import Answer

Options = dict[str, Any]


def _truncated(answer: Answer, _: Options) -> Answer:
    answer.body = answer.body[: max(1, len(answer.body) // 2)]
    return answer


def _closed(answer: Answer, _: Options) -> Answer:
    answer.fault = "closed"
    return answer


def _gzip(answer: Answer, _: Options) -> Answer:
    answer.fault = "gzip"
    return answer


def _huge(answer: Answer, options: Options) -> Answer:
    answer.padding = int(float(options.get("megabytes", 64)) * (1 << 20))
    return answer


def slow(answer: Answer, options: Options) -> Answer:
    """Let an answer come later."""
    answer.latency += float(options.get("seconds", 2.0))
    return answer


def _body(content: bytes, kind: str) -> Callable[[Answer, Options], Answer]:
    def change(answer: Answer, _: Options) -> Answer:
        answer.status, answer.body = 200, content
        answer.headers["Content-Type"] = kind
        return answer

    return change


_DEPTH = 100_000
_ITEM = b'{"id":"00000000-0000-4000-8000-000000000000","complianceState":"compliant","operatingSystem":"Windows"}'


def hanging(answer: Answer, options: Options) -> Answer:
    """Let an answer come when nobody waits for it any more."""
    answer.latency += float(options.get("seconds", 3600.0))
    return answer


def skewed(answer: Answer, options: Options) -> Answer:
    """Let an answer carry the time of a clock that is ahead, or behind."""
    answer.clock_offset = float(options.get("seconds", 900.0)) * (-1 if options.get("behind") else 1)
    return answer


def _deep(answer: Answer, options: Options) -> Answer:
    depth = int(options.get("depth", _DEPTH))
    answer.body = b'{"value":' + b"[" * depth + b"]" * depth + b"}"
    return answer


def _flood(answer: Answer, options: Options) -> Answer:
    answer.body, answer.tail = b'{"value":[' + _ITEM, b"]}"
    answer.filler, wanted = b"," + _ITEM, int(float(options.get("megabytes", 200)) * (1 << 20))
    answer.padding = wanted - wanted % len(answer.filler)
    return answer


_PROXY_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Please log in.</body></html>"
)
FAULTS: tuple[tuple[str, str, Callable[[Answer, Options], Answer]], ...] = (
    ("html", "200 with an HTML page, as a captive portal answers", _body(_PROXY_PAGE, "text/html; charset=utf-8")),
    ("empty", "200 with an empty body", _body(b"", "application/json; charset=utf-8")),
    ("not_json", "200 that says JSON and is not", _body(b"upstream connect error", "application/json; charset=utf-8")),
    ("truncated", "the JSON ends in the middle; the length is right", _truncated),
    ("closed", "the connection closes in the middle of the body", _closed),
    ("huge", "N megabytes of white space before the body (option megabytes, 64)", _huge),
    ("deep", "JSON nested option depth (100,000) deep", _deep),
    ("flood", "a list of option megabytes (200), valid JSON, made while it is sent", _flood),
    ("gzip", "the body compressed: correct, but must be handled", _gzip),
)
PROXY_PAGE_FAULT = FAULTS[0][2]
