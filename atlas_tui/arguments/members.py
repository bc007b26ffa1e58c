"""Commands about who is in a workspace, and the keys they log in with."""

from __future__ import annotations

import argparse

from atlas_tui.arguments.kinds import Commands, Parser, command, group, system, ticket, yes

_ROLES = ["owner", "manager", "operator", "auditor", "readonly"]


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "member", "who is in the workspace, as what, until when")
    found = command(inner, common, "list", "headless.members:list_members", "list the workspace's members")
    found.add_argument("filter", nargs="*", help="words, !word, role:, scope:workspace|tenant|tag")
    found = command(inner, common, "show", "headless.members:show_member", "show what one person may do here")
    found.add_argument("login", help="the account")
    found = command(inner, common, "add", "headless.members:add_member", "add a member to the workspace")
    found.add_argument("login", help="the account")
    found.add_argument("role", choices=_ROLES, help="what they may do")
    found.add_argument("--name", help="the person's name")
    _reach(found)
    _until(found)
    ticket(found)
    found = command(inner, common, "change", "headless.members:change_member", "give a member another role or end")
    _which(found)
    found.add_argument("--role", choices=_ROLES, help="what they may do from now on")
    found.add_argument("--for-good", action="store_true", help="lift the end of the role")
    _until(found)
    ticket(found)
    found = command(inner, common, "remove", "headless.members:remove_member", "end one role of a member")
    _which(found)
    yes(found)
    ticket(found)
    found = command(
        inner,
        common,
        "leave",
        "headless.members:leave",
        "somebody leaves: all their roles here and their sessions end, their acknowledgements become yours",
    )
    found.add_argument("login", help="the account")
    yes(found)
    ticket(found)
    _keys(inner, common)


def _keys(member: Commands, common: Parser) -> None:
    inner = group(member, "key", "SSH keys that members log in with")
    found = command(inner, common, "list", "headless.ssh_keys:list_keys", "list the keys of the workspace's members")
    found.add_argument("login", nargs="?", help="only this account's")
    found = command(inner, common, "add", "headless.ssh_keys:add_key", "let a member log in with a key")
    found.add_argument("login", help="the account")
    found.add_argument("file", help="the .pub file, or - for standard input")
    found.add_argument("--label", help="what to call it (default: the key's comment)")
    _until(found)
    system(found)
    ticket(found)
    found = command(inner, common, "revoke", "headless.ssh_keys:revoke_key", "let nobody log in with a key any more")
    found.add_argument("key", help="its number, or its fingerprint SHA256:…")
    system(found)
    ticket(found)


def _which(target: argparse.ArgumentParser) -> None:
    target.add_argument("member", help="the account, or the number of one of its roles when it has several")


def _reach(target: argparse.ArgumentParser) -> None:
    reach = target.add_mutually_exclusive_group()
    reach.add_argument("--tenant", help="reach only this tenant: number, name, domain or tenant id")
    reach.add_argument("--tag", help="reach only tenants with this tag")


def _until(target: argparse.ArgumentParser) -> None:
    target.add_argument("--until", help="until when, as 2027-03-31T08:00")
