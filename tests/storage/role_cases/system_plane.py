"""Role table: the system plane is for nobody who only has a role in a workspace."""

from __future__ import annotations

_ELSEWHERE = "is the system plane's, for platform roles alone: tests/storage/test_system_directory.py"

CASES: dict[str, tuple[object, ...]] = {}

OWN = {
    "system_directory.page": _ELSEWHERE,
    "system_directory.get": _ELSEWHERE,
    "system_directory.rollup": _ELSEWHERE,
    "system_runs.page": _ELSEWHERE,
    "system_runs.get": _ELSEWHERE,
    "system_plane.held": "answers with nothing instead of refusing",
}
