"""Headless commands of whoever owns the database, and about sessions."""

from __future__ import annotations

import argparse

from atlas_tui.headless.acting import acting
from atlas_tui.headless.confirming import confirm
from atlas_tui.headless.members import say_left
from atlas_tui.headless.opening import opened, opened_by_owner
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from storage import leaving, leaving_previews, platform_grants, sessions, workspaces
from storage.capabilities import Capability


def add_workspace(options: argparse.Namespace) -> int:
    """`atlas-tui workspace add SLUG OWNER`."""
    with opened_by_owner(options.config) as (db, who):
        owner = workspaces.create(
            db,
            who,
            slug=options.slug,
            name=options.name or options.slug,
            login=options.owner,
            display_name=options.owner_name or options.owner,
            ticket=options.ticket,
        )
    if options.json:
        write_json({"slug": options.slug, "owner": owner.login})
    else:
        write_line(f"Workspace {options.slug} is there; {owner.login} is its Owner.")
    return 0


def rename_workspace(options: argparse.Namespace) -> int:
    """`atlas-tui workspace rename NAME`."""
    with opened(options.config, options.workspace) as here:
        workspaces.rename(here.db, here.who, here.workspace.workspace_id, options.name, ticket=options.ticket)
    if options.json:
        write_json({"slug": here.workspace.slug, "name": options.name})
    else:
        write_line(f"{here.workspace.slug} is called {options.name} now.")
    return 0


def all_workspaces(options: argparse.Namespace) -> int:
    """`atlas-tui workspace list`: all there are."""
    with opened_by_owner(options.config) as (db, who):
        found = workspaces.of_installation(db, who)
    if options.json:
        write_json(found)
        return 0
    rows = [(row.slug, row.name, str(row.tenants), moment(row.created_at)) for row in found]
    write_table(("WORKSPACE", "NAME", "TENANTS", "SINCE"), rows)
    return 0


def list_grants(options: argparse.Namespace) -> int:
    """`atlas-tui platform list`."""
    with opened_by_owner(options.config) as (db, who):
        found = platform_grants.of_installation(db, who)
    if options.json:
        write_json(found)
        return 0
    rows = [(row.login, row.display_name, row.capability.value, moment(row.since)) for row in found]
    write_table(("LOGIN", "NAME", "MAY", "SINCE"), rows)
    return 0


def grant_platform(options: argparse.Namespace) -> int:
    """`atlas-tui platform grant LOGIN CAPABILITY`."""
    with opened_by_owner(options.config) as (db, who):
        made = platform_grants.grant(
            db, who, options.login, Capability(options.capability), display_name=options.name, ticket=options.ticket
        )
    if options.json:
        write_json(made)
    else:
        write_line(f"{made.login} has {made.capability.value}.")
    return 0


def revoke_platform(options: argparse.Namespace) -> int:
    """`atlas-tui platform revoke LOGIN CAPABILITY`."""
    with opened_by_owner(options.config) as (db, who):
        platform_grants.revoke(db, who, options.login, Capability(options.capability), ticket=options.ticket)
    if options.json:
        write_json({"login": options.login, "capability": options.capability, "revoked": True})
    else:
        write_line(f"{options.login} does not have {options.capability} any more.")
    return 0


def deactivate(options: argparse.Namespace) -> int:
    """`atlas-tui user deactivate LOGIN`: asks first."""
    with opened_by_owner(options.config) as (db, who):
        confirm(leaving_previews.preview_deactivate(db, who, options.login), options.login, yes=options.yes)
        left = leaving.deactivate(db, who, options.login, ticket=options.ticket)
    return say_left(options, left)


def list_sessions(options: argparse.Namespace) -> int:
    """`atlas-tui session list`."""
    with opened(options.config, options.workspace) as here:
        found = sessions.of_workspace(here.db, here.who, here.workspace.workspace_id, ended=options.all)
    if options.json:
        write_json(found)
        return 0
    write_table(
        ("SESSION", "LOGIN", "VIA", "FROM", "STARTED", "SEEN", "STATE"),
        [
            (
                row.id,
                row.login,
                row.via,
                row.host,
                moment(row.started_at),
                moment(row.seen_at),
                row.end_reason or "ended" if row.ended_at else "silent" if row.is_silent else "open",
            )
            for row in found
        ],
    )
    return 0


def end_session(options: argparse.Namespace) -> int:
    """`atlas-tui session end SESSION`."""
    with acting(options) as (db, who, workspace_id):
        row = sessions.end(db, who, workspace_id, options.session, ticket=options.ticket)
    if options.json:
        write_json(row)
    else:
        write_line(f"The session of {row.login} from {row.host} ends.")
    return 0
