"""The fleet of these tests: what is built, and a worker and a person by hand."""

from __future__ import annotations

from typing import Any, Final

from fleet_building import BuiltFleet

from storage import dispatching, finishing, leases, reaping, starting
from storage.operations import CATALOG, CONNECTION_CHECK
from storage.states import StepStatus
from storage.verification import CheckReport, ConsentFact, OrganizationFacts, ReportStep

ALL_PERMISSIONS: Final = frozenset(
    name
    for operation in CATALOG.values()
    for name in (*operation.required_permissions, *operation.optional_permissions)
)


class Fleet(BuiltFleet):
    """A small believable fleet, and verbs to use it with."""

    def start(self, connection_id: int, operation: str = CONNECTION_CHECK, *, by: str = "dana", **more: Any) -> Any:
        """Starts an operation through the gate."""
        return starting.start(self.db, self.people[by], connection_id, operation, **more)

    def take(self, worker: str = "w1", slots: int = 8) -> list[leases.Claim]:
        """Dispatches and claims whatever is ready."""
        claims = [leases.claim(self.db, worker, run_id) for run_id in dispatching.dispatch(self.db, worker, slots)]
        return [claim for claim in claims if claim is not None]

    def begin(self, connection_id: int, operation: str = CONNECTION_CHECK, **more: Any) -> leases.Claim:
        """Starts an operation and claims it."""
        result = self.start(connection_id, operation, **more)
        assert isinstance(result, starting.Started), result
        claim = leases.claim(self.db, "w1", result.run.id)
        assert claim is not None
        return claim

    def finish(self, claim: leases.Claim, result: finishing.RunResult | CheckReport | None = None) -> Any:
        """Finishes a claimed run and returns its row; a check that is given no report passes."""
        if result is None and claim.operation_type == CONNECTION_CHECK:
            result = self.good_report(claim)
        if isinstance(result, CheckReport):
            result = finishing.RunResult(check=result)
        finishing.finish(self.db, claim.held, result or finishing.RunResult())
        return self.run_row(claim.held.run_id)

    def check(self, connection_id: int, report: CheckReport | None = None) -> Any:
        """Runs a whole connection check by hand and returns its row."""
        return self.finish(self.begin(connection_id), report)

    def good_report(self, claim: leases.Claim, **changes: Any) -> CheckReport:
        """What a check of a tenant without any trouble finds."""
        values: dict[str, Any] = {
            "steps": (ReportStep("token", "Token", StepStatus.PASS, started_at=self.clock.time),),
            "consent_fact": ConsentFact.ROLES_PRESENT,
            "granted_permissions": ALL_PERMISSIONS,
            "organization": OrganizationFacts(claim.entra_tenant_id, f"{claim.tenant_name} Inc."),
            "credential_slot": "active",
            "token_passed": True,
        }
        return CheckReport(**(values | changes))

    @staticmethod
    def failing_report(
        reason_code: str, *, needed_by: tuple[str, ...] = (CONNECTION_CHECK,), **more: Any
    ) -> CheckReport:
        """What a check finds when one step fails."""
        step = ReportStep("token", "Token", StepStatus.FAIL, reason_code, "It did not work.", needed_by=needed_by)
        return CheckReport(**({"steps": (step,)} | more))

    def sweep(self) -> None:
        """What every worker does every two seconds."""
        reaping.reap(self.db)
        reaping.promote_waiting(self.db)
