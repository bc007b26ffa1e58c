"""Channels and rules themselves: what may be in them, and that an address is sealed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from storage import (
    alert_channels,
    alert_deliveries,
    alert_rules,
    audit_trail,
    resealing,
)
from storage.alert_addresses import SERVICES, read_address
from storage.alert_hours import Hours
from storage.alert_rule_fields import fields
from storage.edits import EditConflict
from storage.errors import Conflict, InvalidInput
from storage.pages import Place
from storage.schema import alert_channels as channel_table
from storage.schema import alert_deliveries as delivery_table
from storage.schema import alert_rules as rule_table
from storage.schema import credentials


def test_an_address_is_sealed_and_shows_nowhere(one_alarm: Any) -> None:
    fleet, db, dana = one_alarm.fleet, one_alarm.fleet.db, one_alarm.fleet.dana
    assert one_alarm.channel.address.label == "webhook, hooks.example.com"
    moved = alert_channels.edit(
        db,
        dana,
        one_alarm.channel.id,
        name="Day",
        address="slack://canary-token-79/B/C",
        public_key=fleet.public_key,
    )
    assert (moved.name, moved.address.label, moved.address.host) == ("Day", "Slack", "")
    one_alarm.rule("problem")
    alert_deliveries.ask_for_test(db, fleet.dana, moved.id)
    everything = (
        repr(fleet.contents()) + repr(one_alarm.send()) + repr(alert_channels.of_workspace(db, dana, fleet.north))
    )
    trail = audit_trail.page(db, dana, audit_trail.AuditQuery(fleet.north), Place.first())
    assert "alert_channel.edit" in repr(trail)
    for canary in ("canary-password-77", "canary-key-78", "canary-token-79"):
        assert canary not in everything + repr(trail)
    assert sum(count.alert_channels for count in resealing.count_by_key(db)) == 1
    assert fleet.rows(select(credentials.c.id).where(credentials.c.alert_channel_id == moved.id))[0].id in {
        row.id for row in resealing.sealed_for_others(db, "another", limit=100)
    }
    with pytest.raises(Conflict, match="All sends to this channel"):
        alert_channels.remove(db, dana, moved.id)
    alert_rules.remove(db, dana, one_alarm.fleet.one(select(rule_table.c.id)))
    alert_channels.remove(db, dana, moved.id)
    assert fleet.count(credentials, credentials.c.alert_channel_id.is_not(None)) == 0
    assert fleet.count(delivery_table) + fleet.count(channel_table) == 0


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "is empty"),
        ("file:///etc/passwd", "`file://` is not taken"),
        ("exec://rm", "`exec://` is not taken"),
        ("https://hooks.example.com/x", "is written jsons://"),
        (
            "https://default1.73.environment.api.powerplatform.com:443/canary?sig=canary",
            "Teams is written workflows://",
        ),
        ("https://hooks.slack.com/services/canary", "Slack is written slack://"),
        ("https://[canary/", "is written jsons://"),
        ("slack://A/B/C?template=/etc/shadow", "`template` is not taken"),
        ("mailto://a.example?to=x@y.example&pgppub=/etc/shadow", "`pgppub` is not taken"),
        ("mailto://a.example?to=x@y.example;pgppub=/etc/shadow", "cannot be read"),
        ("json://h.example/x?method=GET", "must be POST or PUT"),
        ("ntfys://topic?attach=file:///etc/shadow", "`attach` is not taken"),
        ("json://h.example/a b", "blanks"),
        ("json://" + "h" * 3000, "over 2000 characters"),
        ("canary-token", "no kind"),
    ],
)
def test_an_address_that_could_read_or_run_something_here_is_refused_without_repeating_it(
    address: str, says: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_address(address)
    assert says in str(refused.value)
    assert "shadow" not in str(refused.value)
    assert "canary" not in str(refused.value)


def test_every_example_address_is_taken() -> None:
    for kind, service in SERVICES.items():
        assert read_address(service.example).kind == kind


def test_what_a_rule_may_not_be_is_refused_by_its_field(one_alarm: Any) -> None:
    fleet, db, dana = one_alarm.fleet, one_alarm.fleet.db, one_alarm.fleet.dana
    for values, field in (
        ({"events": ()}, "events"),
        ({"events": ("sunshine",)}, "events"),
        ({"reasons": ("nope",)}, "reasons"),
        ({"categories": ("nope",)}, "categories"),
        ({"tags": ("silver",)}, "tags"),
        ({"tenants": (999_999,)}, "tenants"),
        ({"expiring_days": 0}, "days"),
        ({"queue_minutes": 0}, "queue minutes"),
        ({"time_zone": "Mars/Olympus"}, "time zone"),
        ({"quiet_from": "25:00", "quiet_until": "06:00"}, "quiet from"),
        ({"quiet_from": "22:00"}, "quiet until"),
        ({"digest_minutes": -1}, "digest minutes"),
        ({"channel_id": 999_999}, "channel"),
        ({"name": ""}, "name"),
    ):
        base = {"name": "X", "channel_id": one_alarm.channel.id, "events": ("problem",)}
        with pytest.raises(InvalidInput) as refused:
            alert_rules.create(db, dana, fleet.north, {**base, **values})
        assert refused.value.field == field
    rule = one_alarm.rule("problem")
    seen = fields(rule)
    alert_rules.edit(db, fleet.people["otto"], rule.id, {"digest_minutes": 30})
    kept = alert_rules.edit(db, dana, rule.id, {"events": ("run",)}, seen=seen)
    assert (kept.hours.digest_minutes, [event.value for event in kept.conditions.events]) == (30, ["run"])
    with pytest.raises(EditConflict):
        alert_rules.edit(db, dana, rule.id, {"digest_minutes": 45}, seen=seen)


@given(
    minute=st.integers(0, 60 * 24 * 400),
    begin=st.integers(0, 1439),
    end=st.integers(0, 1439),
    digest=st.integers(0, 1440),
    zone=st.sampled_from(["", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
def test_an_alert_goes_out_after_it_happened_within_its_digest_and_never_in_quiet_hours(
    minute: int, begin: int, end: int, digest: int, zone: str
) -> None:
    clock: Callable[[int], str] = lambda number: f"{number // 60:02}:{number % 60:02}"  # noqa: E731
    hours = Hours(zone, clock(begin), clock(end), digest)
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    at = hours.send_at(now)
    assert now < at <= now + timedelta(minutes=max(1, digest)) + timedelta(hours=25)
    assert hours.not_quiet(at) == at
