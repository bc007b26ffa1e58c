"""Application permissions of Microsoft Graph: their role ids, and which of them satisfy a resource.

Source: microsoft-graph-devx-content ``permissions/new/permissions.json`` (a test compares the lists below with it) and the
project's reference ``microsoft.md`` §4 for the ids.
Must not know: tokens.
"""

from __future__ import annotations

from simulator.model import stable_guid

_KNOWN_IDS = {
    "Organization.Read.All": "498476ce-e0fe-48b0-b801-37ba7e2685c6",
    "DeviceManagementManagedDevices.Read.All": "2f51be20-0bb4-4fed-bf7b-db946066c75e",
    "DeviceManagementConfiguration.Read.All": "dc377aa6-52d8-4e23-b271-2a7ae04cedf3",
    "DeviceManagementApps.Read.All": "7a6ee1e7-141e-4cec-ae74-d9db155731ff",
    "DeviceManagementServiceConfig.Read.All": "06a5fe6d-c49d-46a7-b082-56b1b14103c7",
    "DeviceManagementRBAC.Read.All": "58ca0d9a-1575-47e1-a3cb-007ef2e4583b",
    "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
    "Policy.Read.ConditionalAccess": "37730810-e9ba-4e46-b07e-8ca78d182097",
    "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
    "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    "RoleManagement.Read.Directory": "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
    "RoleEligibilitySchedule.Read.Directory": "ff278e11-4a33-4d0c-83d2-d01dc58929a5",
    "RoleAssignmentSchedule.Read.Directory": "d5fe8ce8-684c-4c83-a52c-46e882ce4be1",
    "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
    "Device.Read.All": "7438b122-aefc-4978-80ed-43db9fcc7715",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
}

_DIRECTORY_WIDE = ("Directory.Read.All", "Directory.ReadWrite.All")
ORGANIZATION = (
    "Organization.Read.All", "Organization.ReadWrite.All", *_DIRECTORY_WIDE, "User.Read.All",
    "DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementServiceConfig.Read.All", "DeviceManagementServiceConfig.ReadWrite.All",
)  # fmt: skip
SUBSCRIBED_SKUS = (
    "LicenseAssignment.Read.All", "Organization.Read.All", "Organization.ReadWrite.All", *_DIRECTORY_WIDE,
)  # fmt: skip
APPLICATION_LISTS = (
    "Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All",
)  # fmt: skip
"""Microsoft's list leaves Directory.ReadWrite.All out for the two collections, and has it for their entities."""

APPLICATIONS = (*APPLICATION_LISTS, "Directory.ReadWrite.All")
DEVICES = (
    "DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All",
    "DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All",
)  # fmt: skip
CONFIGURATION = ("DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All")
MOBILE_APPS = ("DeviceManagementApps.Read.All", "DeviceManagementApps.ReadWrite.All")
_SERVICE = ("DeviceManagementServiceConfig.Read.All", "DeviceManagementServiceConfig.ReadWrite.All")
ENROLMENT = (*_SERVICE, *CONFIGURATION)
CONDITIONAL_ACCESS = ("Policy.Read.All",)
USERS = (
    "User.Read.All", "User.ReadBasic.All", "User.ReadWrite.All", "User.ReadWrite.CrossCloud", *_DIRECTORY_WIDE,
    "AgentIdUser.ReadWrite.All", "AgentIdUser.ReadWrite.IdentityParentedBy", *MOBILE_APPS, *_SERVICE, *CONFIGURATION,
    "DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.ReadWrite.All",
)  # fmt: skip
GROUPS = (
    "Group.Read.All", "Group.ReadBasic.All", "Group.ReadWrite.All", "Group.ManageProtection.All", "GroupMember.Read.All",
    "Group-NestingSupport.ReadWrite.All", "Group-PreferredDataLocation.ReadWrite.All", *_DIRECTORY_WIDE,
)  # fmt: skip
GROUP = (*GROUPS, "Group-XTenantIdentitySync.Read.All")
GROUP_MEMBERS = (
    "GroupMember.Read.All", "GroupMember.ReadBasic.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadBasic.All",
    "Group.ReadWrite.All", "Directory.Read.All",
)  # fmt: skip
DIRECTORY_DEVICES = ("Device.Read.All", "Device.ReadWrite.All", *_DIRECTORY_WIDE)
ROLE_ASSIGNMENTS = ("RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", *_DIRECTORY_WIDE)
ROLE_DEFINITIONS = ("RoleManagement.Read.All", *ROLE_ASSIGNMENTS)
ROLE_ELIGIBILITIES = (
    "RoleEligibilitySchedule.Read.Directory", "RoleEligibilitySchedule.ReadWrite.Directory", "RoleManagement.Read.All",
    "RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory",
)  # fmt: skip
ROLE_ASSIGNMENT_INSTANCES = (
    "RoleAssignmentSchedule.Read.Directory", "RoleAssignmentSchedule.ReadWrite.Directory", "RoleManagement.Read.All",
    "RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory",
)  # fmt: skip
READERS = {
    "user": ("User.Read.All", "User.ReadWrite.All", *_DIRECTORY_WIDE),
    "group": GROUPS,
    "servicePrincipal": APPLICATIONS,
    "device": DIRECTORY_DEVICES,
}
"""Which permissions show more of an object than its type and id, where it is listed among others."""


def role_id(permission: str) -> str:
    """Return the app role id of a permission: Microsoft's where it is known here, else a stable one."""
    return _KNOWN_IDS.get(permission) or stable_guid("app-role", permission)


def permission_of(identifier: str) -> str | None:
    """Return the permission that an app role id belongs to, or None when it is not known here."""
    return next((name for name in known_permissions() if role_id(name) == identifier.lower()), None)


def known_permissions() -> list[str]:
    """Return every permission this simulator knows, sorted."""
    tables = (ORGANIZATION, SUBSCRIBED_SKUS, APPLICATIONS, DEVICES, ROLE_DEFINITIONS, ROLE_ELIGIBILITIES,
              ROLE_ASSIGNMENT_INSTANCES, CONFIGURATION, MOBILE_APPS, ENROLMENT, CONDITIONAL_ACCESS, USERS, GROUP, GROUP_MEMBERS,
              DIRECTORY_DEVICES)  # fmt: skip
    return sorted({*_KNOWN_IDS, *(name for table in tables for name in table)})
