"""Long text on several lines, measured in terminal cells."""

from __future__ import annotations

from typing import Final

from rich.cells import get_character_cell_size

from atlas_tui.cells import width_of


def wrap(text: str, width: int) -> list[str]:
    """A text as lines of at most `width` cells, broken at blanks where there are any.

    Args:
        text: Already plain.
        width: Cells, at least 2 (a wide letter must fit).
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and width_of(line) + 1 + width_of(word) <= width:
            line += " " + word
            continue
        if line:
            lines.append(line)
        *full, line = _chop(word, width)
        lines.extend(full)
    return [*lines, line] if line else lines


_JOINTS: Final = "/?&"
"""Characters behind which an address or a path may be broken; not behind a hyphen, which would read as one of ours."""


def _chop(word: str, width: int) -> list[str]:
    """A word in pieces that fit: broken behind a joint in the second half of the line where there is one, as in `https://host/path/`."""
    pieces, piece, size = [], "", 0
    for character in word:
        cells = get_character_cell_size(character)
        if piece and size + cells > width:
            joint = max(piece.rfind(joint) for joint in _JOINTS) + 1
            at = joint if joint > len(piece) // 2 else len(piece)
            pieces.append(piece[:at])
            piece = piece[at:]
            size = width_of(piece)
        piece += character
        size += cells
    return [*pieces, piece]
