"""What a connection's page, and the panel beside the list, say.

Promise: the three truths stand side by side with both of their times and are never summed up; a credential's value is not here because
it is not in what storage hands out.

Must not know: widgets, queries.
"""

from __future__ import annotations

from collections.abc import Sequence

from atlas_tui.badges import BADGE_WIDTH, badge, consent_badge, lifecycle_badge, verification_badge
from atlas_tui.cells import Cell, Line, Part, width_of
from atlas_tui.screens.prose import LABEL_WIDTH, Times, field, wrapped
from atlas_tui.screens.standing_text import operation_lines
from atlas_tui.screens.why import Reader, explain, further_reading
from storage import operations
from storage.audit_trail import AuditEntry
from storage.connections import ConnectionDetail, ConnectionRow
from storage.states import StepStatus

_STEP_BADGES = {
    StepStatus.RUNNING: ("~", "running"),
    StepStatus.PASS: ("+", "pass"),
    StepStatus.WARN: ("!", "warn"),
    StepStatus.FAIL: ("x", "fail"),
    StepStatus.SKIP: ("o", "skip"),
}
STEP_WIDTH = 10


def name_of(row: ConnectionRow) -> str:
    """What a connection is called: its tenant's name, and its own where the tenant has several; `*` marks the default of several."""
    if row.siblings < 2:
        return row.tenant_name
    return f"{row.tenant_name} / {row.display_name}{'*' if row.is_default else ''}"


def reader_of(detail: ConnectionDetail) -> Reader:
    """What the person at the keyboard may do with a connection."""
    return Reader(detail.may_run, detail.may_manage, detail.who_may_run, detail.who_may_manage)


def step_badge(status: StepStatus) -> Cell:
    """How a step ended."""
    glyph, word = _STEP_BADGES[status]
    return badge(glyph, word, STEP_WIDTH)


def truths(detail: ConnectionDetail, times: Times, width: int) -> list[Line]:
    """The three badges, each with when it became so and when it was last looked at."""
    row = detail.row
    by = f" by {row.lifecycle_changed_by}" if row.lifecycle_changed_by else ""
    checked = detail.consent_checked_at
    return [
        *_truth(
            "Lifecycle", lifecycle_badge(row.is_enabled), f"since {times.moment(row.lifecycle_changed_at)}{by}", width
        ),
        *_truth(
            "Consent",
            consent_badge(row.consent_status, None if checked is None else times.now - checked),
            f"since {times.moment(row.consent_changed_at)}  checked {times.ago(checked)} ago",
            width,
        ),
        *_truth(
            "Verification",
            verification_badge(
                row.verification_status, None if row.last_checked_at is None else times.now - row.last_checked_at
            ),
            f"since {times.moment(row.verification_changed_at)}  checked {times.ago(row.last_checked_at)} ago",
            width,
        ),
    ]


def _truth(label: str, shown: Cell, when: str, width: int) -> list[Line]:
    when = when.replace("since -  ", "").replace("checked - ago", "never checked")
    if width_of(when) + LABEL_WIDTH + BADGE_WIDTH + 2 <= width:
        return field(label, (*shown.parts, Part(f"  {when}")), width)
    # No room beside the badge: below it, so that nothing is cut.
    return field(label, shown, width) + field("", when, width)


def summary(detail: ConnectionDetail, times: Times, width: int, also: Sequence[Line] = ()) -> list[Line]:
    """The top of the page: truths, what runs now, why and the next step.

    Args:
        detail: The connection.
        times: How moments are shown.
        width: Cells.
        also: What stands above the reason (`standing_text`).
    """
    row = detail.row
    lines = truths(detail, times, width)
    if row.active_run_id is not None and row.active_run_type is not None and row.active_run_status is not None:
        label = operations.find(row.active_run_type).label
        lines += field(
            "Run", (Part("~ ", "info"), Part(f"#{row.active_run_id} {label}, {row.active_run_status.value}")), width
        )
    lines += also
    if row.reason_code:
        lines += explain(
            row.reason_code,
            row.reason_sentence,
            row.reason_since,
            reader_of(detail),
            times,
            width,
        )
    elif not row.is_enabled:
        by = f" by {row.lifecycle_changed_by}" if row.lifecycle_changed_by else ""
        lines += field("Why", f"Disabled{by}; nothing runs on it.", width)
        ask = "x, e: enable it again" if detail.may_manage else detail.who_may_manage
        lines += field("Next step", f"When it should work again: {ask}.".replace("..", "."), width, style="strong")
    elif row.last_checked_at is None:
        ask = "x, c: check now" if detail.may_run else detail.who_may_run
        lines += field("Next step", f"Never checked. {ask}", width, style="strong")
    return lines


def overview(detail: ConnectionDetail, times: Times, width: int) -> list[Line]:
    """The Overview tab: what became of its operations, what it is and how it signs in."""
    row = detail.row
    lines = operation_lines(detail.operations, times, width)
    lines += field("Tenant", row.tenant_name, width)
    if detail.microsoft_name and detail.microsoft_name != row.tenant_name:
        lines += field("Microsoft", f"{detail.microsoft_name} (Microsoft's own name for it)", width)
    lines += field("Tenant id", row.entra_tenant_id, width)
    lines += field("Domain", row.primary_domain or "-", width)
    lines += field("Cloud", row.cloud.value, width)
    default = ", default of its tenant" if row.is_default else ", not the default of its tenant"
    lines += field("Connection", f"{row.display_name} (#{row.id}{default})", width)
    app = f"platform app {detail.platform_app}" if detail.platform_app else "an app registration of its own"
    lines += field("Signs in", f"{row.connection_type.value}: {app}", width)
    lines += field("Client id", detail.client_id or "-", width)
    lines += field("Last good", times.since(row.last_good_at), width)
    lines += field("Consented", times.since(detail.consent_granted_at), width)
    lines += field("Created", times.moment(detail.created_at), width)
    lines += further_reading(row.reason_code, width)
    if detail.check_obstacle is not None:
        lines += field("Check now", f"cannot start: {detail.check_obstacle.sentence}", width, style="warn")
    return lines


def audit_lines(entries: tuple[AuditEntry, ...], times: Times, width: int) -> list[Line]:
    """The Audit tab: who did what, newest first, in the words of the trail."""
    if not entries:
        return field("", "Nothing yet.", width)
    lines: list[Line] = []
    for entry in entries:
        when = f" {times.moment(entry.at)}  "
        words = f"{entry.actor}: {entry.sentence}{f' ({entry.ticket})' if entry.ticket else ''}"
        first, *more = wrapped(words, width, indent=len(when), style="bad" if entry.is_refused else "")
        lines += [(Part(when, "muted"), *first[1:]), *more]
    return lines
