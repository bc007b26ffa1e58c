"""Attention: what needs a human now, grouped by reason, with who fixes it, since when, and the next step.

Promise: nothing is stored of it: it is read from the badges, from what became of operations, from schedules that are held up, from
credentials that run out and from the installation itself, so it is never out of step with them. Ordered by how many connections it
concerns, then by what is newest. What is acknowledged counts apart. Must not know: screens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import select

from storage import acknowledgements, filters, reasons
from storage.access import Principal, authority, require_person
from storage.attention_credentials import running_out
from storage.attention_grouping import Group, group
from storage.attention_installation import NO_WORKER, InstallationProblem, installation_problems
from storage.attention_outages import told
from storage.attention_sources import COUNTED, Reach
from storage.attention_steps import NextStep, Steps
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.outages import Outage
from storage.pages import Page, Place, page_of
from storage.reasons import FixBy
from storage.schema import platform_apps, tenants, user_views
from storage.schema import provider_connections as pc

KEYS: Final = {
    "who": {member.value.lower() for member in FixBy},
    "reason": None,
    "new": {"yes"},
    "acked": {"yes"},
}
"""The filter line's keys; `new` and `acked` also stand alone."""

_VIEW: Final = "attention"


class Severity(StrEnum):
    """How bad a problem is for those it concerns."""

    HARD = "hard"
    WARNING = "warning"
    PASSING = "passing"


