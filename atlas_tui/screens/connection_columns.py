"""The columns of the list of connections.

Promise: the three truths are three columns in one fixed order; the reason is in the list, not only on the page; what has not been looked
at for too long is dimmed and changes no word.

Must not know: queries, screens.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from atlas_tui.badges import FIX_BY_WIDTH, consent_badge, fix_by, lifecycle_badge, verification_badge
from atlas_tui.cells import Cell, Part, age_bucket, cell
from atlas_tui.screens.connection_text import name_of
from atlas_tui.widgets.columns import Column
from storage import operations, reasons
from storage.connections import ConnectionRow

Columns = tuple[Column[ConnectionRow], ...]


def _age(at: datetime | None, now: datetime) -> timedelta | None:
    return None if at is None else now - at


def _verification(row: ConnectionRow, now: datetime) -> Cell:
    return verification_badge(row.verification_status, _age(row.last_checked_at, now))


def _consent(row: ConnectionRow, now: datetime) -> Cell:
    return consent_badge(row.consent_status, _age(row.last_checked_at, now))


def _age_of(at: Callable[[ConnectionRow], datetime | None]) -> Callable[[ConnectionRow, datetime], Cell]:
    return lambda row, now: cell(age_bucket(_age(at(row), now)))


def reason(row: ConnectionRow, now: datetime) -> Cell:
    """Why it needs somebody, or what happens right now."""
    running = ""
    if row.active_run_type is not None and row.active_run_status is not None:
        running = f"{operations.find(row.active_run_type).label.split()[-1]} {row.active_run_status.value}"
    if row.reason_code:
        # The reason must not lose its room to what runs: the glyph alone says that something does.
        return Cell((Part("~ " if running else "", "info"), Part(row.reason_code)))
    if running:
        return cell(f"~ {running}", "info")
    if not row.is_enabled:
        return cell(f"disabled by {row.lifecycle_changed_by}" if row.lifecycle_changed_by else "disabled", "muted")
    return cell("never checked", "muted") if row.last_checked_at is None else cell("")


def _fix_by(row: ConnectionRow, now: datetime) -> Cell:
    return fix_by(reasons.find(row.reason_code).fix_by.value) if row.reason_code else cell("")


_TENANT: Column[ConnectionRow] = Column(
    "tenant", "TENANT", lambda row, now: cell(name_of(row)), 17, share=1, sortable=True
)
_STATES: Columns = (
    Column("lifecycle", "LIFECYCLE", lambda row, now: lifecycle_badge(row.is_enabled), 10, priority=1),
    Column("consent", "CONSENT", _consent, 10, sortable=True, priority=2),
    Column("verification", "VERIFICATION", _verification, 12, sortable=True),
    Column(
        "checked",
        "AGE",
        _age_of(lambda row: row.last_checked_at),
        5,
        sortable=True,
        priority=3,
        align="right",
        age_of=lambda row: row.last_checked_at,
    ),
)
_REASON: Column[ConnectionRow] = Column("reason", "REASON", reason, 16, share=2, sortable=True, priority=1)

USUAL: Columns = (_TENANT, *_STATES, _REASON)
"""What fits into 80 columns."""

WIDE: Columns = (
    _TENANT,
    *_STATES,
    _REASON,
    Column("fix_by", "FIX BY", _fix_by, FIX_BY_WIDTH, priority=4),
    Column(
        "good",
        "GOOD",
        _age_of(lambda row: row.last_good_at),
        5,
        priority=5,
        align="right",
        age_of=lambda row: row.last_good_at,
    ),
    Column("domain", "DOMAIN", lambda row, now: cell(row.primary_domain), 16, share=1, priority=6),
    Column("type", "TYPE", lambda row, now: cell(row.connection_type.value), 9, priority=7),
    Column("cloud", "CLOUD", lambda row, now: cell(row.cloud.value), 6, priority=8),
    Column("name", "CONNECTION", lambda row, now: cell(row.display_name), 12, share=1, priority=9),
)
"""Everything the list knows, as far as it fits."""
