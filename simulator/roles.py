"""Who holds directory roles: active assignments and PIM's schedule instances, per tenant, deterministic, changing with the rounds.

Promise: principals are members, guests, disabled people, groups for roles and service principals; an assignment is for the whole
directory, an administrative unit or one application; eligible ones exist where the tenant has P2, and the one that is activated
appears among the active ones and as an ``Activated`` instance with an end. Admins come and go with the rounds.
Source: graph-docs ``resources/unifiedroleassignment`` and ``resources/unifiedroleassignmentscheduleinstance``.
Must not know: HTTP or licences' refusals.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.ageing import created_at, dice
from simulator.clock import iso
from simulator.groups import group
from simulator.lists import Slots, slots
from simulator.model import Directory, Tenant, opaque_id, stable_guid
from simulator.odata import Row
from simulator.organizations import service_principal
from simulator.people import guest, person
from simulator.role_definitions import BUILT_IN, GLOBAL_ADMINISTRATOR, custom_role, role_definitions

ACTIVE, ELIGIBLE = "role_assignments", "role_eligibility_instances"
DIRECTORY = "/"
_HELPDESK, _USERS, _READER = BUILT_IN[15][0], BUILT_IN[4][0], BUILT_IN[6][0]
_APPLICATIONS = BUILT_IN[12][0]
_ELIGIBILITY = "roleEligibilityScheduleId"
_ACTIVATION = 8 * 3600


@dataclass(frozen=True, slots=True)
class Assignment:
    """One principal (as it is shown when expanded) in one role over one scope."""

    role: str
    principal: Row
    scope: str
    since: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two assignments the same."""
        return self.role, str(self.principal["id"]), self.scope


def role_assignments(directory: Directory, tenant: Tenant, expand: str) -> list[Row]:
    """Return the active assignments (activated eligible ones among them); ``expand`` is principal or roleDefinition."""
    rows = []
    for held in active_assignments(directory, tenant):
        row: Row = {
            "id": _assignment_id(tenant, held),
            "appScopeId": None,
            "condition": None,
            "directoryScopeId": held.scope,
            "principalId": held.principal["id"],
            "principalOrganizationId": tenant.id,
            "roleDefinitionId": held.role,
        }
        rows.append(_expanded(tenant, row, held, expand))
    return rows


def role_eligibilities(directory: Directory, tenant: Tenant, expand: str) -> list[Row]:
    """Return the eligible assignments (``unifiedRoleEligibilityScheduleInstance``)."""
    held = eligible_assignments(directory, tenant)
    return [_instance(tenant, one, expand, _ELIGIBILITY, {}) for one in held]


def role_assignment_instances(directory: Directory, tenant: Tenant, expand: str, now: float) -> list[Row]:
    """Return active assignments as PIM sees them: ``Assigned``, or ``Activated`` (for some hours) when an eligible one is in use."""
    activated = {one.key for one in activated_assignments(directory, tenant)}
    start = now - now % _ACTIVATION
    rows = []
    for held in active_assignments(directory, tenant):
        extra: Row = {
            "assignmentType": "Assigned",
            "roleAssignmentOriginId": _assignment_id(tenant, held),
        }
        if held.key in activated:
            extra |= {
                "assignmentType": "Activated",
                "startDateTime": iso(start),
                "endDateTime": iso(start + _ACTIVATION),
            }
        rows.append(_instance(tenant, held, expand, "roleAssignmentScheduleId", extra))
    return rows


def active_assignments(directory: Directory, tenant: Tenant) -> list[Assignment]:
    """Return who holds which role now: assigned, or activated."""
    base = _first(directory, tenant)
    there = slots(tenant.id, ACTIVE, len(base), 1, len(tenant.rounds))
    held = [_at(directory, tenant, base, there, there.serial(i)) for i in range(len(there))]
    return list({one.key: one for one in [*held, *activated_assignments(directory, tenant)]}.values())


def eligible_assignments(directory: Directory, tenant: Tenant) -> list[Assignment]:
    """Return who may activate which role; nobody without P2."""
    if "p2" not in tenant.licences:
        return []
    rolled = dice(tenant.id)
    there = slots(tenant.id, ELIGIBLE, 2 + rolled[6] % 4, 1, len(tenant.rounds))
    serials = [there.serial(i) for i in range(len(there))]
    return [
        Assignment(
            BUILT_IN[(rolled[7] + s) % 12][0],
            _typed(person(tenant, 30 + s)),
            DIRECTORY,
            _since(tenant, ELIGIBLE, there, s),
        )
        for s in serials
    ]


