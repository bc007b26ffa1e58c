"""What no run tells of: credentials that end, hosts without a worker, a queue that stands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from storage import alert_watching, connection_changes, tenants
from storage import credentials as credential_changes
from storage.credential_material import from_secret
from storage.schema import credentials, workers
from storage.states import CredentialOwner


def test_what_no_run_tells_of_is_watched(alarm: Any) -> None:
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


def ends(fleet: Any, owner: Any, **span: float) -> None:
    """Sets when the credentials of an owner end."""
    fleet.write(update(credentials).where(owner).values(expires_at=fleet.clock.time + timedelta(**span)))


def watched(alarm: Any) -> list[tuple[str, str, bool]]:
    """What a worker's look brings about, and is sent within the next minute."""
    alert_watching.watch(alarm.fleet.db)
    return alarm.told()


@pytest.mark.parametrize("name", ["contoso", "wingtip"])
def test_a_credential_that_fails_is_not_told_as_ending_too_nor_the_other_way_round(alarm: Any, name: str) -> None:
    fleet, is_dedicated = alarm.fleet, name == "contoso"
    owner = credentials.c.connection_id == fleet.connection[name]
    owner = owner if is_dedicated else credentials.c.platform_app_id == fleet.app
    about = "Contoso" if is_dedicated else "North's app"
    alarm.rule("problem", "expiring")
    alarm.breaks(name, "secret_expired")
    ends(fleet, owner, hours=-1)
    assert watched(alarm) == [(about, "secret_expired", False)]
    ends(fleet, owner, days=300)
    fleet.check(fleet.connection[name])
    fleet.clock.advance(minutes=16)
    assert watched(alarm) == [(about, "secret_expired", True)]

    ends(fleet, owner, hours=-1)
    assert watched(alarm) == [(about, "secret_expired_local", False)]
    for reason in ("secret_expired", "secret_expired_local"):
        alarm.breaks(name, reason)
    assert watched(alarm) == []
    alarm.breaks(name, "secret_invalid")
    assert watched(alarm) == [(about, "secret_invalid", False)], "that is something else"


def test_a_warning_does_not_hush_the_failure_it_warned_of_and_both_are_over_at_once(one_alarm: Any) -> None:
    fleet = one_alarm.fleet
    contoso = fleet.connection["contoso"]
    one_alarm.rule("problem", "expiring")
    ends(fleet, credentials.c.connection_id == contoso, days=3)
    assert watched(one_alarm) == [("Contoso", "secret_expiring", False)]
    fleet.clock.advance(days=4)
    one_alarm.breaks("contoso", "secret_expired_local")
    assert watched(one_alarm) == [("Contoso", "secret_expired_local", False)]
    ends(fleet, credentials.c.connection_id == contoso, days=300)
    fleet.check(contoso)
    fleet.clock.advance(minutes=16)
    assert watched(one_alarm) == [("Contoso", "secret_expired_local", True)]


def test_a_queue_that_stands_is_seen_though_another_workspaces_moves(one_alarm: Any) -> None:
    fleet, zoe = one_alarm.fleet, one_alarm.fleet.people["zoe"]
    one_alarm.rule("queue_stuck", queue_minutes=15)
    theirs = tenants.create(fleet.db, zoe, fleet.south, entra_tenant_id=fleet.guid(), name="Theirs")
    other = connection_changes.create(fleet.db, zoe, theirs.id, client_id=fleet.guid())
    material = from_secret("another-secret-value-of-theirs-0123")
    credential_changes.store(fleet.db, zoe, CredentialOwner.CONNECTION, other.id, material, fleet.public_key)
    fleet.start(fleet.connection["contoso"])
    fleet.clock.advance(minutes=20)
    moving = fleet.begin(other.id, by="zoe")
    assert watched(one_alarm) == [("None", "queue_stuck", False)]
    fleet.finish(moving, fleet.failing_report("secret_invalid"))
    assert watched(one_alarm) == []
    fleet.clock.advance(minutes=20)
    assert watched(one_alarm) == [], "it is not over, since nothing of its own moved"


def test_a_host_without_a_worker_is_told_with_when_it_was_seen_and_who_still_works(one_alarm: Any) -> None:
    fleet, now = one_alarm.fleet, one_alarm.fleet.clock.time
    one_alarm.rule("no_worker")
    known = {"pid": 7, "version": "1.2", "slots": 1, "started_at": now}
    for id, minutes, more in (
        ("a1", 9, {"stopped_at": now - timedelta(minutes=9)}),
        ("a2", 5, {}),
        ("b", 0, {}),
        ("mine", 0, {"is_local": True}),
    ):
        beat_at = now - timedelta(minutes=minutes)
        fleet.write(insert(workers).values(id=id, host=id[0] * 3, beat_at=beat_at, **known, **more))
    alert_watching.watch(fleet.db)
    (message,) = one_alarm.send()
    (item,) = message.items
    assert {name: item.facts[name] for name in ("host", "since", "process", "elsewhere")} == {
        "host": "aaa",
        "since": f"{now - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}",
        "process": 7,
        "elsewhere": ["bbb"],
    }
