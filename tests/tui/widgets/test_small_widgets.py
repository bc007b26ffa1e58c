"""The lines around a list, and what asks and answers over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.widget import Widget
from textual.widgets import Button, Input

import atlas_tui
from atlas_tui.cells import width_of
from atlas_tui.widgets.confirm import Confirm
from atlas_tui.widgets.filter_line import FilterAccepted, FilterChanged, FilterClosed, FilterLine
from atlas_tui.widgets.flash_line import FlashLine
from atlas_tui.widgets.key_hints import Hint, KeyHints
from atlas_tui.widgets.lines import PaintedLines
from atlas_tui.widgets.menu import Menu, MenuItem
from atlas_tui.widgets.status_line import Segment, StatusLine
from atlas_tui.widgets.tab_line import Tab, TabLine

sizes = pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
NASTY = "[/x] \x1b[31m日本語 \u202e" + "long " * 2000
TABS = [Tab("1", "Attention", 4), Tab("2", "Connections"), Tab("3", "Runs"), Tab("4", "Tenants"), Tab("5", "Audit")]


def every_line_fits(terminal: Any) -> bool:
    return all(
        sum(width_of(part.text) for part in line) == widget.size.width
        for widget in terminal.app.screen.query(PaintedLines)
        for line in widget.lines
    )


@sizes
async def test_nothing_from_outside_breaks_any_line(run: Any, size: Any) -> None:
    status, tabs, flash, hints = StatusLine(), TabLine(TABS, "2"), FlashLine(), KeyHints()
    async with run(status, tabs, flash, hints, size=size) as terminal:
        status.show([Segment(NASTY)], [Segment("live 14:02Z")])
        tabs.show(TABS, "2", NASTY)
        flash.flash(NASTY, "bad")
        hints.show([Hint("x", "actions"), Hint("q", NASTY)])
        await terminal.settle()
        assert every_line_fits(terminal)
        screen = terminal.display()
        assert screen[0].rstrip().endswith("live 14:02Z")
        assert "x actions" in screen[3]
        assert "[/x]" in screen[2]
        assert "\x1b[31m日" not in "".join(terminal.driver.sent)


async def test_the_status_line_drops_what_matters_least(run: Any) -> None:
    line = StatusLine()
    async with run(line) as terminal:
        left = [Segment("ATLAS", "title", 3), Segment("north-msp"), Segment("alice/operator", priority=1)]
        right = [Segment("workers 2", priority=2), Segment("live 14:02Z")]
        line.show(left, right)
        await terminal.settle()
        assert [part for part in terminal.display()[0].split("  ") if part] == [
            " ATLAS", "north-msp", "alice/operator", "workers 2", "live 14:02Z "
        ]  # fmt: skip
        line.styles.width = 45
        await terminal.settle()
        assert terminal.display()[0].split() == ["north-msp", "alice/operator", "live", "14:02Z"]
        line.styles.width = 26
        await terminal.settle()
        assert terminal.display()[0].split() == ["north-msp", "live", "14:02Z"]


@sizes
async def test_the_same_again_writes_nothing(run: Any, size: Any) -> None:
    status, tabs = StatusLine(), TabLine(TABS, "2")
    async with run(status, tabs, size=size) as terminal:
        for _ in range(2):
            terminal.bytes_written()
            status.show([Segment("north-msp")], [Segment("live", "ok")])
            tabs.show(TABS, "2")
            tabs.show_place(12, 1204)
            await terminal.settle()
        assert terminal.bytes_written() == 0


@sizes
async def test_a_step_of_the_cursor_writes_the_place_and_not_the_tabs(run: Any, size: Any) -> None:
    tabs = TabLine(TABS, "2")
    async with run(tabs, size=size) as terminal:
        tabs.show_place(12, 1_204)
        await terminal.settle()
        assert terminal.display()[0].endswith(" 12/1,204 ")
        terminal.bytes_written()
        tabs.show_place(13, 1_204)
        await terminal.settle()
        assert 0 < terminal.bytes_written() < 100
        tabs.show_place(None, 1_204, False)
        await terminal.settle()
        assert terminal.display()[0].endswith(" ~1,204 ")


async def test_all_tabs_and_a_place_fit_80_columns(run: Any) -> None:
    tabs = TabLine([*TABS, Tab("6", "Health")], "2")
    async with run(tabs) as terminal:
        tabs.show_place(12, 1_204)
        await terminal.settle()
        assert terminal.display()[0] == (
            " 1 Attention 4  2 Connections  3 Runs  4 Tenants  5 Audit  6 Health".ljust(71) + "12/1,204 "
        )


async def test_tabs_shrink_to_their_keys_and_the_current_one_is_in_reverse(run: Any) -> None:
    tabs = TabLine(TABS, "2")
    async with run(tabs) as terminal:
        assert terminal.display()[0].startswith(" 1 Attention 4  2 Connections  3 Runs ")
        tabs.styles.width = 50
        await terminal.settle()
        line = terminal.display()[0]
        assert line.startswith(" 1 Attention 4  2 Connections  3  4  5 ")
        tabs.styles.width = 40
        await terminal.settle()
        assert terminal.display()[0].startswith(" 1  2 Connections  3  4  5 ")
        tabs.styles.width = 50
        await terminal.settle()
        reversed_text = "".join(c.data for c in terminal.styles()[0] if c.reverse)
        assert reversed_text == " 2 Connections "


async def test_flash_says_one_thing_and_remembers_the_others(run: Any) -> None:
    line = FlashLine()
    async with run(line) as terminal:
        line.flash("queued: Connection check", "ok")
        line.flash("[bold]refused[/]", "warn")
        await terminal.settle()
        assert terminal.display()[0].startswith(" ! [bold]refused[/]")
        assert [flash.level for flash in line.said] == ["ok", "warn"]
        line.clear()
        await terminal.settle()
        assert terminal.display()[0].strip() == ""
        for number in range(200):
            line.flash(str(number))
        assert len(line.said) == 50


async def test_hints_that_do_not_fit_are_left_out_whole(run: Any) -> None:
    line = KeyHints([Hint("enter", "open"), Hint("x", "actions", allowed=False), Hint("?", "help " * 20)])
    async with run(line) as terminal:
        assert terminal.display()[0].rstrip() == " enter open  x actions"


class _Listener(Widget):
    """Keeps the filter's messages."""

    DEFAULT_CSS = "_Listener { height: 1; layout: vertical; }"

    def __init__(self, line: FilterLine) -> None:
        super().__init__()
        self.line = line
        self.heard: list[FilterChanged] = []

    def compose(self) -> Any:
        yield self.line

    def on_filter_changed(self, message: FilterChanged) -> None:
        self.heard.append(message)

    def on_filter_accepted(self, message: FilterAccepted) -> None:
        self.heard.append(message)

    def on_filter_closed(self, message: FilterClosed) -> None:
        self.heard.append(message)


