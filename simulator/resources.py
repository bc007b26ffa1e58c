"""The Graph resources this simulator serves: one entry each.

Promise: a new resource is one more entry here (path, permissions that satisfy it, workload and cost, page sizes, options,
generator) and its generator; nothing else changes.
Must not know: HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from simulator import permissions
from simulator.devices import Devices, overview
from simulator.model import Tenant
from simulator.odata import BadQuery, Row, Rows
from simulator.organizations import (
    app_role_assignments,
    applications,
    organization,
    service_principals,
    subscribed_skus,
)
from simulator.roles import role_assignment_instances, role_assignments, role_definitions, role_eligibilities
from simulator.scenarios import active
from simulator.world import World

COMMON_OPTIONS = frozenset({"$select", "$top", "$count"})


class NotFound(Exception):
    """The entity a path names does not exist; the text is its id."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a generator gets: the world, the tenant, the path's parameters and the expansion asked for."""

    world: World
    tenant: Tenant
    parameters: dict[str, str]
    expand: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource.

    ``permissions``: any of them in the token's roles is enough. ``cost``: resource units (directory) or 1. ``page``: default
    page size; ``maximum``: the largest that ``$top`` gives. ``paged`` False: everything in one answer. ``denial``: whose
    403 it is. ``licence``: what the tenant must have.
    """

    path: str
    type: str
    permissions: tuple[str, ...]
    rows: Callable[[Scope], Rows] | None = None
    one: Callable[[Scope], Row] | None = None
    workload: str = "directory"
    cost: int = 1
    page: int = 100
    maximum: int = 999
    paged: bool = True
    counts_page: bool = False
    options: frozenset[str] = COMMON_OPTIONS
    filters: tuple[str, ...] = ()
    expands: tuple[str, ...] = ()
    denial: Literal["directory", "intune", "pim"] = "directory"
    licence: str | None = None
    context: str = ""
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Compile the path; Graph's paths do not care about case."""
        escaped = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/()']+)", re.escape(self.path))
        object.__setattr__(self, "pattern", re.compile(f"^{escaped}$", re.IGNORECASE))


def find_resource(path: str) -> tuple[Resource, dict[str, str]] | None:
    """Return the resource a path (without version) names and its parameters, or None."""
    for resource in RESOURCES:
        found = resource.pattern.match(path)
        if found:
            return resource, found.groupdict()
    return None


def _devices(scope: Scope) -> Rows:
    tenant = scope.tenant
    incomplete = active(tenant, "data_incomplete") is not None
    return Devices(tenant.id, tenant.domains[0], tenant.devices, scope.world.clock.now(), incomplete=incomplete)


def _device(scope: Scope) -> Row:
    wanted = scope.parameters["id"].lower()
    for row in _devices(scope):
        if row["id"] == wanted:
            return row
    raise NotFound(wanted)


def _principal(scope: Scope) -> Row:
    return _by(service_principals(scope.world.directory, scope.tenant), scope)


def _application(scope: Scope) -> Row:
    return _by(applications(scope.world.directory, scope.tenant), scope)


def _by(rows: Rows, scope: Scope) -> Row:
    key, value = next(iter(scope.parameters.items()))
    for row in rows:
        if row["appId" if key.lower() == "appid" else "id"] == value.lower():
            return row
    raise NotFound(value)


def _grants(scope: Scope) -> Rows:
    rows = app_role_assignments(scope.world.directory, scope.tenant, scope.parameters["id"].lower())
    if rows is None:
        raise NotFound(scope.parameters["id"])
    return rows


def _organization(scope: Scope) -> Row:
    row = organization(scope.tenant)
    if scope.parameters["id"].lower() != row["id"]:
        raise NotFound(scope.parameters["id"])
    return row


def _role_definition(scope: Scope) -> Row:
    return _by(role_definitions(), scope)


_WITH_FILTER = COMMON_OPTIONS | {"$filter"}
_ROLE_OPTIONS = _WITH_FILTER | {"$expand"}
_ROLE_FILTERS = ("principalId", "roleDefinitionId")
_EXPANDS = ("principal", "roleDefinition")

