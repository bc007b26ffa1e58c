"""Commands about permissions."""

from __future__ import annotations

from atlas_tui.arguments.kinds import Commands, Parser, command, group


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "permissions", "what an app registration must be given, and what a connection was granted")
    text = "write what an app registration must be given"
    found = command(inner, common, "manifest", "headless.permissions:write_manifest", text)
    found.add_argument(
        "--format",
        choices=["table", "entra-json", "az", "powershell"],
        default="table",
        help="table; JSON for the registration's manifest; Azure CLI or PowerShell lines (default: table)",
    )
    found.add_argument("--operations", nargs="+", metavar="TYPE", help="only what these operations need (default: all)")
    found.add_argument("--required", action="store_true", help="leave the optional permissions out")
    found.add_argument("--client-id", help="the app registration, for the lines")
    text = "show granted, missing and needless permissions of a connection"
    found = command(inner, common, "show", "headless.permissions:show", text)
    found.add_argument("connection", help="number, tenant name, domain or tenant id")
    found.add_argument("--operations", nargs="+", metavar="TYPE", help="judge by these operations only (default: all)")
