"""The directory's people, groups and devices, and Conditional Access.

Promise: counting them needs ``ConsistencyLevel: eventual``: without it ``/$count`` is refused and ``$count=true`` is not heard;
service principals are left out of a group's members, as v1.0 does ("List group members", its known issue), and listed in the cast to them;
Conditional Access has a budget of its own for each tenant and needs P1.
Source: graph-docs ``aad-advanced-queries.md``, ``concepts/throttling-limits.md`` and the v1.0 reference.
Must not know: HTTP.
"""

from __future__ import annotations

from simulator import permissions
from simulator.conditional_access import named_locations, policies
from simulator.directory_devices import directory_devices
from simulator.groups import applications, find_group, group, groups, members
from simulator.odata import Row, Rows
from simulator.people import DEFAULT, users
from simulator.resource import COMMON_OPTIONS, WITH_FILTER, NotFound, Resource, Scope

_MEMBER = (
    "id", "deletedDateTime", "displayName", "accountEnabled", "userPrincipalName", "userType", "mail", "isAssignableToRole",
    "securityEnabled",
)  # fmt: skip
"""What may be selected of members: the base type's properties, and those of the types that are among them."""


def _group(scope: Scope) -> Row:
    return group(scope.tenant, _serial(scope))


def _members(scope: Scope) -> Rows:
    return members(scope.tenant, _serial(scope))


def _applications(scope: Scope) -> Rows:
    return applications(scope.tenant, _serial(scope))


def _serial(scope: Scope) -> int:
    found = find_group(scope.tenant, scope.parameters["id"].lower())
    if found is None:
        raise NotFound(scope.parameters["id"])
    return found


def _users(scope: Scope) -> Rows:
    return users(scope.tenant)


DIRECTORY_RESOURCES: tuple[Resource, ...] = (
    Resource("/users", "user", permissions.USERS, _users, cost=2, options=WITH_FILTER, advanced=True, defaults=DEFAULT,
             filters=("userType", "accountEnabled", "userPrincipalName", "displayName")),
    Resource("/users/$count", "user", permissions.USERS, _users, cost=2, options=frozenset({"$filter"}), advanced=True,
             filters=("userType", "accountEnabled"), counted=True),
    Resource("/groups", "group", permissions.GROUPS, lambda s: groups(s.tenant), options=WITH_FILTER, advanced=True,
             filters=("displayName", "isAssignableToRole", "securityEnabled")),
    Resource("/groups/$count", "group", permissions.GROUPS, lambda s: groups(s.tenant), options=frozenset({"$filter"}),
             filters=("isAssignableToRole", "securityEnabled"), advanced=True, counted=True),
    Resource("/groups/{id}", "group", permissions.GROUP, one=_group),
    Resource("/groups/{id}/members", "directoryObject", permissions.GROUP_MEMBERS, _members, cost=3, selectable=_MEMBER,
             advanced=True, context="directoryObjects", options=COMMON_OPTIONS, of_others=True),
    Resource("/groups/{id}/members/microsoft.graph.servicePrincipal", "servicePrincipal", permissions.GROUP_MEMBERS, _applications,
             cost=3, advanced=True, context="servicePrincipals", options=COMMON_OPTIONS, of_others=True, cast=True),
    Resource("/devices", "device", permissions.DIRECTORY_DEVICES, lambda s: directory_devices(s.tenant), options=WITH_FILTER,
             advanced=True, filters=("deviceId", "accountEnabled", "operatingSystem")),
    Resource("/devices/$count", "device", permissions.DIRECTORY_DEVICES, lambda s: directory_devices(s.tenant),
             options=frozenset({"$filter"}), filters=("accountEnabled", "operatingSystem"), advanced=True, counted=True),
    Resource("/identity/conditionalAccess/policies", "conditionalAccessPolicy", permissions.CONDITIONAL_ACCESS,
             lambda s: policies(s.tenant), workload="conditional_access", options=WITH_FILTER, filters=("state", "displayName"),
             denial="conditional_access", licence="p1", context="identity/conditionalAccess/policies"),
    Resource("/identity/conditionalAccess/namedLocations", "namedLocation", permissions.CONDITIONAL_ACCESS,
             lambda s: named_locations(s.tenant), workload="conditional_access", options=WITH_FILTER,
             filters=("displayName",), denial="conditional_access", licence="p1",
             selectable=("id", "deletedDateTime", "displayName", "createdDateTime", "modifiedDateTime"),
             context="identity/conditionalAccess/namedLocations"),
)  # fmt: skip
