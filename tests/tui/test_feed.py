"""The thread that listens for changes, and the words for how fresh the screen is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from atlas_tui.feed import Changed, Freshness, Poller, Reached
from storage.errors import DatabaseBusy, DatabaseError
from storage.states import Topic

NOON = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)


class Script:
    """A feed that answers what it is told to, then stops its poller."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.closed = False
        self.stop: Callable[[], None] = lambda: None

    def poll(self) -> frozenset[Topic]:
        answer = self.answers.pop(0)
        if not self.answers:
            self.stop()
        if isinstance(answer, Exception):
            raise answer
        return frozenset(answer)

    def close(self) -> None:
        self.closed = True


def posted(*answers: Any) -> tuple[list[Any], Script]:
    heard: list[Any] = []
    feed = Script(*answers)
    poller = Poller(feed, heard.append, lambda: NOON, interval=0, pauses=(0,))
    feed.stop = poller.stop
    poller.run()
    return heard, feed


def test_what_changed_is_posted_and_nothing_when_nothing_did() -> None:
    heard, feed = posted({Topic.RUNS}, set(), {Topic.CONNECTIONS})
    assert [message.topics for message in heard] == [{Topic.RUNS}, {Topic.CONNECTIONS}]
    assert feed.closed


def test_after_the_database_was_away_everything_counts_as_changed() -> None:
    error = DatabaseError("gone")
    heard, _ = posted(error, error, set())
    assert [type(message) for message in heard] == [Reached, Reached, Reached, Changed]
    assert [message.error for message in heard[:3]] == [error, error, None]
    assert heard[3].topics == frozenset(Topic)


def test_a_poller_that_waits_ends_when_it_is_stopped() -> None:
    poller = Poller(Script(*[set()] * 3), lambda message: None, lambda: NOON, interval=1000)
    thread = threading.Thread(target=poller.run, daemon=True)
    thread.start()
    poller.stop()
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("freshness", "words"),
    [
        (Freshness(), "live"),
        (Freshness(changed_at=NOON), "upd 12:00:07 live"),
        (Freshness(changed_at=NOON, answered_at=NOON - timedelta(seconds=50)), "STALE 45s"),
        (Freshness(answered_at=NOON - timedelta(minutes=7)), "STALE 5m"),
        (Freshness(changed_at=NOON, is_paused=True), "PAUSED"),
        (Freshness(is_paused=True, error=DatabaseError("gone")), "DB unreachable"),
        (Freshness(error=DatabaseBusy("locked")), "DB locked"),
    ],
)
def test_the_words_say_how_fresh_the_screen_is(freshness: Freshness, words: str) -> None:
    assert freshness.words(NOON, lambda at: f"{at:%H:%M:%S}").text == words
