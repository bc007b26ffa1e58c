"""What a connection's page says of its standing: the breaker, what it shares with others, the outage it is a part of, and a table of what
became of each operation.

Promise: last good stays visible however much fails; what is held back says until when, why, and the way to try it now.

Must not know: widgets, queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from atlas_tui.badges import run_badge
from atlas_tui.cells import Line, Part, age_bucket, fit, fit_line
from atlas_tui.outage_banner import short_time
from atlas_tui.screens.prose import Times, field
from storage.breakers import OpenBreaker
from storage.connection_operations import OperationStanding
from storage.connections import ConnectionDetail
from storage.outages import Outage
from storage.shared_problems import COUNTED, SharedProblem
from storage.states import RunStatus

_COLUMNS = (("OPERATION", 20), ("LAST RUN", 15), ("SINCE", 6), ("GOOD", 5), ("DUE", 5))


def standing_lines(
    detail: ConnectionDetail, shared: Sequence[SharedProblem], outage: Outage | None, times: Times, width: int
) -> list[Line]:
    """What stands above why something is wrong: the breaker, the app it shares its problem with, the outage.

    Args:
        detail: The connection.
        shared: What it shares with others.
        outage: What many tenants suffer from now.
        times: How moments are shown.
        width: Cells.
    """
    lines: list[Line] = []
    if detail.breaker is not None:
        ask = "x, p: probe now" if detail.may_run else detail.who_may_run
        lines += field("Breaker", f"{breaker_words(detail.breaker, times)}. {ask}", width, style="warn")
    for problem in shared[:1]:
        lines += field("Shared", shared_words(problem, opens=detail.row.active_run_id is None), width, style="warn")
    return lines + _outage_lines(detail, outage, times, width)


def breaker_words(breaker: OpenBreaker, times: Times) -> str:
    """A breaker: `open until 03:20Z after 5 sign-in failures`."""
    why = f"after {breaker.failures} sign-in failures"
    if breaker.probe_run_id is not None:
        return f"open {why}; run #{breaker.probe_run_id} probes it"
    if breaker.open_until <= times.now:
        return f"open {why}; the next scheduled run probes it"
    return f"open until {short_time(breaker.open_until, times)} {why}"


def shared_words(problem: SharedProblem, *, opens: bool) -> str:
    """A shared problem: `23 others with North's app have secret_expired too: it is the app`."""
    others = f"{COUNTED:,}+" if problem.others > COUNTED else f"{problem.others:,}"
    way = " (enter opens it)" if opens and problem.platform_app_id is not None else ""
    return f"{others} others with {problem.app_name} have {problem.reason_code} too: it is the app{way}"


def _outage_lines(detail: ConnectionDetail, outage: Outage | None, times: Times, width: int) -> list[Line]:
    suffering = [
        standing
        for standing in detail.operations
        if outage is not None and outage.covers(standing.last_reason_code, standing.last_completed_at)
    ]
    if outage is None or not suffering:
        return []
    good = max((s.last_good_at for s in suffering if s.last_good_at is not None), default=None)
    last = f"; here last good {short_time(good, times)}" if good is not None else ""
    text = f"part of an outage since {short_time(outage.since, times)}{last}. {outage.headline}."
    return field("Them or us", text, width, style="warn")


def operation_lines(standings: Sequence[OperationStanding], times: Times, width: int) -> list[Line]:
    """What became of each operation, one line each: how the last run ended, since when it fails, last good, next due, why.

    Args:
        standings: The operations.
        times: How moments are shown.
        width: Cells.
    """
    if not standings:
        return []
    head = "".join(fit(title, cells) for title, cells in _COLUMNS)
    return [(Part(fit(f" {head}REASON", width), "muted"),), *(_operation(one, times, width) for one in standings)]


def _operation(standing: OperationStanding, times: Times, width: int) -> Line:
    (_, name), (_, last), (_, since), (_, good), (_, due) = _COLUMNS
    parts: list[Part] = [Part(" "), Part(fit(standing.label, name))]
    if standing.last_outcome is None:
        parts.append(Part(fit("o never ran", last), "muted"))
    else:
        badge = run_badge(RunStatus.COMPLETED, standing.last_outcome)
        many = f" x{standing.consecutive_failures}" if standing.consecutive_failures > 1 else ""
        parts += fit_line((*badge.parts, Part(many)), last)
    parts.append(Part(fit(times.ago(standing.failing_since), since)))
    parts.append(Part(fit(times.ago(standing.last_good_at), good)))
    parts.append(Part(fit(_until(standing.next_due_at, times), due)))
    if standing.blocked_reason_code is not None:
        parts.append(Part(f"held: {standing.blocked_reason_code}", "warn"))
    elif standing.last_reason_code is not None and standing.failing_since is not None:
        parts.append(Part(standing.last_reason_code, "bad"))
    return fit_line(parts, width)


def _until(due: datetime | None, times: Times) -> str:
    if due is None:
        return "-"
    return "now" if due <= times.now else age_bucket(due - times.now)
