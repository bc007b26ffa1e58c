"""The message on the flash line: what it says, and what `l` opens while it stands.

Must not know: screens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlas_tui.cells import cut, plain
from atlas_tui.links import Link
from atlas_tui.widgets.flash_line import Level

if TYPE_CHECKING:
    from storage.notifications import Notification


@dataclass(frozen=True, slots=True)
class Notice:
    """The last message, and what it is about.

    Attributes:
        text: A sentence.
        level: How it looks.
        link: What `l` opens while it stands.
        is_new: It stands on the screen it was said on.
        about: The notification it says; following its link marks that as read.
    """

    text: str
    level: Level
    link: Link | None = None
    is_new: bool = True
    about: Notification | None = None

    def carried(self) -> Notice | None:
        """What of it is seen on the next screen: it goes along to one, and not to the one after it, where it would be about something
        that was left long ago. A failure, and what `l` opens, stay until something else is said or Esc takes them away; good news that
        the inbox keeps does not, since its `l` would stand in the way of a page's own.
        """
        if self.level == "bad" or (self.link is not None and self.about is None):
            return self
        return replace(self, is_new=False) if self.is_new else None

    def leads_from(self, here: Link) -> Link | None:
        """What `l` opens while the message stands; None when it is about nothing, or about the page that one is on already."""
        return None if self.link == here else self.link

    def fitting(self, width: int, here: Link) -> str:
        """The message with the key that opens what it is about, which is never what is cut.

        Args:
            width: Cells of the flash line.
            here: The page that is seen.
        """
        if self.leads_from(here) is None:
            return self.text
        way = ": l opens it"
        return cut(plain(self.text), max(20, width - 3 - len(way))) + way
