"""A secret in a form: it goes to the save and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlas_tui.screens.form_definition import Filled, Form, Loaded, Saved
from atlas_tui.screens.form_opening import open_form
from atlas_tui.widgets.form_field import Field, Kind

CANARY = "Zx9~canary-typed-into-a-form"


class KeepsASecret(Form):
    """A form with a secret field, as the one for credentials has it."""

    def __init__(self, workspace_id: int, answers: list[Exception | None]) -> None:
        super().__init__("test.secret", "connection:1", "Store a secret")
        self.workspace_id = workspace_id
        self.answers = answers
        self.got: list[Mapping[str, str]] = []

    def load(self, session: Any) -> Loaded:
        fields = (Field("label", "Label"), Field("value", "Secret", Kind.SECRET, is_required=True))
        return Loaded(fields, {}, self.workspace_id)

    def save(self, session: Any, filled: Filled) -> Saved:
        self.got.append(dict(filled.secrets))
        assert CANARY not in repr(filled)
        if (answer := self.answers.pop(0)) is not None:
            raise answer
        return Saved("stored")


async def test_a_secret_goes_to_the_save_and_nowhere_else(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    from textual import events

    from storage.errors import Conflict

    form = KeepsASecret(small_fleet.workspace, [Conflict("Not now."), None])
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, form)
        await terminal.settle()
        await terminal.settle()
        await forms.write(terminal, "visible label")
        await forms.saved(terminal)
        assert form.got == [], "it is required"
        field = terminal.app.screen.focused
        assert field.key == "value"
        field.post_message(events.Paste(CANARY[:-3] + "\n"))
        await terminal.settle()
        await forms.write(terminal, CANARY[-3:])
        picture = terminal.app.export_screenshot()
        terminal.bytes_written()
        assert "visible" in picture
        assert "visible label" in terminal.text(), "the positive control"
        sent = "".join(terminal.app._driver.sent)
        for place in (picture, sent, terminal.text(), repr(field), repr(terminal.app.screen.state.__dict__)):
            assert CANARY not in place
            assert CANARY[:-3] not in place
        (draft,) = forms.drafts(small_fleet)
        assert draft.document["label"] == "visible label"
        assert set(draft.document) == {"label", "was.label", "form.title"}
        length_before = terminal.text()
        await terminal.pilot.press("z")
        await terminal.settle()
        assert terminal.text() == length_before, "not even its length is shown"
        await terminal.press("backspace")
        await forms.saved(terminal)
        assert terminal.shows("Not now.")
        await forms.saved(terminal)
        assert terminal.shows("stored")
        assert not field.is_filled
    assert form.got == [{"value": CANARY}, {"value": CANARY}]
    assert forms.drafts(small_fleet) == ()
    files = Path(small_fleet.address).parent.iterdir()
    assert all(CANARY.encode() not in path.read_bytes() for path in files)


async def test_leaving_a_form_empties_its_secret(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, KeepsASecret(small_fleet.workspace, []))
        await terminal.settle()
        await terminal.settle()
        await terminal.press("tab")
        field = terminal.app.screen.focused
        await forms.write(terminal, "abc")
        assert field.is_filled
        await terminal.press("escape")
        assert not field.is_filled


async def test_the_cursor_of_a_secret_is_there_while_it_has_the_focus(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, KeepsASecret(small_fleet.workspace, []))
        await terminal.settle()
        await terminal.settle()
        assert not terminal.shows("_ type or paste it")
        await terminal.press("tab")
        assert terminal.shows("_ type or paste it")
        await forms.write(terminal, "abc")
        assert terminal.shows("........_")
        await terminal.press("shift+tab")
        assert terminal.shows("........ ")
        await terminal.press("escape")


async def test_what_is_typed_behind_a_tab_in_one_piece_arrives_in_the_next_field(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    """A password manager types so, and so does a slow line."""
    from textual import events

    form = KeepsASecret(small_fleet.workspace, [None])
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, form)
        await terminal.settle()
        await terminal.settle()
        keys = [(letter, letter) for letter in "label"] + [("tab", None)] + [(letter, letter) for letter in "secret"]
        for key, character in [*keys, ("shift+tab", None), ("s", "s")]:
            terminal.app.post_message(events.Key(key, character))
        await terminal.settle()
        await terminal.settle()
        assert terminal.app.screen.state.text("label") == "labels"
        await forms.saved(terminal)
        assert terminal.shows("stored")
    assert form.got == [{"value": "secret"}]
