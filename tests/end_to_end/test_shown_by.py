"""The main job, shown: `atlas-tui check` on one tenant for each thing that can be the matter; a worker process; HTTPS; the badges."""

from __future__ import annotations

from itertools import pairwise
from typing import Any


def _steps(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["key"]: step for step in document["report"]["steps"]}


def _badges(row: dict[str, Any]) -> tuple[bool, str, str]:
    return row["is_enabled"], row["consent_status"], row["verification_status"]


def test_a_healthy_connection_is_checked_and_its_report_is_there(estate: Any) -> None:
    before = estate.badges("Contoso Ltd")

    said = estate("check", "Contoso Ltd", "--json", check=0)

    run, row = said.json["run"]["row"], said.json["connection"]
    assert (run["status"], run["outcome"], run["attempt"], run["cause"]) == ("completed", "succeeded", 1, "person")
    assert _badges(row) == (True, "granted", "healthy")
    assert row["last_checked_at"] > before["last_checked_at"]
    assert row["active_run_id"] is None
    assert {step["status"] for step in said.json["report"]["steps"]} <= {"pass", "skip", "warn"}
    assert said.json["report"]["organization"]["display_name"] == "Contoso Ltd"
    counts = said.json["run"]["summary_counts"]
    assert list(counts) == ["total", "passed", "warned", "failed", "skipped"]
    assert counts["total"] == counts["passed"] + counts["warned"] + counts["failed"] + counts["skipped"] > 8
    context = said.json["run"]["context"]
    assert context["target_scope"]["entra_tenant_id"] == row["entra_tenant_id"]
    text = estate("report", "Contoso Ltd", check=0).out
    assert "verification healthy" in text
    assert f"run #{run['id']}" in text


def test_an_expired_secret_blocks_and_says_what_to_do(estate: Any) -> None:
    said = estate("check", "Tailspin Toys", "--json", check=22)
    assert said.json["run"]["row"]["outcome"] == "blocked"
    assert _badges(said.json["connection"]) == (True, "granted", "blocked")
    assert said.json["connection"]["reason_code"] == "secret_expired"
    statuses = [step["status"] for step in said.json["report"]["steps"]]
    assert "fail" in statuses
    assert {s["reason_code"] for s in said.json["report"]["steps"] if s["status"] == "skip"} >= {"prerequisite_failed"}
    shown = estate("connection", "show", "Tailspin Toys", check=0).out
    assert "secret_expired" in shown
    next_step = estate("reasons", "secret_expired", "--json", check=0).json["next_step"]
    assert next_step in shown
    assert next_step in estate("check", "Tailspin Toys").out


def test_a_revoked_consent_is_told_apart_from_one_never_given(estate: Any) -> None:
    revoked = estate("check", "Fabrikam GmbH", "--json", check=22).json["connection"]
    never = estate("check", "Margie's Travel", "--json", check=22).json["connection"]
    assert _badges(revoked) == (True, "revoked", "blocked")
    assert _badges(never) == (True, "required", "blocked")


def test_a_consent_that_was_healthy_is_revoked_only_by_a_second_answer(estate: Any) -> None:
    first = estate("check", "Blue Yonder Airlines", "--json")
    assert first.json["run"]["row"]["reason_code"] == "consent_doubted"
    assert _badges(first.json["connection"]) == (True, "granted", "healthy")
    (follow_up,) = estate("runs", "--connection", "Blue Yonder Airlines", "status:waiting", "--json", check=0).json
    assert follow_up["cause"] == "follow_up"
    assert follow_up["not_before"] > first.json["run"]["row"]["completed_at"]

    at_once = estate("check", "Blue Yonder Airlines", "--json")
    assert at_once.json["run"]["row"]["reason_code"] == "consent_doubted"
    assert _badges(at_once.json["connection"]) == (True, "granted", "healthy")

    estate.let_doubts_age(at_once.json["connection"]["id"], minutes=6)
    second = estate("check", "Blue Yonder Airlines", "--json", check=22)
    assert _badges(second.json["connection"]) == (True, "revoked", "blocked")


def test_a_missing_permission_degrades_and_is_named(estate: Any) -> None:
    said = estate("check", "Northwind Traders", "--json", check=20)
    assert said.json["run"]["row"]["outcome"] == "partially_succeeded"
    assert _badges(said.json["connection"]) == (True, "granted", "degraded")
    assert said.json["connection"]["reason_code"] == "missing_permission"
    assert "compliance.snapshot" in said.json["report"]["limited_operations"]
    assert "DeviceManagementManagedDevices.Read.All" in estate("report", "Northwind Traders", check=0).out


