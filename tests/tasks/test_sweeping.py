"""What every worker looks after beside its runs: here, that due purges get done and others do not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from storage import offboarding
from storage.schema import audit_entries, tenants
from tasks import sweeping
from tasks.logs import Log
from tasks.sweeping import PURGE_EVERY, Sweep
from tasks.timing import Timing


def test_a_sweep_purges_what_is_due_and_looks_again_after_a_while(fleet: Any, monkeypatch: Any) -> None:
    passed = [1000.0]
    monkeypatch.setattr(sweeping, "steady_clock", lambda: passed[0])
    fleet.connection()
    tenant_id = fleet.db.write(lambda tx: tx.run(select(tenants.c.id)).scalar_one())
    offboarding.offboard(fleet.db, fleet.who, tenant_id, purge_days=1)

    def purges() -> int:
        with fleet.db.read() as tx:
            return len(tx.run(select(audit_entries.c.id).where(audit_entries.c.action == "tenant.purge")).all())

    def make_due(tx: Any) -> None:
        tx.run(update(tenants).values(purge_after=tx.now() - timedelta(seconds=1)))

    sweep = Sweep(fleet.db, Timing(), Log("worker"))
    assert sweep.step() == Timing().sweep
    assert purges() == 0
    fleet.db.write(make_due)
    sweep.step()
    assert purges() == 0  # it has looked a moment ago
    passed[0] += PURGE_EVERY
    sweep.step()
    assert purges() == 1
    passed[0] += PURGE_EVERY
    sweep.step()
    assert purges() == 1
