"""Headless commands about alerts.

Promise: a channel's address is read from a prompt without echo or from standard input, never from an argument, since arguments can be seen
by others; nothing prints it.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from atlas_tui.alert_words import (
    became,
    channel_record,
    channel_state,
    events_words,
    hours_words,
    narrowed_words,
    removal_of_channel,
    removal_of_rule,
    rule_record,
    what_is_told,
)
from atlas_tui.headless import exit_codes
from atlas_tui.headless.confirming import confirm
from atlas_tui.headless.naming import find_tenant
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.rows import all_rows
from atlas_tui.headless.waiting import wait_until
from storage import alert_channels, alert_deliveries, alert_rules
from storage.alert_channels import Channel
from storage.alert_deliveries import Delivery
from storage.alert_rule_fields import Rule
from storage.errors import InvalidInput, NotFound
from storage.filters import read_number
from storage.states import DeliveryStatus

_Named = TypeVar("_Named", Channel, Rule)

_OVER: Final = (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.SUPPRESSED)
_FAILED: Final = 1
"""Something failed; the sentence says what."""


# Channels


def list_channels(options: argparse.Namespace) -> int:
    """`atlas-tui alerts channels list`."""
    with opened(options.config, options.workspace) as here:
        rows = alert_channels.of_workspace(here.db, here.who, here.workspace.workspace_id)
    if options.json:
        write_json([channel_record(row) for row in rows])
        return exit_codes.OK
    write_table(
        ("id", "name", "goes to", "is", "rules", "last arrived", "last failure"),
        [
            (
                str(row.id),
                row.name,
                row.address.label,
                channel_state(row),
                str(row.rules),
                moment(row.last_delivered_at),
                row.last_reason_code or "-",
            )
            for row in rows
        ],
    )
    return exit_codes.OK


def add_channel(options: argparse.Namespace) -> int:
    """`atlas-tui alerts channels add NAME`."""
    with opened(options.config, options.workspace) as here:
        public_key = here.settings.public_key_bytes()
        made = alert_channels.create(
            here.db,
            here.who,
            here.workspace.workspace_id,
            name=options.name,
            address=_read_address(),
            public_key=public_key,
            ticket=options.ticket,
        )
    return _told(
        channel_record(made),
        options,
        f"Added {made.name} ({made.address.label}); try it: atlas-tui alerts test {made.id}",
    )


def edit_channel(options: argparse.Namespace) -> int:
    """`atlas-tui alerts channels edit CHANNEL`.

    Raises:
        InvalidInput: nothing is to be changed.
    """
    if options.name is None and not options.new_address:
        raise InvalidInput("alerts channels edit", "changes nothing", "Use --name or --new-address.")
    with opened(options.config, options.workspace) as here:
        channel = _find_channel(here, options.channel)
        changed = alert_channels.edit(
            here.db,
            here.who,
            channel.id,
            name=options.name,
            address=_read_address() if options.new_address else None,
            public_key=here.settings.public_key_bytes() if options.new_address else b"",
            ticket=options.ticket,
        )
    return _told(channel_record(changed), options, f"Changed {changed.name} ({changed.address.label})")


def enable_channel(options: argparse.Namespace) -> int:
    """`atlas-tui alerts channels enable CHANNEL`, and `disable`."""
    wanted = options.change == "enable"
    with opened(options.config, options.workspace) as here:
        channel = _find_channel(here, options.channel)
        changed = alert_channels.set_enabled(here.db, here.who, channel.id, wanted, ticket=options.ticket)
    return _told(channel_record(changed), options, f"{changed.name} is {'enabled' if wanted else 'disabled'}")


def delete_channel(options: argparse.Namespace) -> int:
    """`atlas-tui alerts channels delete CHANNEL`."""
    with opened(options.config, options.workspace) as here:
        channel = _find_channel(here, options.channel)
        confirm(removal_of_channel(channel), channel.name, yes=options.yes)
        alert_channels.remove(here.db, here.who, channel.id, ticket=options.ticket)
    return _told({"deleted": channel.id}, options, f"Deleted {channel.name}")


def _read_address() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Address (not shown): ")
    return sys.stdin.readline().rstrip("\r\n")


def _find_channel(here: Opened, text: str) -> Channel:
    rows = alert_channels.of_workspace(here.db, here.who, here.workspace.workspace_id)
    return _named(rows, text, "alert channel", "channels")


# Rules


def list_rules(options: argparse.Namespace) -> int:
    """`atlas-tui alerts rules list`."""
    with opened(options.config, options.workspace) as here:
        rows = alert_rules.of_workspace(here.db, here.who, here.workspace.workspace_id)
    if options.json:
        write_json([rule_record(row) for row in rows])
        return exit_codes.OK
    write_table(
        ("id", "name", "is", "to", "tells", "of", "when"),
        [
            (
                str(row.id),
                row.name,
                "enabled" if row.is_enabled else "disabled",
                row.channel,
                events_words(row),
                narrowed_words(row),
                hours_words(row),
            )
            for row in rows
        ],
    )
    return exit_codes.OK


def add_rule(options: argparse.Namespace) -> int:
    """`atlas-tui alerts rules add NAME --channel CHANNEL --on EVENT…`."""
    with opened(options.config, options.workspace) as here:
        values = {"name": options.name, "channel_id": _find_channel(here, options.channel).id, **_given(here, options)}
        rule = alert_rules.create(here.db, here.who, here.workspace.workspace_id, values, ticket=options.ticket)
    return _told(rule_record(rule), options, f"Added {rule.name}: it tells {rule.channel}")


def edit_rule(options: argparse.Namespace) -> int:
    """`atlas-tui alerts rules edit RULE`.

    Raises:
        InvalidInput: nothing is to be changed.
    """
    with opened(options.config, options.workspace) as here:
        rule = _find_rule(here, options.rule)
        changes = _given(here, options)
        if options.name is not None:
            changes["name"] = options.name
        if options.channel is not None:
            changes["channel_id"] = _find_channel(here, options.channel).id
        if not changes:
            raise InvalidInput("alerts rules edit", "changes nothing", "Name what shall change; see --help.")
        rule = alert_rules.edit(here.db, here.who, rule.id, changes, ticket=options.ticket)
    return _told(rule_record(rule), options, f"Changed {rule.name}: {events_words(rule)}")


def enable_rule(options: argparse.Namespace) -> int:
    """`atlas-tui alerts rules enable RULE`, and `disable`."""
    wanted = options.change == "enable"
    with opened(options.config, options.workspace) as here:
        rule = _find_rule(here, options.rule)
        rule = alert_rules.set_enabled(here.db, here.who, rule.id, wanted, ticket=options.ticket)
    return _told(rule_record(rule), options, f"{rule.name} is {'enabled' if wanted else 'disabled'}")


def delete_rule(options: argparse.Namespace) -> int:
    """`atlas-tui alerts rules delete RULE`."""
    with opened(options.config, options.workspace) as here:
        rule = _find_rule(here, options.rule)
        confirm(removal_of_rule(rule), rule.name, yes=options.yes)
        alert_rules.remove(here.db, here.who, rule.id, ticket=options.ticket)
    return _told({"deleted": rule.id}, options, f"Deleted {rule.name}")


def _given(here: Opened, options: argparse.Namespace) -> dict[str, Any]:
    """What was said of a rule, by storage's names; an empty value takes a filter away."""
    plain = {
        "events": options.on,
        "reasons": options.reason,
        "categories": options.category,
        "tags": options.tag,
        "tenants": None if options.tenant is None else [find_tenant(here, name) for name in options.tenant if name],
    }
    found: dict[str, Any] = {
        name: tuple(value for value in values if value) for name, values in plain.items() if values is not None
    }
    single = {
        "expiring_days": options.days,
        "queue_minutes": options.queue_minutes,
        "is_urgent": options.urgent,
        "tells_solved": options.solved,
        "digest_minutes": options.digest,
        "time_zone": options.time_zone,
    }
    found |= {name: value for name, value in single.items() if value is not None}
    if options.quiet is not None:
        begin, dash, end = options.quiet.partition("-")
        if options.quiet.strip() and not dash:
            raise InvalidInput("--quiet", "is not a span of the day", "Such as 22:00-06:00.")
        found |= {"quiet_from": begin.strip() or None, "quiet_until": end.strip() or None}
    return found


