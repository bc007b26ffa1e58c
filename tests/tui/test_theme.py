"""The colours: that they can be read, and that every terminal gets some it can show."""

from __future__ import annotations

from itertools import product

import pytest
from textual.app import App
from textual.color import Color
from textual.theme import Theme

from atlas_tui.theme import ANSI, REQUIRED_CONTRAST, STYLE_NAMES, THEMES, choose_theme, contrast, register

COLOURED = [theme for theme in THEMES if theme is not ANSI]
GROUNDS = ("background", "surface", "panel")


def test_contrast_is_what_wcag_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#ff0000", "#ff0000") == 1


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
def test_every_text_can_be_read_on_every_background(theme: Theme) -> None:
    texts = {*STYLE_NAMES.values(), "foreground"}
    for text, ground in product(texts, GROUNDS):
        ratio = contrast(getattr(theme, text), getattr(theme, ground))
        assert ratio >= REQUIRED_CONTRAST, f"{text} on {ground}: {ratio:.2f}"


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
def test_what_textual_derives_from_a_theme_can_be_read_too(theme: Theme) -> None:
    colours = theme.to_color_system().generate()
    background = Color.parse(colours["background"])
    for name in ("foreground", "text", "text-muted", "success", "warning", "error", "accent", "primary", "secondary"):
        shown = background + Color.parse(colours[name])
        assert contrast(shown.hex6, background.hex6) >= REQUIRED_CONTRAST, name


@pytest.mark.parametrize("theme", [t for t in COLOURED if "safe" in t.name], ids=lambda theme: theme.name)
def test_good_and_bad_differ_in_more_than_red_and_green(theme: Theme) -> None:
    # The blue channel is what the common kinds of colour blindness (protan, deutan) leave alone.
    states = [Color.parse(getattr(theme, name)) for name in ("success", "warning", "error")]
    for one, other in ((0, 1), (1, 2), (0, 2)):
        difference = abs(states[one].b - states[other].b) + abs(states[one].brightness - states[other].brightness) * 255
        assert difference > 40


def test_the_ansi_theme_uses_the_terminals_own_colours_only() -> None:
    for name, colour in ANSI.to_color_system().generate().items():
        if name in ("foreground", "background", "success", "warning", "error", "accent", "primary", "secondary"):
            assert Color.parse(colour).ansi is not None, name


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"TERM": "xterm-256color"}, "atlas-dark"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "atlas-dark"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "atlas-ansi"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "atlas-dark"),
        ({"TERM": "linux"}, "atlas-ansi"),
        ({"TERM": "vt220"}, "atlas-ansi"),
        ({}, "atlas-ansi"),
    ],
)
def test_a_terminal_gets_colours_it_can_show(environ: dict[str, str], name: str) -> None:
    assert choose_theme(environ) == name


async def test_every_theme_can_be_switched_to_while_an_app_runs() -> None:
    app: App[None] = App()
    register(app)
    async with app.run_test() as pilot:
        for theme in THEMES:
            app.theme = theme.name
            await pilot.pause()
            assert app.current_theme.name == theme.name
