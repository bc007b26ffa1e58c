"""Databases with as many connections as a benchmark wants, made quickly.

Promise: the schema, its triggers and its indexes are the program's own (Alembic makes them, and they are there again before anybody
reads); only the rows are poured in by hand, because a million calls of the program's functions would take hours. The same number always
gives the same rows. Ages are whole days and a half, so that no age on a screen changes while a benchmark runs.
"""

from __future__ import annotations

import random
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from storage import access, configuration, platform_apps, reasons, sqlite_file, workspaces
from storage.access import Principal
from storage.columns import format_sqlite_time
from storage.configuration import Settings
from storage.database import Database, open_database
from storage.states import Cloud
from storage.tenants import sort_name
from storage.upgrading import upgrade

WORKSPACE: Final = "bench"
_FIRST: Final = ("Adatum", "Alpine", "Arctic", "Baldwin", "Bellows", "Blue", "Bright", "Cedar", "Coho", "Contoso", "Copper",
    "Eagle", "Elm", "Fabrikam", "First", "Fourth", "Graphic", "Green", "Harbor", "Humongous", "Iron", "Lakeside", "Litware",
    "Lucerne", "Maple", "Margie", "North", "Nova", "Oak", "Olive", "Proseware", "Quantum", "Red", "River", "Silver", "Southridge",
    "Summit", "Tailspin", "Trey", "Union", "Valley", "Wide", "Wingtip", "Woodgrove")  # fmt: skip
_SECOND: Final = ("Airlines", "Bank", "Bakery", "Clinic", "Coffee", "Consulting", "Design", "Energy", "Engineering", "Estates",
    "Foods", "Foundry", "Freight", "Garden", "Health", "Hotels", "Insurance", "Labs", "Legal", "Logistics", "Media", "Motors",
    "Music", "Partners", "Pharma", "Press", "Publishing", "Research", "School", "Security", "Shipping", "Software", "Sports",
    "Steel", "Studios", "Systems", "Toys", "Traders", "Vineyards", "Works")  # fmt: skip
_SUFFIX: Final = ("Ltd", "GmbH", "AG", "SA", "Inc", "BV", "AB", "Oy", "plc", "KG")
_CONSENT: Final = ("unknown", "required", "failed", "revoked")
_VERIFICATION: Final = ("unknown", "pending", "degraded", "blocked", "error")
_CHUNK: Final = 50_000


@dataclass(frozen=True)
class BulkFleet:
    """A filled database.

    Attributes:
        count: how many connections.
        path: the SQLite file.
        config: a configuration file that names it.
        db: open.
        who: its Owner, who is the account that runs the benchmark.
        workspace_id: the one workspace.
        seconds: how long filling took.
    """

    count: int
    path: Path
    config: Path
    db: Database
    who: Principal
    workspace_id: int
    seconds: float


class Fleets:
    """The fleets of one run of the benchmarks: each size is made once. A context manager; everything is gone at its end."""

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="atlas-bench-")
        self._made: dict[int, BulkFleet] = {}
        self._spare = 0

    def __enter__(self) -> Fleets:
        return self

    def __exit__(self, *_: object) -> None:
        for fleet in self._made.values():
            fleet.db.close()
        self._home.cleanup()

    @property
    def directory(self) -> Path:
        """A private directory of this run."""
        return Path(self._home.name)

    def new_directory(self) -> Path:
        """Makes another private directory, for what a benchmark writes itself."""
        self._spare += 1
        place = self.directory / f"spare-{self._spare}"
        place.mkdir(mode=0o700)
        return place

    def of(self, count: int) -> BulkFleet:
        """Returns the fleet of so many connections, made when it is asked for first.

        Benchmarks only read it, or put back what they change.
        """
        if count not in self._made:
            home = self.directory / f"fleet-{count}"
            home.mkdir(mode=0o700)
            self._made[count] = make_fleet(home, count)
        return self._made[count]


def make_fleet(home: Path, count: int) -> BulkFleet:
    """Makes a database with so many tenants, each with one connection on the workspace's platform app.

    Args:
        home: a private directory.
        count: how many.
    """
    began = datetime.now(UTC)
    path = home / "atlas.db"
    upgrade(str(path))
    login, _ = access.os_login()
    db = open_database(str(path))
    who = workspaces.initialize(db, login=login, display_name=login, slug=WORKSPACE, name="Bench")
    workspace_id = workspaces.find_workspace(db, who, WORKSPACE)
    app = platform_apps.register(
        db,
        who,
        workspace_id,
        cloud=Cloud.GLOBAL,
        client_id=str(uuid.UUID(int=1, version=4)),
        display_name="Atlas bench",
        home_tenant_id=str(uuid.UUID(int=2, version=4)),
    )
    _pour(path, count, workspace_id, app.id, who.user_id)
    config = home / configuration.FILE_NAME
    configuration.save(config, Settings(database=str(path), state_directory=str(home / "state"), workspace=WORKSPACE))
    return BulkFleet(count, path, config, db, who, workspace_id, (datetime.now(UTC) - began).total_seconds())


