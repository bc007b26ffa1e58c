"""The circuit breaker of a connection: scheduled work waits when signing in failed again and again, and everybody can see it.

Promise: counted in the transaction that ends a run, opened and closed with an entry in the audit trail. It holds back what a machine
starts by its schedule and nothing else: a person is never refused, and what a person tries while it is open does not lengthen it. When
its time is over one scheduled run goes through as a probe. A success closes it, and so does whatever a person changes afterwards about
the credential, the consent or the lifecycle: a breaker that was opened before such a change is void.

The rules are in `breaker_rules`; `connection_operations.note_each_blocked` says what a schedule skipped, and `completing` ends what one has
waiting when it opens.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from storage import audit
from storage.access import WORKER
from storage.breaker_rules import BreakerState, SignIn, read_sign_in
from storage.database import Transaction, chunks
from storage.schema import ACTIVE_RUN, circuit_breakers, operation_runs, platform_apps
from storage.schema import provider_connections as pc
from storage.states import RunOutcome, Topic

BREAKER_OPEN: Final = "breaker_open"
"""The reason code of a scheduled start that an open breaker held back."""


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """A breaker that holds scheduled work back.

    Attributes:
        connection_id: on which connection.
        failures: sign-in failures in a row that counted.
        reason_code: why the last of them failed.
        opened_at: since when it is open.
        open_until: from when a scheduled run may probe; it may be over.
        probe_run_id: the run that is queued or running, whoever wanted it, and shows whether signing in works; None when there is none.
    """

    connection_id: int
    failures: int
    reason_code: str
    opened_at: datetime
    open_until: datetime
    probe_run_id: int | None


def may_run_scheduled(tx: Transaction, connection_id: int, now: datetime) -> bool:
    """Says whether a schedule may start something on a connection: its breaker is closed, or a probe is due and none is on its way.

    Args:
        tx: a transaction; one that starts a run holds the connection's lock, so that only one probe begins.
        connection_id: which connection.
        now: the database's clock.
    """
    row = _read(tx, connection_id)
    return row is None or _state(row).may_run_scheduled(now)


def held_back(tx: Transaction, connection_ids: Collection[int], now: datetime) -> frozenset[int]:
    """Returns those connections that a schedule may not start anything on now; one query however many there are (500 at most)."""
    rows = tx.run(
        _query().where(
            circuit_breakers.c.connection_id.in_(sorted(connection_ids)), circuit_breakers.c.opened_at.is_not(None)
        )
    )
    return frozenset(row.connection_id for row in rows if not _state(row).may_run_scheduled(now))


def reasons_of_open(tx: Transaction, connection_ids: Collection[int]) -> dict[int, str]:
    """Returns why the breakers of some connections opened; those whose breaker is closed are not in it."""
    found: dict[int, str] = {}
    for ids in chunks(sorted(connection_ids)):
        rows = tx.run(
            _query().where(circuit_breakers.c.connection_id.in_(ids), circuit_breakers.c.opened_at.is_not(None))
        )
        found |= {row.connection_id: row.reason_code for row in rows if not row.is_void and row.reason_code}
    return found


def read_open(tx: Transaction, connection_id: int) -> OpenBreaker | None:
    """Returns a connection's breaker when it is open, None when it is closed; authority was asked by the caller."""
    row = _read(tx, connection_id)
    return None if row is None else _open(row)


def note_completed(tx: Transaction, run: Row[Any]) -> bool:
    """Counts how a run ended. Called by `completing.complete` only, which holds the connection's lock.

    Args:
        tx: the transaction that ends the run.
        run: its completed row.

    Returns:
        Whether the breaker opened, or stays open for longer: what a schedule has waiting there must not go now.
    """
    sign_in = read_sign_in(RunOutcome(run.outcome), run.reason_code, was_claimed=run.worker_id is not None)
    if sign_in is SignIn.UNKNOWN:
        return False
    row = _read(tx, run.connection_id)
    before = BreakerState() if row is None else _state(row)
    if sign_in is SignIn.WORKED:
        if row is not None:
            tx.run(delete(circuit_breakers).where(circuit_breakers.c.connection_id == run.connection_id))
        if before.is_open:
            _audit(tx, run, "breaker.close", {"run": run.id})
        return False
    after = before.after(sign_in, run.completed_at)
    if after.failures == before.failures:
        return False
    _write(tx, run, after)
    if after.open_until is None or after.open_until == before.open_until:
        return False
    _audit(
        tx,
        run,
        "breaker.open",
        {
            "run": run.id,
            "failures": after.failures,
            "reason": run.reason_code,
            "until": f"{after.open_until:%Y-%m-%d %H:%M}Z",
        },
    )
    return True


def _write(tx: Transaction, run: Row[Any], state: BreakerState) -> None:
    dialect = sqlite if tx.is_sqlite else postgresql
    values = {
        "failures": state.failures,
        "reason_code": run.reason_code,
        "opened_at": state.opened_at,
        "open_until": state.open_until,
        "updated_at": run.completed_at,
    }
    tx.run(
        dialect.insert(circuit_breakers)
        .values(connection_id=run.connection_id, workspace_id=run.workspace_id, **values)
        .on_conflict_do_update(index_elements=["connection_id"], set_=values)
    )


def _audit(tx: Transaction, run: Row[Any], action: str, detail: dict[str, audit.DetailValue]) -> None:
    audit.record(
        tx,
        WORKER,
        action,
        target_kind="connection",
        target_id=run.connection_id,
        workspace_id=run.workspace_id,
        detail=detail,
    )
    tx.touch(Topic.CONNECTIONS, Topic.ATTENTION)


def _changed_since() -> ColumnElement[bool]:
    """A person changed the credential, the consent or the lifecycle after the breaker last counted.

    A check may change consent too; what it finds is counted later in the same transaction, so that it never looks like a person's change.
    """
    counted = circuit_breakers.c.updated_at
    columns = (
        pc.c.lifecycle_changed_at,
        pc.c.credential_changed_at,
        pc.c.consent_changed_at,
        platform_apps.c.credential_changed_at,
    )
    return or_(*(func.coalesce(column > counted, False) for column in columns))


def _query() -> Select[Any]:
    active = and_(operation_runs.c.connection_id == circuit_breakers.c.connection_id, ACTIVE_RUN)
    return (
        select(circuit_breakers, operation_runs.c.id.label("probing_id"), _changed_since().label("is_void"))
        .select_from(circuit_breakers)
        .join(pc, pc.c.id == circuit_breakers.c.connection_id)
        .outerjoin(platform_apps, platform_apps.c.id == pc.c.platform_app_id)
        .outerjoin(operation_runs, active)
    )


def _read(tx: Transaction, connection_id: int) -> Row[Any] | None:
    return tx.run(_query().where(circuit_breakers.c.connection_id == connection_id)).first()


def _state(row: Row[Any]) -> BreakerState:
    if row.is_void:
        return BreakerState()
    return BreakerState(row.failures, row.opened_at, row.open_until, row.probing_id is not None)


def _open(row: Row[Any]) -> OpenBreaker | None:
    state = _state(row)
    if state.opened_at is None or state.open_until is None:
        return None
    return OpenBreaker(
        row.connection_id, row.failures, row.reason_code, state.opened_at, state.open_until, row.probing_id
    )
