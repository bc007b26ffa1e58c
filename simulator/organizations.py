"""The directory's own entities: organization, licences, service principals, their grants, and app registrations.

Promise: entities carry v1.0 property names only, and every property a client may select; values follow from the tenant.
Must not know: HTTP or who may read.
"""

from __future__ import annotations

from typing import Any

from simulator.clock import iso
from simulator.model import GRAPH_APP_ID, Directory, Registration, ServicePrincipal, Tenant, opaque_id, stable_guid
from simulator.odata import Row
from simulator.permissions import known_permissions, role_id
from simulator.scenarios import active

_CREATED = "2019-05-06T08:00:00Z"
GRAPH_NAME = "Microsoft Graph"
_PLANS = {
    "intune": ("c1ec4a95-1f05-45b3-a911-aa3fa01094f5", "INTUNE_A", "SCO"),
    "p1": ("41781fb2-bc02-4b7c-bd55-b576c07bb09d", "AAD_PREMIUM", "AADPremiumService"),
    "p2": ("eec0eb4f-6444-4f95-aba0-50c24d67f998", "AAD_PREMIUM_P2", "AADPremiumService"),
}
_SKUS = {
    "intune": ("061f9ace-7d42-4136-88ac-31dc755f143f", "INTUNE_A"),
    "p1": ("078d2b04-f1bd-4111-bbd4-b4b1b354cef4", "AAD_PREMIUM"),
    "p2": ("84a661c4-e949-4bd2-a560-ed7766fcaf2b", "AAD_PREMIUM_P2"),
}
_BASIC = ("3b555118-da6a-4418-894f-7df1e2096870", "O365_BUSINESS_ESSENTIALS")
_BASIC_PLAN = ("9aaf7827-d63c-4b61-89c3-182f06f82e5c", "EXCHANGE_S_STANDARD", "exchange")
_COUNTRY = {"usgov": "US", "dod": "US", "china": "CN"}
_LONG = 10_240
_FOREIGN = ("Backup for Microsoft 365", "Service desk connector", "Old mail migration")
"""Other vendors' applications; the last one is switched off."""


