"""Managed devices that follow from (tenant id, index) alone: a hundred thousand need no memory.

Promise: the same tenant and index always give the same device; the spread over compliance states and platforms is
believable and holds all seven values; dates follow the simulated clock.
Source of property names and enum members: the v1.0 metadata (a test compares).
Must not know: HTTP.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, overload

from simulator.clock import iso
from simulator.odata import Row

COMPLIANCE_PER_MILLE = (
    ("compliant", 780),
    ("noncompliant", 92),
    ("inGracePeriod", 42),
    ("unknown", 38),
    ("configManager", 28),
    ("error", 12),
    ("conflict", 8),
)
_PLATFORMS = (
    ("Windows", "10.0.26100.4349", "Microsoft Corporation", "Surface Laptop 6", "windowsAzureADJoin", 560),
    ("iOS", "18.5", "Apple", "iPhone 16", "userEnrollment", 210),
    ("Android", "15", "Samsung", "Galaxy S24", "userEnrollment", 130),
    ("macOS", "15.5", "Apple", "MacBook Air", "appleBulkWithUser", 100),
)
_DAY = 86_400.0
INCOMPLETE = ("serialNumber", "complianceState", "operatingSystem", "osVersion", "userId", "userPrincipalName")
"""What the scenario ``data_incomplete`` takes away from every second device."""


class Devices(Sequence[Row]):
    """The devices of one tenant, made when they are looked at."""

    def __init__(self, tenant_id: str, domain: str, count: int, now: float, *, incomplete: bool = False) -> None:
        """Describe ``count`` devices as they are at ``now`` (seconds since the epoch)."""
        self._tenant_id, self._domain, self._count = tenant_id, domain, count
        self._now, self._incomplete = now, incomplete

    def __len__(self) -> int:
        """Return how many devices there are."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        """Return one device, or those of a slice."""
        if isinstance(index, slice):
            return [self._device(i) for i in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._device(index)

    def _device(self, index: int) -> Row:
        row = _device(self._tenant_id, self._domain, index, self._now)
        if self._incomplete and index % 2:
            row.update(dict.fromkeys(INCOMPLETE))
        return row


def overview(tenant_id: str, count: int) -> dict[str, Any]:
    """Return the managedDeviceOverview that agrees with the tenant's devices."""
    systems = _systems(tenant_id, count)
    zeros = ("androidCorporateWorkProfileCount", "androidDedicatedCount", "androidDeviceAdminCount",
             "androidFullyManagedCount", "androidWorkProfileCount", "configMgrDeviceCount", "unknownCount",
             "windowsMobileCount")  # fmt: skip
    return {
        "id": tenant_id,
        "deviceExchangeAccessStateSummary": {
            "allowedDeviceCount": count,
            "blockedDeviceCount": 0,
            "quarantinedDeviceCount": 0,
            "unavailableDeviceCount": 0,
            "unknownDeviceCount": 0,
        },
        "deviceOperatingSystemSummary": {
            **dict.fromkeys(zeros, 0),
            "androidCount": systems["Android"],
            "iosCount": systems["iOS"],
            "macOSCount": systems["macOS"],
            "windowsCount": systems["Windows"],
        },
        "dualEnrolledDeviceCount": 0,
        "enrolledDeviceCount": count,
        "mdmEnrolledCount": count,
    }


@lru_cache(maxsize=64)
def _systems(tenant_id: str, count: int) -> Counter[str]:
    return Counter(_platform(_dice(tenant_id, index))[0] for index in range(count))


def _dice(tenant_id: str, index: int) -> bytes:
    return hashlib.blake2b(f"{tenant_id}/{index}".encode(), digest_size=16).digest()


def _platform(dice: bytes) -> tuple[str, str, str, str, str, int]:
    roll = int.from_bytes(dice[0:2], "big") % 1000
    for platform in _PLATFORMS:
        roll -= platform[5]
        if roll < 0:
            return platform
    return _PLATFORMS[-1]


