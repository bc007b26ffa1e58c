"""The contracts against Microsoft's own metadata and permission table, and against the rest of the code."""

from __future__ import annotations

import functools
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from storage import operations
from storage.errors import InvalidInput
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.contracts import CONTRACTS, Contract
from tasks.providers.microsoft.manifest import APP_ROLE_IDS, manifest

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT.parent / "shared" / "reference"
METADATA, PERMISSIONS = REFERENCE / "v1.csdl", REFERENCE / "graph-permissions.json"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"

needs_metadata = pytest.mark.skipif(not METADATA.is_file(), reason="Microsoft's v1.0 metadata is not on this machine")
needs_permissions = pytest.mark.skipif(
    not PERMISSIONS.is_file(), reason="Microsoft's permission table is not on this machine"
)


@functools.cache
def entity_types() -> dict[str, tuple[str | None, set[str]]]:
    """Every entity type of `microsoft.graph`: its base type and its own properties and navigations."""
    found: dict[str, tuple[str | None, set[str]]] = {}
    for schema in ElementTree.parse(METADATA).iter(f"{EDM}Schema"):
        if schema.get("Namespace") != "microsoft.graph":
            continue
        for entity in schema.iter(f"{EDM}EntityType"):
            members = {
                str(member.get("Name"))
                for kind in ("Property", "NavigationProperty")
                for member in entity.findall(f"{EDM}{kind}")
            }
            base = entity.get("BaseType")
            found[str(entity.get("Name"))] = (base.rsplit(".", 1)[-1] if base else None, members)
    return found


def members_of(entity: str) -> set[str]:
    base, members = entity_types()[entity]
    return members | (members_of(base) if base else set())


@functools.cache
def permission_table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(PERMISSIONS.read_text())["permissions"]
    return table


def said_of(permission: str, path: str) -> list[str]:
    """What Microsoft's table says of an application permission and GET on a path: one entry for each time it allows it."""
    # The table has no casts: they are read with the permissions of what is cast.
    plain = re.sub(r"/microsoft\.graph\.\w+$", "", path.lower())
    wanted = re.sub(r"\{[^}]*\}", "{id}", re.sub(r"\(appid='[^']*'\)", "/{id}", plain))
    return [
        said
        for group in permission_table()[permission]["pathSets"]
        if "Application" in group["schemeKeys"] and "GET" in group["methods"]
        for known, said in group["paths"].items()
        if re.sub(r"\{[^}]*\}", "{id}", known.lower()) == wanted
    ]


def reads(permission: str, path: str) -> bool:
    """Says whether an application permission allows GET on a path, by Microsoft's table."""
    return bool(said_of(permission, path))


def is_least(permission: str, path: str) -> bool:
    """Says whether Microsoft's table calls it the least one for applications."""
    return any(re.search(r"least=[\w,]*\bApplication\b", said) for said in said_of(permission, path))


@needs_metadata
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_selected_property_exists(contract: Contract) -> None:
    assert set(contract.select) <= members_of(contract.entity)
    if contract.expand:
        assert contract.expand in members_of(contract.entity)


@needs_permissions
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_permission_of_a_contract_allows_reading_it(contract: Contract) -> None:
    assert contract.permissions
    for permission in contract.permissions:
        assert reads(permission, contract.path), permission


@needs_permissions
def test_the_table_tells_a_permission_that_does_not_fit() -> None:
    assert not reads("Policy.Read.All", "/organization")


@needs_permissions
@pytest.mark.parametrize("operation", operations.CATALOG.values(), ids=list(operations.CATALOG))
def test_every_permission_of_the_catalog_is_an_application_permission(operation: operations.Operation) -> None:
    for name in (*operation.required_permissions, *operation.optional_permissions):
        assert "Application" in permission_table()[name]["schemes"], name


NOT_THE_LEAST = {
    "/organization": "what Microsoft calls least is Intune's; this one is the directory's own, and reads licences too",
    "/users": "User.ReadBasic.All does not read userType, by which guests are told",
    "/groups": "Group.ReadBasic.All and GroupMember.Read.All count alike, and the latter reads members as well",
    "/groups/{group_id}/members": 'the reference calls this one least; GroupMember.ReadBasic.All is newer, and reads "basic" memberships',
}
"""Where another permission than Microsoft's least one comes first, and why."""


@needs_permissions
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_the_first_permission_of_a_contract_is_microsofts_least_one(contract: Contract) -> None:
    path = re.sub(r"/microsoft\.graph\.\w+$", "", contract.path)
    assert is_least(contract.permissions[0], path) is not (path in NOT_THE_LEAST)


