"""States as people see them: a glyph, a word and a colour, one fixed width.

Promise: the three truths of a connection stay three badges; none is derived from another and nothing here sums them up. The glyph
and the word say everything the colour says. Age dims a badge and never changes what it says.

Must not know: where a state came from, widgets, the clock (ages are handed in).
"""

from __future__ import annotations

from datetime import timedelta

from atlas_tui.cells import Cell, Part, cell
from storage.states import ConsentStatus, RunOutcome, RunStatus, VerificationStatus

BADGE_WIDTH = 10
"""Cells of a lifecycle, consent or verification badge (glyph, space, the longest word)."""

RUN_BADGE_WIDTH = 11
"""Cells of a run badge."""

STALE_AFTER = timedelta(hours=26)
"""Every enabled connection is checked daily; a verdict that is older missed a check (24 h, and 2 h for a late one)."""

_GLYPH_STYLE = {"+": "ok", "!": "warn", "x": "bad", "~": "info", "o": "muted", "-": "muted"}

_CONSENT = {
    ConsentStatus.UNKNOWN: "o",
    ConsentStatus.REQUIRED: "!",
    ConsentStatus.GRANTED: "+",
    ConsentStatus.FAILED: "x",
    ConsentStatus.REVOKED: "x",
}
_VERIFICATION = {
    VerificationStatus.UNKNOWN: "o",
    VerificationStatus.PENDING: "~",
    VerificationStatus.HEALTHY: "+",
    VerificationStatus.DEGRADED: "!",
    VerificationStatus.BLOCKED: "x",
    VerificationStatus.ERROR: "x",
}
_RUN_STATUS = {RunStatus.WAITING: "o", RunStatus.QUEUED: "~", RunStatus.RUNNING: "~"}
_RUN_OUTCOME = {
    RunOutcome.SUCCEEDED: ("+", "succeeded"),
    # The one word that does not fit; the run's own page spells it out.
    RunOutcome.PARTIALLY_SUCCEEDED: ("!", "partial"),
    RunOutcome.FAILED: ("x", "failed"),
    RunOutcome.BLOCKED: ("x", "blocked"),
    RunOutcome.CANCELLED: ("-", "cancelled"),
    RunOutcome.LOST: ("~", "lost"),
}


def badge(glyph: str, word: str, width: int = BADGE_WIDTH, *, dimmed: bool = False) -> Cell:
    """A glyph, a word and the glyph's colour.

    Args:
        glyph: One of `+ ! x ~ o -`.
        word: The state's own word.
        width: Cells; the badge is filled to it.
        dimmed: Shown without its colour, because it is old or does not count now.

    Raises:
        KeyError: The glyph is not one of ours.
    """
    return Cell((Part(f"{glyph} {word}".ljust(width), "stale" if dimmed else _GLYPH_STYLE[glyph]),))


def lifecycle_badge(is_enabled: bool) -> Cell:
    """Whether people want this connection used."""
    return badge("+", "enabled") if is_enabled else badge("-", "disabled")


def consent_badge(status: ConsentStatus, age: timedelta | None = None) -> Cell:
    """What is known about the customer's consent.

    Args:
        status: The stored state.
        age: Since it was last looked at; old ones are dimmed.
    """
    return badge(_CONSENT[status], status.value, dimmed=stale(age))


def verification_badge(status: VerificationStatus, age: timedelta | None = None) -> Cell:
    """What the last connection check that reached a verdict found.

    Args:
        status: The stored state.
        age: Since that check; old ones are dimmed.
    """
    return badge(_VERIFICATION[status], status.value, dimmed=stale(age))


def run_badge(status: RunStatus, outcome: RunOutcome | None) -> Cell:
    """Where a run is or, once completed, how it ended.

    Args:
        status: The stored state.
        outcome: Only read when the run is completed.

    Raises:
        ValueError: Completed without an outcome; the database cannot hold that.
    """
    if status is not RunStatus.COMPLETED:
        return badge(_RUN_STATUS[status], status.value, RUN_BADGE_WIDTH)
    if outcome is None:
        raise ValueError("a completed run has an outcome")
    glyph, word = _RUN_OUTCOME[outcome]
    return badge(glyph, word, RUN_BADGE_WIDTH)


def stale(age: timedelta | None) -> bool:
    """Whether something last seen `age` ago is shown dimmed (older than `STALE_AFTER`); what has no age is not old."""
    return age is not None and age > STALE_AFTER


FIX_BY_WIDTH = 9
"""Cells of a fix-by word."""

_FIX_BY = {"us": "us", "customer": "customer", "microsoft": "Microsoft", "wait": "wait"}


def fix_by(who: str) -> Cell:
    """Who can fix a problem, in the four words people see: us, customer, Microsoft, wait.

    Args:
        who: One of the four, in any case.

    Raises:
        KeyError: Another word.
    """
    return cell(_FIX_BY[who.lower()])
