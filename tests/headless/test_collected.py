"""Compliance and administrator roles without a screen: for people, as JSON, and refused where it makes no sense."""

from __future__ import annotations

from typing import Any

import pytest

from storage import finishing, leases, starting
from storage.access import local_principal
from storage.compliance_publishing import CollectedSnapshot
from storage.database import open_database
from storage.operations import ADMIN_ROLES_SCAN, COMPLIANCE_SNAPSHOT
from storage.roles_publishing import CollectedRoles, RoleAssignment, RoleFinding

HOSTILE = "Mal\x1b[31m lory \u202e"


def finish(atlas: Any, connection: int, operation: str, collected: Any) -> None:
    atlas_db = open_database(str(atlas.database))
    try:
        atlas.sql("UPDATE provider_connections SET consent_status = 'granted' WHERE id = ?", connection)
        started = starting.start(atlas_db, local_principal(atlas_db), connection, operation)
        assert isinstance(started, starting.Started), started
        claim = leases.claim(atlas_db, "w", started.run.id)
        assert claim is not None
        finishing.finish(atlas_db, claim.held, finishing.RunResult(collected=collected))
    finally:
        atlas_db.close()


def snapshot(atlas: Any, connection: int, compliant: int, *, complete: bool = True) -> None:
    found = CollectedSnapshot({"windows": {"compliant": compliant, "noncompliant": 2}}, complete)
    finish(atlas, connection, COMPLIANCE_SNAPSHOT, found)


def report(atlas: Any, connection: int, *names: str, complete: bool = True) -> None:
    held = [RoleAssignment(name, name, "guest", "r", "User Administrator", True, "active") for name in names]
    findings = [
        RoleFinding("guest_privileged", name, f"{name} is a guest and holds User Administrator.") for name in names
    ]
    finish(atlas, connection, ADMIN_ROLES_SCAN, CollectedRoles(held, findings, {"assignments": len(held)}, complete))


def test_a_tenants_compliance_is_told_with_its_difference(atlas: Any) -> None:
    number = atlas.connection()
    assert "No snapshot was taken yet" in atlas("compliance", "Contoso").out
    snapshot(atlas, number, 1_000)
    snapshot(atlas, number, 1_007)
    said = atlas("compliance", "Contoso")
    assert (said.code, said.err) == (0, "")
    for part in ("1,009 devices", "compliant", "1,007", "+7", "WINDOWS"):
        assert part in said.out, part
    document = atlas("compliance", "Contoso", "--json").json
    assert set(document) == {"snapshot", "before", "partial", "difference"}
    assert document["difference"]["compliant"] == 7
    assert document["snapshot"]["by_platform"] == {"windows": {"compliant": 1_007, "noncompliant": 2}}


def test_a_snapshot_that_is_not_whole_says_so(atlas: Any) -> None:
    number = atlas.connection()
    snapshot(atlas, number, 5, complete=False)
    assert "is not whole: 7 devices" in atlas("compliance", "Contoso").out
    assert atlas("compliance", "Contoso", "--trend", "30", "--json").json == []


def test_a_trend_and_every_tenant(atlas: Any) -> None:
    number = atlas.connection()
    atlas.connection("Fabrikam")
    snapshot(atlas, number, 6)
    assert "75.0%" in atlas("compliance", "Contoso", "--trend", "7").out
    (point,) = atlas("compliance", "Contoso", "--trend", "7", "--json").json
    assert (point["total"], point["share"]) == (8, 0.75)
    contoso, fabrikam = atlas("compliance", "--json").json
    sorted_by = [row["tenant_name"] for row in atlas("compliance", "--sort", "noncompliant", "--json").json]
    assert sorted_by == [contoso["tenant_name"], fabrikam["tenant_name"]], "who was never counted is last"
    assert (contoso["tenant_name"], contoso["snapshot"]["total"], len(contoso["points"])) == ("Contoso", 8, 1)
    assert (fabrikam["snapshot"], fabrikam["points"]) == (None, [])
    said = atlas("compliance").out
    assert "Fabrikam" in said
    assert "never" in said


def test_roles_are_told_with_what_to_do(atlas: Any) -> None:
    number = atlas.connection()
    assert "No report was made yet" in atlas("roles", "Contoso").out
    report(atlas, number, "Gus")
    said = atlas("roles", "Contoso")
    assert "Gus is a guest and holds User Administrator." in said.out
    assert "Guest in a privileged role: Give the person" in said.out
    assert "is the first one" in atlas("roles", "Contoso", "--diff").out
    assert atlas("roles", "Contoso", "--json").json["report"]["findings"][0]["code"] == "guest_privileged"


def test_the_difference_names_who_came_and_who_went(atlas: Any) -> None:
    number = atlas.connection()
    report(atlas, number, "Gus", "Hal")
    report(atlas, number, "Hal", "Ida", complete=False)
    report(atlas, number, "Hal", "Ida")
    said = atlas("roles", "Contoso", "--diff").out
    assert "+ User Administrator (active): Ida (guest)" in said
    assert "- User Administrator (active): Gus (guest)" in said
    assert "new: guest_privileged: Ida" in said
    assert "solved: guest_privileged: Gus" in said
    assert "Hal" not in said
    assert atlas("roles", "Contoso", "--diff", "--json").json["difference"]["added_count"] == 1


def test_assignments_and_findings_of_everybody(atlas: Any) -> None:
    report(atlas, atlas.connection(), "Gus")
    report(atlas, atlas.connection("Fabrikam"), "Hal")
    (row,) = atlas("roles", "Contoso", "--assignments", "--json").json
    assert row["principal_name"] == "Gus"
    assert "Gus" in atlas("roles", "Contoso", "--assignments", "--privileged").out
    assert [row["tenant_name"] for row in atlas("roles", "--json").json] == ["Contoso", "Fabrikam"]
    assert atlas("roles", "--code", "disabled_privileged", "--json").json == []
    assert "guest_privileged" in atlas("roles").out


def test_names_from_outside_move_no_terminal(atlas: Any, is_harmless: Any) -> None:
    report(atlas, atlas.connection(), HOSTILE)
    for arguments in (("roles",), ("roles", "Contoso"), ("roles", "Contoso", "--assignments")):
        is_harmless(atlas(*arguments).out)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("compliance", "--trend", "7"), 2, "one tenant"),
        (("compliance", "Contoso", "--trend", "99999"), 2, "days"),
        (("compliance", "Nobody"), 4, "nobody"),
        (("roles", "--diff"), 2, "tenant"),
        (("roles", "Contoso", "--diff", "--assignments"), 2, "--diff"),
        (("roles", "Contoso", "--privileged"), 2, "--assignments"),
        (("roles", "Contoso", "--code", "guest_privileged"), 2, "--code"),
        (("roles", "--code", "nonsense"), 2, "guest_privileged"),
        (("roles", "Contoso", "--assignments"), 4, "no report"),
    ],
)
def test_what_makes_no_sense_is_refused(atlas: Any, arguments: tuple[str, ...], code: int, says: str) -> None:
    atlas.connection()
    atlas.refuses(*arguments, code=code, says=(says,))
