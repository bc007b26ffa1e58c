"""The demo: a local Microsoft, a fleet, a worker and the dashboard, all of one's own and all gone at the end.

Promise: everything lives in one private directory; starting again resumes the same fleet; nothing is left running, even when this process
is killed, because simulator and worker end when their standard input does. The only difference to a real installation is the cloud's
host names and the certificate authority.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import platformdirs

from atlas_tui.headless.output import write_line
from atlas_tui.headless.processes import ask, make_key, python
from storage import access, configuration, seeding
from storage.configuration import APP, CloudHosts, Settings, WorkerSettings
from storage.database import open_database
from storage.errors import AtlasError, InvalidInput
from storage.sqlite_file import make_private_directory
from storage.upgrading import upgrade

_MARK: Final = ".atlas-demo"
_READY_WITHIN: Final = 60.0
_STOP_WITHIN: Final = 10.0


class SimulatorFailed(AtlasError):
    """The simulator did not start."""


def directory_of(options: argparse.Namespace) -> Path:
    """Returns the demo's directory."""
    if options.directory is not None:
        return Path(options.directory).absolute()
    return Path(platformdirs.user_state_dir(APP)) / "demo"


def reset(options: argparse.Namespace) -> int:
    """`atlas-tui demo --reset`: forgets the demo's fleet.

    Raises:
        InvalidInput: the directory was not made by the demo.
    """
    directory = directory_of(options)
    if not directory.exists():
        write_line("There is no demo to forget.")
        return 0
    if not (directory / _MARK).exists():
        raise InvalidInput("--directory", f"{directory} was not made by the demo", "Remove it yourself if you mean it.")
    shutil.rmtree(directory)
    write_line("The demo is forgotten.")
    return 0


def demo(options: argparse.Namespace) -> int:
    """`atlas-tui demo`: starts everything, shows the dashboard, stops everything."""
    if options.reset:
        return reset(options)
    if not options.prepare_only and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidInput("demo", "needs a terminal", "Run it in one, or see the headless commands: atlas-tui --help")
    directory = directory_of(options)
    make_private_directory(directory)
    (directory / _MARK).touch(mode=0o600)
    _say("preparing the demo's fleet …")
    fleet = _fleet_file(directory, options.size)
    with _simulator(directory, fleet) as endpoints:
        settings = _prepare(directory, fleet, endpoints)
        if options.prepare_only:
            write_line(str(directory / configuration.FILE_NAME))
            return 0
        from atlas_tui.launch import run_dashboard

        return run_dashboard(
            settings,
            config_path=directory / configuration.FILE_NAME,
            with_worker=True,
            theme=options.theme,
            workspace=options.workspace,
        )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _fleet_file(directory: Path, size: int) -> Path:
    path = directory / "fleet.json"
    if not path.exists():
        document = ask("simulator", "fleet", "demo", "--size", str(size))
        part = directory / "fleet.json.part"
        part.touch(mode=0o600)
        part.write_bytes(msgspec.json.encode(document))
        part.rename(path)
    return path


@contextmanager
def _simulator(directory: Path, fleet: Path) -> Iterator[dict[str, Any]]:
    home = directory / "simulator"
    make_private_directory(home)
    log_path = directory / "simulator.log"
    log_path.touch(mode=0o600)
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            python("simulator", "serve", "--directory", str(home), "--fleet", str(fleet), "--exit-with-stdin"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield _endpoints(process, log_path)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _endpoints(process: subprocess.Popen[bytes], log_path: Path) -> dict[str, Any]:
    answer: list[bytes] = []
    assert process.stdout is not None
    stdout = process.stdout
    reader = threading.Thread(target=lambda: answer.append(stdout.readline()), daemon=True)
    reader.start()
    reader.join(_READY_WITHIN)
    if not answer or not answer[0].strip():
        raise SimulatorFailed("The simulator did not start.", f"See {log_path}.")
    return msgspec.json.decode(answer[0], type=dict[str, Any])


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
            name: CloudHosts(login=hosts["login"], graph=hosts["graph"]) for name, hosts in endpoints["clouds"].items()
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
