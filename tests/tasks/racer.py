"""One of several processes that start checks on the same connections at the same moment; says what it was answered, as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from storage import starting
from storage.access import Principal
from storage.database import open_database
from storage.operations import CONNECTION_CHECK


def main(arguments: Sequence[str]) -> None:
    """Waits for the signal file, then starts a check on each connection."""
    url, user_id, signal_file, *connections = arguments
    db = open_database(url)
    who = Principal(int(user_id), "dana")
    print("ready", flush=True)
    while not Path(signal_file).exists():
        time.sleep(0.0005)
    answers = []
    for connection in connections:
        answer = starting.start(db, who, int(connection), CONNECTION_CHECK)
        assert isinstance(answer, starting.Started | starting.AlreadyRunning), answer
        answers.append([int(connection), type(answer).__name__, answer.run.id])
    print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
