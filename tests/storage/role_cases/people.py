"""Role table: members, leavers, workspaces, keys, sessions."""

from __future__ import annotations

import base64
from typing import Any

from sqlalchemy import select

from storage import leaving, leaving_previews, member_changes, members, sessions, ssh_keys, workspaces
from storage.capabilities import Role
from storage.pages import Place
from storage.schema import memberships

_KEY = "ssh-ed25519 " + base64.b64encode(
    b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", bytes(range(32))))
).decode("ascii")


def _membership(fleet: Any) -> int:
    return int(fleet.one(select(memberships.c.id).where(memberships.c.user_id == fleet.people["omar"].user_id)))


def _key(fleet: Any) -> str:
    fleet.add_member("sam", Role.READONLY)  # nobody of the table: one's own key everybody may revoke
    return ssh_keys.add(fleet.db, fleet.dana, fleet.north, "sam", _KEY).fingerprint


CASES = {
    "leaving.leave": ("member.manage", "workspace", lambda f, who, _: leaving.leave(f.db, who, f.north, "omar")),
    "leaving_previews.preview_leave": (
        "member.manage",
        "workspace",
        lambda f, who, _: leaving_previews.preview_leave(f.db, who, f.north, "omar"),
    ),
    "leaving_previews.preview_revoke": (
        "member.manage",
        "workspace",
        lambda f, who, member: leaving_previews.preview_revoke(f.db, who, f.north, member),
        _membership,
    ),
    "member_changes.add": (
        "member.manage",
        "workspace",
        lambda f, who, _: member_changes.add(f.db, who, f.north, login="nina", display_name="Nina", role=Role.READONLY),
    ),
    "member_changes.change_role": (
        "member.manage",
        "workspace",
        lambda f, who, member: member_changes.change_role(f.db, who, f.north, member, Role.AUDITOR),
        _membership,
    ),
    "member_changes.revoke": (
        "member.manage",
        "workspace",
        lambda f, who, member: member_changes.revoke(f.db, who, f.north, member),
        _membership,
    ),
    "member_changes.set_end": (
        "member.manage",
        "workspace",
        lambda f, who, member: member_changes.set_end(f.db, who, f.north, member, None),
        _membership,
    ),
    "members.get": (
        "audit.view",
        "workspace",
        lambda f, who, _: members.get(
            f.db, who, f.north, members.of_login(f.db, f.dana, f.north, "dana")[0].id
        ),
    ),
    "members.of_login": (
        "audit.view", "workspace", lambda f, who, _: members.of_login(f.db, who, f.north, "nobody")
    ),
    "members.page": (
        "audit.view",
        "workspace",
        lambda f, who, _: members.page(f.db, who, members.MemberQuery(f.north), Place.first()),
    ),
    "sessions.end": (
        "member.manage",
        "workspace",
        lambda f, who, session: sessions.end(f.db, who, f.north, session),
        lambda f: sessions.begin(f.db, f.add_member("sam", Role.READONLY), "host"),
    ),
    "sessions.of_workspace": (
        "member.manage", "workspace", lambda f, who, _: sessions.of_workspace(f.db, who, f.north)
    ),
    "ssh_keys.add": (
        "member.manage", "workspace", lambda f, who, _: ssh_keys.add(f.db, who, f.north, "omar", _KEY)
    ),
    "ssh_keys.of_workspace": (
        "member.manage", "workspace", lambda f, who, _: ssh_keys.of_workspace(f.db, who, f.north)
    ),
    "ssh_keys.revoke": (
        "member.manage", "workspace", lambda f, who, key: ssh_keys.revoke(f.db, who, f.north, key), _key
    ),
    "workspaces.find_workspace": (
        "tenant.view", "entrance", lambda f, who, _: workspaces.find_workspace(f.db, who, "north")
    ),
    "workspaces.rename": (
        "member.manage", "workspace", lambda f, who, _: workspaces.rename(f.db, who, f.north, "Northern")
    ),
}  # fmt: skip

ONCE = {"member_changes.revoke", "leaving.leave", "sessions.end", "ssh_keys.revoke"}
"""What is gone when somebody has done it: the next one hears so."""

READS = {
    "leaving_previews.preview_leave",
    "leaving_previews.preview_revoke",
    "sessions.of_workspace",
    "ssh_keys.of_workspace",
}

OWN = {
    "sessions.begin": "is about the principal's own",
    "sessions.standing": "is about the principal's own",
    "sessions.standing_of": "answers with nothing instead of refusing",
    "sessions.finish": "is about the principal's own",
    "ssh_keys.mine": "is about the principal's own",
    "leaving_previews.preview_deactivate": "is for whoever owns the database: tests/headless/test_people.py",
    "leaving.deactivate": "is for whoever owns the database: tests/storage/test_people.py",
    "platform_grants.of_installation": "is for whoever owns the database: tests/storage/test_people.py",
    "platform_grants.grant": "is for whoever owns the database: tests/storage/test_people.py",
    "platform_grants.revoke": "is for whoever owns the database: tests/storage/test_people.py",
    "workspaces.create": "is for whoever owns the database: tests/storage/test_people.py",
    "workspaces.of_installation": "is for whoever owns the database: tests/storage/test_people.py",
}
