"""Bulk starts: the dry run, the same gate for all, killed in the middle, cancelled, retried, ended once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from storage import (
    audit_trail,
    batch_ending,
    batch_previews,
    batch_starting,
    batches,
    connections,
    dispatching,
    leases,
    member_changes,
    runs,
    starting,
)
from storage.batch_selection import Selection
from storage.capabilities import Role
from storage.connection_filters import ConnectionQuery
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.failures import failure
from storage.finishing import RunResult
from storage.operations import COMPLIANCE_SNAPSHOT, CONNECTION_CHECK, INVENTORY_SYNC
from storage.pages import Place
from storage.schema import audit_entries, memberships, notifications, operation_runs, provider_connections, run_batches
from storage.schema import run_batch_members as members
from storage.states import BatchClass, RunOutcome


def _all(fleet: Any, text: str = "") -> Selection:
    return Selection.found(ConnectionQuery(fleet.north, text))


def _dry_run(fleet: Any, operation: str, selection: Selection, by: str = "dana") -> Any:
    return list(batch_previews.preview(fleet.db, fleet.people[by], operation, selection))[-1]


def _start(fleet: Any, operation: str, selection: Selection, by: str = "dana", **more: Any) -> int:
    return batch_starting.create(fleet.db, fleet.people[by], operation, selection, **more)


def _go_on(fleet: Any, batch_id: int) -> int:
    """What a worker's loop does, until there is nothing to do; how many steps that took."""
    steps = 0
    while batch_ending.go_on(fleet.db, batch_id):
        steps += 1
    return steps


def _status(fleet: Any, batch_id: int, by: str = "dana") -> Any:
    return batches.status(fleet.db, fleet.people[by], batch_id)


def _mixed(fleet: Any) -> dict[str, int]:
    """One connection for every class of a compliance snapshot: contoso starts."""
    ids = dict(fleet.connection)
    fleet.start(ids["fabrikam"], COMPLIANCE_SNAPSHOT, by="mona")
    fleet.begin(ids["wingtip"], INVENTORY_SYNC)
    ids["tailspin"] = fleet.add_connection("tailspin")
    fleet.set_connection(ids["tailspin"], consent_status="revoked")
    ids["litware"] = fleet.add_connection("litware")
    fleet.set_connection(ids["litware"], is_enabled=False)
    return ids


def test_the_dry_run_and_the_start_agree_class_by_class(fleet: Any) -> None:
    ids = _mixed(fleet)
    before = fleet.contents()
    dry = _dry_run(fleet, COMPLIANCE_SNAPSHOT, _all(fleet))
    assert fleet.contents() == before
    assert dry.is_complete
    assert dry.classes == {
        BatchClass.STARTED: 1,
        BatchClass.ATTACHED: 1,
        BatchClass.WAITING: 1,
        BatchClass.BLOCKED: 2,
    }
    assert dry.blocked_by == {"provider_consent_revoked": 1, "provider_connection_disabled": 1}
    batch = _start(fleet, COMPLIANCE_SNAPSHOT, _all(fleet), ticket="CHG-7")
    _go_on(fleet, batch)
    tally = _status(fleet, batch).row.tally
    assert (tally.classes, tally.blocked_by) == (dry.classes, dry.blocked_by)
    assert (tally.queued, tally.waiting, tally.untried) == (2, 1, 0)
    (mine,) = fleet.unfinished(ids["contoso"])
    assert (mine.cause, mine.batch_id, mine.initiator, mine.ticket) == ("bulk", batch, "dana", "CHG-7")
    assert mine.id == fleet.one(select(members.c.run_id).where(members.c.connection_id == ids["contoso"]))
    entry = audit_trail.of_connection(fleet.db, fleet.dana, ids["contoso"])[0]
    assert (entry.action, entry.actor, entry.detail["cause"]) == ("run.start", "dana", "bulk")
    # The run that was there before stays mona's, and is waited for like the others.
    (theirs,) = fleet.unfinished(ids["fabrikam"])
    assert (theirs.initiator, theirs.batch_id) == ("mona", None)


