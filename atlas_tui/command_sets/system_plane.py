"""Commands of the system plane: going there. Nothing there changes anything."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command

SYSTEM_PLANE: Final = (
    command("system", "", "system directory", "Go to the tenants of all workspaces, with a platform role: :system FILTER.",
            Where.EVERYWHERE, word="system"),
    command("system_runs", "", "runs of all workspaces", "Go to the runs of all workspaces, with a platform role.",
            Where.EVERYWHERE, word="system-runs"),
)  # fmt: skip
