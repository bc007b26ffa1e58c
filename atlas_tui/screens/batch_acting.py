"""The actions menu of a bulk start: cancel the rest, retry the failed.

Promise: each says what will happen and asks; what is not possible is there, dimmed, with the reason and who may.

Must not know: which screen asks.
"""

from __future__ import annotations

from collections.abc import Callable

from atlas_tui.batch_words import cancel_sentences
from atlas_tui.commands import REGISTRY
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.screens.starting_many import carry_on, show_begun
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import batch_ending, batch_starting, batches
from storage.batches import BatchStatus
from storage.consequences import count as in_words


class BatchActs(AtlasScreen):
    """A screen with a batch to act on. Put it before the kind of screen it is."""

    @property
    def batch_id(self) -> int | None:
        """The batch that is meant."""
        raise NotImplementedError

    def _with_batch(self, then: Callable[[BatchStatus], None]) -> None:
        """Read how the batch stands by now, and go on with it: what the page shows may be a second old."""
        id, session = self.batch_id, self.session
        if id is None:
            self.atlas.everywhere.nothing_to_act_on()
        else:
            self.ask("batch", lambda: batches.status(session.db, session.who, id), then, self.tell_error)

    def command_actions(self) -> None:
        """Open the menu."""
        self._with_batch(self._open_menu)

    def _open_menu(self, batch: BatchStatus) -> None:
        items = [
            MenuItem(id, REGISTRY[id].letter, REGISTRY[id].label, refusal)
            for id, refusal in (("cancel_batch", _no_cancel(batch)), ("retry_batch", _no_retry(batch)))
        ]
        self.app.push_screen(
            Menu(f"Batch #{batch.row.id}, {batch.row.label}", items),
            lambda id: self.do(id) if id is not None else None,
        )

    def command_cancel_batch(self) -> None:
        """Start nothing more, and end what was started."""
        self._with_batch(self._cancel)

    def _cancel(self, batch: BatchStatus) -> None:
        if refusal := _no_cancel(batch):
            self.atlas.flash(refusal, "warn")
            return
        session, id, sentences = self.session, batch.row.id, cancel_sentences(batch.row.tally)

        def told(_: None) -> None:
            self.atlas.flash(f"Batch #{id} is being cancelled", "ok")
            carry_on(self.atlas, id)

        def go(confirmed: Confirmed | None) -> None:
            if confirmed is not None:
                self.atlas.ask(
                    "cancel batch",
                    lambda: batch_ending.cancel_rest(session.db, session.who, id, ticket=confirmed.ticket),
                    told,
                    self.tell_error,
                    keep_all=True,
                )

        self.app.push_screen(ConfirmName(f"Cancel the rest of batch #{id}?", sentences, confirm_label="Cancel it"), go)

    def command_retry_batch(self) -> None:
        """Start the failed ones again, as a batch of their own."""
        self._with_batch(self._retry)

    def _retry(self, batch: BatchStatus) -> None:
        if refusal := _no_retry(batch):
            self.atlas.flash(refusal, "warn")
            return
        session, id = self.session, batch.row.id
        sentences = (
            f"{in_words(batch.row.tally.retryable, 'connection')} on which it failed, was blocked when it began, was cancelled or was "
            "lost are tried again, as a batch of their own.",
            "Each goes through the gate again: what is still blocked is left out and counted.",
        )

        def go(confirmed: Confirmed | None) -> None:
            if confirmed is not None:
                self.atlas.ask(
                    "retry batch",
                    lambda: batch_starting.retry_failed(session.db, session.who, id, ticket=confirmed.ticket),
                    lambda new: show_begun(self.atlas, new),
                    self.tell_error,
                    keep_all=True,
                )

        self.app.push_screen(ConfirmName(f"Retry the failed of batch #{id}?", sentences, confirm_label="Retry"), go)


def _no_cancel(batch: BatchStatus) -> str:
    if batch.row.completed_at is not None:
        return "It is over."
    if batch.row.cancel_requested_at is not None:
        return "It is being cancelled already."
    return batch.why_not


def _no_retry(batch: BatchStatus) -> str:
    return "" if batch.may_retry else batch.why_not or "Nothing of it has failed."
