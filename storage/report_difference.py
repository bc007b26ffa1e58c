"""What changed from one verification report to the next.

Promise: pure; compares facts, never wording, so that a sentence that was rephrased is no change. What was not looked at counts as unknown,
not as gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.reports import Report
from storage.states import StepStatus, VerificationStatus


@dataclass(frozen=True, slots=True)
class StepChange:
    """A step that ended otherwise.

    Attributes:
        before: how it ended then; None when there was no such step.
        after: how it ends now; None when there is no such step.
    """

    key: str
    label: str
    before: StepStatus | None
    before_reason: str | None
    after: StepStatus | None
    after_reason: str | None


@dataclass(frozen=True, slots=True)
class ReportDifference:
    """What changed.

    Attributes:
        against: the report before.
        verdict_before: its verdict.
        steps: the steps that ended otherwise, in the order of the newer report.
        gained: permissions that are granted now and were not; empty when one of the two knew none.
        lost: permissions that were granted and are not.
    """

    against: int
    verdict_before: VerificationStatus | None
    steps: tuple[StepChange, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed but the time."""
        return not (self.steps or self.gained or self.lost)


def difference(older: Report, newer: Report) -> ReportDifference:
    """Compares two reports of a connection."""
    then = {step.key: step for step in older.steps}
    now = {step.key: step for step in newer.steps}
    changes = []
    for key in [*now, *(key for key in then if key not in now)]:
        was, is_now = then.get(key), now.get(key)
        named = is_now or was
        assert named is not None, "the key is one of the two"
        change = StepChange(
            key,
            named.label,
            was.status if was else None,
            was.reason_code if was else None,
            is_now.status if is_now else None,
            is_now.reason_code if is_now else None,
        )
        if (change.before, change.before_reason) != (change.after, change.after_reason):
            changes.append(change)
    before, after = older.granted_permissions, newer.granted_permissions
    known = before is not None and after is not None
    gained = tuple(sorted(set(after or ()) - set(before or ()))) if known else ()
    lost = tuple(sorted(set(before or ()) - set(after or ()))) if known else ()
    return ReportDifference(older.id, older.verdict, tuple(changes), gained, lost)
