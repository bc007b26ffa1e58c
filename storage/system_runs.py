"""Runs of all workspaces, for platform staff with `platform.runs.view`, to look at.

Promise: newest first by keyset; nothing here changes a run, and whoever looks here may neither cancel nor retry one by it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from storage import runs
from storage.access import Principal
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.pages import Page, Place
from storage.runs import RunDetail, RunRow
from storage.schema import operation_runs, workspaces
from storage.system_plane import require

WHY_NOT = "The system plane only looks: members of its workspace may."


@dataclass(frozen=True, slots=True)
class SystemRunQuery:
    """What a list of runs shall show, newest first.

    Attributes:
        text: the filter line, as in a workspace's list of runs.
        tenant_id: only this tenant's.
        workspace: only those of the workspace of this short name.
    """

    text: str = ""
    tenant_id: int | None = None
    workspace: str | None = None


@dataclass(frozen=True, slots=True)
class SystemRun:
    """A run, and the short name of its workspace."""

    run: RunRow
    workspace: str


@dataclass(frozen=True, slots=True)
class SystemRunDetail:
    """A run's page, and the short name of its workspace."""

    run: RunDetail
    workspace: str


def page(db: Database, who: Principal, query: SystemRunQuery, place: Place, limit: int = 100) -> Page[SystemRun]:
    """Returns a page of runs, newest first.

    Raises:
        InvalidInput: the filter line or the place cannot be read.
        NotFound, Forbidden: the principal has no platform role, or another one.
    """
    with db.read() as tx:
        require(tx, who, Capability.PLATFORM_RUNS_VIEW, "The list of all runs")
        conditions: list[ColumnElement[bool]] = []
        if query.tenant_id is not None:
            conditions.append(operation_runs.c.tenant_id == query.tenant_id)
        if query.workspace is not None:
            chosen = select(workspaces.c.id).where(workspaces.c.slug == query.workspace).scalar_subquery()
            conditions.append(operation_runs.c.workspace_id == chosen)
        found = runs.page_in(tx, conditions, query.text, place, limit)
        slugs = _slugs(tx, {row.workspace_id for row in found.rows})
    rows = tuple(SystemRun(row, slugs[row.workspace_id]) for row in found.rows)
    return Page(rows, found.cursors, found.has_before, found.has_after, position=found.position)


def get(db: Database, who: Principal, run_id: int) -> SystemRunDetail:
    """Returns everything about one run, whatever its workspace.

    Raises:
        NotFound: there is no such run, or the principal has no platform role.
        Forbidden: they have another one.
    """
    with db.read() as tx:
        require(tx, who, Capability.PLATFORM_RUNS_VIEW, f"Run {run_id}")
        if tx.run(select(operation_runs.c.id).where(operation_runs.c.id == run_id)).first() is None:
            raise NotFound(f"Run {run_id} does not exist.")
        detail = runs.detail_in(tx, run_id, WHY_NOT)
        slug = _slugs(tx, {detail.row.workspace_id})[detail.row.workspace_id]
    return SystemRunDetail(detail, slug)


def _slugs(tx: Transaction, ids: set[int]) -> dict[int, str]:
    rows = tx.run(select(workspaces.c.id, workspaces.c.slug).where(workspaces.c.id.in_(sorted(ids))))
    return {row.id: row.slug for row in rows}