@dataclass(frozen=True, slots=True)
class Problem:
    """Connections with the same reason; or an app, or the installation.

    Attributes:
        id: the same for the same reason and app, always.
        platform_app_id: the platform app that is the problem, when it is one.
        client_id: what the connections share, when that is the problem: the app's name, or a client id.
        connections: how many it concerns that nobody has acknowledged.
        acknowledged: how many of which somebody has.
        is_exact: False when there are about so many, because not all were counted.
        new: how many of the former began after the reader looked last.
        since: when it began on the first of them; None when that is not known.
        latest: when it began on the last of them.
        only_connection_id: the connection, when it concerns only one.
        name: the tenant, when it concerns only one; the app, when it is the problem.
        acknowledge_refusal: why the reader may not acknowledge it; empty when they may.
    """

    id: int
    reason_code: str
    severity: Severity
    fix_by: FixBy
    sentence: str
    platform_app_id: int | None
    client_id: str | None
    connections: int
    acknowledged: int
    is_exact: bool
    new: int
    since: datetime | None
    latest: datetime | None
    only_connection_id: int | None
    name: str
    next_step: NextStep
    acknowledge_refusal: str

    @property
    def is_of_installation(self) -> bool:
        """Whether it concerns no connection in particular."""
        return self.connections == 0 and self.acknowledged == 0 and self.platform_app_id is None


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that needs a human.

    Attributes:
        problems: those that nobody has acknowledged, at least in part; the widest first.
        acknowledged: those that somebody has, at least in part.
        connections: how many connections the former concern, each counted in each of its problems.
        new: how many of them began after the reader looked last.
    """

    problems: tuple[Problem, ...]
    acknowledged: tuple[Problem, ...]
    connections: int
    new: int


@dataclass(frozen=True, slots=True)
class AttentionQuery:
    """What shall be shown.

    Attributes:
        workspace_id: of which workspace.
        text: the filter line: words, `who:us`, `reason:…`, `new`, `acked`.
        tenant_id: only this tenant's.
        looked_at: since when a problem is new; None when nothing is.
        awaits_worker: whether the reader has just started one, so that none works yet is no problem.
    """

    workspace_id: int
    text: str = ""
    tenant_id: int | None = None
    looked_at: datetime | None = None
    awaits_worker: bool = False


def overview(db: Database, who: Principal, query: AttentionQuery) -> Overview:
    """Returns what needs a human now, within what the principal may see.

    Raises:
        InvalidInput: the filter line cannot be read.
        NotFound: the principal is no member.
    """
    wanted = filters.read_filter(query.text, KEYS)
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(query.workspace_id):
            raise NotFound(f"Workspace {query.workspace_id} does not exist.")
        reach = Reach(rights, query.workspace_id, query.tenant_id)
        read = told(tx, reach)
        groups = group(read.symptoms, running_out(tx, reach), acknowledgements.acked_now(tx, query.workspace_id))
        steps = Steps(tx, rights, query.workspace_id)
        names = _names(tx, query.workspace_id, groups)
        found = [_in_outage(_problem(place, names, steps, query.looked_at), read.outage) for place in groups]
        if query.tenant_id is None:
            found += [
                _of_installation(problem, steps, query.looked_at)
                for problem in installation_problems(tx, rights, query.workspace_id)
                if not (query.awaits_worker and problem.reason_code == NO_WORKER)
            ]
    shown = sorted((problem for problem in found if _fits(problem, wanted)), key=_order)
    unacknowledged = tuple(p for p in shown if p.connections or p.is_of_installation)
    return Overview(
        unacknowledged,
        tuple(problem for problem in shown if problem.acknowledged),
        sum(problem.connections for problem in unacknowledged),
        sum(problem.new for problem in unacknowledged),
    )


def page(db: Database, who: Principal, query: AttentionQuery, place: Place, limit: int = 100) -> Page[Problem]:
    """Returns a page of problems: those that nobody has acknowledged, or with `acked` in the filter those that somebody has.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound: the principal is no member.
    """
    found = overview(db, who, query)
    rows = found.acknowledged if asks_for_acknowledged(query.text) else found.problems
    return page_of(rows, lambda problem: problem.id, place, limit)


def asks_for_acknowledged(text: str) -> bool:
    """Says whether a filter line asks for what is acknowledged."""
    wanted = filters.read_filter(text, KEYS)
    return "acked" in wanted.words or "acked" in wanted.values


def find(db: Database, who: Principal, workspace_id: int, problem_id: int) -> Problem:
    """Returns one problem.

    Raises:
        NotFound: it is not there any more, or the principal is no member.
    """
    found = overview(db, who, AttentionQuery(workspace_id))
    for problem in (*found.problems, *found.acknowledged):
        if problem.id == problem_id:
            return problem
    raise NotFound("This problem is solved, or not yours to see.", "Go back: the list shows what is there now.")


def look(db: Database, who: Principal, workspace_id: int) -> datetime | None:
    """Remembers that somebody looks at what needs attention. Returns when they did before; None the first time.

    Raises:
        NotFound: the principal is no member.
        Forbidden: it is no person.
    """

    def work(tx: Transaction) -> datetime | None:
        if not authority(tx, who).may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        mine = (
            user_views.c.user_id == require_person(tx, who),
            user_views.c.workspace_id == workspace_id,
            user_views.c.view == _VIEW,
        )
        before: datetime | None = tx.run(select(user_views.c.looked_at).where(*mine)).scalar_one_or_none()
        if before is None:
            tx.run(
                user_views.insert().values(
                    user_id=who.user_id, workspace_id=workspace_id, view=_VIEW, looked_at=tx.now()
                )
            )
        else:
            tx.run(user_views.update().where(*mine).values(looked_at=tx.now()))
        return before

    return db.write(work)


def problem_id(reason_code: str, client: int | str | None) -> int:
    """Makes the number of a problem from what it is: the same at all times and for everybody."""
    digest = hashlib.blake2b(f"{reason_code}|{client!r}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") + 1


def _order(problem: Problem) -> tuple[bool, int, float, str]:
    newest = problem.latest.timestamp() if problem.latest is not None else 0.0
    size = problem.connections or problem.acknowledged
    return (not problem.is_of_installation, -size, -newest, problem.reason_code)


def _fits(problem: Problem, wanted: filters.Filter) -> bool:
    if ("new" in wanted.words or "new" in wanted.values) and not problem.new:
        return False
    if "who" in wanted.values and problem.fix_by.value.lower() not in wanted.values["who"]:
        return False
    if "who" in wanted.not_values and problem.fix_by.value.lower() in wanted.not_values["who"]:
        return False
    if "reason" in wanted.values and problem.reason_code not in wanted.values["reason"]:
        return False
    if problem.reason_code in wanted.not_values.get("reason", ()):
        return False
    text = filters.fold(f"{problem.reason_code} {problem.name} {problem.sentence}")
    flags = {"new", "acked"}
    return all(word in text for word in wanted.words if word not in flags) and not any(
        word in text for word in wanted.not_words
    )


@dataclass(frozen=True, slots=True)
class _Names:
    apps: dict[int, str]
    tenants: dict[int, str]


def _names(tx: Transaction, workspace_id: int, groups: Sequence[Group]) -> _Names:
    """The names of apps, and of the tenant of each problem that concerns only one connection."""
    apps = tx.run(
        select(platform_apps.c.id, platform_apps.c.display_name).where(platform_apps.c.workspace_id == workspace_id)
    )
    only = [next(iter(place.tenants)) for place in groups if len(place.tenants) == 1]
    found = tx.run(
        select(pc.c.id, tenants.c.name).join(tenants, tenants.c.id == pc.c.tenant_id).where(pc.c.id.in_(only))
    )
    return _Names({row.id: row.display_name for row in apps}, {row.id: row.name for row in found})


def _problem(place: Group, names: _Names, steps: Steps, looked_at: datetime | None) -> Problem:
    reason = reasons.find(place.reason_code)
    times = place.times()
    open_ones, acknowledged = len(place.open), len(place.acknowledged)
    if place.app_since is not None and not place.app_acknowledged:
        open_ones = max(open_ones, place.users, 1)
    elif place.app_since is not None:
        acknowledged = max(acknowledged, place.users, 1)
    new = 0 if looked_at is None else sum(at is not None and at > looked_at for at in place.open.values())
    if looked_at is not None and place.app_since is not None and place.app_since > looked_at and open_ones:
        new = max(new, open_ones)
    exact = place.estimated is None and max(open_ones, acknowledged) <= COUNTED
    if place.estimated is not None and place.open:
        open_ones = max(open_ones, place.estimated - acknowledged)
    only = next(iter(place.tenants)) if len(place.tenants) == 1 and not place.is_of_app else None
    app_id = place.client if isinstance(place.client, int) else None
    waits = reason.fix_by in (FixBy.WAIT, FixBy.MICROSOFT)
    return Problem(
        id=problem_id(place.reason_code, place.client),
        reason_code=place.reason_code,
        severity=Severity.PASSING if waits else Severity.HARD if place.is_hard else Severity.WARNING,
        fix_by=reason.fix_by,
        sentence=reason.sentence,
        platform_app_id=app_id,
        client_id=place.client if isinstance(place.client, str) else None,
        connections=min(open_ones, COUNTED),
        acknowledged=min(acknowledged, COUNTED),
        is_exact=exact,
        new=min(new, COUNTED),
        since=min(times, default=None),
        latest=max(times, default=None),
        only_connection_id=only,
        name=_name(place, names, only),
        next_step=steps.of(reason, set(place.tenants.values())),
        acknowledge_refusal=steps.may_acknowledge(() if app_id is not None else set(place.tenants.values())),
    )


def _in_outage(problem: Problem, outage: Outage | None) -> Problem:
    """The problem that an outage is says so: what it is, and since when it is one."""
    if outage is None or problem.reason_code != outage.reason_code or problem.client_id or problem.platform_app_id:
        return problem
    return replace(problem, name=outage.headline, sentence=f"{outage.sentence} {outage.advice}", since=outage.since)


def _name(place: Group, names: _Names, only: int | None) -> str:
    if isinstance(place.client, int):
        return names.apps.get(place.client, "the platform app")
    if isinstance(place.client, str):
        return place.client
    return names.tenants.get(only, "") if only is not None else ""


def _of_installation(found: InstallationProblem, steps: Steps, looked_at: datetime | None) -> Problem:
    reason = reasons.find(found.reason_code)
    return Problem(
        id=problem_id(found.reason_code, None),
        reason_code=found.reason_code,
        severity=Severity.HARD,
        fix_by=reason.fix_by,
        sentence=reason.sentence,
        platform_app_id=None,
        client_id=None,
        connections=0,
        acknowledged=0,
        is_exact=True,
        new=int(looked_at is not None and found.since is not None and found.since > looked_at),
        since=found.since,
        latest=found.since,
        only_connection_id=None,
        name="all of them",
        next_step=steps.of(reason, ()),
        acknowledge_refusal="It concerns everybody; it goes when it is solved.",
    )
