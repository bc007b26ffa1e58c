"""The command line for people: members, leavers, keys, sessions, workspaces, platform roles."""

from __future__ import annotations

from typing import Any

import pytest

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f nora@laptop"


def logins(atlas: Any, *filter: str) -> dict[str, str]:
    return {row["login"]: row["role"] for row in atlas("member", "list", *filter, "--json").json}


def test_a_member_is_added_changed_shown_and_removed(atlas: Any, as_login: Any, is_refused: Any) -> None:
    assert "nora is operator (workspace), for good." in atlas("member", "add", "nora", "operator", "--name", "Nora").out
    assert logins(atlas, "role:operator") == {"nora": "operator"}
    assert "until 2099" in atlas("member", "change", "nora", "--role", "auditor", "--until", "2099-01-01T08:00").out
    shown = atlas("member", "show", "nora").out
    assert "Nora" in shown
    assert "auditor (workspace)" in shown
    assert atlas("member", "change", "nora", "--for-good", "--json").json["expires_at"] is None
    with as_login("nora"):
        assert atlas("member", "list").code == 0
        is_refused(atlas("member", "add", "karl", "owner"), 5, "member.manage")
    assert atlas("member", "remove", "nora", "--yes").code == 0
    assert "nora" not in logins(atlas)
    with as_login("nora"):
        is_refused(atlas("connections"), 5, "nora", "member add nora")


