"""Role table: starting, watching and cancelling runs; the newest report of a check."""

from __future__ import annotations

from typing import Any

from storage import cancelling, reports, rollups, runs, starting
from storage.operations import CONNECTION_CHECK
from storage.pages import Place


def _contoso(fleet: Any) -> int:
    return int(fleet.connection["contoso"])


def _completed_run(fleet: Any) -> int:
    return int(fleet.check(_contoso(fleet)).id)


def _queued_run(fleet: Any) -> int:
    return int(fleet.start(_contoso(fleet)).run.id)


CASES = {
    "cancelling.cancel": (
        "provider.run",
        "contoso",
        lambda f, who, run: cancelling.cancel(f.db, who, run),
        _queued_run,
    ),
    "reports.latest": (
        "provider.view",
        "contoso",
        lambda f, who, _: reports.latest(f.db, who, _contoso(f)),
        _completed_run,
    ),
    "reports.of_run": ("run.view", "contoso", lambda f, who, run: reports.of_run(f.db, who, run), _completed_run),
    "rollups.counts": ("provider.view", "entrance", lambda f, who, _: rollups.counts(f.db, who, f.north)),
    "runs.get": ("run.view", "contoso", lambda f, who, run: runs.get(f.db, who, run), _completed_run),
    "runs.page": (
        "run.view",
        "entrance",
        lambda f, who, _: runs.page(f.db, who, runs.RunQuery(f.north), Place.first()),
    ),
    "runs.unfinished_counts": ("run.view", "entrance", lambda f, who, _: runs.unfinished_counts(f.db, who, f.north)),
    "starting.preview": (
        "provider.run",
        "contoso",
        lambda f, who, _: starting.preview(f.db, who, _contoso(f), CONNECTION_CHECK),
    ),
    "starting.retry": ("provider.run", "contoso", lambda f, who, run: starting.retry(f.db, who, run), _completed_run),
    "starting.start": (
        "provider.run",
        "contoso",
        lambda f, who, _: starting.start(f.db, who, _contoso(f), CONNECTION_CHECK),
    ),
}
