"""The doors of the room: what importing storage brings along, in a process of its own."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import storage

MODULES = sorted(module.name for module in pkgutil.iter_modules(storage.__path__))
NEVER = {"tasks", "atlas_tui", "simulator", "textual", "huey", "httpx", "msal", "alembic"}


def loaded_by(*modules: str) -> set[str]:
    """The names of all modules that a fresh interpreter has after importing some."""
    program = f"import {', '.join(modules)}, json, sys; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(json.loads(answer.stdout))


def test_storage_imports_no_other_room_and_no_slow_library() -> None:
    loaded = loaded_by(*(f"storage.{name}" for name in MODULES))
    assert NEVER & {name.partition(".")[0] for name in loaded} == set()
    assert "sqlalchemy.orm" not in loaded
    assert "cryptography.x509" not in loaded
    assert {f"storage.{name}" for name in MODULES} <= loaded
    assert len(MODULES) > 30


def test_the_search_would_find_them() -> None:
    assert "huey" in loaded_by("huey")
    assert "sqlalchemy.orm" in loaded_by("sqlalchemy.orm")
