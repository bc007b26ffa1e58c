"""Workers that are killed, stopped and asked twice, with a real check against a slow Microsoft in the middle."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from typing import Any

import pexpect
import pytest

from tasks import key_files

CONTOSO = "Contoso Ltd"


@pytest.fixture
def slow(microsoft: Any) -> Any:
    """A tenant of the test's own for which Graph takes a minute: nothing ends before the test has done what it does. `fast()` ends that
    for what is asked from then on.
    """

    class Slow:
        name = f"Slow {uuid.uuid4().hex[:6]}"

        def __init__(self) -> None:
            model = microsoft.tenants[CONTOSO]
            tenant = {**model, "id": str(uuid.uuid4()), "name": self.name, "domains": [f"{uuid.uuid4().hex}.example"]}
            microsoft.control("POST", "/tenants", tenant)
            microsoft.tenants[self.name] = tenant
            self.takes(50)

        def takes(self, seconds: float) -> None:
            microsoft.scenarios(self.name, {"name": "graph_slow", "seconds": seconds})

        def fast(self) -> None:
            microsoft.scenarios(self.name)

    yield (made := Slow())
    made.fast()


def _started(estate: Any, name: str) -> int:
    return int(estate("check", name, "--no-wait", "--json", check=0).json["run"]["id"])


def test_a_run_whose_worker_is_killed_is_taken_up_again_and_finishes(make_estate: Any, slow: Any) -> None:
    """In real time: the second worker takes it up when the first one's lease of fifteen seconds is over."""
    estate = make_estate(slow.name)
    first = estate.start_worker()
    run = _started(estate, slow.name)
    estate.until_calls(slow.name)
    before = estate.run_of(run)

    first.kill()
    lease_until = estate.run_of(run)["lease_until"]
    slow.fast()
    second = estate.start_worker()

    after = estate.until_run(run, "completed")
    assert after["claimed_at"] >= lease_until, "nobody takes it before its time"
    assert (before["attempt"], after["attempt"], after["outcome"]) == (1, 2, "succeeded")
    assert after["fence"] > before["fence"]
    assert second.process.poll() is None
    (report,) = estate.sql("SELECT count(*) FROM verification_reports WHERE run_id = :run", run=run)
    (told,) = estate.sql("SELECT count(*) FROM notifications WHERE run_id = :run", run=run)
    assert (report[0], told[0]) == (1, 1)
    row = estate.badges(slow.name)
    assert (row["verification_status"], row["active_run_id"]) == ("healthy", None)


def test_a_second_press_while_it_runs_opens_the_same_run(make_estate: Any, slow: Any) -> None:
    slow.takes(12)
    estate = make_estate(slow.name)
    estate.start_worker()
    run = _started(estate, slow.name)
    estate.until_run(run, "running")

    waiting = [estate.start_seen("check", slow.name, "--json") for _ in range(3)]
    for process in waiting:
        process.expect_exact(f"#{run} ")  # it was told which run it waits for
    pressed = estate("check", slow.name, "--no-wait", "--json", check=0).json
    assert (pressed["result"], pressed["run"]["id"], pressed["run"]["status"]) == ("already_running", run, "running")
    slow.fast()

    for process in waiting:
        process.expect_exact(f'"id":{run},')
        process.expect(pexpect.EOF)
        process.close()
        assert process.exitstatus == 0
    assert [one["id"] for one in estate("runs", "--json", check=0).json if one["cause"] == "person"] == [run]


def test_a_worker_that_is_told_to_stop_gives_its_run_back_and_is_gone(make_estate: Any, slow: Any) -> None:
    estate = make_estate(slow.name)
    first = estate.start_worker()
    run = _started(estate, slow.name)
    estate.until_calls(slow.name)

    assert first.stop() == 0

    given_back = estate.run_of(run)
    assert (given_back["status"], given_back["attempt"]) == ("queued", 0)
    with pytest.raises(ProcessLookupError):
        os.kill(first.process.pid, 0)
    assert not list((estate.home / "state").glob("workers/*"))
    assert estate("workers", "--json", check=0).json["alive"] == 0
    slow.fast()
    estate.start_worker()
    after = estate.until_run(run, "completed")
    assert (after["outcome"], after["attempt"]) == ("succeeded", 1)


