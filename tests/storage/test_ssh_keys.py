"""SSH keys: which are taken, whose they are, and when they may log in; sessions, and who may end them."""

from __future__ import annotations

import base64
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from storage import leaving, member_changes, ownership, platform_grants, sessions, ssh_keys
from storage.access import Principal
from storage.capabilities import Capability, Role
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.openssh import ALGORITHMS, fingerprint_of, read_public_key
from storage.schema import audit_entries, users

BOSS = Principal(None, "root", via=ownership.VIA)


def line_of(private: Any) -> str:
    return str(
        private.public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        .decode("ascii")
    )


def new_line() -> str:
    return line_of(ed25519.Ed25519PrivateKey.generate())


def wire(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def security_key_line() -> str:
    name = "sk-ssh-ed25519@openssh.com"
    return f"{name} {base64.b64encode(wire(name.encode(), bytes(range(32)), b'ssh:')).decode()}"


GOOD = {
    "ed25519": new_line(),
    "rsa 2048": line_of(rsa.generate_private_key(65537, 2048)),
    "ecdsa 256": line_of(ec.generate_private_key(ec.SECP256R1())),
    "ecdsa 384": line_of(ec.generate_private_key(ec.SECP384R1())),
    "ecdsa 521": line_of(ec.generate_private_key(ec.SECP521R1())),
    "security key": security_key_line(),
}


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_every_kind_of_key_that_openssh_takes_is_read_as_openssh_reads_it(kind: str, tmp_path: Path) -> None:
    key = read_public_key(f"  {GOOD[kind]} nora@lap\x1b[2Jtop\n")
    assert key.line == GOOD[kind]
    assert key.algorithm in ALGORITHMS
    assert key.comment == "nora@lap [2Jtop"
    if keygen := shutil.which("ssh-keygen"):
        (tmp_path / "key.pub").write_text(GOOD[kind] + "\n")
        said = subprocess.run([keygen, "-l", "-f", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
        assert key.fingerprint == said.stdout.split()[1]


BAD = {
    "a private key": (
        ed25519.Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        .decode(),
        "private key",
    ),
    "nothing": ("# only a comment\n", "empty"),
    "two keys": (f"{GOOD['ed25519']}\n{GOOD['ecdsa 256']}\n", "more than one"),
    "options": (f'command="/bin/sh" {GOOD["ed25519"]}', "options"),
    "an option": (f"restrict {GOOD['ed25519']}", "options"),
    "weak rsa": (line_of(rsa.generate_private_key(65537, 1024)), "1024 bits"),
    "dsa": ("ssh-dss " + base64.b64encode(wire(b"ssh-dss", b"\1")).decode(), "DSA"),
    "a certificate": (f"ssh-ed25519-cert-v01@openssh.com {GOOD['ed25519'].split()[1]}", "certificate"),
    "another type in front": (f"ssh-rsa {GOOD['ed25519'].split()[1]}", "differ"),
    "cut off": (GOOD["rsa 2048"][:-40], "damaged"),
    "something behind": (
        "ssh-ed25519 " + base64.b64encode(wire(b"ssh-ed25519", bytes(32), b"more")).decode(),
        "follows",
    ),
    "not base64": ("ssh-ed25519 !!!!", "base64"),
    "a word": ("hello", "not an OpenSSH public key"),
    "only its type": ("ssh-ed25519", "damaged"),
    "negative modulus": (
        "ssh-rsa " + base64.b64encode(wire(b"ssh-rsa", b"\1\0\1", b"\xff" * 256)).decode(),
        "no key has",
    ),
    "far too long": ("ssh-ed25519 " + "A" * 20_000, "too long"),
}


@pytest.mark.parametrize("what", sorted(BAD))
def test_what_must_not_log_in_is_refused_without_being_repeated(what: str) -> None:
    text, why = BAD[what]
    with pytest.raises(InvalidInput, match=why) as caught:
        read_public_key(text)
    assert not [word for word in text.split() if len(word) > 20 and word in str(caught.value)]


@given(st.text(max_size=300) | st.binary(max_size=80).map(lambda b: "ssh-ed25519 " + base64.b64encode(b).decode()))
def test_whatever_is_given_is_read_or_refused(text: str) -> None:
    try:
        key = read_public_key(text)
    except InvalidInput:
        return
    assert base64.b64encode(base64.b64decode(key.blob)).decode() == key.blob
    assert key.fingerprint == fingerprint_of(base64.b64decode(key.blob))


def add_key(fleet: Any, login: str = "omar", by: Principal | None = None, **more: Any) -> ssh_keys.SshKey:
    return ssh_keys.add(fleet.db, by or fleet.dana, fleet.north, login, new_line(), **more)


def test_a_key_logs_its_member_in_until_it_is_revoked(fleet: Any) -> None:
    key = add_key(fleet, label="laptop")
    found = ssh_keys.login_of(fleet.db, key.fingerprint)
    assert found is not None
    assert (found.id, found.login, found.line.split()[0]) == (key.id, "omar", "ssh-ed25519")
    who = ssh_keys.principal_of(fleet.db, key.id)
    assert (who.user_id, who.login, who.via) == (fleet.people["omar"].user_id, "omar", "ssh")
    assert [row.label for row in ssh_keys.of_workspace(fleet.db, fleet.dana, fleet.north, "omar")] == ["laptop"]
    assert ssh_keys.revoke(fleet.db, fleet.dana, fleet.north, key.fingerprint).revoked_at == fleet.clock.time
    assert ssh_keys.login_of(fleet.db, key.fingerprint) is None
    with pytest.raises(Forbidden, match="may not log in"):
        ssh_keys.principal_of(fleet.db, key.id)
    with pytest.raises(NotFound):
        ssh_keys.revoke(fleet.db, fleet.dana, fleet.north, str(key.id))
    actions = [row.action for row in fleet.rows(select(audit_entries.c.action).order_by(audit_entries.c.id))][-2:]
    assert actions == ["ssh_key.add", "ssh_key.revoke"]


def test_a_key_ends_at_its_moment_and_with_its_user(fleet: Any) -> None:
    short = add_key(fleet, expires_at=fleet.clock.time + timedelta(hours=1))
    long = add_key(fleet)
    with pytest.raises(InvalidInput, match="past"):
        add_key(fleet, expires_at=fleet.clock.time)
    fleet.clock.advance(hours=1)
    assert ssh_keys.login_of(fleet.db, short.fingerprint) is None
    assert ssh_keys.login_of(fleet.db, long.fingerprint) is not None
    fleet.write(update(users).where(users.c.login == "omar").values(is_active=False))
    assert ssh_keys.login_of(fleet.db, long.fingerprint) is None


def test_a_key_is_added_once_even_after_it_was_revoked(fleet: Any) -> None:
    line = new_line()
    key = ssh_keys.add(fleet.db, fleet.dana, fleet.north, "omar", line)
    ssh_keys.revoke(fleet.db, fleet.dana, fleet.north, key.fingerprint)
    for login in ("omar", "rita"):
        with pytest.raises(Conflict, match="added before"):
            ssh_keys.add(fleet.db, fleet.dana, fleet.north, login, line + " another comment")


def test_nobody_gets_into_another_workspace_by_a_key_they_added(fleet: Any) -> None:
    zoe = fleet.people["zoe"]
    member_changes.add(fleet.db, zoe, fleet.south, login="rita", display_name="Rita", role=Role.OWNER)
    for login in ("zoe", "pat", "nobody"):
        with pytest.raises(NotFound):
            add_key(fleet, login)
    with pytest.raises(Forbidden, match="may not add a key for rita"):
        add_key(fleet, "rita")
    platform_grants.grant(fleet.db, BOSS, "omar", Capability.PLATFORM_RUNS_VIEW)
    with pytest.raises(Forbidden):
        add_key(fleet, "omar")
    assert add_key(fleet, "rita", by=BOSS).added_by is None
    assert add_key(fleet, "omar", by=BOSS).login == "omar"


def _in_both(fleet: Any, login: str) -> None:
    """The other workspace's Owner adds somebody by their login, which nobody can prevent."""
    member_changes.add(fleet.db, fleet.people["zoe"], fleet.south, login=login, display_name=login, role=Role.READONLY)


def test_an_owner_who_adds_somebody_gets_no_power_over_their_keys(fleet: Any) -> None:
    key = add_key(fleet)
    _in_both(fleet, "omar")
    for login, workspace in (("zoe", fleet.south), ("dana", fleet.north)):
        with pytest.raises(Forbidden, match="may not revoke a key of omar") as refusal:
            ssh_keys.revoke(fleet.db, fleet.people[login], workspace, key.fingerprint, ticket="INC-7")
        assert "member remove" in str(refusal.value)
        assert "--system" in str(refusal.value)
    told = fleet.rows(
        select(audit_entries.c.workspace_id, audit_entries.c.ticket).where(
            audit_entries.c.action == "ssh_key.revoke", audit_entries.c.outcome == "refused"
        )
    )
    assert sorted(told) == sorted([(fleet.south, "INC-7"), (fleet.north, "INC-7")])
    assert ssh_keys.login_of(fleet.db, key.fingerprint) is not None
    ssh_keys.revoke(fleet.db, BOSS, fleet.south, key.fingerprint)
    assert ssh_keys.login_of(fleet.db, key.fingerprint) is None


def test_a_platform_role_takes_keys_and_sessions_out_of_an_owners_hands(fleet: Any) -> None:
    key, session = add_key(fleet), sessions.begin(fleet.db, fleet.people["omar"], "laptop")
    platform_grants.grant(fleet.db, BOSS, "omar", Capability.PLATFORM_RUNS_VIEW)
    with pytest.raises(Forbidden, match="may not revoke"):
        ssh_keys.revoke(fleet.db, fleet.dana, fleet.north, key.fingerprint)
    with pytest.raises(Forbidden, match="may not end"):
        sessions.end(fleet.db, fleet.dana, fleet.north, session)
    left = leaving.leave(fleet.db, fleet.dana, fleet.north, "omar")
    assert (left.sessions, left.keys) == (0, 0), "leaving one workspace takes nothing that was given for the system"
    assert [row.login for row in platform_grants.of_installation(fleet.db, BOSS)].count("omar") == 1
    assert ssh_keys.login_of(fleet.db, key.fingerprint) is not None


@pytest.mark.parametrize("login", ["omar", "rita"])
def test_everybody_may_revoke_their_own_key_and_end_their_own_session(fleet: Any, login: str) -> None:
    key, session = add_key(fleet, login), sessions.begin(fleet.db, fleet.people[login], "laptop")
    _in_both(fleet, login)
    other = "rita" if login == "omar" else "omar"
    with pytest.raises(Forbidden):
        ssh_keys.revoke(fleet.db, fleet.people[other], fleet.north, key.fingerprint)
    with pytest.raises(Forbidden):
        sessions.end(fleet.db, fleet.people[other], fleet.north, session)
    assert ssh_keys.revoke(fleet.db, fleet.people[login], fleet.north, key.fingerprint).revoked_at is not None
    assert sessions.end(fleet.db, fleet.people[login], fleet.north, session).ended_at is not None


def test_an_owner_ends_access_to_their_workspace_and_not_a_session_that_reaches_further(fleet: Any) -> None:
    omar, zoe = fleet.people["omar"], fleet.people["zoe"]
    session = sessions.begin(fleet.db, omar, "laptop")
    fleet.clock.advance(minutes=1)
    _in_both(fleet, "omar")
    with pytest.raises(Forbidden, match="may not end a session of omar"):
        sessions.end(fleet.db, zoe, fleet.south, session)
    assert leaving.leave(fleet.db, zoe, fleet.south, "omar").sessions == 0
    standing = sessions.standing(fleet.db, omar, session)
    assert (standing.ended, [entry.slug for entry in standing.workspaces]) == (None, ["north"])
    _in_both(fleet, "omar")
    assert sessions.end(fleet.db, BOSS, fleet.north, session).end_reason == "ended by root"


def test_ones_own_keys_are_readable(fleet: Any) -> None:
    add_key(fleet)
    assert [key.login for key in ssh_keys.mine(fleet.db, fleet.people["omar"])] == ["omar"]
    assert ssh_keys.mine(fleet.db, fleet.people["rita"]) == ()


# Sessions


def test_a_session_is_told_in_each_workspace_it_may_enter_and_ends_once(fleet: Any) -> None:
    omar = fleet.people["omar"]
    session = sessions.begin(fleet.db, omar, "laptop\x1b[2J")
    (row,) = sessions.of_workspace(fleet.db, fleet.dana, fleet.north)
    assert (row.id, row.login, row.via, row.host, row.is_silent) == (session, "omar", "os", "laptop [2J", False)
    fleet.clock.advance(minutes=6)
    assert sessions.of_workspace(fleet.db, fleet.dana, fleet.north)[0].is_silent
    assert sessions.standing(fleet.db, omar, session).ended is None
    assert not sessions.of_workspace(fleet.db, fleet.dana, fleet.north)[0].is_silent
    sessions.finish(fleet.db, omar, session)
    sessions.finish(fleet.db, omar, session, "again")
    assert sessions.of_workspace(fleet.db, fleet.dana, fleet.north) == ()
    (row,) = sessions.of_workspace(fleet.db, fleet.dana, fleet.north, ended=True)
    assert row.end_reason == "quit"
    told = fleet.rows(select(audit_entries.c.workspace_id).where(audit_entries.c.action == "session.start"))
    assert told == [(fleet.north,)]


def test_an_owner_ends_a_session_and_its_dashboard_is_told(fleet: Any) -> None:
    omar = fleet.people["omar"]
    session = sessions.begin(fleet.db, omar, "laptop")
    for login, error in (("mona", Forbidden), ("zoe", NotFound)):
        with pytest.raises(error):
            sessions.end(fleet.db, fleet.people[login], fleet.north, session)
    with pytest.raises(NotFound):
        sessions.end(fleet.db, fleet.people["zoe"], fleet.south, session)
    assert sessions.end(fleet.db, fleet.dana, fleet.north, session).end_reason == "ended by dana"
    assert sessions.standing(fleet.db, omar, session).ended == "This session was ended (ended by dana)."
    with pytest.raises(NotFound):
        sessions.end(fleet.db, fleet.dana, fleet.north, session)


def test_a_running_dashboard_learns_of_another_role_and_of_none(fleet: Any) -> None:
    rita = fleet.people["rita"]
    session = sessions.begin(fleet.db, rita, "laptop")
    (member,) = _memberships(fleet, "rita")
    member_changes.change_role(fleet.db, fleet.dana, fleet.north, member, Role.OPERATOR)
    standing = sessions.standing(fleet.db, rita, session)
    assert (standing.ended, [entry.role for entry in standing.workspaces]) == (None, [Role.OPERATOR])
    member_changes.revoke(fleet.db, fleet.dana, fleet.north, member)
    standing = sessions.standing(fleet.db, rita, session)
    assert standing.ended == "rita is not a member of any workspace any more."
    assert standing.workspaces == ()


def _memberships(fleet: Any, login: str) -> list[int]:
    from storage import members

    return [row.id for row in members.of_login(fleet.db, fleet.dana, fleet.north, login)]


def test_nobody_speaks_for_the_session_of_another(fleet: Any) -> None:
    session = sessions.begin(fleet.db, fleet.people["omar"], "laptop")
    rita = fleet.people["rita"]
    assert sessions.standing(fleet.db, rita, session).ended == "This session is not known any more."
    sessions.finish(fleet.db, rita, session)
    assert sessions.standing(fleet.db, fleet.people["omar"], session).ended is None


def test_what_a_member_opened_after_leaving_is_not_shown(fleet: Any) -> None:
    zoe, rita = fleet.people["zoe"], fleet.people["rita"]
    member_changes.add(fleet.db, zoe, fleet.south, login="rita", display_name="Rita", role=Role.OPERATOR)
    before = sessions.begin(fleet.db, rita, "one")
    fleet.clock.advance(minutes=1)
    leaving.leave(fleet.db, fleet.dana, fleet.north, "rita")
    fleet.clock.advance(minutes=1)
    after = sessions.begin(fleet.db, rita, "two")
    seen = {row.id for row in sessions.of_workspace(fleet.db, fleet.dana, fleet.north, ended=True)}
    assert seen == {before}
    with pytest.raises(NotFound):
        sessions.end(fleet.db, fleet.dana, fleet.north, after)


def test_who_is_turned_away_is_written_down_once_in_a_while(fleet: Any) -> None:
    entries = select(audit_entries).where(audit_entries.c.action == "session.refused").order_by(audit_entries.c.id)
    for _ in range(3):
        sessions.refused(fleet.db, "mallory\x1b", "os", "no member")
    sessions.refused(fleet.db, "other", "ssh", "no member")
    fleet.clock.advance(minutes=10)
    sessions.refused(fleet.db, "mallory\x1b", "os", "no member")
    found = [(row.actor, row.outcome, row.workspace_id) for row in fleet.rows(entries)]
    assert found == [("mallory", "refused", None), ("other", "refused", None), ("mallory", "refused", None)]
