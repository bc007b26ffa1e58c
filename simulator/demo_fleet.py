"""The demo fleet: about 200 tenants in three workspaces, the same for the same size, seed and anchor day.

Promise: about 70 % are healthy; every combination of the three badges appears once in the workspace ``sandbox``; the
memorable tenants are in ``north-msp``:

    Contoso Ltd             healthy                         Proseware, Lucerne Publishing   swapped domains
    Tailspin Toys           expired secret (dedicated)      Alpine Ski House                no Intune licence
    Fabrikam GmbH           revoked consent                 Coho Winery                     no P2
    Northwind Traders       missing permission              Trey Research                   app disabled
    Wingtip Toys            throttled twice, then fine      Wide World Importers            empty pages
    Litware Inc             outage: token 503 for ever      Humongous Insurance             slow
    Woodgrove Bank          12,000 devices                  Adventure Works                 secret expires soon
    Adatum Government       GCC High                        Fourth Coffee                   secret's id stored
    Margie's Travel         never consented                 Relecloud                       claims challenge
    Consolidated Messenger  Conditional Access              Blue Yonder Airlines            stale healthy badge
    Graphic Design Inst.    apps hang                       City Power & Light              Conditional Access throttled
    School of Fine Art      no licences                     Lamna Healthcare                profiles answer 500
    VanArsdel               page token expires, 3,000 apps  Munson's Pickles                apps page in a circle
    Tasmanian Traders       unknown compliance state

Each tenant's ``demo`` holds hints for whoever fills a database: what to store, and in ``expected`` what a connection check
will conclude; ``stale`` is true where the stored badges and that conclusion differ on purpose. The home tenant of a
workspace's platform app says so with ``platform_home`` and is the only one whose entry carries the app's secret.
Must not know: the server.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from datetime import datetime, timedelta
from typing import Any

from simulator.demo_names import FICTIONAL, ODD, company_names, domain_label
from simulator.demo_special import SPECIALS, Special
from simulator.model import stable_guid

ROLES = (
    "Organization.Read.All",
    "LicenseAssignment.Read.All",
    "Application.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementApps.Read.All",
    "DeviceManagementServiceConfig.Read.All",
    "Policy.Read.All",
    "GroupMember.Read.All",
    "User.Read.All",
    "Device.Read.All",
    "Domain.Read.All",
    "RoleManagement.Read.Directory",
    "RoleEligibilitySchedule.Read.Directory",
    "RoleAssignmentSchedule.Read.Directory",
    "AuditLog.Read.All",
)
CONSENT = ("unknown", "required", "granted", "failed", "revoked")
VERIFICATION = ("unknown", "pending", "healthy", "degraded", "blocked", "error")
MINIMUM = 100
CONSENT_REDIRECT = "http://localhost/atlas-consent"
"""What the platform apps have registered. Entra takes any port of it (``redirects``), as a page that listens on a free one needs."""

_PLATFORM = (("north-msp", "global"), ("north-msp", "usgov"), ("harbor-it", "global"), ("sandbox", "global"))
_WORKSPACE_NAMES = {"north-msp": "North MSP", "harbor-it": "Harbor IT", "sandbox": "Sandbox"}
_TAGS = ("gold", "silver", "bronze", "finance", "health", "retail", "public", "education")
Entry = dict[str, Any]


def demo_fleet(size: int, seed: int, anchor: datetime) -> list[Entry]:
    """Return the demo fleet's tenants in the fleet's JSON form.

    Args:
        size: how many tenants, at least :data:`MINIMUM`.
        seed: varies ids, names and numbers.
        anchor: the day that dates (secrets' validity) count from.

    Raises:
        ValueError: the size is too small to hold everything the demo promises.
    """
    if size < MINIMUM:
        raise ValueError(f"the demo fleet has at least {MINIMUM} tenants")
    return _Maker(seed, anchor).fleet(size)


def demo_guid(seed: int, *parts: object) -> str:
    """Return the GUID that the demo of a seed gives to something."""
    text = stable_guid("demo", seed, *parts)
    return f"{text[:14]}4{text[15:]}"


def platform_app(seed: int, workspace: str, cloud: str) -> Entry:
    """Return a workspace's platform app of a cloud as a tenant that has consented to it knows it, without its secret."""
    name = f"Atlas for {_WORKSPACE_NAMES[workspace]}" + (" (Government)" if cloud == "usgov" else "")
    return {
        "client_id": demo_guid(seed, "platform", workspace, cloud),
        "display_name": name,
        "multi_tenant": True,
        "home_tenant": demo_guid(seed, "home", workspace, cloud),
        "secrets": [],
        "certificates": [],
        "consented": True,
        "granted_roles": list(ROLES),
        "required_roles": list(ROLES),
        "redirect_uris": [CONSENT_REDIRECT],
        "enabled": True,
    }


class _Maker:
    def __init__(self, seed: int, anchor: datetime) -> None:
        self.seed, self.anchor, self.dice = seed, anchor, random.Random(seed)
        reserved = {special.name for special in SPECIALS}
        known = [name for name in (*ODD, *FICTIONAL) if name not in reserved]
        self.names = iter(known + company_names(self.dice))
        self.labels: set[str] = set()
        self.platform = {key: platform_app(seed, *key) for key in _PLATFORM}

    def fleet(self, size: int) -> list[Entry]:
        tenants = [self._home(workspace, cloud) for workspace, cloud in _PLATFORM]
        tenants += [self._special(special) for special in SPECIALS]
        self._swap_domains(tenants)
        tenants += [self._combination(*badges) for badges in itertools.product((True, False), CONSENT, VERIFICATION)]
        for index in range(size - len(tenants)):
            tenants.append(self._ordinary("harbor-it" if index % 5 < 2 else "north-msp"))
        return tenants

    def guid(self, *parts: object) -> str:
        return demo_guid(self.seed, *parts)

    def _home(self, workspace: str, cloud: str) -> Entry:
        app = {**self.platform[workspace, cloud], "secrets": [self._secret("platform", workspace, cloud)]}
        name = _WORKSPACE_NAMES[workspace] + (" Government" if cloud == "usgov" else "")
        entry = self._tenant(app["home_tenant"], name, workspace, cloud, 60, 45, [app])
        entry["demo"] |= {"platform_home": True, "secret": app["secrets"][0]["value"]}
        return entry

    def _ordinary(self, workspace: str) -> Entry:
        name = next(self.names)
        users = min(4000, int(self.dice.lognormvariate(4.3, 1.0)) + 8)
        devices = int(users * self.dice.uniform(0.6, 1.4))
        key = f"{workspace}/{name}"
        app = self._dedicated_app(key) if self.dice.random() < 0.15 else self.platform[workspace, "global"]
        entry = self._tenant(self.guid("tenant", key), name, workspace, "global", users, devices, [app])
        if self.dice.random() < 0.25:
            entry["licences"] = ["intune", "p1"]
        return entry

    def _special(self, special: Special) -> Entry:
        dedicated = special.dedicated or special.credential != "fine"
        app = dict(self._dedicated_app(special.name) if dedicated else self.platform["north-msp", special.cloud])
        app["consented"], app["enabled"] = special.consented, special.enabled
        app["granted_roles"] = [role for role in ROLES if role not in special.missing] if special.consented else []
        stored = self._set_credential(app, special) if dedicated else None
        tenant_id = self.guid("tenant", special.name)
        entry = self._tenant(tenant_id, special.name, "north-msp", special.cloud, special.size, special.devices, [app])
        entry["licences"], entry["scenarios"] = list(special.licences), list(special.scenarios)
        entry["scripts"] = list(special.scripts)
        if special.amounts:
            entry["amounts"] = dict(special.amounts)
        expected = {"consent_status": special.consent, "verification_status": special.verification,
                    "reason": special.reason, **special.expected}  # fmt: skip
        if not special.consented and expected["reason"] is None:
            expected["reason"] = "app_not_found_in_tenant"
        badges = (expected["consent_status"], expected["verification_status"])
        entry["demo"] |= {
            "consent_status": special.consent,
            "verification_status": special.verification,
            "checked_minutes_ago": self._checked(entry, special.verification),
            "reason": special.reason,
            "what": special.what,
            "missing_permissions": list(special.missing),
            "expected": expected,
            "stale": badges != (special.consent, special.verification),
        }
        if stored is not None:
            entry["demo"]["secret"] = stored
        return entry

    @staticmethod
    def _checked(entry: Entry, verification: str) -> int | None:
        """Return when the last check was, in minutes before now: never, while the verification is unknown."""
        return None if verification == "unknown" else int(entry["demo"]["checked_minutes_ago"])

    def _combination(self, is_enabled: bool, consent: str, verification: str) -> Entry:
        """One tenant for one combination of badges, with the state at Microsoft that fits them best."""
        name, app = next(self.names), dict(self.platform["sandbox", "global"])
        app["consented"] = consent in ("unknown", "granted")
        missing = ["RoleManagement.Read.Directory"] if verification == "degraded" and app["consented"] else []
        app["granted_roles"] = [role for role in ROLES if role not in missing] if app["consented"] else []
        entry = self._tenant(
            self.guid("sandbox", is_enabled, consent, verification), name, "sandbox", "global", 30, 25, [app]
        )
        blocked = verification == "blocked" and app["consented"]
        entry["scenarios"] = ["blocked_by_conditional_access"] if blocked else []
        expected = self._concluded(consent, app["consented"], bool(missing), blocked)
        entry["demo"] |= {
            "is_enabled": is_enabled,
            "consent_status": consent,
            "verification_status": verification,
            "checked_minutes_ago": self._checked(entry, verification),
            "reason": expected["reason"] if verification in ("degraded", "blocked") else None,
            "missing_permissions": missing,
            "expected": expected,
            "stale": (consent, verification) != (expected["consent_status"], expected["verification_status"]),
        }
        return entry

    @staticmethod
    def _concluded(consent: str, consented: bool, missing: bool, blocked: bool) -> Entry:
        if not consented:
            status = "revoked" if consent == "revoked" else "required"
            return {"consent_status": status, "verification_status": "blocked", "reason": "app_not_found_in_tenant"}
        if blocked:
            return {
                "consent_status": consent,
                "verification_status": "blocked",
                "reason": "blocked_by_conditional_access",
            }
        if missing:
            return {"consent_status": "granted", "verification_status": "degraded", "reason": "missing_permission"}
        return {"consent_status": "granted", "verification_status": "healthy", "reason": None}

    def _tenant(
        self, tenant_id: str, name: str, workspace: str, cloud: str, users: int, devices: int, apps: list[Entry]
    ) -> Entry:
        suffix, label = "us" if cloud == "usgov" else "com", self._label(name)
        healthy = {"consent_status": "granted", "verification_status": "healthy", "reason": None}
        app = apps[0]
        demo: Entry = {
            "connection_type": "platform" if app["multi_tenant"] else "dedicated",
            "client_id": app["client_id"],
            "is_enabled": True,
            **healthy,
            "tags": sorted(self.dice.sample(_TAGS, self.dice.randint(0, 2))),
            "checked_minutes_ago": self.dice.randint(2, 1400),
            "missing_permissions": [],
            "expected": healthy,
            "stale": False,
        }
        if not app["multi_tenant"]:
            demo["secret"] = app["secrets"][0]["value"]
        return {
            "id": tenant_id,
            "name": name,
            "workspace": workspace,
            "cloud": cloud,
            "domains": [f"{label}-demo.com", f"{label}.onmicrosoft.{suffix}"],
            "size": users,
            "devices": devices,
            "licences": ["intune", "p1", "p2"],
            "scenarios": [],
            "scripts": [],
            "apps": apps,
            "demo": demo,
        }

    def _label(self, name: str) -> str:
        label = base = domain_label(name, len(self.labels))
        for number in itertools.count(2):
            if label not in self.labels:
                break
            label = f"{base}{number}"
        self.labels.add(label)
        return label

    def _dedicated_app(self, key: str) -> Entry:
        return {
            "client_id": self.guid("dedicated", key),
            "display_name": "Atlas (own)",
            "multi_tenant": False,
            "home_tenant": self.guid("tenant", key),
            "secrets": [self._secret("dedicated", key)],
            "certificates": [],
            "consented": True,
            "granted_roles": list(ROLES),
            "required_roles": list(ROLES),
            "enabled": True,
        }

    def _set_credential(self, app: Entry, special: Special) -> str:
        """Give the app the secret the story needs; return what the seeder shall store."""
        secret = dict(app["secrets"][0])
        app["secrets"] = [secret]
        days = {"expired": -3, "expiring": 12}.get(special.credential)
        if days is not None:
            secret["starts"] = self._day(days - 180)
            secret["expires"] = self._day(days)
        return str(secret["key_id"] if special.credential == "wrong" else secret["value"])

    def _secret(self, *key: object) -> Entry:
        digest = hashlib.blake2b(f"{self.seed}/{key}".encode(), digest_size=20).hexdigest()
        value = f"{digest[:3]}8Q~{digest[3:]}"
        return {
            "key_id": self.guid("secret", *key),
            "value": value,
            "hint": value[:3],
            "starts": self._day(-60),
            "expires": self._day(300),
        }

    def _day(self, days: int) -> str:
        return (self.anchor + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _swap_domains(self, tenants: list[Entry]) -> None:
        swapped = [t for t in tenants if "domain_of_another_tenant" in t["scenarios"]]
        for tenant, other in zip(swapped, reversed(swapped), strict=True):
            tenant["scenarios"] = [{"name": "domain_of_another_tenant", "tenant": other["id"]}]
