"""Directory roles: built-in definitions, active assignments, and PIM's schedule instances, per tenant and deterministic.

Promise: role ids are Microsoft's template ids; principals are users, guests, a group and the consented apps; eligible
assignments exist where the tenant has P2, and an activated one appears as an ``Activated`` instance.
Source: graph-docs ``resources/unifiedroleassignment``; role ids from entra-docs "Microsoft Entra built-in roles".
Must not know: HTTP or licences' refusals.
"""

from __future__ import annotations

import hashlib
from typing import Any

from simulator.model import Directory, Tenant, stable_guid
from simulator.odata import Row

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
_ROLES = (
    (GLOBAL_ADMINISTRATOR, "Global Administrator"),
    ("f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader"),
    ("e8611ab8-c189-46e8-94e1-60213ab1f814", "Privileged Role Administrator"),
    ("7be44c8a-adaf-4e2a-84d6-ab2649e08a13", "Privileged Authentication Administrator"),
    ("fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator"),
    ("194ae4cb-b126-40b2-bd5b-6091b380977d", "Security Administrator"),
    ("5d6b6bb7-de71-4623-b4af-96380a352509", "Security Reader"),
    ("5f2222b1-57c3-48ba-8ad5-d4759f1fde6f", "Security Operator"),
    ("29232cdf-9323-42fd-ade2-1d097af3e4de", "Exchange Administrator"),
    ("f28a1f50-f6e7-4571-818b-6a12f2af6b6c", "SharePoint Administrator"),
    ("69091246-20e8-4a56-aa4d-066075b2a7a8", "Teams Administrator"),
    ("3a2c62db-5318-420d-8d74-23affee5d9d5", "Intune Administrator"),
    ("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "Application Administrator"),
    ("158c047a-c907-4556-b7ef-446551a6b5f7", "Cloud Application Administrator"),
    ("b1be1c3e-b65d-4f19-8427-f6fa0d97feb9", "Conditional Access Administrator"),
    ("729827e3-9c14-49f7-bb1b-9608f156bbb8", "Helpdesk Administrator"),
    ("b0f54661-2d74-4c50-afa3-1ec803f12efe", "Billing Administrator"),
    ("c4e39bd9-1100-46d3-8c65-fb160da0071f", "Authentication Administrator"),
    ("8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2", "Hybrid Identity Administrator"),
    ("88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "Directory Readers"),
    ("4a5d8f65-41da-4de4-8968-e035b65339cf", "Reports Reader"),
)
_FIRST_NAMES = (
    "Adele",
    "Alex",
    "Diego",
    "Grady",
    "Isaiah",
    "Joni",
    "Lee",
    "Lidia",
    "Megan",
    "Nestor",
    "Patti",
    "Pradeep",
)
_LAST_NAMES = (
    "Vance",
    "Wilber",
    "Siciliani",
    "Archie",
    "Langer",
    "Sherman",
    "Gu",
    "Holloway",
    "Bowen",
    "Wilke",
    "Fernandez",
)
_NO_START = "2024-02-01T09:00:00Z"


def role_definitions() -> list[Row]:
    """Return the built-in role definitions; their id is their template id, and they are the same in every tenant."""
    return _DEFINITIONS


def role_assignments(directory: Directory, tenant: Tenant, expand: str) -> list[Row]:
    """Return the active assignments (activated eligible ones among them); ``expand`` is principal or roleDefinition."""
    rows = []
    for role, principal in _active(directory, tenant):
        row: Row = {
            "id": stable_guid("assignment", tenant.id, role, principal["id"]),
            "appScopeId": None,
            "condition": None,
            "directoryScopeId": "/",
            "principalId": principal["id"],
            "principalOrganizationId": tenant.id,
            "roleDefinitionId": role,
        }
        rows.append(_expanded(row, role, principal, expand))
    return rows


def role_eligibilities(tenant: Tenant, expand: str) -> list[Row]:
    """Return the eligible assignments (``unifiedRoleEligibilityScheduleInstance``)."""
    return [_instance(tenant, role, who, expand, "roleEligibilityScheduleId", {}) for role, who in _eligible(tenant)]


def role_assignment_instances(directory: Directory, tenant: Tenant, expand: str) -> list[Row]:
    """Return active assignments as PIM sees them: ``Assigned``, or ``Activated`` when an eligible one is in use."""
    activated = {(role, who["id"]) for role, who in _activated(tenant)}
    rows = []
    for role, who in _active(directory, tenant):
        kind = "Activated" if (role, who["id"]) in activated else "Assigned"
        extra: Row = {
            "assignmentType": kind,
            "roleAssignmentOriginId": stable_guid("assignment", tenant.id, role, who["id"]),
        }
        rows.append(_instance(tenant, role, who, expand, "roleAssignmentScheduleId", extra))
    return rows


def _instance(tenant: Tenant, role: str, who: Row, expand: str, schedule: str, extra: Row) -> Row:
    row: Row = {
        "id": stable_guid("instance", schedule, tenant.id, role, who["id"]),
        "appScopeId": None,
        "directoryScopeId": "/",
        "endDateTime": None,
        "memberType": "Group" if who["@odata.type"].endswith("group") else "Direct",
        "principalId": who["id"],
        "roleDefinitionId": role,
        schedule: stable_guid(schedule, tenant.id, role, who["id"]),
        "startDateTime": _NO_START,
        **extra,
    }
    return _expanded(row, role, who, expand)


def _expanded(row: Row, role: str, principal: Row, expand: str) -> Row:
    if expand == "principal":
        row["principal"] = principal
    elif expand == "roleDefinition":
        row["roleDefinition"] = next(r for r in _DEFINITIONS if r["id"] == role)
    return row


def _active(directory: Directory, tenant: Tenant) -> list[tuple[str, Row]]:
    dice = _dice(tenant)
    people = 2 + dice[0] % 3 if dice[1] % 10 else 6
    rows = [(GLOBAL_ADMINISTRATOR, _person(tenant, index)) for index in range(people)]
    for index in range(3 + min(12, tenant.size // 40)):
        rows.append((_ROLES[1 + (dice[2] + index) % (len(_ROLES) - 1)][0], _person(tenant, 10 + index)))
    if dice[3] % 4 == 0:
        rows.append((_ROLES[4][0], _guest(tenant)))
    if dice[4] % 3 == 0:
        rows.append((_ROLES[15][0], _group(tenant)))
    if dice[5] % 5 == 0:
        rows += [(_ROLES[12][0], _service(directory, tenant, client)) for client in list(tenant.service_principals)[:1]]
    return [*rows, *_activated(tenant)]


def _eligible(tenant: Tenant) -> list[tuple[str, Row]]:
    if "p2" not in tenant.licences:
        return []
    dice = _dice(tenant)
    count = 2 + dice[6] % 4
    return [(_ROLES[(dice[7] + index) % 12][0], _person(tenant, 30 + index)) for index in range(count)]


def _activated(tenant: Tenant) -> list[tuple[str, Row]]:
    return _eligible(tenant)[:1]


def _dice(tenant: Tenant) -> bytes:
    return hashlib.blake2b(tenant.id.encode(), digest_size=16).digest()


def _person(tenant: Tenant, index: int) -> Row:
    dice = _dice(tenant)
    first = _FIRST_NAMES[(dice[8] + index) % len(_FIRST_NAMES)]
    last = _LAST_NAMES[(dice[9] + index * 3) % len(_LAST_NAMES)]
    name = f"{first}.{last}{index}".lower()
    return _user(tenant, name, f"{first} {last}", f"{name}@{tenant.domains[0]}", "Member", index % 17 != 5)


def _guest(tenant: Tenant) -> Row:
    return _user(tenant, "guest", "Robin Partner", f"robin_partner.example#EXT#@{tenant.domains[-1]}", "Guest", True)


def _user(tenant: Tenant, key: str, name: str, address: str, kind: str, enabled: bool) -> Row:
    return {
        "@odata.type": "#microsoft.graph.user",
        "id": stable_guid("user", tenant.id, key),
        "accountEnabled": enabled,
        "displayName": name,
        "userPrincipalName": address,
        "userType": kind,
    }


def _group(tenant: Tenant) -> Row:
    return {
        "@odata.type": "#microsoft.graph.group",
        "id": stable_guid("group", tenant.id, "helpdesk"),
        "displayName": "Helpdesk",
        "isAssignableToRole": True,
        "securityEnabled": True,
    }


def _service(directory: Directory, tenant: Tenant, client_id: str) -> Row:
    registration = directory.registrations.get(client_id)
    return {
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": tenant.principal_id(client_id),
        "appId": client_id,
        "displayName": registration.display_name if registration else "",
        "servicePrincipalType": "Application",
    }


def _definitions() -> list[Row]:
    rows: list[dict[str, Any]] = []
    for role, name in _ROLES:
        rows.append(
            {
                "id": role,
                "description": f"Built-in role {name}.",
                "displayName": name,
                "isBuiltIn": True,
                "isEnabled": True,
                "resourceScopes": ["/"],
                "rolePermissions": [{"allowedResourceActions": ["microsoft.directory/*/read"], "condition": None}],
                "templateId": role,
                "version": "1",
            }
        )
    return rows


_DEFINITIONS = _definitions()
