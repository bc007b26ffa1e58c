"""The demo's memorable tenants: one entry for each thing worth showing.

Promise: ``expected`` is what a connection check concludes while the tenant is as this table makes it.
Must not know: how a tenant is assembled (``demo_fleet`` does that).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

READ_DEVICES = "DeviceManagementManagedDevices.Read.All"
READ_CONFIGURATION = "DeviceManagementConfiguration.Read.All"
_APPS, _PROFILES = "/deviceappmanagement/*", "/devicemanagement/deviceconfigurations*"
_TWICE_THROTTLED = {
    "match": {"where": "graph", "path": "/organization"},
    "answers": [{"status": 429, "retry_after": "3"}, {"status": 429, "retry_after": "3"}, "fine"],
    "then": "repeat",
}


@dataclass(frozen=True, slots=True)
class Special:
    """A memorable tenant.

    ``credential``: fine, expired, expiring or wrong; a dedicated connection when it is not fine or ``dedicated`` says so.
    ``hint``: what the seeder stores (consent, verification, reason); ``expected``: what a check concludes, if different.
    """

    name: str
    what: str
    size: int = 120
    devices: int = 90
    cloud: str = "global"
    licences: tuple[str, ...] = ("intune", "p1", "p2")
    scenarios: tuple[str | dict[str, Any], ...] = ()
    scripts: tuple[dict[str, Any], ...] = ()
    dedicated: bool = False
    credential: str = "fine"
    consented: bool = True
    enabled: bool = True
    missing: tuple[str, ...] = ()
    consent: str = "granted"
    verification: str = "healthy"
    reason: str | None = None
    expected: dict[str, Any] = field(default_factory=dict)
    amounts: dict[str, int] = field(default_factory=dict)


SPECIALS: tuple[Special, ...] = (
    Special("Contoso Ltd", "healthy", 850, 1100),
    Special("Tailspin Toys", "its dedicated app's secret has expired", dedicated=True, credential="expired",
            verification="blocked", reason="secret_expired"),
    Special("Fabrikam GmbH", "the customer revoked the consent", consented=False, consent="revoked",
            verification="blocked", reason="app_not_found_in_tenant"),
    Special("Northwind Traders", "device permissions were never granted", 300, 240, missing=(READ_DEVICES, READ_CONFIGURATION),
            verification="degraded", reason="missing_permission"),
    Special("Wingtip Toys", "/organization answers 429 with Retry-After 3 twice, then is fine; over and over",
            scripts=(_TWICE_THROTTLED,)),
    Special("Litware Inc", "sign-in answers 503 for ever", scenarios=("outage",), reason=None,
            expected={"reason": "identity_service_unavailable"}),
    Special("Woodgrove Bank", "12,000 devices", 9000, 12_000),
    Special("Adatum Government", "GCC High", cloud="usgov"),
    Special("Proseware", "its domain belongs to Lucerne Publishing at Microsoft", scenarios=("domain_of_another_tenant",),
            verification="blocked", reason="tenant_domain_mismatch"),
    Special("Lucerne Publishing", "its domain belongs to Proseware at Microsoft", scenarios=("domain_of_another_tenant",),
            verification="blocked", reason="tenant_domain_mismatch"),
    Special("Alpine Ski House", "no Intune licence", 40, 0, licences=("p1", "p2")),
    Special("Coho Winery", "no Entra ID P2", 60, 55, licences=("intune", "p1")),
    Special("Trey Research", "the enterprise app is disabled", enabled=False, consent="revoked", verification="blocked",
            reason="app_disabled_in_tenant"),
    Special("Wide World Importers", "paging with empty pages", 2000, 2600, scenarios=("paging_empty_pages",)),
    Special("Humongous Insurance", "Graph takes two seconds for every answer",
            scenarios=({"name": "graph_slow", "seconds": 2},)),
    Special("Adventure Works", "its dedicated app's secret expires in twelve days", dedicated=True, credential="expiring",
            reason="secret_expiring"),
    Special("Fourth Coffee", "the secret's id was stored instead of its value", dedicated=True, credential="wrong",
            verification="blocked", reason="secret_invalid"),
    Special("Margie's Travel", "never consented, never checked", consented=False, consent="required",
            verification="unknown", reason="app_not_found_in_tenant",
            expected={"consent_status": "required", "verification_status": "blocked"}),
    Special("Relecloud", "continuous access evaluation challenges every first token", scenarios=("claims_challenge",)),
    Special("Consolidated Messenger", "Conditional Access blocks the app", scenarios=("blocked_by_conditional_access",),
            verification="blocked", reason="blocked_by_conditional_access"),
    Special("Graphic Design Institute", "the list of apps never answers", scenarios=({"name": "hanging", "path": _APPS},)),
    Special("City Power & Light", "Conditional Access always answers 429, without Retry-After", 600, 480,
            scenarios=({"name": "throttled_without_retry_after", "path": "/identity/conditionalaccess/*"},)),
    Special("School of Fine Art", "no licence but the basic one", 35, 0, licences=()),
    Special("Lamna Healthcare", "configuration profiles answer 500", scenarios=({"name": "internal_error", "path": _PROFILES},)),
    Special("VanArsdel", "a page token expires in the middle, once; 3,000 apps", 1400, 900, amounts={"mobile_apps": 3000},
            scenarios=({"name": "page_token_expired", "path": _APPS, "after": 1, "times": 1},)),
    Special("Munson's Pickles", "the apps' nextLink leads round in a circle", 1300, 400, amounts={"mobile_apps": 2200},
            scenarios=({"name": "paging_loop", "path": _APPS},)),
    Special("Tasmanian Traders", "some devices are in a state nobody knows", 200, 260,
            scenarios=("unknown_compliance_state",)),
    Special("Blue Yonder Airlines", "the badge still says healthy although the app was removed yesterday: the next check "
            "finds out", consented=False, expected={"consent_status": "revoked", "verification_status": "blocked"}),
)  # fmt: skip
