"""Threads that never keep the program alive, and asking the database from them.

Promise: no question to the database is asked on the event loop; an answer that was overtaken is dropped; quitting waits for no thread,
whatever the database does to it.

Must not know: which screen asks, what is asked.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from textual.message import Message

from storage.errors import AtlasError

if TYPE_CHECKING:
    from textual.dom import DOMNode

    _Base = DOMNode
else:
    _Base = object

T = TypeVar("T")
P = ParamSpec("P")


class DaemonThreads(ThreadPoolExecutor):
    """An executor with one daemon thread for each call: the interpreter ends without waiting for them.

    The ordinary pool is joined when the event loop and again when the interpreter ends, so a query that waits for a locked database
    would hold up quitting for as long as the lock lasts.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a call in a thread of its own."""
        future: Future[T] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                _settle(future, partial(future.set_exception, error))
            else:
                _settle(future, partial(future.set_result, result))

        threading.Thread(target=call, name="atlas-ask", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing to wait for."""


def _settle(future: Future[Any], settle: Callable[[], None]) -> None:
    """Give a call's result to its future; when the event loop is gone already, nobody wants it any more."""
    try:
        settle()
    except RuntimeError:
        if not future.done():
            raise


def use_daemon_threads() -> None:
    """Make the running event loop use `DaemonThreads` for its worker threads."""
    asyncio.get_running_loop().set_default_executor(DaemonThreads(max_workers=1))


class Answered(Message, bubble=False, namespace="asks"):
    """From a worker thread to the event loop: what a question brought.

    Attributes:
        group: Which question it was.
        number: Which asking of it.
        deliver: Calls whoever asked, with the result or the error.
    """

    def __init__(self, group: str, number: int, deliver: Callable[[], None]) -> None:
        super().__init__()
        self.group = group
        self.number = number
        self.deliver = deliver


class Asks(_Base):
    """Something that asks the database: a screen, or the app. A mixin; put it before the Textual class."""

    _asked: dict[str, int] | None = None
    _open: int = 0

    def ask(
        self,
        group: str,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[AtlasError], None],
        *,
        keep_all: bool = False,
    ) -> None:
        """Do something in a worker thread and take its answer on the event loop.

        Args:
            group: What is asked. A newer question of the group makes the answers to older ones worthless.
            work: Called in the thread. It must be bounded in time and touch no widget.
            then: Called with its result.
            failed: Called with its error; one that is not ours arrives as a sentence without its text.
            keep_all: Deliver every answer (for changes, which must all be told).
        """
        numbers = self._asked = self._asked if self._asked is not None else {}
        number = numbers.get(group, 0) + 1
        numbers[group] = number
        self._open += 1

        def run() -> None:
            try:
                result = work()
            except AtlasError as error:
                deliver: Callable[[], None] = partial(failed, error)
            except Exception as error:
                deliver = partial(failed, unexpected(error))
            else:
                deliver = partial(then, result)
            self.post_message(Answered(group, 0 if keep_all else number, deliver))

        self.run_worker(run, name=f"{group} {number}", group=group, exit_on_error=False, thread=True)

    def on_asks_answered(self, message: Answered) -> None:
        """An answer came; it counts if nothing newer was asked."""
        message.stop()
        self._open -= 1
        if message.number in (0, (self._asked or {}).get(message.group)):
            message.deliver()

    @property
    def is_asking(self) -> bool:
        """Whether an answer is still to come. Tests wait for this to end."""
        return self._open > 0


def unexpected(error: Exception) -> AtlasError:
    """An error that is not ours, for people: what kind it is and nothing of its text, which may hold values."""
    from atlas_tui import crash

    place = crash.log_error(error)
    return AtlasError(f"Something unexpected went wrong ({type(error).__name__}).", f"It is noted in {place}.")
