"""A message on its way: held by one worker, sent again under its number, given up visibly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from storage import alert_channels, alert_queue, alert_watching, attention
from storage.schema import credentials


def test_a_dead_workers_message_goes_out_under_its_number_and_the_dead_write_nothing(alarm: Any) -> None:
    fleet = alarm.fleet
    alarm.rule("problem")
    alarm.breaks("contoso")
    first = alert_queue.claim(fleet.db, "w1")
    assert first is not None
    assert alert_queue.claim(fleet.db, "w2") is None
    fleet.clock.advance(seconds=91)
    alarm.breaks("fabrikam")
    second = alert_queue.claim(fleet.db, "w2")
    assert second is not None
    assert (second.message_id, second.items, second.attempt) == (first.message_id, first.items, 2)
    assert not alert_queue.delivered(fleet.db, first)
    assert alert_queue.failed(fleet.db, first, "alert_channel_refused") is None
    assert alert_queue.delivered(fleet.db, second)
    assert alarm.told() == [("Fabrikam", "secret_expired", False)]


def test_a_message_of_which_every_worker_dies_is_given_up_and_not_sent_for_ever(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule("problem")
    one_alarm.breaks("contoso")
    fleet.clock.advance(minutes=1)
    tries = 0
    while alert_queue.claim(fleet.db, "w1") is not None and tries < 50:
        tries += 1
        fleet.clock.advance(seconds=91)
    (row,) = one_alarm.log()
    assert (tries, row.status.value, row.failure) == (alert_queue.MOST_TRIES, "failed", "alert_channel_unreachable")
    detail = alert_channels.get(fleet.db, fleet.dana, one_alarm.channel.id)
    assert detail.channel.last_reason_code == "alert_channel_unreachable"


def test_what_ends_the_last_thing_that_a_message_told_names_that_message(alarm: Any) -> None:
    fleet = alarm.fleet
    alarm.rule("problem", is_urgent=False)
    for name in ("contoso", "fabrikam"):
        alarm.breaks(name)
    fleet.clock.advance(minutes=1)
    (told,) = alarm.send()
    for name, ends in (("contoso", ()), ("fabrikam", (told.message_id,))):
        fleet.check(fleet.connection[name])
        fleet.clock.advance(minutes=16)
        (over,) = alarm.send(fail="alert_channel_unreachable")
        assert (over.ends, [item.is_solved for item in over.items]) == (ends, [True])
        fleet.clock.advance(minutes=1)
        (again,) = alarm.send()
        assert again.ends == ends, "also when it is tried again"


def test_what_takes_the_place_of_what_a_message_told_names_that_message(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    contoso = fleet.connection["contoso"]
    one_alarm.rule("problem", "expiring")
    soon = fleet.clock.time + timedelta(days=3)
    fleet.write(update(credentials).where(credentials.c.connection_id == contoso).values(expires_at=soon))
    alert_watching.watch(fleet.db)
    (warned,) = one_alarm.send()
    numbers, ended = [warned.message_id], []
    for reason in ("secret_invalid", "consent_required", None):
        if reason is None:
            fleet.check(contoso)
        else:
            one_alarm.breaks("contoso", reason)
        fleet.clock.advance(minutes=16)
        (message,) = one_alarm.send()
        numbers.append(message.message_id)
        ended += message.ends
    assert ended == numbers[:3]


def test_many_workers_at_once_send_each_message_once(alarm: Any) -> None:
    fleet = alarm.fleet
    for number in range(10):
        alarm.rule("problem", name=f"Rule {number}")
    alarm.breaks("contoso")

    def work(worker: str) -> list[str]:
        sent = []
        while message := alert_queue.claim(fleet.db, worker):
            assert alert_queue.delivered(fleet.db, message)
            sent.append(message.rule)
        return sent

    with ThreadPoolExecutor(4) as pool:
        sent = [rule for rules in pool.map(work, ("w1", "w2", "w3", "w4")) for rule in rules]
    assert sorted(sent) == [f"Rule {number}" for number in range(10)]


def test_a_message_is_tried_again_with_longer_waits_and_given_up_visibly(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    one_alarm.rule("problem")
    one_alarm.breaks("contoso")
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


def test_a_channel_that_fails_asks_for_attention_until_something_arrives(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    query = attention.AttentionQuery(fleet.north)
    one_alarm.rule("problem")
    one_alarm.breaks("contoso")
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