def test_what_is_not_permitted_is_a_class_and_what_is_not_seen_is_not_there(fleet: Any) -> None:
    ids = fleet.connection
    # tina operates contoso, and may only look at fabrikam.
    member_changes.add(
        fleet.db, fleet.dana, fleet.north, login="tina", display_name="Tina", role=Role.READONLY,
        tenant_id=fleet.tenant["fabrikam"],
    )  # fmt: skip
    chosen = Selection.named(fleet.north, [ids["contoso"], ids["fabrikam"], ids["wingtip"], 10**9])
    dry = _dry_run(fleet, CONNECTION_CHECK, chosen, by="tina")
    assert dry.classes == {BatchClass.STARTED: 1, BatchClass.NOT_PERMITTED: 1, BatchClass.GONE: 2}
    assert "dana (Owner)" in dry.who_may
    batch = _start(fleet, CONNECTION_CHECK, chosen, by="tina")
    _go_on(fleet, batch)
    row = _status(fleet, batch, by="tina").row
    assert (row.member_count, row.tally.classes) == (4, dry.classes)
    assert not fleet.unfinished(ids["fabrikam"])
    # Nothing visible, nothing permitted, nothing known.
    with pytest.raises(NotFound):
        _start(fleet, CONNECTION_CHECK, Selection.named(fleet.north, [ids["wingtip"]]), by="tina")
    with pytest.raises(Forbidden):
        _start(fleet, CONNECTION_CHECK, Selection.named(fleet.north, [ids["fabrikam"]]), by="tina")
    refused = fleet.rows(select(audit_entries).where(audit_entries.c.outcome == "refused"))[-1]
    assert (refused.action, refused.actor) == ("run.batch_start", "tina")
    with pytest.raises(NotFound):
        _status(fleet, batch, by="fred")  # another scoped member; whole-workspace members see it
    assert _status(fleet, batch, by="anna").why_not
    assert [row.id for row in batches.page(fleet.db, fleet.people["fred"], fleet.north, "", Place.first()).rows] == []
    for text in ("nonsense:1", "state:odd"):
        with pytest.raises(InvalidInput):
            batches.page(fleet.db, fleet.dana, fleet.north, text, Place.first())


def test_a_role_that_is_taken_away_in_the_middle_stops_the_rest(fleet: Any) -> None:
    batch = _start(fleet, CONNECTION_CHECK, _all(fleet), by="omar")
    assert batch_starting.advance(fleet.db, batch, limit=1) == 1
    omar = fleet.people["omar"].user_id
    fleet.write(update(memberships).where(memberships.c.user_id == omar).values(revoked_at=fleet.clock.time))
    _go_on(fleet, batch)
    assert _status(fleet, batch).row.tally.classes == {BatchClass.STARTED: 1, BatchClass.NOT_PERMITTED: 2}


