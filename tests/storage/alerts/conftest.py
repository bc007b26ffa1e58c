"""An alarm over the fleet: a channel, its rules, and what a worker would send."""

from __future__ import annotations

from typing import Any

import pytest

from storage import (
    alert_channels,
    alert_deliveries,
    alert_queue,
    alert_rules,
)
from storage.alert_rule_fields import Rule
from storage.finishing import RunResult
from storage.operations import INVENTORY_SYNC
from storage.pages import Place
from storage.states import RunOutcome

ADDRESS = "jsons://user:canary-password-77@hooks.example.com/in?+X-Key=canary-key-78"


class Alarm:
    """A channel and rules over a fleet, and what they would send."""

    def __init__(self, fleet: Any) -> None:
        self.fleet = fleet
        self.channel = alert_channels.create(
            fleet.db, fleet.dana, fleet.north, name="Night", address=ADDRESS, public_key=fleet.public_key
        )

    def rule(self, *events: str, name: str = "All", **values: Any) -> Rule:
        """Makes a rule, urgent unless it is said otherwise."""
        wanted = {"name": name, "channel_id": self.channel.id, "events": events, "is_urgent": True, **values}
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
        """What was told, newest first."""
        page = alert_deliveries.page(self.fleet.db, self.fleet.dana, self.fleet.north, "", Place.first())
        return list(page.rows)

    def breaks(self, name: str, reason: str = "secret_expired") -> None:
        """A check of a tenant's connection ends for a reason."""
        self.fleet.check(self.fleet.connection[name], self.fleet.failing_report(reason))

    def syncs(self, name: str, reason: str | None) -> Any:
        """Runs an inventory sync that ends well, or for a reason."""
        result = RunResult() if reason is None else RunResult(RunOutcome.FAILED, reason)
        return self.fleet.finish(self.fleet.begin(self.fleet.connection[name], INVENTORY_SYNC), result)


@pytest.fixture
def alarm(fleet: Any) -> Alarm:
    return Alarm(fleet)


@pytest.fixture
def one_alarm(sqlite_fleet: Any) -> Alarm:
    return Alarm(sqlite_fleet)
