"""Alerts on the command line: channels whose address nobody sees, rules, the log, a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ADDRESS = b"jsons://user:canary-hook-password@hooks.example.com/in\n"


def test_channels_and_rules_are_made_changed_and_taken_away_and_no_address_is_ever_said(atlas: Any) -> None:
    atlas.tenant("Contoso", tag="gold")
    heard = [atlas("alerts", "channels", "add", "Night", "--json", stdin=ADDRESS)]
    assert (
        heard[0].json | {"id": 1, "kind": "jsons", "host": "hooks.example.com", "state": "never used"} == heard[0].json
    )
    heard.append(atlas("alerts", "channels", "list"))
    assert "webhook, hooks.example.com" in heard[-1].out
    heard.append(
        atlas(
            "alerts", "rules", "add", "Gold", "--channel", "night", "--on", "problem", "--on", "expiring", "--category", "consent",
            "--tag", "gold", "--tenant", "Contoso", "--quiet", "22:00-06:00", "--time-zone", "Europe/Berlin", "--days", "30", "--json",
        )
    )  # fmt: skip
    rule = heard[-1].json
    assert (rule["events"], rule["tags"], rule["quiet_from"], rule["expiring_days"]) == (
        ["problem", "expiring"],
        ["gold"],
        "22:00",
        30,
    )
    heard.append(atlas("alerts", "rules", "edit", "Gold", "--tag", "", "--quiet", "", "--urgent", "--json"))
    changed = heard[-1].json
    assert (changed["tags"], changed["quiet_until"], changed["is_urgent"], changed["categories"]) == (
        [],
        None,
        True,
        ["consent"],
    )
    heard.append(atlas("alerts", "rules", "list"))
    assert "at once, at any hour" in heard[-1].out
    assert atlas("alerts", "channels", "disable", "Night").out == "Night is disabled.\n"
    heard.append(atlas("alerts", "test", "Night", "--no-wait", "--json"))
    assert (heard[-1].json["kind"], heard[-1].json["status"]) == ("test", "queued")
    heard.append(atlas("alerts", "deliveries", "status:queued"))
    assert "test" in heard[-1].out
    assert atlas("alerts", "test", "Night", "--timeout", "0").code == 11
    moved = atlas(
        "alerts", "channels", "edit", "Night", "--new-address", "--name", "Day", stdin=b"slack://canary-a/b/c\n"
    )
    assert moved.out == "Changed Day (Slack).\n"
    heard.append(atlas("alerts", "channels", "delete", "Day", "--yes"))
    assert heard[-1].code == 6
    assert atlas("alerts", "rules", "delete", "Gold", "--yes").out == "Deleted Gold.\n"
    assert atlas("alerts", "channels", "delete", "Day", "--yes").code == 0
    heard.append(atlas("audit", "list", "--json"))
    assert "alert_rule.edit" in heard[-1].out
    assert not [said for said in heard if "canary" in said.out + said.err]


def test_what_cannot_be_is_refused_by_its_field_and_by_who_asks(
    atlas: Any, as_login: Callable[[str], Any], is_refused: Callable[..., Any]
) -> None:
    assert atlas("alerts", "channels", "add", "Night", stdin=ADDRESS).code == 0
    for stdin, word in (
        (b"file:///etc/canary\n", "`file://`"),
        (b"\n", "is empty"),
        (b"slack://a/b/c?template=/canary\n", "`template`"),
    ):
        said = is_refused(atlas("alerts", "channels", "add", "Other", stdin=stdin), 2, "address", word)
        assert "canary" not in said.err
    is_refused(atlas("alerts", "channels", "add", "Night", stdin=ADDRESS), 6, "name")
    is_refused(atlas("alerts", "rules", "add", "R", "--channel", "nope", "--on", "problem"), 4, "channel")
    is_refused(atlas("alerts", "rules", "add", "R", "--channel", "Night", "--on", "sunshine"), 2, "events", "sunshine")
    is_refused(
        atlas("alerts", "rules", "add", "R", "--channel", "Night", "--on", "run", "--quiet", "22:00"), 2, "quiet"
    )
    is_refused(atlas("alerts", "channels", "edit", "Night"), 2, "changes nothing")
    assert atlas("member", "add", "mona", "manager").code == 0
    with as_login("mona"):
        assert "Night" in atlas("alerts", "channels", "list").out
        is_refused(atlas("alerts", "test", "Night"), 5, "alert.manage", "ask")
