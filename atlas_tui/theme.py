"""The colours: five themes, the style names that cells speak in, and which theme a terminal gets when nobody chose one.

Promise: every text has a contrast of at least 4.5:1 (WCAG 2.1, 1.4.3) on every background it is put on, in every theme that
defines its own colours; a state never rests on colour alone, so `atlas-ansi`, whose colours are the terminal's own, says as much.

Must not know: screens, storage, what a state means.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from textual.color import Color
from textual.theme import Theme

if TYPE_CHECKING:
    from textual.app import App

STYLE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "ok": "success",
        "warn": "warning",
        "bad": "error",
        "info": "accent",
        "muted": "secondary",
        "title": "primary",
        "strong": "foreground",
        "stale": "secondary",
    }
)
"""Style name of a cell → the theme's colour. `cursor` (reverse video) and the empty name (ordinary text) need none."""

REQUIRED_CONTRAST = 4.5


def _theme(
    name: str, *, dark: bool, ground: tuple[str, str, str, str], colours: tuple[str, str, str, str, str, str]
) -> Theme:
    """A theme from its foreground and three backgrounds, and its six text colours (title, muted, ok, warn, bad, info)."""
    foreground, background, surface, panel = ground
    title, muted, ok, warn, bad, info = colours
    return Theme(
        name=name,
        dark=dark,
        foreground=foreground,
        background=background,
        surface=surface,
        panel=panel,
        boost=panel,
        primary=title,
        secondary=muted,
        success=ok,
        warning=warn,
        error=bad,
        accent=info,
        # Textual mixes text with its background by default; here the colours are what was measured.
        text_alpha=1.0,
        variables={
            "foreground-muted": muted,
            "text-muted": muted,
            "text": foreground,
            "input-cursor-background": foreground,
            "input-cursor-foreground": background,
            "input-cursor-text-style": "none",
            "input-selection-background": panel,
            "input-selection-foreground": foreground,
        },
    )


DARK = _theme(
    "atlas-dark",
    dark=True,
    ground=("#dcdfe4", "#14171c", "#1a1e25", "#232933"),
    colours=("#8ab4f8", "#9aa4b2", "#6fcf7f", "#e5c07b", "#ff8080", "#6cc7d9"),
)
LIGHT = _theme(
    "atlas-light",
    dark=False,
    ground=("#1c2128", "#fafafa", "#f2f3f5", "#e6e8ec"),
    colours=("#0b4fa8", "#505a66", "#14602a", "#714a00", "#a81220", "#0a5a70"),
)
# Blue and orange stay apart in the common kinds of colour blindness (after Okabe and Ito, "Color Universal Design"); red and green do not.
SAFE_DARK = _theme(
    "atlas-safe-dark",
    dark=True,
    ground=("#e2e2e2", "#121212", "#191919", "#242424"),
    colours=("#f0e442", "#a6a6a6", "#56b4e9", "#e69f00", "#f59ac4", "#4fd0b0"),
)
SAFE_LIGHT = _theme(
    "atlas-safe-light",
    dark=False,
    ground=("#1a1a1a", "#fcfcfc", "#f3f3f3", "#e8e8e8"),
    colours=("#3a3a00", "#555555", "#00568a", "#7d4700", "#8c1f5f", "#00594a"),
)
ANSI = Theme(
    name="atlas-ansi",
    ansi=True,
    dark=True,
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    primary="ansi_default",
    # Plain text for what is only less important: there is no grey that every terminal can show.
    secondary="ansi_default",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    accent="ansi_cyan",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "text-muted": "ansi_default",
        "text-disabled": "ansi_default",
        "foreground-muted": "ansi_default",
        "border": "ansi_default",
        "border-blurred": "ansi_default",
        "input-cursor-text-style": "reverse",
        "input-selection-background": "ansi_default",
    },
)

THEMES: tuple[Theme, ...] = (DARK, LIGHT, SAFE_DARK, SAFE_LIGHT, ANSI)
"""All of them, the default first."""


def register(app: App[Any]) -> None:
    """Make the themes known to an app. Does not choose one."""
    for theme in THEMES:
        app.register_theme(theme)


def choose_theme(environ: Mapping[str, str]) -> str:
    """The name of the theme for a terminal, when its owner has not chosen.

    `NO_COLOR` set to anything (https://no-color.org) and terminals that promise no more than 16 colours get `atlas-ansi`. An app
    that gets it must be made with `App(ansi_color=True)`: Textual then strips every colour under NO_COLOR instead of turning it grey.

    Args:
        environ: The environment, usually `os.environ`.
    """
    if environ.get("NO_COLOR"):
        return ANSI.name
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return DARK.name
    term = environ.get("TERM", "")
    if "256color" in term or "direct" in term or "kitty" in term or "alacritty" in term or "ghostty" in term:
        return DARK.name
    return ANSI.name


def contrast(text: str, background: str) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2.1, "relative luminance" and "contrast ratio").

    Args:
        text: `#rrggbb`.
        background: `#rrggbb`.
    """
    lighter, darker = sorted((_luminance(text), _luminance(background)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (channel / 255 for channel in Color.parse(colour).rgb)
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
