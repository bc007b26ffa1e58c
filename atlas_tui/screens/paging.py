"""What the pages of single things share: one thing's lines, scrolled; the next and previous thing of the list behind.

Promise: a page shows one thing and keeps it through every refresh; what cannot be read is said where it would have been.

Must not know: what the thing is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.widget import Widget

from atlas_tui.cells import Line, Part
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link
from atlas_tui.screens.copying import copy_json
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.screens.prose import wrapped
from atlas_tui.screens.scrolled import Scrolled
from storage.errors import AtlasError, Forbidden, NotFound


class PageScreen(AtlasScreen):
    """The page of one thing."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self.subject: int | None = None
        self.read: Any = None
        self._refusal: AtlasError | None = None
        self._from_top = True

    # What a page says about its thing

    def read_subject(self, id: int) -> Any:
        """Everything the page shows, in a worker thread."""
        raise NotImplementedError

    def lines(self, width: int) -> list[Line]:
        """The page; `self.read` is there."""
        raise NotImplementedError

    # What it is made of

    def compose_body(self) -> Iterable[Widget]:
        """The lines."""
        yield Scrolled(id="page")

    def on_mount(self) -> None:
        """Ask."""
        self.reload()

    def link(self) -> Link:
        """This page."""
        return Link(self.VIEW, self.subject)

    def follow(self, link: Link) -> None:
        """Another thing, or the same again."""
        if link.id != self.subject:
            self.subject, self.read, self._refusal, self._from_top = link.id, None, None, True
            if self.is_mounted:
                self.show_page()
        if self.is_mounted:
            self.reload()

    def reload(self) -> None:
        """Read the thing again."""
        subject = self.subject
        if subject is not None:
            self.ask("subject", lambda: self.read_subject(subject), self._take, self._failed)

    def thing_here(self) -> Any:
        """What the page has read."""
        return self.read

    def _take(self, read: Any) -> None:
        self.read, self._refusal = read, None
        self.show_page()
        self.show_frame()
        self.show_hints()

    def _failed(self, error: AtlasError) -> None:
        self.tell_error(error)
        if isinstance(error, Forbidden | NotFound):
            # What may not be seen any more is not left standing; after any other failure the page stays, and the flash line says why.
            self.read, self._from_top = None, True
        if self.read is None:
            self._refusal = error
            self.show_page()
            self.show_frame()

    @property
    def page(self) -> Scrolled:
        """The lines."""
        return self.query_one("#page", Scrolled)

    def show_page(self) -> None:
        """Paint what was read."""
        if not self.is_whole:
            return
        if (refusal := self._refusal) is not None:
            self.page.show(lambda width: [(), *wrapped(str(refusal), width, indent=1, style="bad")], from_top=True)
            return
        if self.read is None:
            self.page.show(lambda width: [(Part(" Loading", "muted"),)], from_top=True)
            return
        self.page.show(self.lines, from_top=self._from_top)
        self._from_top = False

    def show_ages(self) -> None:
        """Ages that read differently now."""
        self.show_page()

    # Commands

    def command_scroll_down(self) -> None:
        """A line down."""
        self.page.scroll_lines(1)

    def command_scroll_up(self) -> None:
        """A line up."""
        self.page.scroll_lines(-1)

    def command_scroll_page_down(self) -> None:
        """A screen down."""
        self.page.scroll_pages(1)

    def command_scroll_page_up(self) -> None:
        """A screen up."""
        self.page.scroll_pages(-1)

    def command_scroll_top(self) -> None:
        """The first line."""
        self.page.show_end(False)

    def command_scroll_bottom(self) -> None:
        """The last line."""
        self.page.show_end(True)

    def command_next_item(self) -> None:
        """The next row of the list behind."""
        self._step(1)

    def command_previous_item(self) -> None:
        """The row before."""
        self._step(-1)

    def _step(self, rows: int) -> None:
        behind = self.atlas.navigation.behind()
        link = behind.step(rows) if behind is not None else None
        if link is None or link.view is not self.VIEW:
            self.atlas.flash("There is no further row in the list behind this page.")
        else:
            self.follow(link)

    def command_copy_json(self) -> None:
        """Copy the page as JSON."""
        if self.read is not None:
            copy_json(self.atlas, self.read)
