"""What an app registration must be given, derived from the operations catalog.

Promise: required and optional permissions of the chosen operations, each once, with Graph's own role ids. Must not know a tenant.

Source of the ids: "Microsoft Graph permissions reference".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from storage import operations

APP_ROLE_IDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
        "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
        "Device.Read.All": "7438b122-aefc-4978-80ed-43db9fcc7715",
        "DeviceManagementApps.Read.All": "7a6ee1e7-141e-4cec-ae74-d9db155731ff",
        "DeviceManagementConfiguration.Read.All": "dc377aa6-52d8-4e23-b271-2a7ae04cedf3",
        "DeviceManagementManagedDevices.Read.All": "2f51be20-0bb4-4fed-bf7b-db946066c75e",
        "DeviceManagementServiceConfig.Read.All": "06a5fe6d-c49d-46a7-b082-56b1b14103c7",
        "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
        "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
        "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
        "Organization.Read.All": "498476ce-e0fe-48b0-b801-37ba7e2685c6",
        "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
        "RoleAssignmentSchedule.Read.Directory": "d5fe8ce8-684c-4c83-a52c-46e882ce4be1",
        "RoleEligibilitySchedule.Read.Directory": "ff278e11-4a33-4d0c-83d2-d01dc58929a5",
        "RoleManagement.Read.Directory": "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
        "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    }
)
"""Graph's app role ids, the same in every tenant and cloud."""


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One application permission that a registration should be given.

    Attributes:
        permission: its name.
        app_role_id: its id on Microsoft Graph; None when this program does not know it.
        needed_by: the operation types that ask for it, in the catalog's order.
    """

    permission: str
    app_role_id: str | None
    needed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an app registration must be given, and what makes it more useful.

    Attributes:
        required: without one of these some chosen operation cannot do its job.
        optional: without one of these some chosen operation does less. Never holds what is required.
    """

    required: tuple[ManifestEntry, ...]
    optional: tuple[ManifestEntry, ...]


def manifest(operation_types: Sequence[str] | None = None) -> Manifest:
    """Returns the permissions that the chosen operations need; all operations when none are named.

    Raises:
        InvalidInput: a type is not in the catalog.
    """
    chosen = [operations.find(name) for name in (operation_types or tuple(operations.CATALOG))]
    required = {name for operation in chosen for name in operation.required_permissions}
    optional = {name for operation in chosen for name in operation.optional_permissions} - required

    def entries(names: set[str]) -> tuple[ManifestEntry, ...]:
        return tuple(
            ManifestEntry(
                name,
                APP_ROLE_IDS.get(name),
                tuple(o.type for o in chosen if name in o.required_permissions + o.optional_permissions),
            )
            for name in sorted(names)
        )

    return Manifest(entries(required), entries(optional))
