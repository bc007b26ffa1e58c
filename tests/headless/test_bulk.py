"""Bulk starts from the command line. No worker runs here: what one does is tested end to end."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def three(atlas: Any) -> list[str]:
    """Three connections: one can start, one has no credential, one is disabled."""
    found = [str(atlas.connection()), str(atlas.connection("Fabrikam", secret=False)), str(atlas.connection("Litware"))]
    atlas("connection", "disable", found[2], "--yes")
    return found


def test_a_dry_run_says_the_classes_and_starts_nothing(atlas: Any, three: list[str]) -> None:
    said = atlas("bulk", "start", "check", "--all", "--dry-run")
    assert said.code == 0
    assert [" ".join(line.split()) for line in said.out.splitlines()] == [
        "1 start",
        "2 blocked, and left out:",
        "1 provider_credential_missing",
        "1 provider_connection_disabled",
    ]
    dry = atlas("bulk", "start", "check", "--connections", *three, "999", "--dry-run", "--json").json
    assert dry["classes"] == {"gone": 1, "started": 1, "blocked": 2}
    assert atlas("bulk", "start", "check", "--filter", "lifecycle:disabled", "--dry-run").code == 10
    assert atlas("runs", "--json").json == []


def test_what_is_blank_unconfirmed_or_nowhere_is_refused_and_starts_nothing(atlas: Any, three: list[str]) -> None:
    atlas.refuses("bulk", "start", "check", "--filter", " ", "--yes", code=2, says=("--filter", "--all"))
    atlas.refuses("bulk", "start", "check", "--connections", "-", "--yes", code=2, says=("--connections",))
    atlas.refuses("bulk", "start", "wash", "--all", "--yes", code=2, says=("operation", "check"))
    atlas.refuses("bulk", "start", "check", "--all", code=2, says=("--yes", "1 start"))
    atlas.refuses("bulk", "start", "check", "--connections", "999", "--yes", code=4, says=("No connection",))
    atlas.refuses("bulk", "start", "check", "--filter", "odd:x", code=2, says=("odd",))
    atlas.refuses("bulk", "show", "7", code=4, says=("Batch 7",))
    nothing = atlas("bulk", "start", "inventory", "--all", "--yes")
    assert (nothing.code, nothing.out) == (10, "")
    assert "provider_consent_missing" in nothing.err
    assert atlas("bulk", "list", "--json").json == []


def test_a_batch_is_started_shown_cancelled_and_retried(atlas: Any, three: list[str]) -> None:
    ids = "\n".join(three).encode()
    first = atlas("bulk", "start", "check", "--connections", "-", "--yes", "--ticket", "CHG-7", "--json", stdin=ids)
    assert first.code == 0
    batch = str(first.json["batch"]["id"])
    assert first.json["batch"]["tally"]["classes"] == {"started": 1, "blocked": 2}
    assert (first.json["batch"]["tally"]["queued"], first.json["done"], first.json["result"]) == (1, 2, None)
    assert [run["cause"] for run in atlas("runs", f"batch:{batch}", "--json").json] == ["bulk"]
    waited = atlas("bulk", "start", "check", "--connections", three[0], "--yes", "--wait", "--timeout", "0")
    assert waited.code == 11
    assert "it goes on" in waited.err
    cancelled = atlas("bulk", "cancel", batch, "--yes", "--json")
    assert (cancelled.code, cancelled.json["result"]) == (23, "cancelled")
    assert atlas("bulk", "cancel", batch).code == 6, "it is over, so nothing is asked"
    shown = atlas("bulk", "show", batch)
    assert shown.code == 23
    assert "1  cancelled" in shown.out
    assert "2  blocked" in shown.out
    again = atlas("bulk", "retry", batch, "--json").json["batch"]
    assert (again["of_batch_id"], again["member_count"]) == (int(batch), 1)
    rows = atlas("bulk", "list", "--json").json
    assert [row["batch"]["id"] for row in rows] == [again["id"], int(batch) + 1, int(batch)]
    entries = {entry["action"] for entry in atlas("audit", "list", "action:run.*", "--json").json}
    assert {"run.batch_start", "run.batch_cancel", "run.batch_retry", "run.batch_complete", "run.start"} <= entries
