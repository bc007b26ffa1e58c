"""Commands about people: the members of a workspace, and those of a member's actions menu."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_MANAGE: Final = Capability.MEMBER_MANAGE
_HERE: Final = Where.MEMBER_ACTION

PEOPLE: Final = (
    command("members", "", "members", "Go to the members of this workspace: who may do what, and until when.",
            Where.EVERYWHERE, word="members"),
    command("new_member", "N", "add member", "Give somebody a role in this workspace.", Where.MEMBERS, hint=4,
            capability=_MANAGE),
    command("edit_member", "e", "role, end", "Give the member another role, or another end.", Where.MEMBERS, Where.MEMBER,
            hint=5, capability=_MANAGE),
)  # fmt: skip

PEOPLE_ACTIONS: Final = (
    command("end_membership", "", "End this role", "End this membership now; other roles of the person stay.", _HERE, letter="m",
            capability=_MANAGE),
    command("leave_workspace", "", "Let them leave",
            "Let the person leave: end their roles and sessions here, hand over what they acknowledged.", _HERE, letter="l",
            capability=_MANAGE),
    command("revoke_key", "", "Revoke this key", "Let nobody log in with this SSH key any more.", _HERE, letter="k",
            capability=_MANAGE),
    command("end_session", "", "End this session", "Close the dashboard that this session is.", _HERE, letter="s",
            capability=_MANAGE),
)  # fmt: skip
