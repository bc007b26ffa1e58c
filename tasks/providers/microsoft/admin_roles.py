"""The scan of administrator roles: who holds which role, who may take one, and what about that deserves a look.

Promise: active assignments are read whole or there is no report. What the licence does not hold (eligible assignments, activations) is
skipped and named; what one permission less hides (a group's members, whose the assignments are) is named; what merely failed makes it
incomplete. Members of groups are read within bounds; beyond them the group stands alone, and says so.

Source: Microsoft Graph, "List unifiedRoleAssignments", "List roleAssignmentScheduleInstances", "List roleEligibilityScheduleInstances",
"List group members" (with the known issue that v1.0 leaves service principals out, which the cast to them does not), and "Limited
information returned for inaccessible member objects".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar

from storage import reasons
from storage.failures import Failure, failure
from storage.reasons import Category
from storage.roles_publishing import MOST_ASSIGNMENTS, CollectedRoles
from tasks.providers.base import OperationResult, Reporter, Target
from tasks.providers.microsoft import contracts, role_findings
from tasks.providers.microsoft.contracts import Contract
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.gateway import MicrosoftGateway
from tasks.providers.microsoft.graph import GraphSession, JsonObject
from tasks.providers.microsoft.operation_parts import Parts, as_failure, licence_reason
from tasks.providers.microsoft.role_holdings import (
    ACTIVATED,
    ACTIVE,
    ELIGIBLE,
    SERVICE_PRINCIPAL,
    TYPE,
    Holding,
    Role,
    members_as_holders,
    read_assignments,
    read_roles,
    read_schedules,
    with_schedules,
)

T = TypeVar("T")

_TOO_MANY: Final = "too_many"
MOST_GROUPS: Final = 50
MOST_MEMBERS: Final = 1000
"""Members of one group that are read; more than a page of them is no group of administrators that anybody oversees."""

_LABELS: Final = {
    "role_definitions": "Role definitions",
    "role_assignments": "Active assignments",
    "role_activations": "Activations",
    "role_eligibilities": "Eligible assignments",
    "group_members": "Members of groups",
    "principals": "Names of principals",
}

_NAMED_BY: Final[Mapping[str, str]] = MappingProxyType(
    {"user": "User.Read.All", "service_principal": "Application.Read.All", "group": "GroupMember.Read.All"}
)
"""The permission without which Microsoft lists a principal of a kind by its id only."""


@dataclass
class _Scan:
    """One scan: what it works with, and what went wrong so far."""

    session: GraphSession
    reporter: Reporter
    parts: Parts
    failures: list[Failure] = field(default_factory=list)

    def read(self, contract: Contract, phase: str) -> list[JsonObject]:
        """Reads a listing, showing how far it is."""
        gathered: list[JsonObject] = []
        restarts = 0
        for page in self.session.pages(contract):
            if page.restarts != restarts:
                restarts = page.restarts
                gathered.clear()
            gathered.extend(page.items)
            self.reporter.progress(len(gathered), None, phase)
        return gathered

    def required(self, key: str, work: Callable[[], T], sentence: Callable[[T], str]) -> T:
        """Does a part without which there is no report.

        Raises:
            MicrosoftFailure: it failed.
        """
        self.parts.begin(key)
        try:
            found = work()
        except MicrosoftFailure as problem:
            self.parts.failed(key, problem)
            raise
        self.parts.done(key, sentence(found))
        return found

    def licensed(self, key: str, work: Callable[[], T], sentence: Callable[[T], str]) -> T | None:
        """Does a part that needs Entra ID P2; None when the tenant has none, or it cannot be read."""
        self.parts.begin(key)
        try:
            found = work()
        except MicrosoftFailure as problem:
            unlicensed = licence_reason(problem, self.session, "p2")
            if unlicensed is not None:
                self.parts.skipped(key, unlicensed)
            elif _is_refusal(problem):
                self.parts.warned(key, problem.reason_code, f"{problem.message} Active assignments only.")
            else:
                self.parts.failed(key, problem)
                self.failures.append(as_failure(problem))
            return None
        self.parts.done(key, sentence(found))
        return found


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read.

    Attributes:
        active, eligible: as Microsoft lists them; `eligible` None when that could not be read.
        holdings: all of them, and what members of groups hold through them.
        not_counted: groups whose members could not be read.
        knows_activations: whether activated ones are told apart.
    """

    active: list[Holding]
    eligible: list[Holding] | None
    holdings: list[Holding]
    not_counted: set[str]
    knows_activations: bool


