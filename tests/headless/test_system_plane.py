"""The system plane from the command line: a platform role opens it, a workspace's role and owning the database do not."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest

from atlas_tui import keyboard
from atlas_tui.headless.forced_command import read_command
from storage.errors import Forbidden

ASKED = (
    ("system", "directory"),
    ("system", "health"),
    ("system", "tenant", "Contoso"),
    ("system", "runs"),
    ("system", "run", "1"),
)


KEY = b"ssh-ed25519 " + base64.b64encode(
    b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", bytes(range(32))))
)


def as_staff(atlas: Any, *capabilities: str) -> None:
    """Makes `pat`, who is in no workspace, platform staff."""
    for capability in capabilities:
        assert atlas("platform", "grant", "pat", capability).code == 0


def test_the_owner_of_a_workspace_and_of_the_database_sees_no_directory(atlas: Any) -> None:
    atlas.connection()
    for words in ASKED:
        atlas.refuses(*words, code=4, says=("does not exist",))


def test_staff_see_all_workspaces_and_enter_none(atlas: Any, as_login: Any, is_harmless: Any) -> None:
    number = atlas.connection()
    atlas("workspace", "add", "south", "zoe")
    with as_login("zoe"):
        assert atlas("tenant", "add", "Adatum", str(uuid.uuid4()), "--workspace", "south").code == 0
    run = atlas("check", str(number), "--no-wait", "--json").json["run"]["id"]
    as_staff(atlas, "platform.directory.view", "platform.runs.view")
    with as_login("pat"):
        rows = atlas("system", "directory", "--json").json
        assert [(row["name"], row["workspace"]) for row in rows] == [("Adatum", "south"), ("Contoso", "main")]
        assert [row["name"] for row in atlas("system", "directory", "--workspace", "south", "--json").json] == [
            "Adatum"
        ]
        assert [row["name"] for row in atlas("system", "directory", "verification:pending", "--json").json] == [
            "Contoso"
        ]
        found = atlas("system", "tenant", "contoso", "--json").json
        assert found["row"]["default"]["verification_status"] == "pending"
        assert [row["id"] for row in found["runs"]] == [run]
        assert atlas("system", "health", "--json").json["rollup"]["verification"]["pending"] == 1
        assert atlas("system", "run", str(run), "--json").json["workspace"] == "main"
        assert [row["run"]["id"] for row in atlas("system", "runs", "--json").json] == [run]
        for words in (*ASKED[:3], ("system", "runs"), ("system", "run", str(run))):
            said = atlas(*words)
            assert said.code == 0, said
            is_harmless(said.out)
        assert "no connection" in atlas("system", "directory").out
        atlas.refuses("system", "tenant", "nosuch", code=4, says=("no tenant fits",))
        for words in (("tenants",), ("runs",), ("run", str(run)), ("connections",), ("check", str(number))):
            atlas.refuses(*words, code=5, says=("pat", "not a member of any workspace"))
        for words in (("workspace", "list"), ("platform", "grant", "pat", "platform.runs.view")):
            # Whoever owns the database is the account of this process, whatever its login; the next test is about who only came in.
            assert atlas(*words).code in (0, 6)


def test_with_one_platform_role_the_other_is_forbidden_by_name(atlas: Any, as_login: Any) -> None:
    atlas.connection()
    as_staff(atlas, "platform.directory.view")
    with as_login("pat"):
        atlas.refuses("system", "runs", code=5, says=("platform.runs.view", "platform grant pat"))
        assert "takes platform.runs.view" in atlas("system", "tenant", "contoso").out


def test_over_a_forced_command_the_plane_is_the_members_own_and_never_the_database_owners(atlas: Any) -> None:
    """The process is the database owner's there; what is read is what the key's member may read."""
    for words in ASKED:
        assert read_command(" ".join(words)).handler.startswith("headless.system_plane:")
    for asked in ("platform grant sam platform.runs.view", "platform list", "workspace list"):
        with pytest.raises(Forbidden):
            read_command(asked)
    atlas.connection()
    assert atlas("member", "add", "sam", "readonly").code == 0
    key = int(atlas("member", "key", "add", "sam", "-", "--json", stdin=KEY).json["id"])
    with keyboard.with_key(key):
        for words in (*ASKED, ("audit", "list", "--system")):
            assert atlas(*words).code in (4, 5), words
        assert atlas("member", "key", "revoke", str(key), "--system").code == 5
    as_staff(atlas, "platform.directory.view")
    atlas("platform", "grant", "sam", "platform.directory.view")
    with keyboard.with_key(key):
        assert [row["name"] for row in atlas("system", "directory", "--json").json] == ["Contoso"]
        assert atlas("system", "runs").code == 5
        assert atlas("member", "key", "revoke", str(key), "--system").code == 5
