"""One's inbox from the command line."""

from __future__ import annotations

from typing import Any


def told(atlas: Any, *outcomes: str) -> list[int]:
    """Runs that this account started and cancelled again, which is an end that needs no worker."""
    number = str(atlas.connection())
    runs = []
    for _ in outcomes:
        runs.append(int(atlas("check", number, "--no-wait", "--json").json["run"]["id"]))
        atlas("cancel", str(runs[-1]))
    return runs


def test_the_inbox_is_listed_and_read(atlas: Any, is_harmless: Any) -> None:
    first, second = told(atlas, "cancelled", "cancelled")
    rows = atlas("notifications", "list", "--json").json
    assert [(row["run_id"], row["outcome"], row["read_at"]) for row in rows] == [
        (second, "cancelled", None),
        (first, "cancelled", None),
    ]
    shown = atlas("notifications", "list", "contoso")
    is_harmless(shown.out)
    assert f"run {first}" in shown.out
    assert "Connection check of Contoso: cancelled" in shown.out

    assert atlas("notifications", "read", str(rows[0]["id"]), "--json").json == {"marked": 1}
    assert [row["run_id"] for row in atlas("notifications", "list", "--unread", "--json").json] == [first]
    assert "1 notification marked as read" in atlas("notifications", "read", "--all").out
    assert "Nothing was unread" in atlas("notifications", "read", "--all").out


def test_what_is_not_in_the_inbox_is_not_marked(atlas: Any) -> None:
    told(atlas, "cancelled")
    atlas.refuses("notifications", "read", code=2, says=("--all",))
    atlas.refuses("notifications", "read", "1", "--all", code=2, says=("--all",))
    atlas.refuses("notifications", "read", "4711", code=4, says=("4711",))
    atlas.refuses("notifications", "list", "reason:x", code=2, says=("reason:", "kind:"))
    assert len(atlas("notifications", "list", "--unread", "--json").json) == 1
