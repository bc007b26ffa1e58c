"""What is written to the terminal, in bytes (true colour, the dearest). Bytes are the same on every machine; times are not."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_tui.theme import THEMES
from storage.states import ConsentStatus, VerificationStatus

SIZES = {"80x24": ((80, 24), 512), "160x48": ((160, 48), 768)}
"""Size and the most bytes a step of the cursor may write there."""

sizes = pytest.mark.parametrize(("size", "most"), SIZES.values(), ids=SIZES)


@sizes
async def test_a_step_of_the_cursor_writes_two_lines(run: Any, table: Any, fleet: Any, size: Any, most: int) -> None:
    async with run(table(fleet(1000)), size=size) as terminal:
        for _ in range(size[1] - 3):
            terminal.bytes_written()
            await terminal.press("down")
            assert 2 * size[0] < terminal.bytes_written() <= most


@sizes
async def test_a_refresh_without_news_writes_nothing(run: Any, table: Any, fleet: Any, size: Any, most: int) -> None:
    shown = table(fleet(1000))
    async with run(shown, size=size) as terminal:
        terminal.bytes_written()
        for _ in range(3):
            shown.refresh_page()
            await terminal.settle()
        assert terminal.bytes_written() == 0


@sizes
async def test_one_changed_row_writes_its_line(run: Any, table: Any, fleet: Any, size: Any, most: int) -> None:
    source = fleet(1000)
    shown = table(source)
    async with run(shown, size=size) as terminal:
        terminal.bytes_written()
        source.change(5, consent=ConsentStatus.REVOKED, verification=VerificationStatus.BLOCKED, reason="gone")
        shown.refresh_page()
        await terminal.settle()
        assert size[0] < terminal.bytes_written() <= most
        assert "x revoked" in terminal.display()[5]
        source.change(900, consent=ConsentStatus.REVOKED)
        shown.refresh_page()
        await terminal.settle()
        assert terminal.bytes_written() == 0, "what is not on the screen is not written"


@sizes
async def test_a_page_costs_less_than_half_of_what_textual_would_write(
    run: Any, table: Any, fleet: Any, size: Any, most: int
) -> None:
    async with run(table(fleet(1000)), size=size) as terminal:
        await terminal.press("pagedown")
        terminal.bytes_written()
        await terminal.press("pagedown")
        # A full page is its characters and some colours, not a multiple of that.
        assert terminal.bytes_written() < 2.2 * size[0] * size[1]


async def test_an_idle_list_writes_nothing(run: Any, table: Any, fleet: Any) -> None:
    async with run(table(fleet(1000))) as terminal:
        terminal.bytes_written()
        for _ in range(20):
            await terminal.pilot.pause()
        assert terminal.bytes_written() == 0


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_many_small_writes_leave_the_same_screen_as_one_full_paint(
    run: Any, table: Any, fleet: Any, theme: str
) -> None:
    source = fleet(500)
    shown = table(source)
    async with run(shown, theme=theme) as terminal:
        await terminal.press("down", "pagedown", "space", "space", "up", "G", "pageup", "space")
        source.change(450, consent=ConsentStatus.REVOKED)
        shown.refresh_page()
        await terminal.settle()
        piecemeal = (terminal.display(), terminal.styles())
        terminal.app.refresh(layout=True)
        shown.forget_paint()
        shown.repaint()
        await terminal.settle()
        assert terminal.bytes_written() > 80 * 24
        assert (terminal.display(), terminal.styles()) == piecemeal
        assert terminal.display() == ["".join(part.text for part in line) for line in shown.lines]


async def test_nothing_coloured_is_written_under_no_color(
    run: Any, table: Any, fleet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with run(table(fleet(100)), theme="atlas-ansi", ansi_color=True) as terminal:
        await terminal.press("down")
        colours = {(character.fg, character.bg) for line in terminal.styles() for character in line}
        assert colours == {("default", "default")}
        assert all(character.reverse for character in terminal.styles()[2]), "the cursor is still seen"


async def test_sixteen_colours_are_enough(run: Any, table: Any, fleet: Any) -> None:
    async with run(table(fleet(100)), theme="atlas-ansi", ansi_color=True) as terminal:
        sent = "".join(terminal.driver.sent)
        assert "\x1b[32" in sent
        assert "38;2;" not in sent
        assert "38;5;" not in sent
