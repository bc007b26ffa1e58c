"""Headless commands about people."""

from __future__ import annotations

import argparse

from atlas_tui.headless.given import read_end
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import write_json, write_line
from storage import member_changes
from storage.capabilities import Role


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
            tag=options.tag,
            expires_at=read_end("--until", options.until),
        )
    if options.json:
        write_json(member)
    else:
        write_line(f"{member.login} is {member.role.value} ({member.scope}).")
    return 0
