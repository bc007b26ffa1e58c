"""Starting the dashboard, and the worker that goes with it; and ending both.

Promise: the environment that Textual reads when it is imported is set before that; the worker never outlives the dashboard; whatever
goes wrong ends in a sentence and an exit code.

Must not know: screens, storage (which is imported after the first paint).
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from atlas_tui.worker_process import WorkerProcess
    from storage.configuration import Settings

ENVIRONMENT: Final = {
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_SMOOTH_SCROLL": "0",
    # How long an Escape waits for the rest of an arrow key: long enough for a slow link.
    "ESCDELAY": "100",
}
"""What Textual and the terminal driver read at import. The person's own values win, but for those in `NEVER_INHERITED`."""

NEVER_OVER_SSH: Final = ("ATLAS_", "PYTHON", "TEXTUAL", "RICH_", "XDG_", "PAGER", "EDITOR", "VISUAL", "BROWSER")
"""Beginnings of names that a forced command forgets: what would change which code, files or programs are used. The interpreter has
looked at PYTHON… by then, which is why it is started with `-I`."""

NEVER_INHERITED: Final = (
    "TEXTUAL_PRESS",
    "TEXTUAL_LOG",
    "TEXTUAL_DEBUG",
    "TEXTUAL",
    "TEXTUAL_DRIVER",
    "TEXTUAL_SCREENSHOT",
)
"""Variables that would press keys, write logs or load code."""


def prepare_environment() -> None:
    """Set what Textual reads at import. Call before anything of Textual is imported."""
    for name in NEVER_INHERITED:
        os.environ.pop(name, None)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def confine() -> None:
    """Make this process safe for somebody who came in through a forced command. Call before anything else of ours is imported.

    Without job control and quit, no key ends or stops the process beside its own; without core files, no crash leaves its memory.
    """
    for name in [name for name in os.environ if name.startswith(NEVER_OVER_SSH)]:
        del os.environ[name]
    os.umask(0o077)
    for number in (signal.SIGTSTP, signal.SIGQUIT, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_dashboard(
    settings: Settings,
    *,
    config_path: Path | None = None,
    with_worker: bool = True,
    theme: str | None = None,
    workspace: str | None = None,
) -> int:
    """Show the dashboard until it is quit.

    Args:
        settings: The configuration.
        config_path: Its file, for the worker; the worker's own default when None.
        with_worker: Whether to start a worker with the dashboard and stop it again.
        theme: A theme's name; the configuration's, else what fits the terminal, when None.
        workspace: Slug of the workspace to open first.

    Returns:
        The exit code: 0 after quitting, 1 after a fault of the program.

    Raises:
        InvalidInput: A theme or a key of the configuration cannot be used.
    """
    gc.disable()  # until everything is imported: a sixth of the time to the first rows, and there is nothing to find
    prepare_environment()
    # Now, not at the top: Textual reads the environment while it is imported.
    from atlas_tui import crash, staying
    from atlas_tui.app import AtlasApp
    from atlas_tui.session import open_session
    from atlas_tui.theme import THEMES
    from atlas_tui.worker_process import WorkerProcess, worker_command
    from storage.errors import InvalidInput

    chosen = theme or settings.theme or None
    if chosen is not None and chosen not in (known := [known.name for known in THEMES]):
        raise InvalidInput("theme", "is not known", f"Use one of: {', '.join(known)}.")
    state = Path(settings.state_directory)
    crash.log_to(state)
    crash.watch_threads()
    worker = WorkerProcess(worker_command(config_path), state) if with_worker else None
    app = AtlasApp(
        lambda: open_session(settings, workspace),
        keys=settings.keys,
        worker=worker,
        theme_name=chosen,
        environ=os.environ,
    )
    code = 1
    try:
        app.run(mouse="SSH_CONNECTION" not in os.environ)
        code = app.return_code or 0
    except Exception as error:
        print(crash.message_for(error), file=sys.stderr)
    finally:
        staying.finish(app)
        if worker is not None:
            stop_worker(worker)
    return code


def stop_worker(worker: WorkerProcess) -> None:
    """Stop the worker of this dashboard and say so, on the ordinary terminal."""
    if worker.exit_code() is not None or not worker.was_started:
        worker.stop()
        return
    print("stopping worker... (schedules end with it)", file=sys.stderr, flush=True)
    if not worker.stop():
        print(
            "the worker did not stop in time and was ended; what it held is taken up by the next one", file=sys.stderr
        )
