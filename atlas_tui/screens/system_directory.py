"""The system directory: the tenants of all workspaces, each with how its default connection stands. Only to look at.

Promise: the line above the list says how many stand how; it counts default connections alone and is asked again at most every few seconds.

Must not know: how a tenant's own page looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.badges import consent_badge, lifecycle_badge, verification_badge
from atlas_tui.cells import Cell, Line, Part, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.exporting import Format
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_system_runs_of, to_system_tenant
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.screens.system_plane import SystemPlane
from atlas_tui.screens.system_text import directory_lines, rollup_segments
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.status_line import Segment, StatusLine
from atlas_tui.widgets.table_messages import ListTexts
from storage import system_directory
from storage.capabilities import Capability
from storage.errors import AtlasError
from storage.filters import read_filter
from storage.states import TenantLifecycle, Topic
from storage.system_directory import DefaultTruth, DirectoryDetail, DirectoryRow, Rollup
from storage.system_directory_filters import KEYS

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place

Columns = tuple[Column[DirectoryRow], ...]


def _checked_at(row: DirectoryRow) -> datetime | None:
    return None if row.default is None else row.default.last_checked_at


def _age(row: DirectoryRow, now: datetime) -> Any:
    at = _checked_at(row)
    return None if at is None else now - at


def _enabled(row: DirectoryRow, now: datetime) -> Cell:
    return cell("- none", "muted") if row.default is None else lifecycle_badge(row.default.is_enabled)


def _consent(row: DirectoryRow, now: datetime) -> Cell:
    return cell("") if row.default is None else consent_badge(row.default.consent_status, _age(row, now))


def _verification(row: DirectoryRow, now: datetime) -> Cell:
    return cell("") if row.default is None else verification_badge(row.default.verification_status, _age(row, now))


def _reason(row: DirectoryRow, now: datetime) -> Cell:
    """Why it needs somebody: where the tenant is, when that matters, else the reason, else what it was refused."""
    truth = row.default
    if row.lifecycle is not TenantLifecycle.ACTIVE:
        return cell(row.lifecycle.value, "muted")
    if truth is None:
        return cell("no connection", "muted")
    if truth.reason_code:
        return cell(truth.reason_code)
    return cell(f"{truth.missing_permissions} missing", "warn") if truth.missing_permissions else cell("")


USUAL: Columns = (
    Column("name", "TENANT", lambda row, now: cell(row.name), 14, share=2),
    Column("workspace", "WORKSPACE", lambda row, now: cell(row.workspace), 10, share=1),
    Column("enabled", "CONNECTION", _enabled, 10, priority=2),
    Column("consent", "CONSENT", _consent, 10),
    Column("verification", "VERIFICATION", _verification, 12),
    Column(
        "checked",
        "AGE",
        lambda row, now: cell("" if row.default is None else age_bucket(_age(row, now))),
        4,
        priority=3,
        align="right",
        age_of=_checked_at,
    ),
    Column("reason", "REASON", _reason, 11, share=1, priority=1),
)
"""What fits into 80 columns."""

WIDE: Columns = (
    *USUAL,
    Column("domain", "DOMAIN", lambda row, now: cell(row.primary_domain), 18, share=2, priority=4),
    Column("cloud", "CLOUD", lambda row, now: cell(row.cloud.value), 6, priority=5),
    Column("guid", "TENANT ID", lambda row, now: cell(row.entra_tenant_id), 36, priority=6),
)
"""Everything the list knows, as far as it fits."""


class SystemDirectoryScreen(SystemPlane, ListScreen[DirectoryRow]):
    """The list."""

    VIEW = View.SYSTEM
    PLACES = (Where.LIST, Where.SYSTEM_DIRECTORY)
    TOPICS = frozenset({Topic.TENANTS, Topic.CONNECTIONS})
    NEEDS = Capability.PLATFORM_DIRECTORY_VIEW
    FILTER_HINT: ClassVar[str] = "word  workspace:x  verification:blocked  consent:revoked  permissions:missing"
    ORDER: ClassVar[str] = "sort name ^"
    TEXTS = ListTexts(empty="No workspace has a tenant yet.", empty_hint="Members of a workspace add them there.")

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._rollup: Rollup | None = None
        self._rollup_is_due = True

    def columns(self, wide: bool) -> Sequence[Column[DirectoryRow]]:
        """Few, or as many as fit."""
        return WIDE if wide else USUAL

    def key_of(self, row: DirectoryRow) -> int:
        """The tenant's id."""
        return row.id

    def link_to(self, row: DirectoryRow) -> Link:
        """Its page."""
        return to_system_tenant(row.id)

    def id_text(self, row: DirectoryRow) -> str:
        """Its GUID."""
        return row.entra_tenant_id

    def linked(self) -> Link | None:
        """Its runs, for who may read runs."""
        row = self.table.cursor_row
        if row is None or Capability.PLATFORM_RUNS_VIEW not in self.session.platform:
            return None
        return to_system_runs_of(row.id, row.name)

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[DirectoryRow]:
        """A page of tenants."""
        return system_directory.page(session.db, session.who, asked(request)[0].text, place, request.limit)

    def read_panel(self, session: Session, key: int) -> DirectoryDetail:
        """What its page shows."""
        return system_directory.get(session.db, session.who, key)

    def panel_lines(self, read: DirectoryDetail) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" {read.row.name}", "title"),), blank()]
            return [*head, *directory_lines(read, self.times, width)]

        return lines

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """The tenants, each with its default connection's truth beside it."""
        nothing: dict[str, Any] = dict.fromkeys(field.name for field in fields(DefaultTruth))
        for found in super().records(session, request, format):
            truth = found["default"]
            kept = {key: value for key, value in found.items() if key != "default"}
            yield kept | (nothing if truth is None else {key: getattr(truth, key) for key in nothing})

    # How many stand how

    def reload(self) -> None:
        """The rows, and sooner or later the counts."""
        super().reload()
        self._rollup_is_due = True

    def on_mount(self) -> None:
        """Ask for the counts too."""
        self.show_ages()

    def show_ages(self) -> None:
        """A few seconds passed: count again if something changed."""
        super().show_ages()
        if self._rollup_is_due and self.is_whole:
            self._rollup_is_due = False
            session, workspace = self.session, self._workspace()
            self.ask(
                "rollup",
                lambda: system_directory.rollup(session.db, session.who, workspace),
                self._take_rollup,
                self._no_rollup,
            )

    def _workspace(self) -> str | None:
        """The one workspace that the filter names, if it names one."""
        try:
            named = read_filter(self.filter.text, KEYS).values.get("workspace", ())
        except AtlasError:
            return None
        return named[0] if len(named) == 1 else None

    def _take_rollup(self, found: Rollup) -> None:
        self._rollup = found
        self.show_state()

    def _no_rollup(self, error: AtlasError) -> None:
        """The list says why, in its own place; the counts are asked for again in a while."""
        self._rollup, self._rollup_is_due = None, True
        self.show_state()

    def set_filter(self, filter: Any) -> None:
        """Another filter, perhaps of another workspace."""
        super().set_filter(filter)
        self._rollup_is_due = True
        self.show_ages()

    def show_state(self) -> None:
        """The line above the list: the filter, and how many stand how."""
        if not self.is_mounted:
            return
        left = [Segment(f"/{self.filter.text}" if self.filter.text else "", "info")]
        counts = [] if self._rollup is None else rollup_segments(self._rollup)
        self.query_one("#state", StatusLine).show(left, [*counts, Segment(self.ORDER, "muted", 9)])
