"""What tests of the dashboard may ask for: a small fleet in a real database, a clock that stands still, a terminal to look at.

The fleet is made through storage's own functions. Terminals count what they are sent; the widget tests have a smaller one of their own.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import insert, select, update

import atlas_tui.app
from atlas_tui.app import AtlasApp
from atlas_tui.links import View
from atlas_tui.screens import navigation
from atlas_tui.session import Session, session_of
from storage import (
    connection_changes,
    credentials,
    finishing,
    leases,
    member_changes,
    starting,
    tenants,
    upgrading,
    workers,
    workspaces,
)
from storage.access import Principal
from storage.capabilities import Role
from storage.credential_material import from_secret
from storage.database import Database, open_database
from storage.operations import CATALOG, CONNECTION_CHECK
from storage.schema import provider_connections, users
from storage.states import CredentialOwner, StepStatus
from storage.verification import CheckReport, ConsentFact, OrganizationFacts, ReportStep


def _load(name: str) -> ModuleType:
    """Imports a module that is beside this file; test folders are no packages."""
    specification = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert specification is not None
    assert specification.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


quiet, terminals = _load("quiet"), _load("terminals")
quiet.install()

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET_VALUE = "Xy8~canary-secret-value-0123456789"
PERMISSIONS = frozenset(name for operation in CATALOG.values() for name in operation.required_permissions)


@dataclass
class Clock:
    """The clock of the database and of the dashboard. It stands still until it is moved."""

    time: datetime = NOON

    def __call__(self, _connection: Any = None) -> datetime:
        return self.time

    def advance(self, **span: float) -> None:
        self.time += timedelta(**span)


@dataclass
class Fleet:
    """A fleet with verbs to use it. `dana` is the Owner of `north`; `omar` an Operator, `rita` may only read."""

    db: Database
    clock: Clock
    address: str
    key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    people: dict[str, Principal] = field(default_factory=dict)
    workspace: int = 0
    connection: dict[str, int] = field(default_factory=dict)
    tenant: dict[str, int] = field(default_factory=dict)
    numbers: int = 0

    def found(self) -> None:
        """The workspace and its people."""
        dana = workspaces.initialize(self.db, login="dana", display_name="Dana", slug="north-msp", name="North MSP")
        self.people["dana"] = dana
        self.workspace = workspaces.find_workspace(self.db, dana, "north-msp")
        for login, role in (("mona", Role.MANAGER), ("omar", Role.OPERATOR), ("rita", Role.READONLY)):
            self.add_member(login, role)

    def add_member(self, login: str, role: Role, **scope: Any) -> Principal:
        member_changes.add(
            self.db, self.people["dana"], self.workspace, login=login, display_name=login, role=role, **scope
        )
        with self.db.read() as tx:
            user_id = tx.run(select(users.c.id).where(users.c.login == login)).scalar_one()
        self.people[login] = Principal(user_id, login)
        return self.people[login]

    def guid(self) -> str:
        self.numbers += 1
        return str(uuid.UUID(int=0x8A3C1F0E_0000_4000_8000_000000000000 + self.numbers))

    def add_tenant(self, name: str, **fields: Any) -> int:
        values = {"entra_tenant_id": self.guid(), "name": name, "primary_domain": f"{name.split()[0].lower()}.example"}
        self.tenant[name] = tenants.create(self.db, self.people["dana"], self.workspace, **(values | fields)).id
        return self.tenant[name]

    def add(self, name: str, *, display_name: str = "Microsoft", secret: bool = True, **columns: Any) -> int:
        """A tenant (unless it is there) with a connection: granted and healthy, checked 3 minutes ago, unless told otherwise."""
        tenant_id = self.tenant.get(name) or self.add_tenant(name)
        row = connection_changes.create(
            self.db, self.people["dana"], tenant_id, display_name=display_name, client_id=self.guid()
        )
        self.connection.setdefault(name, row.id)
        if secret:
            credentials.store(
                self.db,
                self.people["dana"],
                CredentialOwner.CONNECTION,
                row.id,
                from_secret(SECRET_VALUE),
                self.key.public_key().public_bytes_raw(),
                expires_at=self.clock.time + timedelta(days=20),
                client_key_id="key-7",
            )
        checked = self.clock.time - timedelta(minutes=3)
        usual: dict[str, Any] = {
            "consent_status": "granted",
            "verification_status": "healthy",
            "last_checked_at": checked,
            "last_good_at": checked,
            "consent_checked_at": checked,
            "consent_changed_at": checked - timedelta(days=2),
            "verification_changed_at": checked - timedelta(hours=2),
            "reason_since": checked - timedelta(hours=2) if columns.get("last_reason_code") else None,
        }
        self.set(row.id, **(usual | columns))
        return row.id

    def set(self, connection_id: int, **columns: Any) -> None:
        """Columns of a connection, past the rules; the feed hears of it."""
        from storage.states import Topic

        def work(tx: Any) -> None:
            tx.run(update(provider_connections).where(provider_connections.c.id == connection_id).values(**columns))
            tx.touch(Topic.CONNECTIONS)

        self.db.write(work)

    def add_usual(self) -> None:
        """The four rows of the design's sketch."""
        self.add("Contoso Ltd")
        self.add(
            "Fabrikam GmbH",
            consent_status="revoked",
            verification_status="blocked",
            last_reason_code="provider_consent_revoked",
            last_reason_sentence="The customer's consent was revoked.",
            last_checked_at=self.clock.time - timedelta(hours=2),
        )
        northwind = self.add("Northwind")
        self.add("Northwind", display_name="Intune")
        connection_changes.set_enabled(self.db, self.people["dana"], northwind, False)
        self.add(
            "Tailspin Toys",
            consent_status="required",
            verification_status="unknown",
            last_checked_at=None,
            last_good_at=None,
            verification_changed_at=None,
        )

    # Working by hand

    def worker(self, name: str = "w1") -> None:
        """A worker that is alive."""
        workers.register(self.db, name, host="host-a", pid=4711, version="0", slots=8, seal_key_id=None, is_local=True)

    def start(self, connection_id: int, operation: str = CONNECTION_CHECK, *, by: str = "dana") -> Any:
        return starting.start(self.db, self.people[by], connection_id, operation)

    def begin(self, connection_id: int, operation: str = CONNECTION_CHECK, *, by: str = "dana") -> leases.Claim:
        """Starts an operation and claims it."""
        result = self.start(connection_id, operation, by=by)
        claim = leases.claim(self.db, "w1", result.run.id)
        assert claim is not None
        return claim

    def report(self, claim: leases.Claim, *failing: tuple[str, str]) -> CheckReport:
        """What a check found; the failing steps as (label, reason code)."""
        steps = [
            ReportStep("preflight", "Preflight", StepStatus.PASS, started_at=self.clock.time, seconds=0.1),
            ReportStep("token", "Fresh token", StepStatus.PASS, started_at=self.clock.time, seconds=0.4),
        ]
        steps += [
            ReportStep(
                label.lower(),
                label,
                StepStatus.FAIL,
                code,
                f"{label} did not work.",
                needed_by=(CONNECTION_CHECK,),
                request_id="5b7f3e7c-0000-4000-8000-00000000beef",
                started_at=self.clock.time,
                seconds=1.2,
            )
            for label, code in failing
        ]
        return CheckReport(
            steps=tuple(steps),
            consent_fact=ConsentFact.ROLES_PRESENT,
            granted_permissions=PERMISSIONS,
            organization=OrganizationFacts(claim.entra_tenant_id, f"{claim.tenant_name} Inc.", ("contoso.example",)),
            credential_slot="active",
            token_passed=True,
        )

    def finish(self, claim: leases.Claim, *failing: tuple[str, str]) -> int:
        """Ends a claimed check."""
        finishing.finish(self.db, claim.held, finishing.RunResult(check=self.report(claim, *failing)))
        return claim.held.run_id

    def session(self, login: str = "dana") -> Session:
        """A session as somebody."""
        return session_of(self.db, self.people[login])

    def insert(self, table: Any, **values: Any) -> None:
        self.db.write(lambda tx: tx.run(insert(table).values(**values)) and None)


