"""Several Graph calls in one request, each with an outcome of its own.

Promise: every request gets exactly one outcome, in the order asked; what Microsoft throttled or could not answer is asked again, alone and
not before the time it named; a request that Microsoft left unanswered says `data_incomplete`.

Source: Microsoft Graph, "Combine multiple HTTP requests using JSON batching" (20 requests; each is throttled by itself).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tasks.providers.microsoft import contracts, graph_errors
from tasks.providers.microsoft.budgets import Workload
from tasks.providers.microsoft.contracts import Contract
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.graph import GraphSession, JsonObject
from tasks.providers.microsoft.http import Answer


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One GET in a batch.

    Attributes:
        contract: which resource.
        parts: values for the `{name}` parts of its path.
    """

    contract: Contract
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of one request: a body, or a failure.

    Attributes:
        body: the JSON object, when it succeeded.
        failure: why not, when it did not.
    """

    body: JsonObject | None
    failure: MicrosoftFailure | None


def run_batch(session: GraphSession, requests: Sequence[BatchRequest]) -> tuple[BatchOutcome, ...]:
    """Sends the requests, twenty at a time.

    Returns:
        One outcome per request, in the same order.

    Raises:
        MicrosoftFailure: a batch as a whole failed.
        RunStopped, RunDeferred: from the run's reporter.
    """
    outcomes: dict[int, BatchOutcome] = {}
    for start in range(0, len(requests), contracts.BATCH_LIMIT):
        chunk = {index: requests[index] for index in range(start, min(start + contracts.BATCH_LIMIT, len(requests)))}
        outcomes.update(_settled(session, chunk))
    return tuple(outcomes[index] for index in range(len(requests)))


def _settled(session: GraphSession, chunk: Mapping[int, BatchRequest]) -> dict[int, BatchOutcome]:
    """Sends one chunk; asks again for the items that may succeed later, until patience ends."""
    outcomes: dict[int, BatchOutcome] = {}
    open_requests = dict(chunk)
    repeats = 0
    while True:
        answered = _once(session, open_requests)
        outcomes.update(answered)
        delays = {
            index: delay
            for index, outcome in answered.items()
            if outcome.failure is not None and (delay := session.patience.delay(outcome.failure, repeats)) is not None
        }
        if not delays:
            return outcomes
        repeats += 1
        longest = max(delays, key=lambda index: delays[index])
        failure = outcomes[longest].failure
        session.patience.wait(delays[longest], failure.reason_code if failure else "throttled")
        open_requests = {index: chunk[index] for index in delays}


def _once(session: GraphSession, requests: Mapping[int, BatchRequest]) -> dict[int, BatchOutcome]:
    content = msgspec.json.encode(
        {
            "requests": [
                {
                    "id": str(index),
                    "method": "GET",
                    "url": request.contract.relative_url(**request.parts),
                    "headers": dict(request.contract.headers),
                }
                for index, request in requests.items()
            ]
        }
    )
    spends: Counter[Workload] = Counter()
    for request in requests.values():
        spends[request.contract.workload] += request.contract.cost
    body = session.fetch("POST", session.batch_url, spends, content=content)
    responses = body.get("responses")
    found: dict[str, Mapping[str, Any]] = {}
    for item in responses if isinstance(responses, list) else ():
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            found[item["id"]] = item
    outcomes = {index: _outcome(session, found.get(str(index))) for index in requests}
    for index, outcome in outcomes.items():
        if outcome.failure is not None and outcome.failure.plain_code == "throttled":
            session.refused(requests[index].contract.workload, _headers(found[str(index)]))
    return outcomes


def _outcome(session: GraphSession, item: Mapping[str, Any] | None) -> BatchOutcome:
    status = item.get("status") if item is not None else None
    if item is None or not isinstance(status, int):
        return BatchOutcome(None, MicrosoftFailure("data_incomplete", request_id=session.last_request_id))
    body = item.get("body")
    if 200 <= status < 300 and isinstance(body, dict):
        return BatchOutcome(body, None)
    answer = Answer(status, _headers(item), msgspec.json.encode(body))
    if 200 <= status < 300:
        return BatchOutcome(None, MicrosoftFailure("response_unreadable", http_status=status))
    return BatchOutcome(None, graph_errors.read_graph_answer(answer, session.circumstances, session.now))


def _headers(item: Mapping[str, Any]) -> dict[str, str]:
    raw = item.get("headers")
    return {str(name).lower(): str(value) for name, value in raw.items()} if isinstance(raw, dict) else {}
