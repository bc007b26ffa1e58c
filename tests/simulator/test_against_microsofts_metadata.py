"""What the simulator serves exists in Microsoft's own metadata: properties, enum members, permissions."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from simulator.demo_fleet import ROLES
from simulator.groups import group_id
from simulator.model import Directory, Registration, ServicePrincipal, Tenant
from simulator.permissions import known_permissions
from simulator.resources import RESOURCES, Resource, Scope
from simulator.world import World

_REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"
_METADATA, _PERMISSIONS = _REFERENCE / "v1.csdl", _REFERENCE / "graph-permissions.json"
_EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
needs_metadata = pytest.mark.skipif(
    not _METADATA.exists(), reason="Microsoft's v1.0 metadata is not beside this checkout"
)
needs_permissions = pytest.mark.skipif(not _PERMISSIONS.exists(), reason="Microsoft's permission list is not beside it")


@cache
def _types() -> dict[str, Any]:
    root = ElementTree.parse(_METADATA).getroot()
    kinds = ("EntityType", "ComplexType", "EnumType")
    return {
        element.attrib["Name"]: element
        for schema in root.iter(f"{_EDM}Schema")
        if schema.attrib["Namespace"] == "microsoft.graph"
        for kind in kinds
        for element in schema.iter(f"{_EDM}{kind}")
    }


@cache
def _properties(name: str) -> dict[str, str]:
    element = _types()[name]
    base = element.attrib.get("BaseType", "").split(".")[-1]
    known = dict(_properties(base)) if base else {}
    for kind in ("Property", "NavigationProperty"):
        known |= {p.attrib["Name"]: p.attrib["Type"] for p in element.iter(f"{_EDM}{kind}")}
    return known


def _bases(name: str) -> set[str]:
    """A type's name and those of all it derives from."""
    base = _types()[name].attrib.get("BaseType", "").split(".")[-1]
    return {name} | (_bases(base) if base in _types() else set())


def _check(value: Any, type_name: str, where: str) -> None:
    short = re.sub(r"^Collection\((.*)\)$", r"\1", type_name)
    if isinstance(value, list):
        for item in value:
            _check(item, short, where)
        return
    if not short.startswith(("graph.", "microsoft.graph.")) or value is None:
        return
    name = short.split(".")[-1]
    if isinstance(value, dict):
        name = str(value.get("@odata.type", name)).split(".")[-1]
        known = _properties(name)
        for key, inner in value.items():
            if not key.startswith("@"):
                assert key in known, f"{where}: {name} has no property {key}"
                _check(inner, known[key], f"{where}.{key}")
    elif _types()[name].tag == f"{_EDM}EnumType":
        members = {member.attrib["Name"] for member in _types()[name].iter(f"{_EDM}Member")}
        assert value in members, f"{where}: {value!r} is no member of {name}"


def _scope(parameters: dict[str, str], expand: str = "") -> Scope:
    world = World()
    client_id = "22222222-2222-4222-8222-222222222222"
    tenant = Tenant(
        id="11111111-1111-4111-8111-111111111111",
        name="Contoso",
        cloud="global",
        domains=["contoso.example", "contoso.onmicrosoft.com"],
        size=300,
        devices=500,
        licences=["intune", "p1", "p2"],
        service_principals={client_id: ServicePrincipal(client_id, list(ROLES))},
    )
    directory = Directory()
    directory.add(tenant)
    directory.registrations[client_id] = Registration(client_id, "Atlas", tenant.id, False, required_roles=list(ROLES))
    world.directory = directory
    return Scope(world, tenant, parameters, expand)


