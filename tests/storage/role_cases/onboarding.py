"""Role table: onboarding, and fleets that are imported."""

from __future__ import annotations

from typing import Any

from storage import fleet_import, onboarding, onboarding_state
from storage.fleet_sheet import read_sheet

MANAGE, VIEW = "provider.manage", "tenant.view"
SHEET = read_sheet(b"name,domain,tenant id\nNew,new.example,8a3c1f0e-1b2c-4d5e-8f90-123456789abc\n")


def _begun(fleet: Any) -> int:
    return int(onboarding.begin(fleet.db, fleet.dana, fleet.tenant["contoso"]).id)


CASES = {
    "fleet_import.apply": (
        MANAGE,
        "workspace",
        lambda f, who, plan: fleet_import.apply(f.db, who, f.north, plan),
        lambda f: fleet_import.preview(f.db, f.dana, f.north, SHEET),
    ),
    "fleet_import.preview": (MANAGE, "workspace", lambda f, who, _: fleet_import.preview(f.db, who, f.north, SHEET)),
    "onboarding.begin": (MANAGE, "contoso", lambda f, who, _: onboarding.begin(f.db, who, f.tenant["contoso"])),
    "onboarding.begin_new": (
        MANAGE,
        "workspace",
        lambda f, who, _: onboarding.begin_new(f.db, who, f.north, onboarding.NewTenant("New", f.guid())),
    ),
    "onboarding.cancel": (
        MANAGE, "contoso", lambda f, who, begun: onboarding.cancel(f.db, who, begun, "no longer a customer"), _begun
    ),
    "onboarding.permissions_seen": (
        MANAGE, "contoso", lambda f, who, begun: onboarding.permissions_seen(f.db, who, begun), _begun
    ),
    "onboarding_state.of_tenant": (
        VIEW, "contoso", lambda f, who, _: onboarding_state.of_tenant(f.db, who, f.tenant["contoso"])
    ),
    "onboarding_state.open_ones": (
        VIEW, "entrance", lambda f, who, _: onboarding_state.open_ones(f.db, who, f.north)
    ),
    "onboarding_state.state": (
        VIEW, "contoso", lambda f, who, begun: onboarding_state.state(f.db, who, begun), _begun
    ),
}  # fmt: skip

ONCE = {"onboarding.cancel"}

READS = {"fleet_import.preview"}

OWN = {"onboarding.finish": "needs a healthy end: tests/storage/test_onboarding.py"}
