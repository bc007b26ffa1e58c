"""What an app registration must be given: the permissions of the operations, with Graph's own role ids, in the forms people paste.

Promise: the one place for role ids and for the manifest of some operations; derived from the operations catalog, so that the two agree.
The version is `verification.MANIFEST_VERSION`, raised whenever the catalog changes. Knows no tenant and no SQL; a test holds it against
Microsoft's own permission table.

Source of the ids: "Microsoft Graph permissions reference". Every application permission needs an administrator's consent ("Overview of
permissions and consent in the Microsoft identity platform": app roles for applications are admin-consented always).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from storage import operations
from storage.verification import MANIFEST_VERSION

GRAPH_APP_ID: Final = "00000003-0000-0000-c000-000000000000"
"""Microsoft Graph's application id, the same in every tenant and cloud."""

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

_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Application.Read.All": "reads when its own secret expires and what was granted to it, and names applications that hold a role",
        "Device.Read.All": "counts the directory's devices",
        "DeviceManagementApps.Read.All": "reads Intune's applications",
        "DeviceManagementConfiguration.Read.All": "reads Intune's configuration and compliance policies",
        "DeviceManagementManagedDevices.Read.All": "reads the managed devices and their compliance",
        "DeviceManagementServiceConfig.Read.All": "reads enrolment and Autopilot settings",
        "GroupMember.Read.All": "counts groups, and resolves who holds a role through one",
        "Organization.Read.All": "proves that the tenant is the right one, and reads its licences",
        "Policy.Read.All": "reads conditional access policies and named locations",
        "RoleEligibilitySchedule.Read.Directory": "reads who may activate a role (PIM)",
        "RoleManagement.Read.Directory": "reads who holds which directory role",
        "User.Read.All": "counts users and guests, and names who holds a role",
    }
)


class Form(StrEnum):
    """A form in which the manifest can be written."""

    TABLE = "table"
    ENTRA_JSON = "entra-json"
    AZ = "az"
    POWERSHELL = "powershell"


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One application permission that a registration should be given.

    Attributes:
        permission: its name, the least one that does.
        app_role_id: its id on Microsoft Graph; None when this program does not know it.
        needed_by: the operation types that ask for it, in the catalog's order.
        purpose: what it is for, for the person who has to justify it.
        needs_admin_consent: always, for application permissions.
    """

    permission: str
    app_role_id: str | None
    needed_by: tuple[str, ...]
    purpose: str = ""
    needs_admin_consent: bool = True


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an app registration must be given, and what makes it more useful.

    Attributes:
        required: without one of these some chosen operation cannot do its job.
        optional: without one of these some chosen operation does less. Never holds what is required.
        version: which manifest this is; a consent that is older may lack something.
    """

    required: tuple[ManifestEntry, ...]
    optional: tuple[ManifestEntry, ...]
    version: int = MANIFEST_VERSION

    @property
    def entries(self) -> tuple[ManifestEntry, ...]:
        """All of them, the required ones first."""
        return (*self.required, *self.optional)


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
                _REASONS.get(name, ""),
            )
            for name in sorted(names)
        )

    return Manifest(entries(required), entries(optional))


def required_resource_access(wanted: Manifest) -> list[dict[str, Any]]:
    """Returns `requiredResourceAccess` as the app registration's manifest holds it ("requiredResourceAccess resource type", Graph v1.0)."""
    return [
        {
            "resourceAppId": GRAPH_APP_ID,
            "resourceAccess": [{"id": entry.app_role_id, "type": "Role"} for entry in _known(wanted)],
        }
    ]


def written(wanted: Manifest, form: Form, client_id: str | None = None) -> str:
    """Writes a manifest as something that can be pasted.

    Args:
        wanted: the manifest.
        form: the Entra manifest's JSON, Azure CLI lines, or Microsoft Graph PowerShell lines.
        client_id: the app registration's; a place to fill in when None. A GUID, so that it needs no quoting.

    Raises:
        ValueError: the client id is no GUID, or the form is one that has no text of its own.
    """
    name = "CLIENT_ID" if client_id is None else str(uuid.UUID(client_id))
    if form is Form.ENTRA_JSON:
        return json.dumps({"requiredResourceAccess": required_resource_access(wanted)}, indent=2)
    if form is Form.AZ:
        return _az(wanted, name)
    if form is Form.POWERSHELL:
        return _powershell(wanted, name)
    raise ValueError("a table has no text of its own")


def _az(wanted: Manifest, name: str) -> str:
    """Source: Azure CLI reference, `az ad app permission add` (adds, never takes away) and `admin-consent`."""
    roles = " ".join(f"{entry.app_role_id}=Role" for entry in _known(wanted))
    return "\n".join(
        (
            f"# {', '.join(entry.permission for entry in _known(wanted))}",
            f"az ad app permission add --id {name} --api {GRAPH_APP_ID} --api-permissions {roles}",
            "# In the app's own tenant, by a Global or Privileged Role Administrator; customers consent by the link:",
            f"az ad app permission admin-consent --id {name}",
        )
    )


def _powershell(wanted: Manifest, name: str) -> str:
    """Source: Microsoft Graph PowerShell reference, `Update-MgApplication`: the list replaces what was there, so that it is kept first."""
    lines = [
        "Connect-MgGraph -Scopes 'Application.ReadWrite.All'",
        f"$app = Get-MgApplication -Filter \"appId eq '{name}'\"",
        f"$graph = '{GRAPH_APP_ID}'",
        "$roles = @(",
        *(f"    @{{ Id = '{entry.app_role_id}'; Type = 'Role' }}  # {entry.permission}" for entry in _known(wanted)),
        ")",
        "$others = @($app.RequiredResourceAccess | Where-Object { $_.ResourceAppId -ne $graph })",
        "$had = @($app.RequiredResourceAccess | Where-Object { $_.ResourceAppId -eq $graph } | ForEach-Object { $_.ResourceAccess } |",
        "    Where-Object { $_.Id -notin $roles.Id } | ForEach-Object { @{ Id = $_.Id; Type = $_.Type } })",
        "$all = $others + @{ ResourceAppId = $graph; ResourceAccess = @($had + $roles) }",
        "Update-MgApplication -ApplicationId $app.Id -RequiredResourceAccess $all",
    ]
    return "\n".join(lines)


def _known(wanted: Manifest) -> tuple[ManifestEntry, ...]:
    return tuple(entry for entry in wanted.entries if entry.app_role_id is not None)
