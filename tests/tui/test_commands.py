"""One registry: what is bound, what help and docs say, and what a person may change."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from atlas_tui.app import AtlasApp
from atlas_tui.cli import parser as parser_of_all
from atlas_tui.command import Where
from atlas_tui.commands import REGISTRY, actions, applying, by_word
from atlas_tui.keymap import NEVER_BOUND, SCREENS, bindings, render_keys_markdown, resolve, textual_key, words
from atlas_tui.screens.help import Help, Palette, spread
from atlas_tui.screens.navigation import _CLASSES
from storage.errors import InvalidInput

ROOT = Path(__file__).parents[2]


def every_screen() -> dict[str, Any]:
    def never() -> Any:
        raise AssertionError("no database is opened here")

    with AtlasApp(never, theme_name="atlas-dark")._context():
        return {
            view.value: getattr(importlib.import_module(f"atlas_tui.screens.{module}"), name)(resolve({}))
            for view, (module, name) in _CLASSES.items()
        }


def test_no_key_means_two_things_in_one_place() -> None:
    keymap = resolve({})
    for places in SCREENS:
        taken: dict[str, str] = {}
        for command in applying(*places):
            for key in keymap.get(command.id, ()):
                assert textual_key(key) not in taken, (places, key, command.id, taken[textual_key(key)])
                taken[textual_key(key)] = command.id


def test_every_bound_command_is_done_by_the_screen_or_the_app() -> None:
    from atlas_tui.screens.app_commands import AppCommands

    for name, screen in every_screen().items():
        for command in screen.commands:
            if command.id.startswith("list_"):
                assert hasattr(screen.table, f"action_{command.id.removeprefix('list_')}"), (name, command.id)
            else:
                done = hasattr(screen, f"command_{command.id}") or hasattr(AppCommands, f"command_{command.id}")
                assert done, (name, command.id)


def test_help_docs_and_bindings_agree_on_every_screen() -> None:
    keymap = resolve({})
    page = render_keys_markdown(keymap)
    for name, screen in every_screen().items():
        bound: dict[str, set[str]] = {}
        for key, binding in screen._bindings:
            bound.setdefault(binding.id or "", set()).add(key)
        helped = {
            entry.id: entry
            for entry in Help(screen.all_commands(), (*screen.PLACES, Where.ACTION, Where.EVERYWHERE), keymap).found("")
            if entry.id
        }
        for command in screen.commands:
            assert bound.get(command.id, set()) == {textual_key(key) for key in command.keys}, (name, command.id)
            assert helped[command.id].text == command.help
            if command.keys:
                assert helped[command.id].keys == words(command.id, keymap)
            assert f"`{command.id}`" in page
            assert command.help in page
        assert set(bound) <= {command.id for command in screen.commands}, name


def test_what_changes_data_has_no_key_of_its_own() -> None:
    assert {"check", "cancel", "retry", "enable", "disable", "set_default", "revoke_consent", "delete_connection"} <= {
        command.id for command in actions()
    }
    for command in actions():
        assert not command.keys
        assert command.letter
    letters = [command.letter for command in actions()]
    assert len(letters) == len(set(letters))


def test_every_word_of_the_command_bar_is_one_command() -> None:
    worded = [command for command in REGISTRY.values() if command.word]
    assert len(by_word()) == len(worded)


@pytest.mark.parametrize("key", [*NEVER_BOUND, "ctrl+shift+x", "alt+x"])
def test_keys_that_terminals_take_are_refused_by_name(key: str) -> None:
    with pytest.raises(InvalidInput, match=r"keys\.reload: .*never bound") as caught:
        resolve({"reload": key})
    assert key in str(caught.value)


def test_an_unknown_command_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"keys\.explode: is not a command") as caught:
        resolve({"explode": "f5"})
    assert "reload" in caught.value.hint


def test_a_mutation_cannot_be_given_a_key() -> None:
    with pytest.raises(InvalidInput, match=r"keys\.check"):
        resolve({"check": "f9"})


def test_a_key_that_is_taken_in_the_same_place_is_refused() -> None:
    with pytest.raises(InvalidInput, match="`filter`"):
        resolve({"reload": "/"})


def test_a_key_of_another_place_may_be_used_twice() -> None:
    assert resolve({"linked_audit": "!"})["linked_audit"] == ("!",)


def test_the_way_back_cannot_be_taken_away() -> None:
    with pytest.raises(InvalidInput, match=r"keys\.back: needs a key"):
        resolve({"back": ""})


def test_nonsense_is_no_key() -> None:
    with pytest.raises(InvalidInput, match=r"keys\.reload: is not the name of a key"):
        resolve({"reload": "ctrl++x"})


def test_other_keys_are_bound_helped_and_documented() -> None:
    keymap = resolve({"reload": "f5, ctrl+e", "filter": ","})
    assert keymap["reload"] == ("f5", "ctrl+e")
    assert keymap["filter"] == (",",)
    assert {binding.key for binding in bindings((REGISTRY["filter"],), keymap)} == {"comma"}
    assert "| f5 ctrl+e | `:reload` |" in render_keys_markdown(keymap)


def test_the_palette_finds_a_command_by_a_few_letters() -> None:
    screen = every_screen()["connections"]
    palette = Palette(screen.all_commands(), resolve({}), ("north", "south"))
    assert palette.found("chk")[0].id == "check"
    assert palette.found("pause")[0].id == "pause"
    assert palette.found("south")[0].id == "workspace south"
    assert palette.found("qqq") == []
    assert spread("ab", "xaxb") == 201


def test_every_command_that_the_docs_name_exists() -> None:
    """`:word` is a command of the bar, `atlas-tui word word` one of the command line; in the docs, in help and in hints alike."""
    pages = [*ROOT.glob("docs/*.md"), ROOT / "README.md", *ROOT.glob("storage/*.toml")]
    named = {
        (page.name, text) for page in pages for text in re.findall(r"(?<![\w:`/])`?:([a-z][a-z-]+)\b", page.read_text())
    }
    assert len(named) > 60, "the pattern finds none any more"
    words, parser = by_word(), parser_of_all()
    assert {(page, word) for page, word in named if word not in words} == set()
    lines = {(page.name, line) for page in pages for line in _command_lines(page.read_text())}
    assert {(page, line) for page, line in lines if not _is_command(parser, line.split())} == set()


def _command_lines(text: str) -> list[str]:
    return re.findall(r"(?:`|^(?:\$ )?)atlas-tui ((?:[a-z][a-z-]+ ?)+)", text, re.MULTILINE)


def _is_command(parser: Any, words: list[str]) -> bool:
    """Whether the words lead to a command; what stands behind it is its own affair."""
    from argparse import _SubParsersAction

    for word in words:
        inner = next((action for action in parser._actions if isinstance(action, _SubParsersAction)), None)
        if inner is None:
            return True
        if word not in inner.choices:
            return False
        parser = inner.choices[word]
    return True
