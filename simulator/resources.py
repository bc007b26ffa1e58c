"""The Graph resources this simulator serves: one entry each.

Promise: a new resource is one more entry here (path, permissions that satisfy it, workload and cost, page sizes, options,
generator) and its generator; nothing else changes.
Must not know: HTTP.
"""

from __future__ import annotations

from simulator import permissions
from simulator.directory_resources import DIRECTORY_RESOURCES
from simulator.intune_resources import INTUNE_RESOURCES
from simulator.odata import BadQuery, Row, Rows
from simulator.organizations import (
    app_role_assignments,
    applications,
    organization,
    service_principals,
    subscribed_skus,
)
from simulator.resource import WITH_FILTER, NotFound, Resource, Scope
from simulator.role_definitions import role_definitions
from simulator.roles import role_assignment_instances, role_assignments, role_eligibilities

__all__ = ["RESOURCES", "NotFound", "Resource", "Scope", "check_expand", "check_top", "find_resource"]


def find_resource(path: str) -> tuple[Resource, dict[str, str]] | None:
    """Return the resource a path (without version) names and its parameters, or None."""
    for resource in RESOURCES:
        found = resource.pattern.match(path)
        if found:
            return resource, found.groupdict()
    return None


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
    return _by(role_definitions(scope.tenant), scope)


_ROLE_OPTIONS = WITH_FILTER | {"$expand"}
_ROLE_FILTERS = ("principalId", "roleDefinitionId", "directoryScopeId")
_EXPANDS = ("principal", "roleDefinition")

RESOURCES: tuple[Resource, ...] = (
    Resource("/organization", "organization", permissions.ORGANIZATION, lambda s: [organization(s.tenant)]),
    Resource("/organization/{id}", "organization", permissions.ORGANIZATION, one=_organization),
    Resource("/subscribedSkus", "subscribedSku", permissions.SUBSCRIBED_SKUS, lambda s: subscribed_skus(s.tenant), cost=3,
             paged=False, options=frozenset({"$select"})),
    Resource("/servicePrincipals", "servicePrincipal", permissions.APPLICATION_LISTS,
             lambda s: service_principals(s.world.directory, s.tenant), options=WITH_FILTER, filters=("appId",), advanced=True),
    Resource("/servicePrincipals(appId='{appId}')", "servicePrincipal", permissions.APPLICATIONS, one=_principal),
    Resource("/servicePrincipals/{id}", "servicePrincipal", permissions.APPLICATIONS, one=_principal),
    Resource("/servicePrincipals/{id}/appRoleAssignments", "appRoleAssignment", permissions.APPLICATIONS, _grants, cost=2,
             context="appRoleAssignments"),
    Resource("/applications", "application", permissions.APPLICATION_LISTS,
             lambda s: applications(s.world.directory, s.tenant), cost=2, options=WITH_FILTER, filters=("appId",), advanced=True),
    Resource("/applications(appId='{appId}')", "application", permissions.APPLICATIONS, one=_application, cost=2),
    Resource("/applications/{id}", "application", permissions.APPLICATIONS, one=_application, cost=2),
    Resource("/roleManagement/directory/roleDefinitions", "unifiedRoleDefinition", permissions.ROLE_DEFINITIONS,
             lambda s: role_definitions(s.tenant), options=WITH_FILTER, filters=("displayName", "isBuiltIn", "templateId"),
             sized=False),
    Resource("/roleManagement/directory/roleDefinitions/{id}", "unifiedRoleDefinition", permissions.ROLE_DEFINITIONS,
             one=_role_definition),
    Resource("/roleManagement/directory/roleAssignments", "unifiedRoleAssignment", permissions.ROLE_ASSIGNMENTS,
             lambda s: role_assignments(s.world.directory, s.tenant, s.expand), options=_ROLE_OPTIONS,
             filters=_ROLE_FILTERS, expands=_EXPANDS,
             selectable=("id", "principalId", "roleDefinitionId", "directoryScopeId")),
    Resource("/roleManagement/directory/roleEligibilityScheduleInstances", "unifiedRoleEligibilityScheduleInstance",
             permissions.ROLE_ELIGIBILITIES, lambda s: role_eligibilities(s.world.directory, s.tenant, s.expand), options=_ROLE_OPTIONS,
             filters=_ROLE_FILTERS, expands=_EXPANDS, denial="pim", licence="p2"),
    Resource("/roleManagement/directory/roleAssignmentScheduleInstances", "unifiedRoleAssignmentScheduleInstance",
             permissions.ROLE_ASSIGNMENT_INSTANCES,
             lambda s: role_assignment_instances(s.world.directory, s.tenant, s.expand, s.world.clock.now()),
             options=_ROLE_OPTIONS, filters=_ROLE_FILTERS, expands=_EXPANDS, denial="pim", licence="p2"),
    *INTUNE_RESOURCES,
    *DIRECTORY_RESOURCES,
)  # fmt: skip


def check_expand(resource: Resource, expand: str) -> None:
    """Refuse an expansion the resource does not know. Raises BadQuery."""
    if expand and expand not in resource.expands:
        raise BadQuery(f"Parsing OData Select and Expand failed: Could not find a property named '{expand[:60]}' on type "
                       f"'microsoft.graph.{resource.type}'.")  # fmt: skip


def check_top(resource: Resource, top: int | None) -> None:
    """Refuse a page size the resource does not know. Raises BadQuery.

    Source: what the service was seen to answer: directory lists refuse what is above their maximum (Intune's give their maximum),
    and role definitions refuse every size, those below twenty in words of their own.
    """
    if top is None:
        return
    if not resource.sized:
        raise BadQuery(
            "This resource requires a minimum page size of 20." if top < 20 else "Invalid/unsupported query request.",
            "Request_UnsupportedQuery",
        )
    if resource.workload == "directory" and top > resource.maximum:
        raise BadQuery(
            f"Invalid page size specified: '{top}'. Must be between 1 and {resource.maximum} inclusive.",
            "Request_UnsupportedQuery",
        )
