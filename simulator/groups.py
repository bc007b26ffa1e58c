"""A tenant's groups and who is in them, made when they are looked at.

Promise: the first two groups of every tenant may be assigned to roles and hold people, one of them disabled and one a guest; in every
other tenant the first one holds another vendor's application too. A dynamic group holds everybody, so that a large tenant's members need
pages; ordinary groups may hold another group. Members of the groups for roles come and go with the rounds.
Source: Microsoft Graph v1.0 metadata, ``group``; "Use Microsoft Entra groups to manage role assignments" (no nesting).
Must not know: HTTP.
"""

from __future__ import annotations

from simulator.ageing import created_at, dice
from simulator.lists import Listed, Mapped, Slots, slots
from simulator.model import Tenant, stable_guid
from simulator.odata import Row, Rows
from simulator.organizations import other_vendors
from simulator.people import guest, person, users

KIND = "groups"
FOR_ROLES = ("Role - Helpdesk", "Role - Tenant operators")
_FIXED = (*FOR_ROLES, "All users", "CA - Emergency accounts")
_DEPARTMENTS = ("Finance", "Sales", "Production", "Field service", "Management", "Reception", "Warehouse", "Marketing")
_PURPOSES = ("", " - Shared mailbox", " - Projects", " - Licence F3", " - Printers")


def groups(tenant: Tenant) -> Listed:
    """Return the tenant's groups."""
    there = existing_groups(tenant)
    return Listed(there, lambda serial: group(tenant, serial))


def existing_groups(tenant: Tenant) -> Slots:
    """Return which groups there are in the tenant's round."""
    size = tenant.amounts.get(KIND, len(_FIXED) + tenant.size // 8)
    return slots(tenant.id, KIND, size, min(size, len(_FIXED)), len(tenant.rounds))


def existing_members(tenant: Tenant, serial: int) -> Slots:
    """Return which members a group for roles has in the tenant's round."""
    size = tenant.amounts.get("group_members", 3 + dice(tenant.id, KIND, serial)[0] % 6)
    return slots(tenant.id, f"group-{serial}", size, 1, len(tenant.rounds))


def group_id(tenant: Tenant, serial: int) -> str:
    """Return a group's id."""
    return stable_guid("group", tenant.id, serial)


def group(tenant: Tenant, serial: int) -> Row:
    """Return a group by its serial number."""
    everybody, there = serial == 2, existing_groups(tenant)
    mail = serial >= len(_FIXED) and serial % 3 == 0
    return {
        "id": group_id(tenant, serial),
        "deletedDateTime": None,
        "classification": None,
        "createdDateTime": created_at(tenant, KIND, there, serial),
        "description": None,
        "displayName": _title(there, serial),
        "groupTypes": ["DynamicMembership"] if everybody else (["Unified"] if mail else []),
        "isAssignableToRole": True if serial < len(FOR_ROLES) else None,
        "mail": f"group{serial}@{tenant.domains[0]}" if mail else None,
        "mailEnabled": mail,
        "mailNickname": f"group{serial}",
        "membershipRule": "(user.accountEnabled -ne null)" if everybody else None,
        "membershipRuleProcessingState": "On" if everybody else None,
        "onPremisesSyncEnabled": None,
        "proxyAddresses": [],
        "securityEnabled": not mail,
        "visibility": "Private",
    }


def find_group(tenant: Tenant, identifier: str) -> int | None:
    """Return the serial number of a group of the tenant's round, or None."""
    there = existing_groups(tenant)
    return next((s for s in map(there.serial, range(len(there))) if group_id(tenant, s) == identifier), None)


def members(tenant: Tenant, serial: int) -> Rows:
    """Return who is in a group, each with its own type."""
    if serial < len(FOR_ROLES):
        there = existing_members(tenant, serial)
        return Listed(there, lambda member: _typed("user", _operator(tenant, serial, member)))
    if serial == 2:
        return Mapped(users(tenant), lambda row: _typed("user", row))
    if serial == 3:
        return []
    rolled = dice(tenant.id, KIND, serial)
    people = [_typed("user", person(tenant, (rolled[1] + i) % max(1, tenant.size))) for i in range(rolled[2] % 25)]
    people = list({row["id"]: row for row in people}.values())
    nested = [_typed("group", group(tenant, serial - 1))] if rolled[3] % 4 == 0 and serial - 1 >= len(_FIXED) else []
    return nested + people


def applications(tenant: Tenant, serial: int) -> list[Row]:
    """Return the service principals in a group, which is a list of one type: the objects do not repeat it."""
    return other_vendors(tenant)[:1] if serial == 0 and dice(tenant.id)[12] % 2 == 0 else []


def _operator(tenant: Tenant, serial: int, member: int) -> Row:
    """Return a member of a group for roles: the second is disabled, the third a guest."""
    if member == 2:
        return guest(tenant, 0)
    return person(tenant, 5 if member == 1 else 40 + serial * 20 + member)


def _typed(kind: str, row: Row) -> Row:
    return {"@odata.type": f"#microsoft.graph.{kind}", **row}


def _title(there: Slots, serial: int) -> str:
    touch = there.touched.get(serial)
    renamed = f" (rev {touch.renamed + 1})" if touch is not None and touch.renamed else ""
    if serial < len(_FIXED):
        return _FIXED[serial] + renamed
    number, place = divmod(serial - len(_FIXED), len(_DEPARTMENTS) * len(_PURPOSES))
    shown = _DEPARTMENTS[place % len(_DEPARTMENTS)] + _PURPOSES[place // len(_DEPARTMENTS)]
    return f"{shown}{f' {number + 1}' if number else ''}{renamed}"
