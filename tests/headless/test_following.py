"""Following a run from the command line: how far it is, how it ended, and that it goes on without being followed."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from atlas_tui.headless.following import Following, state_words
from atlas_tui.headless.opening import opened
from atlas_tui.headless.running import SHORT_NAMES
from atlas_tui.headless.waiting import wait_for, wait_until
from storage import access, dispatching, finishing, leases, runs, schedule_firing
from storage.database import Database, open_database
from storage.feed import ChangeFeed
from storage.operations import CONNECTION_CHECK
from storage.states import RunOutcome, RunStatus, StepStatus
from storage.verification import CheckReport, ConsentFact, ReportStep


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ready(atlas: Any) -> str:
    """A connection on which every operation may start."""
    number = str(atlas.connection())
    atlas.sql(
        "UPDATE provider_connections SET consent_status = 'granted', verification_status = 'healthy' WHERE id = ?",
        int(number),
    )
    return number


def result_of(claim: leases.Claim) -> finishing.RunResult:
    """What a run brings home here: a check that found nothing wrong, another operation that only half worked."""
    if claim.operation_type != CONNECTION_CHECK:
        return finishing.RunResult(outcome=RunOutcome.PARTIALLY_SUCCEEDED)
    step = ReportStep("token", "Token", StepStatus.PASS)
    return finishing.RunResult(
        check=CheckReport(steps=(step,), consent_fact=ConsentFact.ROLES_PRESENT, token_passed=True)
    )


@contextmanager
def a_worker(atlas: Any) -> Iterator[None]:
    """Somebody who starts what a schedule is told to, takes up every run, says how far it is, and ends it."""
    over = threading.Event()

    def work() -> None:
        db = open_database(str(atlas.database))
        try:
            while not over.wait(0.05):
                while held := schedule_firing.take(db, "w1"):
                    schedule_firing.work_chunk(db, held)
                for claim in filter(None, (leases.claim(db, "w1", id) for id in dispatching.dispatch(db, "w1", 1))):
                    leases.report_progress(db, claim.held, done=3, total=8, phase="items", steps=())
                    finishing.finish(db, claim.held, result_of(claim))
        finally:
            db.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_each_of_the_five_operations_is_followed_to_its_end_and_its_exit_code(atlas: Any) -> None:
    number = ready(atlas)
    assert len(SHORT_NAMES) == 5
    with a_worker(atlas):
        for word, type in SHORT_NAMES.items():
            said = atlas("start", word, number, "--wait", "--json")
            run = said.json["run"]["row"]
            assert (run["type"], run["status"]) == (type, "completed"), word
            wanted = ("succeeded", 0) if type == CONNECTION_CHECK else ("partially_succeeded", 20)
            assert (run["outcome"], said.code) == wanted, word
            assert said.err == "", "quiet when nobody looks"


def test_a_run_that_somebody_started_is_watched_and_one_that_has_ended_is_told_at_once(atlas: Any) -> None:
    run = str(atlas("start", "roles", ready(atlas), "--no-wait", "--json").json["run"]["id"])
    assert atlas("watch", run, "--timeout", "0").code == 11
    with a_worker(atlas):
        said = atlas("watch", f"#{run}")
    assert said.code == 20
    assert f"#{run} Admin roles scan of Contoso: partially_succeeded" in said.out
    assert atlas("watch", run, "--json").json["run"]["row"]["outcome"] == "partially_succeeded"
    atlas.refuses("watch", "4711", code=4, says=("4711",))


def test_whoever_has_waited_for_an_end_finds_it_read_in_the_inbox(atlas: Any) -> None:
    number = ready(atlas)
    with a_worker(atlas):
        assert atlas("start", "roles", number, "--wait").code == 20
        assert atlas("bulk", "start", "check", "--connections", number, "--yes", "--wait").code == 0
        unseen = atlas("start", "directory", number, "--no-wait", "--json").json["run"]["id"]
        with opened(atlas.config, None) as here:
            assert wait_until(here, lambda: runs.get(here.db, here.who, unseen).row.status is RunStatus.COMPLETED, 60)
    inbox = atlas("notifications", "list", "--json").json
    assert [(row["run_id"], row["read_at"] is not None) for row in inbox][:2] == [(unseen, False), (None, True)]
    assert len(inbox) == 3
    assert inbox[2]["read_at"] is not None
    assert atlas("watch", str(unseen)).code == 20
    assert atlas("notifications", "list", "--unread", "--json").json == []


def test_a_schedule_that_is_run_now_is_followed_to_its_last_run(atlas: Any) -> None:
    ready(atlas)
    atlas.connection("Fabrikam")
    for name, operation in (("Counting", "directory"), ("Checking", "check")):
        assert atlas("schedules", "add", name, "--start", operation, "--every", "1d").code == 0
    told = atlas("schedules", "run", "Counting", "--yes", "--wait", "--timeout", "0")
    assert (told.code, "Counting is not over after 0 s; it goes on." in told.err) == (11, True)
    with a_worker(atlas):
        assert atlas("schedules", "run", "Counting", "--yes", "--wait").code == 20, "what went on, or one more"
        said = atlas("schedules", "run", "Counting", "--yes", "--wait", "--json")
        assert said.code == 20
        assert {key: said.json[key] for key in ("result", "classes", "reasons", "outcomes")} == {
            "result": "partially_succeeded",
            "classes": {"started": 1, "blocked": 1},
            "reasons": {"provider_consent_missing": 1},
            "outcomes": {"partially_succeeded": 1},
        }
        said = atlas("schedules", "run", "Checking", "--yes", "--wait")
    assert (said.code, said.out) == (0, "Checking: 2 of 2 runs ended: 2 succeeded; 2 started\n")


def test_ctrl_c_stops_following_and_says_that_the_run_goes_on(atlas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    number = ready(atlas)

    def interrupted(feed: ChangeFeed) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(ChangeFeed, "poll", interrupted)
    said = atlas("start", "inventory", number)
    assert said.code == 130
    assert said.out == ""
    run = atlas("runs", "--json").json[0]
    assert f"#{run['id']} goes on; follow it again: atlas-tui watch {run['id']}" in said.err
    assert run["status"] == "queued"


def test_several_runs_are_waited_for_and_go_on_without_it(atlas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [str(atlas.connection(name)) for name in ("Contoso", "Fabrikam")]
    ids = [int(atlas("check", number, "--no-wait", "--json").json["run"]["id"]) for number in numbers]
    terminal = FakeTerminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with opened(atlas.config, None) as here:
        with monkeypatch.context() as patch:
            patch.setattr(ChangeFeed, "poll", lambda feed: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                wait_for(here, ids, 60)
        assert "What was started goes on" in terminal.getvalue()
        with a_worker(atlas):
            assert wait_for(here, ids, 60)
        assert wait_for(here, ids, 0)
    assert "0 of 2 runs ended" in terminal.getvalue()
    assert terminal.getvalue().endswith("2 of 2 runs ended\r\x1b[K")


def test_a_terminal_is_told_how_far_it_is_on_one_line_and_nobody_else(atlas: Any, monkeypatch: Any) -> None:
    run = int(atlas("start", "inventory", ready(atlas), "--no-wait", "--json").json["run"]["id"])
    db: Database = open_database(str(atlas.database))
    try:
        row = runs.get(db, access.local_principal(db), run).row
    finally:
        db.close()
    now = row.queued_at
    going = replace(row, status=RunStatus.RUNNING, progress_done=3, progress_total=8, phase="apps")
    words = {
        f"#{run} Inventory sync of Contoso: queued": row,
        f"#{run} Inventory sync of Contoso: running [#######.............] 37 % (3/8) apps": going,
        f"waits for Microsoft until {now + timedelta(seconds=90):%H:%M:%S}Z": replace(
            going, waiting_until=now + timedelta(seconds=90)
        ),
        "stops at its next safe point": replace(going, cancel_requested_at=now),
        "waits for the run before it": replace(row, status=RunStatus.WAITING),
    }
    for said, shown in words.items():
        assert said in state_words(shown, now)
    terminal, file = FakeTerminal(), io.StringIO()
    for stream in (terminal, file):
        line = Following(stream, lambda: 40)
        line.show("\x1b[31mred\x1b[0m " + "x" * 100)
        line.show("done")
        line.show("done")
        line.end()
    first, second, last = terminal.getvalue().split("\r\x1b[K")[1:]
    assert (len(first), second, last) == (39, "done", "")
    assert "\x1b" not in first
    assert file.getvalue() == ""
