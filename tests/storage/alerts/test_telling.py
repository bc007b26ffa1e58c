"""What is told by a rule: once, solved when it stays so, to whom, and when."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from storage import (
    alert_channels,
    alert_rules,
    alert_watching,
    offboarding,
)
from storage.operations import INVENTORY_SYNC
from storage.schema import alert_rules as rule_table
from storage.schema import tenants
from storage.states import TenantLifecycle


def test_a_problem_is_told_once_and_told_solved_when_it_stays_so(alarm: Any) -> None:
    fleet = alarm.fleet
    alarm.rule("problem")
    alarm.breaks("contoso")
    alarm.breaks("contoso")
    assert alarm.told() == [("Contoso", "secret_expired", False)]
    alarm.breaks("contoso")
    fleet.check(fleet.connection["contoso"])
    assert alarm.told() == []
    fleet.clock.advance(minutes=16)
    assert alarm.told() == [("Contoso", "secret_expired", True)]
    alarm.breaks("contoso")
    assert alarm.told() == [("Contoso", "secret_expired", False)]


def test_what_comes_and_goes_is_one_alert_and_another_reason_is_another(alarm: Any) -> None:
    fleet = alarm.fleet
    alarm.rule("problem")
    alarm.breaks("contoso")
    assert len(alarm.told()) == 1
    for _ in range(3):
        fleet.check(fleet.connection["contoso"])
        fleet.clock.advance(minutes=5)
        alarm.breaks("contoso")
        fleet.clock.advance(minutes=5)
    assert alarm.told() == []
    alarm.breaks("contoso", "consent_required")
    assert alarm.told() == [("Contoso", "consent_required", False)]


def test_an_alert_of_what_goes_on_says_since_when_that_is_the_reason(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    one_alarm.breaks("contoso", "consent_required")
    fleet.clock.advance(hours=1)
    since = fleet.clock.time
    one_alarm.breaks("contoso")
    fleet.clock.advance(hours=1)
    one_alarm.rule("problem")
    one_alarm.breaks("contoso")
    [message] = one_alarm.send()
    assert message.items[0].facts["since"] == f"{since:%Y-%m-%dT%H:%M:%SZ}", "not since the badge is blocked"


def test_a_run_and_the_badge_it_darkens_are_one_alert_and_a_lost_run_another(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule("problem", "run")
    one_alarm.rule("run_lost", name="Lost")
    one_alarm.syncs("contoso", "secret_expired")
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
    one_alarm: Any,
) -> None:
    fleet = one_alarm.fleet
    second = fleet.add_connection("tailspin", client_id=None)
    one_alarm.rule("problem", name="App", categories=["credential"])
    one_alarm.rule("problem", name="Gold", tags=("gold",))
    one_alarm.rule("problem", name="Fabrikam", tenants=(fleet.tenant["fabrikam"],), reasons=["consent_required"])
    one_alarm.breaks("wingtip")
    fleet.check(second, fleet.failing_report("secret_expired"))
    assert one_alarm.told() == [("North's app", "secret_expired", False)]
    one_alarm.breaks("contoso", "consent_required")
    one_alarm.breaks("fabrikam", "missing_permission")
    one_alarm.breaks("fabrikam", "consent_required")
    fleet.clock.advance(minutes=1)
    messages = one_alarm.send()
    assert [(message.rule, told) for message, told in zip(messages, one_alarm.told(messages), strict=True)] == [
        ("Gold", ("Contoso", "consent_required", False)),
        ("Fabrikam", ("Fabrikam", "consent_required", False)),
    ]


def test_what_one_tenant_causes_is_its_connections_alert_which_no_other_tenant_of_the_app_ends(alarm: Any) -> None:
    fleet = alarm.fleet
    fleet.add_connection("tailspin", client_id=None)
    alarm.rule("problem")
    alarm.breaks("wingtip", "token_invalid")
    assert alarm.told() == [("Wingtip", "token_invalid", False)]
    fleet.check(fleet.connection["tailspin"])
    fleet.clock.advance(minutes=16)
    assert alarm.told() == []
    fleet.check(fleet.connection["wingtip"])
    fleet.clock.advance(minutes=16)
    assert alarm.told() == [("Wingtip", "token_invalid", True)]


def test_an_apps_own_problem_is_over_once_any_tenant_lets_it_in_however_else_that_one_fares(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    fleet.add_connection("tailspin", client_id=None)
    one_alarm.rule("problem")
    one_alarm.breaks("wingtip", "secret_expired")
    one_alarm.breaks("tailspin", "secret_expired_local")
    assert one_alarm.told() == [("North's app", "secret_expired", False)]
    limited = fleet.failing_report("missing_permission", needed_by=(INVENTORY_SYNC,), token_passed=True)
    fleet.check(fleet.connection["tailspin"], limited)
    fleet.clock.advance(minutes=16)
    assert sorted(one_alarm.told()) == [
        ("North's app", "secret_expired", True),
        ("Tailspin", "missing_permission", False),
    ]


def test_many_tenants_with_transient_trouble_are_one_message_and_more_of_it_is_not_sent(alarm: Any) -> None:
    fleet = alarm.fleet
    alarm.rule("run")
    names = [f"tenant{number}" for number in range(8)]
    for name in names:
        fleet.add_connection(name)
    for name in names[:6]:
        alarm.syncs(name, "service_unavailable")
    assert alarm.send() == []
    fleet.clock.advance(minutes=1)
    (message,) = alarm.send()
    assert (message.outage, len(message.items)) == (6, 6)
    for name in names[6:]:
        alarm.syncs(name, "network_timeout")
    fleet.clock.advance(minutes=2)
    assert alarm.send() == []
    assert [row.status.value for row in alarm.log() if row.about == "Tenant7"] == ["suppressed"]
    for name in [*names[:6], names[7]]:
        alarm.syncs(name, None)
    fleet.clock.advance(minutes=16)
    (over,) = alarm.send()
    assert len(over.items) == 6
    assert all(item.is_solved for item in over.items)
    fleet.clock.advance(minutes=31)
    alert_watching.watch(fleet.db)
    for name in names[6:]:
        alarm.syncs(name, "network_timeout")
    fleet.clock.advance(minutes=1)
    assert alarm.told() == [("Tenant6", "network_timeout", False), ("Tenant7", "network_timeout", False)]


def test_quiet_hours_hold_back_and_a_digest_gathers(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule(
        "problem", is_urgent=False, quiet_from="13:00", quiet_until="18:00", time_zone="UTC", digest_minutes=30
    )
    assert fleet.clock.time.hour == 14
    one_alarm.breaks("contoso")
    fleet.clock.advance(hours=1)
    one_alarm.breaks("fabrikam")
    assert one_alarm.send() == []
    fleet.clock.advance(hours=3)
    (message,) = one_alarm.send()
    assert one_alarm.told([message]) == [("Contoso", "secret_expired", False), ("Fabrikam", "secret_expired", False)]


def test_an_urgent_rule_sends_at_once_and_what_follows_within_a_minute_together(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule("problem")
    one_alarm.breaks("contoso")
    (first,) = one_alarm.send()
    for name in ("fabrikam", "wingtip"):
        one_alarm.breaks(name, "consent_required")
    assert one_alarm.send() == []
    fleet.clock.advance(minutes=1)
    (rest,) = one_alarm.send()
    assert (len(first.items), len(rest.items)) == (1, 2)


def test_what_is_solved_before_it_was_sent_is_never_sent(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule("problem", is_urgent=False, digest_minutes=60)
    one_alarm.breaks("contoso")
    fleet.check(fleet.connection["contoso"])
    fleet.clock.advance(hours=2)
    assert one_alarm.told() == []
    assert [row.status.value for row in one_alarm.log()] == ["suppressed"]


def test_nothing_goes_out_for_disabled_rules_and_channels_disabled_connections_and_tenants_that_left(
    one_alarm: Any,
) -> None:
    fleet, db, dana = one_alarm.fleet, one_alarm.fleet.db, one_alarm.fleet.dana
    rule = one_alarm.rule("problem", "run", is_urgent=False)
    one_alarm.breaks("contoso")
    alert_rules.set_enabled(db, dana, rule.id, False)
    fleet.clock.advance(minutes=2)
    assert one_alarm.told() == []
    one_alarm.breaks("fabrikam")
    alert_rules.set_enabled(db, dana, rule.id, True)
    alert_channels.set_enabled(db, dana, one_alarm.channel.id, False)
    one_alarm.breaks("fabrikam")
    assert [row.about for row in one_alarm.log()] == ["Contoso"]
    alert_channels.set_enabled(db, dana, one_alarm.channel.id, True)
    one_alarm.breaks("fabrikam")
    offboarding.offboard(db, dana, fleet.tenant["fabrikam"])
    assert fleet.one(select(rule_table.c.id)) == rule.id
    fleet.clock.advance(minutes=2)
    assert one_alarm.told() == []
    assert TenantLifecycle.ARCHIVED.value in {row[0] for row in fleet.rows(select(tenants.c.lifecycle))}
    assert {row.status.value for row in one_alarm.log()} == {"suppressed"}