Dashboard = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Fleet]:
    """Fleets to copy, made when they are first asked for: `north` has people, `small` the four tenants of the sketch too."""
    made: dict[str, Fleet] = {}

    def template(name: str) -> Fleet:
        if name not in made:
            path = tmp_path_factory.mktemp("template") / "atlas.db"
            upgrading.upgrade(str(path))
            clock = Clock()
            fleet = made[name] = Fleet(open_database(str(path), clock=clock), clock, str(path))
            fleet.found()
            if name == "small":
                fleet.add_usual()
                fleet.worker()
            fleet.db.close()
        return made[name]

    return template


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def copy_of(templates: Callable[[str], Fleet], tmp_path: Path, clock: Clock) -> Iterator[Callable[[str], Fleet]]:
    """Makes a fleet of one's own."""
    opened: list[Fleet] = []

    def copy(name: str) -> Fleet:
        origin, path = templates(name), tmp_path / "data" / "atlas.db"
        path.parent.mkdir(mode=0o700)
        path.write_bytes(Path(origin.address).read_bytes())
        path.chmod(0o600)
        own = {name: dict(getattr(origin, name)) for name in ("people", "connection", "tenant")}
        opened.append(replace(origin, db=open_database(str(path), clock=clock), clock=clock, address=str(path), **own))
        return opened[-1]

    yield copy
    for fleet in opened:
        fleet.db.close()


