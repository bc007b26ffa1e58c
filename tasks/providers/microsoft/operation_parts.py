"""The parts of an operation other than the check, shown as steps of its run.

Promise: a part that began ends: done, warned, skipped or failed, with a reason and a sentence of ours. What a tenant has no licence for is
skipped and never red.
"""

from __future__ import annotations

from collections.abc import Mapping

from storage import reasons
from storage.failures import Failure, failure
from storage.reasons import Category
from storage.states import StepStatus
from storage.verification import ReportStep
from tasks.providers.base import Reporter
from tasks.providers.microsoft import contracts, licences
from tasks.providers.microsoft.contracts import Contract
from tasks.providers.microsoft.errors import MicrosoftFailure, describe
from tasks.providers.microsoft.graph import GraphSession


class Parts:
    """Shows the parts of one operation.

    Args:
        reporter: the run's.
        labels: what people read, by the part's key.
    """

    def __init__(self, reporter: Reporter, labels: Mapping[str, str]) -> None:
        self._reporter = reporter
        self._labels = labels

    def begin(self, key: str) -> None:
        """Shows that a part has begun."""
        self._reporter.begin_step(key, self._labels[key])

    def done(self, key: str, sentence: str) -> None:
        """Shows that a part was read to its end."""
        self._end(key, StepStatus.PASS, None, sentence)

    def warned(self, key: str, reason_code: str, sentence: str) -> None:
        """Shows that the operation does less than it could."""
        self._end(key, StepStatus.WARN, reason_code, sentence)

    def skipped(self, key: str, reason_code: str, sentence: str = "") -> None:
        """Shows that a part was not done and need not be."""
        self._end(key, StepStatus.SKIP, reason_code, sentence or reasons.find(reason_code).sentence)

    def failed(self, key: str, problem: MicrosoftFailure) -> None:
        """Shows that a part went wrong."""
        self._end(key, StepStatus.FAIL, problem.reason_code, problem.message, problem.request_id)

    def _end(
        self, key: str, status: StepStatus, code: str | None, sentence: str, request_id: str | None = None
    ) -> None:
        self._reporter.end_step(
            ReportStep(key, self._labels[key], status, code, sentence=sentence, request_id=request_id)
        )


def licence_reason(problem: MicrosoftFailure, session: GraphSession, plan: str) -> str | None:
    """Says whether a call failed only because the tenant has no licence for it.

    Without the licence Microsoft refuses in several ways, not all of which say so: then the tenant's licences are asked.

    Args:
        problem: what the call failed with.
        session: the run's.
        plan: `intune`, `p1` or `p2`.

    Returns:
        The reason code, or None when it failed for another reason, or nobody can tell.

    Raises:
        RunStopped, RunDeferred: from the run's reporter.
    """
    if reasons.find(problem.plain_code).category is Category.LICENCE:
        return problem.plain_code
    if not may_mean_unlicensed(problem, plan):
        return None
    try:
        found = licences.read(session.get(contracts.SUBSCRIBED_SKUS))
    except MicrosoftFailure:
        return None
    return None if plan in found.enabled else f"not_licensed_{plan}"


def may_mean_unlicensed(problem: MicrosoftFailure, plan: str) -> bool:
    """Says whether Microsoft may have answered so only because the tenant has no licence.

    A refusal may, whatever it says; and where there is no Intune its listings were seen to answer 503 for good, which an outage does too:
    the licences tell them apart.
    """
    if plan == "intune" and problem.plain_code == "service_unavailable":
        return True
    return not problem.is_transient and problem.http_status is not None and 400 <= problem.http_status < 500


def as_failure(problem: MicrosoftFailure, *, count: int = 1) -> Failure:
    """Returns a failed call as it is stored with the run."""
    return failure(
        problem.reason_code,
        problem.message,
        count=count,
        provider_code=problem.provider_code,
        request_id=problem.request_id,
    )


def naming_the_permission(problem: MicrosoftFailure, contract: Contract) -> MicrosoftFailure:
    """Names the permission that would have sufficed, where Microsoft only said that one is missing (the directory never says which)."""
    if problem.missing_permissions or reasons.find(problem.reason_code).category is not Category.PERMISSION:
        return problem
    return with_permissions(problem, contract.permissions[:1])


def with_permissions(problem: MicrosoftFailure, names: tuple[str, ...]) -> MicrosoftFailure:
    """Returns the same failure with these permissions named as missing."""
    return MicrosoftFailure(
        problem.reason_code,
        describe(problem.reason_code, names),
        plain_code=problem.plain_code,
        provider_code=problem.provider_code,
        request_id=problem.request_id,
        retry_after=problem.retry_after,
        missing_permissions=names,
        http_status=problem.http_status,
    )
