"""Every Microsoft Graph resource this project reads, as data: path, `$select`, page size, least permission.

Promise: v1.0 only; no other module spells a Graph path (a test looks). The properties and permissions here are held against Microsoft's own
metadata and permission table by tests.

Source: Microsoft Graph REST API v1.0 reference; where the service is narrower than the reference says, what was observed of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode

from storage import operations
from storage.inventory_kinds import KINDS
from tasks.providers.microsoft.budgets import Workload

VERSION: Final = "v1.0"
BATCH_PATH: Final = f"/{VERSION}/$batch"
BATCH_LIMIT: Final = 20
"""Requests in one batch at most (Microsoft, "Combine multiple HTTP requests using JSON batching")."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One resource.

    Attributes:
        key: our stable name of it.
        path: below the version; `{name}` parts are filled in by the caller.
        entity: the type in Microsoft's metadata that `select` is checked against.
        select: the properties asked for; empty asks for the default ones.
        permissions: application permissions each of which suffices, the least one first.
        page_size: `$top`; None leaves the size to Microsoft (where it is the largest, or `$top` is not honoured).
        filter: `$filter`.
        expand: `$expand`.
        advanced: an advanced query of the directory (a count, an OData cast), which needs `$count` and eventual consistency.
        takes_top: `$top` may be sent; role management documents it for none of its listings.
        workload: whose limit a request counts towards.
        units: resource units of a plain request; only the directory counts them, elsewhere every request is one.
    """

    key: str
    path: str
    entity: str
    select: tuple[str, ...]
    permissions: tuple[str, ...]
    page_size: int | None = None
    filter: str = ""
    expand: str = ""
    advanced: bool = False
    takes_top: bool = True
    workload: Workload = Workload.DIRECTORY
    units: int = 1

    @property
    def cost(self) -> int:
        """Units that one request takes of its workload's limit ("Identity and access service limits")."""
        if self.workload is not Workload.DIRECTORY:
            return 1
        is_small = self.page_size is not None and self.page_size < 20
        return max(1, self.units - bool(self.select) + bool(self.expand) - is_small)

    @property
    def headers(self) -> Mapping[str, str]:
        """Request headers this resource needs beside the usual ones ("Advanced query capabilities on directory objects")."""
        return {"ConsistencyLevel": "eventual"} if self.advanced else {}

    def probe(self) -> Contract:
        """Returns the smallest question that proves this resource can be read."""
        return replace(
            self, key=f"{self.key}_probe", select=("id",), page_size=1 if self.takes_top else None, expand=""
        )

    def is_allowed(self, granted: frozenset[str]) -> bool:
        """Says whether one of the granted permissions suffices."""
        return any(operations.satisfies(granted, name) for name in self.permissions)

    def relative_url(self, **parts: str) -> str:
        """Returns path and query below the version, as a batch wants it.

        Raises:
            KeyError: a `{name}` part has no value.
        """
        # A quote inside an OData string literal is doubled ("OData URL conventions", 5.1.1.6.1); a key in the path is one.
        path = self.path.format_map({name: quote(value.replace("'", "''"), safe="") for name, value in parts.items()})
        query: dict[str, str] = {}
        if self.select:
            query["$select"] = ",".join(self.select)
        if self.expand:
            query["$expand"] = self.expand
        if self.filter:
            query["$filter"] = self.filter
        if self.advanced:
            query["$count"] = "true"
        if self.page_size is not None:
            query["$top"] = str(self.page_size)
        return f"{path}?{urlencode(query, safe='$,', quote_via=quote)}" if query else path

    def url(self, graph_url: str, **parts: str) -> str:
        """Returns the absolute address below a cloud's Graph base address."""
        return f"{graph_url}/{VERSION}{self.relative_url(**parts)}"


