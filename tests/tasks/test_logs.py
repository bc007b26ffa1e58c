"""The log holds what is allowed and nothing else. The canary is planted wherever a secret could be, and once where it must show."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from storage.errors import DatabaseError
from tasks import logs
from tasks.logs import Log

CANARY = "canary-8Q~secret"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    before, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    text = io.StringIO()
    logs.configure(text)
    yield text
    root.handlers[:] = before
    root.setLevel(level)
    logging.raiseExceptions = raising
    sys.excepthook, threading.excepthook = hooks


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_the_fields_that_were_given(stream: io.StringIO) -> None:
    Log("runner").info("run_begun", run=7, operation="provider.connection.check", seconds=1.23456)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["run"]) == ("run_begun", "info", 7)
    assert (line["operation"], line["seconds"]) == ("provider.connection.check", 1.235)


def test_a_field_that_is_not_listed_is_dropped(stream: io.StringIO) -> None:
    Log("runner").info("run_begun", run=7, secret=CANARY, token=CANARY, body=CANARY)
    assert CANARY not in stream.getvalue()
    assert set(lines(stream)[0]) == {"at", "level", "event", "run"}


@pytest.mark.parametrize(
    "name", ["reason", "operation", "host", "error", "at_line", "worker", "run", "count", "seconds"]
)
def test_a_listed_field_takes_only_values_of_its_shape(stream: io.StringIO, name: str) -> None:
    Log("runner").info("x", **{name: CANARY})
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize("word", ["Bearer abc", "access_token=abc", "the Authorization header", "client_secret"])
def test_a_sentence_with_a_forbidden_word_is_dropped(stream: io.StringIO, word: str) -> None:
    Log("runner").info("x", sentence=f"It said {word}.")
    assert "sentence" not in lines(stream)[0]


def test_an_exception_is_its_class_and_our_line(stream: io.StringIO) -> None:
    try:
        logs.allowed({"seconds": 1.0, CANARY: None})
        raise RuntimeError(CANARY)
    except RuntimeError as error:
        Log("runner").failure("operation_failed", error)
    (line,) = lines(stream)
    assert line["error"] == "RuntimeError"
    assert line["at_line"].startswith("tests/tasks/test_logs.py:")
    assert CANARY not in stream.getvalue()


def test_an_error_of_ours_brings_its_sentence(stream: io.StringIO) -> None:
    """The positive control: what is allowed to be shown is shown, so the tests above could see it."""
    Log("runner").failure("database_unavailable", DatabaseError(f"The database {CANARY} is away."))
    assert CANARY in stream.getvalue()


def test_other_libraries_lose_their_words(stream: io.StringIO) -> None:
    for name in ("huey", "huey.consumer", "httpx", "msal", "sqlalchemy.engine", "some.library"):
        try:
            raise ValueError(CANARY)
        except ValueError:
            logging.getLogger(name).exception("failed with %s", CANARY, extra={"atlas_fields": {"sentence": CANARY}})
    assert CANARY not in stream.getvalue()
    assert {line["event"] for line in lines(stream)} == {"library"}
    assert lines(stream)[0] | {"library": "huey", "error": "ValueError"} == lines(stream)[0]


def test_an_exception_that_nobody_caught_is_a_line_and_no_traceback(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError(CANARY)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)

    assert [line["event"] for line in lines(stream)] == ["uncaught", "uncaught"]
    assert CANARY not in stream.getvalue()
    assert "Traceback" not in capsys.readouterr().err


def test_a_worker_process_with_secrets_everywhere_logs_none(sqlite_fleet: Any, start_process: Any) -> None:
    """The credential is opened and an exception with it is raised; the log is there, and the secret is not in it."""
    secret = "canary-8Q~secret-value-that-must-not-be-seen"
    run_id = sqlite_fleet.start(sqlite_fleet.connection(["open"], ["raise", f"Authorization: Bearer {secret}"]))
    worker = start_process(sqlite_fleet)
    sqlite_fleet.until_completed(run_id)
    worker.until_event("run_ended")

    text = worker.log_file.read_text()
    assert "operation_failed" in text
    assert str(run_id) in text
    for form in (secret, secret.encode().hex(), "Bearer", "canary"):
        assert form not in text
    assert "Traceback" not in text