def activated_assignments(directory: Directory, tenant: Tenant) -> list[Assignment]:
    """Return the eligible assignment that is in use in this round; it is no new administrator."""
    eligible = eligible_assignments(directory, tenant)
    return [eligible[len(tenant.rounds) % len(eligible)]] if eligible else []


def _first(directory: Directory, tenant: Tenant) -> list[Assignment]:
    """Return the assignments of the start, told apart by their position."""
    rolled = dice(tenant.id)
    people = 2 + rolled[0] % 3 if rolled[1] % 10 else 6
    found = [(GLOBAL_ADMINISTRATOR, person(tenant, index), DIRECTORY) for index in range(people)]
    for index in range(3 + min(12, tenant.size // 40)):
        role = BUILT_IN[1 + (rolled[2] + index) % (len(BUILT_IN) - 1)][0]
        found.append((role, person(tenant, 10 + index), DIRECTORY))
    if rolled[3] % 4 == 0:
        found.append((_USERS, guest(tenant, 0), DIRECTORY))
    if rolled[4] % 3 == 0:
        found.append((_HELPDESK, group(tenant, 0), DIRECTORY))
    if rolled[5] % 5 == 0:
        found += [
            (_APPLICATIONS, service_principal(directory, tenant, c), DIRECTORY)
            for c in list(tenant.service_principals)[:1]
        ]
    if rolled[10] % 3 == 0:
        found.append((_READER, person(tenant, 5), DIRECTORY))
    if rolled[11] % 3 == 0:
        found.append((_USERS, person(tenant, 26), _unit(tenant, 0)))
    if len(role_definitions(tenant)) > len(BUILT_IN):
        found.append((custom_role(tenant), group(tenant, 1), DIRECTORY))
    return [Assignment(role, _typed(who), scope, "2024-02-01T09:00:00Z") for role, who, scope in found]


def _at(directory: Directory, tenant: Tenant, base: list[Assignment], there: Slots, serial: int) -> Assignment:
    """Return an assignment by its serial number: one of the start, or one that a round brought."""
    if serial < len(base):
        return base[serial]
    rolled, since = dice(tenant.id, ACTIVE, serial), _since(tenant, ACTIVE, there, serial)
    role = GLOBAL_ADMINISTRATOR if rolled[0] % 5 == 0 else BUILT_IN[1 + rolled[1] % (len(BUILT_IN) - 1)][0]
    if rolled[2] % 6 == 0 and tenant.service_principals:
        who = service_principal(directory, tenant, next(iter(tenant.service_principals)))
        return Assignment(_APPLICATIONS, _typed(who), f"/{who['id']}", since)
    if rolled[2] % 6 == 1:
        return Assignment(_HELPDESK, _typed(person(tenant, 100 + serial)), _unit(tenant, rolled[3] % 3), since)
    who = guest(tenant, rolled[4] % 2) if rolled[2] % 6 == 2 else person(tenant, 100 + serial)
    return Assignment(role, _typed(who), DIRECTORY, since)


def _since(tenant: Tenant, kind: str, there: Slots, serial: int) -> str:
    return created_at(tenant, kind, there, serial)


def _unit(tenant: Tenant, number: int) -> str:
    return f"/administrativeUnits/{stable_guid('administrative-unit', tenant.id, number)}"


def _typed(principal: Row) -> Row:
    kind = "servicePrincipal" if "appId" in principal else ("user" if "userPrincipalName" in principal else "group")
    return {"@odata.type": f"#microsoft.graph.{kind}", **principal}


def _assignment_id(tenant: Tenant, held: Assignment) -> str:
    """Return an assignment's id as the reference's examples have it: base64url, and a number for the scope."""
    return f"{opaque_id(tenant.id, *held.key)}-{1 if held.scope == DIRECTORY else 2}"


def _instance(tenant: Tenant, held: Assignment, expand: str, schedule: str, extra: Row) -> Row:
    row: Row = {
        "id": f"{_assignment_id(tenant, held)}{'-e' if schedule == _ELIGIBILITY else ''}",
        "appScopeId": None,
        "directoryScopeId": held.scope,
        "endDateTime": None,
        "memberType": "Direct",
        "principalId": held.principal["id"],
        "roleDefinitionId": held.role,
        schedule: stable_guid(schedule, tenant.id, *held.key),
        "startDateTime": held.since,
        **extra,
    }
    return _expanded(tenant, row, held, expand)


def _expanded(tenant: Tenant, row: Row, held: Assignment, expand: str) -> Row:
    if expand == "principal":
        row["principal"] = held.principal
    elif expand == "roleDefinition":
        row["roleDefinition"] = next(r for r in role_definitions(tenant) if r["id"] == held.role)
    return row
