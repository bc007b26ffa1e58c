"""``POST /v1.0/$batch``: up to twenty requests in one, each answered and throttled on its own.

Promise: ids are unique, dependents of a failed item get 424, items come back in any order (here: the last one first), and an item is
authenticated by the batch's own token.
Source: graph-docs ``concepts/json-batching.md``.
Must not know: what the items ask for.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import urlsplit

import msgspec

from simulator.answers import Answer
from simulator.graph import GraphExchange, GraphRequest
from simulator.graph_errors import JSON_TYPE
from simulator.scenarios import Asked, altered
from simulator.world import Listener, World

MAXIMUM = 20
_HOP_HEADERS = {"content-length", "date", "strict-transport-security", "x-ms-ags-diagnostic"}


async def batch_answer(outer: GraphExchange, world: World, listener: Listener, body: bytes) -> Answer:
    """Answer a batch whose own request is ``outer``."""
    tenant = outer.authenticate()
    if isinstance(tenant, Answer):
        return outer.dressed(tenant)
    asked = Asked("graph", "POST", "/$batch", outer.entry.client_id)
    staged = outer.staged(tenant, asked)
    answer = staged.answer or await _answer(outer, world, listener, body)
    answer.latency += staged.latency
    return altered(tenant, asked, outer.dressed(answer))


async def _answer(outer: GraphExchange, world: World, listener: Listener, body: bytes) -> Answer:
    try:
        requests = _requests(body)
    except ValueError as error:
        return outer.errors.plain(400, "BadRequest", str(error))
    statuses: dict[str, int] = {}
    responses = []
    for item in requests:
        response = await _item(outer, world, listener, item, statuses)
        if response is not None:
            statuses[item["id"]] = response["status"]
            responses.append(response)
    # "Individual responses might appear in a different order than the requests": whoever counts on the order finds out here.
    return Answer(200, msgspec.json.encode({"responses": responses[::-1]}), {"Content-Type": JSON_TYPE})


def _requests(body: bytes) -> list[dict[str, Any]]:
    """Check the batch. Raises ValueError with Graph's message."""
    try:
        content = json.loads(body)
    except ValueError:
        raise ValueError("Invalid batch payload format.") from None
    requests = content.get("requests") if isinstance(content, dict) else None
    if not isinstance(requests, list) or not requests:
        raise ValueError("Invalid batch payload format.")
    if len(requests) > MAXIMUM:
        raise ValueError(f"Number of batch request steps exceeds the maximum value of {MAXIMUM}.")
    seen: set[str] = set()
    for item in requests:
        if not isinstance(item, dict) or not all(isinstance(item.get(k), str) for k in ("id", "method", "url")):
            raise ValueError("Batch request steps need an id, a method and a url.")
        depends, headers = item.get("dependsOn") or [], item.get("headers") or {}
        if not isinstance(depends, list) or not isinstance(headers, dict):
            raise ValueError("dependsOn has to be an array and headers an object.")
        urlsplit(item["url"])  # raises ValueError for what is no URL at all
        if item["id"].lower() in {known.lower() for known in seen}:
            raise ValueError("Request Id has to be unique in a batch.")
        if "body" in item and "content-type" not in {str(name).lower() for name in headers}:
            raise ValueError("A batch request step with a body needs a Content-Type header.")
        if not {str(parent) for parent in depends} <= seen:
            raise ValueError("A batch request step depends on a step that does not come before it.")
        seen.add(item["id"])
    return requests


async def _item(
    outer: GraphExchange, world: World, listener: Listener, item: dict[str, Any], statuses: dict[str, int]
) -> dict[str, Any] | None:
    parts = urlsplit(item["url"])
    path = f"/v1.0/{parts.path.lstrip('/')}"
    entry = world.log.begin(world.clock.now(), listener.name, item["method"].upper(), path)
    headers = {str(k).lower(): str(v) for k, v in (item.get("headers") or {}).items()}
    headers["authorization"] = outer.request.headers.get("authorization", "")
    request = GraphRequest(item["method"].upper(), path, parts.query, headers, in_batch=True)
    exchange = GraphExchange(world, listener, request, entry)
    if any(statuses.get(parent, 424) >= 400 for parent in item.get("dependsOn") or []):
        entry.tenant, entry.client_id = outer.entry.tenant, outer.entry.client_id
        answer: Answer | None = exchange.dressed(exchange.errors.plain(424, "FailedDependency", "Failed Dependency"))
    else:
        answer = exchange.answer()
    if answer is None:
        world.log.finish(entry, 0, "batch_item_missing", None)
        return None
    if answer.latency:
        await asyncio.sleep(answer.latency)
    world.log.finish(entry, answer.status, answer.scenario, answer.retry_after)
    return {
        "id": item["id"],
        "status": answer.status,
        "headers": {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_HEADERS},
        "body": _body(answer),
    }


def _body(answer: Answer) -> Any:
    """Return JSON as it is, anything else as a base64 string, as Graph does."""
    try:
        return json.loads(answer.body)
    except ValueError:
        return base64.b64encode(answer.body).decode()