def test_a_run_is_cancelled_while_it_waits_for_microsoft(make_estate: Any, slow: Any, microsoft: Any) -> None:
    microsoft.scenarios(slow.name)
    microsoft.script(slow.name, {"where": "graph"}, [{"status": 429, "retry_after": "14"}])
    estate = make_estate(slow.name)
    estate.start_worker()
    run = _started(estate, slow.name)
    estate.until_calls(slow.name)

    assert estate("cancel", str(run), check=0).out

    after = estate.until_run(run, "completed")
    assert after["outcome"] == "cancelled"
    asked = [entry["status"] for entry in microsoft.requests(slow.name, "graph")]
    assert asked == [429], "it does not wait until Microsoft may be asked again"
    assert estate.badges(slow.name)["verification_status"] == "healthy"


def test_a_person_who_presses_ctrl_c_leaves_the_run_going(make_estate: Any, slow: Any) -> None:
    slow.takes(12)
    estate = make_estate(slow.name)
    estate.start_worker()
    watcher = estate.start("check", slow.name)
    estate.until_calls(slow.name)
    ((run,),) = estate.sql("SELECT id FROM operation_runs WHERE status != 'completed'")

    watcher.send_signal(signal.SIGINT)
    _, err = watcher.communicate(timeout=110)
    slow.fast()

    assert watcher.returncode == 130
    assert b"Traceback" not in err
    assert estate.until_run(run, "completed")["outcome"] == "succeeded"


_INTERRUPTED_IN_A_CALLBACK = """
import signal, sys, time, weakref
from atlas_tui import cli
from atlas_tui.headless import following
class Thing: pass
def follow(*_, **__):
    thing = Thing()
    watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing  # Python ignores what its callback raises
    time.sleep(100)
following.follow = follow
sys.exit(cli.main())
"""


def test_a_ctrl_c_that_comes_inside_one_of_pythons_own_callbacks_is_not_lost(make_estate: Any, slow: Any) -> None:
    estate = make_estate(slow.name)
    watcher = estate.start_program([sys.executable, "-c", _INTERRUPTED_IN_A_CALLBACK, "check", slow.name])

    _, err = watcher.communicate(timeout=110)

    assert (watcher.returncode, b"Exception ignored" in err) == (130, False), err
    ((status,),) = estate.sql("SELECT status FROM operation_runs WHERE status != 'completed'")
    assert status == "queued", "it goes on"


def test_a_worker_without_the_right_key_says_so_and_takes_nothing(make_estate: Any, slow: Any) -> None:
    estate = make_estate(slow.name)
    run = _started(estate, slow.name)
    key = estate.home / "worker.key"
    for harm in (key.unlink, lambda: key_files.create(key)):
        harm()

        said = estate("worker")

        assert said.code == 8
        assert "key" in said.err
        assert estate.run_of(run)["status"] == "queued"


def test_a_check_on_postgresql_survives_a_killed_worker_too(make_estate: Any, slow: Any, postgres_url: str) -> None:
    estate = make_estate(slow.name, "Tailspin Toys", url=postgres_url)
    first = estate.start_worker()
    run = _started(estate, slow.name)
    estate.until_calls(slow.name)
    first.kill()
    slow.fast()
    estate.let_leases_end()
    estate.start_worker()

    after = estate.until_run(run, "completed")
    assert (after["outcome"], after["attempt"]) == ("succeeded", 2)
    expired = estate("check", "Tailspin Toys", "--json", check=22).json
    assert expired["connection"]["reason_code"] == "secret_expired"
    healthy = estate("check", slow.name, "--json", check=0).json
    assert healthy["connection"]["verification_status"] == "healthy"
    assert "postgresql" in estate("doctor").out
