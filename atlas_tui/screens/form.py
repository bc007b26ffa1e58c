"""A form on the whole screen: what is only read above, the fields, what is wrong, what saving will do.

Promise: it fits 24 lines and scrolls beyond; what is typed is checked at once and kept as a draft at every pause; nothing but its own key,
its button and `:w` saves, and twice pressed saves once; Esc leaves and keeps the draft. Nothing that was typed is lost when somebody else
was faster or the right to save is gone.

Must not know: which forms there are (`form_opening`), what their fields mean (`form_definition`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from textual import events, on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Button, Input, TextArea

from atlas_tui.command import Where
from atlas_tui.keymap import Keymap, key_word
from atlas_tui.links import Link, View
from atlas_tui.screens.form_definition import Filled, Form, Loaded, LookedUp
from atlas_tui.screens.form_drafting import KeepsDraft
from atlas_tui.screens.form_fields import ticket_field
from atlas_tui.screens.form_saving import SaveFlow
from atlas_tui.screens.form_text import foot_lines, head_lines
from atlas_tui.screens.scrolled import Scrolled
from atlas_tui.widgets.form_body import FormBody, FormEdited
from atlas_tui.widgets.form_inputs import FieldLeft
from atlas_tui.widgets.form_secret import SecretField
from atlas_tui.widgets.form_state import FormState
from atlas_tui.widgets.key_hints import Hint
from atlas_tui.widgets.menu import Menu, MenuItem
from storage.errors import AtlasError
from storage.states import Topic

if TYPE_CHECKING:
    from storage.drafts import Draft

AROUND: Final = 7
"""Lines that are neither head, fields nor consequences: four around every screen, two about the field, the buttons."""

LEAST: Final = 2
"""Lines for what saving will do, however many fields there are."""

_HERE: Final = frozenset(
    {"back", "help", "palette", "command_bar", "redraw", "suspend", "how_to_quit", "pause", "zone", "quit"}
)
"""Commands of the whole dashboard that a form has too; letters and digits belong to the fields."""


class FormScreen(KeepsDraft):
    """The form.

    Args:
        keymap: Which keys the commands have.
        form: What it is.
        loaded: What it begins with.
        draft: What was typed before.
    """

    VIEW = View.CONNECTION
    PLACES = (Where.FORM,)

    def __init__(self, keymap: Keymap, form: Form, loaded: Loaded, draft: Draft | None) -> None:
        super().__init__(keymap)
        self.form = form
        self.loaded = loaded
        self.looked_up = LookedUp()
        self.draft = draft
        fields = (*loaded.fields, *((ticket_field(),) if form.TAKES_TICKET else ()))
        self.state = FormState(fields, loaded.there)
        if draft is not None:
            self.state.resume(draft.document)
        self.commands = tuple(
            command for command in self.commands if command.id in _HERE or Where.FORM in command.where
        )
        self.saving = SaveFlow(self)
        self.had_draft = draft is not None
        self._rebind()

    def _rebind(self) -> None:
        from textual.binding import BindingsMap

        from atlas_tui.keymap import bindings

        # The letters among the keys of the whole dashboard are left out: in a form they are typed.
        kept = [
            binding
            for binding in bindings(self.commands, self.keymap)
            if len(binding.key) > 1 or binding.id in ("actions", "command_bar", "help")
        ]
        self._bindings = BindingsMap(kept)

    # What it is made of

    def compose_body(self) -> Iterable[Widget]:
        """What is read, the fields, what is to be said, the buttons."""
        yield Scrolled(id="form-head")
        yield FormBody(self.state, id="form-body")
        yield Scrolled(id="form-foot")
        with Horizontal(id="form-buttons"):
            yield Button("Save", id="form-save", compact=True)
            yield Button("Leave", id="form-leave", compact=True)
            yield Button("More", id="form-more", compact=True)

    def on_mount(self) -> None:
        """The first field has the focus."""
        self.body.enter()
        self.show_form()
        self._ask_database()

    @property
    def body(self) -> FormBody:
        """The fields."""
        return self.query_one("#form-body", FormBody)

    def tab(self) -> View:
        """The form's."""
        return self.form.TAB

    def crumb(self) -> str:
        """What it is called."""
        return self.form.title

    def link(self) -> Link:
        """The page behind it: a form is no place to come back to by `-`."""
        behind = self.atlas.navigation.behind()
        return behind.link() if behind is not None else Link(self.form.TAB)

    def hints(self) -> Sequence[Hint]:
        """The keys that work where the focus is: a key that would be typed into the field is not offered."""
        is_typing = isinstance(self.focused, Input | TextArea | SecretField)
        shown = sorted((command for command in self.commands if command.hint), key=lambda command: command.hint)
        found = []
        for command in shown:
            keys = [key for key in self.keymap.get(command.id, ()) if len(key) > 1 or not is_typing]
            if keys:
                found.append(Hint(key_word(keys[0]), command.label))
        return found

    # Painting

    def show_form(self) -> None:
        """Everything around the fields, and the fields' markers."""
        if not self.is_whole:
            return
        width, height = self.size.width or 80, self.size.height or 24
        head = head_lines(self.loaded, self.draft, self.times, width)
        top = self.query_one("#form-head", Scrolled)
        top.styles.height = min(len(head), max(1, height // 3))
        top.show(lambda _: head)
        foot = self.query_one("#form-foot", Scrolled)
        free = height - AROUND - len(head) - self.body.lines_wanted
        lines = foot_lines(
            self._about_field(), self._consequences(), width, max(LEAST, free), is_unchanged=self.is_unchanged
        )
        foot.styles.height = len(lines)
        self.saving.take_back()
        foot.show(lambda _: lines)
        self.body.show_state()

    def _about_field(self) -> tuple[str, str]:
        """What is to be said about the field that has the focus: style and sentence."""
        field = self.body.current
        if field is None:
            bad = self.state.first_bad()
            return ("bad", self._remark_text(bad.key)[1]) if bad is not None else ("muted", "")
        style, text = self._remark_text(field.key)
        return (style, text) if text else ("muted", field.hint)

    def _remark_text(self, key: str) -> tuple[str, str]:
        remark = self.state.remark(key)
        text = "" if remark is None else remark.text
        if self.state.is_contested(key) and (keys := self.keymap.get("take_theirs")):
            text = f"{text} {key_word(keys[0])} changes between yours and theirs.".strip()
        return ("warn" if remark is None else remark.level), text

    @property
    def is_unchanged(self) -> bool:
        """Whether there is nothing to save: an edit in which at most the ticket was filled in."""
        return self.form.IS_EDIT and not set(self.state.changed()) - {"ticket"} and not self.state.has_secrets

    def _consequences(self) -> tuple[str, ...]:
        return () if self.is_unchanged else tuple(self.looked_up.consequences)

    def show_ages(self) -> None:
        """Ages that read differently now."""
        self.show_form()

    def on_resize(self, event: events.Resize) -> None:
        """Another size."""
        self.show_form()

    def on_descendant_focus(self) -> None:
        """Another field: what is to be said is about that one."""
        self.show_hints()
        self.show_form()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """A field was left: from now on it may be said that something is missing in it."""
        if (key := getattr(event.widget, "key", None)) is not None:
            self.state.touch((key,))

    # Typing

    @on(FormEdited)
    def _edited(self, event: FormEdited) -> None:
        event.stop()
        self.show_form()
        self.wait_for_pause()

    def after_pause(self) -> None:
        """What was typed so far is worth a question."""
        self._ask_database()

    def _ask_database(self) -> None:
        session, form, filled = self.session, self.form, self.filled()

        def took(found: LookedUp) -> None:
            self.take_looked_up(found)

        # What would refuse the save is said when it is saved; until then the form may be half filled in.
        self.ask("look up", lambda: form.look_up(session, filled), took, self._not_looked_up)

    def _not_looked_up(self, error: AtlasError) -> None:
        self.looked_up = LookedUp()
        self.saving.show_refusal(error, quietly=True)
        self.show_form()

    def take_looked_up(self, found: LookedUp) -> None:
        """The database's answer about what was typed."""
        self.looked_up = found
        self.state.note(found.remarks, (field.key for field in self.state.fields))
        self.show_form()

    def filled(self, secrets: Mapping[str, str] | None = None) -> Filled:
        """What is filled in now."""
        values, changes = self.state.values(), self.state.changes()
        ticket = values.pop("ticket", None) or None
        changes.pop("ticket", None)
        seen = {key: value for key, value in self.state.seen().items() if key != "ticket"}
        return Filled(seen, changes, values, ticket, secrets or {})

    # Moving

    def command_next_field(self) -> None:
        """The next field or button."""
        self.focus_next()

    def command_previous_field(self) -> None:
        """The one before."""
        self.focus_previous()

    @on(FieldLeft)
    def _left_field(self, event: FieldLeft) -> None:
        event.stop()
        self.focus_next() if event.step > 0 else self.focus_previous()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        {
            "form-save": self.command_save,
            "form-leave": self.command_back,
            "form-more": self.command_actions,
        }[event.button.id or ""]()

    # Commands

    def command_save(self) -> None:
        """Save."""
        self.saving.begin()

    def command_back(self) -> None:
        """Leave; what was typed is kept."""
        self.keep_draft()
        kept = bool(self.state.document())
        self.leave()
        if kept:
            self.atlas.flash(f"Draft kept: {self.form.title}. Open the form again, or :drafts, to go on.", "ok")

    def leave(self, *, is_done: bool = False) -> None:
        """Close the form.

        Args:
            is_done: It was saved: there is nothing to keep.
        """
        self.is_done = is_done
        if self.is_whole:
            self.body.forget_secrets()
        if self.app.screen is self:
            self.app.pop_screen()

    def command_take_theirs(self) -> None:
        """What somebody else put into this field instead of what was typed here, or back."""
        field = self.body.current
        if field is None or not self.state.is_contested(field.key) or not self.state.swap(field.key):
            self.atlas.flash("Nobody else changed this field meanwhile.")
            return
        self.body.show_state()
        self.show_form()
        self.wait_for_pause()

    def command_actions(self) -> None:
        """What can be done with the form."""
        nothing = "" if self.state.document() else "Nothing was changed here."
        theirs = "" if self.body.current is not None else "Go to a field that somebody else changed."
        items = [
            MenuItem("save", "w", "Save"),
            MenuItem("take_theirs", "t", "Take theirs, or yours again", theirs),
            MenuItem("discard_draft", "d", "Discard the draft", nothing),
        ]
        self.app.push_screen(Menu(self.form.title, items), lambda id: self.do(id) if id is not None else None)

    # Changes underneath

    def changed(self, topics: frozenset[Topic]) -> None:
        """Something changed while the form is open."""
        if topics & self.form.TOPICS:
            self.reload()

    def miss(self, topics: frozenset[Topic]) -> None:
        """The same while a question is on top of it."""
        self._missed = self._missed or bool(topics & self.form.TOPICS)

    def reload(self) -> None:
        """Read what is stored now."""
        session, form = self.session, self.form
        if not self.saving.is_under_way:
            self.ask("form", lambda: form.load(session), self._reloaded, lambda error: None)

    def _reloaded(self, loaded: Loaded) -> None:
        if self.saving.is_under_way:
            return
        self.loaded = loaded
        follow, both = self.state.meet(loaded.there)
        if follow or both:
            labels = {field.key: field.label for field in self.state.fields}
            names = ", ".join(labels[key] for key in (*both, *follow))
            self.atlas.flash(f"Changed meanwhile by somebody else: {names}.", "warn")
            self._ask_database()
        self.show_form()
