"""Compliance of the workspace's tenants: how many devices, how many of them compliant, how that changed, and the last two weeks in a line.

Must not know: how a tenant's own page looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.badges import badge
from atlas_tui.cells import Cell, Line, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.compliance_words import standing
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_compliance_of
from atlas_tui.screens.collected_reading import read_collector
from atlas_tui.screens.compliance_text import SPANS, TREND_WIDTH, ComplianceRead, compliance_lines, trend_cell
from atlas_tui.screens.list_filter import asked, sort_key
from atlas_tui.screens.tenant_figures import TenantFiguresList
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from storage import compliance
from storage.compliance import ComplianceOrder, TenantCompliance
from storage.compliance_publishing import STATES
from storage.tenants import TenantQuery

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place

_STANDING_WIDTH = 9


def _devices(row: TenantCompliance, now: datetime) -> Cell:
    snapshot = row.now.snapshot
    return cell("" if snapshot is None else f"{snapshot.total:,}")


def _noncompliant(row: TenantCompliance, now: datetime) -> Cell:
    snapshot = row.now.snapshot
    return cell("" if snapshot is None else f"{snapshot.counts['noncompliant']:,}")


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


class ComplianceListScreen(TenantFiguresList[TenantCompliance]):
    """The list."""

    VIEW = View.COMPLIANCE
    PLACES = (Where.LIST, Where.COMPLIANCE)
    FILTER_HINT: ClassVar[str] = "word  !word  tag:gold  cloud:global"
    WORD = "compliance"
    EXPORTED = "the compliance of the tenants in this list"

    def columns(self, wide: bool) -> Sequence[Column[TenantCompliance]]:
        """Those that fit."""
        return (
            Column("name", "TENANT", lambda row, now: cell(row.tenant_name), 14, share=1, sortable=True),
            Column("devices", "DEVICES", _devices, 7, priority=2, align="right", sortable=True, largest_first=True),
            Column("share", "COMPLIANT", _share, 9, align="right", sortable=True),
            Column(
                "noncompliant", "NONC.", _noncompliant, 6, priority=1, align="right", sortable=True, largest_first=True
            ),
            Column("change", "+/-", _change, 5, priority=3, align="right", sortable=True, largest_first=True),
            Column("trend", "LAST 14 DAYS", self._trend, TREND_WIDTH, priority=4),
            Column("standing", "", _standing, _STANDING_WIDTH, priority=1),
            Column("age", "AGE", _age, 5, priority=1, align="right", age_of=_taken_at, sortable=True),
        )

    def _trend(self, row: TenantCompliance, now: datetime) -> Cell:
        """The last two weeks; where nothing was counted, why."""
        if row.last_run is not None and not row.points:
            return cell(row.last_run.reason_code or "", "muted")
        return cell(trend_cell(row.points, now.date(), blocks=self.atlas.blocks), "info")

    def link_to(self, row: TenantCompliance) -> Link:
        """The tenant's page of compliance."""
        return to_compliance_of(row.tenant_id)

    def run_of(self, row: TenantCompliance) -> int | None:
        """The run that counted."""
        return None if row.now.snapshot is None else row.now.snapshot.run_id

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[TenantCompliance]:
        """A page of tenants."""
        wanted, pinned = asked(request)
        order, descending = sort_key(request.sort, ComplianceOrder.NAME.value)
        query = TenantQuery(session.workspace.workspace_id, wanted.text, descending, pinned)
        return compliance.of_workspace(
            session.db, session.who, query, place, request.limit, order=ComplianceOrder(order)
        )

    def read_panel(self, session: Session, key: int) -> ComplianceRead:
        """What the tenant's page shows."""
        days = SPANS[1]
        return ComplianceRead(
            read_collector(session, key),
            compliance.latest(session.db, session.who, key),
            compliance.trend(session.db, session.who, key, days=days),
            days,
        )

    def page_lines(self, read: ComplianceRead, width: int) -> list[Line]:
        """The whole page."""
        return compliance_lines(read, self.times, width, blocks=self.atlas.blocks)

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
