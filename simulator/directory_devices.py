"""The devices a tenant's directory knows: the managed ones, and a few that nobody manages.

Promise: a managed device has the same id here as in Intune's ``azureADDeviceId``; they come and go with the rounds on their own.
Source: Microsoft Graph v1.0 metadata, ``device``.
Must not know: HTTP.
"""

from __future__ import annotations

from simulator.ageing import created_at, dice
from simulator.devices import entra_device_id, system_of
from simulator.lists import Listed, Slots, slots
from simulator.model import Tenant, stable_guid
from simulator.odata import Row

KIND = "devices"


def directory_devices(tenant: Tenant) -> Listed:
    """Return the directory's devices."""
    there = existing_devices(tenant)
    return Listed(there, lambda serial: _device(tenant, there, serial))


def existing_devices(tenant: Tenant) -> Slots:
    """Return which devices there are in the tenant's round."""
    size = tenant.amounts.get(KIND, tenant.devices + tenant.size // 20)
    return slots(tenant.id, KIND, size, 0, len(tenant.rounds))


def _device(tenant: Tenant, there: Slots, serial: int) -> Row:
    system, version, maker, model = system_of(tenant.id, serial)
    rolled, managed = dice(tenant.id, KIND, serial), serial < tenant.devices
    registered = created_at(tenant, KIND, there, serial)
    return {
        "id": stable_guid("device", tenant.id, serial),
        "deletedDateTime": None,
        "accountEnabled": rolled[0] % 20 != 0,
        "approximateLastSignInDateTime": registered,
        "deviceId": entra_device_id(tenant.id, serial),
        "deviceOwnership": "Company" if managed else None,
        "deviceVersion": 2,
        "displayName": f"{system.upper()[:3]}-{serial + 1:06d}",
        "isCompliant": rolled[1] % 8 != 0 if managed else None,
        "isManaged": True if managed else None,
        "manufacturer": maker,
        "model": model,
        "onPremisesSyncEnabled": None,
        "operatingSystem": system,
        "operatingSystemVersion": version,
        "profileType": "RegisteredDevice",
        "registrationDateTime": registered,
        "trustType": "AzureAd" if system == "Windows" else "Workplace",
    }
