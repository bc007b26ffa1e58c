"""The maintained badge counts are what counting would find, whatever happens to connections."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import upgrading
from storage.states import ConsentStatus, VerificationStatus

AT = "2026-01-02 03:04:05.678"
COUNTED = """
    SELECT workspace_id, 'lifecycle', CASE WHEN is_enabled THEN 'enabled' ELSE 'disabled' END, count(*)
      FROM provider_connections GROUP BY 1, 2, 3
    UNION ALL SELECT workspace_id, 'consent', consent_status, count(*) FROM provider_connections GROUP BY 1, 2, 3
    UNION ALL SELECT workspace_id, 'verification', verification_status, count(*) FROM provider_connections GROUP BY 1, 2, 3
"""

change = st.fixed_dictionaries(
    {},
    optional={
        "is_enabled": st.booleans(),
        "consent_status": st.sampled_from([str(word) for word in ConsentStatus]),
        "verification_status": st.sampled_from([str(word) for word in VerificationStatus]),
        "home": st.integers(1, 2),
        "display_name": st.just("another name"),
    },
)
step = st.tuples(st.sampled_from(["insert", "update", "update", "delete", "update all"]), st.integers(1, 5), change)


def kept(ground: Any) -> Counter[tuple[Any, ...]]:
    """The totals plus what is still to be folded into them."""
    total: Counter[tuple[Any, ...]] = Counter()
    for *key, count in ground.rows("SELECT workspace_id, dimension, value, count FROM badge_counts"):
        total[tuple(key)] += count
    for *key, delta in ground.rows("SELECT workspace_id, dimension, value, delta FROM badge_count_deltas"):
        total[tuple(key)] += delta
    return Counter({key: count for key, count in total.items() if count})


def counted(ground: Any) -> Counter[tuple[Any, ...]]:
    return Counter({tuple(key): count for *key, count in ground.rows(COUNTED)})


@pytest.fixture
def fleet_of_two(ground: Any) -> Any:
    """Two workspaces with one tenant each and no connection."""
    ground.stand_at(upgrading.SCHEMA_NUMBER)
    for number in (1, 2):
        ground.add("workspaces", id=number, slug=f"w{number}", name="W", created_at=AT)
        ground.add("tenants", id=number, workspace_id=number, entra_tenant_id="g", name="T", sort_name="t",
            created_at=AT, updated_at=AT)  # fmt: skip
    return ground


def insert(ground: Any, number: int, values: dict[str, Any]) -> None:
    home = values.get("home", 1)
    ground.add(
        "provider_connections",
        id=number,
        workspace_id=home,
        tenant_id=home,
        entra_tenant_id="g",
        display_name="C",
        sort_name="c",
        connection_type="platform",
        is_default=False,
        is_enabled=values.get("is_enabled", True),
        consent_status=values.get("consent_status", "unknown"),
        verification_status=values.get("verification_status", "unknown"),
        lifecycle_changed_at=AT,
        created_at=AT,
        updated_at=AT,
    )


def apply(ground: Any, action: str, number: int, values: dict[str, Any]) -> None:
    here = ground.rows("SELECT 1 FROM provider_connections WHERE id = :id", id=number)
    if action == "insert" and not here:
        insert(ground, number, values)
    elif action == "delete":
        ground.run("DELETE FROM provider_connections WHERE id = :id", id=number)
    elif action.startswith("update") and values:
        changes = dict(values)
        if "home" in changes:
            changes["workspace_id"] = changes["tenant_id"] = changes.pop("home")
        assignments = ", ".join(f"{name} = :{name}" for name in changes)
        where = "" if action == "update all" else " WHERE id = :id"
        ground.run(f"UPDATE provider_connections SET {assignments}{where}", **changes, id=number)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(step, max_size=12))
def test_counts_equal_counting_after_any_sequence_of_changes(fleet_of_two: Any, steps: list[Any]) -> None:
    with fleet_of_two.connected():
        fleet_of_two.run("DELETE FROM provider_connections")
        for action, number, values in steps:
            apply(fleet_of_two, action, number, values)
            assert kept(fleet_of_two) == counted(fleet_of_two)


def test_a_write_that_changes_no_badge_writes_no_count(fleet_of_two: Any) -> None:
    insert(fleet_of_two, 1, {})
    before = fleet_of_two.rows("SELECT count(*) FROM badge_count_deltas")
    fleet_of_two.run("UPDATE badge_counts SET count = 100")  # would move if a trigger wrote
    for assignment in ("display_name = 'x'", "consent_status = consent_status", "is_enabled = is_enabled"):
        fleet_of_two.run(f"UPDATE provider_connections SET {assignment}, updated_at = updated_at")
    assert fleet_of_two.rows("SELECT count(*) FROM badge_count_deltas") == before
    assert {row[0] for row in fleet_of_two.rows("SELECT count FROM badge_counts")} <= {100}


def test_one_changed_badge_moves_one_dimension(fleet_of_two: Any) -> None:
    insert(fleet_of_two, 1, {})
    fleet_of_two.run("UPDATE provider_connections SET consent_status = 'granted', verification_status = 'unknown'")
    assert kept(fleet_of_two) == {
        (1, "lifecycle", "enabled"): 1,
        (1, "consent", "granted"): 1,
        (1, "verification", "unknown"): 1,
    }
    if fleet_of_two.is_sqlite:
        assert fleet_of_two.counts()["badge_count_deltas"] == 0
    else:
        assert fleet_of_two.counts()["badge_count_deltas"] == 3 + 2


@pytest.mark.parametrize("clause", ["OR IGNORE", "OR REPLACE", "OR FAIL"])
def test_the_conflict_clause_of_the_outer_statement_does_not_disturb_the_counts(
    sqlite_ground: Any, clause: str
) -> None:
    sqlite_ground.stand_at(upgrading.SCHEMA_NUMBER)
    sqlite_ground.add("workspaces", id=1, slug="w", name="W", created_at=AT)
    sqlite_ground.add("tenants", id=1, workspace_id=1, entra_tenant_id="g", name="T", sort_name="t", created_at=AT,
        updated_at=AT)  # fmt: skip
    insert(sqlite_ground, 1, {})
    insert(sqlite_ground, 2, {"consent_status": "granted"})
    sqlite_ground.run(f"UPDATE {clause} provider_connections SET consent_status = 'granted'")
    assert kept(sqlite_ground) == counted(sqlite_ground)


def test_connections_from_before_are_counted_by_the_upgrade(ground: Any, fleet: Any) -> None:
    fleet.bring(1, upgrading.SCHEMA_NUMBER)
    assert sum(counted(ground).values()) == 18
    assert kept(ground) == counted(ground)
    assert ground.counts()["badge_count_deltas"] == 0