def test_killed_anywhere_nothing_is_started_twice_and_anybody_goes_on(
    fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = _start(fleet, CONNECTION_CHECK, _all(fleet))
    before = fleet.contents()

    class Killed(Exception):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        # After the runs were made, before the transaction ended.
        patched.setattr(batch_starting, "_told", die)
        with pytest.raises(Killed):
            batch_ending.go_on(fleet.db, batch)
    assert fleet.contents() == before
    assert batch_starting.advance(fleet.db, batch, limit=2) == 2
    assert batch_ending.open_batches(fleet.db) == [batch]
    _go_on(fleet, batch)
    assert batch_starting.advance(fleet.db, batch) == 0
    assert fleet.count(operation_runs) == 3
    assert {run.batch_id for run in fleet.rows(select(operation_runs))} == {batch}


def test_it_ends_once_when_its_last_run_has_and_tells_its_initiator_once(fleet: Any) -> None:
    fleet.start(fleet.connection["fabrikam"], by="mona")
    batch = _start(fleet, CONNECTION_CHECK, _all(fleet), by="omar")
    _go_on(fleet, batch)
    claims = {claim.connection_id: claim for claim in fleet.take()}
    fleet.finish(claims[fleet.connection["contoso"]])
    fleet.finish(claims[fleet.connection["wingtip"]], fleet.failing_report("consent_revoked"))
    assert _go_on(fleet, batch) == 0
    tally = _status(fleet, batch).row.tally
    assert (tally.running, tally.done, tally.settled) == (1, 2, 2)
    fleet.finish(claims[fleet.connection["fabrikam"]])
    assert _go_on(fleet, batch) == 1
    assert batch_ending.open_batches(fleet.db) == []
    done = _status(fleet, batch, by="omar")
    assert done.row.tally.outcomes == {RunOutcome.SUCCEEDED: 2, RunOutcome.BLOCKED: 1}
    assert done.row.tally.reasons == ((RunOutcome.BLOCKED, "consent_revoked", 1),)
    assert (done.row.result, done.may_retry, done.may_cancel) == (RunOutcome.PARTIALLY_SUCCEEDED, True, False)
    told = fleet.rows(select(notifications).where(notifications.c.batch_id.is_not(None)))
    assert [(note.user_id, note.batch_id, note.title) for note in told] == [
        (fleet.people["omar"].user_id, batch, "Connection check of 3 connections: 2 succeeded, 1 blocked")
    ]
    # None for each of its runs; mona's own check is told to mona.
    singly = fleet.rows(select(notifications).where(notifications.c.run_id.is_not(None)))
    assert [note.user_id for note in singly] == [fleet.people["mona"].user_id]


def test_cancelling_ends_what_waits_asks_what_runs_and_leaves_what_is_others(fleet: Any) -> None:
    for name in ("a", "b", "c"):
        fleet.add_connection(name)
    theirs = fleet.start(fleet.connection["contoso"], by="mona").run.id
    batch = _start(fleet, CONNECTION_CHECK, _all(fleet))
    batch_starting.advance(fleet.db, batch, limit=4)  # contoso attaches; fabrikam, wingtip and a start
    running = fleet.unfinished(fleet.connection["fabrikam"])[0].id
    dispatching.dispatch(fleet.db, "w1", 8)
    claim = leases.claim(fleet.db, "w1", running)
    with pytest.raises(Forbidden):
        batch_ending.cancel_rest(fleet.db, fleet.people["rita"], batch)
    batch_ending.cancel_rest(fleet.db, fleet.people["mona"], batch)
    with pytest.raises(Conflict):
        batch_ending.cancel_rest(fleet.db, fleet.dana, batch)
    assert batch_starting.advance(fleet.db, batch) == 0
    _go_on(fleet, batch)
    status = _status(fleet, batch)
    assert status.row.tally.classes == {BatchClass.ATTACHED: 1, BatchClass.STARTED: 3, BatchClass.CANCELLED: 2}
    assert status.row.tally.outcomes == {RunOutcome.CANCELLED: 2}
    assert (fleet.run_row(theirs).status, status.row.cancel_requested_by) == ("queued", "mona")
    assert fleet.run_row(running).cancel_requested_by == "mona"
    # The last two end; then the batch is over.
    fleet.finish(claim, RunResult(RunOutcome.CANCELLED, "cancelled"))
    fleet.finish(leases.claim(fleet.db, "w1", theirs))
    _go_on(fleet, batch)
    assert _status(fleet, batch).row.result is RunOutcome.CANCELLED


def test_who_may_act_on_one_tenant_alone_cancels_nobody_else_s_batch(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    batch = _start(fleet, CONNECTION_CHECK, _all(fleet))
    _go_on(fleet, batch)
    # Rita reads the whole workspace, and operates contoso: she could not cancel a run of fabrikam by itself.
    member_changes.add(
        fleet.db,
        fleet.dana,
        fleet.north,
        login="rita",
        display_name="Rita",
        role=Role.OPERATOR,
        tenant_id=fleet.tenant["contoso"],
    )
    status = _status(fleet, batch, by="rita")
    assert (status.may_cancel, bool(status.why_not)) == (False, True)
    with pytest.raises(Forbidden):
        batch_ending.cancel_rest(fleet.db, fleet.people["rita"], batch)
    mine = _start(fleet, CONNECTION_CHECK, _all(fleet), by="rita")
    batch_ending.cancel_rest(fleet.db, fleet.people["rita"], mine)


def test_the_failed_are_retried_as_a_batch_of_their_own(fleet: Any) -> None:
    for name in ("a", "b"):
        fleet.add_connection(name)
    batch = _start(fleet, INVENTORY_SYNC, _all(fleet, "!wingtip"))
    _go_on(fleet, batch)
    claims = {claim.connection_id: claim for claim in fleet.take()}
    fleet.finish(claims[fleet.connection["contoso"]])
    broken = RunResult(RunOutcome.FAILED, "graph_unavailable", failures=[failure("graph_unavailable")])
    fleet.finish(claims[fleet.connection["fabrikam"]], broken)
    fleet.finish(claims[fleet.connection["a"]], RunResult(RunOutcome.PARTIALLY_SUCCEEDED, "not_licensed"))
    with pytest.raises(Forbidden):
        batch_starting.retry_failed(fleet.db, fleet.people["anna"], batch)
    again = batch_starting.retry_failed(fleet.db, fleet.people["omar"], batch, ticket="CHG-8")
    _go_on(fleet, again)
    row = _status(fleet, again).row
    assert (row.of_batch_id, row.type, row.initiator, row.member_count) == (batch, INVENTORY_SYNC, "omar", 1)
    (run,) = fleet.unfinished(fleet.connection["fabrikam"])
    assert run.batch_id == again
    with pytest.raises(Conflict):
        batch_starting.retry_failed(fleet.db, fleet.dana, again)  # still on its way


def test_lists_are_filtered_by_batch_and_class(fleet: Any) -> None:
    ids = _mixed(fleet)
    batch = _start(fleet, COMPLIANCE_SNAPSHOT, _all(fleet))
    _go_on(fleet, batch)

    def shown(text: str) -> set[int]:
        page = connections.page(fleet.db, fleet.dana, ConnectionQuery(fleet.north, text), Place.first())
        return {row.id for row in page.rows}

    def run_on(text: str) -> set[int]:
        page = runs.page(fleet.db, fleet.dana, runs.RunQuery(fleet.north, text), Place.first())
        return {row.connection_id for row in page.rows}

    assert shown(f"batch:{batch}") == set(ids.values())
    assert shown(f"batch:{batch}.blocked") == {ids["tailspin"], ids["litware"]}
    assert shown(f"batch:{batch}.provider_consent_revoked") == {ids["tailspin"]}
    assert run_on(f"batch:{batch}") == {ids["contoso"], ids["fabrikam"], ids["wingtip"]}
    assert run_on(f"batch:{batch}.attached status:queued") == {ids["fabrikam"]}
    assert run_on(f"batch:{batch + 1}") == set()
    for text in ("batch:x", f"batch:{batch}.odd"):
        with pytest.raises(InvalidInput):
            shown(text)


def test_a_connection_that_is_deleted_meanwhile_counts_as_gone(fleet: Any) -> None:
    draft = fleet.add_connection("draft", ready=False)
    batch = _start(fleet, CONNECTION_CHECK, _all(fleet))
    fleet.write(provider_connections.delete().where(provider_connections.c.id == draft))
    _go_on(fleet, batch)
    assert _status(fleet, batch).row.tally.classes == {BatchClass.STARTED: 3, BatchClass.GONE: 1}


def test_the_end_is_foretold_from_the_pace_so_far_and_not_before_there_is_one(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    for name in "abcdefg":
        fleet.add_connection(name)
    batch = _start(fleet, INVENTORY_SYNC, _all(fleet))
    _go_on(fleet, batch)
    claims = fleet.take(slots=10)
    assert _status(fleet, batch).ends_at is None
    fleet.clock.advance(seconds=10)
    for claim in claims[:4]:
        fleet.finish(claim)
    assert _status(fleet, batch).ends_at is None
    fleet.finish(claims[4])
    assert _status(fleet, batch).ends_at == fleet.clock.time + timedelta(seconds=10)
    # What ended long ago is no pace any more; what ends now is a new one.
    fleet.clock.advance(hours=1)
    assert _status(fleet, batch).ends_at is None
    fleet.finish(claims[9])
    assert _status(fleet, batch).ends_at == fleet.clock.time + timedelta(minutes=40)
    # One that Microsoft holds up is said to be.
    leases.report_progress(fleet.db, claims[5].held, waiting_until=fleet.clock.time + timedelta(minutes=1))
    assert _status(fleet, batch).row.tally.waiting_for_microsoft == 1


def test_one_that_is_too_large_is_refused_before_anything_is_written(
    sqlite_fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.batch_selection.MOST", 2)
    for selection in (_all(sqlite_fleet), Selection.named(sqlite_fleet.north, [1, 2, 3, 4])):
        with pytest.raises(InvalidInput, match="more than 2"):
            _start(sqlite_fleet, CONNECTION_CHECK, selection)
    assert sqlite_fleet.count(run_batches) == 0


def test_a_single_start_attaches_to_what_a_batch_queued(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    batch = _start(fleet, CONNECTION_CHECK, _all(fleet))
    _go_on(fleet, batch)
    result = fleet.start(fleet.connection["contoso"], by="omar")
    assert isinstance(result, starting.AlreadyRunning)
    assert result.run.id == fleet.unfinished(fleet.connection["contoso"])[0].id


def test_several_go_on_with_it_at_once_and_nothing_is_started_twice(fleet: Any) -> None:
    for number in range(9):
        fleet.add_connection(f"more{number}")
    batch = _start(fleet, CONNECTION_CHECK, _all(fleet))
    errors: list[BaseException] = []

    def work() -> None:
        try:
            # Until everything was tried: a round in which somebody else was at it does nothing.
            while batches.status(fleet.db, fleet.dana, batch).row.tally.untried:
                batch_ending.go_on(fleet.db, batch, limit=2)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert fleet.count(operation_runs) == 12
    assert _status(fleet, batch).row.tally.classes == {BatchClass.STARTED: 12}
