"""What a form remembers: nothing that was typed is overwritten, and both sides of a change are there to choose from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_tui.widgets.form_field import Field, Kind, Option, harmless, optional, read_list, show_list
from atlas_tui.widgets.form_state import FormState, Remark
from storage.errors import InvalidInput

KINDS = Field("kind", "Kind", Kind.CHOICE, options=(Option("own", "own"), Option("shared", "shared")))
NAME = Field("name", "Name", is_required=True, also_called=("thing name",), hint="Such as Contoso.")


def read_number(text: str) -> int:
    if not text.isdigit():
        raise InvalidInput("port", "is not a number", "Such as 443.")
    return int(text)


PORT = Field("port", "Port", read=optional(read_number), shown_when=lambda texts: texts["kind"] == "own")
TAGS = Field("tags", "Tags", read=read_list, show=show_list)
SECRET = Field("key", "Key", Kind.SECRET)
THERE = {"name": "Contoso", "kind": "own", "port": 443, "tags": ("gold", "vip")}


@pytest.fixture
def state() -> FormState:
    return FormState((NAME, KINDS, PORT, TAGS, SECRET), THERE)


def text_of(state: FormState, key: str) -> str:
    remark = state.remark(key)
    return "" if remark is None else remark.text


def test_what_is_stored_is_shown_as_text_and_nothing_has_changed(state: FormState) -> None:
    assert state.texts() == {"name": "Contoso", "kind": "own", "port": "443", "tags": "gold, vip", "key": ""}
    assert state.changed() == ()
    assert state.document() == {}


def test_a_change_is_read_as_a_value_and_what_was_put_back_is_none(state: FormState) -> None:
    state.put("port", "8443")
    state.put("tags", "vip,  gold, vip")
    assert state.changes() == {"port": 8443, "tags": ("vip", "gold")}
    state.put("port", "443")
    assert set(state.changes()) == {"tags"}


def test_a_field_that_does_not_apply_is_neither_checked_nor_saved(state: FormState) -> None:
    state.put("port", "nonsense")
    state.put("kind", "shared")
    assert [field.key for field in state.visible()] == ["name", "kind", "tags", "key"]
    assert state.changes() == {"kind": "shared"}
    assert state.first_bad() is None


def test_what_cannot_be_read_is_said_at_once_and_left_out_of_the_changes(state: FormState) -> None:
    state.put("port", "44x")
    assert text_of(state, "port") == "port: is not a number. Such as 443."
    assert state.first_bad() == PORT
    assert state.changes() == {}


def test_a_missing_value_is_said_only_after_the_field_was_touched() -> None:
    state = FormState((NAME,), {})
    assert state.remark("name") is None
    state.touch(["name"])
    assert text_of(state, "name") == "Name: is needed. Such as Contoso."


def test_a_refusal_of_storage_finds_its_field_by_the_name_people_know_and_goes_when_it_is_edited(
    state: FormState,
) -> None:
    assert state.refuse("thing name", "thing name: is taken") == NAME
    assert text_of(state, "name") == "thing name: is taken"
    state.put("name", "Fabrikam")
    assert state.remark("name") is None
    assert state.refuse("colour", "colour: is odd") is None


def test_a_newer_answer_of_the_database_replaces_the_one_before(state: FormState) -> None:
    state.note({"name": Remark("It is there already.")}, ["name"])
    assert text_of(state, "name") == "It is there already."
    state.note({}, ["name"])
    assert state.remark("name") is None


def test_an_untouched_field_follows_what_somebody_else_stored(state: FormState) -> None:
    state.put("name", "Contoso Ltd")
    assert state.meet({"port": 80, "name": "Contoso"}) == (("port",), ())
    assert state.text("port") == "80"
    assert state.changes() == {"name": "Contoso Ltd"}
    assert state.seen()["port"] == 80


def test_a_field_that_both_changed_keeps_mine_and_shows_theirs(state: FormState) -> None:
    state.put("name", "Mine")
    assert state.meet({"name": "Theirs"}, "dana, 3m ago") == ((), ("name",))
    assert state.text("name") == "Mine"
    assert text_of(state, "name") == "Changed meanwhile (by dana, 3m ago). Now: Theirs. Saving keeps yours."
    assert state.remark("name").level == "warn"  # type: ignore[union-attr]
    assert state.first_bad() is None
    assert (state.seen()["name"], state.changes()) == ("Theirs", {"name": "Mine"})


def test_theirs_can_be_taken_and_mine_taken_back(state: FormState) -> None:
    state.put("name", "Mine")
    state.meet({"name": "Theirs"})
    assert state.swap("name")
    assert (state.text("name"), state.changes()) == ("Theirs", {})
    assert state.swap("name")
    assert state.text("name") == "Mine"
    assert not state.swap("port")


def test_both_changed_to_the_same_is_no_conflict(state: FormState) -> None:
    state.put("name", "Same")
    assert state.meet({"name": "Same"}) == ((), ())
    assert state.changed() == ()


def test_a_draft_fills_the_form_again_and_tells_what_changed_underneath(state: FormState) -> None:
    state.put("name", "Mine")
    state.put("port", "80")
    later = FormState(state.fields, THERE | {"name": "Theirs"})
    later.resume(state.document())
    assert (later.text("name"), later.text("port")) == ("Mine", "80")
    assert text_of(later, "name").startswith("Changed meanwhile. Now: Theirs.")
    assert later.remark("port") is None


def test_a_secret_is_neither_remembered_nor_in_a_draft(state: FormState) -> None:
    state.put("key", "hunter2")
    assert "hunter2" not in repr((state.texts(), state.document(), state.values(), state.changes()))


def test_a_required_secret_is_missing_until_there_is_something_in_its_field() -> None:
    state = FormState((Field("key", "Key", Kind.SECRET, is_required=True),), {})
    state.touch(["key"])
    assert text_of(state, "key") == "Key: is needed."
    state.fill("key", True)
    assert state.remark("key") is None
    assert state.has_secrets
    state.fill("key", False)
    assert text_of(state, "key") == "Key: is needed."


def test_a_draft_from_another_version_of_the_form_does_no_harm(state: FormState) -> None:
    state.resume({"gone": "x", "kind": "purple", "key": "hunter2", "name": "Kept"})
    assert state.texts() == {"name": "Kept", "kind": "own", "port": "443", "tags": "gold, vip", "key": ""}


def test_a_fixed_field_is_never_changed() -> None:
    state = FormState((Field("id", "Id", fixed="settled"),), {"id": "1"})
    state.put("id", "2")
    assert state.changed() == ()
    assert state.document() == {}


def test_forgetting_goes_back_to_what_is_stored(state: FormState) -> None:
    state.put("name", "Mine")
    state.meet({"name": "Theirs"})
    state.forget()
    assert state.text("name") == "Theirs"
    assert state.remark("name") is None


@given(st.text())
def test_stored_text_reaches_the_terminal_without_control_bytes(text: str) -> None:
    shown = harmless(text)
    assert all(character == "\n" or (character.isprintable() or character == " ") for character in shown)


@given(
    typed=st.lists(st.sampled_from(["mine", "theirs", "base", ""]), max_size=6),
    stored=st.lists(st.sampled_from(["theirs", "base", "else"]), max_size=4),
)
def test_whatever_happens_underneath_what_was_typed_last_is_still_there(typed: list[str], stored: list[str]) -> None:
    state = FormState((Field("name", "Name"),), {"name": "base"})
    mine: Any = None
    for text in typed:
        state.put("name", text)
        mine = text
    for text in stored:
        touched = state.changed() != ()
        state.meet({"name": text})
        if touched:
            assert state.text("name") == mine
            mine = state.text("name")
        else:
            mine = state.text("name")
            assert mine == text
