"""Role table: outages, shared problems and probes."""

from __future__ import annotations

from storage import outages, probing, shared_problems

VIEW = "provider.view"

CASES = {
    "shared_problems.of_connection": (
        VIEW, "contoso", lambda f, who, _: shared_problems.of_connection(f.db, who, int(f.connection["contoso"]))
    ),
    "outages.current": ("run.view", "entrance", lambda f, who, _: outages.current(f.db, who, f.north)),
    "probing.probe_now": (
        "provider.run", "contoso", lambda f, who, _: probing.probe_now(f.db, who, int(f.connection["contoso"]))
    ),
}  # fmt: skip
