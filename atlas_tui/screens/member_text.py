"""What a member's page says: the role and what it allows, its reach and its end; keys and open sessions.

Promise: a role is explained by its capabilities, from the one map; what only an Owner may see is said to be so, with whom to ask. Text of
others is data.

Must not know: widgets, queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from atlas_tui.cells import Cell, Line, Part, cell, fit
from atlas_tui.screens.prose import Times, blank, field, heading
from storage import allowance, members, sessions, ssh_keys
from storage.capabilities import CAPABILITIES_OF, Capability, Role
from storage.members import Member
from storage.sessions import DashboardSession
from storage.ssh_keys import SshKey

if TYPE_CHECKING:
    from atlas_tui.session import Session

MOST_SESSIONS: Final = 200

_WORDS: Final = {
    Capability.PROVIDER_RUN: ("runs", "start, cancel and retry operations, acknowledge problems"),
    Capability.PROVIDER_MANAGE: ("manages", "create, edit and offboard tenants, connections and credentials"),
    Capability.AUDIT_VIEW: ("audit", "read the audit trail and who is a member"),
    Capability.ALERT_MANAGE: ("alerts", "say who is alerted"),
    Capability.MEMBER_MANAGE: ("members", "give and take roles, keys and sessions"),
}
"""Capabilities beyond seeing, in one word and in a few; every role sees tenants, connections and runs."""


def role_in_short(role: Role) -> str:
    """What a role may, in single words."""
    return ", ".join(("sees", *(short for found, (short, _) in _WORDS.items() if found in CAPABILITIES_OF[role])))


def role_in_words(role: Role) -> str:
    """What a role may, in a sentence."""
    may = [words for found, (_, words) in _WORDS.items() if found in CAPABILITIES_OF[role]]
    return "; ".join(("see tenants, connections and runs", *may)) + "."


@dataclass(frozen=True, slots=True)
class MemberRead:
    """A member's page.

    Attributes:
        member: The membership.
        others: The person's other memberships here.
        keys: The person's SSH keys that were not revoked; None when they may not be seen.
        sessions: The person's open sessions; None when they may not be seen.
        refusal: Why the reader may not change any of it, and who may; empty when they may.
    """

    member: Member
    others: tuple[Member, ...]
    keys: tuple[SshKey, ...] | None
    sessions: tuple[DashboardSession, ...] | None
    refusal: str


def read_member(session: Session, id: int) -> MemberRead:
    """Read a member. Blocks; not for the event loop.

    Raises:
        NotFound, Forbidden: There is none, or it may not be read.
    """
    db, who, where = session.db, session.who, session.workspace.workspace_id
    member = members.get(db, who, where, id)
    answer = allowance.allowance(db, who, Capability.MEMBER_MANAGE, where)
    others = tuple(row for row in members.of_login(db, who, where, member.login) if row.id != id)
    keys: tuple[SshKey, ...] | None = None
    open_sessions: tuple[DashboardSession, ...] | None = None
    if answer.is_allowed:
        keys = ssh_keys.of_workspace(db, who, where, member.login)
        found = sessions.of_workspace(db, who, where, limit=MOST_SESSIONS)
        open_sessions = tuple(row for row in found if row.login == member.login)
    elif member.login == who.login:
        keys = ssh_keys.mine(db, who)
    if keys is not None:
        keys = tuple(key for key in keys if key.revoked_at is None)
    return MemberRead(member, others, keys, open_sessions, answer.refusal)


def until(end: datetime | None, now: datetime) -> Cell:
    """Until when a role counts; the last day is marked."""
    if end is None:
        return cell("for good")
    left = end - now
    return cell(f"{end:%Y-%m-%d %H:%M}Z", "warn" if left.days < 1 else "")


def member_lines(read: MemberRead, times: Times, width: int, chosen: str = "") -> list[Line]:
    """The page.

    Args:
        read: What was read.
        times: How moments are shown.
        width: Cells.
        chosen: What the cursor is on, as `key_of` and `session_of` name it.
    """
    member = read.member
    lines = field("Login", member.login, width, style="strong")
    lines += field("Name", member.display_name, width)
    lines += field("Role", (Part(member.role.value, "strong"), Part(f"  on {member.scope}")), width)
    lines += field("May", role_in_words(member.role), width)
    lines += field("Until", "for good" if member.expires_at is None else times.moment(member.expires_at), width)
    by = f" by {member.granted_by}" if member.granted_by else ""
    lines += field("Since", f"{times.moment(member.since)}{by}", width)
    lines += field("Last seen", times.since(member.last_seen) if member.last_seen else "never", width)
    for other in read.others:
        lines += field("Also", f"{other.role.value} on {other.scope}", width)
    if read.refusal:
        lines += field("Next step", read.refusal, width, style="muted")
    lines += [blank(), heading("SSH keys")]
    if read.keys is None:
        lines += field("", "Only who manages members sees them.", width, style="muted")
    elif not read.keys:
        lines += field("", "None; on the command line: atlas-tui member key add", width, style="muted")
    for key in read.keys or ():
        lines += _key(key, times, width, chosen == key_of(key))
    lines += [blank(), heading("Open sessions")]
    if read.sessions is None:
        lines += field("", "Only who manages members sees them.", width, style="muted")
    elif not read.sessions:
        lines += field("", "None.", width, style="muted")
    for row in read.sessions or ():
        lines.append(_session(row, times, chosen == session_of(row)))
    return lines


def key_of(key: SshKey) -> str:
    """What the cursor calls a key."""
    return f"key {key.id}"


def session_of(row: DashboardSession) -> str:
    """What the cursor calls a session."""
    return f"session {row.id}"


def _key(key: SshKey, times: Times, width: int, chosen: bool) -> list[Line]:
    end = "for good" if key.expires_at is None else f"until {times.moment(key.expires_at)}"
    by = f" by {key.added_by}" if key.added_by else ""
    head: Line = (
        Part(f"{'>' if chosen else ' '}{fit(key.label, 22)} ", "strong"),
        Part(f"{key.algorithm}  added {times.ago(key.added_at)} ago{by}, {end}"),
    )
    return [head, (Part(fit(f"   {key.fingerprint}", width), "muted"),)]


def _session(row: DashboardSession, times: Times, chosen: bool) -> Line:
    return (
        Part(f"{'>' if chosen else ' '}{fit(row.host, 22)} ", "strong"),
        Part(f"by {row.via}, since {times.moment(row.started_at)}, "),
        Part("silent" if row.is_silent else "seen", "warn" if row.is_silent else ""),
        Part(f" {times.ago(row.seen_at)} ago"),
    )
