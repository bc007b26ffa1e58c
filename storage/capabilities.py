"""Roles and what they allow: the one map from a role to its capabilities.

Promise: code asks for a capability; the names of roles appear in this map and where people choose a role. A platform role gives no
capability inside a workspace, and a workspace role none on the system plane.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Capability(StrEnum):
    """One thing a principal may be allowed to do."""

    TENANT_VIEW = "tenant.view"
    PROVIDER_VIEW = "provider.view"
    RUN_VIEW = "run.view"
    PROVIDER_RUN = "provider.run"
    PROVIDER_MANAGE = "provider.manage"
    AUDIT_VIEW = "audit.view"
    ALERT_MANAGE = "alert.manage"
    MEMBER_MANAGE = "member.manage"
    PLATFORM_DIRECTORY_VIEW = "platform.directory.view"
    PLATFORM_RUNS_VIEW = "platform.runs.view"


class Role(StrEnum):
    """The workspace roles, most able first."""

    OWNER = "owner"
    MANAGER = "manager"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    READONLY = "readonly"


_SEE: Final = frozenset({Capability.TENANT_VIEW, Capability.PROVIDER_VIEW, Capability.RUN_VIEW})
_AUDIT: Final = frozenset({Capability.AUDIT_VIEW})
_RUN: Final = frozenset({Capability.PROVIDER_RUN})
_MANAGE: Final = frozenset({Capability.PROVIDER_MANAGE})
_OWN: Final = frozenset({Capability.ALERT_MANAGE, Capability.MEMBER_MANAGE})

CAPABILITIES_OF: Final = MappingProxyType(
    {
        Role.OWNER: _SEE | _AUDIT | _RUN | _MANAGE | _OWN,
        Role.MANAGER: _SEE | _AUDIT | _RUN | _MANAGE,
        Role.OPERATOR: _SEE | _AUDIT | _RUN,
        Role.AUDITOR: _SEE | _AUDIT,
        Role.READONLY: _SEE,
    }
)

LEAST: Final = Role.READONLY
"""The role that allows the least, where one must be said of somebody who has none."""

PLATFORM_CAPABILITIES: Final = frozenset({Capability.PLATFORM_DIRECTORY_VIEW, Capability.PLATFORM_RUNS_VIEW})


def roles_with(capability: Capability) -> frozenset[Role]:
    """Returns the workspace roles that include a capability (empty for one of the system plane)."""
    return frozenset(role for role, held in CAPABILITIES_OF.items() if capability in held)
