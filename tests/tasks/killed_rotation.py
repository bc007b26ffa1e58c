"""A key rotation that is killed (kill -9) at a moment that is chosen: before, inside or after the writing of the nth credential."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tasks import key_rotation


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


class _DeadlyDatabase:
    """A database where whoever writes is killed inside of the transaction, when everything is said."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def write(self, work: Callable[[Any], Any]) -> Any:
        return self._db.write(lambda tx: (work(tx), _die()))


def main(arguments: Sequence[str]) -> None:
    """Rotates the key of a configuration, and dies."""
    config, moment, number = arguments
    replace, left = key_rotation.resealing.replace, int(number)

    def deadly(db: Any, *what: Any) -> bool:
        nonlocal left
        left -= 1
        if left == 0 and moment == "before":
            _die()
        done = replace(_DeadlyDatabase(db) if left == 0 and moment == "inside" else db, *what)
        if left == 0:
            _die()
        return done

    key_rotation.resealing.replace = deadly
    key_rotation.rotate(Path(config))
