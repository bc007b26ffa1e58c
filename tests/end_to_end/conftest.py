"""What end-to-end tests may ask for: the simulator, databases with a fleet in it, workers and commands, each a process of its own."""

from __future__ import annotations

import base64
import importlib.util
import json
import ssl
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from storage import access, configuration, sealing, seeding, upgrading
from storage.configuration import CloudHosts, Settings, WorkerSettings
from storage.database import open_database
from tasks import key_files
from tasks.keyring import public_bytes

ROOT = Path(__file__).parents[2]
LONG = "Ten Kilobytes " + "x" * 10_240
SEEN_AS = {
    "[red]Bracket[/red] & Sons": "[red]Bracket[/red] & Sons",
    "Esc\x1b[2J\x1b]0;owned\x07ape": "Esc [2J ]0;owned ape",
    "株式会社コントソ": "株式会社コントソ",
    LONG: LONG[:200],
}
"""Tenants with hostile names: what Microsoft calls them, and what they are called here."""


def _load(name: str, place: Path) -> Any:
    """Test folders are no packages, so what is shared is loaded by its path."""
    specification = importlib.util.spec_from_file_location(name, place)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


_estates = _load("end_to_end_estates", Path(__file__).with_name("estates.py"))
CLI, ENVIRONMENT, wait_until = _estates.CLI, _estates.ENVIRONMENT, _estates.wait_until
Microsoft, Estate = _estates.Microsoft, _estates.Estate


@pytest.fixture(scope="session")
def commands() -> Iterator[Callable[..., subprocess.CompletedProcess[bytes]]]:
    """Runs `atlas-tui` with some arguments, as a process of its own that need not import the program first."""
    warm = _load("warm_commands", ROOT / "tests" / "warm_commands.py")
    nursery = _load("end_to_end_nursery", ROOT / "tests" / "nursery.py").Nursery(
        *warm.modules(), "warm_commands", path=(ROOT / "tests",)
    )
    yield warm.Commands(nursery)
    nursery.close()


class _ColdCommands:
    worker = (*CLI, "worker")

    def __call__(self, line: list[str], *, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*CLI, *line], cwd=ROOT, env=ENVIRONMENT, input=stdin, capture_output=True, timeout=110)


@pytest.fixture(scope="session")
def cold_commands() -> _ColdCommands:
    """The same, each command (and `worker`) in an interpreter of its own: what a person starts."""
    return _ColdCommands()


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """See `wait_until`."""
    return wait_until


def _hostile(model: dict[str, Any], name: str, number: int) -> dict[str, Any]:
    return {
        **model,
        "id": str(uuid.uuid4()),
        "name": name,
        "domains": [f"hostile{number}.example"],
        "demo": {**model["demo"], "verification_status": "unknown"},
    }


@pytest.fixture(scope="session")
def microsoft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The demo's fleet, and tenants with hostile names, served over HTTPS."""
    home = tmp_path_factory.mktemp("microsoft")
    made = subprocess.run(
        [sys.executable, "-m", "simulator", "fleet", "demo", "--size", "100"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    tenants = json.loads(made.stdout)["tenants"]
    model = next(tenant for tenant in tenants if tenant["name"] == "Contoso Ltd")
    tenants += [_hostile(model, name, number) for number, name in enumerate(SEEN_AS)]
    fleet = home / "fleet.json"
    fleet.write_text(json.dumps({"tenants": tenants}))
    with (home / "simulator.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "serve", "--directory", home, "--fleet", fleet, "--exit-with-stdin"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    assert process.stdin is not None
    endpoints = json.loads(process.stdout.readline())
    client = httpx.Client(
        base_url=endpoints["control"],
        verify=ssl.create_default_context(cafile=endpoints["ca"]),
        headers={"Authorization": f"Bearer {endpoints['control_key']}"},
        trust_env=False,
        timeout=60,
    )
    try:
        yield Microsoft(process, endpoints, {tenant["name"]: tenant for tenant in tenants}, client)
    finally:
        client.close()
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def _settings(microsoft: Any, home: Path, url: str, public_key: bytes) -> Settings:
    return Settings(
        database=url,
        state_directory=str(home / "state"),
        key_file=str(home / "worker.key"),
        public_key=base64.b64encode(public_key).decode(),
        key_fingerprint=sealing.fingerprint(public_key),
        ca_bundle=microsoft.endpoints["ca"],
        clouds={
            name: CloudHosts(login=hosts["login"], graph=hosts["graph"])
            for name, hosts in microsoft.endpoints["clouds"].items()
        },
        workspace="north-msp",
        worker=WorkerSettings(slots=8, grace_seconds=1.0),
    )


def _make(microsoft: Any, commands: Any, home: Path, url: str, names: tuple[str, ...]) -> Any:
    home.mkdir(mode=0o700)
    key = public_bytes(key_files.create(home / "worker.key"))
    settings = _settings(microsoft, home, url, key)
    config = home / "config.toml"
    configuration.save(config, settings)
    upgrading.upgrade(url)
    login, _ = access.os_login()
    wanted = [
        tenant
        for tenant in microsoft.tenants.values()
        if tenant.get("workspace") == "north-msp" and (tenant["name"] in names or tenant["demo"].get("platform_home"))
    ]
    fleet = msgspec.convert({"tenants": wanted}, seeding.Fleet)
    db = open_database(url)
    seeding.seed_fleet(db, fleet, login=login, public_key=settings.public_key_bytes())
    return Estate(microsoft, home, config, url, login, commands, _db=db)


@pytest.fixture
def make_estate(microsoft: Any, commands: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes a database with connections to some of the fleet's tenants; the tenants are as the fleet file says."""
    made: list[Any] = []

    def make(*names: str, url: str | None = None) -> Any:
        home = tmp_path / f"estate-{len(made)}"
        made.append(_make(microsoft, commands, home, url or str(home / "atlas.db"), names))
        return made[-1]

    yield make
    for estate in made:
        estate.close()


@pytest.fixture(scope="session")
def new_estate(microsoft: Any, commands: Any) -> Callable[[Path], Any]:
    """Makes a machine on which nothing was set up yet; whoever asks closes it."""

    def make(home: Path) -> Any:
        home.mkdir(mode=0o700)
        login, _ = access.os_login()
        return Estate(microsoft, home, home / "etc" / "config.toml", str(home / "data" / "atlas.db"), login, commands)

    return make


@pytest.fixture
def bare_estate(new_estate: Callable[[Path], Any], tmp_path: Path) -> Iterator[Any]:
    """A machine on which nothing was set up yet."""
    made = new_estate(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture(scope="session")
def estate(microsoft: Any, commands: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One workspace of the demo's fleet with a worker at work, shared by the tests that only look at a tenant of their own."""
    home = tmp_path_factory.mktemp("estate") / "home"
    names = tuple(name for name, tenant in microsoft.tenants.items() if tenant.get("workspace") == "north-msp")
    made = _make(microsoft, commands, home, str(home / "atlas.db"), names)
    made.start_worker()
    yield made
    made.close()


@pytest.fixture(scope="session")
def hostile_names() -> dict[str, str]:
    """See `SEEN_AS`."""
    return SEEN_AS
