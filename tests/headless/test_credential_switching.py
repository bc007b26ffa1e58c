"""Rotating a secret without a screen: stage, verify, switch, go back, remove, and the old key at Microsoft."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KEY_IDS = [f"8a3c1f0e-1b2c-4d5e-8f90-{n:012}" for n in range(4)]


def store(atlas: Any, number: str, which: int, word: str = "credential", verb: str = "stage") -> Any:
    said = atlas(
        word, verb, "--connection", number, "--secret-file", "-", "--key-id", KEY_IDS[which], "--json",
        stdin=f"secret~{which}".encode(),
    )  # fmt: skip
    assert said.code == 0, said
    return said.json


@pytest.fixture
def number(atlas: Any) -> str:
    """A connection with an active key 0 and a staged key 1."""
    made = str(atlas.connection(secret=False))
    assert store(atlas, made, 0, verb="set")["slot"] == "active"
    assert store(atlas, made, 1, word="credentials")["slot"] == "staged"
    return made


def slots(atlas: Any, number: str) -> dict[str, str]:
    shown = atlas("credential", "show", "--connection", number, "--json").json
    return {entry["slot"]: entry["client_key_id"] for entry in shown["credentials"]}


def test_a_rotation_by_hand_and_back(atlas: Any, number: str) -> None:
    said = atlas("credential", "promote", "--connection", number, "--reason", "old one leaked", "--ticket", "T-1")
    assert said.code == 0
    assert f"The secret {KEY_IDS[1]} is used from now on. No check has tried it." in said.err
    assert f"The secret {KEY_IDS[0]} becomes the previous one; you can roll back." in said.err
    assert f"secret {KEY_IDS[0]} is still valid at Microsoft" in said.out
    assert slots(atlas, number) == {"active": KEY_IDS[1], "previous": KEY_IDS[0]}
    said = atlas("credential", "roll-back", "--connection", number)
    assert said.code == 0
    assert f"The secret {KEY_IDS[0]} is used again from now on" in said.err
    assert slots(atlas, number) == {"active": KEY_IDS[0], "previous": KEY_IDS[1]}
    said = atlas("credentials", "confirm-removed", "--connection", number, KEY_IDS[1], "--json")
    assert (said.code, said.json["reminders"]) == (0, [])
    atlas.refuses("credential", "roll-back", "--connection", number, code=6, says=("removed at Microsoft",))
    atlas.refuses("credential", "confirm-removed", "--connection", number, code=4, says=("No old key",))


def test_what_is_stored_is_shown_without_its_value(atlas: Any, number: str) -> None:
    said = atlas("credential", "show", "--connection", number)
    assert said.code == 0
    assert "secret~" not in said.out
    assert all(key in said.out for key in KEY_IDS[:2])
    empty = str(atlas.connection("Empty", secret=False))
    assert "has no credential" in atlas("credential", "show", "--connection", empty).out


def test_removing_the_active_one_asks_first(atlas: Any, number: str) -> None:
    atlas.refuses(
        "credential",
        "remove",
        "--connection",
        number,
        "--slot",
        "active",
        code=2,
        says=("--yes", "Nothing can sign in"),
    )
    said = atlas("credential", "remove", "--connection", number, "--slot", "active", "--yes")
    assert said.code == 0
    assert "destroyed here" in said.out
    assert slots(atlas, number) == {"staged": KEY_IDS[1]}
    atlas.refuses("credential", "remove", "--connection", number, "--slot", "previous", code=6, says=("no previous",))


def test_verifying_starts_the_check_that_carries_the_staged_one(atlas: Any, number: str) -> None:
    said = atlas("credential", "verify", "--connection", number, "--no-wait", "--json")
    assert said.code == 0
    assert said.json["promoted"] is False
    (check,) = said.json["checks"]
    assert (str(check["connection_id"]), check["outcome"]) == (number, "queued")
    late = atlas("credential", "verify", "--connection", number, "--timeout", "0")
    assert late.code == 20
    assert "still staged" in late.out
    atlas.refuses("credential", "verify", "--connection", number, "--on", number, code=2, says=("--on", "platform app"))


def test_a_promotion_wants_a_reason(atlas: Any, number: str, is_refused: Any) -> None:
    is_refused(atlas("credential", "promote", "--connection", number), 2, "--reason")
    atlas.refuses("credential", "promote", "--connection", number, "--reason", " ", code=2, says=("reason",))


def test_what_expires_is_listed(atlas: Any, number: str) -> None:
    said = atlas("credentials", "expiring", "--json")
    assert (said.code, said.json["unknown"]) == (0, 2)
    assert "2 unknown" in atlas("credentials", "expiring", "--within", "90").out
    atlas.refuses("credentials", "expiring", "--within", "-1", code=2, says=("--within",))
    atlas.refuses("credentials", "expiring", "--within", "99999", code=2, says=("--within",))


# Import


def lines(atlas: Any, *rows: str) -> bytes:
    return ("connection,secret\n" + "\n".join(rows) + "\n").encode()


def test_many_are_stored_and_each_line_is_told(atlas: Any, number: str, secret: str) -> None:
    other = str(atlas.connection("Other", secret=False))
    text = lines(atlas, f"{number},{secret}", f"{other},{secret}", f"{secret},{secret}", f"{number},{secret}")

    dry = atlas("credentials", "import", "-", "--dry-run", "--json", stdin=text)
    assert (dry.code, dry.json["counts"]) == (2, {"refused": 2, "staged": 1, "active": 1, "promoted": 0})
    assert slots(atlas, other) == {}
    nothing = atlas("credentials", "import", "-", "--all-or-nothing", "--json", stdin=text)
    assert (nothing.code, nothing.json["counts"]["refused"]) == (2, 2)
    assert slots(atlas, other) == {}

    said = atlas("credentials", "import", "-", "--json", stdin=text)

    assert said.code == 2
    assert [line["fate"] for line in said.json["lines"]] == ["staged", "active", "refused", "refused"]
    assert [line["run_id"] is not None for line in said.json["lines"]] == [True, True, False, False]
    assert set(slots(atlas, other)) == {"active"}
    for told in (dry, nothing, said):
        assert secret not in told.out + told.err


def test_an_import_from_a_file_without_checks_starts_none(atlas: Any, number: str, tmp_path: Any, secret: str) -> None:
    path = tmp_path / "secrets.csv"
    path.write_bytes(b"\xef\xbb\xbf" + lines(atlas, f"{number},{secret}"))
    said = atlas("credential", "import", path, "--no-check")
    assert (said.code, said.err) == (0, "")
    assert "1 staged" in said.out
    assert secret not in said.out
    assert atlas("runs", "--json").json == []
    waited = atlas("credential", "import", path, "--wait", "--timeout", "0")
    assert waited.code == 20
    assert "has not completed" in waited.out


@pytest.mark.parametrize("text", [b"", b"canary~8Qsecret,canary~8Qsecret\n", b"\xff\xff\xff"])
def test_what_has_no_header_is_refused_whole(atlas: Any, text: bytes) -> None:
    said = atlas.refuses("credentials", "import", "-", code=2, says=("credentials",), stdin=text)
    assert "canary" not in said.err


def test_a_terminal_is_no_input_for_secrets(atlas: Any, tmp_path: Any) -> None:
    master, terminal = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from atlas_tui.cli import main; sys.exit(main())",
             "credentials", "import", "-", "--config", str(atlas.config)],
            cwd=ROOT, stdin=terminal, capture_output=True, text=True, timeout=110,
        )  # fmt: skip
    finally:
        os.close(terminal)
        os.close(master)
    assert done.returncode == 2
    assert "is a terminal, which would show what is pasted" in done.stderr
    atlas.refuses("credentials", "import", tmp_path / "none.csv", code=2, says=("No such file",))


def test_ten_thousand_lines_are_read_without_being_held(atlas: Any, secret: str) -> None:
    """All are refused here, for speed: nothing is stored, every line is told, and the database is asked about each tenth only."""
    text = lines(atlas, *(f"nobody{n}.example,{secret}" + ",more" * (n % 10 > 0) for n in range(10_000)))
    said = atlas("credentials", "import", "-", "--dry-run", "--json", stdin=text)
    assert said.json["counts"]["refused"] == 10_000
    assert [line["line"] for line in said.json["lines"]] == list(range(2, 10_002))
    assert len({line["problem"] for line in said.json["lines"]}) == 2
    assert secret not in said.out
