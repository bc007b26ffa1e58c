"""The queue: numbers go in, threads are woken; what comes in otherwise is not believed."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.errors import AtlasError, InvalidInput
from tasks import queue as queue_of_hints
from tasks.queue import HintQueue


@pytest.fixture
def open_queue(tmp_path: Path) -> Iterator[Callable[..., HintQueue]]:
    opened: list[HintQueue] = []

    def make(perform: Callable[[int], None], address: str = "", slots: int = 2) -> HintQueue:
        queue = HintQueue(address, tmp_path, slots, perform)
        opened.append(queue)
        return queue

    yield make
    for queue in opened:
        queue.stop()
        queue.close()


class Taken:
    """Numbers that threads took, and when."""

    def __init__(self) -> None:
        self.runs: list[int] = []
        self._changed = threading.Condition()

    def __call__(self, run_id: int) -> None:
        with self._changed:
            self.runs.append(run_id)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[int]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.runs) >= count, 60), self.runs
            return self.runs


@pytest.fixture(params=["file", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    if request.param == "file":
        return ""
    return str(request.getfixturevalue("postgres_url"))


def test_a_hint_wakes_a_thread(open_queue: Any, address: str) -> None:
    taken = Taken()
    queue = open_queue(taken, address)
    queue.start()
    for run_id in range(5):
        queue.give(run_id)
    assert sorted(taken.wait_for(5)) == [0, 1, 2, 3, 4]


def test_a_hint_wakes_a_thread_at_once(open_queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bell does it: by itself a thread would look in an hour."""
    monkeypatch.setattr(queue_of_hints, "IDLE_POLL", 3600.0)
    taken = Taken()
    queue = open_queue(taken)
    queue.start()
    for run_id in range(20):
        queue.give(run_id)
        taken.wait_for(run_id + 1)


def test_signals_stay_with_the_process(open_queue: Any) -> None:
    import signal

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    open_queue(Taken()).start()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_message_is_two_fields_of_json(open_queue: Any) -> None:
    queue = open_queue(Taken())
    queue.give(42)
    (message,) = queue._huey.storage.enqueued_items()
    assert bytes(message).startswith(b'{"id":"')
    assert bytes(message).endswith(b'","run":42}')


class _Bomb:
    def __init__(self, place: str) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.mkdir, (self.place,)


def test_a_foreign_message_is_neither_executed_nor_in_the_way(open_queue: Any, tmp_path: Path) -> None:
    taken = Taken()
    queue = open_queue(taken)
    exploded = tmp_path / "exploded"
    for message in (
        pickle.dumps(_Bomb(str(exploded))),
        b"",
        b"[]",
        b'{"id":"x","run":"1"}',
        b'{"id":"x","run":1,"name":"os.system"}',
        b"\xff" * 100,
    ):
        queue._huey.storage.enqueue(message)
    queue.start()
    queue.give(7)
    assert taken.wait_for(1) == [7]
    assert not exploded.exists()


def test_the_queue_goes_on_when_its_file_is_deleted(open_queue: Any, tmp_path: Path) -> None:
    taken = Taken()
    queue = open_queue(taken)
    queue.start()
    queue.give(1)
    taken.wait_for(1)

    (tmp_path / "hints.db").unlink()
    queue.give(2)

    assert taken.wait_for(2) == [1, 2]


def test_nothing_is_kept_about_what_was_done(open_queue: Any) -> None:
    taken = Taken()
    queue = open_queue(taken)
    queue.start()
    queue.give(1)
    taken.wait_for(1)
    assert queue._huey.storage.result_store_size() == 0
    assert queue._huey.storage.queue_size() == 0


def test_an_address_that_is_none_is_refused(open_queue: Any) -> None:
    with pytest.raises(InvalidInput, match=r"worker\.queue"):
        open_queue(Taken(), "ftp://somewhere")


def test_a_queue_that_cannot_be_reached_says_so_without_its_address(open_queue: Any) -> None:
    with pytest.raises(AtlasError) as refusal:
        open_queue(Taken(), "postgresql://atlas:hunter2@127.0.0.1:1/atlas")
    assert "hunter2" not in str(refusal.value)
