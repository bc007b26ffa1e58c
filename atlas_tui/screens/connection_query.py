"""What the list of connections asks storage for: the same question for the rows it shows and for everything its filter means.

Promise: "all in this filter" is exactly what the list shows, since both come from here. Must not know what is done with the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_tui.screens.list_filter import asked, sort_key
from atlas_tui.widgets.pages import PageRequest
from storage.connections import ConnectionQuery

if TYPE_CHECKING:
    from atlas_tui.session import Session


def query_of(session: Session, request: PageRequest) -> ConnectionQuery:
    """A list's question, as storage takes it."""
    wanted, tenant_id = asked(request)
    sort, descending = sort_key(request.sort, "tenant")
    return ConnectionQuery(session.workspace.workspace_id, wanted.text, wanted.problems, tenant_id, sort, descending)
