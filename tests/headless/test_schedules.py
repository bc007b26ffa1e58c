"""Commands about schedules: list, show, add, edit, enable, disable, run, delete."""

from __future__ import annotations

import uuid
from typing import Any


def done(said: Any) -> Any:
    assert (said.code, said.err) == (0, ""), said
    return said


def test_a_schedule_is_tried_added_shown_changed_run_and_deleted(atlas: Any) -> None:
    (daily,) = done(atlas("schedules", "list", "--json")).json
    assert (daily["name"], daily["rhythm"], daily["time_zone"]) == ("Daily check", "0 2 * * *", "UTC")
    assert (daily["jitter_minutes"], daily["is_enabled"], daily["scope"]) == (240, True, "workspace")

    contoso = str(uuid.UUID(int=2**127 + 7))
    done(atlas("tenant", "add", "Contoso", contoso, "--tag", "gold"))
    when = ("--cron", "30 2 * * mon", "--time-zone", "europe/berlin", "--quiet", "01:00-04:00", "--tag", "gold")
    tried = done(atlas("schedules", "add", "Nightly", *when, "--dry-run")).out
    assert tried.count(" 04:00 Europe/Berlin = ") == 5, "the quiet hours moved it"
    assert "connections    0 now" in tried
    assert len(done(atlas("schedules", "list", "--json")).json) == 1, "trying makes none"
    made = done(atlas("schedules", "add", "Nightly", *when, "--start", "inventory", "--ticket", "T-1", "--json")).json
    assert (made["rhythm"], made["scope_name"], made["type"]) == ("30 2 * * MON", "gold", "inventory.sync")

    shown = done(atlas("schedules", "show", "nightly")).out
    for line in ("At 02:30 on Monday (30 2 * * MON)", "tag gold: 0 connections now", "quiet hours    01:00-04:00"):
        assert line in shown
    detail = done(atlas("schedules", "show", str(made["id"]), "--json")).json
    assert (len(detail["upcoming"]), detail["firings"], detail["held_up"]) == (5, [], [])

    changed = done(atlas("schedules", "edit", "Nightly", "--every", "6h", "--quiet", "", "--jitter", "1h", "--json"))
    assert (changed.json["rhythm"], changed.json["quiet_hours"], changed.json["jitter_minutes"]) == (
        "every 6h",
        None,
        60,
    )
    assert done(atlas("schedules", "disable", "Nightly")).out == "Nightly is disabled.\n"
    assert [row["name"] for row in done(atlas("schedules", "list", "enabled:no", "--json")).json] == ["Nightly"]
    assert "Nightly is enabled: next due " in done(atlas("schedules", "enable", "Nightly")).out

    said = atlas("schedules", "run", "Nightly", "--yes")
    assert (said.code, "A worker starts the inventory sync on 0 connections" in said.err) == (0, True)
    assert "runs now" in said.out
    assert "is being started already" in atlas("schedules", "run", "Nightly", "--yes").out
    assert atlas("schedules", "delete", "Nightly").code == 2, "without a terminal it wants --yes"
    assert atlas("schedules", "delete", "Nightly", "--yes").code == 0
    actions = [entry["action"] for entry in done(atlas("audit", "list", "action:schedule.*", "--json")).json]
    assert actions[::-1] == [
        f"schedule.{verb}" for verb in ("create", "edit", "disable", "enable", "run", "delete")
    ]  # fmt: skip


def test_what_cannot_be_used_names_the_field_and_the_fix(atlas: Any) -> None:
    for given, code, says in (
        (("add", "X", "--cron", "0 0 30 2 *"), 2, "rhythm: cron cannot read it, or it never comes"),
        (("add", "X", "--cron", "* 2 * * *"), 2, "Such as */15 2 * * *"),
        (("add", "X", "--every", "soon"), 2, "rhythm: is neither a cron expression nor an interval"),
        (("add", "X", "--every", "6h", "--time-zone", "Mars"), 2, "time zone: is not known"),
        (("add", "X", "--every", "6h", "--quiet", "22"), 2, "quiet hours: are not two times of day"),
        (("add", "X", "--every", "6h", "--jitter", "2d"), 2, "jitter: is more than a day"),
        (("add", "X", "--every", "6h", "--tag", "none"), 2, "tag: no tenant of this workspace has it"),
        (("add", "Daily check", "--every", "6h"), 6, "has a schedule Daily check already"),
        (("add", "X"), 2, "one of the arguments --cron --every is required"),
        (("edit", "Daily check"), 2, "changes nothing"),
        (("show", "Nightly"), 4, "There is no schedule of that name"),
        (("show", "999"), 4, "Schedule 999 does not exist"),
    ):
        said = atlas("schedules", *given)
        assert (said.code, said.out) == (code, ""), given
        assert says in said.err
    assert len(done(atlas("schedules", "list", "--json")).json) == 1
