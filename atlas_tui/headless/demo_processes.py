"""The processes that a demo runs beside the dashboard: the local Microsoft and the consent page.

Promise: each tells where it answers in one line before anybody relies on it, and is gone when its block ends or this process does (their
standard input ends then). What they print goes to logs (0600) in the demo's directory.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from atlas_tui.headless.processes import python
from storage.errors import AtlasError
from storage.sqlite_file import make_private_directory

CONSENT_PATH: Final = "/atlas-consent"
_READY_WITHIN: Final = 60.0
_STOP_WITHIN: Final = 10.0


class DidNotStart(AtlasError):
    """A process of the demo did not say where it answers."""


@contextmanager
def simulator(directory: Path, fleet: Path) -> Iterator[dict[str, Any]]:
    """Runs the local Microsoft; gives what it says about itself.

    Args:
        directory: the demo's.
        fleet: the fleet's file. What was changed at this Microsoft since is in a file of its own.

    Raises:
        DidNotStart: it did not say where it answers.
    """
    home = directory / "simulator"
    make_private_directory(home)
    arguments = ["serve", "--directory", str(home), "--fleet", str(fleet), "--exit-with-stdin"]
    arguments += ["--remember", str(directory / "changed-at-microsoft.json")]
    with _running("The simulator", python("simulator", *arguments), directory / "simulator.log") as endpoints:
        yield endpoints


@contextmanager
def consent_page(directory: Path, config: Path, port: int | None) -> Iterator[str]:
    """Runs the page that takes consent answers; gives its address, `http://localhost:PORT/atlas-consent`.

    Args:
        directory: the demo's.
        config: its configuration.
        port: the port to have if it is free; any other one otherwise.

    Raises:
        DidNotStart: it did not say where it answers.
    """
    # `--behind-proxy` is how it speaks plain HTTP, which Entra allows for localhost alone; there is no proxy, and none but this machine.
    arguments = [
        "consent-page",
        "--config",
        str(config),
        "--behind-proxy",
        "--exit-with-parent",
        "--path",
        CONSENT_PATH,
    ]
    arguments += ["--port", str(port if port is not None and _is_free(port) else 0)]
    with _running("The consent page", python("tasks", *arguments), directory / "consent-page.log") as said:
        number = str(said["listening"]).removesuffix(CONSENT_PATH).rpartition(":")[2]
        yield f"http://localhost:{number}{CONSENT_PATH}"


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@contextmanager
def _running(name: str, command: list[str], log_path: Path) -> Iterator[dict[str, Any]]:
    log_path.touch(mode=0o600)
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    try:
        yield _first_line(name, process, log_path)
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


def _first_line(name: str, process: subprocess.Popen[bytes], log_path: Path) -> dict[str, Any]:
    answer: list[bytes] = []
    assert process.stdout is not None
    stdout = process.stdout
    reader = threading.Thread(target=lambda: answer.append(stdout.readline()), daemon=True)
    reader.start()
    reader.join(_READY_WITHIN)
    try:
        return msgspec.json.decode(answer[0] if answer else b"", type=dict[str, Any])
    except msgspec.DecodeError:
        raise DidNotStart(f"{name} did not start.", f"See {log_path}.") from None
