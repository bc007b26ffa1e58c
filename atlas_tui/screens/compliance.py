"""A tenant's compliance page: counts, how they changed, and the trend in detail.

Must not know: how lists look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_run
from atlas_tui.screens.collected_kinds import COMPLIANCE
from atlas_tui.screens.collected_page import CollectedPage
from atlas_tui.screens.collected_reading import read_collector
from atlas_tui.screens.compliance_text import SPANS, ComplianceRead, compliance_lines
from atlas_tui.screens.copying import copy_json
from storage import compliance
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from atlas_tui.widgets.pages import PageRequest


class ComplianceScreen(CollectedPage):
    """The page of one tenant."""

    VIEW = View.TENANT_COMPLIANCE
    PLACES = (Where.DETAIL, Where.TENANT_COMPLIANCE)
    TOPICS = frozenset({Topic.RUNS, Topic.CONNECTIONS})
    KIND = COMPLIANCE

    days = SPANS[1]

    def link(self) -> Link:
        """This page, and which count it shows."""
        return Link(self.VIEW, self.subject, run_id=self.run_id)

    def read_subject(self, id: int) -> ComplianceRead:
        """The last counts, or the one that was asked for, and the trend."""
        session, days, run_id = self.session, self.days, self.run_id
        return ComplianceRead(
            read_collector(session, id),
            compliance.latest(session.db, session.who, id),
            compliance.trend(session.db, session.who, id, days=days),
            days,
            run_id,
            None if run_id is None else compliance.of_run(session.db, session.who, id, run_id),
        )

    def lines(self, width: int) -> list[Line]:
        """The page."""
        head: Line = (Part(f" Compliance of {self.read.collector.tenant.name}", "title"),)
        return [head, *compliance_lines(self.read, self.times, width, blocks=self.atlas.blocks)]

    def offers(self, id: str) -> bool:
        """Another span, where there is a trend."""
        return id != "longer_trend" or (self.read is not None and bool(self.read.points))

    def show_page(self) -> None:
        """The page; whether there is a trend depends on it."""
        super().show_page()
        if self.is_mounted:
            self.show_hints()

    def linked(self) -> Link | None:
        """The run that counted."""
        shown = None if self.read is None else self.read.snapshot
        return None if shown is None else to_run(shown.run_id)

    def command_longer_trend(self) -> None:
        """More days."""
        self._turn(1)

    def command_shorter_trend(self) -> None:
        """Fewer days."""
        self._turn(-1)

    def _turn(self, step: int) -> None:
        at = max(0, min(len(SPANS) - 1, SPANS.index(self.days) + step))
        if self.days == SPANS[at]:
            self.atlas.flash(f"The trend shows {self.days} days, which is the {'most' if step > 0 else 'least'}.")
            return
        self.days = SPANS[at]
        self.reload()

    def command_copy_json(self) -> None:
        """Copy the counts and the trend as JSON."""
        if (read := self.read) is not None:
            tenant = read.collector.tenant
            document = {
                "tenant_id": tenant.id,
                "tenant_name": tenant.name,
                "snapshot": read.snapshot,
                "before": read.now.before if read.is_last else None,
                "difference": read.now.difference if read.is_last else None,
                "partial": read.now.partial,
                "trend": [_record(point) for point in read.points],
            }
            copy_json(self.atlas, document)

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """The trend, a day a line."""
        if self.subject is not None:
            for point in compliance.trend(session.db, session.who, self.subject, days=self.days):
                yield _record(point)


def _record(point: compliance.TrendPoint) -> dict[str, Any]:
    return {
        "day": point.day.isoformat(),
        "taken_at": point.taken_at,
        "total": point.total,
        **point.counts,
        "share": None if point.share is None else round(point.share, 4),
    }
