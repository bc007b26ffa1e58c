"""The directory sync: how many users, guests, groups, devices and domains a tenant has, in one request.

Promise: numbers only; nothing of a person or a device is read. What could not be counted is left out and never called zero, and a tenant
that is not the expected one is no answer at all.

Source: Microsoft Graph, "Advanced query capabilities on directory objects" (`$count` with `ConsistencyLevel: eventual`); `organization`
resource, `verifiedDomains`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from storage.directory_counting import COUNTED, CollectedCounts
from storage.failures import Failure, failure
from tasks.providers.base import OperationResult, Reporter, Target
from tasks.providers.microsoft import contracts, sanitize
from tasks.providers.microsoft.batch import BatchOutcome, BatchRequest, run_batch
from tasks.providers.microsoft.contracts import Contract
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.gateway import MicrosoftGateway
from tasks.providers.microsoft.operation_parts import Parts, naming_the_permission

_DOMAINS: Final = "domains"
_LABELS: Final[Mapping[str, str]] = MappingProxyType({what: what.capitalize() for what in COUNTED})
_ASKED: Final[Mapping[str, Contract]] = MappingProxyType(
    {**contracts.DIRECTORY_COUNTS, _DOMAINS: contracts.ORGANIZATION}
)
_MOST: Final = 2**31 - 1


class MicrosoftDirectoryCollector:
    """Counts what a directory holds. Implements `ProviderDirectoryCollector`.

    Args:
        gateway: the process's way to Microsoft.
    """

    def __init__(self, gateway: MicrosoftGateway) -> None:
        self._gateway = gateway

    def collect_directory(self, target: Target, reporter: Reporter) -> OperationResult:
        """Counts users, guests, groups, devices and domains.

        Args:
            target: the connection.
            reporter: the run's.

        Returns:
            What could be counted, and why the rest could not.

        Raises:
            MicrosoftFailure: nothing could be counted, or another tenant answered.
            RunStopped, RunDeferred: from the reporter.
        """
        session, parts = self._gateway.session(target, reporter), Parts(reporter, _LABELS)
        for what in _ASKED:
            parts.begin(what)
        outcomes = run_batch(session, [BatchRequest(contract) for contract in _ASKED.values()])
        counts: dict[str, int] = {}
        problems: list[tuple[str, MicrosoftFailure]] = []
        for (what, contract), outcome in zip(_ASKED.items(), outcomes, strict=True):
            try:
                counts[what] = _number(what, outcome, target)
                parts.done(what, f"{counts[what]:,}")
            except MicrosoftFailure as problem:
                problems.append((what, naming_the_permission(problem, contract)))
                parts.failed(what, problems[-1][1])
        reporter.progress(len(counts), len(_ASKED), "Counting the directory")
        foreign = next((problem for _, problem in problems if problem.reason_code == "tenant_mismatch"), None)
        if foreign is not None or not counts:
            raise foreign or problems[0][1]
        failures = tuple(_failure(what, problem) for what, problem in problems)
        return OperationResult(
            counts,
            failures,
            failures[0].reason_code if failures else None,
            complete=not failures,
            collected=CollectedCounts(counts),
        )


def _number(what: str, outcome: BatchOutcome, target: Target) -> int:
    if outcome.failure is not None:
        raise outcome.failure
    body = outcome.body or {}
    value = _domains(body, target) if what == _DOMAINS else body.get("@odata.count")
    # JSON's `true` is no number of users, though Python has it as one.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise MicrosoftFailure("data_incomplete")
    return value


def _domains(body: Mapping[str, Any], target: Target) -> int | None:
    """Counts the verified domains, of the tenant that was asked for only."""
    values = body.get("value")
    found = values[0] if isinstance(values, list) and values and isinstance(values[0], dict) else {}
    tenant = sanitize.guid(found.get("id"))
    if tenant and tenant != target.entra_tenant_id.lower():
        raise MicrosoftFailure("tenant_mismatch")
    domains = found.get("verifiedDomains")
    return len(domains) if tenant and isinstance(domains, list) else None


def _failure(what: str, problem: MicrosoftFailure) -> Failure:
    sentence = f"{_LABELS[what]}: {problem.message}"
    return failure(problem.reason_code, sentence, provider_code=problem.provider_code, request_id=problem.request_id)
