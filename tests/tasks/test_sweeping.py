"""What every worker looks after beside its runs: here, that due purges get done and others do not, that stages are cleared and old
notifications go."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from storage import inventory_staging, leases, offboarding, workers
from storage.inventory_staging import StagedItem
from storage.schema import audit_entries, notifications, tenants
from storage.schema import inventory_staging as staged
from tasks import key_files, sweeping
from tasks.held_runs import HeldRun, Stop
from tasks.key_watch import KeyWatch
from tasks.keyring import open_keyring, public_fingerprint
from tasks.logs import Log
from tasks.providers.base import RunStopped
from tasks.staging import RunStage
from tasks.sweeping import NOTIFICATIONS_EVERY, PURGE_EVERY, STAGING_EVERY, Sweep
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


def claimed(fleet: Any) -> leases.Claim:
    """A run that this process holds."""
    claim = leases.claim(fleet.db, "w1", fleet.start(fleet.connection()))
    assert claim is not None
    return claim


def test_a_sweep_clears_what_an_ended_run_has_staged_and_looks_again_after_a_while(
    fleet: Any, monkeypatch: Any
) -> None:
    passed = [1000.0]
    monkeypatch.setattr(sweeping, "steady_clock", lambda: passed[0])
    held = claimed(fleet).held
    assert inventory_staging.put(fleet.db, held, "mobile_apps", [StagedItem("a", "App")])
    sweep = Sweep(fleet.db, Timing(), Log("worker"))
    sweep.step()
    assert fleet.count(staged) == 1
    assert leases.release(fleet.db, held)
    sweep.step()
    assert fleet.count(staged) == 1  # it has looked a moment ago
    passed[0] += STAGING_EVERY
    sweep.step()
    assert fleet.count(staged) == 0


def test_a_sweep_deletes_what_was_told_long_ago_and_looks_again_after_an_hour(fleet: Any, monkeypatch: Any) -> None:
    passed = [1000.0]
    monkeypatch.setattr(sweeping, "steady_clock", lambda: passed[0])

    def tell_long_ago(tx: Any) -> None:
        workspace = tx.run(select(tenants.c.workspace_id)).scalar_one()
        row = {"user_id": fleet.who.user_id, "workspace_id": workspace, "kind": "run_completed", "title": "old"}
        tx.run(insert(notifications).values(**row, created_at=tx.now() - timedelta(days=181)))

    fleet.connection()
    sweep = Sweep(fleet.db, Timing(), Log("worker"))
    sweep.step()
    fleet.db.write(tell_long_ago)
    sweep.step()
    assert fleet.count(notifications) == 1  # it has looked a moment ago
    passed[0] += NOTIFICATIONS_EVERY
    sweep.step()
    assert fleet.count(notifications) == 0


def test_who_lost_the_run_stops_at_the_next_thing_it_stages(fleet: Any) -> None:
    held = claimed(fleet).held
    run = HeldRun(held, 0.0, 15.0, lambda: 0.0)
    stage = RunStage(fleet.db, run, lambda write: write())
    stage.put("mobile_apps", [StagedItem("a", "App")])
    assert leases.release(fleet.db, held)
    for act in (lambda: stage.put("mobile_apps", [StagedItem("b", "B")]), lambda: stage.discard("mobile_apps")):
        with pytest.raises(RunStopped):
            act()
    assert run.why_stop() is Stop.LEASE_LOST
    assert fleet.count(staged) == 1


def test_a_running_worker_is_shown_with_the_key_that_a_rotation_brought(fleet: Any, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "worker.key"
    before = public_fingerprint(key_files.create(path))
    workers.register(
        fleet.db, "w1", host="h", pid=1, version="1", slots=1, seal_key_id=before, is_local=False,
    )  # fmt: skip
    keyring = open_keyring(str(path), environment={})
    sweep = Sweep(fleet.db, Timing(), Log("worker"), KeyWatch(fleet.db, "w1", keyring, before, Log("worker")))

    def shown() -> str | None:
        return workers.status(fleet.db).workers[0].seal_key_id

    sweep.step()
    assert shown() == before
    after = public_fingerprint(key_files.create(key_files.next_path(path)))
    os.replace(key_files.next_path(path), path)
    sweep.step()
    assert shown() == after
