"""Starting one operation from the screen: the question, the start in a thread, and each of the gate's answers.

Promise: nothing starts without a yes; one yes starts once; a second start opens the run there is. Whatever the gate answers is told with
the way on: open it, run after it, cancel it, or the next step.

Must not know: lists, how a run is worked on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from atlas_tui.links import to_connection, to_run
from atlas_tui.screens.run_text import name_run
from atlas_tui.widgets.confirm import Confirm
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import operations
from storage.operations import Operation
from storage.starting import AlreadyRunning, Blocked, RunRef, ScopeBusy, Started, StartResult

if TYPE_CHECKING:
    from atlas_tui.screens.acting import Acts

WHAT_A_WORKER_DOES: Final = {
    operations.CONNECTION_CHECK: (
        "A worker signs in to the tenant with the stored credential and reads its organization, permissions and licences from "
        "Microsoft. It changes nothing there; here it writes a report and, if it reaches a verdict, the badges."
    ),
    operations.INVENTORY_SYNC: (
        "A worker lists policies, configurations, apps and locations at Microsoft. It changes nothing there; here it writes what "
        "is new, changed and gone."
    ),
    operations.COMPLIANCE_SNAPSHOT: (
        "A worker counts the managed devices by compliance state and platform. It changes nothing at Microsoft and keeps no "
        "device, only the numbers."
    ),
    operations.ADMIN_ROLES_SCAN: (
        "A worker reads who holds administrator roles, and who may take one. It changes nothing at Microsoft; here it writes a "
        "report with findings."
    ),
    operations.DIRECTORY_SYNC: (
        "A worker counts users, guests, groups, devices and domains. It changes nothing at Microsoft and keeps only the numbers."
    ),
}


@dataclass(frozen=True, slots=True)
class Start:
    """What is to be started.

    Attributes:
        operation: Its entry of the catalog.
        connection_id: On which connection.
        name: What people call that.
        begin: Starts it, in a worker thread; True waits for the active run to end.
        verb: The word on the button.
    """

    operation: Operation
    connection_id: int
    name: str
    begin: Callable[[bool], StartResult]
    verb: str = "Start"


class StartFlow:
    """One start, from the question to its answer.

    Args:
        screen: Where it was asked for.
        start: What.
        accepted: Called once a run is there that does it; not when it was cancelled or refused.
    """

    def __init__(self, screen: Acts, start: Start, accepted: Callable[[], None] = lambda: None) -> None:
        self._screen = screen
        self._start = start
        self._accepted = accepted

    def ask_first(self) -> None:
        """Say what a worker will do, and ask."""
        start = self._start
        what = WHAT_A_WORKER_DOES.get(start.operation.type, f"A worker runs {start.operation.label.lower()} on it.")
        paragraphs = [what]
        standing = self._screen.atlas.standing
        if standing is not None and not standing.alive:
            paragraphs.append("No worker is running: the run stays queued until one is started (atlas-tui worker).")
        self._screen.app.push_screen(
            Confirm(f"{start.operation.label} of {start.name}?", paragraphs, confirm_label=start.verb),
            lambda yes: self._begin(False) if yes else None,
        )

    def _begin(self, run_after: bool) -> None:
        self._screen.ask(
            "start", partial(self._start.begin, run_after), self._answered, self._screen.tell_error, keep_all=True
        )

    def _answered(self, result: StartResult) -> None:
        if isinstance(result, Started | AlreadyRunning) or (
            isinstance(result, ScopeBusy) and result.waiting is not None
        ):
            self._accepted()
        if isinstance(result, Started):
            self._started(result.run)
        elif isinstance(result, AlreadyRunning):
            self._screen.atlas.flash(f"already on its way: {name_run(result.run, self._screen.times)}", "info")
            self._screen.atlas.navigation.go(to_run(result.run.id))
        elif isinstance(result, ScopeBusy):
            self._busy(result)
        else:
            self._blocked(result)

    def _started(self, run: RunRef) -> None:
        label = self._start.operation.label
        self._screen.atlas.flash(f"queued #{run.id} {label} of {self._start.name}", "ok", to_run(run.id))

    def _busy(self, busy: ScopeBusy) -> None:
        if busy.waiting is not None:
            text = f"#{busy.waiting.id} waits for #{busy.run.id}"
            self._screen.atlas.flash(text, "ok", to_run(busy.waiting.id))
            return
        label = operations.find(busy.run.type).label
        title = f"{self._start.name} is busy: {label} {name_run(busy.run, self._screen.times)}"
        items = (
            MenuItem("open", "o", f"Open #{busy.run.id}"),
            MenuItem("after", "a", f"Run {self._start.operation.label.lower()} after it"),
            MenuItem("cancel", "n", f"Cancel #{busy.run.id}"),
        )
        self._screen.app.push_screen(Menu(title, items), partial(self._busy_answer, busy.run, label))

    def _busy_answer(self, run: RunRef, label: str, picked: str | None) -> None:
        if picked == "open":
            self._screen.atlas.navigation.go(to_run(run.id))
        elif picked == "after":
            self._begin(True)
        elif picked == "cancel":
            self._screen.confirm_cancel(run.id, label, self._start.name)

    def _blocked(self, blocked: Blocked) -> None:
        reason = blocked.reason
        self._screen.atlas.flash(f"blocked: {reason.code}", "bad")
        paragraphs = (
            blocked.sentence,
            f"Fix by: {reason.fix_by.value}. Next step: {reason.next_step}",
        )
        self._screen.app.push_screen(
            Confirm(
                f"{self._start.operation.label} of {self._start.name} is blocked: {reason.code}",
                paragraphs,
                confirm_label="Open connection",
            ),
            lambda yes: self._screen.atlas.navigation.go(to_connection(self._start.connection_id)) if yes else None,
        )
