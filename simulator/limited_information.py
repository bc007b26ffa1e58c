"""What an application sees of objects whose type it may not read: the type and the id, and null for everything else.

Promise: whoever lists the members of a group, or the principals of role assignments, gets every one of them, also those it has no
permission to read; it is never refused for them.
Source: graph-docs ``permissions-overview.md``, "Limited information returned for inaccessible member objects". That it holds for the
principals of ``roleAssignments`` as well is taken from its sibling ``assignedPrincipals``, whose page says so.
Must not know: HTTP, or where an object is listed.
"""

from __future__ import annotations

from collections.abc import Collection

from simulator.odata import Row
from simulator.permissions import READERS

_SHOWN = ("@odata.type", "id")


def of_others(row: Row, declared: str, granted: Collection[str]) -> Row:
    """Return an object as an application sees it.

    Args:
        row: the object, with its type when it is another than the declared one.
        declared: the type of the list.
        granted: the application permissions it has.
    """
    kind = str(row.get("@odata.type", declared)).rsplit(".", 1)[-1]
    if set(READERS.get(kind, ())) & set(granted):
        return row
    return {key: value if key in _SHOWN else None for key, value in row.items()}


def with_principal(row: Row, granted: Collection[str]) -> Row:
    """Return an assignment with its principal as an application sees it."""
    return {**row, "principal": of_others(row["principal"], "directoryObject", granted)}