READ_BY = {
    operations.CONNECTION_CHECK: ({"organization", "subscribed_skus"}, {"application", "app_role_assignments"}),
    operations.INVENTORY_SYNC: (
        {"compliance_policies", "device_configurations", "mobile_apps"},
        {"enrollment_configurations", "conditional_access_policies", "named_locations"},
    ),
    operations.COMPLIANCE_SNAPSHOT: ({"managed_devices"}, set()),
    operations.ADMIN_ROLES_SCAN: (
        {"role_assignments", "role_definitions", "role_assignment_instances", "role_eligibility_instances"},
        {"group_members", "group_applications"},
    ),
    operations.DIRECTORY_SYNC: (
        {"organization", "users_count", "guests_count", "groups_count", "devices_count"},
        set(),
    ),
}
"""Which contracts each operation reads: with what it requires, and with what is optional besides."""
SHOWS_MORE = {"User.Read.All", "Application.Read.All", "RoleEligibilitySchedule.Read.Directory"}
"""What the roles scan asks for although it may list everything without it: names, and the narrower one for eligibilities alone."""


@pytest.mark.parametrize("operation", operations.CATALOG.values(), ids=list(operations.CATALOG))
def test_an_operation_asks_for_what_it_reads_with_and_for_nothing_else(operation: operations.Operation) -> None:
    required, optional = READ_BY[operation.type]
    asked = frozenset(operation.required_permissions)
    everything = asked | frozenset(operation.optional_permissions)
    assert [key for key in required if not CONTRACTS[key].is_allowed(asked)] == []
    assert [key for key in optional if CONTRACTS[key].is_allowed(asked)] == [], "optional, and read without it"
    assert [key for key in optional if not CONTRACTS[key].is_allowed(everything)] == []
    for spare in everything - SHOWS_MORE:
        left = everything - {spare}
        assert [key for key in required | optional if not CONTRACTS[key].is_allowed(left)], spare


def test_every_contract_can_be_read_with_what_the_catalog_asks_for() -> None:
    asked = frozenset(
        name for o in operations.CATALOG.values() for name in (*o.required_permissions, *o.optional_permissions)
    )
    assert [key for key, contract in CONTRACTS.items() if not contract.is_allowed(asked)] == []


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_address_is_version_one(contract: Contract) -> None:
    parts = {"client_id": "c", "principal_id": "p", "group_id": "g"}
    assert contract.url("https://graph.example", **parts).startswith("https://graph.example/v1.0/")


def test_no_other_module_spells_a_graph_path() -> None:
    first_segments = sorted({contract.path.split("/")[1].split("(")[0] for contract in CONTRACTS.values()})
    spelled = re.compile(rf"[\"'/](?:{'|'.join(first_segments)})[/?(]|v1\.0[\"'/]|/beta\b|\$batch")
    folders = [ROOT / "tasks", ROOT / "storage", ROOT / "atlas_tui"]
    found = {
        f"{path.relative_to(ROOT)}:{number}"
        for folder in folders
        for path in folder.rglob("*.py")
        if path.name != "contracts.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if spelled.search(line) and not re.search(r"https://learn\.microsoft\.com/|^\s*#|\"\"\"", line)
    }
    assert found == set()
    assert spelled.search('    url = f"{graph}/deviceManagement/managedDevices"')
    assert spelled.search('    get("users/$count")')


def test_a_probe_asks_for_one_object_and_its_id_only() -> None:
    assert contracts.MANAGED_DEVICES.probe().relative_url().endswith("?$select=id&$top=1")


def test_role_management_is_asked_without_a_page_size_in_listings_and_probes() -> None:
    """Its reference documents `$top` for none of its listings, and role definitions refuse every value."""
    asked = [c for c in CONTRACTS.values() if c.path.startswith("/roleManagement/")]
    assert len(asked) == 4
    assert [c.key for c in asked for one in (c, c.probe()) if "$top" in one.relative_url()] == []


def test_counts_ask_for_eventual_consistency() -> None:
    contract = CONTRACTS["guests_count"]
    assert contract.headers == {"ConsistencyLevel": "eventual"}
    assert "$filter=userType%20eq%20%27Guest%27&$count=true&$top=1" in contract.relative_url()


def test_the_manifest_names_each_permission_once_with_its_id() -> None:
    whole = manifest()
    names = [entry.permission for entry in (*whole.required, *whole.optional)]
    assert len(names) == len(set(names))
    assert {entry.permission for entry in whole.required} == set(operations.all_required_permissions())
    assert all(entry.app_role_id for entry in (*whole.required, *whole.optional))


def test_the_manifest_of_one_operation_holds_only_its_permissions() -> None:
    some = manifest([operations.ADMIN_ROLES_SCAN])
    assert [entry.permission for entry in some.required] == ["RoleManagement.Read.Directory"]
    assert {entry.needed_by for entry in some.required} == {(operations.ADMIN_ROLES_SCAN,)}
    assert "RoleEligibilitySchedule.Read.Directory" in [entry.permission for entry in some.optional]


def test_the_manifest_of_an_unknown_operation_is_refused() -> None:
    with pytest.raises(InvalidInput):
        manifest(["mail.send"])


@needs_permissions
def test_every_known_role_id_belongs_to_a_permission_of_microsoft() -> None:
    assert set(APP_ROLE_IDS) <= set(permission_table())
    assert len(set(APP_ROLE_IDS.values())) == len(APP_ROLE_IDS)
