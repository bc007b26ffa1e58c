"""Intune's policies, profiles, apps and enrolment settings of a tenant, made when they are looked at.

Promise: the same tenant, kind, serial number and round always give the same entry; every entry carries its derived type; how many there are
grows with the tenant's users, or is what the fleet's ``amounts`` say, up to many thousands.
Source: Microsoft Graph v1.0 metadata, ``deviceCompliancePolicy``, ``deviceConfiguration``, ``mobileApp`` and
``deviceEnrollmentConfiguration`` with their derived types.
Must not know: HTTP or licences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.ageing import created_at, dice, modified_at
from simulator.inventory_forms import APPS, COMPLIANCE, CONFIGURATIONS, ENROLMENT, Form
from simulator.lists import Listed, Slots, slots
from simulator.model import Tenant, stable_guid
from simulator.odata import Row

_GROUPS = (
    "",
    " - Finance",
    " - Sales",
    " - Production",
    " - Field service",
    " - Management",
    " - Reception",
    " - Warehouse",
)
_PUBLISHERS = (
    "Microsoft Corporation",
    "Adobe",
    "Cisco",
    "Igor Pavlov",
    "Contoso IT",
    "SAP SE",
    "Zoom Communications",
    "",
)
_STATES = ("published", "published", "published", "published", "published", "published", "processing", "notPublished")


@dataclass(frozen=True, slots=True)
class Kind:
    """One list. ``base``: its type's name; ``fixed``: how many built-in entries are never removed; ``usual``: size by users."""

    name: str
    base: str
    forms: tuple[Form, ...]
    fixed: int
    usual: Callable[[int], int]


KINDS = (
    Kind("compliance_policies", "deviceCompliancePolicy", COMPLIANCE, 0, lambda users: min(40, 3 + users // 150)),
    Kind("device_configurations", "deviceConfiguration", CONFIGURATIONS, 0, lambda users: min(300, 4 + users // 40)),
    Kind("mobile_apps", "mobileApp", APPS, 0, lambda users: min(2500, 6 + users // 10)),
    Kind(
        "enrollment_configurations",
        "deviceEnrollmentConfiguration",
        ENROLMENT,
        4,
        lambda users: min(20, 4 + users // 400),
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}
COMMON = ("id", "createdDateTime", "description", "displayName", "lastModifiedDateTime")
PROPERTIES = {
    "compliance_policies": (*COMMON, "version"),
    "device_configurations": (*COMMON, "version"),
    "mobile_apps": (*COMMON, "developer", "informationUrl", "isFeatured", "largeIcon", "notes", "owner", "privacyInformationUrl",
                    "publisher", "publishingState"),
    "enrollment_configurations": (*COMMON, "priority", "version"),
}  # fmt: skip
"""The base type's properties: those that a list of derived types may be asked for."""


def existing(tenant: Tenant, kind: Kind) -> Slots:
    """Return which entries of a kind there are in the tenant's round."""
    size = tenant.amounts.get(kind.name, kind.usual(tenant.size))
    return slots(tenant.id, kind.name, size, min(size, kind.fixed), len(tenant.rounds))


def entries(tenant: Tenant, name: str) -> Listed:
    """Return the list of a kind by its name."""
    kind = BY_NAME[name]
    there = existing(tenant, kind)
    return Listed(there, lambda serial: _row(tenant, kind, there, serial))


def title(tenant: Tenant, kind: Kind, there: Slots, serial: int) -> str:
    """Return an entry's display name; a rename shows in it."""
    form = _form(tenant, kind, serial)
    place = serial // len(kind.forms)
    number = place // (len(form.titles) * len(_GROUPS))
    shown = form.titles[place % len(form.titles)] + _GROUPS[place // len(form.titles) % len(_GROUPS)]
    touch = there.touched.get(serial)
    renamed = f" (rev {touch.renamed + 1})" if touch is not None and touch.renamed else ""
    return f"{shown}{f' {number + 1}' if number else ''}{renamed}"


def _form(tenant: Tenant, kind: Kind, serial: int) -> Form:
    return kind.forms[serial % len(kind.forms)]


def _row(tenant: Tenant, kind: Kind, there: Slots, serial: int) -> Row:
    form, touch, rolled = _form(tenant, kind, serial), there.touched.get(serial), dice(tenant.id, kind.name, serial)
    row: Row = {
        "@odata.type": f"#microsoft.graph.{form.type}",
        "id": identifier(tenant, kind, serial),
        "createdDateTime": created_at(tenant, kind.name, there, serial),
        "description": "" if rolled[6] % 3 else f"Managed by {tenant.name}'s service provider",
        "displayName": title(tenant, kind, there, serial),
        "lastModifiedDateTime": modified_at(tenant, kind.name, there, serial),
    }
    if kind.name == "mobile_apps":
        row |= {
            "developer": None,
            "informationUrl": None,
            "isFeatured": rolled[7] % 9 == 0,
            "largeIcon": None,
            "notes": None,
            "owner": None,
            "privacyInformationUrl": None,
            "publisher": "Microsoft Corporation"
            if "Microsoft" in form.type
            else _PUBLISHERS[rolled[8] % len(_PUBLISHERS)],
            "publishingState": _STATES[rolled[9] % len(_STATES)],
        }
    else:
        row["version"] = 1 + rolled[10] % 9 + (touch.times if touch else 0)
    if kind.name == "enrollment_configurations":
        row["priority"] = 0 if serial < kind.fixed else serial - kind.fixed + 1
    return row | form.extra


def identifier(tenant: Tenant, kind: Kind, serial: int) -> str:
    """Return an entry's id; enrolment configurations carry their tenant's and their kind's, as in life."""
    guid = stable_guid(kind.name, tenant.id, serial)
    if kind.name != "enrollment_configurations":
        return guid
    suffixes = (
        "Limit",
        "SinglePlatformRestriction",
        "WindowsHelloForBusiness",
        "Windows10EnrollmentCompletionPageConfiguration",
    )
    owner = tenant.id if serial < kind.fixed else guid
    return f"{owner}_{'Default' if serial < kind.fixed else ''}{suffixes[serial % len(suffixes)]}"
