"""Alerts on the screen: rules and channels, their forms and menu, a page of each, the log."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas_tui.app import AtlasApp
from atlas_tui.links import View
from atlas_tui.widgets.confirm_name import ConfirmName
from storage import alert_channels, alert_deliveries, alert_queue, alert_rules, drafts
from storage.alert_addresses import SERVICES
from storage.configuration import Settings
from storage.pages import Place

CANARY = "canary-hook-password"


def add_channel(fleet: Any, name: str = "Night") -> int:
    made = alert_channels.create(
        fleet.db, fleet.people["dana"], fleet.workspace, name=name,
        address=f"jsons://user:{CANARY}@hooks.example.com/in", public_key=fleet.key.public_key().public_bytes_raw(),
    )  # fmt: skip
    return made.id


def add_rule(fleet: Any, channel: int) -> int:
    values = {"name": "Gone", "channel_id": channel, "events": ("problem", "queue_stuck"), "categories": ["consent"]}
    return alert_rules.create(fleet.db, fleet.people["dana"], fleet.workspace, values).id


async def open_alerts(terminal: Any) -> None:
    terminal.app.everywhere.do_typed(":alerts")
    await terminal.settle()


async def test_rules_and_channels_are_seen_opened_tested_and_the_log_tells(small_fleet: Any, dashboard: Any) -> None:
    channel = add_channel(small_fleet)
    add_rule(small_fleet, channel)
    async with dashboard(small_fleet) as terminal:
        await open_alerts(terminal)
        assert terminal.shows("> + Gone")
        assert terminal.shows("webhook, hooks.example.com")
        await terminal.press("enter")
        assert terminal.shows("a connection has a problem; the queue is stuck (15 min)")
        assert terminal.shows("category consent; every tenant")
        await terminal.press("escape", "down", "enter")
        assert terminal.app.seen.VIEW is View.ALERT_CHANNEL
        assert terminal.shows("o never used")
        await terminal.press("x", "t")
        assert terminal.shows("Send a test to Night?")
        await terminal.press("right", "enter")
        await terminal.wait_for(lambda: terminal.shows("o queued"))
        message = alert_queue.claim(small_fleet.db, "w")
        assert message is not None
        alert_queue.failed(small_fleet.db, message, "alert_channel_refused")
        await terminal.press("ctrl+r")
        await terminal.wait_for(lambda: terminal.shows("x failing"))
        assert terminal.shows("alert_channel_refused")
        await terminal.press("l")
        assert terminal.app.seen.VIEW is View.ALERT_LOG
        assert terminal.shows("x failed")
        assert all(len(line.rstrip()) <= 80 for line in terminal.display())
        await terminal.press("enter")
        assert terminal.app.seen.VIEW is View.ALERT_CHANNEL
        assert CANARY not in terminal.text()


def app_with_a_key(fleet: Any, directory: Path) -> AtlasApp:
    """A dashboard that can seal."""
    public_key = base64.b64encode(fleet.key.public_key().public_bytes_raw()).decode()
    settings = Settings(database=fleet.address, public_key=public_key, state_directory=str(directory))
    return AtlasApp(
        lambda: replace(fleet.session("dana"), settings=settings), clock=fleet.clock, theme_name="atlas-dark"
    )


async def test_a_channel_and_a_rule_are_made_in_forms_and_the_address_is_nowhere(
    small_fleet: Any, dashboard: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    where, dana = small_fleet.workspace, small_fleet.people["dana"]
    async with dashboard(small_fleet, app=app_with_a_key(small_fleet, tmp_path)) as terminal:
        await open_alerts(terminal)
        assert terminal.shows("nobody is told of anything")
        await terminal.press("N")
        assert terminal.shows("A rule needs a channel to send to: x, c adds one.")
        await terminal.press("x", "c")
        await terminal.wait_for(lambda: terminal.shows(SERVICES["pagerduty"].example))
        await terminal.type("Night")
        await terminal.press("tab")
        await terminal.type(f"slack://{CANARY}/b/c?template=/etc/passwd")
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: terminal.shows("`template` is not taken"))
        assert CANARY not in terminal.text()
        # A pause inside the name would be one, too: then this is kept in between and the whole name after it.
        await terminal.wait_for(lambda: terminal.app.drafts.flush(0) and not terminal.app.screen.is_waiting)
        (draft,) = drafts.mine(small_fleet.db, dana, where)
        assert draft.document["name"] == "Night"
        assert CANARY not in str(draft.document)
        await terminal.press("ctrl+u")
        await terminal.type(f"slack://{CANARY}/b/c")
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.ALERT_CHANNEL)
        assert terminal.shows("Slack")
        assert CANARY not in terminal.text()
        await terminal.press("escape", "N")
        await terminal.wait_for(lambda: terminal.shows("problem, run_lost, expiring, no_worker"))
        await terminal.type("All")
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.ALERT_RULE)
        await terminal.press("e")
        await terminal.press("tab", *["backspace"] * 40)
        await terminal.type("run, queue_stuck")
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: terminal.shows("a run ended badly; the queue is stuck (15 min)"))
        sent = "".join(terminal.app._driver.sent)
    written = b"".join(path.read_bytes() for path in Path(small_fleet.address).parent.rglob("*") if path.is_file())
    assert b"alert_channel.create" in written
    for haystack in (sent, caplog.text, written.decode("utf-8", "replace")):
        assert CANARY not in haystack
    (rule,) = alert_rules.of_workspace(small_fleet.db, dana, where)
    assert (rule.name, rule.channel, [event.value for event in rule.conditions.events]) == (
        "All",
        "Night",
        ["run", "queue_stuck"],
    )


async def test_who_may_not_sees_all_of_it_dimmed_and_deleting_asks_for_the_name(
    small_fleet: Any, dashboard: Any
) -> None:
    channel = add_channel(small_fleet)
    async with dashboard(small_fleet, login="omar") as terminal:
        await open_alerts(terminal)
        assert terminal.shows("> o never used")
        await terminal.press("x")
        assert terminal.shows("Your role may not do this. Ask dana (Owner)")
        await terminal.press("t")
        assert not isinstance(terminal.app.screen, ConfirmName), "what is dimmed does nothing"
    async with dashboard(small_fleet) as terminal:
        await open_alerts(terminal)
        await terminal.press("x", "b", "enter")
        assert alert_channels.get(small_fleet.db, small_fleet.people["dana"], channel).channel.is_enabled, (
            "Cancel had the focus"
        )
        await terminal.press("x", "b", "right", "enter")
        await terminal.wait_for(lambda: terminal.shows("- disabled"))
        await terminal.press("x", "D")
        terminal.app.screen.query_one("#name").focus()
        await terminal.type("Night")
        await terminal.press("enter", "enter", "down", "enter")
        await terminal.wait_for(lambda: terminal.shows("x, c adds one"))
    page = alert_deliveries.page(small_fleet.db, small_fleet.people["dana"], small_fleet.workspace, "", Place.first())
    assert page.rows == ()