class MicrosoftRolesCollector:
    """Scans administrator roles. Implements `ProviderRolesCollector`.

    Args:
        gateway: the process's way to Microsoft.
    """

    def __init__(self, gateway: MicrosoftGateway) -> None:
        self._gateway = gateway

    def collect_roles(self, target: Target, reporter: Reporter) -> OperationResult:
        """Reads active and eligible assignments, and holds them against the rules.

        Args:
            target: the connection.
            reporter: the run's.

        Returns:
            The report. Its counts: `assignments` active ones as Microsoft lists them, `principals` who hold or may take a role, through
            groups too, `privileged` active ones of privileged roles, `eligible`, `findings`.

        Raises:
            MicrosoftFailure: definitions or active assignments could not be read.
            RunStopped, RunDeferred: from the reporter.
        """
        scan = _Scan(self._gateway.session(target, reporter), reporter, Parts(reporter, _LABELS))
        roles = scan.required(
            "role_definitions",
            lambda: read_roles(scan.read(contracts.ROLE_DEFINITIONS, "Reading role definitions")),
            lambda found: f"{len(found)} roles.",
        )
        active = scan.required(
            "role_assignments",
            lambda: read_assignments(scan.read(contracts.ROLE_ASSIGNMENTS, "Reading assignments"), roles, ACTIVE),
            lambda found: f"{len(found)} active assignments.",
        )
        if not active:
            scan.failures.append(failure("suspicious_empty", "Microsoft listed no administrator at all."))
        active, eligible, knows_activations = _with_pim(scan, active, roles)
        holdings = [*active, *(eligible or ())]
        through_groups, not_counted = _expand(scan, holdings)
        holdings += through_groups
        _say_who_is_nameless(scan, holdings)
        return _result(scan, _Read(active, eligible, holdings, not_counted, knows_activations))


def _with_pim(
    scan: _Scan, active: list[Holding], roles: Mapping[str, Role]
) -> tuple[list[Holding], list[Holding] | None, bool]:
    """Returns the active assignments, told apart where that can be known; the eligible ones; and whether it can."""
    schedules = scan.licensed(
        "role_activations",
        lambda: read_schedules(scan.read(contracts.ROLE_ASSIGNMENT_INSTANCES, "Reading activations"), roles),
        lambda found: f"{sum(activated for activated, _ in found.values())} activated just now.",
    )
    eligible = scan.licensed(
        "role_eligibilities",
        lambda: read_assignments(
            scan.read(contracts.ROLE_ELIGIBILITY, "Reading eligible assignments"), roles, ELIGIBLE
        ),
        lambda found: f"{len(found)} eligible assignments.",
    )
    if schedules is None:
        return active, eligible, False
    return with_schedules(active, schedules), eligible, True


def _expand(scan: _Scan, holdings: list[Holding]) -> tuple[list[Holding], set[str]]:
    """Returns what members hold through groups, and the groups whose members could not be read."""
    groups: dict[str, list[Holding]] = {}
    for holding in holdings:
        if holding.assignment.principal_kind == "group":
            groups.setdefault(holding.assignment.principal_id, []).append(holding)
    if not groups:
        return [], set()
    scan.parts.begin("group_members")
    found: list[Holding] = []
    not_counted: dict[str, str] = {}
    for number, (group_id, held) in enumerate(groups.items()):
        scan.reporter.progress(number, len(groups), "Reading members of groups")
        members, why = _members(scan, group_id) if number < MOST_GROUPS else ([], _TOO_MANY)
        if why is not None:
            not_counted[group_id] = why
        found += [holder for holding in held for holder in members_as_holders(holding, members)]
    scan.reporter.progress(len(groups), len(groups), "Reading members of groups")
    if not_counted:
        code = next((why for why in not_counted.values() if why != _TOO_MANY), "data_incomplete")
        sentence = f"The members of {len(not_counted)} of {len(groups)} groups are not counted."
        scan.parts.warned("group_members", code, sentence)
    else:
        scan.parts.done("group_members", f"Members of {len(groups)} groups read.")
    return found, set(not_counted)


