"""Role table: what became of each operation, and breakers."""

from __future__ import annotations

from storage import breakers, connection_operations, outages, probing, shared_problems

VIEW = "provider.view"

CASES = {
    "connection_operations.of_connection": (
        VIEW, "contoso", lambda f, who, _: connection_operations.of_connection(f.db, who, int(f.connection["contoso"]))
    ),
    "breakers.of_connection": (
        VIEW, "contoso", lambda f, who, _: breakers.of_connection(f.db, who, int(f.connection["contoso"]))
    ),
    "shared_problems.of_connection": (
        VIEW, "contoso", lambda f, who, _: shared_problems.of_connection(f.db, who, int(f.connection["contoso"]))
    ),
    "outages.current": ("run.view", "entrance", lambda f, who, _: outages.current(f.db, who, f.north)),
    "probing.probe_now": (
        "provider.run", "contoso", lambda f, who, _: probing.probe_now(f.db, who, int(f.connection["contoso"]))
    ),
}  # fmt: skip
