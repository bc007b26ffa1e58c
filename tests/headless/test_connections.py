"""Connections from the command line: edit, disable, delete, revoke, resolve; what hurts is confirmed first."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

GUID = "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"


class _Terminal(io.TextIOWrapper):
    """A terminal on which somebody types."""

    def __init__(self, typed: str) -> None:
        super().__init__(io.BytesIO(typed.encode()), encoding="utf-8")

    def isatty(self) -> bool:
        return True


def test_a_connection_is_renamed_without_being_asked(atlas: Any) -> None:
    number = str(atlas.connection())
    said = atlas("connection", "edit", number, "--name", "Graph", "--ticket", "CHG-1", "--json")
    assert (said.code, said.json["display_name"], said.json["is_enabled"]) == (0, "Graph", True)
    assert "Microsoft → Graph" in said.err


def test_another_client_id_is_spelled_out_and_wants_a_yes(atlas: Any) -> None:
    number = str(atlas.connection())
    atlas("connection", "consent-granted", number)
    command = ("connection", "edit", number, "--client-id", GUID)
    atlas.refuses(*command, code=2, says=("--yes", "destroyed", "consent becomes unknown"))
    said = atlas(*command, "--yes", "--json")
    assert (said.code, said.json["consent_status"], said.json["verification_status"]) == (0, "unknown", "unknown")
    assert "1 credential here belongs to the old app registration" in said.err
    assert atlas.sql("SELECT count(*) FROM credentials") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, ("changes nothing",)),
        (["--name", " "], 2, ("connection name", "empty")),
        (["--client-id", "x"], 2, ("client id", "GUID")),
        (["--type", "platform"], 2, ("platform app", "app add")),
        (["--type", "platform", "--client-id", GUID], 2, ("client id", "dedicated")),
    ],
)
def test_an_edit_that_cannot_be_is_refused(atlas: Any, arguments: list[str], code: int, says: tuple[str, ...]) -> None:
    atlas.refuses("connection", "edit", str(atlas.connection()), *arguments, code=code, says=says)


@pytest.mark.parametrize("change", ["disable", "delete", "revoke-consent"])
def test_what_hurts_is_refused_without_a_yes_and_says_what_it_would_do(atlas: Any, change: str) -> None:
    says = {"disable": "badges stay", "delete": "destroyed", "revoke-consent": "still stands at Microsoft"}[change]
    atlas.refuses("connection", change, str(atlas.connection()), code=2, says=("--yes", says))


def test_the_name_typed_at_the_prompt_confirms_and_another_one_does_not(
    atlas: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from atlas_tui.headless.confirming import confirm
    from storage.consequences import Consequences
    from storage.errors import Conflict

    hurts = Consequences("Disable connection 1", ("Runs are cancelled.",), hurts=True)
    monkeypatch.setattr(sys, "stdin", _Terminal("Fabrikam\n"))
    with pytest.raises(Conflict, match="nothing was done"):
        confirm(hurts, "Contoso", yes=False)
    monkeypatch.setattr(sys, "stdin", _Terminal("Contoso\n"))
    confirm(hurts, "Contoso", yes=False)
    monkeypatch.setattr(sys, "stdin", _Terminal(""))
    with pytest.raises(Conflict):
        confirm(hurts, "Contoso", yes=False)


def test_a_draft_is_deleted_and_what_ran_is_not(atlas: Any) -> None:
    draft, used = str(atlas.connection("Draft")), str(atlas.connection("Used"))
    atlas("check", used, "--no-wait")
    said = atlas("connection", "delete", draft, "--yes", "--json")
    assert (said.code, said.json) == (0, {"deleted": int(draft)})
    assert atlas("connection", "show", draft).code == 4
    atlas.refuses("connection", "delete", used, "--yes", code=6, says=("has run", "disable"))


def test_consent_is_revoked_here_and_recorded_again(atlas: Any) -> None:
    number = str(atlas.connection())
    atlas("connection", "consent-granted", number)
    assert atlas("connection", "revoke-consent", number, "--yes", "--json").json["consent_status"] == "revoked"
    assert atlas("connection", "consent-granted", number, "--json").json["consent_status"] == "granted"


def test_resolving_names_the_connection_or_the_one_reason(atlas: Any) -> None:
    tenant = str(atlas.tenant("Bare"))
    blocked = atlas("connection", "resolve", tenant, "--json")
    assert (blocked.code, blocked.json["reason"]) == (10, "provider_connection_missing")
    assert "next step" in atlas("connection", "resolve", tenant).out
    number = atlas.connection()
    assert atlas("connection", "resolve", "Contoso", "--json").json["reason"] == "provider_consent_missing"
    atlas("connection", "consent-granted", str(number))
    found = atlas("connection", "resolve", "Contoso", "--json")
    assert (found.code, found.json["connection"]["id"]) == (0, number)


def test_whoever_only_reads_changes_nothing(atlas: Any, as_login: Any, is_refused: Any) -> None:
    number = str(atlas.connection())
    atlas("member", "add", "ravi", "operator")
    rows = atlas.rows()
    with as_login("ravi"):
        for command in (
            ["edit", number, "--name", "X"],
            ["disable", number, "--yes"],
            ["delete", number, "--yes"],
            ["revoke-consent", number, "--yes"],
        ):
            is_refused(atlas("connection", *command), 5, "may not")
    assert atlas.rows() == rows
