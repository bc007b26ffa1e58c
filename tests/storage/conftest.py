"""What tests of storage may ask for: the same small fleet on every kind of database, a clock that moves when told, a worker by hand.

The fleet is built once per kind of database and session, into a template; every test gets a copy of its own.
"""

from __future__ import annotations

import itertools
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType
from typing import Any, Final

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Column, Select, Table, create_engine, func, insert, make_url, select, text, update

from storage import (
    connection_changes,
    credentials,
    dispatching,
    finishing,
    leases,
    member_changes,
    platform_apps,
    reaping,
    starting,
    tenants,
    upgrading,
    workspaces,
)
from storage.access import Principal
from storage.capabilities import Capability, Role
from storage.credential_material import from_secret
from storage.database import Database, open_database
from storage.operations import CATALOG, CONNECTION_CHECK
from storage.schema import (
    METADATA,
    connection_permissions,
    memberships,
    notifications,
    operation_runs,
    platform_grants,
    provider_connections,
    users,
)
from storage.states import CredentialOwner, StepStatus
from storage.verification import CheckReport, ConsentFact, OrganizationFacts, ReportStep

KINDS = ("sqlite-wal", "sqlite-delete", "postgresql")
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ALL_PERMISSIONS = frozenset(
    name
    for operation in CATALOG.values()
    for name in (*operation.required_permissions, *operation.optional_permissions)
)
SECRET_VALUE = "Xy8~canary-secret-value-0123456789"
_guids = itertools.count(1)


