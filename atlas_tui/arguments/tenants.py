"""Commands about tenants."""

from __future__ import annotations

import argparse
from pathlib import Path

from atlas_tui.arguments.kinds import Commands, Parser, cloud, command, group, number, ticket

_CLOUDS = ["global", "usgov", "dod", "china"]


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "tenant", "show, add, change, import and offboard tenants")
    found = command(inner, common, "show", "headless.tenants:show_tenant", "show one tenant with its connections")
    _tenant(found)
    found = command(inner, common, "add", "headless.tenants:add_tenant", "add a tenant")
    found.add_argument("name", help="what you call it")
    found.add_argument("tenant_id", metavar="TENANT-ID", help="its Entra tenant id (a GUID)")
    found.add_argument("--domain", help="its primary domain; checks compare it with the tenant id")
    cloud(found)
    _facts(found)
    found.add_argument("--tag", action="append", help="a tag; may be given several times")
    ticket(found)
    found = command(inner, common, "edit", "headless.tenants:edit_tenant", "change what is written about a tenant")
    _tenant(found)
    found.add_argument("--name", help="what you call it")
    found.add_argument("--domain", help="its primary domain; empty when none is known")
    found.add_argument("--cloud", choices=_CLOUDS, help="its Microsoft cloud, until Microsoft gave a token for it")
    found.add_argument("--tenant-id", metavar="GUID", help="its Entra tenant id, until Microsoft gave a token for it")
    _facts(found)
    ticket(found)
    found = command(inner, common, "tag", "headless.tenants:tag_tenant", "give a tenant tags and take others away")
    _tenant(found)
    found.add_argument("--add", action="append", default=[], metavar="TAG", help="may be given several times")
    found.add_argument("--remove", action="append", default=[], metavar="TAG", help="may be given several times")
    ticket(found)
    command(inner, common, "tags", "headless.tenants:list_tags", "list the workspace's tags")
    found = command(inner, common, "rename-tag", "headless.tenants:rename_tag", "rename a tag, wherever it is used")
    found.add_argument("tag", help="its name")
    found.add_argument("new_name", metavar="NEW-NAME", help="its name from now on")
    ticket(found)
    for name, text in (
        ("archive", "put a tenant away; nothing is deleted"),
        ("unarchive", "take a tenant out of the archive"),
    ):
        found = command(inner, common, name, "headless.tenants:archive_tenant", text)
        found.set_defaults(change=name)
        _tenant(found)
        ticket(found)
    _goodbye(inner, common)
    _files(inner, common)
    found = command(commands, common, "search", "headless.tenants:search", "find tenants in all your workspaces")
    found.add_argument("text", nargs="+", help="name, domain, tenant id or tag; tag:, cloud:, lifecycle:, archived:yes")
    found.add_argument("--limit", type=number, default=20, help="tenants at most (default: 20)")


def _goodbye(inner: Commands, common: Parser) -> None:
    found = command(
        inner,
        common,
        "offboard",
        "headless.tenant_goodbye:offboard",
        "say goodbye to a tenant: runs cancelled, connections disabled, credentials destroyed, a sheet for the customer",
    )
    _tenant(found)
    found.add_argument("--confirm", metavar="NAME", help="the tenant's name, to show that you mean this one")
    found.add_argument("--purge-days", type=int, default=30, help="days until collected data is deleted (default: 30)")
    found.add_argument("--dry-run", action="store_true", help="only say what would happen")
    found.add_argument("--sheet", action="store_true", help="print the sheet of an offboarded tenant again")
    ticket(found)
    found = command(inner, common, "restore", "headless.tenant_goodbye:restore", "take an offboarded tenant back")
    _tenant(found)
    ticket(found)


def _files(inner: Commands, common: Parser) -> None:
    found = command(
        inner, common, "import", "headless.fleet_files:import_fleet", "add and update tenants from a CSV or JSON file"
    )
    found.add_argument("file", type=Path, help="the file, or - for standard input")
    found.add_argument("--dry-run", action="store_true", help="only say what each row would do")
    found.add_argument("--tag", action="append", default=[], help="a tag for every tenant of the file")
    found.add_argument("--skip-refused", action="store_true", help="leave out what is refused instead of refusing all")
    ticket(found)
    found = command(
        inner, common, "export", "headless.fleet_files:export_fleet", "write tenants as CSV (or JSON) that import reads"
    )
    found.add_argument("filter", nargs="*", help="words, tag:, cloud:, archived:yes …")


def _tenant(target: argparse.ArgumentParser) -> None:
    target.add_argument("tenant", help="number, name, domain or tenant id")


def _facts(target: argparse.ArgumentParser) -> None:
    target.add_argument("--contact", help="whom to ask there")
    target.add_argument("--time-zone", help="where they work, such as Europe/Berlin")
    target.add_argument("--note", help="anything worth knowing")
    target.add_argument(
        "--lifecycle", choices=["draft", "onboarding", "active"], help="where it is in its life with us"
    )
