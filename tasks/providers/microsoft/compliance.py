"""The compliance snapshot: how many devices there are of each platform, in each state.

Promise: two properties of a device are read, counted and forgotten; a page is all that memory ever holds. What Microsoft calls by a name
not known here is counted as `other`. A listing that broke off leaves a snapshot that says it is not whole; one that began again left
nothing of its first pass. A tenant without Intune is no failure: it is skipped, and gets no snapshot of zero devices.

Source: `managedDevice` resource, `complianceState` (unknown, compliant, noncompliant, conflict, error, inGracePeriod, configManager).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from storage.compliance_publishing import CollectedSnapshot
from storage.failures import Failure, failure
from tasks.providers.base import OperationResult, Reporter, Target
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.gateway import MicrosoftGateway
from tasks.providers.microsoft.graph import Page
from tasks.providers.microsoft.operation_parts import Parts, as_failure, licence_reason

_DEVICES: Final = "managed_devices"
_LABELS: Final = {_DEVICES: "Managed devices"}

_STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "compliant": "compliant",
        "noncompliant": "noncompliant",
        "unknown": "unknown",
        "ingraceperiod": "in_grace_period",
        "conflict": "conflict",
        "error": "error",
        "configmanager": "config_manager",
    }
)
_PLATFORMS: Final = (
    ("windows", "windows"),
    ("macos", "macos"),
    ("mac os", "macos"),
    ("ios", "ios"),
    ("ipados", "ios"),
    ("android", "android"),
    ("linux", "linux"),
    ("ubuntu", "linux"),
    ("chromeos", "chromeos"),
    ("chrome os", "chromeos"),
)
"""How `operatingSystem` begins ("Windows", "AndroidForWork", "iPadOS", …): Intune writes free text there."""


class Device(msgspec.Struct):
    """What is read of one device, under Microsoft's names. Each may be anything, so that a strange device ends nothing."""

    id: Any = None
    complianceState: Any = None
    operatingSystem: Any = None


class Tally:
    """Counts devices, page by page; holds one number for each platform and state, and the ids of one page.

    A device that is enrolled while the list is read moves the others: the last of a page comes again on the next one, and counts once.
    """

    def __init__(self) -> None:
        self._by_platform: dict[str, Counter[str]] = {}
        self._restarts = 0
        self._page_before: frozenset[str] = frozenset()
        self.total = 0
        self.stateless = 0
        """Devices of which Microsoft did not say any state; they are counted as `other`."""

    def add(self, page: Page[Device]) -> None:
        """Counts a page; the first one of a new pass makes everything before it void."""
        if page.restarts != self._restarts:
            self._restarts = page.restarts
            self._by_platform.clear()
            self._page_before = frozenset()
            self.total = self.stateless = 0
        ids = frozenset([item.id for item in page.items if isinstance(item.id, str)])
        again, self._page_before = ids & self._page_before, ids
        items = [item for item in page.items if not (isinstance(item.id, str) and item.id in again)]
        self.total += len(items)
        seen = Counter([(_word(item.operatingSystem), _word(item.complianceState)) for item in items])
        for (system, state), count in seen.items():
            self._by_platform.setdefault(platform(system), Counter())[_STATES.get(state.lower(), "other")] += count
            if not state:
                self.stateless += count

    def by_platform(self) -> dict[str, dict[str, int]]:
        """Returns devices by platform and state, under the names that are stored."""
        return {name: dict(states) for name, states in self._by_platform.items()}


class MicrosoftComplianceCollector:
    """Counts devices. Implements `ProviderComplianceCollector`.

    Args:
        gateway: the process's way to Microsoft.
    """

    def __init__(self, gateway: MicrosoftGateway) -> None:
        self._gateway = gateway

    def collect_compliance(self, target: Target, reporter: Reporter) -> OperationResult:
        """Counts; keeps no device.

        Args:
            target: the connection.
            reporter: the run's.

        Returns:
            The counts; whole, or not when the listing broke off after its first page or devices lacked a state.

        Raises:
            MicrosoftFailure: nothing could be counted.
            RunStopped, RunDeferred: from the reporter.
        """
        parts, tally = Parts(reporter, _LABELS), Tally()
        session = self._gateway.session(target, reporter)
        parts.begin(_DEVICES)
        problem: MicrosoftFailure | None = None
        try:
            for page in session.pages_of(Device, contracts.MANAGED_DEVICES):
                tally.add(page)
                reporter.progress(tally.total, None, "Counting devices")
        except MicrosoftFailure as failed:
            problem = failed
        if problem is not None and not tally.total:
            unlicensed = licence_reason(problem, session, "intune")
            if unlicensed is None:
                parts.failed(_DEVICES, problem)
                raise problem
            parts.skipped(_DEVICES, unlicensed)
            return OperationResult({"total": 0}, reason_code=unlicensed)
        return _result(parts, tally, problem)


def platform(system: str) -> str:
    """Returns the platform of an `operatingSystem`, under the name that is stored."""
    folded = system.lower().strip()
    return next((name for start, name in _PLATFORMS if folded.startswith(start)), "other")


def _result(parts: Parts, tally: Tally, problem: MicrosoftFailure | None) -> OperationResult:
    failures: list[Failure] = []
    if problem is not None:
        parts.failed(_DEVICES, problem)
        failures.append(as_failure(problem))
    if tally.stateless:
        sentence = f"Microsoft did not say the compliance state of {tally.stateless:,} of {tally.total:,} devices."
        failures.append(failure("data_incomplete", sentence, count=tally.stateless))
    if failures and problem is None:
        parts.warned(_DEVICES, failures[0].reason_code, failures[0].sentence)
    elif not failures:
        parts.done(_DEVICES, f"{tally.total:,} devices counted.")
    snapshot = CollectedSnapshot(tally.by_platform(), is_complete=not failures)
    return OperationResult(
        snapshot.summary_counts,
        tuple(failures),
        failures[0].reason_code if failures else None,
        complete=not failures,
        collected=snapshot,
    )


def _word(value: Any) -> str:
    """What may be counted by: a short text. Anything else Microsoft may send there is no name of a state."""
    if isinstance(value, str):
        return value[:40]
    return "" if value is None else "?"
