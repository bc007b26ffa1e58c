"""What a tenant's scenarios and scripts say about one request.

Promise: scripts come first, in the order they were given, then scenarios in theirs; an answer that is used up lets the next
one speak; nothing here changes a tenant but its counters.
Must not know: how the real answer would be made.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from simulator.answers import Answer
from simulator.catalogue import SCENARIOS, Making, Scenario, bare_answer
from simulator.model import ScenarioUse, Script, Tenant


@dataclass(frozen=True, slots=True)
class Asked:
    """The request as scenarios see it. ``path``: for Graph without the version, for sign-in the endpoint's name."""

    where: str
    method: str
    path: str
    client_id: str | None = None
    in_batch: bool = False


@dataclass(slots=True)
class Staged:
    """What was arranged: an answer instead of the real one (or None), and seconds to wait before answering."""

    answer: Answer | None = None
    latency: float = 0.0
    dropped: bool = False


def arranged(tenant: Tenant, asked: Asked, making: Making) -> Staged:
    """Return what scripts and scenarios answer instead of the real thing, if anything."""
    for script in tenant.scripts:
        if _matches(script.match, asked):
            step = _next(script)
            if step is None:
                continue
            if step == "fine":
                return Staged()
            return _play(step, asked, making)
    for use in tenant.scenarios:
        row = SCENARIOS[use.name]
        if use.name == "batch_item_missing" and _applies(row, use, asked):
            use.used += 1
            return Staged(dropped=True)
        if row.make is not None and _applies(row, use, asked):
            use.used += 1
            answer = row.make(Making(use.options, making.clock, making.signin, making.graph))
            answer.scenario = use.name
            return Staged(answer)
    return Staged()


def altered(tenant: Tenant, asked: Asked, answer: Answer) -> Answer:
    """Return the answer with the transport faults and delays that are on for this request."""
    for use in tenant.scenarios:
        row = SCENARIOS[use.name]
        if row.change is not None and _applies(row, use, asked):
            use.used += 1
            answer = row.change(answer, use.options)
            answer.scenario = answer.scenario or use.name
    return answer


def active(tenant: Tenant, name: str, asked: Asked | None = None) -> ScenarioUse | None:
    """Return a scenario that changes data or state when it is on, not used up, and meant for this request."""
    use = tenant.scenario(name)
    if use is None or _used_up(use):
        return None
    if asked is not None and not _applies(SCENARIOS[name], use, asked):
        return None
    return use


def _applies(row: Scenario, use: ScenarioUse, asked: Asked) -> bool:
    where = str(use.options.get("where", row.where))
    if where == "batch":
        if not asked.in_batch:
            return False
    elif where not in ("any", asked.where):
        return False
    return not _used_up(use) and _path_matches(str(use.options.get("path", row.path)), asked.path)


def _used_up(use: ScenarioUse) -> bool:
    times = use.options.get("times")
    return isinstance(times, int) and use.used >= times


def _path_matches(pattern: str, path: str) -> bool:
    return fnmatchcase(path.lower(), pattern.lower())


def _matches(match: dict[str, str], asked: Asked) -> bool:
    return (
        match.get("where", asked.where) == asked.where
        and match.get("method", asked.method).upper() == asked.method
        and match.get("client_id", asked.client_id) == asked.client_id
        and _path_matches(match.get("path", "*"), asked.path)
    )


def _next(script: Script) -> object | None:
    if script.position >= len(script.answers):
        if script.then == "fine":
            return None
        script.position = 0
    script.position += 1
    step: object = script.answers[script.position - 1]
    return step


def _play(step: object, asked: Asked, making: Making) -> Staged:
    if isinstance(step, str):
        row = SCENARIOS[step]
        answer = row.make(making) if row.make is not None else None
        if answer is not None:
            answer.scenario = f"script:{step}"
        return Staged(answer)
    assert isinstance(step, dict)
    latency = float(step.get("latency", 0.0))
    if "status" not in step:
        return Staged(None, latency)
    where = "graph" if asked.where == "graph" else "token"
    answer = bare_answer(where, int(step["status"]), making, step)
    answer.scenario = f"script:{step['status']}"
    return Staged(answer, latency)
