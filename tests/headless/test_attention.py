"""What needs a human without a screen: problems, acknowledging them, what runs out, the handover of a shift."""

from __future__ import annotations

from typing import Any

import pytest

HOSTILE = "Mal`lory [x](http://e) \u202e\x1b[31m|"


@pytest.fixture
def blocked(atlas: Any) -> Any:
    """An installation whose one connection is blocked; its tenant has a hostile name."""
    number = atlas.connection()
    atlas.sql(
        "UPDATE provider_connections SET verification_status = 'blocked', last_reason_code = 'secret_invalid',"
        " consent_status = 'granted', reason_since = '2021-03-01 10:00:00.000' WHERE id = ?",
        number,
    )
    atlas.sql("UPDATE tenants SET name = ?", HOSTILE)
    return atlas


def test_problems_are_listed_for_people_and_programs(blocked: Any) -> None:
    said = blocked("attention", "list")
    assert said.code == 0
    for part in ("no_worker_running", "secret_invalid", "us", "new credential", "2021-03-01 10:00:00Z"):
        assert part in said.out, part
    assert "\x1b" not in said.out
    rows = blocked("attention", "list", "reason:secret_invalid", "--json").json
    assert [(row["reason_code"], row["connections"], row["is_exact"], row["new"]) for row in rows] == [
        ("secret_invalid", 1, True, 0)
    ]
    assert rows[0]["next_step"]["is_mine"] is True
    assert blocked("attention", "list", "new", "--since", "2d", "--json").json == []
    said = blocked("attention", "list", "who:nobody")
    assert (said.code, said.out) == (2, "")
    assert "who:nobody" in said.err


def test_a_problem_is_shown_acknowledged_snoozed_and_taken_back(blocked: Any) -> None:
    said = blocked("attention", "show", "secret_invalid")
    assert "badge blocked" in said.out
    document = blocked("attention", "ack", "secret_invalid", "--note", "on it", "--ticket", "INC-7", "--json").json
    assert document == {"reason": "secret_invalid", "acknowledged": 1, "until": None}
    [row] = blocked("attention", "show", "secret_invalid", "--acked", "--json").json["connections"]
    assert (row["acknowledgement"]["note"], row["acknowledgement"]["ticket"]) == ("on it", "INC-7")
    said = blocked("attention", "snooze", "secret_invalid", "4h", "--connection", "1")
    assert "acknowledged on 1 connection, until 20" in said.out
    assert "secret_invalid" in blocked("attention", "list", "acked").out
    assert "1 acknowledgement taken back" in blocked("attention", "unack", "secret_invalid").out
    assert blocked("attention", "unack", "secret_invalid", "--connection", "1", "--json").json["taken_back"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("show", "secret_expired"), 4, "no problem here now"),
        (("show", "no_such_code"), 4, "no problem here now"),
        (("snooze", "secret_invalid", "soon"), 2, "until"),
        (("snooze", "secret_invalid", "2020-01-01"), 2, "past"),
        (("ack", "secret_invalid", "--owner", "nobody"), 2, "owner"),
        (("ack", "tenant_not_found", "--connection", "1"), 6, "None of them has"),
        (("ack", "secret_invalid", "--app", "global", "--connection", "1"), 2, "--app"),
        (("list", "--since", "yesterday"), 2, "since"),
    ],
)
def test_what_cannot_be_done_names_why_and_changes_nothing(
    blocked: Any, arguments: tuple[str, ...], code: int, word: str
) -> None:
    said = blocked("attention", *arguments)
    assert (said.code, said.out) == (code, "")
    assert word in said.err
    assert blocked("attention", "list", "acked", "--json").json == []


def test_credentials_are_listed_by_what_they_have_left(blocked: Any) -> None:
    blocked.sql("UPDATE credentials SET expires_at = '2020-01-01 00:00:00.000'")
    document = blocked("expiry", "--json").json
    assert document["counts"]["expired"] == 1
    assert [row["bucket"] for row in document["credentials"]] == ["expired"]
    said = blocked("expiry", "bucket:unknown")
    assert said.out.splitlines()[-1] == "expired: 1", "only buckets that hold something"


def test_a_shift_is_written_as_markdown_that_outside_text_cannot_change_and_as_json(blocked: Any) -> None:
    said = blocked("handover", "--since", "2d")
    assert said.code == 0
    assert said.out.startswith("# Handover of ")
    assert "- **secret\\_invalid** Mal\\`lory \\[x\\](http://e) \\[31m\\|, 1 connection" in said.out
    assert "tenant added" in said.out
    document = blocked("handover", "--since", "2d", "--format", "json").json
    assert {"since", "until", "problems", "badges", "runs", "people", "acknowledged", "expiring", "more"} <= set(
        document
    )
    assert blocked("handover", "--since", "40d").code == 2
