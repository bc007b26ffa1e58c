"""The connections of one problem: since when, where it shows, and who has acknowledged it until when.

Promise: at most some ten thousand of them are found at once, however many there are; the list of connections with `reason:` has all whose
badge says so. Must not know: how problems are ordered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, or_, select

from storage import acknowledgements, filters, operations
from storage.access import Authority, Principal, authority
from storage.acknowledgements import Acknowledgement
from storage.acknowledging import Terms, acknowledge, acknowledge_app, withdraw, withdraw_app
from storage.attention import Problem, find
from storage.attention_credentials import running_out
from storage.attention_grouping import shared_by
from storage.attention_outages import told
from storage.attention_sources import COUNTED, Kind, Reach, Symptom
from storage.connections import ConnectionRow, rows_by_id
from storage.database import Database, Transaction
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import acknowledgements as a
from storage.schema import provider_connections as pc
from storage.states import VerificationStatus

KEYS: Final = {"acked": {"yes"}}
"""The filter line's keys."""


@dataclass(frozen=True, slots=True)
class Affected:
    """A connection that has a problem.

    Attributes:
        connection: its row, with the three badges.
        since: since when; None when that is not known.
        shows: where it shows: `badge blocked`, `Inventory sync`.
        acknowledgement: who has acknowledged it; None when nobody has.
        is_of_app: whether that was acknowledged for the whole app.
    """

    connection: ConnectionRow
    since: datetime | None
    shows: str
    acknowledgement: Acknowledgement | None
    is_of_app: bool


@dataclass(frozen=True, slots=True)
class ProblemRead:
    """A problem, a page of its connections, and the numbers of all that the filter leaves."""

    problem: Problem
    members: Page[Affected]
    connection_ids: tuple[int, ...]


def page(
    db: Database, who: Principal, workspace_id: int, problem_id: int, place: Place, limit: int = 100
) -> Page[Affected]:
    """Returns a page of the connections of a problem, by tenant; raises what `read` does."""
    return read(db, who, workspace_id, problem_id, place, limit).members


def read(
    db: Database,
    who: Principal,
    workspace_id: int,
    problem_id: int,
    place: Place,
    limit: int = 100,
    *,
    text: str = "",
) -> ProblemRead:
    """Returns a problem with a page of its connections, by tenant.

    Args:
        db: the database.
        who: who reads.
        workspace_id: where.
        problem_id: which problem.
        place: which page.
        limit: rows at most.
        text: the filter line: words of the tenant's name, `acked:yes`.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound: the problem is not there any more, or the principal is no member.
    """
    wanted = filters.read_filter(text, KEYS)
    problem = find(db, who, workspace_id, problem_id)
    with db.read() as tx:
        found = _found(tx, authority(tx, who), workspace_id, problem)
        of_app = _of_app(tx, workspace_id, problem.reason_code)
        statement = select(pc.c.sort_name.label("sort_name"), pc.c.id.label("id")).where(
            pc.c.id.in_(list(found)), *_conditions(tx, workspace_id, problem, wanted)
        )
        every = tuple(int(row.id) for row in tx.run(statement)) if text else tuple(found)
        keys = [SortKey(pc.c.sort_name, "sort_name"), SortKey(pc.c.id, "id")]
        ids = read_page(tx, statement, keys, place, limit, lambda row: int(row.id), pc.c.id)
        rows = {row.id: row for row in rows_by_id(tx, ids.rows)}
        acked = _acknowledged(tx, workspace_id, problem.reason_code, ids.rows)
        shown = tuple(
            _affected(rows[id], found[id], acked.get(id), of_app.get(_app_of(found[id])))
            for id in ids.rows
            if id in rows
        )
    members = Page(shown, ids.cursors, ids.has_before, ids.has_after, len(every), problem.is_exact, ids.position)
    return ProblemRead(problem, members, every)


def _conditions(
    tx: Transaction, workspace_id: int, problem: Problem, wanted: filters.Filter
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        pc.c.sort_name.like(filters.like(word), escape="\\") for word in wanted.words
    ]
    conditions += [~pc.c.sort_name.like(filters.like(word), escape="\\") for word in wanted.not_words]
    holds = and_(
        acknowledgements.holding(tx.now()), a.c.workspace_id == workspace_id, a.c.reason_code == problem.reason_code
    )
    acknowledged = or_(
        exists().where(holds, a.c.connection_id == pc.c.id),
        exists().where(holds, a.c.platform_app_id == pc.c.platform_app_id),
    )
    if "acked" in wanted.values:
        conditions.append(acknowledged)
    if "acked" in wanted.not_values:
        conditions.append(~acknowledged)
    return conditions


def connection_ids(db: Database, who: Principal, workspace_id: int, problem_id: int) -> tuple[int, ...]:
    """Returns the connections of a problem, as many as are looked at.

    Raises:
        NotFound: the problem is not there any more, or the principal is no member.
    """
    problem = find(db, who, workspace_id, problem_id)
    with db.read() as tx:
        return tuple(_found(tx, authority(tx, who), workspace_id, problem))


