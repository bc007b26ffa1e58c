"""A seeded fleet looks lived in, and what it says is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage import connections, reports, runs, seeding, upgrading
from storage.access import Principal
from storage.database import Database, open_database
from storage.seeding_history import STEPS
from storage.states import StepStatus
from tasks.providers.microsoft.check_steps import LABELS

GUID = "8a3c1f0e-0000-4000-8000-00000000000{}"


def tenant(number: int, **hints: Any) -> dict[str, Any]:
    usual = {"client_id": GUID.format(9), "secret": "Xy8~a-value-of-a-secret", "checked_minutes_ago": 180}
    return {"id": GUID.format(number), "name": f"Tenant {number}", "workspace": "north", "demo": usual | hints}


def test_a_seeded_badge_has_the_check_that_wrote_it(db: Any) -> None:
    tenants = [
        tenant(1, consent_status="granted", verification_status="healthy"),
        tenant(2, consent_status="revoked", verification_status="blocked", reason="app_disabled_in_tenant"),
        tenant(3, consent_status="granted", verification_status="degraded", reason="missing_permission"),
        tenant(4, consent_status="granted", verification_status="healthy", reason="secret_expiring"),
        tenant(5, consent_status="required", verification_status="pending"),
    ]
    fleet = seeding.read_fleet(json.dumps({"tenants": tenants}).encode())
    seeding.seed_fleet(db, fleet, login="owner", public_key=bytes(range(32)))
    who = Principal(1, "owner")

    for number in range(1, 6):
        row = connections.get(db, who, number).row
        report = reports.latest(db, who, number)
        if number == 5:
            assert (report, row.last_checked_at) == (None, None)
            continue
        assert report is not None
        run = runs.get(db, who, report.run_id).row
        assert report.verdict == row.verification_status
        assert report.created_at == run.completed_at == row.last_checked_at
        wrong = [step for step in report.steps if step.status in (StepStatus.FAIL, StepStatus.WARN)]
        assert [step.reason_code for step in wrong] == ([run.reason_code] if run.reason_code else [])


def test_the_steps_are_those_of_the_connection_check() -> None:
    assert dict(STEPS) == dict(LABELS)
    assert list(dict(STEPS)) == list(LABELS)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An empty database."""
    upgrading.upgrade(str(tmp_path / "atlas.db"))
    with closing(open_database(str(tmp_path / "atlas.db"))) as opened:
        yield opened
