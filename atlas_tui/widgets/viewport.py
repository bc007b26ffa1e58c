"""Where the cursor is and which rows are on the screen, as numbers.

Promise: the cursor is always on a row and on the screen; when it leaves the screen the view moves by half a page, because a view that
moves by one row repaints every line.

Must not know: rows, keys, painting.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Viewport:
    """A view of `height` lines on the rows in memory.

    Attributes:
        height: Lines for rows.
        top: Index of the row on the first line.
        cursor: Index of the row under the cursor; 0 when there are none.
    """

    height: int = 1
    top: int = 0
    cursor: int = 0

    def move(self, delta: int, count: int) -> int:
        """Move the cursor by some rows.

        Args:
            delta: Rows down, negative for up.
            count: Rows in memory.

        Returns:
            Rows it could not move, because memory ends there.
        """
        wanted = self.cursor + delta
        self.cursor = max(0, min(wanted, count - 1))
        self._follow(count)
        return wanted - self.cursor if count else 0

    def turn(self, delta: int, count: int) -> int:
        """Move cursor and view together by some rows, so that the cursor stays on its line.

        Returns:
            Rows the cursor could not move.
        """
        self.top = max(0, min(self.top + delta, count - self.height))
        return self.move(delta, count)

    def scroll(self, delta: int, count: int) -> int:
        """Move the view; the cursor only moves when it would leave the screen.

        Returns:
            Rows the view could not move.
        """
        wanted = self.top + delta
        self.top = max(0, min(wanted, count - self.height))
        self.cursor = max(self.top, min(self.cursor, self.top + self.height - 1, max(0, count - 1)))
        return wanted - self.top

    def show(self, cursor: int, top: int, count: int) -> None:
        """Put cursor and view to these rows, as far as they exist; the cursor wins."""
        self.cursor = max(0, min(cursor, count - 1))
        self.top = max(0, min(top, count - self.height))
        self._follow(count)

    def shift(self, rows: int, count: int) -> None:
        """The same rows have other indexes now: `rows` were added (or, negative, dropped) at the front."""
        self.show(self.cursor + rows, self.top + rows, count)

    def resize(self, height: int, count: int) -> None:
        """Another number of lines."""
        self.height = max(1, height)
        self.show(self.cursor, self.top, count)

    def _follow(self, count: int) -> None:
        half = max(1, self.height // 2)
        if self.cursor < self.top:
            self.top = min(self.cursor, max(0, self.top - half))
        elif self.cursor >= self.top + self.height:
            self.top = max(self.cursor - self.height + 1, self.top + half)
        self.top = max(0, min(self.top, count - self.height))