def acknowledge_problem(
    db: Database,
    who: Principal,
    workspace_id: int,
    problem_id: int,
    terms: Terms | None = None,
    *,
    ticket: str | None = None,
) -> int:
    """Acknowledges a whole problem: with its platform app when that is the problem, else on each of its connections.

    Returns:
        On how many connections it is acknowledged now; of an app, one.

    Raises:
        Conflict: it was solved meanwhile.
        InvalidInput: a term cannot be used.
        NotFound, Forbidden: it is not there, or not allowed.
    """
    problem = find(db, who, workspace_id, problem_id)
    if problem.platform_app_id is not None:
        acknowledge_app(db, who, problem.platform_app_id, problem.reason_code, terms, ticket=ticket)
        return 1
    return acknowledge(
        db, who, connection_ids(db, who, workspace_id, problem_id), problem.reason_code, terms, ticket=ticket
    )


def withdraw_problem(
    db: Database, who: Principal, workspace_id: int, problem_id: int, *, ticket: str | None = None
) -> int:
    """Takes back every acknowledgement of a problem. Returns how many there were.

    Raises:
        NotFound, Forbidden: it is not there, or not allowed.
    """
    problem = find(db, who, workspace_id, problem_id)
    ended = 0
    if problem.platform_app_id is not None:
        ended = withdraw_app(db, who, problem.platform_app_id, problem.reason_code, ticket=ticket)
    if ids := connection_ids(db, who, workspace_id, problem_id):
        ended += withdraw(db, who, ids, problem.reason_code, ticket=ticket)
    return ended


@dataclass(frozen=True, slots=True)
class _Shown:
    since: datetime | None
    where: str
    client: int | str | None


def _found(tx: Transaction, rights: Authority, workspace_id: int, problem: Problem) -> dict[int, _Shown]:
    """The connections of a problem, and where it shows on each."""
    client = problem.platform_app_id or problem.client_id
    reach = Reach(rights, workspace_id, client=client)
    rows = told(tx, reach, problem.reason_code).symptoms.rows
    elsewhere = shared_by(problem.reason_code, rows) if client is None else frozenset[int | str]()
    by_connection: dict[int, list[Symptom]] = {}
    for symptom in rows:
        if symptom.client not in elsewhere:
            by_connection.setdefault(symptom.connection_id, []).append(symptom)
    found = {id: _shown(several) for id, several in by_connection.items()}
    for credential in running_out(tx, reach, problem.reason_code):
        if credential.connection_id is not None:
            found.setdefault(credential.connection_id, _Shown(credential.since, "its credential", None))
        elif credential.platform_app_id == problem.platform_app_id:
            users = select(pc.c.id).where(reach.clause(), pc.c.is_enabled).limit(COUNTED)
            for id in tx.run(users).scalars():
                found.setdefault(id, _Shown(credential.since, "the app's credential", credential.platform_app_id))
    return dict(islice(found.items(), COUNTED))


def _shown(several: Sequence[Symptom]) -> _Shown:
    times = [symptom.since for symptom in several if symptom.since is not None]
    fail = {symptom.operation for symptom in several if symptom.kind is Kind.OPERATION}
    # What fails and is held up besides is said to fail.
    told = [one for one in several if one.kind is not Kind.SCHEDULE or one.operation not in fail]
    words = dict.fromkeys(_where(symptom) for symptom in told)
    return _Shown(min(times, default=None), ", ".join(words), several[0].client)


def _where(symptom: Symptom) -> str:
    if symptom.kind is Kind.BADGE:
        return f"badge {VerificationStatus(symptom.verification).value}"
    if symptom.kind is Kind.CONSENT or symptom.operation is None:
        return "consent"
    label = operations.find(symptom.operation).label
    return f"{label} held up" if symptom.kind is Kind.SCHEDULE else f"{label} fails"


def _app_of(shown: _Shown) -> int | None:
    return shown.client if isinstance(shown.client, int) else None


def _affected(
    row: ConnectionRow, shown: _Shown, own: Acknowledgement | None, of_app: Acknowledgement | None
) -> Affected:
    return Affected(row, shown.since, shown.where, own or of_app, own is None and of_app is not None)


def _acknowledged(tx: Transaction, workspace_id: int, code: str, ids: Sequence[int]) -> Mapping[int, Acknowledgement]:
    statement = acknowledgements.rows().where(
        acknowledgements.holding(tx.now()),
        a.c.workspace_id == workspace_id,
        a.c.reason_code == code,
        a.c.connection_id.in_(ids),
    )
    return {row.connection_id: acknowledgements.acknowledgement_of(row) for row in tx.run(statement)}


def _of_app(tx: Transaction, workspace_id: int, code: str) -> dict[Any, Acknowledgement]:
    statement = acknowledgements.rows().where(
        acknowledgements.holding(tx.now()),
        a.c.workspace_id == workspace_id,
        a.c.reason_code == code,
        a.c.platform_app_id.is_not(None),
    )
    return {row.platform_app_id: acknowledgements.acknowledgement_of(row) for row in tx.run(statement)}
