"""Which connections a bulk start is about: some that were marked, or whatever a filter finds.

Promise: a filter means what the list of connections shows for it, by the same conditions; what the principal may not see is not in it and
counts as not there. Must not know what is done with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from storage import filters
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.connection_filters import KEYS, ConnectionQuery, conditions_of, needs_tenant
from storage.database import Transaction, chunks
from storage.errors import InvalidInput, NotFound
from storage.schema import provider_connections as pc
from storage.schema import tenants

MOST: Final = 100_000
"""Connections of one bulk start; more are started in parts."""

IDS_AT_ONCE: Final = 5_000
"""Ids in one statement; both databases take more."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which connections are meant.

    Attributes:
        query: what the list of connections was asked for; its workspace is the batch's.
        connection_ids: those that were named, whatever the query would find; None for everything it finds.
        excepted: with a query, those that are left out.
    """

    query: ConnectionQuery
    connection_ids: tuple[int, ...] | None = None
    excepted: tuple[int, ...] = ()

    @classmethod
    def named(cls, workspace_id: int, connection_ids: Sequence[int]) -> Selection:
        """Some connections of a workspace."""
        return cls(ConnectionQuery(workspace_id), tuple(dict.fromkeys(connection_ids)))

    @classmethod
    def found(cls, query: ConnectionQuery, excepted: Sequence[int] = ()) -> Selection:
        """Whatever a query finds, but for some."""
        return cls(query, None, tuple(excepted))

    @property
    def words(self) -> str:
        """The filter as people type it; empty when connections were named, or nothing was filtered."""
        if self.connection_ids is not None:
            return ""
        parts = [
            self.query.text.strip(),
            "problems:yes" if self.query.problems_only else "",
            f"(of tenant {self.query.tenant_id})" if self.query.tenant_id is not None else "",
            f"(but for {len(self.excepted)})" if self.excepted else "",
        ]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a selection comes to.

    Attributes:
        ids: the connections that are there, in the order of their ids.
        gone: how many of those that were named are not.
    """

    ids: tuple[int, ...]
    gone: int

    @property
    def total(self) -> int:
        """How many were meant."""
        return len(self.ids) + self.gone


def choose(tx: Transaction, who: Principal, selection: Selection) -> Chosen:
    """Returns the connections that are meant, among those the principal may see.

    Raises:
        InvalidInput: the filter cannot be read, or finds more than `MOST`.
        NotFound: the principal is no member of the workspace, or there is none.
    """
    query = selection.query
    wanted = filters.read_filter(query.text, KEYS)
    rights = authority(tx, who)
    if not rights.may_enter(query.workspace_id):
        raise NotFound(f"Workspace {query.workspace_id} does not exist.")
    if selection.connection_ids is None:
        statement = select(pc.c.id).where(*conditions_of(rights, query, wanted)).order_by(pc.c.id).limit(MOST + 1)
        if needs_tenant(wanted):
            statement = statement.join(tenants, tenants.c.id == pc.c.tenant_id)
        excepted = set(selection.excepted)
        found = [id for id in tx.run(statement).scalars() if id not in excepted]
        gone = 0
    else:
        visible = rights.tenant_clause(query.workspace_id, Capability.PROVIDER_VIEW, pc.c.tenant_id)
        found = []
        for part in chunks(sorted(set(selection.connection_ids)), IDS_AT_ONCE):
            mine = (pc.c.id.in_(part), pc.c.workspace_id == query.workspace_id)
            found += tx.run(select(pc.c.id).where(*mine, visible).order_by(pc.c.id)).scalars()
        gone = len(set(selection.connection_ids)) - len(found)
    if len(found) + gone > MOST:
        raise InvalidInput("connections", f"are more than {MOST:,}", "Filter them, and start them in parts.")
    if not found:
        raise NotFound("No connection fits.", "See `atlas-tui connections` for what there is.")
    return Chosen(tuple(found), gone)
