"""Outages: what the runs of the last minutes say about Microsoft and about our network, rather than about any connection.

Promise: nothing is stored of it: it is read from runs that ended or wait, a bounded number of them, and is gone when most tenants answer
again. A member sees the outage of what they may see. No badge is touched here or because of it. The rules are in `outage_rules`, the words
in `outage_words`.

    current(db, who, workspace_id) -> Outage | None             for screens and commands
    current_in(tx, workspace_id, rights) -> Outage | None       the same within a transaction; rights None: all of it, for workers
    Outage.covers(reason_code, failed_at)                       whether a connection's passing failure is a part of it
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Subquery, func, literal_column, select, true

from storage import outage_rules, outage_words, reasons
from storage.access import Authority, Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction, chunks
from storage.errors import NotFound
from storage.outage_rules import FEWEST_TENANTS, HOLD, Finding, since_of
from storage.outage_signs import OutageKind, Sign, kind_of
from storage.schema import connection_operations, operation_runs
from storage.schema import provider_connections as pc
from storage.states import RunOutcome, RunStatus, VerificationStatus

__all__ = ["Outage", "OutageKind", "current", "current_in"]

MOST_RUNS: Final = 3_000
"""Of the last runs so many are looked at, so that asking costs the same however much runs."""

_ASKED_ABOUT: Final = 500
"""Of the affected connections so many are asked since when, and when they were last good."""

# Word for word as in the partial index, so that it is used.
_COMPLETED: Final[ColumnElement[str]] = literal_column("'completed'")

_BADGES_IN_TROUBLE: Final = (
    VerificationStatus.BLOCKED.value,
    VerificationStatus.DEGRADED.value,
    VerificationStatus.ERROR.value,
)


@dataclass(frozen=True, slots=True)
class Outage:
    """Many tenants fail in the same passing way at once.

    Attributes:
        kind: whose trouble it probably is.
        reason_code: the most frequent reason.
        since: when so many tenants as make an outage had begun to fail.
        tenants_affected: how many tenants fail.
        tenants_tried: how many ran meanwhile.
        last_good_at: when the last of the affected was well before that, so it began between the two; None when that is not known.
        headline: what it is, in three or four words.
        detail: how many tenants are affected, and how.
        advice: what to do.
    """

    kind: OutageKind
    reason_code: str
    since: datetime
    tenants_affected: int
    tenants_tried: int
    last_good_at: datetime | None
    headline: str
    detail: str
    advice: str

    @property
    def sentence(self) -> str:
        """What it is, in one sentence, without times."""
        return f"{self.headline}: {self.detail}."

    def covers(self, reason_code: str | None, failed_at: datetime | None) -> bool:
        """Says whether a failure is a part of it: of its kind, and not from before.

        Args:
            reason_code: why something failed.
            failed_at: when it did, last.
        """
        if failed_at is None or failed_at < self.since - outage_rules.WINDOW:
            return False
        return kind_of(reason_code) is self.kind


def current(db: Database, who: Principal, workspace_id: int) -> Outage | None:
    """Returns the outage that a member's tenants are in now; None when there is none.

    Raises:
        NotFound: the principal is no member.
    """
    with db.read() as tx:
        rights = authority(tx, who)
        if not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        return current_in(tx, workspace_id, rights)


def current_in(tx: Transaction, workspace_id: int, rights: Authority | None) -> Outage | None:
    """As `current`, inside a transaction.

    Args:
        tx: a read transaction.
        workspace_id: which workspace.
        rights: whose; None for everything in the workspace.
    """
    now = tx.now()
    waiting = _waiting(tx, workspace_id, rights, now)
    if len({sign.tenant_id for sign in waiting}) < FEWEST_TENANTS and not _many_failed(tx, workspace_id, rights, now):
        return None
    ended, known_since = _ended(tx, workspace_id, rights, now)
    found = outage_rules.detect([*ended, *waiting], now, complete_since=known_since)
    return None if found is None else _as_outage(tx, found)


def _visible(rights: Authority | None, workspace_id: int, runs: Subquery) -> ColumnElement[bool]:
    if rights is None:
        return true()
    return rights.tenant_clause(workspace_id, Capability.RUN_VIEW, runs.c.tenant_id)


def _lately(workspace_id: int, now: datetime) -> Subquery:
    """The last runs that ended, a bounded number of them: by the index of completed runs."""
    return (
        select(operation_runs)
        .where(
            operation_runs.c.workspace_id == workspace_id,
            operation_runs.c.status == _COMPLETED,
            operation_runs.c.completed_at >= now - HOLD,
        )
        .order_by(operation_runs.c.completed_at.desc(), operation_runs.c.id.desc())
        .limit(MOST_RUNS)
        .subquery()
    )


def _many_failed(tx: Transaction, workspace_id: int, rights: Authority | None, now: datetime) -> bool:
    """The quick question, asked every few seconds: are there enough tenants at all?"""
    lately = _lately(workspace_id, now)
    tenants = (
        select(lately.c.tenant_id)
        .where(lately.c.reason_code.in_(_transient_codes()), _visible(rights, workspace_id, lately))
        .distinct()
        .limit(FEWEST_TENANTS)
        .subquery()
    )
    return int(tx.run(select(func.count()).select_from(tenants)).scalar_one()) >= FEWEST_TENANTS


def _transient_codes() -> list[str]:
    return [code for code, reason in reasons.catalog().items() if reason.is_transient]


def _ended(tx: Transaction, workspace_id: int, rights: Authority | None, now: datetime) -> tuple[list[Sign], datetime]:
    """What ended, as far as it may be seen, and since when that is all that did."""
    lately = _lately(workspace_id, now)
    rows = tx.run(
        select(
            lately.c.tenant_id,
            lately.c.connection_id,
            lately.c.type,
            lately.c.outcome,
            lately.c.reason_code,
            lately.c.claimed_at,
            lately.c.started_at,
            lately.c.completed_at,
            _visible(rights, workspace_id, lately).label("is_visible"),
        )
    ).all()
    known_since = min(row.completed_at for row in rows) if len(rows) == MOST_RUNS else now - HOLD
    return [sign for row in rows if row.is_visible and (sign := _sign(row)) is not None], known_since


def _sign(row: Row[Any]) -> Sign | None:
    outcome = RunOutcome(row.outcome)
    if outcome is RunOutcome.CANCELLED or row.claimed_at is None:
        return None
    return Sign(
        row.tenant_id,
        row.connection_id,
        row.type,
        row.reason_code,
        failed=outcome is not RunOutcome.SUCCEEDED and kind_of(row.reason_code) is not None,
        succeeded=outcome in (RunOutcome.SUCCEEDED, RunOutcome.PARTIALLY_SUCCEEDED),
        began_at=row.started_at or row.completed_at,
        at=row.completed_at,
    )


def _waiting(tx: Transaction, workspace_id: int, rights: Authority | None, now: datetime) -> list[Sign]:
    """Runs that gave their thread back for a passing reason: `leases.defer` wrote it on the row."""
    oldest = (
        select(operation_runs)
        .where(operation_runs.c.workspace_id == workspace_id, operation_runs.c.status != _COMPLETED)
        .order_by(operation_runs.c.id)
        .limit(MOST_RUNS)
        .subquery()
    )
    rows = tx.run(
        select(
            oldest.c.tenant_id,
            oldest.c.connection_id,
            oldest.c.type,
            oldest.c.reason_code,
            oldest.c.queued_at,
            oldest.c.started_at,
        ).where(
            oldest.c.status == RunStatus.QUEUED.value,
            oldest.c.waiting_until.is_not(None),
            oldest.c.reason_code.in_(_transient_codes()),
            _visible(rights, workspace_id, oldest),
        )
    )
    return [
        Sign(
            row.tenant_id,
            row.connection_id,
            row.type,
            row.reason_code,
            failed=True,
            succeeded=False,
            began_at=row.started_at or row.queued_at,
            at=now,
        )
        for row in rows
    ]


def _as_outage(tx: Transaction, found: Finding) -> Outage:
    since, last_good = _history(tx, found)
    affected = len(found.affected)
    return Outage(
        found.kind,
        found.reason_code,
        since,
        affected,
        found.tried,
        last_good,
        outage_words.headline_of(found.kind, anything_answers=found.anything_answers),
        outage_words.detail_of(found.kind, found.reason_code, affected, found.tried),
        outage_words.advice_of(found.kind, found.reason_code),
    )


def _history(tx: Transaction, found: Finding) -> tuple[datetime, datetime | None]:
    """Since when it is an outage, which may be longer ago than the signs reach back, and when the last of the affected was well before.

    A connection that was in trouble of its own before says nothing about when this began.
    """
    failing: dict[int, datetime] = {}
    good: list[datetime] = []
    codes = [code for code in _transient_codes() if kind_of(code) is found.kind]
    for ids in chunks([sign.connection_id for sign in found.affected[:_ASKED_ABOUT]]):
        rows = tx.run(
            select(
                connection_operations.c.connection_id,
                connection_operations.c.reason_since,
                connection_operations.c.last_reason_code,
                connection_operations.c.last_good_at,
                pc.c.verification_status,
            )
            .join(pc, pc.c.id == connection_operations.c.connection_id)
            .where(connection_operations.c.connection_id.in_(ids))
        )
        for row in rows:
            if row.last_good_at is not None:
                good.append(row.last_good_at)
            if row.reason_since is None or row.last_reason_code not in codes:
                continue
            if row.verification_status not in _BADGES_IN_TROUBLE:
                failing[row.connection_id] = min(row.reason_since, failing.get(row.connection_id, row.reason_since))
    began = [min(sign.began_at, failing.get(sign.connection_id, sign.began_at)) for sign in found.affected]
    since = min(found.since, since_of(began)) if len(began) >= FEWEST_TENANTS else found.since
    return since, max((at for at in good if at <= since), default=None)
