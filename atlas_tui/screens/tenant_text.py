"""What a tenant's page says: what it is, the connection that speaks for it, and how to make one where there is none.

Promise: the provider summary is the default connection's three badges as they are stored, beside each other; nothing sums them up. What
is missing is named, with who may do something about it.

Must not know: widgets, queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from atlas_tui.badges import badge, consent_badge, lifecycle_badge, verification_badge
from atlas_tui.cells import Cell, Line, Part, fit
from atlas_tui.screens.collected_tab import glance_lines
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from atlas_tui.screens.schedule_text import next_due_lines
from storage import collected, schedule_reach, tenant_detail
from storage.collected import Summary
from storage.connections import ConnectionRow
from storage.consequences import count
from storage.errors import AtlasError
from storage.schedule_reach import NextDue
from storage.states import TenantLifecycle
from storage.tenant_detail import PermissionSummary, TenantDetail
from storage.tenants import TenantRow

if TYPE_CHECKING:
    from atlas_tui.session import Session

SHOWN_FIRST: Final = 3
"""Connections on the Overview; the others are on their tab."""

LIFECYCLE_WIDTH: Final = 12
_NAMED: Final = 12
_DAY: Final = timedelta(days=1)
_NONE: Final = timedelta()
_GLYPHS: Final = {
    TenantLifecycle.DRAFT: "o",
    TenantLifecycle.ONBOARDING: "~",
    TenantLifecycle.ACTIVE: "+",
    TenantLifecycle.ARCHIVED: "-",
}


class Section(StrEnum):
    """The tabs of the page."""

    OVERVIEW = "Overview"
    CONNECTIONS = "Connections"
    COLLECTED = "Collected"
    RUNS = "Runs"
    AUDIT = "Audit"
    SHEET = "Sheet"


@dataclass(frozen=True, slots=True)
class TenantRead:
    """A tenant, and what the open tab shows of it beyond that, or why it cannot be shown.

    Attributes:
        part: What the tab needs; of the Overview, and of the panel beside a list, what was collected.
        next_due: What is started by itself next, of each operation; of the Overview and the panel.
    """

    detail: TenantDetail
    section: Section = Section.OVERVIEW
    part: Any = None
    refusal: AtlasError | None = None
    next_due: tuple[NextDue, ...] = ()

    @property
    def summary(self) -> Summary | None:
        """What was collected, when that was read."""
        return self.part if isinstance(self.part, Summary) else None

    @property
    def tenant(self) -> TenantRow:
        """The tenant itself."""
        return self.detail.tenant

    @property
    def connections(self) -> tuple[ConnectionRow, ...]:
        """Its connections, the default one first."""
        return self.detail.connections


def tenant_badge(lifecycle: TenantLifecycle) -> Cell:
    """Where a tenant is: draft, onboarding, active or archived."""
    return badge(_GLYPHS[lifecycle], lifecycle.value, LIFECYCLE_WIDTH)


def read_tenant(session: Session, tenant_id: int) -> TenantRead:
    """Read a tenant for its page. Blocks; not for the event loop.

    Raises:
        NotFound: It is not visible.
    """
    detail = tenant_detail.get(session.db, session.who, tenant_id)
    return with_overview(session, detail)


def with_overview(session: Session, detail: TenantDetail) -> TenantRead:
    """Adds to a tenant what its Overview shows beyond it. Blocks; not for the event loop.

    Raises:
        NotFound: It is not visible.
    """
    id = detail.tenant.id
    due = schedule_reach.next_for_tenant(session.db, session.who, id)
    return TenantRead(detail, part=collected.summary(session.db, session.who, id), next_due=due)


def tenant_lines(
    read: TenantRead, times: Times, width: int, chosen: int | None = None, *, blocks: bool = False
) -> list[Line]:
    """The Overview.

    Args:
        read: What was read.
        times: How moments are shown.
        width: Cells.
        chosen: The id of the connection under the cursor, if there is a cursor.
        blocks: Whether trends may be drawn in block characters.
    """
    detail, tenant = read.detail, read.tenant
    lines = _end(detail, times, width) + _onboarding(detail, times, width)
    lines += _provider(detail, times, width, chosen)
    if detail.permissions is not None:
        lines += permission_lines(detail.permissions, times, width)
    if read.summary is not None:
        lines += glance_lines(read.summary, times, width, blocks=blocks)
    lines += [blank(), *field("Lifecycle", tenant_badge(tenant.lifecycle), width)]
    lines += field("Tenant id", tenant.entra_tenant_id, width)
    if tenant.name_differs:
        lines += field("Microsoft", f"{tenant.microsoft_name} (Microsoft's own name for it)", width, style="warn")
    lines += field("Domain", f"{tenant.primary_domain or '-'}  ({tenant.cloud.value})", width)
    lines += field("Tags", " ".join(tenant.tags) or "-", width)
    lines += field("Contact", tenant.contact or "-", width)
    lines += field("Time zone", tenant.time_zone, width)
    for index, line in enumerate(tenant.note.splitlines()):
        lines += field("" if index else "Note", line, width)
    lines += next_due_lines(read.next_due, times, width)
    lines += field("Created", times.moment(tenant.created_at), width)
    if detail.runs:
        lines += [blank(), heading("Last run", "the Runs tab has them all")]
        run = detail.runs[0]
        what = run.outcome.value if run.outcome is not None else run.status.value
        lines += field(f"#{run.id}", f"{run.label}: {what}, {times.ago(run.completed_at or run.queued_at)} ago", width)
    return lines


def connection_list(read: TenantRead, times: Times, width: int, chosen: int | None) -> list[Line]:
    """The Connections tab: all of them, the default one first."""
    if read.detail.call_to_create is not None:
        return _call(read.detail, width)
    lines: list[Line] = []
    for row in read.connections:
        lines += _connection(row, times, width, chosen)
        lines += field("", f"{row.connection_type.value}, #{row.id}", width, style="muted")
    if read.detail.more_connections:
        lines += field("", "and more: see the list of connections (2)", width, style="muted")
    return lines


def _provider(detail: TenantDetail, times: Times, width: int, chosen: int | None) -> list[Line]:
    if detail.call_to_create is not None:
        return _call(detail, width)
    shown = detail.connections[:SHOWN_FIRST]
    total = len(detail.connections)
    lines: list[Line] = [heading("Connections" if total > 1 else "Connection")]
    for row in shown:
        lines += _connection(row, times, width, chosen)
    if total > len(shown):
        more = f"{total - len(shown)}{' and more' if detail.more_connections else ''}"
        lines.append((Part(f"   {more} others on the Connections tab ( ] )", "muted"),))
    return lines


def _call(detail: TenantDetail, width: int) -> list[Line]:
    call = detail.call_to_create
    assert call is not None
    lines: list[Line] = [heading("Connection")]
    lines += field("", "None yet: nothing can be checked or collected here.", width, style="warn")
    if call.why_not:
        return lines + field("", call.why_not, width, style="muted")
    if not call.may:
        return lines + field("Next step", f"Your role may not add one. {call.who_may}", width, style="muted")
    return lines + field(
        "Next step", "enter or N: add its connection; x, o: onboard it step by step", width, style="strong"
    )


def _connection(row: ConnectionRow, times: Times, width: int, chosen: int | None) -> list[Line]:
    age = None if row.last_checked_at is None else times.now - row.last_checked_at
    marker = ">" if row.id == chosen else " "
    name = f"{row.display_name}{' (default)' if row.is_default else ''}"
    head: Line = (
        Part(f"{marker}{fit(name, 20)} ", "strong"),
        *lifecycle_badge(row.is_enabled).parts,
        Part(" "),
        *consent_badge(row.consent_status, age).parts,
        Part(" "),
        *verification_badge(row.verification_status, age).parts,
        Part(f"  {times.ago(row.last_checked_at)}", "muted"),
    )
    if not row.reason_code:
        return [head]
    why = wrapped(f"{row.reason_code}: {row.reason_sentence or '-'}", width, indent=3, style="bad")
    return [head, *why[:2]]


def permission_lines(summary: PermissionSummary, times: Times, width: int) -> list[Line]:
    """What a connection was granted of what the operations want, and what is missing."""
    if summary.checked_at is None:
        return field("Permissions", "not known yet: no check has had a token", width, style="muted")
    head = f"{len(summary.granted)} granted, seen {times.ago(summary.checked_at)} ago"
    missing = len(summary.missing_required) + len(summary.missing_optional)
    lines = field("Permissions", f"{head}, {missing} missing" if missing else f"{head}, none missing", width)
    if summary.missing_required:
        lines += field("Missing", f"required: {_some(summary.missing_required)}", width, style="bad")
    if summary.missing_optional:
        label = "" if summary.missing_required else "Missing"
        lines += field(label, f"optional: {_some(summary.missing_optional)}", width, style="warn")
    return lines


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _end(detail: TenantDetail, times: Times, width: int) -> list[Line]:
    goodbye = detail.goodbye
    if goodbye is None:
        return []
    if goodbye.purged_at is not None:
        return [
            *field("Purged", f"{times.moment(goodbye.purged_at)}: what was collected is deleted", width, style="warn"),
            blank(),
        ]
    left = goodbye.purge_after - times.now
    days = f"in {count(round(left / _DAY), 'day')}" if left > _DAY else "within a day" if left > _NONE else "now"
    lines = field(
        "Offboarded",
        f"What was collected is deleted {days}, after {times.moment(goodbye.purge_after)}.",
        width,
        style="warn",
    )
    if goodbye.may_restore:
        lines += field("Next step", "x, r: restore it; the customer's sheet is on its tab ( [ )", width, style="strong")
    elif not detail.may_manage:
        lines += field("Next step", f"Your role may not restore it. {detail.who_may_manage}", width, style="muted")
    return [*lines, blank()]


def _onboarding(detail: TenantDetail, times: Times, width: int) -> list[Line]:
    found = detail.onboarding
    if found is None:
        return []
    by = f" by {found.started_by}" if found.started_by else ""
    lines = field("Onboarding", f"begun {times.ago(found.started_at)} ago{by}, not finished", width, style="info")
    hint = "x, o: go on with it" if detail.may_manage else f"Your role may not. {detail.who_may_manage}"
    return [*lines, *field("Next step", hint, width, style="strong" if detail.may_manage else "muted"), blank()]


def sheet_lines(lines: tuple[str, ...], width: int) -> list[Line]:
    """The Sheet tab: what the customer is told, and how to take it along."""
    shown: list[Line] = [(Part(" For the customer; x, s copies it, x, E writes it to a file", "muted"),), blank()]
    for line in lines:
        indent = 1 + len(line) - len(line.lstrip())
        shown += wrapped(line.strip(), width, indent=indent) if line.strip() else [blank()]
    return shown
