"""Long proofs with real time: minutes of killing and freezing. Run by naming this folder (`make chaos`); otherwise not collected.

The fixtures are those of tests/tasks.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

_SOURCE = Path(__file__).parents[1] / "tasks" / "conftest.py"
_specification = importlib.util.spec_from_file_location("worker_fixtures", _SOURCE)
assert _specification is not None
assert _specification.loader is not None
_fixtures = importlib.util.module_from_spec(_specification)
sys.modules["worker_fixtures"] = _fixtures  # dataclasses look their module up
_specification.loader.exec_module(_fixtures)

database_url = _fixtures.database_url
sqlite_url = _fixtures.sqlite_url
fleet_at = _fixtures.fleet_at
fleet = _fixtures.fleet
sqlite_fleet = _fixtures.sqlite_fleet
freeze = _fixtures.freeze
start_process = _fixtures.start_process
nursery = _fixtures.nursery
postgres_url = _fixtures.postgres_url
_migrated = _fixtures._migrated
_migrated_on_postgres = _fixtures._migrated_on_postgres
start_worker = _fixtures.start_worker


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves this folder out unless somebody names it."""
    named = any("chaos" in argument for argument in config.invocation_params.args)
    return None if named else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives these tests the time they need."""
    for item in items:
        if "chaos" in item.path.parts:
            item.add_marker(pytest.mark.timeout(600))
