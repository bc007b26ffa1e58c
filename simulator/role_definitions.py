"""Directory roles: Microsoft's built-in ones, and a custom one in larger tenants.

Promise: a built-in role's id is its template id and the same in every tenant.
Source: entra-docs "Microsoft Entra built-in roles"; graph-docs ``resources/unifiedroledefinition``.
Must not know: who holds a role.
"""

from __future__ import annotations

from simulator.model import Tenant, stable_guid
from simulator.odata import Row

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
BUILT_IN = (
    (GLOBAL_ADMINISTRATOR, "Global Administrator"),
    ("f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader"),
    ("e8611ab8-c189-46e8-94e1-60213ab1f814", "Privileged Role Administrator"),
    ("7be44c8a-adaf-4e2a-84d6-ab2649e08a13", "Privileged Authentication Administrator"),
    ("fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator"),
    ("194ae4cb-b126-40b2-bd5b-6091b380977d", "Security Administrator"),
    ("5d6b6bb7-de71-4623-b4af-96380a352509", "Security Reader"),
    ("5f2222b1-57c3-48ba-8ad5-d4759f1fde6f", "Security Operator"),
    ("29232cdf-9323-42fd-ade2-1d097af3e4de", "Exchange Administrator"),
    ("f28a1f50-f6e7-4571-818b-6a12f2af6b6c", "SharePoint Administrator"),
    ("69091246-20e8-4a56-aa4d-066075b2a7a8", "Teams Administrator"),
    ("3a2c62db-5318-420d-8d74-23affee5d9d5", "Intune Administrator"),
    ("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "Application Administrator"),
    ("158c047a-c907-4556-b7ef-446551a6b5f7", "Cloud Application Administrator"),
    ("b1be1c3e-b65d-4f19-8427-f6fa0d97feb9", "Conditional Access Administrator"),
    ("729827e3-9c14-49f7-bb1b-9608f156bbb8", "Helpdesk Administrator"),
    ("b0f54661-2d74-4c50-afa3-1ec803f12efe", "Billing Administrator"),
    ("c4e39bd9-1100-46d3-8c65-fb160da0071f", "Authentication Administrator"),
    ("8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2", "Hybrid Identity Administrator"),
    ("88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "Directory Readers"),
    ("4a5d8f65-41da-4de4-8968-e035b65339cf", "Reports Reader"),
)
_CUSTOM_FROM = 300
"""Users from which a tenant with P1 has made a role of its own."""


def role_definitions(tenant: Tenant) -> list[Row]:
    """Return the roles a tenant can assign."""
    if tenant.size < _CUSTOM_FROM or "p1" not in tenant.licences:
        return _DEFINITIONS
    custom = _definition(custom_role(tenant), "Service desk (custom)", "Made by the tenant.")
    return [*_DEFINITIONS, {**custom, "isBuiltIn": False, "templateId": custom["id"]}]


def custom_role(tenant: Tenant) -> str:
    """Return the id of the tenant's own role."""
    return stable_guid("role", tenant.id)


def role_name(tenant: Tenant, role: str) -> str:
    """Return a role's display name."""
    return next((str(row["displayName"]) for row in role_definitions(tenant) if row["id"] == role), "")


def _definition(role: str, name: str, description: str) -> Row:
    return {
        "id": role,
        "description": description,
        "displayName": name,
        "isBuiltIn": True,
        "isEnabled": True,
        "resourceScopes": ["/"],
        "rolePermissions": [{"allowedResourceActions": ["microsoft.directory/*/read"], "condition": None}],
        "templateId": role,
        "version": "1",
    }


_DEFINITIONS = [_definition(role, name, f"Built-in role {name}.") for role, name in BUILT_IN]
