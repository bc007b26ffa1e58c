"""Saving a form: look once more, ask when it hurts, do it once, and make the best of a refusal.

Promise: however often someone presses, one save is under way; whatever storage answers, what was typed is still there unless it was
saved.

Must not know: how a form looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_tui.screens.form_definition import Filled, LookedUp, Saved
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from storage.errors import AtlasError, Conflict, Forbidden, InvalidInput

if TYPE_CHECKING:
    from atlas_tui.notices import Notice
    from atlas_tui.screens.form import FormScreen


class SaveFlow:
    """One form's saving.

    Args:
        screen: The form.
    """

    def __init__(self, screen: FormScreen) -> None:
        self._screen = screen
        self.is_under_way = False
        self._asked_about: Filled | None = None
        self._told_marks: Notice | None = None

    def begin(self) -> None:
        """Save, unless something is wrong or a save is under way."""
        screen, state = self._screen, self._screen.state
        if self.is_under_way:
            return
        state.touch(field.key for field in state.fields)
        state.try_again()
        if (bad := state.first_bad()) is not None:
            screen.body.enter(bad.key)
            screen.show_form()
            count = sum((remark := state.remark(f.key)) is not None and remark.level == "bad" for f in state.visible())
            screen.atlas.flash(
                "Not saved: " + ("1 field is" if count < 2 else f"{count} fields are") + " marked x.", "bad"
            )
            self._told_marks = screen.atlas.notice
            return
        if screen.is_unchanged:
            screen.atlas.flash("Nothing has been changed, so there is nothing to save.")
            return
        self.is_under_way = True
        screen.keep_draft()
        session, form, filled = screen.session, screen.form, screen.filled(screen.body.secrets())
        self._asked_about = filled
        screen.atlas.flash("Saving...")
        screen.atlas.ask(
            "form look up", lambda: form.look_before_saving(session, filled), self._looked_up, self._refused
        )

    def take_back(self) -> None:
        """Fields were marked; once none is any more, nothing says so any more either."""
        atlas = self._screen.atlas
        if self._told_marks is not None and atlas.notice is self._told_marks and self._screen.state.first_bad() is None:
            atlas.clear_notice()

    def _looked_up(self, found: LookedUp) -> None:
        screen = self._screen
        # It holds the secrets too, which are kept no longer than they are needed.
        asked_about, self._asked_about = self._asked_about, None
        if not screen.is_whole:
            # The form was left meanwhile: nothing is saved behind somebody's back, and the draft is kept.
            self.is_under_way = False
            return
        if screen.filled(screen.body.secrets()) != asked_about:
            # Somebody typed on while the database was asked: its answer was about something else.
            self.is_under_way = False
            self.begin()
            return
        screen.take_looked_up(found)
        if (bad := screen.state.first_bad()) is not None:
            self.is_under_way = False
            screen.body.enter(bad.key)
            screen.show_form()
            screen.atlas.flash("Not saved.", "bad")
        elif found.hurts:
            screen.atlas.clear_notice()
            question = ConfirmName(
                f"{screen.form.title}: save?", found.consequences, confirm_label="Save", asks_ticket=False
            )
            screen.app.push_screen(question, self._confirmed)
        else:
            self._save()

    def _confirmed(self, confirmed: Confirmed | None) -> None:
        if confirmed is not None:
            self._save()
        else:
            self.is_under_way = False
            self._screen.atlas.flash("Not saved; what you typed is still here.")

    def _save(self) -> None:
        screen = self._screen
        session, form, filled = screen.session, screen.form, screen.filled(screen.body.secrets())
        screen.atlas.flash("Saving...")
        screen.atlas.ask("form save", lambda: form.save(session, filled), self._saved, self._refused, keep_all=True)

    def _saved(self, saved: Saved) -> None:
        screen = self._screen
        atlas = screen.atlas
        self.is_under_way = False
        screen.drop_draft()
        is_seen = atlas.seen is screen
        screen.leave(is_done=True)
        if saved.link is not None and is_seen:
            atlas.navigation.go(saved.link)
        atlas.flash(saved.text, "ok", None if is_seen else saved.link)
        if saved.handout is not None:
            from atlas_tui.screens.handout import HandoutScreen

            atlas.push_screen(HandoutScreen(saved.handout))

    def _refused(self, error: AtlasError) -> None:
        self.is_under_way, self._asked_about = False, None
        self.show_refusal(error)

    def show_refusal(self, error: AtlasError, *, quietly: bool = False) -> None:
        """Put a refusal where it belongs: into its field, into the fields somebody else changed, or on the flash line.

        Args:
            error: What storage said.
            quietly: Nothing was saved yet: mark the fields, and leave the flash line and the focus alone.
        """
        from storage.edits import EditConflict

        screen = self._screen
        if isinstance(error, EditConflict):
            by = f"{error.by.actor}, {screen.times.ago(error.by.at)} ago" if error.by is not None else ""
            _, both = screen.state.meet({key: now for key, (_, now) in error.theirs.items()}, by)
            if not quietly:
                first = next((field.key for field in screen.state.visible() if field.key in both), None)
                self._enter(first)
                screen.atlas.flash(
                    "Not saved: changed meanwhile. Look at the fields marked !, then save again.", "warn"
                )
            return
        if isinstance(error, InvalidInput | Conflict):
            name = error.field if isinstance(error, InvalidInput) else str(error).partition(":")[0]
            if (field := screen.state.refuse(name, str(error))) is not None:
                if not quietly:
                    self._enter(field.key)
                    screen.atlas.flash("Not saved.", "bad")
                return
        if quietly:
            return
        kept = " Your draft is kept." if isinstance(error, Forbidden) else ""
        screen.atlas.flash(f"Not saved: {error}{kept}", "bad")

    def _enter(self, key: str | None) -> None:
        if self._screen.is_whole:
            self._screen.body.enter(key)
            self._screen.show_form()
