"""What the system plane says: how many tenants stand how, and a tenant's page there.

Promise: a tenant's health is its default connection's three badges as they are stored, and what that was refused; nothing sums them up.
Who can fix it is named by side, never by person: the members of a workspace are its own business.

Must not know: widgets, queries.
"""

from __future__ import annotations

from typing import Final

from atlas_tui.badges import consent_badge, fix_by, lifecycle_badge, run_badge, verification_badge
from atlas_tui.cells import Line, Part, fit
from atlas_tui.screens.prose import Times, blank, field, heading
from atlas_tui.screens.tenant_text import permission_lines, tenant_badge
from atlas_tui.widgets.status_line import Segment
from storage import reasons
from storage.states import VerificationStatus
from storage.system_directory import COUNT_LIMIT, DefaultTruth, DirectoryDetail, Rollup

_COUNTED: Final = (
    (VerificationStatus.BLOCKED, "x", "bad", 1),
    (VerificationStatus.ERROR, "x", "bad", 2),
    (VerificationStatus.DEGRADED, "!", "warn", 3),
    (VerificationStatus.PENDING, "~", "info", 6),
    (VerificationStatus.UNKNOWN, "o", "muted", 7),
    (VerificationStatus.HEALTHY, "+", "ok", 5),
)
"""Verification as the line above the list counts it, with the order in which a count goes when there is no room."""


def rollup_segments(found: Rollup) -> list[Segment]:
    """How many stand how: what needs somebody first; what nobody is in is left out, but for healthy."""
    segments = [
        Segment(f"{glyph} {status.value} {_number(found.verification[status])}", style, priority)
        for status, glyph, style, priority in _COUNTED
        if found.verification[status] or status is VerificationStatus.HEALTHY
    ]
    if found.missing_permissions:
        segments.insert(-1, Segment(f"! perms missing {_number(found.missing_permissions)}", "warn", 4))
    return segments


def _number(value: int) -> str:
    return f"{value:,}+" if value >= COUNT_LIMIT else f"{value:,}"


def directory_lines(detail: DirectoryDetail, times: Times, width: int) -> list[Line]:
    """A tenant's page in the directory."""
    row = detail.row
    lines = field("Workspace", f"{row.workspace_name} ({row.workspace})", width)
    lines += field("Tenant id", row.entra_tenant_id, width)
    lines += field("Domain", f"{row.primary_domain or '-'}  ({row.cloud.value})", width)
    lines += field("Lifecycle", tenant_badge(row.lifecycle), width)
    lines += field("Added", times.moment(detail.created_at), width)
    lines += [blank(), heading("Default connection", "others are not counted here")]
    if row.default is None:
        lines += field("", "None: nothing is known of this tenant's health.", width, style="warn")
    else:
        lines += _truth(row.default, times, width)
    if detail.permissions is not None:
        lines += permission_lines(detail.permissions, times, width)
    return lines + _runs(detail, times, width)


def _truth(truth: DefaultTruth, times: Times, width: int) -> list[Line]:
    age = None if truth.last_checked_at is None else times.now - truth.last_checked_at
    lines: list[Line] = []
    for label, badge, since in (
        ("Enabled", lifecycle_badge(truth.is_enabled), truth.lifecycle_changed_at),
        ("Consent", consent_badge(truth.consent_status, age), truth.consent_changed_at),
        ("Verification", verification_badge(truth.verification_status, age), truth.verification_changed_at),
    ):
        since_words = f"  since {times.since(since)}" if since is not None else ""
        lines += field(label, (*badge.parts, Part(since_words, "muted")), width)
    lines += field("Checked", times.since(truth.last_checked_at), width)
    lines += field("Last good", times.since(truth.last_good_at), width)
    lines += field("Signs in by", f"{truth.connection_type.value} app registration", width)
    if truth.reason_code:
        reason = reasons.find(truth.reason_code)
        why = (Part(truth.reason_code, "bad"), Part("  fix by ", "muted"), *fix_by(reason.fix_by.value).parts)
        lines += field("Why", why, width)
        lines += field("", truth.reason_sentence or reason.sentence, width)
    return lines


def _runs(detail: DirectoryDetail, times: Times, width: int) -> list[Line]:
    if not detail.may_see_runs:
        return [blank(), *field("Runs", "not shown: that takes platform.runs.view", width, style="muted")]
    if not detail.runs:
        return [blank(), *field("Runs", "none yet", width, style="muted")]
    lines = [blank(), heading("Last runs", "enter: all of them")]
    for run in detail.runs:
        state = run_badge(run.status, run.outcome)
        reason = f"  {run.reason_code}" if run.reason_code else ""
        ago = times.ago(run.completed_at or run.queued_at)
        lines.append(
            (Part(fit(f" #{run.id}", 10)), Part(fit(run.label, 20)), *state.parts, Part(f" {ago:>4}{reason}", "muted"))
        )
    return lines
