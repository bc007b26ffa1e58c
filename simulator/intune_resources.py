"""Intune's resources: devices, compliance policies, configuration profiles, apps and enrolment settings.

Promise: one entry each; devices have their own budget, everything else shares one, as published.
Source: Microsoft Graph v1.0 reference; graph-docs ``concepts/throttling-limits.md``.
Must not know: HTTP.
"""

from __future__ import annotations

from functools import partial

from simulator import permissions
from simulator.devices import Devices, overview
from simulator.inventory import BY_NAME, PROPERTIES, entries
from simulator.odata import Row, Rows
from simulator.resource import WITH_FILTER, NotFound, Resource, Scope
from simulator.scenarios import active


def _devices(scope: Scope) -> Rows:
    incomplete = active(scope.tenant, "data_incomplete") is not None
    strange = active(scope.tenant, "unknown_compliance_state") is not None
    return Devices(scope.tenant, scope.world.clock.now(), incomplete=incomplete, strange=strange)


def _device(scope: Scope) -> Row:
    wanted = scope.parameters["id"].lower()
    for row in _devices(scope):
        if row["id"] == wanted:
            return row
    raise NotFound(wanted)


def _entries(name: str, scope: Scope) -> Rows:
    return entries(scope.tenant, name)


def _list(path: str, name: str, allowed: tuple[str, ...]) -> Resource:
    """A list of derived types; only what their base type has can be selected."""
    return Resource(
        path,
        BY_NAME[name].base,
        allowed,
        partial(_entries, name),
        workload="intune_configuration",
        page=1000,
        maximum=1000,
        counts_page=True,
        options=WITH_FILTER,
        filters=("displayName", "lastModifiedDateTime"),
        denial="intune",
        licence="intune",
        selectable=PROPERTIES[name],
    )


INTUNE_RESOURCES: tuple[Resource, ...] = (
    Resource("/deviceManagement/managedDevices", "managedDevice", permissions.DEVICES, _devices, workload="intune_devices",
             page=1000, maximum=1000, counts_page=True, options=WITH_FILTER, denial="intune", licence="intune",
             filters=("lastSyncDateTime", "enrolledDateTime", "jailBroken", "deviceCategoryDisplayName")),
    Resource("/deviceManagement/managedDevices/{id}", "managedDevice", permissions.DEVICES, one=_device,
             workload="intune_devices", denial="intune", licence="intune"),
    Resource("/deviceManagement/managedDeviceOverview", "managedDeviceOverview", permissions.DEVICES,
             one=lambda s: overview(s.tenant), workload="intune_devices", denial="intune", licence="intune"),
    _list("/deviceManagement/deviceCompliancePolicies", "compliance_policies", permissions.CONFIGURATION),
    _list("/deviceManagement/deviceConfigurations", "device_configurations", permissions.CONFIGURATION),
    _list("/deviceAppManagement/mobileApps", "mobile_apps", permissions.MOBILE_APPS),
    _list("/deviceManagement/deviceEnrollmentConfigurations", "enrollment_configurations", permissions.ENROLMENT),
)  # fmt: skip
