"""What a broader permission covers, held against Microsoft's own permission table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from storage import operations

TABLE = Path(__file__).parents[3] / "shared" / "reference" / "graph-permissions.json"
PATHS = {
    "Organization.Read.All": "/organization",
    "User.Read.All": "/users",
    "GroupMember.Read.All": "/groups/{id}/members",
    "Device.Read.All": "/devices",
    "RoleManagement.Read.Directory": "/rolemanagement/directory/roleassignments",
    "RoleEligibilitySchedule.Read.Directory": "/rolemanagement/directory/roleeligibilityscheduleinstances",
}


def _reads(table: dict[str, Any], permission: str) -> set[str]:
    """The paths that Microsoft lets an application GET with a permission."""
    return {
        path.lower()
        for entry in table[permission]["pathSets"]
        if "GET" in entry["methods"] and "Application" in entry["schemeKeys"]
        for path in entry["paths"]
    }


def test_every_broader_permission_reads_what_the_needed_one_is_for() -> None:
    if not TABLE.exists():
        pytest.skip("Microsoft's permission table is not part of the project (../shared is absent)")
    table = json.loads(TABLE.read_text(encoding="utf-8"))["permissions"]
    for needed, broader in operations._BROADER.items():
        for permission in broader:
            assert PATHS[needed] in _reads(table, permission), f"{permission} does not read {PATHS[needed]}"


def test_a_broader_permission_satisfies_a_needed_one_and_a_narrower_one_does_not() -> None:
    assert operations.satisfies({"Directory.Read.All"}, "Organization.Read.All")
    assert operations.satisfies({"Directory.ReadWrite.All"}, "User.Read.All")
    assert not operations.satisfies({"Organization.Read.All"}, "User.Read.All")
    assert not operations.satisfies({"Organization.Read.All"}, "Directory.Read.All")