def _rows(resource: Resource) -> list[Any]:
    tenant = _scope({}).tenant
    client_id = next(iter(tenant.service_principals))
    ids = {
        "/organization/{id}": tenant.id,
        "/servicePrincipals/{id}": tenant.principal_id(client_id),
        "/servicePrincipals/{id}/appRoleAssignments": tenant.principal_id(client_id),
        "/applications/{id}": Registration(client_id, "", "", False).object_id,
        "/roleManagement/directory/roleDefinitions/{id}": "62e90394-69f5-4237-9190-012177145e10",
        "/groups/{id}": group_id(tenant, 0),
        "/groups/{id}/members": group_id(tenant, 0),
        "/groups/{id}/members/microsoft.graph.servicePrincipal": group_id(tenant, 0),
    }
    found: list[Any] = []
    for expand in ("", *resource.expands):
        parameters = {"id": ids.get(resource.path, "")} if "{id}" in resource.path else {}
        if "{appId}" in resource.path:
            parameters = {"appId": client_id}
        scope = _scope(parameters, expand)
        if resource.path.endswith("managedDevices/{id}"):
            devices = next(r for r in RESOURCES if r.path.endswith("/managedDevices"))
            assert devices.rows is not None
            scope.parameters["id"] = devices.rows(scope)[3]["id"]
        if resource.rows is not None:
            found += list(resource.rows(scope))
        else:
            assert resource.one is not None
            found.append(resource.one(scope))
    return found


@needs_metadata
@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: r.path)
def test_entities_carry_only_properties_and_members_of_v1(resource: Resource) -> None:
    rows = _rows(resource)
    assert rows, "an empty list proves nothing"
    for row in rows:
        own = str(row.get("@odata.type", resource.type)).split(".")[-1]
        assert resource.type in _bases(own), f"{resource.path}: {own} is no {resource.type}"
        _check({**row, "@odata.type": f"#microsoft.graph.{own}"}, "graph.entity", resource.path)


@needs_metadata
@pytest.mark.parametrize("resource", [r for r in RESOURCES if r.denial in ("intune", "conditional_access") and r.selectable],
                         ids=lambda r: r.path)  # fmt: skip
def test_of_derived_types_only_what_the_base_has_can_be_selected(resource: Resource) -> None:
    assert set(resource.selectable) <= set(_properties(resource.type))
    assert len({row["@odata.type"] for row in _rows(resource)}) > 1


@needs_metadata
def test_the_check_itself_notices_an_unknown_property_and_member() -> None:
    for wrong in ({"id": "x", "invented": 1}, {"id": "x", "complianceState": "perhaps"}):
        with pytest.raises(AssertionError):
            _check({**wrong, "@odata.type": "#microsoft.graph.managedDevice"}, "graph.entity", "here")


@needs_metadata
def test_a_whole_managed_device_is_there() -> None:
    known = {n for n, t in _properties("managedDevice").items()
             if not t.startswith("Collection(graph.") or n == "deviceActionResults"}  # fmt: skip
    navigation = {"deviceCategory", "users", "windowsProtectionState"}
    row = _rows(next(r for r in RESOURCES if r.path.endswith("/managedDevices")))[0]
    assert known - navigation == set(row)


@needs_permissions
@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: r.path)
def test_the_permissions_that_satisfy_a_resource_are_microsofts(resource: Resource) -> None:
    wanted = re.sub(r"\(appid='\{appid\}'\)", "/{id}", resource.path.lower())
    wanted = re.sub(r"/microsoft\.graph\.\w+$", "", wanted.removesuffix("/$count"))
    wanted = "/organization" if wanted == "/organization/{id}" else wanted
    wanted = re.sub(r"roledefinitions/\{id\}", "roledefinitions", wanted)
    satisfied = set()
    for name, permission in json.loads(_PERMISSIONS.read_text())["permissions"].items():
        for paths in permission["pathSets"]:
            if (
                "Application" in paths["schemeKeys"]
                and "GET" in paths["methods"]
                and wanted in map(str.lower, paths["paths"])
            ):
                satisfied.add(name)
    assert set(resource.permissions) == satisfied


@needs_permissions
def test_every_permission_granted_or_known_here_exists() -> None:
    existing = json.loads(_PERMISSIONS.read_text())["permissions"]
    for name in {*known_permissions(), *ROLES}:
        assert "Application" in existing[name]["schemes"], name
