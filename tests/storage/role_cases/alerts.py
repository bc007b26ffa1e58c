"""Role table: alert channels, alert rules, the log of alerts and the test alert."""

from __future__ import annotations

from typing import Any

from storage import alert_channels, alert_deliveries, alert_rules
from storage.pages import Place

VIEW, MANAGE = "run.view", "alert.manage"
ADDRESS = "json://hooks.example.com/in"


def _channel(fleet: Any) -> int:
    made = alert_channels.create(
        fleet.db, fleet.dana, fleet.north, name="Night", address=ADDRESS, public_key=fleet.public_key
    )
    return made.id


def _rule(fleet: Any) -> int:
    values = {"name": "All", "channel_id": _channel(fleet), "events": ("problem",)}
    return alert_rules.create(fleet.db, fleet.dana, fleet.north, values).id


def _test(fleet: Any) -> int:
    return alert_deliveries.ask_for_test(fleet.db, fleet.dana, _channel(fleet)).id


CASES = {
    "alert_channels.create": (
        MANAGE, "workspace", lambda f, who, _: alert_channels.create(
            f.db, who, f.north, name="Night", address=ADDRESS, public_key=f.public_key
        )
    ),
    "alert_channels.edit": (
        MANAGE, "workspace", lambda f, who, id: alert_channels.edit(f.db, who, id, name="Day"), _channel
    ),
    "alert_channels.get": (VIEW, "workspace", lambda f, who, id: alert_channels.get(f.db, who, id), _channel),
    "alert_channels.of_workspace": (
        VIEW, "workspace", lambda f, who, _: alert_channels.of_workspace(f.db, who, f.north)
    ),
    "alert_channels.remove": (
        MANAGE, "workspace", lambda f, who, id: alert_channels.remove(f.db, who, id), _channel
    ),
    "alert_channels.set_enabled": (
        MANAGE, "workspace", lambda f, who, id: alert_channels.set_enabled(f.db, who, id, False), _channel
    ),
    "alert_deliveries.ask_for_test": (
        MANAGE, "workspace", lambda f, who, id: alert_deliveries.ask_for_test(f.db, who, id), _channel
    ),
    "alert_deliveries.get": (VIEW, "workspace", lambda f, who, id: alert_deliveries.get(f.db, who, id), _test),
    "alert_deliveries.page": (
        VIEW, "workspace", lambda f, who, _: alert_deliveries.page(f.db, who, f.north, "", Place.first())
    ),
    "alert_rules.create": (
        MANAGE, "workspace", lambda f, who, id: alert_rules.create(
            f.db, who, f.north, {"name": "All", "channel_id": id, "events": ("problem",)}
        ), _channel
    ),
    "alert_rules.edit": (
        MANAGE, "workspace", lambda f, who, id: alert_rules.edit(f.db, who, id, {"digest_minutes": 5}), _rule
    ),
    "alert_rules.get": (VIEW, "workspace", lambda f, who, id: alert_rules.get(f.db, who, id), _rule),
    "alert_rules.of_workspace": (VIEW, "workspace", lambda f, who, _: alert_rules.of_workspace(f.db, who, f.north)),
    "alert_rules.remove": (MANAGE, "workspace", lambda f, who, id: alert_rules.remove(f.db, who, id), _rule),
    "alert_rules.set_enabled": (
        MANAGE, "workspace", lambda f, who, id: alert_rules.set_enabled(f.db, who, id, False), _rule
    ),
}  # fmt: skip

ONCE = {"alert_channels.remove", "alert_rules.remove"}
