"""Managed devices that follow from (tenant id, index) alone: a hundred thousand need no memory.

Promise: the same tenant, serial number and round always give the same device; the spread over compliance states and platforms
is believable and holds all seven values; dates follow the simulated clock. With the rounds devices come and go, and in each
about one in fifty changes its compliance.
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
from simulator.lists import Slots, slots
from simulator.model import Tenant
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


UNKNOWN_STATE = "quarantined"
"""A compliance state no metadata knows, for every seventh device while ``unknown_compliance_state`` is on."""

KIND = "managed_devices"
_PERIOD = 50
"""A device changes its compliance once in this many rounds."""


class Devices(Sequence[Row]):
    """The devices of one tenant, made when they are looked at."""

    def __init__(self, tenant: Tenant, now: float, *, incomplete: bool = False, strange: bool = False) -> None:
        """Describe the tenant's devices as they are at ``now`` (seconds since the epoch)."""
        self._tenant_id, self._domain, self._rounds = tenant.id, tenant.domains[0], len(tenant.rounds)
        self._slots, self._now, self._incomplete, self._strange = existing_devices(tenant), now, incomplete, strange

    def __len__(self) -> int:
        """Return how many devices there are."""
        return len(self._slots)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        """Return one device, or those of a slice."""
        if isinstance(index, slice):
            return [self._device(self._slots.serial(i)) for i in range(*index.indices(len(self)))]
        return self._device(self._slots.serial(index))

    def _device(self, serial: int) -> Row:
        row = _device(self._tenant_id, self._domain, serial, self._now, self._rounds)
        if self._incomplete and serial % 2:
            row.update(dict.fromkeys(INCOMPLETE))
        if self._strange and serial % 7 == 0:
            row["complianceState"] = UNKNOWN_STATE
        return row


def existing_devices(tenant: Tenant) -> Slots:
    """Return which devices there are in the tenant's round."""
    return slots(tenant.id, KIND, tenant.devices, 0, len(tenant.rounds))


def entra_device_id(tenant_id: str, serial: int) -> str:
    """Return the id by which the directory knows a managed device."""
    text = _dice(tenant_id, serial).hex()
    return f"{text[16:24]}-{text[24:28]}-4{text[1:4]}-8{text[5:8]}-{text[4:16]}"


def system_of(tenant_id: str, serial: int) -> tuple[str, str, str, str]:
    """Return a device's operating system, its version, its maker and its model."""
    return _platform(_dice(tenant_id, serial))[:4]


def compliance(tenant: Tenant) -> Counter[tuple[str, str]]:
    """Return how many devices there are of each operating system and compliance state."""
    there, counted = existing_devices(tenant), Counter[tuple[str, str]]()
    for index in range(len(there)):
        dice = _dice(tenant.id, there.serial(index))
        counted[_platform(dice)[0], _compliance(dice, there.rounds)] += 1
    return counted


def overview(tenant: Tenant) -> dict[str, Any]:
    """Return the managedDeviceOverview that agrees with the tenant's devices."""
    there = existing_devices(tenant)
    systems, count = _systems(tenant.id, there.tops[-1], there.gone), len(there)
    zeros = ("androidCorporateWorkProfileCount", "androidDedicatedCount", "androidDeviceAdminCount",
             "androidFullyManagedCount", "androidWorkProfileCount", "configMgrDeviceCount", "unknownCount",
             "windowsMobileCount")  # fmt: skip
    return {
        "id": tenant.id,
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
def _systems(tenant_id: str, top: int, gone: tuple[int, ...]) -> Counter[str]:
    counted = Counter(_platform(_dice(tenant_id, serial))[0] for serial in range(top))
    counted.subtract(_platform(_dice(tenant_id, serial))[0] for serial in gone)
    return counted


def _dice(tenant_id: str, index: int) -> bytes:
    return hashlib.blake2b(f"{tenant_id}/{index}".encode(), digest_size=16).digest()


def _platform(dice: bytes) -> tuple[str, str, str, str, str, int]:
    roll = int.from_bytes(dice[0:2], "big") % 1000
    for platform in _PLATFORMS:
        roll -= platform[5]
        if roll < 0:
            return platform
    return _PLATFORMS[-1]


def _compliance(dice: bytes, rounds: int) -> str:
    """Return a device's state: rolled once, and again in each of its rounds, where it is never the one before."""
    state = _rolled(int.from_bytes(dice[2:4], "big"))
    if rounds:
        first = dice[14] % _PERIOD + 1
        for number in range(first, rounds + 1, _PERIOD):
            roll = int.from_bytes(dice[2:4], "big") * (number + 7) + int.from_bytes(dice[12:14], "big")
            following = _rolled(roll)
            state = following if following != state else ("noncompliant" if state == "compliant" else "compliant")
    return state


def _rolled(roll: int) -> str:
    roll %= 1000
    for state, share in COMPLIANCE_PER_MILLE:
        roll -= share
        if roll < 0:
            return state
    return "unknown"


def _device(tenant_id: str, domain: str, index: int, now: float, rounds: int) -> Row:
    dice = _dice(tenant_id, index)
    system, version, maker, model, enrolment, _ = _platform(dice)
    state, text = _compliance(dice, rounds), dice.hex()
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
        "azureADDeviceId": entra_device_id(tenant_id, index),
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
