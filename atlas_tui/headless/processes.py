"""The other rooms, as processes of their own: worker, simulator, keys.

Promise: the dashboard's program never imports them; it runs `python -m tasks` or `python -m simulator` with this interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from storage.errors import AtlasError

_ISOLATED = ("-P",)
"""Leave the current directory out of the module search path: a folder named `tasks` there must not be what runs."""


class ProcessFailed(AtlasError):
    """A process of ours ended with an error; its own sentence was shown."""


def python(room: str, *arguments: str) -> list[str]:
    """Returns the command line that runs a room of this project."""
    return [sys.executable, *_ISOLATED, "-m", room, *arguments]


def become(room: str, arguments: list[str]) -> NoReturn:
    """Replaces this process by a room's."""
    sys.stdout.flush()
    os.execv(sys.executable, python(room, *arguments))  # noqa: S606 - our own interpreter, no shell


def ask(room: str, *arguments: str) -> Any:
    """Runs a room's command that prints JSON, and returns it.

    Raises:
        ProcessFailed: it ended with an error; the message is what it said.
    """
    done = subprocess.run(
        python(room, *arguments), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise ProcessFailed(said[-1] if said else f"`{room} {' '.join(arguments[:2])}` failed.")
    return msgspec.json.decode(done.stdout)


def make_key(key_file: Path) -> tuple[str, str]:
    """Makes the worker's key, or reads the public half of the one that is there. Returns public key (base64) and fingerprint."""
    verb = "public" if key_file.exists() else "create"
    answer = ask("tasks", "keys", verb, "--key-file", str(key_file))
    return answer["public_key"], answer["fingerprint"]