def test_a_role_reaches_one_tenant_or_a_tag(atlas: Any, as_login: Any, is_refused: Any) -> None:
    atlas.tenant("Contoso")
    atlas.tenant("Fabrikam", tag="gold")
    assert "(tenant Contoso)" in atlas("member", "add", "tina", "operator", "--tenant", "contoso").out
    assert "(tag gold)" in atlas("member", "add", "tina", "auditor", "--tag", "gold").out
    is_refused(atlas("member", "add", "tina", "auditor", "--tag", "gold"), 6, "already")
    said = is_refused(atlas("member", "change", "tina", "--role", "readonly"), 6, "2 roles")
    assert "operator (tenant Contoso)" in said.err
    with as_login("tina"):
        assert {row["name"] for row in atlas("tenants", "--json").json} == {"Contoso", "Fabrikam"}


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (("add", "no spaces", "owner"), 2, "login"),
        (("add", "nora", "owner", "--until", "yesterday"), 2, "--until"),
        (("add", "nora", "owner", "--tenant", "nowhere"), 4, "nowhere"),
        (("change", "nobody", "--role", "owner"), 4, "nobody"),
        (("change", "nobody"), 2, "changes nothing"),
        (("change", "nobody", "--until", "2099-01-01", "--for-good"), 2, "--for-good"),
        (("remove", "999999"), 4, "999999"),
        (("leave", "nobody"), 4, "nobody"),
        (("show", "nobody"), 4, "nobody"),
        (("key", "add", "nobody", "/nowhere.pub"), 2, "cannot be read"),
        (("key", "revoke", "7"), 4, "no key"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(atlas: Any, given: tuple[str, ...], code: int, says: str) -> None:
    atlas.refuses("member", *given, code=code, says=(says,))


def test_the_last_owner_cannot_be_taken_away_from_the_command_line(atlas: Any) -> None:
    (owner,) = logins(atlas, "role:owner")
    for given in (("member", "remove", owner), ("member", "leave", owner), ("user", "deactivate", owner)):
        atlas.refuses(*given, code=6, says=("last Owner",))


def test_a_leaver_is_gone_with_what_they_had_and_comes_back_with_a_new_role(atlas: Any, as_login: Any) -> None:
    atlas("member", "add", "nora", "manager")
    added = atlas("member", "key", "add", "nora", "-", "--label", "laptop", stdin=KEY.encode())
    assert "laptop" in added.out
    assert [key["login"] for key in atlas("member", "key", "list", "--json").json] == ["nora"]
    left = atlas("member", "leave", "nora", "--yes", "--ticket", "HR-1", "--json").json
    assert (left["memberships"], left["keys"]) == (1, 1)
    assert atlas("member", "add", "nora", "readonly").code == 0
    with as_login("nora"):
        assert [row["role"] for row in atlas("workspaces", "--json").json] == ["readonly"]
    assert [key["revoked_at"] is None for key in atlas("member", "key", "list", "nora", "--json").json] == [False]


def test_taking_somebody_away_says_what_follows_and_wants_a_yes(atlas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    atlas("member", "add", "nora", "manager")
    atlas("member", "key", "add", "nora", "-", stdin=KEY.encode())
    ways = {
        ("member", "remove", "nora"): "nora is manager on workspace no more",
        ("member", "leave", "nora"): "1 SSH key revoked",
        ("user", "deactivate", "nora"): "1 SSH key revoked",
    }
    for given, sentence in ways.items():
        atlas.refuses(*given, code=2, says=("--yes", sentence))
    assert "nora" in logins(atlas)
    from atlas_tui.headless import confirming

    with monkeypatch.context() as terminal:
        # A terminal: what was typed is compared with the name.
        terminal.setattr(confirming, "_can_ask", lambda: True)
        said = atlas("member", "leave", "nora", stdin=b"yes\n")
        assert (said.code, said.out) == (6, "")
        assert "1 SSH key revoked" in said.err
        assert "nora" in logins(atlas)
        assert atlas("member", "remove", "nora", stdin=b"nora\n").code == 0
    assert "nora" not in logins(atlas)
    atlas("member", "add", "nora", "manager")
    said = atlas("user", "deactivate", "nora", "--yes", "--json")
    assert (said.code, said.json["keys"]) == (0, 1)
    assert "Close the account nora" in said.err


def test_a_private_key_is_never_taken_or_repeated(atlas: Any) -> None:
    atlas("member", "add", "nora", "operator")
    private = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEcanary\n-----END OPENSSH PRIVATE KEY-----\n"
    said = atlas.refuses("member", "key", "add", "nora", "-", code=2, says=("private key",), stdin=private)
    assert "canary" not in said.err


def test_workspaces_and_platform_roles_are_for_whoever_owns_the_database(
    atlas: Any, as_login: Any, is_refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert atlas("workspace", "add", "south-msp", "zoe", "--name", "South").code == 0
    assert {row["slug"] for row in atlas("workspace", "list", "--json").json} == {"main", "south-msp"}
    assert atlas("workspaces", "--json").json[0]["slug"] == "main"
    with as_login("zoe"):
        assert [row["slug"] for row in atlas("workspaces", "--json").json] == ["south-msp"]
    assert "Head office" in atlas("workspace", "rename", "Head office").out
    assert atlas("platform", "grant", "pat", "platform.runs.view").code == 0
    assert [row["login"] for row in atlas("platform", "list", "--json").json] == ["pat"]
    assert atlas("platform", "revoke", "pat", "platform.runs.view").code == 0
    from storage import ownership

    monkeypatch.setattr(ownership.os, "geteuid", lambda: 54321)
    for given in (
        ("workspace", "add", "west", "mina"),
        ("workspace", "list"),
        ("platform", "grant", "pat", "platform.runs.view"),
        ("platform", "list"),
        ("user", "deactivate", "zoe"),
        ("member", "key", "add", "zoe", "-", "--system"),
    ):
        is_refused(atlas(*given, stdin=KEY.encode()), 5, "owns the database")
    (told,) = atlas.sql("SELECT canonical FROM audit_entries WHERE action = 'session.refused'")
    assert b"whoever owns the database" in told[0]


def test_the_owner_of_the_database_adds_a_key_that_no_other_owner_may(atlas: Any, is_refused: Any) -> None:
    atlas("workspace", "add", "south-msp", "zoe")
    atlas("member", "add", "zoe", "readonly")
    is_refused(atlas("member", "key", "add", "zoe", "-", stdin=KEY.encode()), 5, "--system")
    assert atlas("member", "key", "add", "zoe", "-", "--system", stdin=KEY.encode()).code == 0
    (key,) = atlas("member", "key", "list", "--json").json
    is_refused(atlas("member", "key", "revoke", key["fingerprint"]), 5, "--system")
    assert atlas("member", "key", "revoke", key["fingerprint"], "--system").code == 0


def test_a_session_is_begun_by_a_key_only(atlas: Any, is_refused: Any) -> None:
    is_refused(atlas("session"), 2, "--key")
    assert atlas("session", "list", "--json").json == []
    is_refused(atlas("session", "end", "nothing"), 4, "no open session")