def _compliance(dice: bytes) -> str:
    roll = int.from_bytes(dice[2:4], "big") % 1000
    for state, share in COMPLIANCE_PER_MILLE:
        roll -= share
        if roll < 0:
            return state
    return "unknown"


def _device(tenant_id: str, domain: str, index: int, now: float) -> Row:
    dice = _dice(tenant_id, index)
    system, version, maker, model, enrolment, _ = _platform(dice)
    state, text = _compliance(dice), dice.hex()
    number = f"{index + 1:06d}"
    enrolled = now - now % _DAY - (30 + dice[4] * 3) * _DAY
    synced = now - (dice[5] * 600 if state == "compliant" else dice[5] * 3600)
    user = f"user{index % 100_000}@{domain}"
    grace = synced + 3 * _DAY if state == "inGracePeriod" else None
    windows, apple = system == "Windows", maker == "Apple"
    total = 256_000_000_000 if windows or system == "macOS" else 128_000_000_000
    return {
        "id": f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}",
        "activationLockBypassCode": None,
        "androidSecurityPatchLevel": "2026-05-01" if system == "Android" else "",
        "azureADDeviceId": f"{text[16:24]}-{text[24:28]}-4{text[1:4]}-8{text[5:8]}-{text[4:16]}",
        "azureADRegistered": True,
        "complianceGracePeriodExpirationDateTime": "9999-12-31T23:59:59Z" if grace is None else iso(grace),
        "complianceState": state,
        "configurationManagerClientEnabledFeatures": None,
        "deviceActionResults": [],
        "deviceCategoryDisplayName": "",
        "deviceEnrollmentType": enrolment,
        "deviceHealthAttestationState": None,
        "deviceName": f"{system.upper()[:3]}-{number}",
        "deviceRegistrationState": "registered",
        "easActivated": False,
        "easActivationDateTime": "0001-01-01T00:00:00Z",
        "easDeviceId": "",
        "emailAddress": user,
        "enrolledDateTime": iso(enrolled),
        "enrollmentProfileName": "",
        "ethernetMacAddress": None,
        "exchangeAccessState": "none",
        "exchangeAccessStateReason": "none",
        "exchangeLastSuccessfulSyncDateTime": "0001-01-01T00:00:00Z",
        "freeStorageSpaceInBytes": total * (10 + dice[6] % 80) // 100,
        "iccid": None,
        "imei": "" if windows else str(int.from_bytes(dice[6:13], "big"))[:15],
        "isEncrypted": state != "noncompliant",
        "isSupervised": apple and dice[7] % 4 == 0,
        "jailBroken": "Unknown",
        "lastSyncDateTime": iso(synced),
        "managedDeviceName": f"{user.split('@')[0]}_{system}_{number}",
        "managedDeviceOwnerType": "personal" if dice[8] % 5 == 0 else "company",
        "managementAgent": "configurationManagerClientMdm" if state == "configManager" else "mdm",
        "managementCertificateExpirationDate": iso(enrolled + 700 * _DAY),
        "managementState": "managed",
        "manufacturer": maker,
        "meid": "",
        "model": model,
        "notes": None,
        "operatingSystem": system,
        "osVersion": version,
        "partnerReportedThreatState": "unknown",
        "phoneNumber": "",
        "physicalMemoryInBytes": 0,
        "remoteAssistanceSessionErrorDetails": None,
        "remoteAssistanceSessionUrl": None,
        "requireUserEnrollmentApproval": None,
        "serialNumber": text[:12].upper(),
        "subscriberCarrier": "",
        "totalStorageSpaceInBytes": total,
        "udid": None,
        "userDisplayName": f"User {index % 100_000}",
        "userId": f"{text[8:16]}-{text[16:20]}-4{text[21:24]}-8{text[25:28]}-{text[20:32]}",
        "userPrincipalName": user,
        "wiFiMacAddress": text[:12].upper(),
    }