def _find_rule(here: Opened, text: str) -> Rule:
    rows = alert_rules.of_workspace(here.db, here.who, here.workspace.workspace_id)
    return _named(rows, text, "alert rule", "rules")


# Both


def _told(record: Mapping[str, Any], options: argparse.Namespace, sentence: str) -> int:
    """Says what became of a channel or a rule."""
    if options.json:
        write_json(record)
    else:
        write_line(f"{sentence}.")
    return exit_codes.OK


def _named(rows: Iterable[_Named], text: str, what: str, command: str) -> _Named:
    """Finds a channel or a rule by its number or its name.

    Raises:
        NotFound: there is none.
    """
    number, name = read_number(text), text.strip().casefold()
    found = [row for row in rows if row.id == number or row.name.casefold() == name]
    if not found:
        raise NotFound(f"There is no {what} {text}.", f"See: atlas-tui alerts {command} list")
    return found[0]


# What was sent


def list_deliveries(options: argparse.Namespace) -> int:
    """`atlas-tui alerts deliveries [FILTER…]`."""
    with opened(options.config, options.workspace) as here:
        where, text = here.workspace.workspace_id, " ".join(options.filter)
        rows = all_rows(
            lambda place, limit: alert_deliveries.page(here.db, here.who, where, text, place, limit), options.limit
        )
    if options.json:
        write_json(rows)
        return exit_codes.OK
    write_table(
        ("id", "at", "channel", "rule", "tells", "status", "tries", "failure"),
        [
            (
                str(row.id),
                moment(row.created_at),
                row.channel,
                row.rule or "-",
                what_is_told(row),
                row.status.value,
                str(row.attempt),
                row.failure or "-",
            )
            for row in rows
        ],
    )
    return exit_codes.OK


def send_test(options: argparse.Namespace) -> int:
    """`atlas-tui alerts test CHANNEL`."""
    with opened(options.config, options.workspace) as here:
        channel = _find_channel(here, options.channel)
        asked = alert_deliveries.ask_for_test(here.db, here.who, channel.id, ticket=options.ticket)
        found = [asked]

        def is_over() -> bool:
            found[0] = alert_deliveries.get(here.db, here.who, asked.id)
            return found[0].status in _OVER

        in_time = wait_until(here, is_over, options.timeout) if options.wait else True
    return _told_test(found[0], options, in_time=in_time)


def _told_test(delivery: Delivery, options: argparse.Namespace, *, in_time: bool) -> int:
    if options.json:
        write_json(delivery)
    else:
        write_line(f"Test {delivery.id} to {delivery.channel}: {became(delivery)}")
    if not in_time:
        return exit_codes.BUSY
    return _FAILED if delivery.status in (DeliveryStatus.FAILED, DeliveryStatus.SUPPRESSED) else exit_codes.OK