async def test_a_filter_is_typed_accepted_recalled_and_closed(run: Any) -> None:
    line = FilterLine()
    listener = _Listener(line)
    async with run(listener) as terminal:
        assert not line.display
        line.open()
        assert terminal.app.focused is line, "what is typed at once arrives here"
        await terminal.press("q", "j", "[", "enter")
        assert not line.display
        assert [(type(m), m.text) for m in listener.heard] == [
            (FilterChanged, "q"),
            (FilterChanged, "qj"),
            (FilterChanged, "qj["),
            (FilterAccepted, "qj["),
        ]
        line.open("qj[")
        await terminal.press("x", "escape")
        assert (type(listener.heard[-1]), listener.heard[-1].text) == (FilterClosed, "qj[")
        line.open()
        await terminal.press("up")
        assert line.value == "qj["
        await terminal.press("down")
        assert line.value == ""
        assert line.history == ("qj[",)


async def test_an_open_filter_does_not_blink(run: Any) -> None:
    line = FilterLine()
    async with run(line) as terminal:
        line.open()
        await terminal.settle()
        assert line.size.height == 1
        assert not line.cursor_blink


@sizes
async def test_confirming_takes_a_deliberate_step(run: Any, size: Any) -> None:
    answers: list[bool | None] = []
    async with run(size=size) as terminal:
        for keys, answer in ((["enter"], None), (["escape"], None), (["right", "enter", "enter"], True)):
            terminal.app.push_screen(
                Confirm("Disable [/x]?", ["Runs are cancelled."], confirm_label="Disable"), answers.append
            )
            await terminal.settle()
            assert isinstance(terminal.app.focused, Button)
            assert terminal.app.focused.id == "cancel"
            assert "Disable [/x]?" in "\n".join(terminal.display())
            await terminal.press(*keys)
            assert answers.pop() is answer
            assert not answers


