"""The change feed: what changed, once, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from storage import leases, notifications, tenant_changes, workers
from storage.errors import DatabaseError
from storage.feed import SLOW_POLL_SECONDS, ChangeFeed
from storage.states import Topic


class Stopwatch:
    """The feed's own clock."""

    time = 0.0

    def __call__(self) -> float:
        return self.time


def told(fleet: Any, feed: ChangeFeed) -> frozenset[Topic]:
    """Everything that was said up to now. PostgreSQL tells a moment after each commit, in their order: a last one marks the end."""
    fleet.db.write(lambda tx: tx.touch(Topic.ALERTS))
    came: frozenset[Topic] = frozenset()
    end = time.monotonic() + 60
    while Topic.ALERTS not in came and time.monotonic() < end:
        came |= feed.poll()
    return came - {Topic.ALERTS}


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def feed(fleet: Any, stopwatch: Stopwatch) -> Iterator[ChangeFeed]:
    """A feed that has told everything once."""
    made = ChangeFeed(fleet.db, monotonic=stopwatch)
    assert made.poll() == frozenset(Topic)
    yield made
    made.close()


def test_nothing_happened_nothing_is_told(feed: ChangeFeed) -> None:
    assert [feed.poll() for _ in range(3)] == [frozenset()] * 3


def test_only_what_changed_is_told_and_once(fleet: Any, feed: ChangeFeed) -> None:
    tenant_changes.edit(fleet.db, fleet.dana, fleet.tenant["contoso"], changes={"name": "Renamed"})
    assert told(fleet, feed) == {
        Topic.TENANTS,
        Topic.CONNECTIONS,
        Topic.AUDIT,
    }
    assert feed.poll() == frozenset()
    claim = fleet.begin(fleet.connection["contoso"])
    assert told(fleet, feed) == {Topic.RUNS, Topic.CONNECTIONS, Topic.AUDIT}
    leases.report_progress(fleet.db, claim.held, done=1, total=2)
    assert told(fleet, feed) == {Topic.RUNS}
    fleet.finish(claim)
    ended = {Topic.RUNS, Topic.CONNECTIONS, Topic.NOTIFICATIONS, Topic.AUDIT, Topic.TENANTS, Topic.ATTENTION}
    assert told(fleet, feed) == ended
    notifications.mark_read(fleet.db, fleet.dana, [1])
    assert told(fleet, feed) == {Topic.NOTIFICATIONS}


def test_a_beat_is_no_topic(fleet: Any, feed: ChangeFeed) -> None:
    workers.register(fleet.db, "w1", host="h", pid=1, version="1", slots=4, seal_key_id=None, is_local=True)
    assert told(fleet, feed) == {Topic.WORKERS}
    claim = fleet.begin(fleet.connection["contoso"])
    told(fleet, feed)
    workers.beat(fleet.db, "w1", busy=1)
    leases.beat(fleet.db, [claim.held])
    assert feed.poll() == frozenset()


def test_a_change_that_was_rolled_back_is_not_told(fleet: Any, feed: ChangeFeed) -> None:
    def work(tx: Any) -> None:
        tx.touch(Topic.RUNS)
        tx.run(text("UPDATE tenants SET note = 'x'"))
        raise KeyError("changed my mind")

    with pytest.raises(KeyError):
        fleet.db.write(work)
    assert feed.poll() == frozenset()


def test_two_feeds_are_both_told(fleet: Any, feed: ChangeFeed) -> None:
    other = ChangeFeed(fleet.db)
    other.poll()
    fleet.start(fleet.connection["contoso"])
    expected = {Topic.RUNS, Topic.CONNECTIONS, Topic.AUDIT}
    assert told(fleet, feed) == expected
    assert told(fleet, other) == expected
    other.close()


def test_after_a_broken_connection_everything_is_told(fleet: Any, feed: ChangeFeed) -> None:
    feed._raw.driver_connection.close()
    with pytest.raises(DatabaseError):
        feed.poll()
    assert feed.poll() == frozenset(Topic)
    fleet.start(fleet.connection["contoso"])
    assert Topic.RUNS in told(fleet, feed)


def test_a_server_that_hangs_up_is_noticed(postgres_fleet: Any) -> None:
    feed = ChangeFeed(postgres_fleet.db)
    feed.poll()
    pid = feed._raw.driver_connection.info.backend_pid
    with postgres_fleet.db.read() as tx:
        tx.run(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": pid})
    with pytest.raises(DatabaseError, match="cannot be reached"):
        told(postgres_fleet, feed)
    assert feed.poll() == frozenset(Topic)
    feed.close()


def test_a_lost_notification_is_made_up_for(postgres_fleet: Any, stopwatch: Stopwatch) -> None:
    feed = ChangeFeed(postgres_fleet.db, monotonic=stopwatch)
    feed.poll()
    postgres_fleet.write(text("UPDATE tenants SET note = 'x'"))  # tells nobody
    assert feed.poll() == frozenset()
    stopwatch.time += SLOW_POLL_SECONDS
    assert feed.poll() == frozenset(Topic)
    stopwatch.time += SLOW_POLL_SECONDS
    assert feed.poll() == frozenset()
    feed.close()
