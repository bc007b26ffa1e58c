"""Compliance of the workspace's tenants: how many devices, how many of them compliant, how that changed, and the last two weeks in a line.

Must not know: how a tenant's own page looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.badges import badge
from atlas_tui.cells import Cell, Line, Part, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.compliance_words import standing
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_compliance_of, to_run
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.collected_reading import read_collector
from atlas_tui.screens.compliance_text import SPANS, TREND_WIDTH, ComplianceRead, compliance_lines, trend_cell
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import compliance
from storage.compliance import TenantCompliance
from storage.compliance_publishing import STATES
from storage.states import Topic
from storage.tenants import TenantQuery

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place

_STANDING_WIDTH = 9


def _count(row: TenantCompliance, state: str | None) -> Cell:
    snapshot = row.now.snapshot
    if snapshot is None:
        return cell("")
    return cell(f"{snapshot.total if state is None else snapshot.counts[state]:,}")


def _share(row: TenantCompliance, now: datetime) -> Cell:
    snapshot = row.now.snapshot
    if snapshot is None or not snapshot.total:
        return cell("" if snapshot is None else "-", "muted")
    return cell(f"{100 * snapshot.counts['compliant'] / snapshot.total:.1f} %", "strong")


def _change(row: TenantCompliance, now: datetime) -> Cell:
    difference = row.now.difference
    moved = 0 if difference is None else difference["noncompliant"]
    return cell(f"{moved:+,}" if moved else "", "bad" if moved > 0 else "ok")


def _standing(row: TenantCompliance, now: datetime) -> Cell:
    glyph, word = standing(row)
    return badge(glyph, word, _STANDING_WIDTH) if glyph else cell("")


def _taken_at(row: TenantCompliance) -> datetime | None:
    return None if row.now.snapshot is None else row.now.snapshot.taken_at


def _age(row: TenantCompliance, now: datetime) -> Cell:
    at = _taken_at(row)
    return cell("" if at is None else age_bucket(now - at))


class ComplianceListScreen(Acts, ListScreen[TenantCompliance]):
    """The list."""

    VIEW = View.COMPLIANCE
    PLACES = (Where.LIST, Where.COMPLIANCE)
    TOPICS = frozenset({Topic.RUNS, Topic.TENANTS})
    FILTER_HINT: ClassVar[str] = "word  !word  tag:gold  cloud:global"
    TEXTS = ListTexts(empty="No tenant yet.", empty_hint="Tenants (4): N adds one.")
    EXPORTED = "the compliance of the tenants in this list"

    def tab(self) -> View:
        """Tenants."""
        return View.TENANTS

    def crumb(self) -> str:
        """What this is."""
        return "compliance"

    def columns(self, wide: bool) -> Sequence[Column[TenantCompliance]]:
        """Those that fit."""
        return (
            Column("name", "TENANT", lambda row, now: cell(row.tenant_name), 14, share=1, sortable=True),
            Column("total", "DEVICES", lambda row, now: _count(row, None), 7, priority=2, align="right"),
            Column("share", "COMPLIANT", _share, 9, align="right"),
            Column("non", "NONC.", lambda row, now: _count(row, "noncompliant"), 6, priority=1, align="right"),
            Column("change", "+/-", _change, 5, priority=3, align="right"),
            Column("trend", "LAST 14 DAYS", self._trend, TREND_WIDTH, priority=4),
            Column("standing", "", _standing, _STANDING_WIDTH, priority=1),
            Column("age", "AGE", _age, 5, priority=1, align="right", age_of=_taken_at),
        )

    def _trend(self, row: TenantCompliance, now: datetime) -> Cell:
        """The last two weeks; where nothing was counted, why."""
        if row.last_run is not None and not row.points:
            return cell(row.last_run.reason_code or "", "muted")
        return cell(trend_cell(row.points, now.date(), blocks=self.atlas.blocks), "info")

    def key_of(self, row: TenantCompliance) -> int:
        """The tenant's number."""
        return row.tenant_id

    def link_to(self, row: TenantCompliance) -> Link:
        """The tenant's page of compliance."""
        return to_compliance_of(row.tenant_id)

    def tenant_of(self, row: TenantCompliance) -> tuple[int, str]:
        """Itself."""
        return row.tenant_id, row.tenant_name

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[TenantCompliance]:
        """A page of tenants."""
        wanted, pinned = asked(request)
        descending = request.sort is not None and request.sort.descending
        query = TenantQuery(session.workspace.workspace_id, wanted.text, descending, pinned)
        return compliance.of_workspace(session.db, session.who, query, place, request.limit)

    def read_panel(self, session: Session, key: int) -> ComplianceRead:
        """What the tenant's page shows."""
        days = SPANS[1]
        return ComplianceRead(
            read_collector(session, key),
            compliance.latest(session.db, session.who, key),
            compliance.trend(session.db, session.who, key, days=days),
            days,
        )

    def panel_lines(self, read: ComplianceRead) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" {read.collector.tenant.name}", "title"),), blank()]
            return [*head, *compliance_lines(read, self.times, width, blocks=self.atlas.blocks)]

        return lines

    def linked(self) -> Link | None:
        """The run that counted."""
        row = self.table.cursor_row
        return None if row is None or row.now.snapshot is None else to_run(row.now.snapshot.run_id)

    def targets(self) -> Targets:
        """The connection of the tenant under the cursor that counts."""
        row = self.table.cursor_row
        return Targets(() if row is None or row.connection_id is None else (row.connection_id,))

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """A tenant a line."""
        for found in super().records(session, request, format):
            known = found["now"]
            snapshot, difference = known.snapshot, known.difference
            yield {
                "tenant_id": found["tenant_id"],
                "tenant_name": found["tenant_name"],
                "taken_at": None if snapshot is None else snapshot.taken_at,
                "total": None if snapshot is None else snapshot.total,
                **({} if snapshot is None else snapshot.counts),
                "noncompliant_change": None if difference is None else difference["noncompliant"],
                "newer_is_partial": known.partial is not None,
                "last_run_reason": None if found["last_run"] is None else found["last_run"].reason_code,
            }

    CSV_COLUMNS: ClassVar[tuple[str, ...]] = (
        "tenant_id",
        "tenant_name",
        "taken_at",
        "total",
        *STATES,
        "noncompliant_change",
        "newer_is_partial",
        "last_run_reason",
    )
