"""The steps of a connection check: their names, how one is recorded, and what they share.

Promise: every step of the recipe is in the report exactly once and in order, skipped ones included; evidence is reduced before it is kept;
a failed call becomes a failed step with its reason. Stop and defer signals pass through untouched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeVar

from storage import operations
from storage.failures import clean_request_id
from storage.states import StepStatus
from storage.verification import ConsentFact, OrganizationFacts, ReportStep
from tasks.providers.base import Reporter, Target
from tasks.providers.microsoft import sanitize
from tasks.providers.microsoft.auth import SignIn
from tasks.providers.microsoft.certificates import CertificateFacts
from tasks.providers.microsoft.claims import Claims
from tasks.providers.microsoft.discovery import Discovery
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.gateway import MicrosoftGateway, OpenCredential
from tasks.providers.microsoft.graph import GraphSession
from tasks.providers.microsoft.patience import Patience

T = TypeVar("T")

LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "preflight": "Ready to sign in",
        "discovery": "Tenant exists",
        "token": "Sign-in",
        "claims": "Token",
        "organization": "Organization",
        "permissions": "Permissions",
        "licences": "Licences",
        "intune_probe": "Intune",
        "roles_probe": "Directory roles",
        "pim_probe": "Privileged identity management",
        "credential_expiry": "Credential expiry",
    }
)
"""Every step in the order of the recipe, with what people read."""

CHECK_ITSELF: Final = (operations.CONNECTION_CHECK,)
PROPAGATION_WAITS: Final = (15.0, 30.0, 45.0)
"""Seconds between tries while Microsoft gets to know a change; the last one repeats."""

_MOST_WAITS: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """How one step ended, before it is recorded.

    Attributes:
        status: pass, warn, fail or skip.
        sentence: ours.
        reason_code: why it did not pass.
        evidence: small facts; reduced when recorded.
        needed_by: operations that cannot work while it fails.
        request_id: Microsoft's.
    """

    status: StepStatus
    sentence: str
    reason_code: str | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)
    needed_by: tuple[str, ...] = ()
    request_id: str | None = None

    @property
    def is_good(self) -> bool:
        """Passed, perhaps with a warning."""
        return self.status in (StepStatus.PASS, StepStatus.WARN)


def failed(
    failure: MicrosoftFailure, needed_by: tuple[str, ...], evidence: Mapping[str, object] | None = None
) -> Finding:
    """Returns the finding of a step whose call failed."""
    return Finding(
        StepStatus.FAIL,
        failure.message,
        failure.reason_code,
        facts_of(failure, evidence),
        needed_by,
        failure.request_id,
    )


def warned(failure: MicrosoftFailure, evidence: Mapping[str, object] | None = None) -> Finding:
    """Returns the finding of a step whose call failed although nothing depends on it."""
    return Finding(
        StepStatus.WARN, failure.message, failure.reason_code, facts_of(failure, evidence), (), failure.request_id
    )


def skipped(reason_code: str | None, sentence: str, request_id: str | None = None) -> Finding:
    """Returns the finding of a step that was not done, or says nothing about this connection."""
    return Finding(StepStatus.SKIP, sentence, reason_code, request_id=request_id)


def facts_of(failure: MicrosoftFailure, evidence: Mapping[str, object] | None = None) -> dict[str, object]:
    """Returns a failure's small facts as evidence."""
    facts: dict[str, object] = dict(evidence or {})
    if failure.provider_code:
        facts["provider_code"] = failure.provider_code
    if failure.http_status is not None:
        facts["http_status"] = failure.http_status
    if failure.missing_permissions:
        facts["missing"] = failure.missing_permissions
    if failure.retry_after is not None:
        facts["retry_after_seconds"] = int(min(failure.retry_after, 10**9))
    return facts


