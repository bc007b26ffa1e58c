"""What an app registration must be given, held against Microsoft's own permission table, and in forms that can be pasted."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import uuid
from pathlib import Path
from typing import Any

import pytest

from storage import operations, permission_manifest, permission_risks
from storage.errors import InvalidInput
from storage.permission_manifest import GRAPH_APP_ID, Form, manifest, written
from storage.permission_risks import Risk, judge
from storage.verification import MANIFEST_VERSION

TABLE = Path(__file__).parents[3] / "shared" / "reference" / "graph-permissions.json"
CLIENT = "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"
WHAT_IT_READS = {
    "Application.Read.All": "/serviceprincipals",
    "Device.Read.All": "/devices",
    "DeviceManagementApps.Read.All": "/deviceappmanagement/mobileapps",
    "DeviceManagementConfiguration.Read.All": "/devicemanagement/deviceconfigurations",
    "DeviceManagementManagedDevices.Read.All": "/devicemanagement/manageddevices",
    "DeviceManagementServiceConfig.Read.All": "/devicemanagement/deviceenrollmentconfigurations",
    "GroupMember.Read.All": "/groups/{id}/members",
    "Organization.Read.All": "/organization",
    "Policy.Read.All": "/identity/conditionalaccess/policies",
    "RoleEligibilitySchedule.Read.Directory": "/rolemanagement/directory/roleeligibilityscheduleinstances",
    "RoleManagement.Read.Directory": "/rolemanagement/directory/roleassignments",
    "User.Read.All": "/users",
}


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    if not TABLE.exists():
        pytest.skip("Microsoft's permission table is not part of the project (../shared is absent)")
    return dict(json.loads(TABLE.read_text(encoding="utf-8"))["permissions"])


def test_every_permission_exists_for_applications_and_reads_what_it_is_for(table: dict[str, Any]) -> None:
    entries = manifest().entries
    assert {entry.permission for entry in entries} == set(WHAT_IT_READS)
    for entry in entries:
        found = table[entry.permission]
        assert found["schemes"]["Application"]["requiresAdminConsent"] == entry.needs_admin_consent
        reads = {
            path.lower()
            for part in found["pathSets"]
            if "GET" in part["methods"] and "Application" in part["schemeKeys"]
            for path in part["paths"]
        }
        assert WHAT_IT_READS[entry.permission] in reads, entry.permission


def test_no_permission_changes_anything(table: dict[str, Any]) -> None:
    """Operations only read: no name of the manifest allows a write that its Microsoft entry lists for applications."""
    for entry in manifest().entries:
        assert judge(entry.permission)[0] is Risk.READ, entry.permission
        assert ".Read." in entry.permission


def test_every_permission_that_is_called_dangerous_exists(table: dict[str, Any]) -> None:
    known = {name for name, entry in table.items() if "Application" in entry["schemes"]}
    assert set(permission_risks.TAKEOVER) - known == set()


def test_whatever_changes_something_at_microsoft_is_never_called_a_read(table: dict[str, Any]) -> None:
    """Held against Microsoft's own words: a description that allows to write is no mere read, and a `.Read.` name is no change."""
    for name, entry in table.items():
        application = entry["schemes"].get("Application")
        if application is None:
            continue
        risk = judge(name)[0]
        if re.search(r"\.ReadWrite(\.|$)", name):
            assert risk is not Risk.READ, name
        if re.search(r"\.Read\.All$", name) and "write" not in application["adminDescription"].lower():
            assert risk in (Risk.READ, Risk.CONTENT), name


def test_each_entry_says_what_it_is_for_and_which_operation_asks() -> None:
    whole = manifest()
    assert whole.version == MANIFEST_VERSION
    for entry in whole.entries:
        assert entry.purpose, entry.permission
        assert uuid.UUID(str(entry.app_role_id))
        assert set(entry.needed_by) <= set(operations.CATALOG)
    assert not {e.permission for e in whole.required} & {e.permission for e in whole.optional}


def test_the_manifest_of_some_operations_is_smaller() -> None:
    some = manifest([operations.COMPLIANCE_SNAPSHOT])
    assert [entry.permission for entry in some.entries] == ["DeviceManagementManagedDevices.Read.All"]
    with pytest.raises(InvalidInput):
        manifest(["mail.send"])


def test_the_catalog_cannot_change_without_a_new_version() -> None:
    """Whoever changes what operations need raises MANIFEST_VERSION and this, so that older consents are noticed."""
    whole = manifest()
    asked = sorted((entry.permission, entry in whole.required, entry.needed_by) for entry in whole.entries)
    assert (MANIFEST_VERSION, hashlib.sha256(repr(asked).encode()).hexdigest()[:16]) == (2, "2a0409feef2e1b89")


def test_the_entra_json_is_what_the_registration_holds() -> None:
    (access,) = json.loads(written(manifest(), Form.ENTRA_JSON))["requiredResourceAccess"]
    assert access["resourceAppId"] == GRAPH_APP_ID
    assert len(access["resourceAccess"]) == len(manifest().entries)
    assert {role["type"] for role in access["resourceAccess"]} == {"Role"}
    assert {role["id"] for role in access["resourceAccess"]} == {e.app_role_id for e in manifest().entries}


def test_the_azure_lines_are_commands_with_each_role_once() -> None:
    lines = [shlex.split(line, comments=True) for line in written(manifest(), Form.AZ, CLIENT).splitlines()]
    add, consent = (line for line in lines if line)
    assert add[:9] == ["az", "ad", "app", "permission", "add", "--id", CLIENT, "--api", GRAPH_APP_ID]
    assert add[9] == "--api-permissions"
    assert sorted(add[10:]) == sorted(f"{entry.app_role_id}=Role" for entry in manifest().entries)
    assert consent == ["az", "ad", "app", "permission", "admin-consent", "--id", CLIENT]


def test_the_powershell_lines_balance_and_keep_what_was_there() -> None:
    text = written(manifest(), Form.POWERSHELL, CLIENT)
    code = "\n".join(line.split("  # ")[0] for line in text.splitlines())
    for opening, closing in ("()", "{}"):
        assert code.count(opening) == code.count(closing)
    assert all(line.count("'") % 2 == 0 and line.count('"') % 2 == 0 for line in code.splitlines())
    assert f"appId eq '{CLIENT}'" in code
    assert code.count("Type = 'Role'") == len(manifest().entries)
    assert "$others" in code.splitlines()[-2]


@pytest.mark.parametrize("client", ["'; Remove-Item /", "$(id)", "x"])
def test_a_client_id_that_is_none_never_reaches_a_line(client: str) -> None:
    for form in (Form.AZ, Form.POWERSHELL):
        with pytest.raises(ValueError, match=r"UUID|hexadecimal"):
            written(manifest(), form, client)


def test_there_is_one_manifest() -> None:
    from tasks.providers.microsoft import manifest as providers

    assert providers.APP_ROLE_IDS is permission_manifest.APP_ROLE_IDS
    assert providers.manifest is permission_manifest.manifest
