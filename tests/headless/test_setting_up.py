"""Tenants, platform apps, connections and members, added from the command line."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

GUID = "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"
TENANT_KEYS = {
    "id", "workspace_id", "name", "microsoft_name", "entra_tenant_id", "primary_domain", "cloud", "lifecycle", "tags",
    "connections", "is_archived", "created_at",
}  # fmt: skip


def test_a_tenant_is_added_and_the_next_command_is_named(atlas: Any) -> None:
    said = atlas("tenant", "add", "Contoso", GUID.upper(), "--domain", "Contoso.com", "--tag", "gold", "--tag", "eu")

    assert (said.code, said.err) == (0, "")
    assert "atlas-tui connection add 1 --client-id" in said.out
    (row,) = atlas("tenants", "--json").json
    assert (row["name"], row["entra_tenant_id"], row["primary_domain"]) == ("Contoso", GUID, "contoso.com")
    assert [tenant["name"] for tenant in atlas("tenants", "tag:gold", "--json").json] == ["Contoso"]
    assert atlas("tenants", "tag:silver", "--json").json == []
    atlas("app", "add", "Ours", "--client-id", str(uuid.uuid4()), "--home-tenant", str(uuid.uuid4()))
    with_app = atlas("tenant", "add", "Fabrikam", str(uuid.uuid4())).out
    assert with_app.splitlines()[-1].endswith("atlas-tui connection add 2"), "it signs in with the platform app"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["X", "not-a-guid"], ("tenant id", "GUID", "8a3c1f0e")),
        (["X", GUID[:-1]], ("tenant id", "GUID")),
        (["X", "00000000-0000-0000-0000-000000000000"], ("tenant id", "empty GUID")),
        (["", GUID], ("name", "empty")),
        (["   ", GUID], ("name", "empty")),
        (["x" * 10_240, GUID], ("name", "longer than 200")),
        (["Cont\x1b[31moso", GUID], ("name", "control characters")),
        (["\udcff", GUID], ("name", "control characters")),
        (["X", GUID, "--domain", "not a domain"], ("domain", "contoso.com")),
        (["X", GUID, "--domain", "https://contoso.com/"], ("domain", "contoso.com")),
        (["X", GUID, "--domain", "x" * 300 + ".com"], ("domain", "contoso.com")),
        (["X", GUID, "--tag", ""], ("tag",)),
        (["X", GUID, "--tag", "a" * 5000], ("tag",)),
    ],
)
def test_a_tenant_with_a_bad_field_is_refused_and_nothing_is_kept(
    atlas: Any, arguments: list[str], says: tuple[str, ...]
) -> None:
    atlas.refuses("tenant", "add", *arguments, code=2, says=says)


@pytest.mark.parametrize(
    "arguments",
    [
        ["tenant", "add", "X"],
        ["tenant"],
        ["tenant", "add", "X", GUID, "--cloud", "mars"],
        ["nonsense"],
        ["nonsense\x1b[2J"],
        ["connections", "--limit", "0"],
        ["connections", "--limit", "-3"],
        ["connections", "--limit", "99999999999999999999"],
        ["run", "x"],
        ["run", "9" * 5000],
        ["check", "1", "--timeout", "soon"],
        ["check", "1", "--timeout", "nan"],
        ["check", "1", "--timeout", "-1"],
        ["member", "add", "x", "emperor"],
        ["tenants", "--no-such-option\x1b[31m"],
        ["demo", "--size", "0"],
        ["demo", "--size", "99", "--prepare-only"],
        ["demo", "--size", "many"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40].encode("unicode_escape").decode(),
)
def test_arguments_that_cannot_be_read_name_the_help(run: Any, is_refused: Any, arguments: list[str]) -> None:
    is_refused(run(*arguments), 2, "--help")


def test_the_same_tenant_twice_is_a_conflict(atlas: Any) -> None:
    atlas("tenant", "add", "Contoso", GUID)
    atlas.refuses("tenant", "add", "Contoso again", GUID, code=6, says=("tenant",))


def test_a_platform_app_is_registered_and_listed(atlas: Any) -> None:
    client, home = str(uuid.uuid4()), str(uuid.uuid4())

    said = atlas("app", "add", "Atlas", "--client-id", client, "--home-tenant", home, "--json")

    assert said.code == 0, said
    (app,) = atlas("apps", "--json").json
    assert app == said.json
    assert (app["client_id"], app["home_tenant_id"], app["cloud"], app["credentials"]) == (client, home, "global", [])
    assert "credential set --app usgov" in atlas(
        "app", "add", "Atlas Gov", "--client-id", client, "--home-tenant", home, "--cloud", "usgov"
    ).out  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["A", "--client-id", "x", "--home-tenant", GUID], ("client id", "GUID")),
        (["A", "--client-id", GUID, "--home-tenant", "x"], ("home tenant", "GUID")),
        (["", "--client-id", GUID, "--home-tenant", GUID], ("name", "empty")),
        (["A", "--client-id", GUID, "--home-tenant", GUID, "--redirect-uri", "javascript:x"], ("redirect", "http")),
    ],
)
def test_a_platform_app_with_a_bad_field_is_refused(atlas: Any, arguments: list[str], says: tuple[str, ...]) -> None:
    atlas.refuses("app", "add", *arguments, code=2, says=says)


def test_a_second_platform_app_for_a_cloud_is_a_conflict(atlas: Any) -> None:
    arguments = ("app", "add", "A", "--client-id", GUID, "--home-tenant", GUID)
    assert atlas(*arguments).code == 0
    atlas.refuses(*arguments, code=6, says=("global",))


def test_a_connection_needs_a_client_id_until_there_is_a_platform_app(atlas: Any) -> None:
    number = str(atlas.tenant())
    atlas.refuses("connection", "add", number, code=2, says=("client id", "app registration"))
    atlas("app", "add", "A", "--client-id", GUID, "--home-tenant", GUID)

    said = atlas("connection", "add", number, "--json")

    assert (said.code, said.json["connection_type"], said.json["is_default"]) == (0, "platform", True)
    assert "check" in atlas("connection", "add", number, "--name", "Second").out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--client-id", "x"], 2, ("client id", "GUID")),
        (["--client-id", GUID, "--type", "platform"], 2, ("client id", "dedicated")),
        (["--client-id", GUID, "--name", "\x07"], 2, ("connection name",)),
    ],
)
def test_a_connection_with_a_bad_field_is_refused(
    atlas: Any, arguments: list[str], code: int, says: tuple[str, ...]
) -> None:
    atlas.refuses("connection", "add", str(atlas.tenant()), *arguments, code=code, says=says)


@pytest.mark.parametrize(
    "name",
    ["nobody", "17", "²", "9" * 5000, "", " ", '"', "\udcff", "\x1b[2J", "x" * 400],
    ids=lambda name: name[:8].encode("unicode_escape").decode() or "empty",
)
def test_a_tenant_or_connection_that_is_not_there_is_not_found(atlas: Any, name: str) -> None:
    """Not even a blank name, an unset variable in a script, means the only one there is."""
    atlas.connection()
    rows = atlas.rows()
    for command in (
        ["connection", "add", name, "--client-id", GUID],
        ["connection", "show", name],
        ["connection", "disable", name],
        ["check", name],
        ["report", name],
    ):
        said = atlas(*command)
        assert (said.code, said.out) in ((4, ""), (2, "")), said
        assert said.err.count("\n") == 1
        assert "fault" not in said.err
    assert atlas.rows() == rows


def test_an_ambiguous_name_is_refused_and_the_candidates_are_named(atlas: Any) -> None:
    first, second = atlas.connection("Contoso East"), atlas.connection("Contoso West")

    for command in (["check"], ["connection", "show"], ["connection", "disable"], ["report"]):
        said = atlas.refuses(*command, "contoso", code=6, says=("2 connections", "number"))
        assert f"{first} Contoso East" in said.err
        assert f"{second} Contoso West" in said.err
    atlas.refuses("connection", "add", "contoso", "--client-id", GUID, code=6, says=("2 tenants", "number"))
    assert atlas("connection", "show", "contoso east", "--json").json["row"]["id"] == first


def test_a_connection_is_disabled_and_enabled_and_keeps_its_badges(atlas: Any) -> None:
    number = str(atlas.connection())
    granted = atlas("connection", "consent-granted", number, "--ticket", "CHG-1", "--json").json
    assert granted["consent_status"] == "granted"

    disabled = atlas("connection", "disable", number, "--yes", "--json").json
    assert (disabled["is_enabled"], disabled["consent_status"]) == (False, "granted")
    assert "lifecycle enabled" in atlas("connection", "enable", number).out
    assert atlas("connection", "set-default", number).code == 0


def test_members_are_added_with_a_role_and_an_end(atlas: Any, as_login: Any, is_refused: Any) -> None:
    number = str(atlas.connection())
    said = atlas("member", "add", "ravi", "readonly", "--until", "2099-03-31T08:00", "--json")
    assert (said.code, said.json["role"], said.json["expires_at"]) == (0, "readonly", "2099-03-31T08:00:00Z")

    with as_login("ravi"):
        assert [row["id"] for row in atlas("connections", "--json").json] == [int(number)]
        for command in (["check", number], ["connection", "disable", number], ["member", "add", "eve", "owner"]):
            is_refused(atlas(*command), 5)
        before = atlas.rows()
        is_refused(
            atlas("credential", "set", "--connection", number, "--secret-file", "-", stdin=b"other~secret"), 5, "may"
        )
        assert atlas.rows() == before


def test_a_member_of_a_tag_sees_nothing_else(atlas: Any, as_login: Any, is_refused: Any) -> None:
    atlas("tenant", "add", "Seen", str(uuid.uuid4()), "--tag", "gold")
    hidden = str(atlas.connection("Hidden"))
    assert atlas("member", "add", "ravi", "manager", "--tag", "gold").code == 0

    with as_login("ravi"):
        assert [row["name"] for row in atlas("tenants", "--json").json] == ["Seen"]
        is_refused(atlas("connection", "show", hidden), 4)
        is_refused(atlas("check", hidden), 4)
        is_refused(atlas("check", "Hidden"), 4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["two words", "owner"], ("login", "account")),
        (["", "owner"], ("login",)),
        (["x" * 100, "owner"], ("login",)),
        (["ravi", "owner", "--until", "tomorrow"], ("--until", "date")),
        (["ravi", "owner", "--until", "2001-01-01"], ("--until", "past")),
        (["ravi", "owner", "--name", "\x1b"], ("name",)),
        (["ravi", "owner", "--tag", " "], ("tag",)),
    ],
)
def test_a_member_with_a_bad_field_is_refused(atlas: Any, arguments: list[str], says: tuple[str, ...]) -> None:
    atlas.refuses("member", "add", *arguments, code=2, says=says)


def test_a_membership_that_has_ended_gives_no_sight(atlas: Any, as_login: Any) -> None:
    atlas("member", "add", "ravi", "manager", "--until", "2099-01-01")
    atlas.sql("UPDATE memberships SET expires_at = '2001-01-01 00:00:00.000000' WHERE expires_at IS NOT NULL")
    with as_login("ravi"):
        assert atlas("connections").code == 5
