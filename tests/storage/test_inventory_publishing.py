"""An inventory sync from stage to items, held against a model: what is listed is there, what is doubtful changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from storage import inventory_staging as staging
from storage.failures import failure
from storage.finishing import LeaseLost, RunResult
from storage.inventory_publishing import CollectedInventory
from storage.inventory_staging import StagedItem
from storage.leases import Held, StepProgress, defer, report_progress
from storage.operations import INVENTORY_SYNC
from storage.schema import inventory_items, inventory_staging, operation_runs
from storage.states import RunOutcome, StepStatus

APPS, POLICIES = "mobile_apps", "compliance_policies"
MODIFIED = datetime(2026, 1, 1, 8, 30, 0, 123000, tzinfo=UTC)
Listing = dict[str, tuple[str, str, datetime | None]]


def listing(*names: str, modified: datetime | None = MODIFIED) -> Listing:
    return {f"id-{name}": (name, "windows", modified) for name in names}


def items(found: Listing) -> Iterable[StagedItem]:
    return [StagedItem(external_id, *values) for external_id, values in found.items()]


def sync(fleet: Any, connection: int, read: dict[str, Listing], staged_only: dict[str, Listing] | None = None) -> Any:
    """One whole sync by hand; what is `staged_only` is of listings that failed in the end."""
    claim = fleet.begin(connection, INVENTORY_SYNC)
    for kind, found in {**read, **(staged_only or {})}.items():
        assert staging.put(fleet.db, claim.held, kind, items(found))
    fleet.clock.advance(minutes=1)
    return fleet.finish(claim, RunResult(summary_counts={"skipped": 0}, collected=CollectedInventory(tuple(read))))


def stored(fleet: Any, connection: int, kind: str = APPS) -> dict[str, Any]:
    rows = fleet.rows(
        select(inventory_items).where(inventory_items.c.connection_id == connection, inventory_items.c.kind == kind)
    )
    return {row.external_id: row for row in rows}


def counts(run: Any) -> tuple[int, ...]:
    return tuple(run.summary_counts[key] for key in ("items", "created", "updated", "removed", "unchanged"))


def test_the_first_sync_creates_everything(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    run = sync(fleet, connection, {APPS: listing("Teams", "Word")})
    found = stored(fleet, connection)
    assert (run.outcome, counts(run)) == ("succeeded", (2, 2, 0, 0, 0))
    assert {(row.name, row.platform, row.modified_at, row.removed_at) for row in found.values()} == {
        ("Teams", "windows", MODIFIED, None),
        ("Word", "windows", MODIFIED, None),
    }
    assert {(row.first_seen_run_id, row.last_seen_run_id) for row in found.values()} == {(run.id, run.id)}


def test_the_next_one_tells_what_is_new_changed_and_gone(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    first = sync(fleet, connection, {APPS: listing("Teams", "Word", "Excel")})
    changed = {**listing("Teams", "Visio"), "id-Word": ("Word 2026", "windows", MODIFIED)}
    second = sync(fleet, connection, {APPS: changed})
    found = stored(fleet, connection)
    assert counts(second) == (3, 1, 1, 1, 1)
    assert found["id-Word"].name == "Word 2026"
    assert (found["id-Excel"].removed_at is not None, found["id-Excel"].last_seen_run_id) == (True, first.id)
    assert (found["id-Teams"].first_seen_run_id, found["id-Teams"].last_seen_run_id) == (first.id, second.id)


def test_what_comes_back_is_created_again(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    for found in (listing("Teams", "Word"), listing("Word")):
        sync(fleet, connection, {APPS: found})
    third = sync(fleet, connection, {APPS: listing("Teams", "Word")})
    assert counts(third) == (2, 1, 0, 0, 1)
    assert stored(fleet, connection)["id-Teams"].first_seen_run_id == third.id
    assert stored(fleet, connection)["id-Teams"].removed_at is None


def test_a_listing_that_failed_changes_nothing_of_its_kind(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    sync(fleet, connection, {APPS: listing("Teams"), POLICIES: listing("Encryption", "Firewall")})
    before = stored(fleet, connection, POLICIES)
    sync(fleet, connection, {APPS: listing("Word")}, {POLICIES: listing("Encryption", "New one")})
    assert stored(fleet, connection, POLICIES) == before
    assert stored(fleet, connection)["id-Teams"].removed_at is not None


def test_another_connections_items_are_left_alone(fleet: Any) -> None:
    one, other = fleet.connection["contoso"], fleet.connection["fabrikam"]
    for connection in (one, other):
        sync(fleet, connection, {APPS: listing("Teams", "Word")})
    before = stored(fleet, other)
    sync(fleet, one, {APPS: listing()})
    assert stored(fleet, other) == before


def test_nothing_is_published_when_the_connection_became_another_one(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection, INVENTORY_SYNC)
    staging.put(fleet.db, claim.held, APPS, items(listing("Teams")))
    fleet.set_connection(connection, generation=99)
    run = fleet.finish(claim, RunResult(collected=CollectedInventory((APPS,))))
    assert (run.outcome, run.reason_code) == ("partially_succeeded", "superseded")
    assert stored(fleet, connection) == {}


def test_who_lost_the_run_stages_and_publishes_nothing(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection, INVENTORY_SYNC)
    lost = Held(claim.held.run_id, claim.held.fence - 1)
    assert not staging.put(fleet.db, lost, APPS, items(listing("Teams")))
    assert not staging.discard(fleet.db, lost, APPS)
    assert fleet.count(inventory_staging) == 0
    fleet.clock.advance(minutes=1)
    fleet.sweep()
    assert not staging.put(fleet.db, claim.held, APPS, items(listing("Teams")))
    with pytest.raises(LeaseLost):
        fleet.finish(claim, RunResult(collected=CollectedInventory((APPS,))))
    assert stored(fleet, connection) == {}


def test_an_attempt_after_a_wait_begins_with_an_empty_stage(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection, INVENTORY_SYNC)
    staging.put(fleet.db, claim.held, APPS, items(listing("Old")))
    assert defer(fleet.db, claim.held, seconds=60, reason_code="throttled", phase="waiting")
    fleet.clock.advance(minutes=2)
    (again,) = fleet.take()
    staging.put(fleet.db, again.held, APPS, items(listing("New")))
    fleet.finish(again, RunResult(collected=CollectedInventory((APPS,))))
    assert set(stored(fleet, connection)) == {"id-New"}


def test_what_attempts_left_behind_is_swept_and_what_is_being_staged_is_not(fleet: Any) -> None:
    sync(fleet, fleet.connection["contoso"], {APPS: listing(*(f"a{n}" for n in range(700)))})
    at_work = fleet.begin(fleet.connection["fabrikam"], INVENTORY_SYNC)
    staging.put(fleet.db, at_work.held, APPS, items(listing("Teams")))
    assert staging.sweep(fleet.db, parts=1) == staging.CHUNK
    assert staging.sweep(fleet.db) == 200
    assert staging.sweep(fleet.db) == 0
    assert fleet.count(inventory_staging) == 1


def test_a_dead_attempts_stage_is_swept_though_its_run_goes_on(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"], INVENTORY_SYNC)
    staging.put(fleet.db, claim.held, APPS, items(listing("Teams")))
    fleet.clock.advance(minutes=1)
    fleet.sweep()
    (again,) = fleet.take()
    staging.put(fleet.db, again.held, APPS, items(listing("Word")))
    assert staging.sweep(fleet.db) == 1
    assert [row.external_id for row in fleet.rows(select(inventory_staging))] == ["id-Word"]


def test_the_later_of_two_with_one_id_counts_also_across_chunks(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"], INVENTORY_SYNC)
    many = [StagedItem("same", "first"), *(StagedItem(f"x{n}", "x") for n in range(600)), StagedItem("same", "last")]
    staging.put(fleet.db, claim.held, APPS, many)
    run = fleet.finish(claim, RunResult(collected=CollectedInventory((APPS,))))
    assert counts(run)[:2] == (601, 601)
    assert stored(fleet, fleet.connection["contoso"])["same"].name == "last"


def test_a_discarded_listing_leaves_the_others(fleet: Any) -> None:
    claim = fleet.begin(fleet.connection["contoso"], INVENTORY_SYNC)
    staging.put(fleet.db, claim.held, APPS, items(listing(*(f"a{n}" for n in range(1200)))))
    staging.put(fleet.db, claim.held, POLICIES, items(listing("Firewall")))
    assert staging.discard(fleet.db, claim.held, APPS)
    assert [row.kind for row in fleet.rows(select(inventory_staging))] == [POLICIES]


def doubt(fleet: Any, connection: int) -> Any:
    """A sync that finds no apps and doubts it, if it should."""
    claim = fleet.begin(connection, INVENTORY_SYNC)
    doubtful = staging.is_doubtful(fleet.db, claim.held, APPS)
    status = StepStatus.WARN if doubtful else StepStatus.PASS
    code = staging.DOUBTFUL if doubtful else None
    step = StepProgress(APPS, 0, "Apps", status, fleet.clock.time, reason_code=code)
    report_progress(fleet.db, claim.held, steps=[step])
    outcome = RunOutcome.PARTIALLY_SUCCEEDED if doubtful else RunOutcome.SUCCEEDED
    kinds = () if doubtful else (APPS,)
    problems = [failure(staging.DOUBTFUL)] if doubtful else []
    fleet.finish(claim, RunResult(outcome, code, failures=problems, collected=CollectedInventory(kinds)))
    return doubtful


def test_a_listing_that_is_suddenly_empty_is_believed_at_the_second_time(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    sync(fleet, connection, {APPS: listing("Teams", "Word", "Excel")})
    assert doubt(fleet, connection)
    assert all(row.removed_at is None for row in stored(fleet, connection).values())
    assert not doubt(fleet, connection)
    assert all(row.removed_at is not None for row in stored(fleet, connection).values())


def test_a_doubt_of_long_ago_does_not_count(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    sync(fleet, connection, {APPS: listing("Teams", "Word", "Excel")})
    assert doubt(fleet, connection)
    claim = fleet.begin(connection, INVENTORY_SYNC)
    passed = StepProgress(APPS, 0, "Apps", StepStatus.PASS, fleet.clock.time)
    report_progress(fleet.db, claim.held, steps=[passed])
    staging.put(fleet.db, claim.held, APPS, items(listing("Teams", "Word", "Excel")))
    fleet.finish(claim, RunResult(collected=CollectedInventory((APPS,))))
    assert doubt(fleet, connection)


def test_a_listing_that_held_little_may_become_empty_at_once(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    sync(fleet, connection, {APPS: listing("Teams", "Word")})
    assert not doubt(fleet, connection)
    assert all(row.removed_at is not None for row in stored(fleet, connection).values())


# Against a model

_IDS = st.sampled_from([f"id-{n}" for n in range(6)])
_VALUES = st.tuples(
    st.sampled_from(["Teams", "Word", "Größe ✓"]),
    st.sampled_from(["", "windows"]),
    st.sampled_from([None, MODIFIED, MODIFIED + timedelta(days=1)]),
)
_LISTING = st.dictionaries(_IDS, _VALUES, max_size=6)
_ROUND = st.tuples(_LISTING, _LISTING, st.booleans())


@dataclass
class Model:
    """What must be stored: alive and removed items of one kind."""

    alive: Listing = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def take(self, found: Listing) -> tuple[int, ...]:
        created, gone = found.keys() - self.alive.keys(), self.alive.keys() - found.keys()
        updated = {key for key in found.keys() & self.alive.keys() if found[key] != self.alive[key]}
        self.removed = (self.removed | gone) - found.keys()
        self.alive = dict(found)
        return len(found), len(created), len(updated), len(gone), len(found) - len(created) - len(updated)


@settings(suppress_health_check=list(HealthCheck), max_examples=15, deadline=None)
@given(rounds=st.lists(_ROUND, min_size=1, max_size=5))
def test_whatever_the_listings_say_the_items_are_what_was_read_last(fleet: Any, rounds: list[Any]) -> None:
    connection = fleet.add_connection(f"t-{fleet.guid()[-12:]}")
    apps, policies = Model(), Model()
    for found, other, other_failed in rounds:
        read = {APPS: found} if other_failed else {APPS: found, POLICIES: other}
        run = sync(fleet, connection, read, {POLICIES: other} if other_failed else None)
        expected = apps.take(found)
        if not other_failed:
            expected = tuple(a + b for a, b in zip(expected, policies.take(other), strict=True))
        assert counts(run) == expected
        for kind, model in ((APPS, apps), (POLICIES, policies)):
            rows = stored(fleet, connection, kind)
            alive = {k: (r.name, r.platform, r.modified_at) for k, r in rows.items() if r.removed_at is None}
            assert alive == model.alive
            assert {k for k, r in rows.items() if r.removed_at is not None} == model.removed
            assert all(r.first_seen_run_id <= r.last_seen_run_id <= run.id for r in rows.values())


def test_publishing_takes_as_many_statements_for_many_items_as_for_few(fleet: Any) -> None:
    """A fixed number of statements: what grows is only what each of them does in the database."""
    connection = fleet.connection["contoso"]
    statements: list[int] = []
    for size in (10, 1100):
        claim = fleet.begin(connection, INVENTORY_SYNC)
        staging.put(fleet.db, claim.held, APPS, [StagedItem(f"{n}", f"App {n}") for n in range(size)])

        def publish(tx: Any, run_id: int = claim.held.run_id) -> None:
            run = tx.run(select(operation_runs).where(operation_runs.c.id == run_id)).one()
            done: list[int] = []
            spoken = tx.run
            tx.run = lambda *given: done.append(1) or spoken(*given)
            CollectedInventory((APPS,)).publish(tx, run)
            tx.run = spoken
            statements.append(len(done))

        fleet.db.write(publish)
        fleet.finish(claim, RunResult())
    assert statements[0] == statements[1] <= 7
