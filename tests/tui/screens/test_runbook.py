"""`?` on a reason code: its runbook, over the row it was asked for on; and every other way to it."""

from __future__ import annotations

from typing import Any

from atlas_tui.cells import width_of
from atlas_tui.keymap import resolve
from atlas_tui.links import Link, View, to_connection
from atlas_tui.screens.help import Help
from atlas_tui.screens.runbook import RunbookScreen, Subject
from storage import reasons, runbooks


def whole(screen: RunbookScreen, width: int = 76) -> str:
    """The runbook's lines, however long."""
    return "\n".join("".join(part.text for part in line) for line in screen.lines(width))


async def test_help_on_a_row_with_a_code_is_its_runbook_and_esc_is_the_row_again(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        terminal.app.navigation.go(Link(View.CONNECTIONS, filter="reason:provider_consent_revoked"))
        await terminal.settle()
        behind = terminal.app.screen
        row = behind.table.cursor_key
        await terminal.press("question_mark")
        screen = terminal.app.screen
        assert isinstance(screen, RunbookScreen)
        text = whole(screen)
        runbook = runbooks.of("provider_consent_revoked")
        titles = [section.title for section in runbook.sections]
        assert [text.index(title) for title in titles] == sorted(text.index(title) for title in titles)
        words = " ".join(text.split())
        commands = [command.replace("CONNECTION", str(row)) for command in runbook.commands]
        for item in (*runbook.causes, *runbook.steps, *commands, runbook.reason.sentence):
            assert item in words
        assert terminal.shows("provider_consent_revoked")
        assert terminal.shows("keys of this screen")
        assert all(width_of(line) <= 80 for line in terminal.display())
        await terminal.press("3")
        assert terminal.app.clipboard == commands[2] == f"atlas-tui consent link {row}"
        await terminal.press("escape")
        assert terminal.app.screen is behind
        assert behind.table.cursor_key == row


async def test_help_again_is_the_keys_and_without_a_code_it_is_so_at_once(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        terminal.app.navigation.go(to_connection(small_fleet.connection["Fabrikam GmbH"]))
        await terminal.settle()
        await terminal.press("question_mark", "question_mark")
        assert isinstance(terminal.app.screen, Help)
        await terminal.press("escape")
        terminal.app.navigation.go(Link(View.HEALTH))
        await terminal.settle()
        await terminal.press("question_mark")
        assert isinstance(terminal.app.screen, Help)


async def test_any_code_is_explained_by_name_and_one_that_is_none_is_refused(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("colon")
        await terminal.type("reason paging_l")
        await terminal.press("tab", "enter")
        assert terminal.app.screen.runbook.reason.code == "paging_loop"
        await terminal.press("escape")
        terminal.app.navigation.go(Link(View.HEALTH))
        await terminal.settle()
        terminal.app.everywhere.command_runbook()
        await terminal.settle()
        assert terminal.shows("no reason code here")
        await terminal.press("colon")
        await terminal.type("reason [b]x")
        await terminal.press("enter")
        assert terminal.shows("There is no reason code [b]x")


def test_every_runbook_fits_eighty_columns() -> None:
    for code in reasons.catalog():
        screen = RunbookScreen(Subject(code), resolve({}))
        for width in (40, 76):
            assert all(sum(width_of(part.text) for part in line) <= width for line in screen.lines(width)), code
        if link := reasons.find(code).link:
            assert screen.copied()[-1] == (link, link), "a key copies it, since it may be broken on the screen"
            assert f" {len(screen.copied())} https:" in whole(screen)
