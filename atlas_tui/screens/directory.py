"""A tenant's page of directory counts: how many users, guests, groups, devices and domains, sync by sync.

Promise: a number that could not be counted is `-`, never zero, and is compared with nothing.

Must not know: how lists look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from atlas_tui.cells import Line, Part, fit
from atlas_tui.command import Where
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_run
from atlas_tui.screens.collected_kinds import DIRECTORY
from atlas_tui.screens.collected_page import CollectedPage
from atlas_tui.screens.collected_reading import Collector, read_collector
from atlas_tui.screens.collected_text import state_lines
from atlas_tui.screens.copying import copy_json
from atlas_tui.screens.prose import Times, blank, field, heading
from storage import directory
from storage.directory import DirectoryCounts
from storage.directory_counting import COUNTED
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from atlas_tui.widgets.pages import PageRequest

SHOWN: Final = 100
"""Syncs on the page; an export has more."""

_NUMBER: Final = 10


@dataclass(frozen=True, slots=True)
class DirectoryRead:
    """What the page shows: what syncs counted, newest first."""

    collector: Collector
    history: tuple[DirectoryCounts, ...]


class DirectoryScreen(CollectedPage):
    """The page of one tenant."""

    VIEW = View.TENANT_DIRECTORY
    PLACES = (Where.DETAIL, Where.TENANT_DIRECTORY)
    TOPICS = frozenset({Topic.RUNS, Topic.CONNECTIONS})
    KIND = DIRECTORY
    EXPORTED = "every count"

    def read_subject(self, id: int) -> DirectoryRead:
        """What syncs counted."""
        session = self.session
        return DirectoryRead(read_collector(session, id), directory.history(session.db, session.who, id, limit=SHOWN))

    def lines(self, width: int) -> list[Line]:
        """The page."""
        head: Line = (Part(f" Directory of {self.read.collector.tenant.name}", "title"),)
        return [head, *directory_lines(self.read, self.times, width)]

    def linked(self) -> Link | None:
        """The last sync."""
        found = () if self.read is None else self.read.history
        return to_run(found[0].run_id) if found else None

    def command_copy_json(self) -> None:
        """Copy what was counted as JSON."""
        if self.read is not None:
            copy_json(self.atlas, self.read.history)

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """Every count, newest first."""
        if self.subject is not None:
            found = directory.history(session.db, session.who, self.subject, limit=directory.MOST)
            yield from (asdict(row) for row in found)


def directory_lines(read: DirectoryRead, times: Times, width: int) -> list[Line]:
    """The whole page: the last two counts with their difference, then all of them."""
    found = read.history
    lines = state_lines(DIRECTORY, read.collector, found[0].run_id if found else None, times, width)
    if not found:
        return lines
    now, before = found[0], found[1] if len(found) > 1 else None
    lines += field("Counted", f"{times.since(now.taken_at)}, run #{now.run_id} (l opens it)", width)
    if before is not None:
        lines += field("Before", f"{times.since(before.taken_at)}, run #{before.run_id}", width, style="muted")
    if not now.is_complete:
        lines += field("", "! partial: not everything could be counted.", width, style="warn")
    lines += [blank(), (Part(f"{fit('', 14)}{_numbers(('NOW', 'BEFORE', 'CHANGE'))}", "title"),)]
    for what in COUNTED:
        changed = change(now, before, what)
        cells = (number(getattr(now, what)), number(getattr(before, what)) if before else "", changed)
        lines.append((Part(fit(f" {what}", 14)), Part(_numbers(cells))))
    lines += [blank(), heading("Every count", "newest first; E writes them to a file")]
    lines.append(
        (Part(f" {fit('WHEN', 21)}{fit('RUN', 7, 'right')}{_numbers([what.upper() for what in COUNTED])}", "title"),)
    )
    for row in found:
        run = fit(f"#{row.run_id}", 7, "right")
        numbers = _numbers([number(getattr(row, what)) for what in COUNTED])
        lines.append(
            (Part(f" {fit(times.moment(row.taken_at), 21)}{run}{numbers}", "" if row.is_complete else "warn"),)
        )
    return lines


def _numbers(cells: list[str] | tuple[str, ...]) -> str:
    return "".join(fit(text, _NUMBER, "right") for text in cells)


def number(value: int | None) -> str:
    """A number that could not be counted is not zero."""
    return "-" if value is None else f"{value:,}"


def change(now: DirectoryCounts, before: DirectoryCounts | None, what: str) -> str:
    """How a number changed: `+3`; empty when it did not, or when one of the two is not known."""
    then = None if before is None else getattr(before, what)
    value = getattr(now, what)
    return "" if value is None or then is None or value == then else f"{value - then:+,}"