_ORGANIZATION: Final = "Organization.Read.All"
_CONFIGURATION: Final = "DeviceManagementConfiguration.Read.All"
_APPS: Final = "DeviceManagementApps.Read.All"
_SERVICE: Final = "DeviceManagementServiceConfig.Read.All"
_DEVICES: Final = "DeviceManagementManagedDevices.Read.All"
_POLICY: Final = "Policy.Read.All"
_ROLES: Final = "RoleManagement.Read.Directory"
_ELIGIBILITY: Final = "RoleEligibilitySchedule.Read.Directory"
_ASSIGNMENT: Final = "RoleAssignmentSchedule.Read.Directory"
_APPLICATION: Final = "Application.Read.All"
_INSTANCE: Final = (
    "id",
    "principalId",
    "roleDefinitionId",
    "directoryScopeId",
    "memberType",
    "startDateTime",
    "endDateTime",
)

_ALL: Final = (
    Contract(
        "organization",
        "/organization",
        "organization",
        ("id", "displayName", "verifiedDomains", "tenantType", "countryLetterCode", "createdDateTime"),
        (_ORGANIZATION,),
    ),
    Contract(
        "subscribed_skus",
        "/subscribedSkus",
        "subscribedSku",
        ("id", "skuId", "skuPartNumber", "capabilityStatus", "appliesTo", "servicePlans"),
        ("LicenseAssignment.Read.All", _ORGANIZATION),
        units=3,
    ),
    Contract(
        "managed_devices",
        "/deviceManagement/managedDevices",
        "managedDevice",
        ("id", "complianceState", "operatingSystem"),
        (_DEVICES,),
        workload=Workload.INTUNE_DEVICES,
    ),
    Contract(
        "compliance_policies",
        "/deviceManagement/deviceCompliancePolicies",
        "deviceCompliancePolicy",
        ("id", "displayName", "lastModifiedDateTime", "version"),
        (_CONFIGURATION,),
        workload=Workload.INTUNE_CONFIGURATION,
    ),
    Contract(
        "device_configurations",
        "/deviceManagement/deviceConfigurations",
        "deviceConfiguration",
        ("id", "displayName", "lastModifiedDateTime", "version"),
        (_CONFIGURATION,),
        workload=Workload.INTUNE_CONFIGURATION,
    ),
    Contract(
        "mobile_apps",
        "/deviceAppManagement/mobileApps",
        "mobileApp",
        ("id", "displayName", "publisher", "publishingState", "lastModifiedDateTime"),
        (_APPS,),
        workload=Workload.INTUNE_CONFIGURATION,
    ),
    Contract(
        "enrollment_configurations",
        "/deviceManagement/deviceEnrollmentConfigurations",
        "deviceEnrollmentConfiguration",
        ("id", "displayName", "priority", "lastModifiedDateTime", "version"),
        (_SERVICE,),
        workload=Workload.INTUNE_CONFIGURATION,
    ),
    Contract(
        "conditional_access_policies",
        "/identity/conditionalAccess/policies",
        "conditionalAccessPolicy",
        ("id", "displayName", "state", "createdDateTime", "modifiedDateTime"),
        (_POLICY,),
        workload=Workload.CONDITIONAL_ACCESS,
    ),
    Contract(
        "named_locations",
        "/identity/conditionalAccess/namedLocations",
        "namedLocation",
        ("id", "displayName", "createdDateTime", "modifiedDateTime"),
        (_POLICY,),
        workload=Workload.CONDITIONAL_ACCESS,
    ),
    Contract(
        "role_assignments",
        "/roleManagement/directory/roleAssignments",
        "unifiedRoleAssignment",
        ("id", "principalId", "roleDefinitionId", "directoryScopeId"),
        (_ROLES,),
        expand="principal",
        takes_top=False,
    ),
    Contract(
        "role_definitions",
        "/roleManagement/directory/roleDefinitions",
        "unifiedRoleDefinition",
        ("id", "displayName", "templateId", "isBuiltIn", "isEnabled"),
        (_ROLES,),
        # Refused by the service, whatever its value: "requires a minimum page size of 20" below that, "unsupported query" from there on.
        takes_top=False,
    ),
    Contract(
        "role_eligibility_instances",
        "/roleManagement/directory/roleEligibilityScheduleInstances",
        "unifiedRoleEligibilityScheduleInstance",
        _INSTANCE,
        (_ELIGIBILITY, _ROLES),
        expand="principal",
        takes_top=False,
    ),
    Contract(
        "role_assignment_instances",
        "/roleManagement/directory/roleAssignmentScheduleInstances",
        "unifiedRoleAssignmentScheduleInstance",
        (*_INSTANCE, "assignmentType"),
        (_ASSIGNMENT, _ROLES),
        takes_top=False,
    ),
    Contract("users_count", "/users", "user", ("id",), ("User.Read.All",), 1, advanced=True, units=2),
    Contract(
        "guests_count",
        "/users",
        "user",
        ("id",),
        ("User.Read.All",),
        1,
        filter="userType eq 'Guest'",
        advanced=True,
        units=2,
    ),
    Contract("groups_count", "/groups", "group", ("id",), ("GroupMember.Read.All", "Group.Read.All"), 1, advanced=True),
    Contract("devices_count", "/devices", "device", ("id",), ("Device.Read.All",), 1, advanced=True),
    Contract(
        # Members may be of several types; a property that a type has not is left out of its objects.
        "group_members",
        "/groups/{group_id}/members",
        "user",
        ("id", "displayName", "userPrincipalName", "userType", "accountEnabled"),
        ("GroupMember.Read.All", "Group.Read.All"),
        999,
        units=3,
    ),
    Contract(
        # v1.0 leaves service principals out of a group's members ("List group members", its known issue), and lists them in this cast.
        "group_applications",
        "/groups/{group_id}/members/microsoft.graph.servicePrincipal",
        "servicePrincipal",
        ("id", "displayName", "accountEnabled"),
        ("GroupMember.Read.All", "Group.Read.All"),
        999,
        advanced=True,
        units=3,
    ),
    Contract(
        "app_role_assignments",
        "/servicePrincipals/{principal_id}/appRoleAssignments",
        "appRoleAssignment",
        ("id", "appRoleId", "resourceId", "createdDateTime"),
        (_APPLICATION,),
        units=2,
    ),
    Contract(
        "application",
        "/applications(appId='{client_id}')",
        "application",
        ("id", "appId", "passwordCredentials", "keyCredentials"),
        (_APPLICATION,),
        units=2,
    ),
)

