"""The handover of a shift: what changed since, and what is open; to be read, and to be taken away as Markdown or JSON.

Promise: what is shown is what is exported; nothing is changed by either.

Must not know: where it comes from.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from atlas_tui.cells import Line, Part, plain
from atlas_tui.command import Where
from atlas_tui.handover_words import markdown, parts, span_words
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View
from atlas_tui.screens.copying import copy_text
from atlas_tui.screens.handover_export import export
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.prose import blank, heading, wrapped
from storage import filters, handover
from storage.errors import AtlasError, InvalidInput
from storage.handover import Handover
from storage.states import Topic

SPANS: Final = (1, 4, 8, 12, 24, 72, 168)
"""Hours that the keys go through; another one can be typed."""

_USUAL: Final = 8


class HandoverScreen(PageScreen):
    """The page."""

    VIEW = View.HANDOVER
    PLACES = (Where.DETAIL, Where.HANDOVER)
    TOPICS = frozenset({Topic.ATTENTION, Topic.CONNECTIONS, Topic.RUNS, Topic.AUDIT})

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self.subject = 0
        self.span = timedelta(hours=_USUAL)

    def tab(self) -> View:
        """Attention."""
        return View.ATTENTION

    def crumb(self) -> str:
        """What it is."""
        return "shift handover"

    def link(self) -> Link:
        """This page with its span."""
        return Link(self.VIEW, filter=f"{int(self.span.total_seconds() // 60)}m")

    def follow(self, link: Link) -> None:
        """Another span, when one is named."""
        if link.filter is not None:
            try:
                self._take_span(filters.read_span(link.filter.strip().lower()))
            except AtlasError as error:
                self.atlas.flash(str(error), "bad")
                return
        if self.is_mounted:
            self.reload()

    def _take_span(self, span: timedelta) -> None:
        if not timedelta(0) < span <= handover.LONGEST:
            raise InvalidInput("since", "must be more than nothing and at most 31 days", "Such as 8h, 24h or 7d.")
        self.span = span

    def read_subject(self, id: int) -> Handover:
        """What changed, and what is open."""
        session = self.session
        return handover.handover(session.db, session.who, session.workspace.workspace_id, self.span)

    def lines(self, width: int) -> list[Line]:
        """Part by part."""
        found: Handover = self.read
        lines: list[Line] = [
            (Part(f" {found.workspace}", "title"), Part(f"  {span_words(found)}"), Part("   < > another", "muted"))
        ]
        for part in parts(found):
            lines += [blank(), heading(part.title, f"{len(part.rows) + part.more:,}" if part.rows else "")]
            for head, rest in part.rows:
                lines += _row(head, rest, width)
            if not part.rows:
                lines.append((Part(f"   {part.nothing}", "muted"),))
            if part.more:
                lines.append((Part(f"   and {part.more:,} more", "muted"),))
        if found.people is None:
            lines += [
                blank(),
                *wrapped("What people did is for who may read the audit trail.", width, indent=1, style="muted"),
            ]
        return lines

    def command_shorter(self) -> None:
        """The next shorter span."""
        self._turn([hours for hours in reversed(SPANS) if timedelta(hours=hours) < self.span])

    def command_longer(self) -> None:
        """The next longer span."""
        self._turn([hours for hours in SPANS if timedelta(hours=hours) > self.span])

    def _turn(self, further: list[int]) -> None:
        if further:
            self.span = timedelta(hours=further[0])
            self.reload()

    def command_linked_audit(self) -> None:
        """The audit trail of that time."""
        hours = max(1, int(self.span.total_seconds() // 3600))
        self.atlas.navigation.go(Link(View.AUDIT, filter=f"since:{hours}h"))

    def command_copy_id(self) -> None:
        """Copy it as Markdown."""
        if self.read is not None:
            copy_text(self.atlas, markdown(self.read))

    def command_export(self) -> None:
        """Write it into a file."""
        if self.read is not None:
            export(self, self.read)


def _row(head: str, rest: str, width: int) -> list[Line]:
    """What it is about, told apart from what is said of it, which goes on below."""
    first, *others = wrapped(f"{head} {rest}", width, indent=3)
    text = "".join(part.text for part in first[1:])
    known = plain(head) if text.startswith(plain(head)) else text
    return [(Part(" - "), Part(known, "strong"), Part(text.removeprefix(known))), *others]