class Recorder:
    """Records the steps of one check and shows them on the run.

    Args:
        reporter: the run's.
        now: our clock.
        monotonic: seconds from any start.
    """

    def __init__(
        self, reporter: Reporter, now: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._reporter = reporter
        self._now = now
        self._monotonic = monotonic
        self.steps: list[ReportStep] = []

    def record(self, key: str, body: Callable[[], Finding], needed_by: tuple[str, ...] = CHECK_ITSELF) -> Finding:
        """Does a step and records how it ended.

        Args:
            key: one of `LABELS`.
            body: does it; a failure it raises becomes a failed step.
            needed_by: the operations that then cannot work.
        """
        started_at, started = self._now(), self._monotonic()
        self._reporter.begin_step(key, LABELS[key])
        try:
            finding = body()
        except MicrosoftFailure as failure:
            finding = failed(failure, needed_by)
        step = ReportStep(
            key,
            LABELS[key],
            finding.status,
            finding.reason_code,
            sanitize.text(finding.sentence, 1000),
            sanitize.evidence(finding.evidence),
            finding.needed_by,
            clean_request_id(finding.request_id) or None,
            started_at,
            round(max(0.0, self._monotonic() - started), 3),
        )
        self.steps.append(step)
        self._reporter.end_step(step)
        self._reporter.progress(len(self.steps), len(LABELS), LABELS[key])
        return finding

    def skip_rest(self, failed_key: str) -> None:
        """Records every step that is left as skipped, because an earlier one failed."""
        sentence = f"Not tried, because “{LABELS[failed_key]}” failed."
        for key in list(LABELS)[len(self.steps) :]:
            self.record(key, lambda: skipped("prerequisite_failed", sentence))


@dataclass(slots=True)
class Check:
    """What one check knows so far; each step adds to it.

    Attributes:
        gateway: the way to Microsoft.
        target: the connection.
        reporter: the run's.
        patience: how calls are repeated.
        credentials: those that were opened and can be tried, the staged one first.
        certificates: what is known of certificate credentials, by credential row.
        discovery: what discovery by GUID said.
        credential: the one that is used.
        sign_in: with it.
        session: Graph calls with it.
        claims: of the token.
        organization: what Microsoft says about the tenant.
        licences: found enabled; None when not read.
        consent_fact: what sign-in proved.
        expires_at: the credential's expiry as Microsoft (or the certificate) has it.
        waits: propagation waits held in this attempt.
    """

    gateway: MicrosoftGateway
    target: Target
    reporter: Reporter
    patience: Patience
    credentials: list[OpenCredential] = field(default_factory=list)
    certificates: dict[int, CertificateFacts] = field(default_factory=dict)
    discovery: Discovery | None = None
    credential: OpenCredential | None = None
    sign_in: SignIn | None = None
    session: GraphSession | None = None
    claims: Claims | None = None
    organization: OrganizationFacts | None = None
    licences: frozenset[str] | None = None
    consent_fact: ConsentFact = ConsentFact.NOTHING
    expires_at: datetime | None = None
    waits: int = 0

    @property
    def granted(self) -> frozenset[str]:
        """The application permissions the token holds; none when there is no readable token."""
        return self.claims.roles if self.claims is not None else frozenset()

    @property
    def graph(self) -> GraphSession:
        """The Graph session, which exists once sign-in passed."""
        assert self.session is not None, "Graph is asked only after sign-in"
        return self.session

    def until_settled(self, attempt: Callable[[], T], before_retry: Callable[[], object] = lambda: None) -> T:
        """Tries until Microsoft knows a recent change, or long enough.

        Args:
            attempt: raises a failure that `is_propagating` while the change may still be on its way.
            before_retry: done before each further try.

        Raises:
            MicrosoftFailure: any other failure, or the plain reason when waiting did not help.
            RunStopped, RunDeferred: from the run's reporter.
        """
        is_retry = False
        while True:
            try:
                if is_retry:
                    before_retry()
                return attempt()
            except MicrosoftFailure as failure:
                waited = self.target.deferrals + self.waits
                if not failure.is_propagating or waited >= _MOST_WAITS:
                    raise failure.settled() from None
                self.waits += 1
                seconds = PROPAGATION_WAITS[min(waited, len(PROPAGATION_WAITS) - 1)]
                self.reporter.wait(seconds, failure.reason_code, "waiting until Microsoft knows the change everywhere")
                is_retry = True

    def renew_token(self) -> None:
        """Signs in again with the chosen credential, past every cache, and reads the new token's claims.

        Raises:
            MicrosoftFailure: sign-in failed.
        """
        sign_in = self.sign_in
        assert sign_in is not None, "a token is renewed only after a credential was chosen"
        token = self.patience.repeat(
            lambda: sign_in.token(
                self.gateway.circumstances(self.target), self.gateway.now(), self.patience.check_running, renew=True
            )
        )
        self.claims = token.claims
