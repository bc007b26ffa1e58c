"""The audit trail on the command line: found, verified, taken away, and verified by others without this program."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TRIGGERS = ("audit_entries_never_change", "audit_entries_stay")


@pytest.fixture
def busy(atlas: Any) -> Any:
    """An installation in which something has happened."""
    number = atlas.connection("Contoso")
    assert atlas("connection", "disable", str(number), "--yes", "--ticket", "CHG-7").code == 0
    atlas.made.append(number)
    return atlas


def tamper(atlas: Any, statement: str) -> None:
    """What only somebody who owns the database can do."""
    for trigger in TRIGGERS:
        atlas.sql(f"DROP TRIGGER {trigger}")
    atlas.sql(statement)


def test_the_list_says_in_words_who_did_what(busy: Any, is_harmless: Any) -> None:
    said = busy("audit", "list", "action:connection.*")
    assert said.code == 0
    is_harmless(said.out)
    head, newest, *_ = said.out.splitlines()
    assert head.split() == ["ID", "TIME", "ACTOR", "WHAT", "TARGET", "OUTCOME", "TICKET"]
    assert "connection disabled" in newest
    assert "Contoso / " in newest
    assert newest.rstrip().endswith("CHG-7")


def test_filters_on_the_command_line_are_those_of_the_dashboard(busy: Any, is_refused: Any) -> None:
    (found,) = busy("audit", "list", "ticket:chg-7", "--since", "1h", "--json").json
    assert (found["action"], found["ticket"], found["outcome"]) == ("connection.disable", "CHG-7", "done")
    assert busy("audit", "list", "outcome:refused", "--json").json == []
    is_refused(busy("audit", "list", "colour:red"), 2, "colour", "action:")
    is_refused(busy("audit", "list", "action:nonsense"), 2, "action:nonsense")
    is_refused(busy("audit", "list", "--since", "yesterday"), 2, "since")


def test_one_entry_shows_what_it_was_before_and_its_hash(busy: Any) -> None:
    (found,) = busy("audit", "list", "ticket:chg-7", "--json").json
    said = busy("audit", "show", str(found["id"]))
    assert "CHG-7" in said.out
    assert re.search(r"^hash +[0-9a-f]{64} \(fits\)$", said.out, re.MULTILINE)
    assert busy("audit", "show", "999999").code == 4


def test_verify_prints_the_head_to_keep_elsewhere(busy: Any) -> None:
    said = busy("audit", "verify")
    assert said.code == 0
    (head,) = busy.sql("SELECT sequence, hash FROM audit_heads WHERE chain LIKE 'workspace:%'")
    assert f"head {head[0]} {head[1]}" in said.out
    assert busy("audit", "verify", "--json").json[0]["first_bad"] is None


def test_verify_ends_with_1_and_names_the_first_entry_that_does_not_fit(busy: Any) -> None:
    tamper(busy, "UPDATE audit_entries SET actor = 'nobody' WHERE sequence = 2 AND chain LIKE 'workspace:%'")
    said = busy("audit", "verify")
    assert said.code == 1
    assert "DOES NOT FIT at sequence 2" in said.out
    assert busy("audit", "verify", "--all").code == 1


def test_the_systems_trail_is_for_platform_staff_only(busy: Any, is_refused: Any) -> None:
    is_refused(busy("audit", "list", "--system"), 4)
    is_refused(busy("audit", "verify", "--system"), 4)
    assert [report["chain"] for report in busy("audit", "verify", "--all", "--json").json] == ["workspace:1"]
    ((me,),) = busy.sql("SELECT id FROM users")
    busy.sql(
        "INSERT INTO platform_grants (user_id, capability, created_at)"
        " VALUES (?, 'platform.directory.view', '2026-01-01 00:00:00.000')",
        me,
    )
    assert busy("audit", "verify", "--system").code == 0
    assert [report["chain"] for report in busy("audit", "verify", "--all", "--json").json] == ["workspace:1", "system"]
    assert busy("audit", "list", "--system", "--json").json


def test_who_is_no_member_of_anything_reads_nothing(busy: Any, as_login: Any, is_refused: Any) -> None:
    with as_login("stranger"):
        for command in (["list"], ["verify"], ["verify", "--all"], ["export"], ["show", "1"]):
            assert busy("audit", *command).code in (4, 5)


def documented_verifier() -> str:
    page = Path(__file__).parents[2] / "docs" / "audit.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


def run_documented_verifier(path: Path) -> subprocess.CompletedProcess[str]:
    """Runs what docs/audit.md prints, in a Python that has nothing of this project."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", documented_verifier(), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_others_can_verify_an_export_without_this_program(busy: Any, tmp_path: Path) -> None:
    path = tmp_path / "trail.jsonl"
    said = busy("audit", "export", "--output", path, "--ticket", "CHG-8")
    assert said.code == 0, said
    assert os.stat(path).st_mode & 0o777 == 0o600
    verified = run_documented_verifier(path)
    assert verified.returncode == 0, verified.stderr
    last = json.loads(path.read_text().splitlines()[-1])
    assert f"head {last['sequence']} {last['hash']}" in verified.stdout
    assert len(documented_verifier().strip().splitlines()) <= 15


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"actor":"', '"actor":"x'),
        ('\\"outcome\\":\\"done\\"', '\\"outcome\\":\\"refused\\"'),
        ('"hash":"', '"hash":"0'),
    ],
)
def test_the_documented_verifier_finds_what_was_changed(busy: Any, tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "trail.jsonl"
    assert busy("audit", "export", "--output", path).code == 0
    lines = path.read_text().splitlines(keepends=True)
    assert old in lines[2]
    lines[2] = lines[2].replace(old, new, 1)
    path.write_text("".join(lines))
    assert "line 3" in run_documented_verifier(path).stderr
    path.write_text("".join([*lines[:2], *lines[3:]]))
    assert "does not fit" in run_documented_verifier(path).stderr


def test_an_export_is_itself_an_entry_and_overwrites_nothing(busy: Any, tmp_path: Path, is_refused: Any) -> None:
    path = tmp_path / "trail.csv"
    assert (
        busy("audit", "export", "action:connection.*", "--format", "csv", "--output", path, "--ticket", "CHG-9").code
        == 0
    )
    (entry,) = busy("audit", "list", "action:audit.export", "--json").json
    assert (entry["detail"]["format"], entry["detail"]["filter"], entry["ticket"]) == (
        "csv",
        "action:connection.*",
        "CHG-9",
    )
    content = path.read_bytes()
    is_refused(busy("audit", "export", "--output", path), 2, "--output", "there already")
    assert path.read_bytes() == content
    is_refused(busy("audit", "export", "colour:red", "--output", tmp_path / "other"), 2, "colour")
    assert not (tmp_path / "other").exists()


def test_no_cell_of_a_csv_export_begins_a_formula(busy: Any) -> None:
    number = busy.made[0]
    for ticket in ("=HYPERLINK(0)", "+1", "-1", "@x"):
        assert busy("connection", "enable", str(number), f"--ticket={ticket}").code == 0
        assert busy("connection", "disable", str(number), "--yes", f"--ticket={ticket}").code == 0
    said = busy("audit", "export", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert {row["ticket"] for row in rows} >= {"'=HYPERLINK(0)", "'+1", "'-1", "'@x"}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_nothing_secret_is_exported(busy: Any, secret: str) -> None:
    for format in ("csv", "jsonl"):
        said = busy("audit", "export", "--format", format)
        assert "credential stored" in said.out
        assert secret not in said.out
