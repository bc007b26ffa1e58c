"""Commands about what needs a human: problems and acknowledging them, credentials that run out, the handover of a shift."""

from __future__ import annotations

import argparse

from atlas_tui.arguments.kinds import Commands, Parser, command, group, limit, ticket


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "attention", "what needs a human now: list, show, acknowledge, snooze")
    found = command(inner, common, "list", "headless.attention:list_problems", "list problems, the widest first")
    found.add_argument(
        "filter", nargs="*", help="as in the dashboard: words, who:us, reason:secret_expired, new, acked"
    )
    found.add_argument("--since", metavar="SPAN", help="mark as new what began within this time, such as 8h")
    limit(found)
    found = command(inner, common, "show", "headless.attention:show_problem", "show a problem and its connections")
    _reason(found)
    found.add_argument("--acked", action="store_true", help="only those that somebody has acknowledged")
    limit(found)
    found = command(inner, common, "ack", "headless.attention:acknowledge", "acknowledge a problem, until it is solved")
    _whom(found)
    found.add_argument("--until", help="end it earlier: 4h, 3d, 'tomorrow 09:00', 2026-12-01")
    _terms(found)
    found = command(inner, common, "snooze", "headless.attention:acknowledge", "acknowledge a problem for some time")
    _whom(found)
    found.add_argument("until", help="until when: 4h, 3d, 'tomorrow 09:00', 2026-12-01")
    _terms(found)
    found = command(inner, common, "unack", "headless.attention:withdraw", "take acknowledgements of a problem back")
    _whom(found)
    ticket(found)
    found = command(
        commands, common, "expiry", "headless.attention:expiry", "list credentials by the days they have left"
    )
    found.add_argument(
        "filter", nargs="*", help="words, bucket:expired,1,7,14,30,later,unknown, kind:, owner:app, slot:staged"
    )
    limit(found)
    text = "what changed since, and what is open: for the next shift"
    found = command(commands, common, "handover", "headless.handover:handover", text)
    found.add_argument("--since", default="8h", metavar="SPAN", help="how long back: 30m, 8h, 2d (default: 8h)")
    found.add_argument(
        "--format", choices=["markdown", "json"], default="markdown", help="how it is written (default: markdown)"
    )


def _reason(found: argparse.ArgumentParser) -> None:
    found.add_argument("reason", help="its reason code, from `attention list`")
    found.add_argument("--app", metavar="CLOUD", help="the problem of the platform app of this cloud")


def _whom(found: argparse.ArgumentParser) -> None:
    _reason(found)
    found.add_argument(
        "--connection", action="append", default=[], help="only on this one: number, tenant name, domain or tenant id"
    )


def _terms(found: argparse.ArgumentParser) -> None:
    found.add_argument("--owner", metavar="LOGIN", help="who takes care of it (default: you)")
    found.add_argument("--note", default="", help="what is being done, for the others")
    ticket(found)
