"""The filter word `batch:`, in lists of runs and of connections: what is in a bulk start, or in one class of it.

Grammar: `batch:17`, `batch:17.blocked` (a class), `batch:17.provider_consent_missing` (blocked for that reason). Must not know lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, or_, select

from storage import filters
from storage.batch_tallies import members
from storage.errors import InvalidInput
from storage.reasons import catalog
from storage.states import BatchClass

UNTRIED: Final = "untried"
"""The part of a batch that the gate was not asked about yet."""

_CLASSES: Final = frozenset(BatchClass)


def runs_of(values: Sequence[str]) -> Select[Any]:
    """Returns the query for the runs of some batches: those that they started, and those that they found.

    Raises:
        InvalidInput: a value names no batch.
    """
    return select(members.run_id).where(members.run_id.is_not(None), _in_any(values))


def connections_of(values: Sequence[str]) -> Select[Any]:
    """Returns the query for the connections of some batches.

    Raises:
        InvalidInput: a value names no batch.
    """
    return select(members.connection_id).where(_in_any(values))


def word(batch_id: int, part: str = "") -> str:
    """Makes the filter word for a batch, or for one class or reason of it."""
    return f"batch:{batch_id}.{part}" if part else f"batch:{batch_id}"


def _in_any(values: Sequence[str]) -> ColumnElement[bool]:
    return or_(*(_in_one(value) for value in values))


def _in_one(value: str) -> ColumnElement[bool]:
    number, _, part = value.partition(".")
    batch_id = filters.read_number(number)
    if batch_id is None:
        raise InvalidInput("filter", f"`batch:{number}` is no batch", "Such as batch:17, or batch:17.blocked.")
    mine = members.batch_id == batch_id
    if not part:
        return mine
    if part == UNTRIED:
        return mine & members["class"].is_(None)
    if part in _CLASSES:
        return mine & (members["class"] == part)
    if part in catalog():
        return mine & (members.reason_code == part)
    raise InvalidInput(
        "filter",
        f"`{part}` is no class of a batch",
        f"Use one of: {', '.join(sorted({*_CLASSES, UNTRIED}))}, or a reason.",
    )