def test_a_throttled_tenant_is_waited_for_and_nobody_asks_too_early(estate: Any) -> None:
    said = estate("check", "Wingtip Toys", "--json", check=0)

    assert said.json["run"]["row"]["outcome"] == "succeeded"
    assert _badges(said.json["connection"]) == (True, "granted", "healthy")
    asked = [
        entry
        for entry in estate.microsoft.requests("Wingtip Toys", "graph")
        if entry["path"].endswith("/organization") and not entry["batch"]
    ]
    assert [entry["status"] for entry in asked][:3] == [429, 429, 200]
    for refusal, following in pairwise(asked):
        if refusal["status"] == 429:
            assert following["at"] - refusal["at"] >= float(refusal["retry_after"])
    assert not any(entry["early_retry"] for entry in estate.microsoft.requests("Wingtip Toys"))


def test_an_outage_fails_the_run_leaves_the_badges_and_queues_another_try(estate: Any) -> None:
    before = estate.badges("Litware Inc")

    said = estate("check", "Litware Inc", "--json", check=21)

    assert said.json["run"]["row"]["outcome"] == "failed"
    assert said.json["run"]["row"]["reason_code"] == "identity_service_unavailable"
    after = said.json["connection"]
    assert _badges(after) == _badges(before)
    assert after["last_good_at"] == before["last_good_at"]
    (again,) = estate("runs", "--connection", "Litware Inc", "status:waiting", "--json", check=0).json
    assert again["cause"] == "follow_up"
    assert again["not_before"] > said.json["run"]["row"]["completed_at"]
    pressed = estate("check", "Litware Inc", "--no-wait", "--json", check=0).json
    assert pressed["run"]["id"] == again["id"]  # brought forward, not doubled


def test_two_swapped_tenants_are_found_by_their_domains(estate: Any) -> None:
    for name in ("Proseware", "Lucerne Publishing"):
        said = estate("check", name, "--json", check=22)
        assert _badges(said.json["connection"])[2] == "blocked"
        assert said.json["connection"]["reason_code"] == "tenant_domain_mismatch"


def test_a_government_tenant_is_asked_in_its_own_cloud(estate: Any) -> None:
    said = estate("check", "Adatum Government", "--json", check=0)
    assert (said.json["connection"]["cloud"], _badges(said.json["connection"])[2]) == ("usgov", "healthy")
    listeners = {entry["listener"] for entry in estate.microsoft.requests("Adatum Government")}
    assert listeners == {"usgov.login", "usgov.graph"}


def test_what_a_tenant_has_no_licence_for_is_never_red(estate: Any) -> None:
    for name in ("Alpine Ski House", "Coho Winery"):
        said = estate("check", name, "--json", check=0)
        assert _badges(said.json["connection"])[2] == "healthy"
        skipped = [step for step in said.json["report"]["steps"] if step["status"] == "skip"]
        assert any("licen" in str(step["reason_code"]) for step in skipped), skipped


def test_other_faults_have_reasons_of_their_own(estate: Any) -> None:
    for name, code, reason in (
        ("Trey Research", 22, "app_disabled_in_tenant"),
        ("Fourth Coffee", 22, "secret_invalid"),
        ("Consolidated Messenger", 22, "blocked_by_conditional_access"),
    ):
        said = estate("check", name, "--json", check=code)
        assert said.json["connection"]["reason_code"] == reason
    assert estate("check", "Relecloud", "--json", check=0).json["connection"]["verification_status"] == "healthy"


def test_hostile_names_reach_the_report_and_the_terminal_as_text_only(
    estate: Any, hostile_names: dict[str, str]
) -> None:
    rows = {row["tenant_name"]: row for row in estate("connections", "--json", check=0).json}
    for theirs, ours in hostile_names.items():
        row = rows[ours]
        said = estate("check", str(row["id"]), "--json", check=0)
        assert said.json["connection"]["verification_status"] == "healthy"
        seen = said.json["report"]["organization"]["display_name"]
        assert seen.isprintable()
        assert 0 < len(seen) <= 256
        assert seen.rstrip("…") in "".join(c for c in theirs if c.isprintable())
        number = str(row["id"])
        out = estate.read(
            ["report", number], ["connection", "show", number], ["run", str(said.json["run"]["row"]["id"])]
        )
        assert all(c.isprintable() or c == "\n" for c in out)
        assert out.replace("\\", "").count(ours[:40].replace("\\", "")) >= 3  # a report is Markdown, which is escaped
    table = estate("connections", check=0).out
    assert all(c.isprintable() or c == "\n" for c in table)
    assert "[red]Bracket[/red] & Sons" in table