@pytest.fixture
def north(copy_of: Callable[[str], Fleet]) -> Fleet:
    """A workspace with its people and no tenant yet."""
    return copy_of("north")


@pytest.fixture
def small_fleet(copy_of: Callable[[str], Fleet]) -> Fleet:
    """The four tenants of the design's sketch, and a worker."""
    return copy_of("small")


@pytest.fixture
def watched() -> Callable[[AtlasApp], Callable[..., Any]]:
    """Has the change feed of an app that is not running yet watched; the answer makes its terminal, of a pilot and a size."""

    def watch(app: AtlasApp) -> Callable[..., Any]:
        make_feed = app._make_feed
        app._make_feed = lambda session: quiet.WatchedFeed(make_feed(session))
        return lambda pilot, size: terminals.Terminal(app, pilot, size)

    return watch


@pytest.fixture
def dashboard(watched: Any, monkeypatch: pytest.MonkeyPatch) -> Dashboard:
    """`async with dashboard(fleet, login="dana", size=(80, 24)) as terminal`. It begins at the connections, or `at` another tab."""
    monkeypatch.setattr(gc, "freeze", lambda: None)  # what a process with one dashboard keeps, one with hundreds leaks
    monkeypatch.setattr(atlas_tui.app, "DRAFT_SECONDS", 60)

    @asynccontextmanager
    async def running(
        fleet: Fleet,
        *,
        login: str = "dana",
        size: tuple[int, int] = (80, 24),
        app: AtlasApp | None = None,
        at: View | None = View.CONNECTIONS,
        **named: Any,
    ) -> Any:
        named.setdefault("theme_name", "atlas-dark")
        has_own_feed = "make_feed" in named
        app = app or AtlasApp(lambda: fleet.session(login), clock=fleet.clock, **named)
        app.driver_class = terminals.CountingDriver
        terminal_of = partial(terminals.Terminal, app) if has_own_feed else watched(app)
        with pytest.MonkeyPatch.context() as patch:
            # A first screen that is made only to be left again would cost every test a part of its time.
            patch.setattr(navigation, "FIRST", at or navigation.FIRST)
            # What comes every five seconds comes when a test says so: `terminal.app.tick()`.
            patch.setattr(atlas_tui.app, "TICK_SECONDS", 3600)
            async with app.run_test(headless=False, size=size) as pilot:
                terminal = terminal_of(pilot, size)
                await terminal.wait_for(lambda: app.is_open and app.seen is not None)
                patch.undo()
                await terminal.settle()
                yield terminal

    return running
