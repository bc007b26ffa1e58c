"""Commands about alerts: channels, rules, what was sent, and a test."""

from __future__ import annotations

import argparse

from atlas_tui.arguments.kinds import (
    Commands,
    Parser,
    command,
    group,
    limit,
    number,
    takes_secret,
    ticket,
    timeout,
    yes,
)


def add(commands: Commands, common: Parser) -> None:
    """Adds the topic's commands."""
    inner = group(commands, "alerts", "who is told what, where, and when: channels, rules, what was sent")
    _channels(group(inner, "channels", "where alerts go"), common)
    _rules(group(inner, "rules", "what is told, where, and when"), common)
    found = command(
        inner, common, "deliveries", "headless.alerts:list_deliveries", "list what was told, and what did not arrive"
    )
    found.add_argument(
        "filter", nargs="*", help="words, !word, status:failed, channel:, rule:, reason:, tenant:, since:1d"
    )
    limit(found)
    found = command(
        inner, common, "test", "headless.alerts:send_test", "send a test to a channel, as every alert is sent"
    )
    _channel(found)
    either = found.add_mutually_exclusive_group()
    either.add_argument(
        "--wait", dest="wait", action="store_true", default=True, help="say what became of it (the default)"
    )
    either.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait for the result")
    timeout(found)
    ticket(found)


def _channels(inner: Commands, common: Parser) -> None:
    command(inner, common, "list", "headless.alerts:list_channels", "list channels, and whether they work")
    found = command(
        inner,
        common,
        "add",
        "headless.alerts:add_channel",
        "add a channel; its address is read from a prompt without echo, or from standard input",
    )
    takes_secret(found)
    found.add_argument("name", help="what it is called")
    ticket(found)
    found = command(
        inner,
        common,
        "edit",
        "headless.alerts:edit_channel",
        "give a channel another name or address; the address is read as for add",
    )
    takes_secret(found)
    _channel(found)
    found.add_argument("--name", help="what it is called")
    found.add_argument("--new-address", action="store_true", help="read another address")
    ticket(found)
    for name, text in (
        ("enable", "let a channel send"),
        ("disable", "send nothing to a channel; what would go out meanwhile is not sent later"),
    ):
        found = command(inner, common, name, "headless.alerts:enable_channel", text)
        found.set_defaults(change=name)
        _channel(found)
        ticket(found)
    found = command(inner, common, "delete", "headless.alerts:delete_channel", "delete a channel that no rule sends to")
    _channel(found)
    yes(found)
    ticket(found)


def _rules(inner: Commands, common: Parser) -> None:
    command(inner, common, "list", "headless.alerts:list_rules", "list rules")
    found = command(inner, common, "add", "headless.alerts:add_rule", "add a rule")
    found.add_argument("name", help="what it is called")
    found.add_argument("--channel", required=True, help="where it tells: the channel's number or name")
    _conditions(found, is_needed=True)
    ticket(found)
    found = command(inner, common, "edit", "headless.alerts:edit_rule", "change a rule; what is not named stays")
    _rule(found)
    found.add_argument("--name", help="what it is called")
    found.add_argument("--channel", help="where it tells: the channel's number or name")
    _conditions(found, is_needed=False)
    ticket(found)
    for name, text in (
        ("enable", "let a rule tell"),
        ("disable", "let a rule tell nothing; what waits of it is not sent"),
    ):
        found = command(inner, common, name, "headless.alerts:enable_rule", text)
        found.set_defaults(change=name)
        _rule(found)
        ticket(found)
    found = command(
        inner, common, "delete", "headless.alerts:delete_rule", "delete a rule; what it sent stays in the log"
    )
    _rule(found)
    yes(found)
    ticket(found)


def _channel(target: argparse.ArgumentParser) -> None:
    target.add_argument("channel", help="its number or name")


def _rule(target: argparse.ArgumentParser) -> None:
    target.add_argument("rule", help="its number or name")


def _conditions(target: argparse.ArgumentParser, *, is_needed: bool) -> None:
    target.add_argument(
        "--on",
        action="append",
        required=is_needed,
        metavar="EVENT",
        help="what it listens to: problem, run, run_lost, expiring, no_worker, queue_stuck (again for more)",
    )
    target.add_argument("--reason", action="append", help="only this reason code (again for more; empty for all)")
    target.add_argument(
        "--category", action="append", help="only reasons of this category, such as consent (again for more)"
    )
    target.add_argument("--tag", action="append", help="only tenants with this tag (again for more; empty for all)")
    target.add_argument(
        "--tenant", action="append", help="only this tenant: number, name, domain or tenant id (again for more)"
    )
    target.add_argument("--days", type=number, help="expiring: how many days before the end (default: 14)")
    target.add_argument("--queue-minutes", type=number, help="queue_stuck: how long something may wait (default: 15)")
    urgency = target.add_mutually_exclusive_group()
    urgency.add_argument(
        "--urgent", dest="urgent", action="store_true", default=None, help="at once, quiet hours or not"
    )
    urgency.add_argument(
        "--not-urgent", dest="urgent", action="store_false", help="gathered, and held back over quiet hours"
    )
    solved = target.add_mutually_exclusive_group()
    solved.add_argument(
        "--solved", dest="solved", action="store_true", default=None, help="tell when it is over (the default)"
    )
    solved.add_argument("--no-solved", dest="solved", action="store_false", help="do not tell when it is over")
    target.add_argument("--digest", metavar="MINUTES", type=int, help="gather so long into one message (0: a minute)")
    target.add_argument("--quiet", metavar="FROM-UNTIL", help="hold back in between: 22:00-06:00; empty for none")
    target.add_argument("--time-zone", help="whose clock --quiet means, such as Europe/Berlin (default: UTC)")