def _members(scan: _Scan, group_id: str) -> tuple[list[JsonObject], str | None]:
    """Returns what could be read of a group's members, each once, and why that is not all of them; None when it is."""
    members: dict[str, JsonObject] = {}
    for contract, type_name in ((contracts.GROUP_MEMBERS, None), (contracts.GROUP_APPLICATIONS, SERVICE_PRINCIPAL)):
        part: list[JsonObject] = []
        restarts = 0
        try:
            for page in scan.session.pages(contract, group_id=group_id):
                if page.restarts != restarts:
                    restarts = page.restarts
                    part.clear()
                # A listing of one type does not repeat the type with every object (OData JSON format 4.01, 4.6.3).
                part.extend({TYPE: type_name, **item} if type_name else item for item in page.items)
                if len(members) + len(part) > MOST_MEMBERS:
                    return [], _TOO_MANY
        except MicrosoftFailure as problem:
            # A group that was deleted meanwhile has no members any more, and may not be read is said in the report.
            if problem.plain_code != "item_gone" and not _is_refusal(problem):
                scan.failures.append(as_failure(problem))
            return list(members.values()), problem.reason_code
        members.update((str(item.get("id")), item) for item in part)
    return list(members.values()), None


def _say_who_is_nameless(scan: _Scan, holdings: list[Holding]) -> None:
    """Says which principals Microsoft lists by id only: whether they are guests or disabled is then not known either."""
    scan.parts.begin("principals")
    kinds = {
        h.assignment.principal_id: h.assignment.principal_kind for h in holdings if not h.assignment.principal_name
    }
    hidden = Counter(kind for kind in kinds.values() if kind in _NAMED_BY)
    if not hidden:
        scan.parts.done("principals", f"{len({h.assignment.principal_id for h in holdings})} principals.")
        return
    sentence = (
        f"{hidden.total()} principals are listed by id only: guests and disabled accounts among them are not found."
    )
    needed = tuple(_NAMED_BY[kind] for kind in hidden)
    scan.parts.warned("principals", "missing_permission", f"{sentence} Missing: {', '.join(needed)}.")


def _result(scan: _Scan, read: _Read) -> OperationResult:
    findings = role_findings.find(read.holdings, read.not_counted)
    rows = sorted(
        (h.assignment for h in read.holdings), key=lambda one: (not one.is_privileged, one.via_group_id is not None)
    )
    if len(rows) > MOST_ASSIGNMENTS:
        sentence = f"{len(rows):,} assignments are more than a report holds; the first {MOST_ASSIGNMENTS:,} are kept."
        scan.failures.append(failure("data_incomplete", sentence))
    counts = {
        "assignments": len(read.active),
        "principals": len({one.principal_id for one in rows if one.principal_kind != "group"}),
        "privileged": sum(h.assignment.is_privileged for h in read.active),
        "findings": len(findings),
    }
    if read.eligible is not None:
        counts["eligible"] = len(read.eligible)
    kept = dict(counts)
    if read.knows_activations:
        kept["activated"] = sum(h.assignment.assignment == ACTIVATED for h in read.active)
    failures = tuple(scan.failures)
    return OperationResult(
        counts,
        failures,
        failures[0].reason_code if failures else None,
        complete=not failures,
        collected=CollectedRoles(rows[:MOST_ASSIGNMENTS], findings, kept, is_complete=not failures),
    )


def _is_refusal(problem: MicrosoftFailure) -> bool:
    """A permission that was not granted: the scan does less, and nothing is broken."""
    return reasons.find(problem.plain_code).category is Category.PERMISSION
