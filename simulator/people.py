"""A tenant's users: members and guests, made when they are looked at.

Promise: the same tenant and serial number always give the same person, whoever asks (a list, a group, a role); some
are disabled; members and guests come and go with the rounds.
Source: Microsoft Graph v1.0 metadata, ``user``; which properties a list carries unasked: graph-docs ``resources/user``.
Must not know: HTTP.
"""

from __future__ import annotations

from simulator.ageing import created_at, dice
from simulator.lists import Listed, Parted, Slots, slots
from simulator.model import Tenant, stable_guid
from simulator.odata import Row

MEMBERS, GUESTS = "users", "guests"
DEFAULT = (
    "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage",
    "surname", "userPrincipalName", "id",
)  # fmt: skip
"""What a list of users carries when nothing is selected."""

PERMANENT = 6
"""The first members are never removed: a tenant without its first administrators would be nobody's."""

_FIRST_NAMES = (
    "Adele", "Alex", "Diego", "Grady", "Isaiah", "Joni", "Lee", "Lidia", "Megan", "Nestor", "Patti", "Pradeep",
)  # fmt: skip
_LAST_NAMES = (
    "Vance", "Wilber", "Siciliani", "Archie", "Langer", "Sherman", "Gu", "Holloway", "Bowen", "Wilke", "Fernandez",
)  # fmt: skip
_TITLES = ("Accountant", "Sales Manager", "Engineer", "Assistant", "Team Lead", None)


def users(tenant: Tenant) -> Parted:
    """Return all users; a filter by ``userType`` is cheap."""
    members, guests = existing_members(tenant), existing_guests(tenant)
    return Parted(
        "userType",
        {
            "Member": Listed(members, lambda serial: person(tenant, serial)),
            "Guest": Listed(guests, lambda serial: guest(tenant, serial)),
        },
    )


def existing_members(tenant: Tenant) -> Slots:
    """Return which members there are in the tenant's round."""
    size = tenant.amounts.get(MEMBERS, tenant.size)
    return slots(tenant.id, MEMBERS, size, min(size, PERMANENT), len(tenant.rounds))


def existing_guests(tenant: Tenant) -> Slots:
    """Return which guests there are in the tenant's round."""
    size = tenant.amounts.get(GUESTS, 1 + tenant.size * (dice(tenant.id, GUESTS)[0] % 20) // 100)
    return slots(tenant.id, GUESTS, size, 1, len(tenant.rounds))


def person(tenant: Tenant, serial: int) -> Row:
    """Return a member by its serial number."""
    rolled = dice(tenant.id)
    first = _FIRST_NAMES[(rolled[8] + serial) % len(_FIRST_NAMES)]
    last = _LAST_NAMES[(rolled[9] + serial * 3) % len(_LAST_NAMES)]
    name = f"{first}.{last}{serial}".lower()
    address = f"{name}@{tenant.domains[0]}"
    created = created_at(tenant, MEMBERS, existing_members(tenant), serial)
    return _user(
        tenant, name, first, last, address, "Member", serial % 17 != 5, _TITLES[serial % len(_TITLES)], created
    )


def guest(tenant: Tenant, serial: int) -> Row:
    """Return a guest by its serial number."""
    first, last = ("Robin", "Partner") if serial == 0 else (_FIRST_NAMES[serial % 12], _LAST_NAMES[serial * 5 % 11])
    key = "guest" if serial == 0 else f"guest{serial}"
    local = f"{first}_{last}{serial or ''}".lower()
    address = f"{local}_partner.example#EXT#@{tenant.domains[-1]}"
    created = created_at(tenant, GUESTS, existing_guests(tenant), serial)
    return _user(tenant, key, first, last, address, "Guest", serial % 13 != 7, None, created)


def break_glass(tenant: Tenant) -> Row:
    """Return the emergency account that policies leave out."""
    address = f"emergency@{tenant.domains[-1]}"
    return _user(tenant, "break-glass", "Emergency", "Access", address, "Member", True, None, "2021-03-01T08:00:00Z")


def _user(
    tenant: Tenant,
    key: str,
    first: str,
    last: str,
    address: str,
    kind: str,
    enabled: bool,
    title: str | None,
    created: str,
) -> Row:
    return {
        "id": stable_guid("user", tenant.id, key),
        "deletedDateTime": None,
        "accountEnabled": enabled,
        "businessPhones": [],
        "createdDateTime": created,
        "creationType": "Invitation" if kind == "Guest" else None,
        "displayName": f"{first} {last}",
        "externalUserState": "Accepted" if kind == "Guest" else None,
        "givenName": first,
        "jobTitle": title,
        "mail": address if kind == "Member" else address.split("#")[0].replace("_partner", "@partner"),
        "mobilePhone": None,
        "officeLocation": None,
        "onPremisesSyncEnabled": None,
        "preferredLanguage": None,
        "surname": last,
        "userPrincipalName": address,
        "userType": kind,
    }
