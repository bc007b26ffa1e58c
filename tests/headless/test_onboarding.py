"""`atlas-tui onboard`: where it stands, and the next command, which works."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

GUID = "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"


def steps(said: Any) -> dict[str, str]:
    return {step["key"]: step["state"] for step in said.json["onboarding"]["steps"]}


def test_onboarding_says_where_it_stands_and_the_next_command_works(atlas: Any, secret: str) -> None:
    said = atlas("onboard", "--new", "Contoso", GUID, "--domain", "contoso.com", "--tag", "gold", "--json")
    assert said.code == 0, said
    tenant = str(said.json["onboarding"]["tenant_id"])
    assert said.json["next_commands"] == ["atlas-tui permissions manifest", f"atlas-tui onboard seen {tenant}"]
    said = atlas("onboard", "seen", tenant, "--json")
    assert said.json["next_commands"] == [f"atlas-tui connection add {tenant} --client-id CLIENT-ID"]
    atlas("connection", "add", tenant, "--client-id", str(uuid.uuid4()))
    said = atlas("onboard", tenant, "--json")
    (command,) = said.json["next_commands"]
    stored = atlas(*command.split()[1:], "--secret-file", "-", stdin=secret.encode())
    assert stored.code == 0, stored
    said = atlas("onboard", tenant, "--json")
    atlas(*said.json["next_commands"][0].split()[1:])
    said = atlas("onboard", "show", tenant, "--json")
    assert said.json["current"]["key"] == "verify"
    atlas.refuses("onboard", "finish", tenant, code=6, says=("not done", "verify"))
    atlas.sql("UPDATE operation_runs SET status = 'completed', outcome = 'failed', completed_at = queued_at")
    atlas.sql("UPDATE provider_connections SET verification_status = 'healthy'")
    assert "onboard finish" in atlas("onboard", tenant).out
    finished = atlas("onboard", "finish", tenant, "--json")
    assert set(steps(finished).values()) == {"done"}
    assert atlas("tenants", "--json").json[0]["lifecycle"] == "active"
    assert atlas("onboard", "list", "--json").json == []
    assert atlas("onboard", tenant, "--json").json["onboarding"]["status"] == "done", "looking does not begin anew"
    atlas("connection", "revoke-consent", tenant, "--yes")
    assert atlas("onboard", tenant, "--json").json["onboarding"]["status"] == "open", "there is something to do again"


def test_two_ways_to_consent_are_told_apart(atlas: Any, secret: str) -> None:
    tenant = str(atlas.tenant())
    atlas("onboard", tenant)
    shown = atlas("onboard", "seen", tenant).out
    assert f"next           atlas-tui connection add {tenant}" in shown
    added = atlas("connection", "add", tenant, "--client-id", str(uuid.uuid4())).out
    assert f"next           atlas-tui onboard {tenant}" in added
    atlas("credential", "set", "--connection", tenant, "--secret-file", "-", stdin=secret.encode())
    shown = atlas("onboard", tenant).out
    assert "# once it was granted in the portal" in shown
    assert "or             atlas-tui consent link" in shown


def test_onboarding_is_listed_taken_over_and_cancelled(atlas: Any, as_login: Any) -> None:
    tenant = str(atlas.tenant())
    atlas("onboard", tenant)
    atlas("member", "add", "ravi", "manager")
    with as_login("ravi"):
        assert "Contoso" in atlas("onboard", "list").out
        assert "held by ravi" in atlas("onboard", tenant).out
        ended = atlas("onboard", "cancel", tenant, "--reason", "Not now")
    assert (ended.code, "cancelled" in ended.out, "Not now" in ended.out) == (0, True, True)
    assert atlas("onboard", "list", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], ("needs a tenant",)),
        (["show"], ("needs a tenant",)),
        (["1", "--domain", "contoso.com"], ("--domain", "--new")),
        (["1", "--reason", "x"], ("--reason", "cancel")),
        (["cancel", "1"], ("--reason",)),
        (["1", "--new", "A", GUID], ("not both",)),
        (["--new", "A", "not-a-guid"], ("tenant id", "GUID")),
        (["--new", "A", GUID, "--domain", "x y"], ("domain",)),
    ],
)
def test_bad_onboarding_arguments_are_refused(atlas: Any, arguments: list[str], says: tuple[str, ...]) -> None:
    atlas.refuses("onboard", *arguments, code=2, says=says)


def test_a_tenant_that_was_never_onboarded_has_nothing_to_show(atlas: Any) -> None:
    atlas.refuses("onboard", "show", str(atlas.tenant()), code=4, says=("never onboarded", "onboard"))
