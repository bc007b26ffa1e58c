"""Two rounds of every operation, between which the simulated world changes: what is found differs by exactly what was changed."""

from __future__ import annotations

from typing import Any

OPERATIONS = ("inventory", "compliance", "roles", "directory")
STATES = {"inGracePeriod": "in_grace_period", "configManager": "config_manager"}


def _ids(entries: list[dict[str, Any]], key: str) -> set[str]:
    return {entry[key] for entry in entries}


def _by_platform(truth: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {
        system.lower(): {STATES.get(state, state): number for state, number in counts.items()}
        for system, counts in truth.items()
    }


def test_a_second_round_finds_what_the_world_changed(estate: Any, microsoft: Any) -> None:
    tenant = microsoft.tenants["Contoso Ltd"]["id"]

    def play_round() -> None:
        for operation in OPERATIONS:
            run = estate("start", operation, "Contoso Ltd", "--json", check=0).json["run"]
            assert run["row"]["outcome"] == "succeeded", run

    play_round()
    first = estate("compliance", "Contoso Ltd", "--json", check=0).json["snapshot"]
    truth = microsoft.control("POST", f"/tenants/{tenant}/advance", {"rounds": 1})
    play_round()

    lists = truth["inventory"].values()
    found = estate("inventory", "diff", "Contoso Ltd", "--json", check=0).json
    for ours, theirs in (("created", "added"), ("removed", "removed"), ("changed", "changed")):
        changed = {entry["id"] for one in lists for entry in one[theirs]}
        assert _ids(found[ours], "external_id") == changed
        assert len(changed) >= 5

    second = estate("compliance", "Contoso Ltd", "--json", check=0).json["snapshot"]
    assert first["by_platform"] == _by_platform(truth["compliance"]["before"])
    assert second["by_platform"] == _by_platform(truth["compliance"]["after"])
    trend = estate("compliance", "Contoso Ltd", "--trend", "7", "--json", check=0).json
    newest = {snapshot["taken_at"][:10]: snapshot["taken_at"] for snapshot in (first, second)}
    assert [point["taken_at"] for point in trend] == list(newest.values()), "one point a day: the newest whole one"

    roles = estate("roles", "Contoso Ltd", "--diff", "--json", check=0).json["difference"]
    came, activated = [], []
    for entry in truth["roles"]["active"]["added"]:
        (activated if entry["activated"] else came).append((entry["displayName"], entry["roleName"]))
    found_active = {
        (one["principal_name"], one["role_name"]) for one in roles["added"] if one["assignment"] == "active"
    }
    assert found_active >= set(came), "by name"
    assert not found_active & set(activated), "an activation is no new administrator"

    latest, before = estate("directory", "Contoso Ltd", "--json", check=0).json
    for name in ("groups", "devices", "guests"):
        assert (before[name], latest[name]) == (truth["counts"][name]["before"], truth["counts"][name]["after"])
