"""Starting one operation on many connections: the dry run in classes, the question, the batch, its page.

Promise: nothing starts without a yes, and the yes is only possible once the dry run is complete; each connection goes through the same
gate as a single start. What was asked for is carried out chunk by chunk in threads, here and in workers, so no key waits for it; whoever
quits in the middle loses nothing.

Must not know: lists, how a batch's own page looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from atlas_tui.batch_words import dry_run_lines
from atlas_tui.links import to_batch
from atlas_tui.screens.connection_query import query_of
from atlas_tui.screens.starting import WHAT_A_WORKER_DOES
from atlas_tui.widgets.confirm_name import Confirmed
from atlas_tui.widgets.dry_run import DryRunQuestion
from storage import batch_ending, batch_previews, batch_starting
from storage.batch_previews import DryRun
from storage.batch_selection import Selection
from storage.errors import AtlasError
from storage.operations import Operation

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from atlas_tui.screens.acting import Targets
    from atlas_tui.screens.frame import AtlasScreen
    from atlas_tui.session import Session

REASONS_SHOWN: Final = 6
"""Reasons that have a line in the question, which must fit 24 lines; the page has them all."""

LOOK_SECONDS: Final = 0.2
"""How long the dry run goes on before it says how far it is."""

SHORTEST_PAUSE: Final = 0.02
"""Seconds between two chunks; after a longer one the pause is as long, for whoever else wants the database or the interpreter."""


def selection_of(session: Session, targets: Targets) -> Selection:
    """The connections that are meant, as storage takes them."""
    if not targets.all_in_filter or targets.request is None:
        return Selection.named(session.workspace.workspace_id, targets.connection_ids)
    return Selection.found(query_of(session, targets.request), targets.connection_ids)


class StartMany:
    """One bulk start, from the question to its page.

    Args:
        screen: Where it was asked for.
        operation: What shall run.
        selection: On what.
        words: How many that is, for people: `38 connections`.
        accepted: Called once it was started; not when it was cancelled or refused.
    """

    def __init__(
        self,
        screen: AtlasScreen,
        operation: Operation,
        selection: Selection,
        words: str,
        accepted: Callable[[], None] = lambda: None,
    ) -> None:
        self._screen = screen
        self._atlas = screen.atlas
        self._session = screen.session
        self._operation = operation
        self._selection = selection
        self._accepted = accepted
        what = WHAT_A_WORKER_DOES.get(operation.type, f"A worker runs {operation.label.lower()} on each.")
        standing = screen.atlas.standing
        if standing is not None and not standing.alive:
            what += " No worker is running: they stay queued until one is (atlas-tui worker)."
        self._question = DryRunQuestion(f"{operation.label}: {words}?", [what], confirm_label="Start")

    def ask_first(self) -> None:
        """Put the question, and count meanwhile."""
        self._screen.app.push_screen(self._question, self._answered)
        session = self._session
        self._look(batch_previews.preview(session.db, session.who, self._operation.type, self._selection))

    def _look(self, steps: Iterator[DryRun]) -> None:
        def some() -> DryRun | None:
            until = time.monotonic() + LOOK_SECONDS
            newest: DryRun | None = None
            for step in steps:
                newest = step
                if time.monotonic() >= until:
                    break
            return newest

        def take(found: DryRun | None) -> None:
            if found is None or self._question.is_answered:
                return
            self._question.show(dry_run_lines(found, REASONS_SHOWN), may_start=found.is_complete and found.will_run > 0)
            if not found.is_complete:
                self._look(steps)

        self._atlas.ask("dry run", some, take, self._failed, keep_all=True)

    def _failed(self, error: AtlasError) -> None:
        if not self._question.is_answered:
            self._question.show([str(error)], may_start=False)

    def _answered(self, confirmed: Confirmed | None) -> None:
        if confirmed is None:
            return
        session = self._session

        def create() -> int:
            return batch_starting.create(
                session.db, session.who, self._operation.type, self._selection, ticket=confirmed.ticket
            )

        self._atlas.flash(f"{self._operation.label}: writing the batch down.")
        self._atlas.ask("bulk start", create, self._begun, self._tell, keep_all=True)

    def _begun(self, batch_id: int) -> None:
        self._accepted()
        show_begun(self._atlas, batch_id)

    def _tell(self, error: AtlasError) -> None:
        self._atlas.flash(str(error), "bad")


def show_begun(atlas: AtlasApp, batch_id: int) -> None:
    """Go to a batch that was just made, and have it started from here too."""
    atlas.flash(f"Batch #{batch_id} is being started; esc leaves it, :batch {batch_id} returns.", "ok")
    atlas.navigation.go(to_batch(batch_id))
    carry_on(atlas, batch_id)


def carry_on(atlas: AtlasApp, batch_id: int) -> None:
    """Carry out what is next for a batch, one short transaction after the other, until there is nothing to do.

    A worker does the same; whoever is first does it. When the database is away this ends, and the worker goes on.

    Args:
        atlas: The app, which outlives the screens.
        batch_id: Which.
    """
    session = atlas.session

    def step() -> float | None:
        began = time.monotonic()
        did = batch_ending.go_on(session.db, batch_id)
        return max(SHORTEST_PAUSE, time.monotonic() - began) if did else None

    def then(pause: float | None) -> None:
        if pause is not None:
            atlas.set_timer(pause, lambda: carry_on(atlas, batch_id))

    atlas.ask(f"batch {batch_id}", step, then, lambda error: None, keep_all=True)