def display_name(tenant: Tenant) -> str:
    """Return the tenant's display name, or what a name scenario makes of it."""
    if active(tenant, "name_brackets"):
        return f"[/red][bold]{tenant.name}[/nonsense] [link=x]"
    if active(tenant, "name_escape"):
        return f"{tenant.name}\x1b[31m\x1b]0;title\x07\r\n\t\x00\u202e\u200b"
    if active(tenant, "name_cjk"):
        return f"株式会社{tenant.name} 東京本社 🏢"
    if active(tenant, "name_long"):
        return (tenant.name + " ") * (_LONG // (len(tenant.name) + 1)) + "x" * (_LONG % (len(tenant.name) + 1))
    return tenant.name


def organization(tenant: Tenant) -> Row:
    """Return the tenant's organization entity."""
    mismatch = active(tenant, "organization_id_mismatch")
    tenant_id = str(mismatch.options.get("tenant", stable_guid("other", tenant.id))) if mismatch else tenant.id
    suspended = active(tenant, "subscription_suspended")
    row: Row = {
        "id": tenant_id,
        "deletedDateTime": None,
        "businessPhones": ["+49 30 5550100"],
        "city": "Berlin",
        "country": "Germany",
        "countryLetterCode": _COUNTRY.get(tenant.cloud, "DE"),
        "createdDateTime": _CREATED,
        "defaultUsageLocation": None,
        "displayName": display_name(tenant),
        "marketingNotificationEmails": [],
        "mobileDeviceManagementAuthority": "intune" if "intune" in tenant.licences else "unknown",
        "onPremisesLastSyncDateTime": None,
        "onPremisesSyncEnabled": None,
        "partnerTenantType": None,
        "postalCode": "10115",
        "preferredLanguage": "en",
        "privacyProfile": None,
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [],
        "state": None,
        "street": None,
        "technicalNotificationMails": [f"it@{tenant.domains[0]}"],
        "tenantType": "AAD",
        "assignedPlans": [
            {
                "assignedDateTime": _CREATED,
                "capabilityStatus": "Suspended" if suspended else "Enabled",
                "service": service,
                "servicePlanId": plan,
            }
            for plan, _, service in [_BASIC_PLAN, *(_PLANS[licence] for licence in tenant.licences)]
        ],
        "provisionedPlans": [],
        "verifiedDomains": [_domain(name, index) for index, name in enumerate(tenant.domains)],
    }
    if active(tenant, "organization_limited"):
        return {k: v if k == "id" else ([] if isinstance(v, list) else None) for k, v in row.items()}
    return row


def subscribed_skus(tenant: Tenant) -> list[Row]:
    """Return the tenant's subscriptions."""
    status = "Suspended" if active(tenant, "subscription_suspended") else "Enabled"
    rows = [_sku(tenant, _BASIC, _BASIC_PLAN, "Enabled")]
    rows += [_sku(tenant, _SKUS[licence], _PLANS[licence], status) for licence in tenant.licences]
    return rows


def service_principals(directory: Directory, tenant: Tenant) -> list[Row]:
    """Return the tenant's service principals: Graph's own, one for each consented app, and what else a tenant has."""
    rows = [_graph_principal(tenant)]
    for client_id, principal in tenant.service_principals.items():
        registration = directory.registrations.get(client_id)
        if registration is not None:
            rows.append(_principal(tenant, registration, principal))
    return rows + other_vendors(tenant)


def other_vendors(tenant: Tenant) -> list[Row]:
    """Return the service principals of other vendors' applications."""
    return [_foreign(tenant, name) for name in _FOREIGN]


def service_principal(directory: Directory, tenant: Tenant, client_id: str) -> Row:
    """Return the service principal of a consented app, as it stands where it holds a role."""
    registration, principal = directory.registrations.get(client_id), tenant.service_principals[client_id]
    known = registration or Registration(client_id, "", tenant.id, False)
    return _principal(tenant, known, principal)


def app_role_assignments(directory: Directory, tenant: Tenant, principal_id: str) -> list[Row] | None:
    """Return what was granted to a service principal, or None when the tenant has no such principal."""
    without = [GRAPH_APP_ID, *(stable_guid("foreign-app", name) for name in _FOREIGN)]
    if principal_id in map(tenant.principal_id, without):
        return []
    for client_id, principal in tenant.service_principals.items():
        if tenant.principal_id(client_id) == principal_id and client_id in directory.registrations:
            return [_grant(tenant, directory.registrations[client_id], role) for role in principal.granted_roles]
    return None


def applications(directory: Directory, tenant: Tenant) -> list[Row]:
    """Return the app registrations whose home is this tenant; secrets show their hint, never their value."""
    return [_application(r, tenant) for r in directory.registrations.values() if r.home_tenant == tenant.id]


def _domain(name: str, index: int) -> dict[str, Any]:
    return {
        "capabilities": "Email, OfficeCommunicationsOnline",
        "isDefault": index == 0,
        "isInitial": name.endswith((".onmicrosoft.com", ".onmicrosoft.us")),
        "name": name,
        "type": "Managed",
    }


def _sku(tenant: Tenant, sku: tuple[str, str], plan: tuple[str, str, str], status: str) -> Row:
    units = max(1, tenant.size)
    enabled = units if status == "Enabled" else 0
    return {
        "id": f"{tenant.id}_{sku[0]}",
        "accountId": tenant.id,
        "accountName": tenant.domains[0].split(".")[0],
        "appliesTo": "User",
        "capabilityStatus": status,
        "consumedUnits": units * 9 // 10,
        "prepaidUnits": {"enabled": enabled, "lockedOut": 0, "suspended": units - enabled, "warning": 0},
        "servicePlans": [
            {
                "appliesTo": "User",
                "provisioningStatus": "Success" if status == "Enabled" else "Disabled",
                "servicePlanId": plan[0],
                "servicePlanName": plan[1],
            }
        ],
        "skuId": sku[0],
        "skuPartNumber": sku[1],
        "subscriptionIds": [stable_guid("subscription", tenant.id, sku[0])],
    }


def _principal_row(
    tenant: Tenant, client_id: str, name: str, *, owner: str, enabled: bool, audience: str, roles: list[dict[str, Any]]
) -> Row:
    return {
        "id": tenant.principal_id(client_id),
        "deletedDateTime": None,
        "accountEnabled": enabled,
        "alternativeNames": [],
        "appDescription": None,
        "appDisplayName": name,
        "appId": client_id,
        "applicationTemplateId": None,
        "appOwnerOrganizationId": owner,
        "appRoleAssignmentRequired": False,
        "appRoles": roles,
        "description": None,
        "disabledByMicrosoftStatus": None,
        "displayName": name,
        "homepage": None,
        "keyCredentials": [],
        "loginUrl": None,
        "logoutUrl": None,
        "notes": None,
        "notificationEmailAddresses": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "preferredSingleSignOnMode": None,
        "preferredTokenSigningKeyThumbprint": None,
        "replyUrls": [],
        "servicePrincipalNames": [client_id],
        "servicePrincipalType": "Application",
        "signInAudience": audience,
        "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
        "tokenEncryptionKeyId": None,
    }


def _foreign(tenant: Tenant, name: str) -> Row:
    client_id = stable_guid("foreign-app", name)
    owner = stable_guid("foreign-owner", name)
    return _principal_row(tenant, client_id, name, owner=owner, enabled=name != _FOREIGN[-1], audience="AzureADMultipleOrgs",
                          roles=[])  # fmt: skip


def _graph_principal(tenant: Tenant) -> Row:
    roles = [
        {"id": role_id(name), "value": name, "displayName": name, "description": name, "isEnabled": True, "origin":
         "Application", "allowedMemberTypes": ["Application"]}
        for name in known_permissions()
    ]  # fmt: skip
    microsoft = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
    return _principal_row(tenant, GRAPH_APP_ID, GRAPH_NAME, owner=microsoft, enabled=True, audience="AzureADMultipleOrgs",
                          roles=roles)  # fmt: skip


def _principal(tenant: Tenant, registration: Registration, principal: ServicePrincipal) -> Row:
    return _principal_row(
        tenant,
        registration.client_id,
        registration.display_name,
        owner=registration.home_tenant,
        enabled=principal.enabled,
        audience=_audience(registration),
        roles=[],
    )


def _audience(registration: Registration) -> str:
    return "AzureADMultipleOrgs" if registration.multi_tenant else "AzureADMyOrg"


def _grant(tenant: Tenant, registration: Registration, role: str) -> Row:
    return {
        "id": opaque_id("grant", tenant.id, registration.client_id, role),
        "deletedDateTime": None,
        "appRoleId": role_id(role),
        "createdDateTime": _CREATED,
        "principalDisplayName": registration.display_name,
        "principalId": tenant.principal_id(registration.client_id),
        "principalType": "ServicePrincipal",
        "resourceDisplayName": GRAPH_NAME,
        "resourceId": tenant.principal_id(GRAPH_APP_ID),
    }


def _application(registration: Registration, tenant: Tenant) -> Row:
    return {
        "id": registration.object_id,
        "deletedDateTime": None,
        "appId": registration.client_id,
        "applicationTemplateId": None,
        "createdDateTime": _CREATED,
        "description": None,
        "disabledByMicrosoftStatus": None,
        "displayName": registration.display_name,
        "groupMembershipClaims": None,
        "identifierUris": [],
        "isDeviceOnlyAuthSupported": None,
        "isFallbackPublicClient": None,
        "keyCredentials": [
            {
                "customKeyIdentifier": c.thumbprints.sha1_hex,
                "displayName": c.x509.subject.rfc4514_string(),
                "endDateTime": iso(c.x509.not_valid_after_utc.timestamp()),
                "key": None,
                "keyId": c.key_id,
                "startDateTime": iso(c.x509.not_valid_before_utc.timestamp()),
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
            }
            for c in registration.certificates
        ],
        "notes": None,
        "passwordCredentials": [
            {
                "customKeyIdentifier": None,
                "displayName": "Atlas",
                "endDateTime": iso(s.expires),
                "hint": s.hint,
                "keyId": s.key_id,
                "secretText": None,
                "startDateTime": iso(s.starts),
            }
            for s in registration.secrets
        ],
        "publisherDomain": tenant.domains[0],
        "requiredResourceAccess": [
            {
                "resourceAppId": GRAPH_APP_ID,
                "resourceAccess": [{"id": role_id(role), "type": "Role"} for role in registration.required_roles],
            }
        ],
        "signInAudience": _audience(registration),
        "tags": [],
        "tokenEncryptionKeyId": None,
        "uniqueName": None,
    }