def _pour(path: Path, count: int, workspace_id: int, app_id: int, user_id: int | None) -> None:
    """Fills the two tables without indexes and triggers, and makes those again from their own definitions."""
    raw = sqlite_file.sqlite_module().connect(str(path), isolation_level=None)
    try:
        for pragma in ("foreign_keys=OFF", "synchronous=OFF", "cache_size=-400000", "temp_store=MEMORY"):
            raw.execute(f"PRAGMA {pragma}").close()
        definitions = raw.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
            " AND tbl_name IN ('tenants', 'provider_connections') AND type IN ('index', 'trigger')"
        ).fetchall()
        raw.execute("BEGIN IMMEDIATE")
        for kind, name, _ in definitions:
            raw.execute(f"DROP {kind} {name}")
        now = datetime.now(UTC)
        _store_credential(raw, app_id, now)
        tenants: list[tuple[Any, ...]] = []
        connections: list[tuple[Any, ...]] = []
        for tenant, connection in _rows(count, workspace_id, app_id, user_id, now):
            tenants.append(tenant)
            connections.append(connection)
            if len(tenants) == _CHUNK:
                _insert(raw, tenants, connections)
        _insert(raw, tenants, connections)
        for dimension, value in (
            ("lifecycle", "CASE WHEN is_enabled THEN 'enabled' ELSE 'disabled' END"),
            ("consent", "consent_status"),
            ("verification", "verification_status"),
        ):
            raw.execute(
                "INSERT INTO badge_counts (workspace_id, dimension, value, count)"
                f" SELECT workspace_id, '{dimension}', {value}, count(*) FROM provider_connections GROUP BY 1, 3"
            )
        for _, _, sql in definitions:
            raw.execute(sql)
        raw.execute("COMMIT")
        if raw.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise RuntimeError("the fleet's rows do not fit together")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    finally:
        raw.close()


_TENANT: Final = (
    "INSERT INTO tenants (id, workspace_id, entra_tenant_id, name, sort_name, primary_domain, lifecycle, created_at, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, 'active', ?, ?)"
)
_CONNECTION: Final = (
    "INSERT INTO provider_connections (id, workspace_id, tenant_id, entra_tenant_id, display_name, sort_name, connection_type,"
    " platform_app_id, is_default, is_enabled, consent_status, verification_status, last_reason_code, last_reason_sentence, reason_since,"
    " last_checked_at, last_good_at, lifecycle_changed_at, lifecycle_changed_by_id, created_at, updated_at)"
    " VALUES (?, ?, ?, ?, 'Microsoft', ?, 'platform', ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _insert(raw: Any, tenants: list[tuple[Any, ...]], connections: list[tuple[Any, ...]]) -> None:
    raw.executemany(_TENANT, tenants)
    raw.executemany(_CONNECTION, connections)
    tenants.clear()
    connections.clear()


def _store_credential(raw: Any, app_id: int, now: datetime) -> None:
    """A sealed credential that no benchmark on this database opens: the start gate asks only whether there is one."""
    raw.execute(
        "INSERT INTO credentials (platform_app_id, slot, kind, sealed, seal_key_id, seal_version, stored_at)"
        " VALUES (?, 'active', 'secret', ?, 'bench', 1, ?)",
        (app_id, b"\0" * 120, format_sqlite_time(now)),
    )


def _rows(
    count: int, workspace_id: int, app_id: int, user_id: int | None, now: datetime
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """A believable mix: seven in ten are well, one in twenty is disabled, the others have something."""
    dice = random.Random(1)
    codes = [(code, entry.sentence) for code, entry in sorted(reasons.catalog().items())]
    moments = [format_sqlite_time(now - timedelta(days=days, hours=12)) for days in range(1, 90)]
    made = format_sqlite_time(now - timedelta(days=90))
    for number in range(1, count + 1):
        guid = str(uuid.UUID(int=dice.getrandbits(128), version=4))
        name = f"{dice.choice(_FIRST)} {dice.choice(_SECOND)} {number} {dice.choice(_SUFFIX)}"
        well = dice.random() < 0.7
        consent = "granted" if well or dice.random() < 0.5 else dice.choice(_CONSENT)
        verification = "healthy" if well else dice.choice(_VERIFICATION)
        checked = None if verification in ("unknown", "pending") else dice.choice(moments)
        code, sentence = dice.choice(codes) if verification in ("degraded", "blocked", "error") else (None, None)
        yield (
            (number, workspace_id, guid, name, name.casefold(), f"t{number}.example", made, made),
            (
                number, workspace_id, number, guid, sort_name(name, "Microsoft", f"t{number}.example"), app_id,
                dice.random() >= 0.05, consent,
                verification, code, sentence, checked if code else None, checked,
                checked if verification == "healthy" else None, made, user_id, made, made,
            ),
        )  # fmt: skip
