"""What the commands print: JSON with keys that stay, columns for people, and nothing that could drive a terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-c", "import sys; from atlas_tui.cli import main; sys.exit(main())"]
CONNECTION_KEYS = {
    "id", "workspace_id", "tenant_id", "tenant_name", "display_name", "siblings", "entra_tenant_id", "primary_domain",
    "cloud", "connection_type", "is_default", "is_enabled", "consent_status", "verification_status", "reason_code",
    "reason_sentence", "reason_since", "last_checked_at", "last_good_at", "lifecycle_changed_at", "lifecycle_changed_by",
    "consent_changed_at", "verification_changed_at", "active_run_id", "active_run_type", "active_run_status",
}  # fmt: skip
RUN_KEYS = {
    "id", "workspace_id", "tenant_id", "tenant_name", "connection_id", "connection_name", "type", "status", "outcome",
    "cause", "initiator", "queued_at", "not_before", "started_at", "completed_at", "progress_done", "progress_total",
    "phase", "waiting_until", "reason_code", "reason_sentence", "attempt", "cancel_requested_at",
}  # fmt: skip
RUN_DETAIL_KEYS = {
    "row", "entra_tenant_id", "context", "steps", "summary_counts", "failures", "retry_of_id", "follow_up_of_id",
    "worker_id", "worker_host", "deferrals", "ticket", "may_cancel", "may_retry", "why_not", "report_id",
    "batch_id", "schedule_id",
}  # fmt: skip
HOSTILE = {
    "brackets": "[red]Contoso[/red] [link=https://evil.example]x[/link] {0} %s",
    "escape bytes": "\x1b[2J\x1b]0;title\x07\x1b]8;;https://evil.example\x1b\\Contoso\x9b31m\x00\x7f",
    "right to left": "Contoso\u202egnp.exe\u2066\u200f\ufeff",
    "wide": "株式会社コントソ 👩\u200d👩\u200d👧 🇩🇪 ﷽",
    "marks": "C" + "\u0310\u0316" * 500 + "ontoso",
    "lines": "Contoso\r\nID  TENANT\n1   Forged\u2028row",
    "long": "Contoso " + "x" * 10_240,
}
READING = (
    ["connections"], ["connections", "--problems", "--sort", "problems", "--reverse"], ["runs"], ["tenants"], ["apps"],
    ["workers"], ["workspaces"], ["reasons"], ["reasons", "secret_expired"], ["connection", "show", "1"], ["run", "1"],
)  # fmt: skip


def _keys(value: Any) -> set[str]:
    return set(value)


@pytest.mark.usefixtures("keys_in_process")
def test_the_json_of_every_command_has_the_keys_that_programs_rely_on(atlas: Any) -> None:
    number = str(atlas.connection())
    started = atlas("check", number, "--no-wait", "--json").json
    assert _keys(started) == {"result", "run"}
    assert _keys(started["run"]) == {
        "id", "type", "status", "initiator", "queued_at", "started_at", "progress_done", "progress_total", "phase",
    }  # fmt: skip

    (connection,) = atlas("connections", "--json").json
    assert _keys(connection) == CONNECTION_KEYS
    assert _keys(atlas("connection", "show", number, "--json").json["row"]) == CONNECTION_KEYS
    (run,) = atlas("runs", "--json").json
    assert _keys(run) == RUN_KEYS
    detail = atlas("run", "1", "--json").json
    assert _keys(detail) == RUN_DETAIL_KEYS
    assert _keys(detail["context"]) >= {"provider", "module", "provider_connection_id", "target_scope"}
    (tenant,) = atlas("tenants", "--json").json
    assert _keys(tenant) >= {"id", "name", "entra_tenant_id", "primary_domain", "cloud", "lifecycle", "connections"}
    assert _keys(atlas("workers", "--json").json) == {"alive", "slots", "busy", "workers"}
    (workspace,) = atlas("workspaces", "--json").json
    assert _keys(workspace) == {"workspace_id", "slug", "name", "role", "whole"}
    reason = atlas("reasons", "secret_expired", "--json").json
    entry = {"code", "category", "retryable", "fix_by", "sentence", "next_step", "link", "propagates"}
    assert _keys(reason) == entry | {"means", "causes", "steps", "commands", "microsoft"}
    assert len(atlas("reasons", "--json").json) > 50
    assert [_keys(line) for line in atlas("doctor", "--json").json] == [{"what", "ok", "found"}] * 7


def test_json_times_are_utc(atlas: Any) -> None:
    atlas.connection()
    (row,) = atlas("connections", "--json").json
    assert row["lifecycle_changed_at"].endswith("Z")


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_a_name_holds_it_is_only_shown(atlas: Any, is_harmless: Any, name: str) -> None:
    """Such names cannot be typed in; they come from elsewhere (an import, another program, Microsoft)."""
    atlas.connection()
    atlas("check", "1", "--no-wait")
    atlas.sql("UPDATE tenants SET name = ?, microsoft_name = ?", name, name)
    atlas.sql("UPDATE provider_connections SET display_name = ?", name)
    atlas.sql("UPDATE workspaces SET name = ?", name)
    lines = {}
    for command in READING:
        said = atlas(*command)
        assert (said.code, said.err) == (0, ""), (command, said)
        is_harmless(said.out)
        assert max(map(len, said.out.splitlines())) < 5000
        lines[" ".join(command)] = said.out.count("\n")
        assert isinstance(atlas(*command, "--json").json, list | dict)
    assert lines["connections"] == lines["tenants"] == 2  # a heading and a row: no row is forged
    if "[" in name and "\x1b" not in name:
        assert "[red]" in atlas("tenants").out


def test_a_table_lines_up_whatever_the_width_of_its_letters(atlas: Any) -> None:
    from atlas_tui.cells import width_of

    atlas.connection("株式会社コントソ")
    atlas.connection("Contoso")
    head, *rows = atlas("connections").out.splitlines()
    place = head.index("LIFECYCLE")
    assert [width_of(row[: row.index("enabled")]) for row in rows] == [place, place]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["connections", "consent:maybe"], ("filter", "consent:maybe", "granted")),
        (["connections", "colour:red"], ("filter", "colour:", "consent:")),
        (["connections", "--sort", "colour"], ("sort",)),
        (["connections", "x" * 600], ("filter", "500")),
        (["runs", "since:yesterday"], ("since", "1h")),
        (["runs", "status:odd"], ("filter", "status:odd")),
        (["tenants", "cloud:mars"], ("filter", "cloud:mars")),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_by_its_key(
    atlas: Any, command: list[str], says: tuple[str, ...]
) -> None:
    atlas.refuses(*command, code=2, says=says)


def test_filters_limits_and_orders_are_those_of_the_dashboard(atlas: Any) -> None:
    numbers = [atlas.connection(name) for name in ("Beta", "alpha", "Gamma")]
    atlas("connection", "disable", str(numbers[0]), "--yes")

    def names(*arguments: str) -> list[str]:
        return [row["tenant_name"] for row in atlas("connections", *arguments, "--json").json]

    assert names() == ["alpha", "Beta", "Gamma"]
    assert names("--reverse") == ["Gamma", "Beta", "alpha"]
    assert names("--limit", "2") == ["alpha", "Beta"]
    assert names("lifecycle:disabled") == ["Beta"]
    assert names("!beta") == ["alpha", "Gamma"]
    assert names("lifecycle:enabled", "gam") == ["Gamma"]


def test_what_is_not_there_is_not_found(atlas: Any) -> None:
    number = str(atlas.connection())
    atlas.refuses("run", "99", code=4, says=("run 99",))
    atlas.refuses("run", str(2**63 - 1), code=4, says=("run",))
    atlas.refuses("reasons", "no_such\x1b[2J", code=4, says=("no_such", "atlas-tui reasons"))
    atlas.refuses("report", number, code=4, says=("never checked", f"atlas-tui check {number}"))
    atlas.refuses("cancel", "99", code=4, says=("run 99",))
    atlas.refuses("retry", "99", code=4, says=("run 99",))
    atlas.refuses("runs", "--connection", "99", code=4, says=("99",))


def test_a_terminal_that_cannot_show_a_letter_gets_a_question_mark(atlas: Any) -> None:
    atlas.connection("株式会社 Ünïcode")
    for encoding in ("ascii", "latin-1"):
        said = atlas("connections", encoding=encoding)
        assert (said.code, said.err) == (0, "")
        assert "????" in said.out
        assert atlas("connection", "show", "株式会社", encoding=encoding).code == 0


def test_a_reader_that_goes_away_ends_the_command_quietly(atlas: Any) -> None:
    """`atlas-tui reasons | head -1`."""
    for arguments in (["reasons", "--json"], ["workspaces", "--config", str(atlas.config)]):
        process = subprocess.Popen(
            [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
        assert (process.wait(110), said) == (0, "")
        process.stderr.close()


def test_a_fault_of_the_program_is_one_line_without_a_value(atlas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from atlas_tui.headless import reading

    def broken(*_: Any) -> Any:
        raise RuntimeError("canary-in-an-exception")

    monkeypatch.setattr(reading.connections, "page", broken)
    said = atlas("connections")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "RuntimeError" in said.err
    assert "canary" not in said.err
    assert "Traceback" not in said.err


def test_ctrl_c_ends_with_130(atlas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from atlas_tui.headless import reading

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(reading.connections, "page", interrupted)
    assert atlas("connections").code == 130
