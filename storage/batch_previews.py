"""The dry run of a bulk start: what it would meet, in the classes that the result is told in. Nothing is written.

Promise: the gate's own matrix judges (`starting.judge_each`), so the dry run and the start agree but for what changes between them. It goes
on in steps, each a short read, so whoever asks can show how far it is and stop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from storage import operations
from storage.access import Principal, authority, who_may
from storage.batch_selection import Selection, choose
from storage.capabilities import Capability
from storage.database import Database, Transaction, chunks
from storage.operations import Operation
from storage.schema import provider_connections as pc
from storage.schema import tenants
from storage.starting import Blocked, ScopeBusy, judge_each
from storage.states import BatchClass

STEP: Final = 1_000
"""Connections of one step."""

_JUDGED: Final = (
    pc.c.id,
    pc.c.workspace_id,
    pc.c.tenant_id,
    pc.c.is_enabled,
    pc.c.connection_type,
    pc.c.platform_app_id,
    pc.c.consent_status,
    pc.c.verification_status,
    pc.c.last_reason_code,
    pc.c.last_reason_sentence,
    tenants.c.lifecycle.label("tenant_lifecycle"),
)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a bulk start would meet, as far as it is known.

    Attributes:
        type: the operation.
        total: how many connections are meant.
        seen: how many of them were looked at.
        classes: how many would be in each class; those that are in none yet were not looked at.
        blocked_by: those that are blocked, by reason code, the most frequent first.
        who_may: who may start it where the principal may not; empty when there is nothing like that.
    """

    type: str
    total: int
    seen: int = 0
    classes: Mapping[BatchClass, int] = field(default_factory=dict)
    blocked_by: Mapping[str, int] = field(default_factory=dict)
    who_may: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether all were looked at."""
        return self.seen == self.total

    @property
    def will_run(self) -> int:
        """How many would start, wait for their turn, or have a run already."""
        running = (BatchClass.STARTED, BatchClass.ATTACHED, BatchClass.WAITING)
        return sum(self.classes.get(name, 0) for name in running)


def preview(db: Database, who: Principal, operation_type: str, selection: Selection) -> Iterator[DryRun]:
    """Says what a bulk start would meet: after each step what is known by then, at last all of it.

    Args:
        db: the database.
        who: who would start it.
        operation_type: an entry of the catalog.
        selection: on which connections.

    Raises:
        InvalidInput: the operation is not in the catalog, or the selection cannot be read or is too large.
        NotFound: the principal is no member of the workspace, or sees none of the connections.
    """
    operation = operations.find(operation_type)
    with db.read() as tx:
        chosen = choose(tx, who, selection)
    counts, blocked = Counter({BatchClass.GONE: chosen.gone} if chosen.gone else {}), Counter[str]()
    seen, names = chosen.gone, ""
    yield DryRun(operation.type, chosen.total, seen, dict(counts))
    for ids in chunks(chosen.ids, STEP):
        with db.read() as tx:
            _look(tx, who, operation, selection.query.workspace_id, ids, counts, blocked)
            if counts[BatchClass.NOT_PERMITTED] and not names:
                names = who_may(tx, operation.capability, selection.query.workspace_id)
        seen += len(ids)
        yield DryRun(operation.type, chosen.total, seen, dict(counts), dict(blocked.most_common()), names)


def _look(
    tx: Transaction,
    who: Principal,
    operation: Operation,
    workspace_id: int,
    ids: list[int],
    counts: Counter[BatchClass],
    blocked: Counter[str],
) -> None:
    rights = authority(tx, who)
    rows = tx.run(
        select(*_JUDGED)
        .join(tenants, tenants.c.id == pc.c.tenant_id)
        .where(pc.c.id.in_(ids), rights.tenant_clause(workspace_id, Capability.PROVIDER_VIEW, pc.c.tenant_id))
    ).all()
    allowed = rights.may_each(tx, operation.capability, workspace_id, {row.tenant_id for row in rows})
    mine = [row for row in rows if row.tenant_id in allowed]
    for name, number in ((BatchClass.GONE, len(ids) - len(rows)), (BatchClass.NOT_PERMITTED, len(rows) - len(mine))):
        if number:
            counts[name] += number
    for result in judge_each(tx, mine, operation).values():
        if result is None:
            counts[BatchClass.STARTED] += 1
        elif isinstance(result, Blocked):
            counts[BatchClass.BLOCKED] += 1
            blocked[result.reason.code] += 1
        else:
            counts[BatchClass.WAITING if isinstance(result, ScopeBusy) else BatchClass.ATTACHED] += 1
