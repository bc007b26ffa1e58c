"""The doors between the rooms (house.md, "Doors"): what each one imports, asked of a fresh process and of the source text.

A fresh process shows what is imported in fact; the source shows what could be, also inside functions.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("storage", "tasks", "atlas_tui", "simulator", "migrations")


@cache
def _loaded(*codes: str) -> list[set[str]]:
    """Runs pieces of code one after the other in a fresh process; returns the names of all modules that were loaded after each."""
    ask = "print(json.dumps(sorted(sys.modules)))"
    program = "\n".join(["import json, sys", *(f"{code}\n{ask}" for code in codes)])
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, timeout=100)
    return [set(json.loads(line)) for line in done.stdout.splitlines()]


def _tops(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def _modules(room: str) -> list[str]:
    """Every module of a room; `__main__` runs when it is imported, so it stays out."""
    files = sorted((ROOT / room).rglob("*.py"))
    parts = [file.relative_to(ROOT).with_suffix("").parts for file in files]
    return [".".join(p[:-1] if p[-1] == "__init__" else p) for p in parts if p[-1] != "__main__" and "tests" not in p]


def _import_all(room: str, *, but: str = "nothing") -> str:
    return "\n".join(f"import {module}" for module in _modules(room) if not module.startswith(but))


def _of_tasks() -> list[set[str]]:
    """What is loaded with the worker, with all of its room but Microsoft, and with all of it."""
    return _loaded("import tasks.worker", _import_all("tasks", but="tasks.providers.microsoft"), _import_all("tasks"))


def _of_the_dashboard() -> list[set[str]]:
    """What is loaded when the command line is parsed, when the dashboard starts, and with all of its room."""
    parsed = "import atlas_tui.cli; atlas_tui.cli.parser().parse_args(['check', '1', '--json'])"
    return _loaded(parsed, "import atlas_tui.launch, atlas_tui.app", _import_all("atlas_tui"))


def _imported_by(file: Path) -> set[str]:
    """The modules that a source file names in any import, wherever it stands, also under `TYPE_CHECKING`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute here"
            found.add(node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            found |= {argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    return found


@cache
def _sources(room: str) -> dict[str, set[str]]:
    return {
        str(file.relative_to(ROOT)): _imported_by(file)
        for file in sorted((ROOT / room).rglob("*.py"))
        if "tests" not in file.parts
    }


FORBIDDEN = {
    "storage": {"tasks", "atlas_tui", "simulator", "textual", "rich", "huey", "httpx", "msal"},
    "tasks": {"atlas_tui", "simulator", "textual", "rich"},
    "atlas_tui": {"tasks", "simulator", "sqlalchemy", "alembic", "huey", "httpx", "msal", "migrations"},
    "simulator": {"storage", "tasks", "atlas_tui", "migrations", "textual", "huey", "msal"},
    "migrations": {"tasks", "atlas_tui", "simulator", "textual", "huey", "httpx", "msal"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_no_source_of_a_room_names_what_is_behind_a_closed_door(room: str) -> None:
    wrong = {file: names for file, imports in _sources(room).items() if (names := _tops(imports) & FORBIDDEN[room])}
    assert wrong == {}


@pytest.mark.parametrize("room", ["storage", "tasks", "simulator"])
def test_loading_all_of_a_room_loads_nothing_behind_a_closed_door(room: str) -> None:
    assert _modules(room)
    # httpx brings rich along for its own command line, where rich is installed.
    brought_along = {"rich"} if room == "tasks" else set()
    loaded = _of_tasks() if room == "tasks" else _loaded(_import_all(room))
    assert _tops(loaded[-1]) & FORBIDDEN[room] - brought_along == set()


def test_loading_the_whole_dashboard_loads_no_other_room_and_no_network() -> None:
    """SQLAlchemy comes in through storage, once that is imported: it is the dashboard's own source that must not name it."""
    loaded = _tops(_of_the_dashboard()[2])
    assert loaded & {"tasks", "simulator", "migrations", "huey", "httpx", "msal", "alembic"} == set()


def test_the_command_line_parses_without_screen_or_database() -> None:
    loaded = _tops(_of_the_dashboard()[0])
    assert loaded & {"textual", "rich", "sqlalchemy", "cryptography", "msgspec", "huey", "httpx", "msal"} == set()


def test_starting_the_dashboard_loads_textual_and_not_what_is_slow_beside_it() -> None:
    loaded = _of_the_dashboard()[1]
    assert "textual.app" in loaded
    assert _tops(loaded) & {"sqlalchemy", "alembic", "huey", "httpx", "msal"} == set()
    assert not any(name.startswith("cryptography.x509") for name in loaded)


def test_only_the_microsoft_provider_speaks_http_and_msal() -> None:
    network = {"httpx", "msal", "requests", "urllib3", "aiohttp", "http", "h11"}
    for room in ("storage", "tasks", "atlas_tui", "migrations"):
        for file, imports in _sources(room).items():
            # The sign of life is one GET to an address of the configuration's, and knows nothing else.
            if not file.startswith("tasks/providers/microsoft/") and file != "tasks/ping.py":
                assert _tops(imports) & network == set(), file
                assert "urllib.request" not in imports, file
    _, outside, whole = _of_tasks()
    assert "msal" not in outside
    assert "msal" in whole


def test_alerts_leave_by_one_module_and_figures_by_another() -> None:
    only = {
        "apprise": "tasks/alert_sending.py",
        "smtplib": "tasks/alert_sending.py",
        "prometheus_client": "tasks/metrics.py",
    }
    for room in ("storage", "tasks", "atlas_tui", "migrations"):
        for file, imports in _sources(room).items():
            for library, place in only.items():
                assert library not in _tops(imports) or file == place, file
    unasked = _of_tasks()[0]
    assert _tops(unasked) & {"apprise", "prometheus_client"} == set(), "they take a while, and few workers need them"


def test_only_the_keyring_and_its_neighbours_touch_private_keys() -> None:
    may_name = {"tasks/keyring.py", "tasks/key_files.py", "tasks/key_rotation.py"}
    for room in ("storage", "tasks", "atlas_tui"):
        for file in _sources(room):
            text = (ROOT / file).read_text(encoding="utf-8")
            if file not in may_name:
                assert "X25519PrivateKey" not in text, file


def test_only_the_gateway_key_rotation_and_alerts_open_credentials() -> None:
    callers = {
        file
        for file in _sources("tasks")
        if any(word in (ROOT / file).read_text(encoding="utf-8") for word in ("keyring.open(", "open_bytes("))
    }
    may = {"tasks/keyring.py", "tasks/key_rotation.py", "tasks/alerting.py", "tasks/providers/microsoft/gateway.py"}
    assert callers <= may


def test_nothing_of_the_project_imports_the_simulator_and_it_imports_nothing_of_the_project() -> None:
    ours = set(ROOMS) - {"simulator"}
    assert all(_tops(imports) & ours == set() for imports in _sources("simulator").values())
    for room in ours:
        assert all("simulator" not in _tops(imports) for imports in _sources(room).values())


def test_this_test_would_notice(tmp_path: Path) -> None:
    """The source scan sees imports inside functions and by name; the process scan sees what an import drags in."""
    example = tmp_path / "example.py"
    example.write_text("def f():\n    import httpx\n    import_module('msal.oauth2cli')\n    from textual import app\n")
    assert _tops(_imported_by(example)) == {"httpx", "msal", "textual"}
    assert "httpx" in _tops(_of_tasks()[2])
