"""Starting, attaching, cancelling and retrying from the command line. No worker runs here: what one does is tested end to end."""

from __future__ import annotations

from typing import Any


def test_a_check_is_queued_and_a_second_press_opens_the_same_run(atlas: Any) -> None:
    number = str(atlas.connection())

    first = atlas("check", number, "--no-wait", "--ticket", "CHG-7", "--json")
    second = atlas("check", "contoso", "--no-wait", "--json")

    assert (first.code, first.json["result"], first.json["run"]["status"]) == (0, "started", "queued")
    assert (second.code, second.json["result"]) == (0, "already_running")
    assert second.json["run"]["id"] == first.json["run"]["id"]
    (run,) = atlas("runs", "--json").json
    assert (run["cause"], run["initiator"]) == ("person", first.json["run"]["initiator"])
    assert atlas("run", str(run["id"]), "--json").json["ticket"] == "CHG-7"
    assert "Already there: #" in atlas("check", number, "--no-wait").out
    atlas.refuses("start", "chek", number, code=2, says=("chek", "Did you mean check?"))


def test_waiting_without_a_worker_says_how_to_start_one_and_gives_up_in_time(atlas: Any) -> None:
    number = str(atlas.connection())
    said = atlas("check", number, "--timeout", "0")
    assert (said.code, said.out) == (11, "")
    assert "atlas-tui worker" in said.err
    assert "goes on" in said.err


def test_a_queued_run_is_cancelled_at_once_and_can_be_tried_again(atlas: Any, is_refused: Any) -> None:
    number = str(atlas.connection())
    first = atlas("check", number, "--no-wait", "--json").json["run"]["id"]

    cancelled = atlas("cancel", str(first), "--json")
    assert (cancelled.code, cancelled.json["immediate"]) == (0, True)
    assert "cancelled" in atlas("run", f"#{first}").out
    atlas.refuses("cancel", str(first), code=6, says=("completed",))

    again = atlas("retry", str(first), "--no-wait", "--json").json
    assert again["result"] == "started"
    assert atlas("run", str(again["run"]["id"]), "--json").json["retry_of_id"] == first
    atlas.refuses("retry", str(again["run"]["id"]), code=6, says=("completed",))


def test_a_connection_that_is_disabled_or_has_no_credential_is_blocked_with_the_reason(atlas: Any) -> None:
    number = str(atlas.connection(secret=False))
    for reason in ("provider_credential_missing", "provider_connection_disabled"):
        said = atlas("check", number)
        assert (said.code, said.out) == (10, "")
        assert reason in said.err
        blocked = atlas("check", number, "--json")
        assert (blocked.code, blocked.json["result"], blocked.json["reason"]["code"]) == (10, "blocked", reason)
        assert blocked.json["reason"]["next_step"]
        atlas("connection", "disable", number, "--yes")
    assert atlas("runs", "--json").json == []


def test_another_operation_on_the_connection_is_named_and_can_be_waited_for(atlas: Any) -> None:
    number = str(atlas.connection())
    active = atlas("check", number, "--no-wait", "--json").json["run"]["id"]
    atlas.sql("UPDATE operation_runs SET type = 'inventory.sync' WHERE id = ?", active)

    busy = atlas("check", number)
    assert (busy.code, busy.out) == (11, "")
    assert f"#{active}" in busy.err
    assert "--run-after" in busy.err
    assert atlas("check", number, "--json").json["run"]["id"] == active

    waiting = atlas("check", number, "--run-after", "--no-wait", "--json").json
    assert (waiting["result"], waiting["run"]["status"]) == ("waiting", "waiting")
    assert atlas("check", number, "--run-after", "--no-wait", "--json").json["run"]["id"] == waiting["run"]["id"]

    atlas("cancel", str(active))
    assert atlas("run", str(waiting["run"]["id"]), "--json").json["row"]["status"] == "queued"


def test_disabling_cancels_what_is_queued(atlas: Any) -> None:
    number = str(atlas.connection())
    run = atlas("check", number, "--no-wait", "--json").json["run"]["id"]
    atlas("connection", "disable", number, "--yes")
    row = atlas("run", str(run), "--json").json["row"]
    assert (row["status"], row["outcome"]) == ("completed", "cancelled")
