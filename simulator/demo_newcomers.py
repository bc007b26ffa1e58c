"""The demo's newcomers: customers who signed up today. Microsoft has them, and no database knows them yet.

Promise: the same for the same seed; none shares an id or a domain with the demo fleet. The workspace ``north-msp`` has its platform app
ready for them, which they have not consented to:

    Tailwind Traders         nothing special: the one to begin with     Fincher Architects,
    First Up Consultants     consent takes twenty seconds to arrive     Northwind Electric Cars   ids swapped in the customer list
    The Phone Company        no Intune licence                          Parnell Aerospace         GCC High
    Baldwin Museum of Science  no P2                                    A. Datum Corporation      its own app, without secret

Their customer list is Partner Center's export with the mistakes that such lists have.
Must not know: the server.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from simulator.demo_fleet import Entry, demo_guid, platform_app
from simulator.demo_names import domain_label

WORKSPACE: Final = "north-msp"
COLUMNS: Final = ("Microsoft ID", "Company name", "Primary domain name", "Relationship", "Tags", "Cloud")
"""Partner Center's Customers.csv, and a column for the cloud that the office keeps beside it.

Source: Microsoft, "Manage your customer list", Export customer list."""

SWAPPED: Final = ("Fincher Architects", "Northwind Electric Cars")
_RELATIONSHIP: Final = "Cloud Reseller"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A customer who signed up today; ``dedicated``: with an app registration of their own instead of the platform app."""

    name: str
    what: str
    size: int
    devices: int
    cloud: str = "global"
    licences: tuple[str, ...] = ("intune", "p1", "p2")
    scenarios: tuple[str | dict[str, Any], ...] = ()
    dedicated: bool = False
    tags: str = ""


NEWCOMERS: Final = (
    Newcomer("Tailwind Traders", "nothing special", 210, 260, tags="retail"),
    Newcomer("First Up Consultants", "consent takes twenty seconds to arrive everywhere", 45, 52,
             scenarios=({"name": "propagation_delay", "seconds": 20},)),
    Newcomer("The Phone Company", "no Intune licence", 130, 0, licences=("p1", "p2"), tags="retail; silver"),
    Newcomer("Baldwin Museum of Science", "no Entra ID P2", 80, 64, licences=("intune", "p1"), tags="public"),
    Newcomer("Fincher Architects", "its id stands at Northwind Electric Cars in the customer list", 35, 41),
    Newcomer("Northwind Electric Cars", "its id stands at Fincher Architects in the customer list", 620, 700, tags="gold"),
    Newcomer("Parnell Aerospace", "GCC High", 340, 390, cloud="usgov", tags="public"),
    Newcomer("A. Datum Corporation", "an app registration of its own, which has no secret and no permission yet", 90, 110,
             dedicated=True, tags="finance"),
)  # fmt: skip


def newcomers(seed: int) -> list[Entry]:
    """Return the newcomers in the fleet's JSON form."""
    return [_entry(seed, newcomer) for newcomer in NEWCOMERS]


def customer_list(newcomers: Sequence[Mapping[str, Any]], fleet: Sequence[Mapping[str, Any]]) -> str:
    """Return the list of customers that came out of Partner Center, mistakes included.

    The newcomers (two of them with each other's id), two customers who are known already (one has a new tag), an id that was cut off, and a
    row that was pasted twice.

    Args:
        newcomers: made by :func:`newcomers`.
        fleet: the demo fleet.
    """
    ids = {entry["name"]: str(entry["id"]) for entry in newcomers}
    ids |= dict(zip(SWAPPED, (ids[SWAPPED[1]], ids[SWAPPED[0]]), strict=True))
    tags = {newcomer.name: newcomer.tags for newcomer in NEWCOMERS}
    rows = [_row(entry, ids[entry["name"]], tags[entry["name"]]) for entry in newcomers]
    known = {entry["name"]: entry for entry in fleet if entry["name"] in ("Contoso Ltd", "Wingtip Toys")}
    contoso, wingtip = known["Contoso Ltd"], known["Wingtip Toys"]
    rows.insert(3, _row(contoso, str(contoso["id"]), ""))
    rows.insert(6, _row(wingtip, str(wingtip["id"]), "; ".join([*wingtip["demo"]["tags"], "toys"])))
    rows.append(["3c52f1d8-77aa-4e0b-9d1", "Hiabuv Toys", "hiabuvtoys-demo.com", _RELATIONSHIP, "toys", ""])
    rows.append(_row(newcomers[0], ids[newcomers[0]["name"]], ""))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


def _row(entry: Mapping[str, Any], tenant_id: str, tags: str) -> list[str]:
    cloud = entry["cloud"] if entry["cloud"] != "global" else ""
    return [tenant_id, entry["name"], entry["domains"][0], _RELATIONSHIP, tags, cloud]


def _entry(seed: int, newcomer: Newcomer) -> Entry:
    tenant_id, label = demo_guid(seed, "newcomer", newcomer.name), domain_label(newcomer.name, 0)
    app = _own_app(seed, newcomer, tenant_id) if newcomer.dedicated else _platform_app(seed, newcomer.cloud)
    return {
        "id": tenant_id,
        "name": newcomer.name,
        "workspace": WORKSPACE,
        "cloud": newcomer.cloud,
        "domains": [f"{label}-demo.com", f"{label}.onmicrosoft.{'us' if newcomer.cloud == 'usgov' else 'com'}"],
        "size": newcomer.size,
        "devices": newcomer.devices,
        "licences": list(newcomer.licences),
        "scenarios": list(newcomer.scenarios),
        "scripts": [],
        "apps": [app],
        "demo": {
            "newcomer": True,
            "what": newcomer.what,
            "connection_type": "dedicated" if newcomer.dedicated else "platform",
            "client_id": app["client_id"],
        },
    }


def _platform_app(seed: int, cloud: str) -> Entry:
    return {**platform_app(seed, WORKSPACE, cloud), "consented": False, "granted_roles": []}


def _own_app(seed: int, newcomer: Newcomer, tenant_id: str) -> Entry:
    """An app that was registered in the portal: its enterprise app came with it, and nothing was granted to it."""
    return {
        "client_id": demo_guid(seed, "newcomer app", newcomer.name),
        "display_name": "Atlas (own)",
        "multi_tenant": False,
        "home_tenant": tenant_id,
        "secrets": [],
        "certificates": [],
        "consented": True,
        "granted_roles": [],
        "required_roles": [],
        "enabled": True,
    }