class MovableClock:
    """The database's clock, as far as storage can tell. It stands still until it is moved."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self, _connection: Any = None) -> datetime:
        return self.time

    def advance(self, **span: float) -> None:
        """Moves on, by what `timedelta` takes."""
        self.time += timedelta(**span)


def _in_order(statement: Any) -> Any:
    """A plain query of one table, ordered by its key unless it is ordered already."""
    tables = statement.get_final_froms() if isinstance(statement, Select) else []
    plain = len(tables) == 1 and all(isinstance(column, Column) for column in statement.selected_columns)
    if not plain or not isinstance(tables[0], Table):
        return statement
    if statement._order_by_clauses or statement._group_by_clauses or statement._distinct:
        return statement
    return statement.order_by(*tables[0].primary_key.columns)


@dataclass
class Fleet:
    """A small believable fleet, and verbs to use it with.

    Workspace `north` has the tenants contoso (tagged gold) and fabrikam, each with a dedicated connection, granted, healthy and with a
    secret; and a platform app with the connection of the tenant wingtip. Workspace `south` is somebody else's.
    """

    db: Database
    clock: MovableClock
    address: str
    north: int = 0
    south: int = 0
    people: dict[str, Principal] = field(default_factory=dict)
    tenant: dict[str, int] = field(default_factory=dict)
    connection: dict[str, int] = field(default_factory=dict)
    app: int = 0
    worker_key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    @property
    def public_key(self) -> bytes:
        """The worker's public key."""
        return self.worker_key.public_key().public_bytes_raw()

    @property
    def dana(self) -> Principal:
        """The Owner of north."""
        return self.people["dana"]

    # Building

    def build(self) -> None:
        """Makes everybody and everything; called once, for the template."""
        dana = workspaces.initialize(self.db, login="dana", display_name="Dana", slug="north", name="North")
        zoe = workspaces.initialize(self.db, login="zoe", display_name="Zoe", slug="south", name="South")
        self.people |= {"dana": dana, "zoe": zoe}
        self.north = workspaces.find_workspace(self.db, dana, "north")
        self.south = workspaces.find_workspace(self.db, zoe, "south")
        for name, tags in (("contoso", ["gold"]), ("fabrikam", [])):
            self.add_connection(name, tag_names=tags)
        app = platform_apps.register(
            self.db,
            dana,
            self.north,
            cloud=tenants.Cloud.GLOBAL,
            client_id=self.guid(),
            display_name="North's app",
            home_tenant_id=self.guid(),
        )
        self.app = app.id
        credentials.store(
            self.db, dana, CredentialOwner.PLATFORM_APP, app.id, from_secret(SECRET_VALUE), self.public_key
        )
        self.add_connection("wingtip", client_id=None)
        for login, role, scope in (
            ("otto", Role.OWNER, {}),
            ("mona", Role.MANAGER, {}),
            ("omar", Role.OPERATOR, {}),
            ("anna", Role.AUDITOR, {}),
            ("rita", Role.READONLY, {}),
            ("tina", Role.OPERATOR, {"tenant_id": self.tenant["contoso"]}),
            ("fred", Role.MANAGER, {"tenant_id": self.tenant["fabrikam"]}),
            ("gina", Role.MANAGER, {"tag": "gold"}),
            ("eve", Role.OWNER, {"expires_at": NOON + timedelta(hours=1)}),
            ("rex", Role.OWNER, {}),
            ("ivan", Role.OWNER, {}),
        ):
            self.add_member(login, role, **scope)
        rex = self.one(select(memberships.c.id).where(memberships.c.user_id == self.people["rex"].user_id))
        member_changes.revoke(self.db, dana, self.north, rex)
        self.write(update(users).where(users.c.login == "ivan").values(is_active=False))
        self.write(insert(users).values(login="pat", display_name="Pat", created_at=NOON))
        self.people["pat"] = Principal(self.one(select(users.c.id).where(users.c.login == "pat")), "pat")
        for capability in (Capability.PLATFORM_DIRECTORY_VIEW, Capability.PLATFORM_RUNS_VIEW):
            self.write(
                insert(platform_grants).values(
                    user_id=self.people["pat"].user_id, capability=capability.value, created_at=NOON
                )
            )
        self.clock.advance(hours=2)

    def add_member(self, login: str, role: Role, **scope: Any) -> Principal:
        """Gives somebody a membership of north."""
        member_changes.add(self.db, self.dana, self.north, login=login, display_name=login.title(), role=role, **scope)
        user_id = self.one(select(users.c.id).where(users.c.login == login))
        self.people[login] = Principal(user_id, login)
        return self.people[login]

    def add_tenant(self, name: str, fields: Mapping[str, Any] | None = None, **more: Any) -> int:
        """Adds a tenant to north and returns its id."""
        row = tenants.create(
            self.db,
            self.dana,
            self.north,
            **(
                {"entra_tenant_id": self.guid(), "name": name.title(), "primary_domain": f"{name}.example"}
                | dict(fields or {})
                | more
            ),
        )
        self.tenant[name] = row.id
        return row.id

    def add_connection(self, key: str, *, client_id: str | None = "", ready: bool = True, **fields: Any) -> int:
        """Adds a tenant (unless it is there) and a connection of it; a ready one has a secret, consent and health."""
        tenant_id = self.tenant.get(key) or self.add_tenant(key, fields)
        row = connection_changes.create(
            self.db, self.dana, tenant_id, client_id=self.guid() if client_id == "" else client_id
        )
        self.connection.setdefault(key, row.id)
        if ready and client_id is not None:
            self.store_secret(row.id)
        if ready:
            self.set_connection(
                row.id, consent_status="granted", consent_granted_at=self.clock.time, verification_status="healthy"
            )
        return row.id

    @staticmethod
    def guid() -> str:
        """A fresh GUID."""
        return str(uuid.UUID(int=0x8A3C1F0E_0000_4000_8000_000000000000 + next(_guids)))

    def store_secret(self, connection_id: int, value: str = SECRET_VALUE) -> credentials.CredentialInfo:
        """Stores a client secret with a dedicated connection."""
        return credentials.store(
            self.db, self.dana, CredentialOwner.CONNECTION, connection_id, from_secret(value), self.public_key
        )

    # Looking and poking, past the rules

    def write(self, statement: Any) -> None:
        """Executes a statement that no function of storage would."""
        self.db.write(lambda tx: tx.run(statement) and None)

    def one(self, statement: Any) -> Any:
        """The single value of a query."""
        with self.db.read() as tx:
            return tx.run(statement).scalar_one()

    def rows(self, statement: Any) -> list[Any]:
        """The rows of a query, in the order it asks for; else in that of the table's key, for a database promises none."""
        with self.db.read() as tx:
            return list(tx.run(_in_order(statement)).all())

    def set_connection(self, connection_id: int, **columns: Any) -> None:
        """Sets columns of a connection."""
        self.write(update(provider_connections).where(provider_connections.c.id == connection_id).values(**columns))

    def truth(self, connection_id: int) -> Any:
        """A connection's row."""
        return self.rows(select(provider_connections).where(provider_connections.c.id == connection_id))[0]

    def set_permissions(self, connection_id: int, granted: Mapping[str, bool]) -> None:
        """Replaces what is known about a connection's permissions."""

        def work(tx: Any) -> None:
            tx.run(connection_permissions.delete().where(connection_permissions.c.connection_id == connection_id))
            for name, is_granted in granted.items():
                tx.run(
                    insert(connection_permissions).values(
                        connection_id=connection_id, permission=name, is_granted=is_granted, checked_at=self.clock.time
                    )
                )

        self.db.write(work)

    def run_row(self, run_id: int) -> Any:
        """A run's row."""
        return self.rows(select(operation_runs).where(operation_runs.c.id == run_id))[0]

    def unfinished(self, connection_id: int) -> list[Any]:
        """The unfinished runs of a connection, oldest first."""
        return self.rows(
            select(operation_runs)
            .where(operation_runs.c.connection_id == connection_id, operation_runs.c.status != "completed")
            .order_by(operation_runs.c.id)
        )

    def notifications_of(self, run_id: int) -> list[Any]:
        """The notifications about a run."""
        return self.rows(select(notifications).where(notifications.c.run_id == run_id))

    def contents(self, *, without: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, but those left out, as the driver gives them; to compare before and after."""
        names = [table.name for table in METADATA.sorted_tables if table.name not in without]
        with self.db.read() as tx:
            ask, found = tx.connection.connection.cursor(), {}
            if not tx.is_sqlite:  # all of it in one question
                ask.execute("; ".join(f"SELECT * FROM {name}" for name in names))
            for name in names:
                if tx.is_sqlite:
                    ask.execute(f"SELECT * FROM {name}")
                found[name] = sorted(map(tuple, ask.fetchall()), key=repr)
                if not tx.is_sqlite:
                    ask.nextset()
            return found

    def count(self, table: Any, *conditions: Any) -> int:
        """How many rows fit."""
        return int(self.one(select(func.count()).select_from(table).where(*conditions)))

    # Working

    def start(self, connection_id: int, operation: str = CONNECTION_CHECK, *, by: str = "dana", **more: Any) -> Any:
        """Starts an operation through the gate."""
        return starting.start(self.db, self.people[by], connection_id, operation, **more)

    def take(self, worker: str = "w1", slots: int = 8) -> list[leases.Claim]:
        """Dispatches and claims whatever is ready."""
        claims = [leases.claim(self.db, worker, run_id) for run_id in dispatching.dispatch(self.db, worker, slots)]
        return [claim for claim in claims if claim is not None]

    def begin(self, connection_id: int, operation: str = CONNECTION_CHECK, **more: Any) -> leases.Claim:
        """Starts an operation and claims it."""
        result = self.start(connection_id, operation, **more)
        assert isinstance(result, starting.Started), result
        claim = leases.claim(self.db, "w1", result.run.id)
        assert claim is not None
        return claim

    def finish(self, claim: leases.Claim, result: finishing.RunResult | CheckReport | None = None) -> Any:
        """Finishes a claimed run and returns its row; a check that is given no report passes."""
        if result is None and claim.operation_type == CONNECTION_CHECK:
            result = self.good_report(claim)
        if isinstance(result, CheckReport):
            result = finishing.RunResult(check=result)
        finishing.finish(self.db, claim.held, result or finishing.RunResult())
        return self.run_row(claim.held.run_id)

    def check(self, connection_id: int, report: CheckReport | None = None) -> Any:
        """Runs a whole connection check by hand and returns its row."""
        return self.finish(self.begin(connection_id), report)

    def good_report(self, claim: leases.Claim, **changes: Any) -> CheckReport:
        """What a check of a tenant without any trouble finds."""
        values: dict[str, Any] = {
            "steps": (ReportStep("token", "Token", StepStatus.PASS, started_at=self.clock.time),),
            "consent_fact": ConsentFact.ROLES_PRESENT,
            "granted_permissions": ALL_PERMISSIONS,
            "organization": OrganizationFacts(claim.entra_tenant_id, f"{claim.tenant_name} Inc."),
            "credential_slot": "active",
            "token_passed": True,
        }
        return CheckReport(**(values | changes))

    @staticmethod
    def failing_report(
        reason_code: str, *, needed_by: tuple[str, ...] = (CONNECTION_CHECK,), **more: Any
    ) -> CheckReport:
        """What a check finds when one step fails."""
        step = ReportStep("token", "Token", StepStatus.FAIL, reason_code, "It did not work.", needed_by=needed_by)
        return CheckReport(**({"steps": (step,)} | more))

    def sweep(self) -> None:
        """What every worker does every two seconds."""
        reaping.reap(self.db)
        reaping.promote_waiting(self.db)


@dataclass
class _Template:
    fleet: Fleet
    address: str


@pytest.fixture(scope="session")
def _templates(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], _Template]]:
    made: dict[str, _Template] = {}

    def template(kind: str) -> _Template:
        if kind not in made:
            if kind == "postgresql":
                server = request.getfixturevalue("postgres_server")
                engine = create_engine(server, isolation_level="AUTOCOMMIT")
                with engine.connect() as connection:
                    connection.execute(text("CREATE DATABASE fleet_template TEMPLATE template0"))
                engine.dispose()
                address = make_url(server).set(database="fleet_template").render_as_string(hide_password=False)
            else:
                address = str(tmp_path_factory.mktemp(kind) / "template.db")
            upgrading.upgrade(address)
            clock = MovableClock()
            db = open_database(address, clock=clock)
            fleet = Fleet(db, clock, address)
            fleet.build()
            db.close()
            made[kind] = _Template(fleet, address)
        return made[kind]

    return template


_copies = itertools.count(1)


class _PostgresCopies:
    """Copies of the template on PostgreSQL, emptied and filled again between tests: making and dropping 700 files each time took most of
    the time of a test. What a test has reshaped is dropped.
    """

    def __init__(self, server: str, template: str) -> None:
        self._engine = create_engine(server, isolation_level="AUTOCOMMIT")
        self._server = server
        self._free: list[tuple[str, str]] = []
        with self._connect(template) as raw, raw.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            self._tables = [name for (name,) in cursor.fetchall()]
            self._rows = {name: rows for name in self._tables if (rows := self._copied(cursor, name))}
            cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'")
            self._sequences = cursor.fetchall()
        with self._engine.connect() as connection:  # a template is copied only when nobody is connected any more
            connection.execute(
                text("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = 'fleet_template'")
            )

    def take(self) -> tuple[str, str]:
        """A database as the template, and what its catalog looks like."""
        if self._free:
            return self._free.pop()
        name = f"fleet_{os.getpid()}_{next(_copies)}"
        with self._engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE fleet_template"))
        with self._connect(name) as raw, raw.cursor() as cursor:
            return name, self._catalog(cursor)

    def give_back(self, name: str, catalog: str) -> None:
        """Makes it as it was, or drops it."""
        try:
            with self._connect(name) as raw, raw.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'; SET session_replication_role = replica")
                if self._catalog(cursor) != catalog:
                    raise psycopg.DatabaseError("reshaped")
                cursor.execute("; ".join(f"DELETE FROM {table}" for table in self._tables))
                for table, rows in self._rows.items():
                    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                        copy.write(rows)
                cursor.execute(
                    "; ".join(
                        f"SELECT setval('{sequence}', {value or 1}, {'true' if value else 'false'})"
                        for sequence, value in self._sequences
                    )
                )
        except psycopg.Error:
            with self._engine.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        else:
            self._free.append((name, catalog))

    def close(self) -> None:
        """Lets go of the server, which is stopped with everything in it."""
        self._engine.dispose()

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        url = make_url(self._server).set(drivername="postgresql", database=name)
        return psycopg.connect(url.render_as_string(hide_password=False))

    @staticmethod
    def _copied(cursor: psycopg.Cursor[Any], table: str) -> bytes:
        cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
        if cursor.fetchone() is None:
            return b""
        with cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
            return b"".join(bytes(part) for part in copy)

    @staticmethod
    def _catalog(cursor: psycopg.Cursor[Any]) -> str:
        cursor.execute(
            "SELECT md5(string_agg(concat_ws(' ', oid, relname, relnatts, relchecks, relhastriggers, relrowsecurity), ',' ORDER BY oid))"
            " || (SELECT md5(string_agg(concat_ws(' ', oid, tgname, tgenabled), ',' ORDER BY oid)) FROM pg_trigger)"
            " || (SELECT md5(string_agg(prosrc, ',' ORDER BY oid)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)"
            " FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
        return str(cursor.fetchone())


@pytest.fixture(scope="session")
def _postgres_copies(_templates: Callable[[str], _Template], postgres_server: str) -> Iterator[_PostgresCopies]:
    _templates("postgresql")
    copies = _PostgresCopies(postgres_server, "fleet_template")
    yield copies
    copies.close()


@pytest.fixture
def copy_fleet(
    _templates: Callable[[str], _Template],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[str], Fleet]]:
    """Makes copies of the fleet in databases of a kind."""
    opened: list[Fleet] = []
    taken: list[tuple[str, str]] = []

    def copy(kind: str) -> Fleet:
        monkeypatch.setenv("ATLAS_SQLITE", "standard" if kind == "sqlite-delete" else "bundled")
        template = _templates(kind)
        if kind == "postgresql":
            taken.append(request.getfixturevalue("_postgres_copies").take())
            server = make_url(request.getfixturevalue("postgres_server"))
            address = server.set(database=taken[-1][0]).render_as_string(hide_password=False)
        else:
            address = str(tmp_path / f"{next(_copies)}.db")
            shutil.copyfile(template.address, address)
            os.chmod(address, 0o600)
        clock = MovableClock()
        clock.time = template.fleet.clock.time
        origin = template.fleet
        fleet = Fleet(
            open_database(address, clock=clock, pool_size=20),  # twenty threads never wait for a connection
            clock,
            address,
            origin.north,
            origin.south,
            dict(origin.people),
            dict(origin.tenant),
            dict(origin.connection),
            origin.app,
            origin.worker_key,
        )
        opened.append(fleet)
        return fleet

    yield copy
    for fleet in opened:
        fleet.db.close()
    for name, catalog in taken:
        request.getfixturevalue("_postgres_copies").give_back(name, catalog)


_JOURNAL_MATTERS: Final = frozenset(
    f"test_{name}" for name in ("database", "feed", "leases", "races", "rollups", "run_protocol", "start_gate")
)
"""Modules about transactions alone."""

_MEETING: Final = frozenset({"threading", "ThreadPoolExecutor", "together", "_together", "_while_locked"})
"""What a test uses whose transactions meet. The rules of the others cannot differ between SQLite's two journals; `make chaos` asks them
too.
"""


def _names(code: CodeType) -> frozenset[str]:
    """What a function and those inside it use of their module."""
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(code.co_names).union(*inner)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves SQLite's DELETE journal to the tests that can notice it, unless ATLAS_TEST_EVERY_JOURNAL is set."""
    if os.environ.get("ATLAS_TEST_EVERY_JOURNAL"):
        return
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        params = getattr(getattr(item, "callspec", None), "params", {})
        if params.get("kind") != "sqlite-delete" or item.path.stem in _JOURNAL_MATTERS:
            kept.append(item)
            continue
        (kept if isinstance(item, pytest.Function) and _MEETING & _names(item.function.__code__) else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kinds of database that behaviour must be the same on."""
    return str(request.param)


@pytest.fixture
def fleet(copy_fleet: Callable[[str], Fleet], kind: str) -> Fleet:
    """The fleet, on each kind of database."""
    return copy_fleet(kind)


@pytest.fixture
def sqlite_fleet(copy_fleet: Callable[[str], Fleet]) -> Fleet:
    """The fleet on SQLite, for what does not depend on the database."""
    return copy_fleet("sqlite-wal")


@pytest.fixture
def postgres_fleet(copy_fleet: Callable[[str], Fleet]) -> Fleet:
    """The fleet on PostgreSQL, for what only it does."""
    return copy_fleet("postgresql")
