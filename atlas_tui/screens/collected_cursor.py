"""The cursor on the Collected tab of a page: it goes over the four kinds of things, and what it is on can be opened.

Promise: the keys that move, by one or to an end, move it there and nowhere else; the kind it is on is in sight.

Must not know: whose page it is.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from atlas_tui.links import Link, to_run
from atlas_tui.screens.collected_kinds import KINDS
from atlas_tui.screens.collected_tab import CURSOR, CollectedRead, link_at
from atlas_tui.screens.sectioned import SectionedPage


class CollectedCursor(SectionedPage[Any]):
    """A page one of whose tabs is what was collected."""

    COLLECTED: ClassVar[StrEnum]
    """That tab."""

    kind = 0
    """Which of `KINDS` the cursor is on."""

    def collected_read(self) -> CollectedRead | None:
        """What the tab shows; None while it is being read, and on another tab."""
        raise NotImplementedError

    def begin_anew(self) -> None:
        """Another thing: from its first tab and its first kind on."""
        super().begin_anew()
        self.kind = 0

    def move_kind(self, step: int) -> bool:
        """Move the cursor.

        Returns:
            False on another tab, and where there is no further kind: the lines may scroll.
        """
        if self.section is not self.COLLECTED or not 0 <= self.kind + step < len(KINDS):
            return False
        self.kind += step
        self.show_page()
        self._reveal()
        return True

    def command_scroll_top(self) -> None:
        """The first kind; on another tab the first line."""
        if self.section is self.COLLECTED:
            self.move_kind(-self.kind)
        super().command_scroll_top()

    def command_scroll_bottom(self) -> None:
        """The last kind; on another tab the last line."""
        if self.section is self.COLLECTED:
            self.move_kind(len(KINDS) - 1 - self.kind)
        super().command_scroll_bottom()

    def _reveal(self) -> None:
        """The kind's first line, and what stands below it up to the next kind, into sight."""
        lines = self.lines(self.page.size.width or self.size.width) if self.read is not None else []
        starts = [at for at, line in enumerate(lines) if line and line[0].text.startswith(CURSOR)]
        if starts:
            ends = (at for at in range(starts[0], len(lines)) if not lines[at])
            self.page.reveal(starts[0], next(ends, len(lines) - 1))

    def open_kind(self, name: str) -> None:
        """Go to the page of the kind under the cursor.

        Args:
            name: What a list of it is called.
        """
        if (read := self.collected_read()) is not None:
            self.atlas.navigation.go(link_at(read, self.kind, name))

    def linked_kind(self) -> Link | None:
        """The last run that collected the kind under the cursor; None where there was none."""
        read = self.collected_read()
        last = None if read is None else read.collector.last_runs.get(KINDS[self.kind].operation)
        return None if last is None else to_run(last.run_id)