RESOURCES: tuple[Resource, ...] = (
    Resource("/organization", "organization", permissions.ORGANIZATION, lambda s: [organization(s.tenant)]),
    Resource("/organization/{id}", "organization", permissions.ORGANIZATION, one=_organization),
    Resource("/subscribedSkus", "subscribedSku", permissions.SUBSCRIBED_SKUS, lambda s: subscribed_skus(s.tenant), cost=3,
             paged=False, options=frozenset({"$select"})),
    Resource("/servicePrincipals", "servicePrincipal", permissions.APPLICATION_LISTS,
             lambda s: service_principals(s.world.directory, s.tenant), options=_WITH_FILTER, filters=("appId",)),
    Resource("/servicePrincipals(appId='{appId}')", "servicePrincipal", permissions.APPLICATIONS, one=_principal),
    Resource("/servicePrincipals/{id}", "servicePrincipal", permissions.APPLICATIONS, one=_principal),
    Resource("/servicePrincipals/{id}/appRoleAssignments", "appRoleAssignment", permissions.APPLICATIONS, _grants, cost=2,
             context="appRoleAssignments"),
    Resource("/applications", "application", permissions.APPLICATION_LISTS,
             lambda s: applications(s.world.directory, s.tenant), cost=2, options=_WITH_FILTER, filters=("appId",)),
    Resource("/applications(appId='{appId}')", "application", permissions.APPLICATIONS, one=_application, cost=2),
    Resource("/applications/{id}", "application", permissions.APPLICATIONS, one=_application, cost=2),
    Resource("/deviceManagement/managedDevices", "managedDevice", permissions.DEVICES, _devices, workload="intune_devices",
             page=1000, maximum=1000, counts_page=True, options=_WITH_FILTER, denial="intune", licence="intune",
             filters=("lastSyncDateTime", "enrolledDateTime", "jailBroken", "deviceCategoryDisplayName")),
    Resource("/deviceManagement/managedDevices/{id}", "managedDevice", permissions.DEVICES, one=_device,
             workload="intune_devices", denial="intune", licence="intune"),
    Resource("/deviceManagement/managedDeviceOverview", "managedDeviceOverview", permissions.DEVICES,
             one=lambda s: overview(s.tenant.id, s.tenant.devices), workload="intune_devices", denial="intune",
             licence="intune"),
    Resource("/roleManagement/directory/roleDefinitions", "unifiedRoleDefinition", permissions.ROLE_DEFINITIONS,
             lambda s: role_definitions(), options=_WITH_FILTER, filters=("displayName", "isBuiltIn", "templateId")),
    Resource("/roleManagement/directory/roleDefinitions/{id}", "unifiedRoleDefinition", permissions.ROLE_DEFINITIONS,
             one=_role_definition),
    Resource("/roleManagement/directory/roleAssignments", "unifiedRoleAssignment", permissions.ROLE_ASSIGNMENTS,
             lambda s: role_assignments(s.world.directory, s.tenant, s.expand), options=_ROLE_OPTIONS,
             filters=_ROLE_FILTERS, expands=_EXPANDS),
    Resource("/roleManagement/directory/roleEligibilityScheduleInstances", "unifiedRoleEligibilityScheduleInstance",
             permissions.ROLE_ELIGIBILITIES, lambda s: role_eligibilities(s.tenant, s.expand), options=_ROLE_OPTIONS,
             filters=_ROLE_FILTERS, expands=_EXPANDS, denial="pim", licence="p2"),
    Resource("/roleManagement/directory/roleAssignmentScheduleInstances", "unifiedRoleAssignmentScheduleInstance",
             permissions.ROLE_ASSIGNMENT_INSTANCES,
             lambda s: role_assignment_instances(s.world.directory, s.tenant, s.expand), options=_ROLE_OPTIONS,
             filters=_ROLE_FILTERS, expands=_EXPANDS, denial="pim", licence="p2"),
)  # fmt: skip


def check_expand(resource: Resource, expand: str) -> None:
    """Refuse an expansion the resource does not know. Raises BadQuery."""
    if expand and expand not in resource.expands:
        raise BadQuery(f"Parsing OData Select and Expand failed: Could not find a property named '{expand[:60]}' on type "
                       f"'microsoft.graph.{resource.type}'.")  # fmt: skip
