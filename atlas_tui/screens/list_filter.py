"""What a list is asked for: its filter and order, as the list engine carries them and as storage takes them.

Must not know: which list it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from atlas_tui.widgets.pages import PageRequest, Sort


@dataclass(frozen=True, slots=True)
class ListFilter:
    """What a list shows.

    Attributes:
        text: The filter line.
        problems: Only what has a problem.
        connection_id: Only what belongs to this connection.
        tenant_id: Only what belongs to this tenant.
        title: What the restriction to a connection or a tenant is called.
    """

    text: str = ""
    problems: bool = False
    connection_id: int | None = None
    tenant_id: int | None = None
    title: str = ""


def asked(request: PageRequest) -> tuple[ListFilter, int | None]:
    """What a list's question is about: its filter, and the tenant it is pinned to."""
    if not isinstance(request.filter, tuple):
        return ListFilter(), None
    wanted, pin = request.filter
    return wanted, None if pin is None else pin[0]


def sort_key(sort: Sort | None, default: str) -> tuple[str, bool]:
    """A list's order as storage takes it: the key, and whether it is descending."""
    return (sort.key, sort.descending) if sort is not None else (default, False)
