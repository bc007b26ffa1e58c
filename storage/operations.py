"""The catalog of operations: the allowlist of what a run may be.

Promise: a run's type, its context's `module`, the keys of its summary counts and the permissions it needs are named here and nowhere
else; anything outside is refused. This module knows nothing about how an operation is done.

Permission names are Microsoft Graph application permissions ("Microsoft Graph permissions reference"); a test holds them against
Microsoft's own permission table.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from storage.capabilities import Capability
from storage.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of run.

    Attributes:
        type: the exact type string, stored in every run.
        label: what people read.
        module: the `module` of the run's context.
        capability: what starting, cancelling and retrying it asks for.
        required_permissions: without one of these the operation cannot do its job.
        optional_permissions: without one of these it does less.
        summary_keys: the only keys its summary counts may have, in the order people read them.
        retry_safe: whether it may be taken up again after its worker died (it only reads, or repeats harmlessly).
        deadline_seconds: how long one attempt may take from its claim.
        max_attempts: how many claims one run may have before it is given up as lost.
    """

    type: str
    label: str
    module: str
    capability: Capability
    required_permissions: tuple[str, ...]
    optional_permissions: tuple[str, ...]
    summary_keys: tuple[str, ...]
    retry_safe: bool = True
    deadline_seconds: int = 900
    max_attempts: int = 3


CONNECTION_CHECK: Final = "provider.connection.check"
INVENTORY_SYNC: Final = "inventory.sync"
COMPLIANCE_SNAPSHOT: Final = "compliance.snapshot"
ADMIN_ROLES_SCAN: Final = "entra.admin_roles.scan"
DIRECTORY_SYNC: Final = "directory.sync"

_ALL: Final = (
    Operation(
        type=CONNECTION_CHECK,
        label="Connection check",
        module="health_check",
        capability=Capability.PROVIDER_RUN,
        required_permissions=("Organization.Read.All",),
        optional_permissions=("Application.Read.All",),
        summary_keys=("total", "passed", "warned", "failed", "skipped"),
        deadline_seconds=600,
    ),
    Operation(
        type=INVENTORY_SYNC,
        label="Inventory sync",
        module="inventory",
        capability=Capability.PROVIDER_RUN,
        required_permissions=("DeviceManagementConfiguration.Read.All", "DeviceManagementApps.Read.All"),
        optional_permissions=("DeviceManagementServiceConfig.Read.All", "Policy.Read.All"),
        summary_keys=("items", "created", "updated", "removed", "unchanged", "skipped"),
        deadline_seconds=3600,
    ),
    Operation(
        type=COMPLIANCE_SNAPSHOT,
        label="Compliance snapshot",
        module="compliance",
        capability=Capability.PROVIDER_RUN,
        required_permissions=("DeviceManagementManagedDevices.Read.All",),
        optional_permissions=(),
        summary_keys=(
            "total",
            "compliant",
            "noncompliant",
            "unknown",
            "in_grace_period",
            "conflict",
            "error",
            "config_manager",
            "other",
        ),
        deadline_seconds=3600,
    ),
    Operation(
        type=ADMIN_ROLES_SCAN,
        label="Admin roles scan",
        module="admin_roles",
        capability=Capability.PROVIDER_RUN,
        required_permissions=("RoleManagement.Read.Directory",),
        optional_permissions=(
            "RoleEligibilitySchedule.Read.Directory",
            "GroupMember.Read.All",
            "User.Read.All",
            "Application.Read.All",
        ),
        summary_keys=("assignments", "principals", "privileged", "eligible", "findings"),
        deadline_seconds=1800,
    ),
    Operation(
        type=DIRECTORY_SYNC,
        label="Directory sync",
        module="directory",
        capability=Capability.PROVIDER_RUN,
        # GroupMember, not Group: the latter opens the groups' conversations and files too, and groups are only counted.
        required_permissions=("Organization.Read.All", "User.Read.All", "GroupMember.Read.All", "Device.Read.All"),
        optional_permissions=(),
        summary_keys=("users", "guests", "groups", "devices", "domains"),
        deadline_seconds=1800,
    ),
)

CATALOG: Final = MappingProxyType({operation.type: operation for operation in _ALL})


def find(operation_type: str) -> Operation:
    """Returns the catalog's entry for an operation type.

    Raises:
        InvalidInput: the type is not in the catalog.
    """
    operation = CATALOG.get(operation_type)
    if operation is None:
        raise InvalidInput("operation", "is not one this program knows", f"Use one of: {', '.join(CATALOG)}.")
    return operation


_BROADER: Final[dict[str, tuple[str, ...]]] = {
    "Organization.Read.All": ("Directory.Read.All",),
    "User.Read.All": ("Directory.Read.All",),
    "GroupMember.Read.All": ("Group.Read.All", "Directory.Read.All"),
    "Device.Read.All": ("Directory.Read.All",),
    "RoleManagement.Read.Directory": ("Directory.Read.All",),
    "RoleEligibilitySchedule.Read.Directory": ("RoleManagement.Read.Directory",),
}
"""Permissions that read at least the same as a needed one; a test holds them against Microsoft's own permission table."""


def satisfies(granted: frozenset[str] | set[str], needed: str) -> bool:
    """Says whether a set of granted application permissions covers a needed one.

    A `ReadWrite` permission covers the `Read` of the same resource ("Microsoft Graph permissions overview", naming pattern
    `{resource}.{operation}.{constraint}`), and so do a few broader ones.
    """
    return any(_covers(granted, name) for name in (needed, *_BROADER.get(needed, ())))


def _covers(granted: frozenset[str] | set[str], name: str) -> bool:
    if name in granted:
        return True
    parts = name.split(".")
    return any(
        part == "Read" and ".".join([*parts[:index], "ReadWrite", *parts[index + 1 :]]) in granted
        for index, part in enumerate(parts)
    )


def missing_permissions(operation: Operation, granted: frozenset[str] | set[str]) -> tuple[str, ...]:
    """Returns the permissions the operation requires and the grant does not cover, in the catalog's order."""
    return tuple(name for name in operation.required_permissions if not satisfies(granted, name))


def all_required_permissions() -> tuple[str, ...]:
    """Returns every permission that some operation requires, sorted, each once."""
    return tuple(sorted({name for operation in _ALL for name in operation.required_permissions}))