@sizes
async def test_what_cannot_be_undone_asks_for_the_name(run: Any, size: Any) -> None:
    answers: list[bool | None] = []
    async with run(size=size) as terminal:
        question = Confirm("Offboard", [NASTY, "Data goes."], confirm_label="Offboard", name_to_type="Contoso Ltd")
        terminal.app.push_screen(question, answers.append)
        await terminal.settle()
        button = question.query_one("#confirm", Button)
        assert question.query_one("#name", Input).region.bottom < size[1]
        assert button.region.bottom < size[1]
        await terminal.press("right", "enter")
        assert answers == [None], "the button does not work before the name is typed"
        question = Confirm("Offboard", ["Data goes."], confirm_label="Offboard", name_to_type="Contoso Ltd")
        terminal.app.push_screen(question, answers.append)
        await terminal.settle()
        question.query_one("#name", Input).focus()
        await terminal.press(*"contoso", "enter")
        assert question.query_one("#confirm", Button).disabled
        question.query_one("#name", Input).value = "Contoso Ltd"
        await terminal.press("enter", "enter")
        assert answers == [None, True]


ITEMS = [
    MenuItem("check", "c", "Check now"),
    MenuItem("edit", "e", "Edit", "Operator role cannot edit connections; ask dana (Manager)."),
    MenuItem("cancel", "k", "Cancel run"),
]


@sizes
@pytest.mark.parametrize(
    ("keys", "answer"),
    [(["c"], "check"), (["down", "down", "enter", "enter"], "cancel"), (["up", "enter"], "cancel"), (["escape"], None)],
)
async def test_the_menu_answers_which_action_was_picked(run: Any, size: Any, keys: list[str], answer: Any) -> None:
    answers: list[str | None] = []
    async with run(size=size) as terminal:
        terminal.app.push_screen(Menu("Contoso [/x]", ITEMS), answers.append)
        await terminal.settle()
        assert "Contoso [/x]" in "\n".join(terminal.display())
        assert every_line_fits(terminal)
        await terminal.press(*keys)
        assert answers == [answer]


async def test_what_is_not_allowed_says_why_and_cannot_be_picked(run: Any) -> None:
    answers: list[str | None] = []
    async with run() as terminal:
        terminal.app.push_screen(Menu("Contoso", ITEMS), answers.append)
        await terminal.settle()
        assert "Operator role cannot edit" in "\n".join(terminal.display())
        await terminal.press("e", "enter")
        assert answers == []
        assert "Operator role cannot edit connections; ask dana (Manager)." in "\n".join(terminal.display())
        await terminal.press("escape")
        assert answers == [None]


async def test_the_stylesheet_is_good_in_every_theme(run: Any, table: Any, fleet: Any) -> None:
    sheet = Path(atlas_tui.__file__).parent / "styles" / "atlas.tcss"
    line = FilterLine()
    async with run(StatusLine([Segment("x")]), TabLine(TABS, "1"), line, table(fleet(5)), KeyHints()) as terminal:
        terminal.app.stylesheet.read(sheet)
        for theme in ("atlas-dark", "atlas-light", "atlas-safe-dark", "atlas-safe-light", "atlas-ansi"):
            terminal.app.theme = theme
            line.open()
            await terminal.settle()
            assert every_line_fits(terminal)
            assert "Tenant 0000001" in "\n".join(terminal.display())
