"""What a provider is to the rest of the project: capability interfaces and the plain data that crosses them.

Promise: the runner knows providers only through these Protocols; a second provider is one new folder. Nothing here knows Microsoft,
HTTP or SQL. An operation asks its `Reporter` before every outside call, and learns through exceptions that it must stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from storage.errors import AtlasError
from storage.failures import Failure
from storage.finishing import Collected
from storage.inventory_staging import StagedItem
from storage.sealing import SealedCredential
from storage.states import Cloud, ConnectionType
from storage.verification import CheckReport, ReportStep


@dataclass(frozen=True, slots=True)
class Target:
    """The connection an operation works on, as it was when the run was claimed.

    Attributes:
        run_id: the run's number, for correlation.
        attempt: which claim of the run this is, from 1.
        deferrals: how often this run gave its thread back before.
        connection_id: the connection.
        entra_tenant_id: the GUID that must answer.
        tenant_name: our name of it, for sentences.
        primary_domain: must belong to the same tenant; None when we know none.
        cloud: which hosts.
        connection_type: whose app registration.
        client_id: the application to sign in as.
        credentials: sealed, the staged one first when there is one, then the active one.
        credential_changed_at: last time a credential was stored or promoted here.
        consent_changed_at: last time consent was recorded here.
        consent_granted_before: consent was recorded or seen at some time.
        is_enabled: the lifecycle badge.
        waited_for: a person waits for the answer (throttle priority `high`), else `low`.
        home_tenant_id: the tenant in which the application is registered, when known (the tenant itself for dedicated connections).
    """

    run_id: int
    attempt: int
    deferrals: int
    connection_id: int
    entra_tenant_id: str
    tenant_name: str
    primary_domain: str | None
    cloud: Cloud
    connection_type: ConnectionType
    client_id: str
    credentials: tuple[SealedCredential, ...]
    credential_changed_at: datetime | None
    consent_changed_at: datetime | None
    consent_granted_before: bool
    is_enabled: bool
    waited_for: bool
    home_tenant_id: str | None = None


class RunStopped(Exception):
    """The run must stop before its next outside call: cancelled, lease lost, deadline passed or worker stopping.

    Raised by the reporter; an operation lets it pass through (closing what it holds) and never swallows it.
    """


class RunDeferred(Exception):
    """The operation must wait longer than a thread may be held; the run goes back to the queue.

    Args:
        seconds: how long not to be taken up again.
        reason_code: why it waits.
        phase: what people read meanwhile, such as `waiting for Microsoft`.
    """

    def __init__(self, seconds: float, reason_code: str, phase: str) -> None:
        super().__init__(phase)
        self.seconds = seconds
        self.reason_code = reason_code
        self.phase = phase


class ProviderFailure(AtlasError):
    """An outside call failed and was read: one reason code.

    Attributes:
        reason_code: an entry of `storage.reasons`.
        provider_code: the provider's own code, reduced to letters, digits and underscores (`RequestDenied`), or a number.
        request_id: the provider's request id.
        retry_after: seconds the provider asked us to wait, when it did.
        missing_permissions: names the provider said were missing.
        http_status: the status, when there was an answer.
    """

    def __init__(
        self,
        reason_code: str,
        sentence: str,
        *,
        provider_code: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
        missing_permissions: tuple[str, ...] = (),
        http_status: int | None = None,
    ) -> None:
        super().__init__(sentence)
        self.reason_code = reason_code
        self.provider_code = provider_code
        self.request_id = request_id
        self.retry_after = retry_after
        self.missing_permissions = missing_permissions
        self.http_status = http_status


class Reporter(Protocol):
    """How an operation tells what it does, and learns that it must stop. Given by the runner; writes are coalesced there."""

    def check_running(self) -> None:
        """Raises `RunStopped` when the run may not go on. Asked before every outside call."""

    def begin_step(self, key: str, label: str) -> None:
        """Shows that a step has begun."""

    def end_step(self, step: ReportStep) -> None:
        """Shows how a step ended."""

    def progress(self, done: int, total: int | None, phase: str) -> None:
        """Shows how far the operation is; `total` None when nobody knows."""

    def wait(self, seconds: float, reason_code: str, phase: str) -> None:
        """Waits, and says so on the run.

        Short waits (up to about 15 s) hold the thread and end early when the run must stop.

        Raises:
            RunStopped: the run must stop.
            RunDeferred: the wait is too long to hold a thread.
        """


@dataclass(frozen=True, slots=True)
class OperationResult:
    """What an operation other than the check gives back.

    Attributes:
        summary_counts: only keys that the catalog allows.
        failures: what went wrong, aggregated by reason.
        reason_code: the deciding reason when it did not wholly succeed.
        complete: False when something was left out.
        collected: what is to be written when the run ends.
    """

    summary_counts: dict[str, int] = field(default_factory=dict)
    failures: Sequence[Failure] = ()
    reason_code: str | None = None
    complete: bool = True
    collected: Collected | None = None


class ProviderHealthCheck(Protocol):
    """Checks that a connection works and says precisely why when it does not."""

    def check(self, target: Target, reporter: Reporter) -> CheckReport:
        """Does the whole recipe. Outside failures become steps of the report; only stop and defer signals are raised."""


class InventoryStage(Protocol):
    """Keeps what an inventory sync has read until its run ends. Given by the runner; each call is written at once."""

    def put(self, kind: str, items: Sequence[StagedItem]) -> None:
        """Keeps items of a kind, the later of two with the same id.

        Raises:
            RunStopped: the run is not ours any more.
        """

    def discard(self, kind: str) -> None:
        """Drops what was kept of a kind: its listing begins again.

        Raises:
            RunStopped: the run is not ours any more.
        """

    def is_doubtful(self, kind: str) -> bool:
        """Says whether a listing that was read to its end holds so little, against what is stored, that it should not be believed."""


class ProviderInventoryCollector(Protocol):
    """Collects configuration items."""

    def collect_inventory(self, target: Target, reporter: Reporter, stage: InventoryStage) -> OperationResult:
        """Lists every kind of item the provider knows."""


class ProviderComplianceCollector(Protocol):
    """Counts devices by compliance."""

    def collect_compliance(self, target: Target, reporter: Reporter) -> OperationResult:
        """Counts; keeps no device."""


class ProviderDirectoryCollector(Protocol):
    """Counts what a directory holds."""

    def collect_directory(self, target: Target, reporter: Reporter) -> OperationResult:
        """Counts users, guests, groups, devices and domains."""


class ProviderRolesCollector(Protocol):
    """Reads who holds which administrator role."""

    def collect_roles(self, target: Target, reporter: Reporter) -> OperationResult:
        """Reads active and eligible assignments."""


class ProviderScriptExecutor(Protocol):
    """Runs scripts on managed devices."""

    def execute_script(self, target: Target, reporter: Reporter) -> OperationResult:
        """Runs one script and gathers its results."""
