"""The databases that migrations are tested on, and a believable fleet at every revision.

Three kinds: SQLite through pysqlite3 (WAL), SQLite through the standard module (its journal by its version), PostgreSQL.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from storage import upgrading

AT = "2026-01-02 03:04:05.678"
GUID = "aaaaaaaa-0000-4000-8000-00000000000{}"


class Ground:
    """A database under migration, used as programs use it: foreign keys on."""

    def __init__(self, address: str, module: Any = None) -> None:
        self.address = address
        self.module = module
        self.is_sqlite = module is not None
        if module is not None:
            self.engine = create_engine(f"sqlite:///{address}", module=module, poolclass=NullPool)
            event.listen(self.engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=ON"))
        else:
            self.engine = create_engine(address, poolclass=NullPool)
        self._open: Connection | None = None

    def to(self, revision: int) -> upgrading.UpgradeResult:
        """Migrates up or down to a revision."""
        target = f"{revision:04d}" if revision else "base"
        if upgrading.current(self.address) < revision:
            return upgrading.upgrade(self.address, target=target)
        return upgrading.downgrade(self.address, target)

    def keep(self, name: str) -> None:
        """Keeps the database as it is, for the next one that shall stand there."""
        if self.is_sqlite:
            _KEPT[self.module, name] = Path(self.address).read_bytes()
        else:
            _KEPT[self.module, name] = None
            self._administer(f"CREATE DATABASE kept_{name} TEMPLATE {self.engine.url.database}")

    def take(self, name: str) -> bool:
        """Becomes a copy of what was kept, if it was: SQLite's file byte for byte."""
        if (self.module, name) not in _KEPT:
            return False
        kept, own = _KEPT[self.module, name], self.engine.url.database
        if kept is None:
            self._administer(f"DROP DATABASE {own}", f"CREATE DATABASE {own} TEMPLATE kept_{name}")
        else:
            Path(self.address).write_bytes(kept)
            Path(self.address).chmod(0o600)
        return True

    def stand_at(self, revision: int) -> None:
        """Becomes an empty database of a revision, for what does not ask how it got there."""
        if not self.take(f"empty_at_{revision}"):
            self.to(revision)
            self.keep(f"empty_at_{revision}")

    def _administer(self, *statements: str) -> None:
        """Does what PostgreSQL does only where nobody is connected; who has just hung up may still be on the way out."""
        url = self.engine.url
        engine = create_engine(url.set(database="postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        leaving = text("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = :name")
        with engine.connect() as connection:
            connection.execute(leaving, {"name": url.database})
            for statement in statements:
                connection.exec_driver_sql(statement)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Keeps one connection for all that is asked inside: each made its own, which took longer than the question."""
        with self.engine.connect() as self._open:
            try:
                yield
            finally:
                self._open = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction."""
        if self._open is not None:
            with self._open.begin():
                yield self._open
            return
        with self.engine.begin() as connection:
            yield connection

    def rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self.begin() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    def one(self, query: str, **parameters: Any) -> Any:
        """The single value that a query finds."""
        ((value,),) = self.rows(query, **parameters)
        return value

    def run(self, statement: str, **parameters: Any) -> None:
        """Executes one statement in a transaction of its own."""
        with self.begin() as connection:
            connection.execute(text(statement), parameters)

    def add(self, table: str, **values: Any) -> None:
        """Inserts one row."""
        names = ", ".join(values)
        self.run(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in values)})", **values)

    def tables(self) -> list[str]:
        """The names of all tables but Alembic's."""
        if self.is_sqlite:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        else:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return sorted({name for (name,) in self.rows(query)} - {"alembic_version"})

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        asked = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in self.tables())
        return dict(self.rows(asked)) if asked else {}

    def shape(self) -> list[str]:
        """Everything the catalog knows: columns, keys, CHECKs, indexes with predicates, triggers and functions; order aside."""
        with self.connected():
            return sorted(_sqlite_shape(self) if self.is_sqlite else _postgresql_shape(self))

    def dispose(self) -> None:
        """Lets go of the database."""
        self.engine.dispose()


_ADDED_COLUMN = re.compile(
    r", (?=\w+ (?:INTEGER(?: DEFAULT 0 NOT NULL)?|VARCHAR\(23\)|TEXT(?: DEFAULT '' NOT NULL)?)(?:,|$))"
)
"""ALTER TABLE ADD COLUMN writes its column behind the last one, on the same line."""


