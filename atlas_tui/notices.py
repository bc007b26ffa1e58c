"""The message on the flash line: what it says, and what `l` opens while it stands.

Must not know: screens.
"""

from __future__ import annotations

from dataclasses import dataclass

from atlas_tui.cells import cut, plain
from atlas_tui.links import Link
from atlas_tui.widgets.flash_line import Level


@dataclass(frozen=True, slots=True)
class Notice:
    """The last message, and what it is about."""

    text: str
    level: Level
    link: Link | None = None

    def fitting(self, width: int) -> str:
        """The message with the key that opens what it is about, which is never what is cut.

        Args:
            width: Cells of the flash line.
        """
        if self.link is None:
            return self.text
        way = ": l opens it"
        return cut(plain(self.text), max(20, width - 3 - len(way))) + way
