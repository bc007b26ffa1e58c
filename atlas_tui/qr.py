"""A QR code as lines of text, for a phone in front of a terminal.

Promise: what is drawn is light on dark, as most terminals are: the light modules are drawn, the dark ones are the background. A screen that
is not sets its own colours, white on black. Two modules of height share one line of half blocks; where a terminal has none, two characters
make one module.
"""

from __future__ import annotations

from typing import Final

import segno

from storage.errors import InvalidInput

QUIET: Final = 2
"""Modules of quiet around the code. The standard asks for four; scanners read from two, and a consent link then fits 80 columns."""

_HALVES: Final = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


def render(text: str, *, ascii: bool = False) -> tuple[str, ...]:
    """Draws a QR code.

    Args:
        text: what it says, such as a consent link.
        ascii: draw with `#` and spaces: twice as wide and twice as high.

    Returns:
        Lines of equal width: the module count plus the quiet zone, doubled for `ascii`.

    Raises:
        InvalidInput: the text is longer than a QR code can hold.
    """
    try:
        code = segno.make(text, error="l", micro=False, boost_error=False)
    except segno.DataOverflowError:
        raise InvalidInput("QR code", "cannot hold so long a text", "Copy it, or write it to a file.") from None
    light = [[not module for module in row] for row in code.matrix_iter(border=QUIET)]
    if ascii:
        return tuple("".join("##" if module else "  " for module in row) for row in light)
    width = len(light[0])
    if len(light) % 2:
        light.append([False] * width)
    return tuple(
        "".join(_HALVES[upper, lower] for upper, lower in zip(light[row], light[row + 1], strict=True))
        for row in range(0, len(light), 2)
    )
