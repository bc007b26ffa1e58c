"""The world goes on: rounds in which tenants' policies, apps, devices and admins change, and what a second look has to find.

Promise: what a round changes follows from the tenant alone, so the differences are known here without asking Graph: an operation that
reads before and after a round must report exactly these. Only the moment of a round is the clock's.
Must not know: HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from simulator import conditional_access, groups, inventory
from simulator.clock import iso, parse_iso
from simulator.devices import compliance
from simulator.directory_devices import existing_devices
from simulator.fleet import FleetError
from simulator.lists import Slots, difference
from simulator.model import MOST_ROUNDS, Directory, Tenant
from simulator.people import existing_guests, existing_members
from simulator.role_definitions import role_name
from simulator.roles import Assignment, activated_assignments, active_assignments, eligible_assignments
from simulator.world import World

Found = dict[str, Any]
_Title = Callable[[Tenant, Slots, int], str]
_AT_ONCE = 100


def advance(world: World, tenants: Iterable[Tenant], rounds: Any) -> list[Tenant]:
    """Let some rounds pass in some tenants; return them as they were before.

    Raises:
        FleetError: not a number of rounds, or more than a tenant can have; nothing was changed.
    """
    if isinstance(rounds, bool) or not isinstance(rounds, int) or not 1 <= rounds <= _AT_ONCE:
        raise FleetError(f'"rounds" must be a number from 1 to {_AT_ONCE}')
    chosen = list(tenants)
    for tenant in chosen:
        if len(tenant.rounds) + rounds > MOST_ROUNDS:
            raise FleetError(f"{tenant.name} has had its {MOST_ROUNDS} rounds")
    before = [replace(tenant, rounds=list(tenant.rounds)) for tenant in chosen]
    for tenant in chosen:
        for _ in range(rounds):
            # Two rounds never share a second: what changed in both must carry two dates.
            last = parse_iso(tenant.rounds[-1]) + 1 if tenant.rounds else 0.0
            tenant.rounds.append(iso(max(last, world.clock.now())))
    world.remember(*chosen)
    return before


def as_of(tenant: Tenant, rounds: int) -> Tenant:
    """Return a tenant as it was after some of its rounds.

    Raises:
        FleetError: it has not had so many.
    """
    if not 0 <= rounds <= len(tenant.rounds):
        raise FleetError(f"{tenant.name} has had {len(tenant.rounds)} rounds, not {rounds}")
    return replace(tenant, rounds=tenant.rounds[:rounds])


def differences(directory: Directory, before: Tenant, after: Tenant) -> Found:
    """Return what differs between two states of a tenant.

    Returns:
        ``inventory``: for each list the entries ``added``, ``removed``, ``changed`` and ``renamed`` (those are changed as well) by id and
        name, and how many there are; ``compliance``: devices by operating system and state before and after; ``roles``: assignments that
        came and went (``activated`` ones are no new administrators) and eligible ones; ``counts``: the directory's numbers;
        ``group_members``: how many members the groups for roles have.
    """
    return {
        "tenant": after.id,
        "rounds": {"before": len(before.rounds), "after": len(after.rounds)},
        "inventory": {name: _inventory(before, after, *parts) for name, parts in _LISTS.items()},
        "compliance": {"before": _compliance(before), "after": _compliance(after)},
        "roles": _roles(directory, before, after),
        "counts": {name: {"before": len(count(before)), "after": len(count(after))} for name, count in _COUNTS.items()},
        "group_members": {
            groups.group_id(after, serial): {
                "before": len(groups.members(before, serial)),
                "after": len(groups.members(after, serial)),
            }
            for serial in range(len(groups.FOR_ROLES))
        },
    }


def _kind_slots(kind: inventory.Kind, tenant: Tenant) -> Slots:
    return inventory.existing(tenant, kind)


def _kind_id(kind: inventory.Kind, tenant: Tenant, serial: int) -> str:
    return inventory.identifier(tenant, kind, serial)


def _kind_title(kind: inventory.Kind, tenant: Tenant, there: Slots, serial: int) -> str:
    return inventory.title(tenant, kind, there, serial)


_LISTS: dict[str, tuple[Callable[[Tenant], Slots], Callable[[Tenant, int], str], _Title]] = {
    kind.name: (partial(_kind_slots, kind), partial(_kind_id, kind), partial(_kind_title, kind))
    for kind in inventory.KINDS
} | {
    conditional_access.POLICIES: (
        conditional_access.existing_policies,
        conditional_access.policy_id,
        conditional_access.policy_title,
    ),
    conditional_access.LOCATIONS: (
        conditional_access.existing_locations,
        conditional_access.location_id,
        conditional_access.location_title,
    ),
}
_COUNTS: dict[str, Callable[[Tenant], Slots]] = {
    "members": existing_members,
    "guests": existing_guests,
    "groups": groups.existing_groups,
    "devices": existing_devices,
}


def _inventory(
    before: Tenant,
    after: Tenant,
    existing: Callable[[Tenant], Slots],
    identifier: Callable[[Tenant, int], str],
    title: _Title,
) -> Found:
    earlier, later = existing(before), existing(after)
    found = difference(earlier, later)

    def shown(serials: Iterable[int], tenant: Tenant, there: Slots) -> list[Found]:
        return [{"id": identifier(tenant, s), "displayName": title(tenant, there, s)} for s in serials]

    return {
        "before": len(earlier),
        "after": len(later),
        "added": shown(found.added, after, later),
        "removed": shown(found.removed, before, earlier),
        "changed": shown(found.changed, after, later),
        "renamed": [
            {"id": identifier(after, s), "before": title(before, earlier, s), "after": title(after, later, s)}
            for s in found.renamed
        ],
    }


def _compliance(tenant: Tenant) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = {}
    for (system, state), number in sorted(compliance(tenant).items()):
        counted.setdefault(system, {})[state] = number
    return counted


def _roles(directory: Directory, before: Tenant, after: Tenant) -> Found:
    activated = {one.key for tenant in (before, after) for one in activated_assignments(directory, tenant)}
    held = [{one.key: one for one in active_assignments(directory, tenant)} for tenant in (before, after)]
    may = [{one.key: one for one in eligible_assignments(directory, tenant)} for tenant in (before, after)]

    def shown(has: dict[tuple[str, str, str], Assignment], had: dict[tuple[str, str, str], Assignment]) -> list[Found]:
        return [
            {
                "roleDefinitionId": one.role,
                "roleName": role_name(after, one.role),
                "principalId": one.principal["id"],
                "displayName": one.principal["displayName"],
                "directoryScopeId": one.scope,
                "activated": key in activated,
            }
            for key, one in has.items()
            if key not in had
        ]

    return {
        "active": {"added": shown(held[1], held[0]), "removed": shown(held[0], held[1])},
        "eligible": {"added": shown(may[1], may[0]), "removed": shown(may[0], may[1])},
    }
