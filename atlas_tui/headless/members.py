"""Headless commands about who is in a workspace."""

from __future__ import annotations

import argparse
from datetime import datetime

from atlas_tui.headless.confirming import confirm
from atlas_tui.headless.given import read_end
from atlas_tui.headless.naming import find_tenant
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from storage import leaving, leaving_previews, member_changes, members
from storage.capabilities import Role
from storage.errors import Conflict, InvalidInput, NotFound
from storage.members import Member, MemberQuery
from storage.pages import Place


def list_members(options: argparse.Namespace) -> int:
    """`atlas-tui member list [FILTER]`."""
    found: list[Member] = []
    with opened(options.config, options.workspace) as here:
        query = MemberQuery(here.workspace.workspace_id, " ".join(options.filter))
        place = Place.first()
        while True:
            page = members.page(here.db, here.who, query, place, 500)
            found += page.rows
            if not page.has_after:
                break
            place = Place.after(page.cursors[-1])
    if options.json:
        write_json(found)
        return 0
    write_table(
        ("ID", "LOGIN", "NAME", "ROLE", "REACH", "UNTIL", "BY", "SEEN", "KEYS"),
        [
            (
                str(row.id),
                row.login,
                row.display_name,
                row.role.value,
                row.scope,
                _until(row.expires_at),
                row.granted_by or "-",
                moment(row.last_seen),
                str(row.keys),
            )
            for row in found
        ],
    )
    return 0


def show_member(options: argparse.Namespace) -> int:
    """`atlas-tui member show LOGIN`."""
    with opened(options.config, options.workspace) as here:
        found = members.of_login(here.db, here.who, here.workspace.workspace_id, options.login)
    if not found:
        raise NotFound(f"{options.login[:80]} is no member of this workspace.", "See `atlas-tui member list`.")
    if options.json:
        write_json(found)
        return 0
    write_line(f"{found[0].login}  {found[0].display_name}")
    for row in found:
        by = f", by {row.granted_by}" if row.granted_by else ""
        write_line(
            f"{row.id:>6}  {row.role.value} ({row.scope}) since {moment(row.since)}{by}, {_until(row.expires_at)}"
        )
    write_line(f"last seen {moment(found[0].last_seen)}, SSH keys {found[0].keys}")
    return 0


def add_member(options: argparse.Namespace) -> int:
    """`atlas-tui member add LOGIN ROLE`."""
    with opened(options.config, options.workspace) as here:
        member = member_changes.add(
            here.db,
            here.who,
            here.workspace.workspace_id,
            login=options.login,
            display_name=options.name or options.login,
            role=Role(options.role),
            tenant_id=find_tenant(here, options.tenant) if options.tenant is not None else None,
            tag=options.tag,
            expires_at=read_end("--until", options.until),
            ticket=options.ticket,
        )
    return _say(options, member)


def change_member(options: argparse.Namespace) -> int:
    """`atlas-tui member change MEMBER --role … --until …`."""
    if options.until is not None and options.for_good:
        raise InvalidInput("--until", "does not go with --for-good", "Give one of them.")
    if not (options.role or options.until is not None or options.for_good):
        raise InvalidInput("member change", "changes nothing", "Give --role, --until or --for-good.")
    end = read_end("--until", options.until)
    with opened(options.config, options.workspace) as here:
        workspace_id = here.workspace.workspace_id
        member_id = _member_id(here, options.member)
        member = None
        if options.until is not None or options.for_good:
            member = member_changes.set_end(here.db, here.who, workspace_id, member_id, end, ticket=options.ticket)
        if options.role:
            member = member_changes.change_role(
                here.db, here.who, workspace_id, member_id, Role(options.role), ticket=options.ticket
            )
    assert member is not None
    return _say(options, member)


def remove_member(options: argparse.Namespace) -> int:
    """`atlas-tui member remove MEMBER`: asks first."""
    with opened(options.config, options.workspace) as here:
        member_id = _member_id(here, options.member)
        found = leaving_previews.preview_revoke(here.db, here.who, here.workspace.workspace_id, member_id)
        confirm(found, options.member, yes=options.yes)
        member_changes.revoke(here.db, here.who, here.workspace.workspace_id, member_id, ticket=options.ticket)
    if options.json:
        write_json({"id": member_id, "revoked": True})
    else:
        write_line(f"Role {member_id} ended.")
    return 0


def leave(options: argparse.Namespace) -> int:
    """`atlas-tui member leave LOGIN`: asks first."""
    with opened(options.config, options.workspace) as here:
        found = leaving_previews.preview_leave(here.db, here.who, here.workspace.workspace_id, options.login)
        confirm(found, options.login, yes=options.yes)
        left = leaving.leave(here.db, here.who, here.workspace.workspace_id, options.login, ticket=options.ticket)
    return say_left(options, left)


def say_left(options: argparse.Namespace, left: leaving.Leaver) -> int:
    """Says what ended with somebody's leaving."""
    if options.json:
        write_json(left)
        return 0
    write_line(
        f"{left.login} left: roles ended {left.memberships}, sessions ended {left.sessions}, keys revoked {left.keys}, "
        f"acknowledgements handed over {left.acknowledgements}, drafts removed {left.drafts}."
    )
    return 0


def _member_id(here: Opened, text: str) -> int:
    """The membership that a person names: by its number, or by the account when it has one role here."""
    if text.isascii() and text.isdigit() and len(text) < 18:
        return int(text)
    found = members.of_login(here.db, here.who, here.workspace.workspace_id, text)
    if not found:
        raise NotFound(f"{text[:80]} is no member of this workspace.", "See `atlas-tui member list`.")
    if len(found) > 1:
        roles = ", ".join(f"{row.id} {row.role.value} ({row.scope})" for row in found)
        raise Conflict(f"{text[:80]} has {len(found)} roles here.", f"Name one by its number: {roles}.")
    return found[0].id


def _say(options: argparse.Namespace, member: Member) -> int:
    if options.json:
        write_json(member)
    else:
        write_line(f"{member.login} is {member.role.value} ({member.scope}), {_until(member.expires_at)}.")
    return 0


def _until(end: datetime | None) -> str:
    return "for good" if end is None else f"until {moment(end)}"
