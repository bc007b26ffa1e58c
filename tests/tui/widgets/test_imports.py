"""What the base of the face pulls in: nothing that would delay the first paint, nothing from behind the doors."""

from __future__ import annotations

import subprocess
import sys

FORBIDDEN = ("sqlalchemy", "huey", "httpx", "msal", "tasks", "simulator", "cryptography")


def test_lists_badges_and_themes_load_no_database_queue_or_network() -> None:
    program = (
        "import sys, pkgutil, importlib, atlas_tui.badges, atlas_tui.theme, atlas_tui.widgets as w\n"
        "for m in pkgutil.iter_modules(w.__path__): importlib.import_module('atlas_tui.widgets.' + m.name)\n"
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
