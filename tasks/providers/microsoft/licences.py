"""Which licences a tenant has, of those that matter here: Intune, Entra ID P1 and P2.

Promise: a plan counts when a product that holds it is enabled (or in its grace period) and the plan is not switched off; P2 includes P1.
Must not know HTTP. Source: Microsoft, "Product names and service plan identifiers for licensing"; `subscribedSku` resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

LABELS: Final[Mapping[str, str]] = MappingProxyType({"intune": "Intune", "p1": "Entra ID P1", "p2": "Entra ID P2"})

_PLAN_OF_NAME: Final[Mapping[str, str]] = MappingProxyType(
    {
        "INTUNE_A": "intune",
        "INTUNE_A_GOV": "intune",
        "INTUNE_A_VL": "intune",
        "INTUNE_EDU": "intune",
        "INTUNE_SMBIZ": "intune",
        "AAD_PREMIUM": "p1",
        "AAD_PREMIUM_P2": "p2",
    }
)
_PLAN_OF_ID: Final[Mapping[str, str]] = MappingProxyType(
    {
        "c1ec4a95-1f05-45b3-a911-aa3fa01094f5": "intune",
        "d216f254-796f-4dab-bbfa-710686e646b9": "intune",
        "3e170737-c728-4eae-bbb9-3f3360f7184c": "intune",
        "da24caf9-af8e-485c-b7c8-e73336da2693": "intune",
        "41781fb2-bc02-4b7c-bd55-b576c07bb09d": "p1",
        "eec0eb4f-6444-4f95-aba0-50c24d67f998": "p2",
    }
)
_IN_USE: Final = frozenset({"Enabled", "Warning"})
_STOPPED: Final = frozenset({"Suspended", "LockedOut"})


@dataclass(frozen=True, slots=True)
class Licences:
    """What was found.

    Attributes:
        enabled: `intune`, `p1`, `p2` that can be used.
        suspended: those that only a suspended product holds.
    """

    enabled: frozenset[str]
    suspended: frozenset[str]


def read(body: Mapping[str, Any]) -> Licences:
    """Reads the answer of the subscribed-SKUs listing; entries that cannot be read are passed over."""
    enabled: set[str] = set()
    suspended: set[str] = set()
    skus = body.get("value")
    for sku in skus if isinstance(skus, list) else ():
        if not isinstance(sku, dict):
            continue
        status = str(sku.get("capabilityStatus"))
        into = enabled if status in _IN_USE else suspended if status in _STOPPED else None
        plans = sku.get("servicePlans")
        if into is None or not isinstance(plans, list):
            continue
        for plan in plans:
            name = _plan(plan)
            # A suspended product may report its plans as disabled too.
            if name is not None and (into is suspended or plan.get("provisioningStatus") != "Disabled"):
                into.add(name)
    for found in (enabled, suspended):
        if "p2" in found:
            found.add("p1")
    return Licences(frozenset(enabled), frozenset(suspended - enabled))


def _plan(plan: object) -> str | None:
    if not isinstance(plan, dict):
        return None
    by_id = _PLAN_OF_ID.get(str(plan.get("servicePlanId", "")).lower())
    return by_id or _PLAN_OF_NAME.get(str(plan.get("servicePlanName", "")).upper())
