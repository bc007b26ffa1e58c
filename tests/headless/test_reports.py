"""The verification report, as a page, as JSON, in a list and in a file; and permissions without a screen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage import finishing, leases, starting
from storage.access import local_principal
from storage.database import open_database
from storage.operations import CONNECTION_CHECK
from storage.states import StepStatus
from storage.verification import CheckReport, ConsentFact, OrganizationFacts, ReportStep

HOSTILE = "Con*to_so* | <b>x</b> \x1b[31m[link](http://e.vil)"


@pytest.fixture
def checked(atlas: Any) -> tuple[Any, str]:
    """A connection that was checked twice: first well, then with a missing permission and one beyond the need."""
    number = atlas.connection()
    granted = frozenset({"Organization.Read.All", "User.Read.All"})
    good = CheckReport(
        (
            ReportStep("token", "Token", StepStatus.PASS, sentence="Microsoft accepted it."),
            ReportStep("claims", "Claims", StepStatus.PASS),
        ),
        ConsentFact.ROLES_PRESENT,
        granted,
        OrganizationFacts("0", HOSTILE),
        licences=frozenset({"intune"}),
        credential_slot="active",
        token_passed=True,
    )
    worse = ReportStep(
        "token", "Token", StepStatus.WARN, "secret_expiring", "It expires soon.",
        {"expires": "2099-01-01", "names": ("a|b", "c"), "domain": HOSTILE}, request_id="8a3c1f0e-1b2c-4d5e-8f90-123456789abc",
    )  # fmt: skip
    _finish(atlas, number, good)
    _finish(
        atlas,
        number,
        replace(
            good, steps=(worse, *good.steps[1:]), granted_permissions=frozenset({"Organization.Read.All", "Mail.Read"})
        ),
    )
    return atlas, str(number)


def _finish(atlas: Any, number: int, report: CheckReport) -> None:
    db = open_database(str(atlas.database))
    try:
        started = starting.start(db, local_principal(db), number, CONNECTION_CHECK)
        assert isinstance(started, starting.Started)
        claim = leases.claim(db, "w", started.run.id)
        assert claim is not None
        finishing.finish(db, claim.held, finishing.RunResult(check=report))
    finally:
        db.close()


def test_the_page_tells_everything_and_outside_text_is_no_markup(checked: Any, is_harmless: Any) -> None:
    atlas, number = checked
    said = atlas("report", number)
    assert (said.code, said.err) == (0, "")
    is_harmless(said.out)
    for part in (
        "# Contoso: verification healthy", "## Steps", "### WARN Token", "`secret_expiring`", "next step:",
        "Token: pass → warn", "permissions gained: Mail.Read", "permissions lost: User.Read.All",
        "beyond the need: Mail.Read (content", "missing, required: ", "Microsoft request id", "active secret",
    ):  # fmt: skip
        assert part in said.out, part
    assert "<b>" not in said.out
    assert "[link](" not in said.out
    assert "Con\\*to\\_so\\*" in said.out


def test_the_json_has_its_documented_keys(checked: Any) -> None:
    atlas, number = checked
    document = atlas("report", number, "--json").json
    assert set(document) == {
        "format", "id", "connection_id", "run_id", "created_at", "verdict", "reason_code", "is_superseded", "generation",
        "manifest_version", "steps", "organization", "granted_permissions", "licences", "limited_operations", "tenant",
        "connection", "credentials", "permissions", "difference",
    }  # fmt: skip
    assert document["format"] == 1
    assert document["permissions"]["beyond"][0]["permission"] == "Mail.Read"
    assert "User.Read.All" in document["permissions"]["missing_required"]
    assert document["difference"]["lost"] == ["User.Read.All"]
    guide = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text(encoding="utf-8")
    assert [key for key in document if f"`{key}`" not in guide] == []


def test_reports_are_listed_and_an_older_one_is_shown_by_its_number(checked: Any) -> None:
    atlas, number = checked
    newest, oldest = atlas("report", number, "--list", "--json").json
    assert str(newest["id"]) in atlas("report", number, "--list").out
    older = atlas("report", number, "--id", str(oldest["id"]), "--json").json
    assert older["id"] == oldest["id"]
    assert older["difference"] is None
    assert "there is none" in atlas("report", number, "--id", str(oldest["id"])).out
    atlas.refuses("report", number, "--id", "999", code=4, says=("no report 999",))
    atlas.refuses("report", number, "--list", "--id", "1", code=2, says=("--list",))


def test_a_report_is_written_to_a_new_file_only(checked: Any, tmp_path: Path) -> None:
    atlas, number = checked
    page, data = tmp_path / "report.md", tmp_path / "report.json"
    assert atlas("report", number, "--file", page).code == 0
    assert page.read_text().startswith("# Contoso")
    assert page.stat().st_mode & 0o777 == 0o600
    assert atlas("report", number, "--json", "--file", data).code == 0
    assert json.loads(data.read_text())["format"] == 1
    atlas.refuses("report", number, "--file", page, code=6, says=("exists", "--file"))
    atlas.refuses("report", number, "--file", tmp_path / "no" / "x", code=2, says=("--file", "No such file"))


def test_permissions_show_what_is_missing_and_what_is_beyond(checked: Any) -> None:
    atlas, number = checked
    said = atlas("permissions", "show", number)
    assert said.code == 0
    assert "cannot work:" in said.out
    assert "BEYOND THE NEED" in said.out
    truth = atlas("permissions", "show", number, "--json").json
    assert truth["comparison"]["beyond"][0]["risk"] == "content"
    few = atlas("permissions", "show", number, "--operations", CONNECTION_CHECK, "--json").json
    assert {n["permission"] for n in few["comparison"]["needed"]} == {"Organization.Read.All", "Application.Read.All"}
    atlas.refuses("permissions", "show", number, "--operations", "mail.send", code=2, says=("operation",))


def test_an_older_consent_is_said_to_be_old(checked: Any) -> None:
    atlas, number = checked
    atlas.sql("UPDATE provider_connections SET consent_manifest_version = 0")
    assert "consent again" in atlas("permissions", "show", number).out


@pytest.mark.parametrize("form", ["table", "entra-json", "az", "powershell"])
def test_the_manifest_needs_no_installation(run: Any, tmp_path: Path, form: str, is_harmless: Any) -> None:
    said = run("permissions", "manifest", "--format", form, "--config", tmp_path / "none.toml")
    assert (said.code, said.err) == (0, "")
    is_harmless(said.out)
    assert "7ab1d382" not in said.out  # Directory.Read.All is never asked for
    assert "498476ce-e0fe-48b0-b801-37ba7e2685c6" in said.out


def test_the_manifest_can_be_narrowed(run: Any, is_refused: Any) -> None:
    found = run("permissions", "manifest", "--required", "--operations", CONNECTION_CHECK, "--json").json
    assert [entry["permission"] for entry in found["required"]] == ["Organization.Read.All"]
    assert found["optional"] == []
    is_refused(run("permissions", "manifest", "--format", "az", "--client-id", "$(id)"), 2, "--client-id", "GUID")
    is_refused(run("permissions", "manifest", "--operations", "mail.send"), 2, "operation")