CONTRACTS: Final = MappingProxyType({contract.key: contract for contract in _ALL})

INVENTORY: Final = MappingProxyType({kind: CONTRACTS[kind] for kind in KINDS})
"""The listings of an inventory, by the kind of their items, in the order in which they are read."""

DIRECTORY_COUNTS: Final = MappingProxyType(
    {what: CONTRACTS[f"{what}_count"] for what in ("users", "guests", "groups", "devices")}
)
"""What a directory sync counts by a request of its own."""

ORGANIZATION: Final = CONTRACTS["organization"]
SUBSCRIBED_SKUS: Final = CONTRACTS["subscribed_skus"]
MANAGED_DEVICES: Final = CONTRACTS["managed_devices"]
ROLE_DEFINITIONS: Final = CONTRACTS["role_definitions"]
ROLE_ASSIGNMENTS: Final = CONTRACTS["role_assignments"]
ROLE_ASSIGNMENT_INSTANCES: Final = CONTRACTS["role_assignment_instances"]
ROLE_ELIGIBILITY: Final = CONTRACTS["role_eligibility_instances"]
GROUP_MEMBERS: Final = CONTRACTS["group_members"]
GROUP_APPLICATIONS: Final = CONTRACTS["group_applications"]
APP_ROLE_ASSIGNMENTS: Final = CONTRACTS["app_role_assignments"]
APPLICATION: Final = CONTRACTS["application"]
