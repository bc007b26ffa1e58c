"""The connection check: the whole recipe, from preflight to expiry, as one report.

Promise: every step in order, each passed, warned, failed or skipped with a reason and a sentence; outside failures become steps; only the
run's own stop and defer signals are raised. The check gathers facts and decides about no badge (`storage.verification` does).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from storage.states import StepStatus
from storage.verification import CheckReport, ConsentFact
from tasks.providers.base import Reporter, Target
from tasks.providers.microsoft import expiry_step, signin_steps, tenant_steps
from tasks.providers.microsoft.check_steps import Check, Finding, Recorder
from tasks.providers.microsoft.gateway import MicrosoftGateway

Step = Callable[[Check], Finding]

_TO_A_TOKEN: Final[tuple[tuple[str, Step], ...]] = (
    ("preflight", signin_steps.preflight),
    ("discovery", signin_steps.tenant_exists),
    ("token", signin_steps.sign_in),
    ("claims", signin_steps.read_token),
)
_WITH_A_TOKEN: Final[tuple[tuple[str, Step], ...]] = (
    ("permissions", tenant_steps.permissions),
    ("licences", tenant_steps.read_licences),
    ("intune_probe", tenant_steps.probe_intune),
    ("roles_probe", tenant_steps.probe_roles),
    ("pim_probe", tenant_steps.probe_pim),
    ("credential_expiry", expiry_step.credential_expiry),
)


class MicrosoftHealthCheck:
    """Checks Microsoft connections. Implements `ProviderHealthCheck`.

    Args:
        gateway: the process's way to Microsoft.
    """

    def __init__(self, gateway: MicrosoftGateway) -> None:
        self._gateway = gateway

    def check(self, target: Target, reporter: Reporter) -> CheckReport:
        """Does the whole recipe.

        Args:
            target: the connection.
            reporter: the run's.

        Returns:
            The report, whatever was found.

        Raises:
            RunStopped, RunDeferred: from the reporter.
        """
        check = Check(self._gateway, target, reporter, self._gateway.patience(target, reporter))
        recorder = Recorder(reporter, self._gateway.now)
        for key, step in _TO_A_TOKEN:
            if not _done(recorder, check, key, step).is_good:
                recorder.skip_rest(key)
                return _report(check, recorder)
        organization = _done(recorder, check, "organization", tenant_steps.organization)
        # Without the one permission that the organization needs, the rest can still say what else is missing.
        if organization.status is StepStatus.FAIL and organization.reason_code != "missing_permission":
            if organization.reason_code == "tenant_mismatch":
                check.claims, check.consent_fact = None, ConsentFact.NOTHING
            recorder.skip_rest("organization")
            return _report(check, recorder)
        for key, step in _WITH_A_TOKEN:
            _done(recorder, check, key, step)
        return _report(check, recorder)


def _done(recorder: Recorder, check: Check, key: str, step: Step) -> Finding:
    return recorder.record(key, lambda: step(check))


def _report(check: Check, recorder: Recorder) -> CheckReport:
    ended = {step.key: step.status for step in recorder.steps}
    good = (StepStatus.PASS, StepStatus.WARN)
    has_token = check.consent_fact in (ConsentFact.ROLES_PRESENT, ConsentFact.NO_ROLES) and check.claims is not None
    return CheckReport(
        steps=tuple(recorder.steps),
        consent_fact=check.consent_fact,
        granted_permissions=check.granted if has_token else None,
        organization=check.organization,
        licences=check.licences,
        credential_slot=check.credential.sealed.slot.value if check.credential is not None else None,
        credential_expires_at=check.expires_at,
        token_passed=all(ended[key] in good for key in ("token", "claims", "organization")),
    )
