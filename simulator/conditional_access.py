"""Conditional Access: a tenant's policies and named locations, made when they are looked at.

Promise: the same tenant, serial number and round always give the same entry; about one policy in five is switched off or only reports.
Source: Microsoft Graph v1.0 metadata, ``conditionalAccessPolicy``, ``ipNamedLocation`` and ``countryNamedLocation``; the policies' names
follow Microsoft's "Conditional Access framework and policy templates".
Must not know: HTTP, licences or budgets.
"""

from __future__ import annotations

from typing import Any

from simulator.ageing import created_at, dice, modified_at
from simulator.lists import Listed, Slots, slots
from simulator.model import Tenant, stable_guid
from simulator.odata import Row

POLICIES, LOCATIONS = "conditional_access_policies", "named_locations"
_TITLES = (
    ("Require multifactor authentication for administrators", ("mfa",)),
    ("Block legacy authentication", ("block",)),
    ("Require multifactor authentication for all users", ("mfa",)),
    ("Require a compliant or hybrid joined device", ("compliantDevice", "domainJoinedDevice")),
    ("Require multifactor authentication for guests", ("mfa",)),
    ("Block access from untrusted countries", ("block",)),
    ("Require app protection policy on phones", ("compliantApplication",)),
    ("Require a password change for risky users", ("passwordChange", "mfa")),
)
_ALL = ("All",)
_PLACES = ("Head office", "Allowed countries", "Branch offices", "Data centre", "VPN egress", "Blocked countries")


def policies(tenant: Tenant) -> Listed:
    """Return the tenant's Conditional Access policies."""
    there = existing_policies(tenant)
    return Listed(there, lambda serial: _policy(tenant, there, serial))


def named_locations(tenant: Tenant) -> Listed:
    """Return the tenant's named locations: ranges of addresses, and countries."""
    there = existing_locations(tenant)
    return Listed(there, lambda serial: _location(tenant, there, serial))


def existing_policies(tenant: Tenant) -> Slots:
    """Return which policies there are in the tenant's round."""
    return _existing(tenant, POLICIES, min(60, 3 + tenant.size // 100))


def existing_locations(tenant: Tenant) -> Slots:
    """Return which named locations there are in the tenant's round."""
    return _existing(tenant, LOCATIONS, min(30, 1 + tenant.size // 200))


def policy_id(tenant: Tenant, serial: int) -> str:
    """Return a policy's id."""
    return stable_guid(POLICIES, tenant.id, serial)


def location_id(tenant: Tenant, serial: int) -> str:
    """Return a named location's id."""
    return stable_guid(LOCATIONS, tenant.id, serial)


def policy_title(tenant: Tenant, there: Slots, serial: int) -> str:
    """Return a policy's display name; a rename shows in it."""
    return f"CA{serial + 1:03d}: {_TITLES[serial % len(_TITLES)][0]}{_renamed(there, serial)}"


def location_title(tenant: Tenant, there: Slots, serial: int) -> str:
    """Return a named location's display name; a rename shows in it."""
    number = serial // len(_PLACES)
    return f"{_PLACES[serial % len(_PLACES)]}{f' {number + 1}' if number else ''}{_renamed(there, serial)}"


def _existing(tenant: Tenant, kind: str, usual: int) -> Slots:
    return slots(tenant.id, kind, tenant.amounts.get(kind, usual), 0, len(tenant.rounds))


def _renamed(there: Slots, serial: int) -> str:
    touch = there.touched.get(serial)
    return f" (rev {touch.renamed + 1})" if touch is not None and touch.renamed else ""


def _state(rolled: bytes, times: int) -> str:
    """Most are on; every change moves a policy one state further, as people do who try one out."""
    if rolled[0] % 5:
        return "enabled" if times % 2 == 0 else "enabledForReportingButNotEnforced"
    return ("enabledForReportingButNotEnforced", "disabled", "enabled")[(rolled[1] + times) % 3]


def _policy(tenant: Tenant, there: Slots, serial: int) -> Row:
    rolled, touch = dice(tenant.id, POLICIES, serial), there.touched.get(serial)
    controls = list(_TITLES[serial % len(_TITLES)][1])
    users: dict[str, Any] = {
        "includeUsers": list(_ALL),
        "excludeUsers": [stable_guid("user", tenant.id, "break-glass")],
        "includeGroups": [],
        "excludeGroups": [],
        "includeRoles": [],
        "excludeRoles": [],
        "includeGuestsOrExternalUsers": None,
        "excludeGuestsOrExternalUsers": None,
    }
    return {
        "id": policy_id(tenant, serial),
        "deletedDateTime": None,
        "templateId": None,
        "displayName": policy_title(tenant, there, serial),
        "description": None,
        "createdDateTime": created_at(tenant, POLICIES, there, serial),
        "modifiedDateTime": modified_at(tenant, POLICIES, there, serial) if touch else None,
        "state": _state(rolled, touch.times if touch else 0),
        "conditions": {
            "userRiskLevels": ["high"] if "passwordChange" in controls else [],
            "signInRiskLevels": [],
            "servicePrincipalRiskLevels": [],
            "clientAppTypes": ["exchangeActiveSync", "other"] if serial % len(_TITLES) == 1 else ["all"],
            "platforms": {"includePlatforms": ["android", "iOS"], "excludePlatforms": []}
            if "compliantApplication" in controls
            else None,
            "locations": {"includeLocations": list(_ALL), "excludeLocations": ["AllTrusted"]}
            if serial % len(_TITLES) == 5
            else None,
            "devices": None,
            "applications": {
                "includeApplications": list(_ALL),
                "excludeApplications": [],
                "includeUserActions": [],
                "includeAuthenticationContextClassReferences": [],
                "applicationFilter": None,
            },
            "users": users,
        },
        "grantControls": {
            "operator": "AND" if "passwordChange" in controls else "OR",
            "builtInControls": controls,
            "customAuthenticationFactors": [],
            "termsOfUse": [],
        },
        "sessionControls": None,
    }


def _location(tenant: Tenant, there: Slots, serial: int) -> Row:
    touch = there.touched.get(serial)
    row: Row = {
        "id": location_id(tenant, serial),
        "deletedDateTime": None,
        "displayName": location_title(tenant, there, serial),
        "createdDateTime": created_at(tenant, LOCATIONS, there, serial),
        "modifiedDateTime": modified_at(tenant, LOCATIONS, there, serial) if touch else None,
    }
    if "countries" in _PLACES[serial % len(_PLACES)]:
        return {
            "@odata.type": "#microsoft.graph.countryNamedLocation",
            **row,
            "countriesAndRegions": ["AT", "CH", "DE"],
            "countryLookupMethod": "clientIpAddress",
            "includeUnknownCountriesAndRegions": False,
        }
    # Addresses of TEST-NET-1 (RFC 5737): nobody's.
    address = f"192.0.2.{dice(tenant.id, LOCATIONS, serial)[0] & 0xF0}/28"
    return {
        "@odata.type": "#microsoft.graph.ipNamedLocation",
        **row,
        "isTrusted": serial % len(_PLACES) != 2,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": address}],
    }