def _sqlite_shape(ground: Ground) -> Iterator[str]:
    for kind, table, sql in ground.rows("SELECT type, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
        if table == "alembic_version":
            continue
        if (
            kind == "table"
        ):  # SQLAlchemy writes one column or constraint a line; a rename puts quotes round the table's name
            for line in sql.replace(f'"{table}"', table).splitlines():
                for part in _ADDED_COLUMN.split(line):
                    yield f"{table}: {part.strip().rstrip(',')}"
        else:
            yield f"{table}: {sql}"


def _postgresql_shape(ground: Ground) -> Iterator[str]:
    queries = (
        "SELECT c.relname, 'column', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'"
        " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
        " WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped",
        "SELECT c.relname, 'constraint', k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k"
        " JOIN pg_class c ON c.oid = k.conrelid WHERE k.connamespace = 'public'::regnamespace",
        "SELECT tablename, 'index', indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT c.relname, 'trigger', pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal",
        "SELECT '', 'function', pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    )
    for query in queries:
        for row in ground.rows(query.replace("::regnamespace", "\\:\\:regnamespace")):
            if row[0] != "alembic_version":
                yield ": ".join(str(part) for part in row)


_KEPT: dict[tuple[Any, str], bytes | None] = {}
"""What was kept, by SQLite's module: its file, or nothing where PostgreSQL has a database to copy."""


class Fleet:
    """Rows for every revision; each method adds what its revision's tables can hold."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def add_through(self, revision: int) -> None:
        """Migrates an empty database upwards to a revision and adds rows at every step, or takes up what another test kept."""
        ground = self.ground
        done = next((step for step in range(revision, 0, -1) if ground.take(f"rows_of_{step}")), 0)
        for step in range(done + 1, revision + 1):
            ground.to(step)
            with ground.connected():
                getattr(self, f"_at_{step}", lambda: None)()
            ground.keep(f"rows_of_{step}")

    def bring(self, revision: int, target: int) -> None:
        """Migrates the rows of a revision to another one, for tests that only look at what came of them."""
        name = f"rows_of_{revision}_at_{target}"
        if not self.ground.take(name):
            self.add_through(revision)
            self.ground.to(target)
            self.ground.keep(name)

    def _at_1(self) -> None:
        add = self.ground.add
        for number, (login, is_active) in enumerate((("alice", True), ("bob", False)), 1):
            add("users", id=number, login=login, display_name=login.title(), is_active=is_active, created_at=AT)
        for number, name in enumerate(("STRASSE Straße", "Beta", "Lonely"), 1):
            add(
                "tenants",
                id=number,
                entra_tenant_id=GUID.format(number).upper(),
                name=name,
                primary_domain=f"t{number}.example",
                created_at=AT,
                updated_at=AT,
            )
        legacy = (
            (1, 1, "connected", "ok", False, "platform-client"),
            (2, 1, "needs_consent", "degraded", False, None),
            (3, 1, "error", "down", False, "own-client"),
            (4, 1, "disabled", "unknown", False, None),
            (5, 2, "connected", "degraded", False, None),
            (6, 2, "disabled", "ok", True, None),
        )
        for number, tenant, status, health, is_default, client in legacy:
            add(
                "provider_connections",
                id=number,
                tenant_id=tenant,
                entra_tenant_id=GUID.format(tenant),
                display_name=f"Verbindung ß{number}",
                client_id=client,
                is_default=is_default,
                status=status,
                health_status=health,
                last_health_check_at=AT,
                last_error_reason_code={3: "secret_expired", 4: "AADSTS7000215: Invalid"}.get(number),
                last_error_message="Bearer abc" if number == 3 else None,
                created_at=AT,
                updated_at=AT,
            )
        for connection in (1, 3):
            self._credential(connection_id=connection)

    def _credential(self, **values: Any) -> None:
        common = {"kind": "secret", "sealed": b"\x00sealed", "seal_key_id": "k1", "seal_version": 1, "stored_at": AT}
        self.ground.add("credentials", **common, **values)

    def _at_2(self) -> None:
        add = self.ground.add
        add("platform_apps", id=1, workspace_id=1, cloud="global", client_id="PLATFORM-client", display_name="App",
            home_tenant_id=GUID.format(9), redirect_uri="http://localhost/", created_at=AT, updated_at=AT)  # fmt: skip
        add("tags", id=1, workspace_id=1, name="gold")
        add("tenant_tags", tenant_id=1, tag_id=1)
        add("memberships", user_id=1, workspace_id=1, scope_kind="tag", tag_id=1, role="operator", created_at=AT)
        add("memberships", user_id=1, workspace_id=1, scope_kind="tenant", tenant_id=2, role="auditor", created_at=AT)

    def _at_3(self) -> None:
        self._credential(connection_id=1, slot="staged")
        self._credential(platform_app_id=1, slot="active")
        self.ground.add("consent_requests", workspace_id=1, connection_id=2, state_hash="h", expected_tenant_id=GUID.format(1),
            client_id="c", redirect_uri="http://localhost/", status="open", created_at=AT, expires_at=AT)  # fmt: skip
        self.ground.add("connection_permissions", connection_id=1, permission="A.Read", is_granted=True, checked_at=AT)

    def _at_6(self) -> None:
        add = self.ground.add
        add("workers", id="w", host="h", pid=1, version="1", slots=4, started_at=AT, beat_at=AT)
        add("schedules", workspace_id=1, type="inventory.sync", name="nightly", scope_kind="connection",
            connection_id=1, cron="0 1 * * *", time_zone="UTC", created_at=AT, updated_at=AT)  # fmt: skip
        add("run_batches", id=1, workspace_id=1, type="inventory.sync", initiator="alice", classes="{}", created_at=AT)
        common = {"workspace_id": 1, "tenant_id": 1, "initiator": "alice", "cause": "person", "priority": 5, "generation": 1,
                  "context": "{}", "queued_at": AT, "type": "inventory.sync"}  # fmt: skip
        done = {"status": "completed", "outcome": "succeeded", "completed_at": AT}
        add("operation_runs", id=1, connection_id=1, schedule_id=1, batch_id=1, **done, **common)
        add("operation_runs", id=2, connection_id=1, status="running", lease_until=AT, retry_of_id=1, **common)
        add("operation_runs", id=3, connection_id=1, status="waiting", **common)
        add("operation_runs", id=4, connection_id=5, status="queued", **(common | {"tenant_id": 2}))
        add("run_steps", run_id=1, key="token", position=1, label="Token", status="pass", started_at=AT)
        add("verification_reports", workspace_id=1, connection_id=1, run_id=1, generation=1, is_superseded=False,
            verdict="healthy", manifest_version=1, document="{}", created_at=AT)  # fmt: skip
        add("notifications", user_id=1, workspace_id=1, kind="run_completed", run_id=1, title="Done", created_at=AT)

    def _at_7(self) -> None:
        add = self.ground.add
        run = {"workspace_id": 1, "tenant_id": 1, "connection_id": 1}
        add("inventory_items", **run, kind="policy", external_id="x", name="X", first_seen_run_id=1, last_seen_run_id=1)
        add("inventory_staging", run_id=2, fence=1, kind="policy", external_id="y", name="Y")
        add(
            "compliance_snapshots",
            **run,
            run_id=1,
            taken_at=AT,
            is_complete=True,
            total=1,
            counts="{}",
            by_platform="{}",
        )
        add("role_reports", id=1, **run, run_id=1, taken_at=AT, is_complete=True, counts="{}", difference="{}")
        add("role_assignments", report_id=1, principal_id="p", principal_name="P", principal_kind="user",
            role_template_id="r", role_name="R", is_privileged=True, assignment="active")  # fmt: skip
        add("role_findings", report_id=1, code="guest", subject="p", sentence="A guest.")
        add("directory_counts", **run, run_id=1, taken_at=AT, is_complete=True, users=3)

    def _at_8(self) -> None:
        add = self.ground.add
        add("alert_channels", id=1, workspace_id=1, name="mail", kind="mail", settings="{}", created_at=AT)
        self._credential(alert_channel_id=1, slot="active")
        add("alert_rules", id=1, workspace_id=1, channel_id=1, name="all", conditions="{}", created_at=AT)
        add(
            "alert_deliveries", workspace_id=1, rule_id=1, channel_id=1, subject_key="k", status="queued", created_at=AT
        )
        add("acknowledgements", workspace_id=1, reason_code="secret_expired", connection_id=3, user_id=1, created_at=AT)
        add("platform_grants", user_id=1, capability="platform.runs.view", created_at=AT)
        add("ssh_keys", user_id=1, fingerprint="f", public_key="k", label="l", added_at=AT)
        add("sessions", id="s", user_id=1, via="local", host="h", started_at=AT, seen_at=AT)
        add("saved_filters", user_id=1, workspace_id=1, view="v", name="n", filter_text="f", created_at=AT)
        add("drafts", user_id=1, form="f", subject="s", document="{}", updated_at=AT)
        add("user_views", user_id=1, workspace_id=1, view="attention", looked_at=AT)
        add("audit_entries", chain="w1", sequence=1, workspace_id=1, at=AT, actor="alice", plane="workspace", action="a",
            target_kind="t", target_id="1", outcome="done", canonical=b"{}", previous_hash="", hash="h")  # fmt: skip
        add("audit_heads", chain="w1", sequence=1, hash="h")

    def _at_9(self) -> None:
        add = self.ground.add
        add("onboardings", workspace_id=1, tenant_id=1, status="open", started_by_id=1, started_at=AT)
        add("onboardings", workspace_id=1, tenant_id=1, status="cancelled", started_by_id=1, started_at=AT, ended_at=AT)
        add("audit_entries", chain="w1", sequence=2, workspace_id=1, at=AT, actor="alice", plane="workspace", action="a",
            target_kind="t", target_id="1", outcome="done", canonical=b'{"tenant_id":1}', previous_hash="h", hash="i",
            tenant_id=1)  # fmt: skip

    def _at_10(self) -> None:
        add = self.ground.add
        add("schedules", id=99, workspace_id=1, type="compliance.snapshot", name="often", scope_kind="workspace",
            interval_minutes=60, time_zone="UTC", created_at=AT, updated_at=AT)  # fmt: skip
        add("schedule_firings", schedule_id=99, workspace_id=1, due_at=AT, status="open", counts="{}", created_at=AT)
        add("run_batch_members", batch_id=1, connection_id=1, run_id=1)
        add("run_batch_members", batch_id=1, connection_id=2)
        add("circuit_breakers", connection_id=1, workspace_id=1, failures=5, opened_at=AT, open_until=AT, updated_at=AT)
        add(
            "alert_deliveries",
            workspace_id=1,
            channel_id=1,
            subject_key="test",
            status="queued",
            created_at=AT,
            document="{}",
        )


@pytest.fixture(params=["pysqlite3", "standard sqlite3", "postgresql"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """An empty database of each kind."""
    with _ground(request.param, tmp_path, monkeypatch, request) as made:
        yield made


@pytest.fixture(params=["pysqlite3", "standard sqlite3"])
def sqlite_ground(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """An empty SQLite database through each of its two modules."""
    with _ground(request.param, tmp_path, monkeypatch, request) as made:
        yield made


@pytest.fixture
def bundled_ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Ground]:
    """An empty SQLite database, for what does not depend on the module."""
    with _ground("pysqlite3", tmp_path, monkeypatch, request) as made:
        yield made


@contextmanager
def _ground(kind: str, directory: Path, patch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Ground]:
    if kind == "postgresql":
        made = Ground(request.getfixturevalue("postgres_url"))
    else:
        standard = kind == "standard sqlite3"
        patch.setenv("ATLAS_SQLITE", "standard" if standard else "bundled")
        module = importlib.import_module("sqlite3" if standard else "pysqlite3.dbapi2")
        made = Ground(str(directory / "atlas.db"), module)
    try:
        yield made
    finally:
        made.dispose()


@pytest.fixture
def fleet(ground: Ground) -> Fleet:
    """Adds rows to `ground`."""
    return Fleet(ground)


@pytest.fixture
def sqlite_fleet(sqlite_ground: Ground) -> Fleet:
    """Adds rows to `sqlite_ground`."""
    return Fleet(sqlite_ground)


@pytest.fixture
def another_ground(ground: Ground, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ground]:
    """A second empty database of the same kind, to compare with."""
    if ground.is_sqlite:
        made = Ground(str(tmp_path / "another.db"), ground.engine.dialect.dbapi)
    else:
        make: Callable[[], str] = request.getfixturevalue("make_postgres_database")
        made = Ground(make())
    yield made
    made.dispose()
