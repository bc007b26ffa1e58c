"""A form that keeps what is typed into it.

Promise: at every pause in typing, and however the form ends unless it was saved, what was typed is handed to be written down; it is thrown
away only after a question, or when it was saved.

Must not know: how a form looks, how it is saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.timer import Timer

from atlas_tui.screens.form_definition import Form, Loaded
from atlas_tui.screens.form_drafts import TITLE, DraftKey
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.widgets.confirm import Confirm
from atlas_tui.widgets.form_body import FormBody
from atlas_tui.widgets.form_state import FormState

if TYPE_CHECKING:
    from storage.drafts import Draft

PAUSE: Final = 0.4
"""Seconds without a key after which the draft is kept and the database is asked."""


class KeepsDraft(AtlasScreen):
    """The half of a form's screen that is about its draft."""

    form: Form
    loaded: Loaded
    state: FormState
    draft: Draft | None
    had_draft: bool
    """Whether there may be one in the database."""
    is_done = False
    """Whether it was saved: then there is nothing to keep."""
    _pause: Timer | None = None

    @property
    def body(self) -> FormBody:
        """The fields."""
        raise NotImplementedError

    def show_form(self) -> None:
        """Paint what changed."""
        raise NotImplementedError

    def after_pause(self) -> None:
        """A pause in typing; the draft is on its way."""

    @property
    def draft_key(self) -> DraftKey:
        """Where its draft is."""
        return DraftKey(self.form.name, self.form.subject, self.loaded.workspace_id)

    def wait_for_pause(self) -> None:
        """Somebody typed: keep it once they pause."""
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE, self._paused)

    def _paused(self) -> None:
        self._pause = None
        self.keep_draft()
        self.after_pause()

    @property
    def is_waiting(self) -> bool:
        """Whether a pause in typing is being waited for. Tests wait for its end."""
        return self._pause is not None

    def keep_draft(self) -> None:
        """Hand what was typed to be written down; nothing when nothing was typed."""
        if self.is_done:
            return
        document = self.state.document()
        if document:
            document[TITLE] = self.form.title
        if document or self.had_draft:
            self.had_draft = bool(document)
            self.atlas.drafts.keep(self.session, self.draft_key, document)

    def drop_draft(self) -> None:
        """Throw the draft away."""
        self.had_draft, self.draft = False, None
        self.atlas.drafts.discard(self.session, self.draft_key)

    def on_unmount(self) -> None:
        """However the form ends, what was typed is kept."""
        self.keep_draft()

    def command_discard_draft(self) -> None:
        """Back to what is stored, after a question."""
        if not self.state.document():
            self.atlas.flash("There is no draft: nothing was changed here.")
            return

        def go(yes: bool | None) -> None:
            if yes:
                self.state.forget()
                self.body.forget_secrets()
                self.drop_draft()
                self.show_form()
                self.atlas.flash("Draft discarded.", "ok")

        words = ("What you typed into this form is gone then, and its fields show what is stored.",)
        self.app.push_screen(Confirm(f"Discard the draft of {self.form.title}?", words, confirm_label="Discard"), go)
