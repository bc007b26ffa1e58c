"""Commands that only read: lists, pages, reasons, doctor."""

from __future__ import annotations

from pathlib import Path

from atlas_tui.arguments.kinds import Commands, Parser, command, limit, number, run_number


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    found = command(commands, common, "connections", "headless.reading:list_connections", "list provider connections")
    found.add_argument(
        "filter", nargs="*", help="as in the dashboard: words, !word, consent:revoked, reason:secret_expired …"
    )
    found.add_argument("--problems", action="store_true", help="leave out what is enabled, granted and healthy")
    found.add_argument("--sort", default="tenant", help="tenant, checked, consent, verification, reason or problems")
    found.add_argument("--reverse", action="store_true", help="the other way round")
    limit(found)
    found = command(commands, common, "runs", "headless.reading:list_runs", "list runs, newest first")
    found.add_argument("filter", nargs="*", help="words, status:, outcome:, type:, reason:, by:, since:1h …")
    found.add_argument("--connection", help="only this connection's")
    limit(found)
    found = command(commands, common, "run", "headless.reading:show_run", "show one run")
    run_number(found)
    found = command(
        commands,
        common,
        "report",
        "headless.reports:show_report",
        "show a connection's verification report, and what changed",
    )
    found.add_argument("connection", help="number, tenant name, domain or tenant id")
    found.add_argument("--id", type=number, help="this report; the newest when left out")
    found.add_argument("--list", action="store_true", help="list the connection's reports, newest first")
    found.add_argument("--file", type=Path, help="write it to this new file, as Markdown or with --json as JSON")
    limit(found)
    found = command(commands, common, "tenants", "headless.reading:list_tenants", "list tenants")
    found.add_argument("filter", nargs="*", help="words, tag:, cloud:, archived:yes …")
    limit(found)
    command(commands, common, "apps", "headless.reading:list_apps", "list the workspace's platform apps")
    command(commands, common, "workers", "headless.reading:list_workers", "list workers")
    command(commands, common, "workspaces", "headless.reading:list_workspaces", "list the workspaces you may enter")
    found = command(
        commands, common, "reasons", "headless.reasons:explain_reason", "explain a reason code, or list them"
    )
    found.add_argument("code", nargs="?", help="the reason code")
    command(
        commands,
        common,
        "outages",
        "headless.outages:list_outages",
        "say whether many tenants fail the same passing way at once: Microsoft's trouble, or the network's",
    )
    command(commands, common, "doctor", "headless.doctor:doctor", "look for what is wrong with this installation")
