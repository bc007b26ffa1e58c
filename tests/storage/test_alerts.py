"""Alerts: what is told, once, to whom, when, and what becomes of it on its way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from storage import (
    alert_channels,
    alert_deliveries,
    alert_queue,
    alert_rules,
    alert_watching,
    attention,
    audit_trail,
    offboarding,
    resealing,
)
from storage.alert_addresses import SERVICES, read_address
from storage.alert_hours import Hours
from storage.alert_rule_fields import Rule, fields
from storage.edits import EditConflict
from storage.errors import Conflict, InvalidInput
from storage.finishing import RunResult
from storage.operations import INVENTORY_SYNC
from storage.pages import Place
from storage.schema import alert_channels as channel_table
from storage.schema import alert_deliveries as delivery_table
from storage.schema import alert_rules as rule_table
from storage.schema import credentials, tenants, workers
from storage.states import RunOutcome, TenantLifecycle

ADDRESS = "jsons://user:canary-password-77@hooks.example.com/in?+X-Key=canary-key-78"
URGENT = {"is_urgent": True}


class Alarm:
    """A channel and rules over a fleet, and what they would send."""

    def __init__(self, fleet: Any) -> None:
        self.fleet = fleet
        self.channel = alert_channels.create(
            fleet.db, fleet.dana, fleet.north, name="Night", address=ADDRESS, public_key=fleet.public_key
        )

    def rule(self, *events: str, name: str = "All", **values: Any) -> Rule:
        wanted = {"name": name, "channel_id": self.channel.id, "events": events, **URGENT, **values}
        return alert_rules.create(self.fleet.db, self.fleet.dana, self.fleet.north, wanted)

    def send(self, *, fail: str = "") -> list[alert_queue.Message]:
        """Sends whatever is due, as a worker would."""
        sent = []
        while message := alert_queue.claim(self.fleet.db, "w1"):
            sent.append(message)
            if fail:
                alert_queue.failed(self.fleet.db, message, fail)
            else:
                assert alert_queue.delivered(self.fleet.db, message)
        return sent

    def told(self, messages: list[alert_queue.Message] | None = None) -> list[tuple[str, str, bool]]:
        """Who, what and whether it is over, of what is sent within the next minute."""
        if messages is None:
            self.fleet.clock.advance(minutes=1)
        return [
            (
                str(item.facts.get("app") or item.facts.get("tenant") or item.facts.get("host")),
                item.reason_code,
                item.is_solved,
            )
            for message in (self.send() if messages is None else messages)
            for item in message.items
        ]

    def log(self) -> list[alert_deliveries.Delivery]:
        page = alert_deliveries.page(self.fleet.db, self.fleet.dana, self.fleet.north, "", Place.first())
        return list(page.rows)


@pytest.fixture
def alarm(fleet: Any) -> Alarm:
    return Alarm(fleet)


@pytest.fixture
def one_alarm(sqlite_fleet: Any) -> Alarm:
    return Alarm(sqlite_fleet)


def breaks(fleet: Any, name: str, reason: str = "secret_expired") -> None:
    fleet.check(fleet.connection[name], fleet.failing_report(reason))


def syncs(fleet: Any, name: str, reason: str | None) -> Any:
    """Runs an inventory sync that ends well, or for a reason."""
    result = RunResult() if reason is None else RunResult(RunOutcome.FAILED, reason)
    return fleet.finish(fleet.begin(fleet.connection[name], INVENTORY_SYNC), result)


def test_a_problem_is_told_once_and_told_solved_when_it_stays_so(alarm: Alarm) -> None:
    fleet = alarm.fleet
    alarm.rule("problem")
    breaks(fleet, "contoso")
    breaks(fleet, "contoso")
    assert alarm.told() == [("Contoso", "secret_expired", False)]
    breaks(fleet, "contoso")
    fleet.check(fleet.connection["contoso"])
    assert alarm.told() == []
    fleet.clock.advance(minutes=16)
    assert alarm.told() == [("Contoso", "secret_expired", True)]
    breaks(fleet, "contoso")
    assert alarm.told() == [("Contoso", "secret_expired", False)]


def test_what_comes_and_goes_is_one_alert_and_another_reason_is_another(alarm: Alarm) -> None:
    fleet = alarm.fleet
    alarm.rule("problem")
    breaks(fleet, "contoso")
    assert len(alarm.told()) == 1
    for _ in range(3):
        fleet.check(fleet.connection["contoso"])
        fleet.clock.advance(minutes=5)
        breaks(fleet, "contoso")
        fleet.clock.advance(minutes=5)
    assert alarm.told() == []
    breaks(fleet, "contoso", "consent_required")
    assert alarm.told() == [("Contoso", "consent_required", False)]


def test_a_run_and_the_badge_it_darkens_are_one_alert_and_a_lost_run_another(one_alarm: Alarm) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule("problem", "run")
    one_alarm.rule("run_lost", name="Lost")
    syncs(fleet, "contoso", "secret_expired")
    (follow_up,) = fleet.take()
    fleet.finish(follow_up, fleet.failing_report("secret_expired"))
    assert fleet.truth(fleet.connection["contoso"]).last_reason_code == "secret_expired"
    assert one_alarm.told() == [("Contoso", "secret_expired", False)]
    claim = fleet.begin(fleet.connection["fabrikam"], INVENTORY_SYNC)
    for _ in range(3):
        fleet.clock.advance(seconds=20)
        fleet.sweep()
        fleet.take()
    assert fleet.run_row(claim.held.run_id).outcome == "lost"
    assert sorted(one_alarm.told()) == [("Fabrikam", "attempts_exhausted", False)] * 2


def test_a_platform_apps_credential_is_told_as_the_apps_and_rules_narrow_by_reason_tenant_and_tag(
    one_alarm: Alarm,
) -> None:
    fleet = one_alarm.fleet
    second = fleet.add_connection("tailspin", client_id=None)
    one_alarm.rule("problem", name="App", categories=["credential"])
    one_alarm.rule("problem", name="Gold", tags=("gold",))
    one_alarm.rule("problem", name="Fabrikam", tenants=(fleet.tenant["fabrikam"],), reasons=["consent_required"])
    breaks(fleet, "wingtip")
    fleet.check(second, fleet.failing_report("secret_expired"))
    assert one_alarm.told() == [("North's app", "secret_expired", False)]
    breaks(fleet, "contoso", "consent_required")
    breaks(fleet, "fabrikam", "missing_permission")
    breaks(fleet, "fabrikam", "consent_required")
    fleet.clock.advance(minutes=1)
    messages = one_alarm.send()
    assert [(message.rule, told) for message, told in zip(messages, one_alarm.told(messages), strict=True)] == [
        ("Gold", ("Contoso", "consent_required", False)),
        ("Fabrikam", ("Fabrikam", "consent_required", False)),
    ]


def test_many_tenants_with_transient_trouble_are_one_message_and_more_of_it_is_not_sent(alarm: Alarm) -> None:
    fleet = alarm.fleet
    alarm.rule("run")
    names = [f"tenant{number}" for number in range(8)]
    for name in names:
        fleet.add_connection(name)
    for name in names[:6]:
        syncs(fleet, name, "service_unavailable")
    assert alarm.send() == []
    fleet.clock.advance(minutes=1)
    (message,) = alarm.send()
    assert (message.outage, len(message.items)) == (6, 6)
    for name in names[6:]:
        syncs(fleet, name, "network_timeout")
    fleet.clock.advance(minutes=2)
    assert alarm.send() == []
    assert [row.status.value for row in alarm.log() if row.about == "Tenant7"] == ["suppressed"]
    for name in [*names[:6], names[7]]:
        syncs(fleet, name, None)
    fleet.clock.advance(minutes=16)
    (over,) = alarm.send()
    assert len(over.items) == 6
    assert all(item.is_solved for item in over.items)
    fleet.clock.advance(minutes=31)
    alert_watching.watch(fleet.db)
    for name in names[6:]:
        syncs(fleet, name, "network_timeout")
    fleet.clock.advance(minutes=1)
    assert alarm.told() == [("Tenant6", "network_timeout", False), ("Tenant7", "network_timeout", False)]


def test_quiet_hours_hold_back_and_a_digest_gathers(one_alarm: Alarm) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule(
        "problem", is_urgent=False, quiet_from="13:00", quiet_until="18:00", time_zone="UTC", digest_minutes=30
    )
    assert fleet.clock.time.hour == 14
    breaks(fleet, "contoso")
    fleet.clock.advance(hours=1)
    breaks(fleet, "fabrikam")
    assert one_alarm.send() == []
    fleet.clock.advance(hours=3)
    (message,) = one_alarm.send()
    assert one_alarm.told([message]) == [("Contoso", "secret_expired", False), ("Fabrikam", "secret_expired", False)]


def test_an_urgent_rule_sends_at_once_and_what_follows_within_a_minute_together(one_alarm: Alarm) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule("problem")
    breaks(fleet, "contoso")
    (first,) = one_alarm.send()
    for name in ("fabrikam", "wingtip"):
        breaks(fleet, name, "consent_required")
    assert one_alarm.send() == []
    fleet.clock.advance(minutes=1)
    (rest,) = one_alarm.send()
    assert (len(first.items), len(rest.items)) == (1, 2)


def test_what_is_solved_before_it_was_sent_is_never_sent(one_alarm: Alarm) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule("problem", is_urgent=False, digest_minutes=60)
    breaks(fleet, "contoso")
    fleet.check(fleet.connection["contoso"])
    fleet.clock.advance(hours=2)
    assert one_alarm.told() == []
    assert [row.status.value for row in one_alarm.log()] == ["suppressed"]


def test_a_dead_workers_message_goes_out_under_its_number_and_the_dead_write_nothing(alarm: Alarm) -> None:
    fleet = alarm.fleet
    alarm.rule("problem")
    breaks(fleet, "contoso")
    first = alert_queue.claim(fleet.db, "w1")
    assert first is not None
    assert alert_queue.claim(fleet.db, "w2") is None
    fleet.clock.advance(seconds=91)
    breaks(fleet, "fabrikam")
    second = alert_queue.claim(fleet.db, "w2")
    assert second is not None
    assert (second.message_id, second.items, second.attempt) == (first.message_id, first.items, 2)
    assert not alert_queue.delivered(fleet.db, first)
    assert alert_queue.failed(fleet.db, first, "alert_channel_refused") is None
    assert alert_queue.delivered(fleet.db, second)
    assert alarm.told() == [("Fabrikam", "secret_expired", False)]


def test_a_message_of_which_every_worker_dies_is_given_up_and_not_sent_for_ever(one_alarm: Alarm) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule("problem")
    breaks(fleet, "contoso")
    fleet.clock.advance(minutes=1)
    tries = 0
    while alert_queue.claim(fleet.db, "w1") is not None and tries < 50:
        tries += 1
        fleet.clock.advance(seconds=91)
    (row,) = one_alarm.log()
    assert (tries, row.status.value, row.failure) == (alert_queue.MOST_TRIES, "failed", "alert_channel_unreachable")
    detail = alert_channels.get(fleet.db, fleet.dana, one_alarm.channel.id)
    assert detail.channel.last_reason_code == "alert_channel_unreachable"


def test_many_workers_at_once_send_each_message_once(alarm: Alarm) -> None:
    fleet = alarm.fleet
    for number in range(10):
        alarm.rule("problem", name=f"Rule {number}")
    breaks(fleet, "contoso")

    def work(worker: str) -> list[str]:
        sent = []
        while message := alert_queue.claim(fleet.db, worker):
            assert alert_queue.delivered(fleet.db, message)
            sent.append(message.rule)
        return sent

    with ThreadPoolExecutor(4) as pool:
        sent = [rule for rules in pool.map(work, ("w1", "w2", "w3", "w4")) for rule in rules]
    assert sorted(sent) == [f"Rule {number}" for number in range(10)]


def test_a_message_is_tried_again_with_longer_waits_and_given_up_visibly(one_alarm: Alarm) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule("problem")
    breaks(fleet, "contoso")
    numbers, waits = set(), []
    for _ in range(alert_queue.MOST_TRIES):
        (message,) = one_alarm.send(fail="alert_channel_unreachable")
        numbers.add(message.message_id)
        (row,) = one_alarm.log()
        waits.append(None if row.next_try_at is None else row.next_try_at - fleet.clock.time)
        fleet.clock.advance(hours=1)
    assert len(numbers) == 1
    assert waits[:3] == [timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120)]
    assert (waits[-2], waits[-1]) == (timedelta(hours=1), None)
    assert (row.status.value, row.failure) == ("failed", "alert_channel_unreachable")
    detail = alert_channels.get(fleet.db, fleet.people["rita"], one_alarm.channel.id)
    assert detail.channel.last_reason_code == "alert_channel_unreachable"
    assert not detail.may_manage
    assert "dana" in detail.who_may_manage


def test_nothing_goes_out_for_disabled_rules_and_channels_disabled_connections_and_tenants_that_left(
    one_alarm: Alarm,
) -> None:
    fleet, db, dana = one_alarm.fleet, one_alarm.fleet.db, one_alarm.fleet.dana
    rule = one_alarm.rule("problem", "run", is_urgent=False)
    breaks(fleet, "contoso")
    alert_rules.set_enabled(db, dana, rule.id, False)
    fleet.clock.advance(minutes=2)
    assert one_alarm.told() == []
    breaks(fleet, "fabrikam")
    alert_rules.set_enabled(db, dana, rule.id, True)
    alert_channels.set_enabled(db, dana, one_alarm.channel.id, False)
    breaks(fleet, "fabrikam")
    assert [row.about for row in one_alarm.log()] == ["Contoso"]
    alert_channels.set_enabled(db, dana, one_alarm.channel.id, True)
    breaks(fleet, "fabrikam")
    offboarding.offboard(db, dana, fleet.tenant["fabrikam"])
    assert fleet.one(select(rule_table.c.id)) == rule.id
    fleet.clock.advance(minutes=2)
    assert one_alarm.told() == []
    assert TenantLifecycle.ARCHIVED.value in {row[0] for row in fleet.rows(select(tenants.c.lifecycle))}
    assert {row.status.value for row in one_alarm.log()} == {"suppressed"}


def test_what_no_run_tells_of_is_watched(alarm: Alarm) -> None:
    fleet, now = alarm.fleet, alarm.fleet.clock.time
    alarm.rule("expiring", "no_worker", "queue_stuck", expiring_days=14, queue_minutes=15)
    contoso = fleet.connection["contoso"]
    mine = credentials.c.connection_id == contoso
    fleet.write(update(credentials).where(mine).values(expires_at=now + timedelta(days=10)))
    for id, host, stopped in (("a", "alpha", None), ("b", "beta", now)):
        fleet.write(
            insert(workers).values(
                id=id, host=host, pid=1, version="1", slots=1, started_at=now, beat_at=now, stopped_at=stopped
            )
        )
    fleet.start(fleet.connection["fabrikam"])
    fleet.clock.advance(minutes=20)
    for _ in range(2):
        alert_watching.watch(fleet.db)
    assert sorted(alarm.told()) == [
        ("Contoso", "secret_expiring", False),
        ("None", "queue_stuck", False),
        ("alpha", "worker_gone", False),
    ]
    fleet.write(update(credentials).where(mine).values(expires_at=now + timedelta(days=100)))
    fleet.write(update(workers).where(workers.c.id == "a").values(beat_at=fleet.clock.time))
    fleet.take()
    alert_watching.watch(fleet.db)
    fleet.clock.advance(seconds=30)
    alert_watching.watch(fleet.db)
    fleet.clock.advance(minutes=16)
    assert sorted(alarm.told()) == [
        ("Contoso", "secret_expiring", True),
        ("None", "queue_stuck", True),
        ("alpha", "worker_gone", True),
    ]


def test_an_address_is_sealed_and_shows_nowhere(one_alarm: Alarm) -> None:
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


def test_what_a_rule_may_not_be_is_refused_by_its_field(one_alarm: Alarm) -> None:
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


def test_a_channel_that_fails_asks_for_attention_until_something_arrives(one_alarm: Alarm) -> None:
    fleet = one_alarm.fleet
    query = attention.AttentionQuery(fleet.north)
    one_alarm.rule("problem")
    breaks(fleet, "contoso")
    one_alarm.send(fail="alert_channel_refused")
    assert "alert_channel_refused" in {
        problem.reason_code for problem in attention.overview(fleet.db, fleet.dana, query).problems
    }
    tinas = attention.overview(fleet.db, fleet.people["tina"], query).problems
    assert "alert_channel_refused" not in {problem.reason_code for problem in tinas}, (
        "channels are the whole workspace's"
    )
    fleet.clock.advance(minutes=1)
    assert len(one_alarm.send()) == 1
    assert "alert_channel_refused" not in {
        problem.reason_code for problem in attention.overview(fleet.db, fleet.dana, query).problems
    }
