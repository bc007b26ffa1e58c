"""Platform apps from the command line: their page, their edits, their verification."""

from __future__ import annotations

import uuid
from typing import Any

GUID = "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"


def app(atlas: Any, home: str = GUID) -> None:
    said = atlas("app", "add", "Atlas", "--client-id", str(uuid.uuid4()), "--home-tenant", home)
    assert said.code == 0, said


def test_a_platform_apps_page_has_everything(atlas: Any) -> None:
    app(atlas)
    number = atlas("connection", "add", str(atlas.tenant()), "--json").json["id"]
    shown = atlas("app", "show", "global", "--json").json
    assert (shown["detail"]["app"]["connections"], shown["connections"][0]["id"]) == (1, number)
    text = atlas("app", "show", "global").out
    for word in ("client id", "home tenant", "redirect URI", "credential set --app global", f"{number} Contoso"):
        assert word in text
    assert [row["cloud"] for row in atlas("app", "list", "--json").json] == ["global"]
    assert atlas("app", "show", "china").code == 4


def test_a_platform_app_is_edited_with_its_consequences_and_deleted_only_when_unused(atlas: Any) -> None:
    app(atlas)
    number = str(atlas("connection", "add", str(atlas.tenant()), "--json").json["id"])
    assert atlas("app", "edit", "global", "--name", "North", "--json").json["display_name"] == "North"
    atlas.refuses("app", "edit", "global", "--client-id", GUID, code=2, says=("--yes", "1 connection"))
    atlas.refuses("app", "edit", "global", "--redirect-uri", "http://x.example", "--yes", code=2, says=("redirect",))
    atlas.refuses("app", "edit", "global", code=2, says=("changes nothing",))
    edited = atlas("app", "edit", "global", "--client-id", GUID, "--yes")
    assert (edited.code, "credential set --app global" in edited.out) == (0, True)
    atlas.refuses("app", "delete", "global", "--yes", code=6, says=("1 connection",))
    atlas("connection", "delete", number, "--yes")
    assert atlas("app", "delete", "global", "--yes", "--json").code == 0
    assert atlas("app", "list", "--json").json == []


def test_a_platform_app_is_verified_on_its_home_tenant_and_on_named_connections(atlas: Any, secret: str) -> None:
    app(atlas)
    number = str(atlas("connection", "add", str(atlas.tenant()), "--json").json["id"])
    atlas.refuses("app", "verify", "global", code=6, says=("home tenant",))
    blocked = atlas("app", "verify", "global", number)
    assert (blocked.code, "provider_credential_missing" in blocked.out) == (10, True)
    atlas("credential", "set", "--app", "global", "--secret-file", "-", stdin=secret.encode())
    home = atlas("tenant", "add", "Home", GUID, "--json").json["id"]
    atlas("connection", "add", str(home))
    said = atlas("app", "verify", "global", number, "--json")
    assert (said.code, [one["result"] for one in said.json]) == (0, ["started", "started"])
    assert [one["check"]["is_home"] for one in said.json] == [True, False]
    assert "already there" in atlas("app", "verify", "global").out
