"""The demo: a local Microsoft, a fleet, a page for consent answers, a worker and the dashboard, all of one's own and all gone at the end.

Promise: everything lives in one private directory; starting again resumes the same fleet, at Microsoft and here; nothing is left running,
even when this process is killed, because the others end when their standard input does. The only difference to a real installation is the
cloud's host names and the certificate authority.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from atlas_tui.headless import demo_addresses, demo_lock, demo_processes
from atlas_tui.headless.demo_addresses import CUSTOMERS, addresses_of, announced
from atlas_tui.headless.output import write_line
from atlas_tui.headless.processes import ask, make_key
from storage import access, configuration, demo_redirects, seeding
from storage.configuration import APP, CloudHosts, Settings, WorkerSettings
from storage.database import open_database
from storage.errors import InvalidInput
from storage.sqlite_file import make_private_directory
from storage.upgrading import upgrade


def directory_of(options: argparse.Namespace) -> Path:
    """Returns the demo's directory."""
    if options.directory is not None:
        return Path(options.directory).absolute()
    return Path(platformdirs.user_state_dir(APP)) / "demo"


def reset(options: argparse.Namespace) -> int:
    """`atlas-tui demo --reset`: forgets the demo's fleet.

    Raises:
        InvalidInput: the directory was not made by the demo.
        Conflict: the demo is running.
    """
    directory = directory_of(options)
    if not directory.exists():
        write_line("There is no demo to forget.")
        return 0
    if not (directory / demo_lock.MARK).exists():
        raise InvalidInput("--directory", f"{directory} was not made by the demo", "Remove it yourself if you mean it.")
    with demo_lock.held(directory):
        shutil.rmtree(directory)
    write_line("The demo is forgotten.")
    return 0


def demo(options: argparse.Namespace) -> int:
    """`atlas-tui demo`: starts everything, shows the dashboard, stops everything."""
    if options.reset:
        return reset(options)
    if options.addresses:
        return demo_addresses.show(options, directory_of(options))
    if options.json:
        raise InvalidInput("--json", "goes with --addresses only")
    if not options.prepare_only and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidInput("demo", "needs a terminal", "Run it in one, or see the headless commands: atlas-tui --help")
    directory = directory_of(options)
    make_private_directory(directory)
    with ExitStack() as running:
        running.enter_context(demo_lock.held(directory))
        _say("preparing the demo's fleet …")
        fleet = _fleet_file(directory, options.size)
        config = directory / configuration.FILE_NAME
        endpoints = running.enter_context(demo_processes.simulator(directory, fleet))
        settings = _prepare(directory, fleet, endpoints)
        if options.prepare_only:
            write_line(str(config))
            return 0
        page = _consent_page(running, directory, settings)
        running.enter_context(announced(directory, addresses_of(directory, config, endpoints, page)))
        from atlas_tui.launch import run_dashboard

        return run_dashboard(
            settings, config_path=config, with_worker=True, theme=options.theme, workspace=options.workspace
        )


def _consent_page(running: ExitStack, directory: Path, settings: Settings) -> str | None:
    """Starts the page that takes consent answers and has the demo's apps send them there; without it, answers are pasted back."""
    db = open_database(settings.database)
    try:
        port = demo_redirects.last_port(db)
        try:
            page = demo_processes.consent_page(directory, directory / configuration.FILE_NAME, port)
            address: str | None = running.enter_context(page)
        except (demo_processes.DidNotStart, OSError) as error:
            address = None
            why = (
                error
                if isinstance(error, demo_processes.DidNotStart)
                else f"The consent page did not start ({error.strerror})."
            )
            _say(f"{why} Consent answers can be pasted back instead.")
        demo_redirects.lead_answers_to(db, address)
        return address
    finally:
        db.close()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _fleet_file(directory: Path, size: int) -> Path:
    path = directory / "fleet.json"
    if not path.exists():
        customers = str(directory / CUSTOMERS)
        document = ask("simulator", "fleet", "demo", "--size", str(size), "--customers", customers)
        part = directory / "fleet.json.part"
        part.touch(mode=0o600)
        part.write_bytes(msgspec.json.encode(document))
        part.rename(path)
    return path


def _prepare(directory: Path, fleet: Path, endpoints: dict[str, Any]) -> Settings:
    """Makes key and database at the first start; writes the configuration at every start, since ports change."""
    database, key_file = directory / "atlas.db", directory / "worker.key"
    public_key, fingerprint = make_key(key_file)
    settings = Settings(
        database=str(database),
        state_directory=str(directory / "state"),
        key_file=str(key_file),
        public_key=public_key,
        key_fingerprint=fingerprint,
        ca_bundle=endpoints["ca"],
        clouds={
            name: CloudHosts(login=hosts["login"], graph=hosts["graph"], portal=endpoints["control"])
            for name, hosts in endpoints["clouds"].items()
        },
        workspace="north-msp",
        worker=WorkerSettings(slots=8, grace_seconds=3.0),
    )
    configuration.save(directory / configuration.FILE_NAME, settings)
    loaded = configuration.load(directory / configuration.FILE_NAME)
    if database.exists() and not _is_seeded(database):
        database.unlink()  # an earlier start was killed in the middle of seeding
    if not database.exists():
        upgrade(str(database))
        db = open_database(str(database))
        try:
            login, _ = access.os_login()
            seeding.seed_fleet(
                db, seeding.read_fleet(fleet.read_bytes()), login=login, public_key=loaded.public_key_bytes()
            )
        finally:
            db.close()
    return loaded


def _is_seeded(database: Path) -> bool:
    upgrade(str(database))
    db = open_database(str(database))
    try:
        return seeding.is_demo(db)
    finally:
        db.close()
