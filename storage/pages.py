"""Keyset pages: the way every long list is read.

Promise: a page costs the same wherever it is; the order always ends with the id, so it is total; a cursor is opaque and survives the
row it was made from. Knows no table.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Integer, Select, literal, tuple_

from storage.columns import UtcTime
from storage.database import Transaction
from storage.errors import InvalidInput

R = TypeVar("R")

MAX_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page shall be. Make one with the class methods.

    Attributes:
        kind: `first`, `last`, `after`, `before` or `at`.
        cursor: the opaque place that `after`, `before` and `at` start from.
        key: the row that `at` shall begin with; when it is gone, the row that would follow it by the cursor.
    """

    kind: str
    cursor: str | None = None
    key: int | None = None

    @classmethod
    def first(cls) -> Place:
        """The first page."""
        return cls("first")

    @classmethod
    def last(cls) -> Place:
        """The last page."""
        return cls("last")

    @classmethod
    def after(cls, cursor: str) -> Place:
        """The page that follows a row."""
        return cls("after", cursor)

    @classmethod
    def before(cls, cursor: str) -> Place:
        """The page that precedes a row."""
        return cls("before", cursor)

    @classmethod
    def at(cls, cursor: str | None, key: int | None = None) -> Place:
        """The page that begins with a row, wherever it is now; or, when it is gone, where it was."""
        return cls("at", cursor, key)


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page of a list.

    Attributes:
        rows: the rows, in order.
        cursors: an opaque cursor for each row.
        has_before: whether rows precede the first one.
        has_after: whether rows follow the last one.
        total: how many rows the whole list has, when it is known.
        total_is_exact: False when `total` is only a lower bound.
        position: index of the first row in the whole list, when it is known.
    """

    rows: tuple[R, ...]
    cursors: tuple[str, ...]
    has_before: bool
    has_after: bool
    total: int | None = None
    total_is_exact: bool = True
    position: int | None = None


@dataclass(frozen=True, slots=True)
class SortKey:
    """One sort expression; NULLs must have been coalesced away. `label` is the row attribute that holds its value."""

    expression: ColumnElement[Any]
    label: str
    descending: bool = False


def read_page(
    tx: Transaction,
    statement: Select[Any],
    keys: Sequence[SortKey],
    place: Place,
    limit: int,
    make: Callable[[Any], R],
    key_column: ColumnElement[int],
) -> Page[R]:
    """Reads one page.

    Args:
        tx: an open transaction.
        statement: what to select, with its conditions, without order; it must select every sort key under its label.
        keys: the order, all in one direction; the last one must be unique (the id).
        place: where.
        limit: rows wanted, at most `MAX_LIMIT`.
        make: turns a result row into what the page holds.
        key_column: the row's id, to find the row that `Place.at` names.

    Raises:
        InvalidInput: the cursor is not one of this list.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    signature = _signature(keys, key_column)
    backwards = place.kind in ("last", "before")
    bounded, has_other_side = statement, False
    if place.kind in ("after", "before", "at"):
        marks = _start(tx, statement, keys, place, key_column, signature)
        if marks is not None:
            bounded = statement.where(_beyond(keys, marks, backwards, inclusive=place.kind == "at"))
            has_other_side = True
    order = [key.expression.desc() if key.descending != backwards else key.expression.asc() for key in keys]
    rows = list(tx.run(bounded.order_by(*order).limit(limit + 1)).all())
    more = len(rows) > limit
    rows = rows[:limit]
    if backwards:
        rows.reverse()
        has_before, has_after = more, has_other_side
    else:
        has_before, has_after = has_other_side, more
    cursors = tuple(_encode(signature, [getattr(row, key.label) for key in keys]) for row in rows)
    if place.kind == "at" and has_before and rows:
        has_before = _any_before(tx, statement, keys, [getattr(rows[0], key.label) for key in keys])
    return Page(
        tuple(make(row) for row in rows),
        cursors,
        has_before,
        has_after,
        position=0 if not has_before and place.kind != "before" else None,
    )


def _start(
    tx: Transaction,
    statement: Select[Any],
    keys: Sequence[SortKey],
    place: Place,
    key_column: ColumnElement[int],
    signature: str,
) -> list[Any] | None:
    if place.key is not None:
        row = tx.run(statement.where(key_column == place.key)).first()
        if row is not None:
            return [getattr(row, key.label) for key in keys]
    return None if place.cursor is None else _decode(place.cursor, signature, keys)


def _any_before(tx: Transaction, statement: Select[Any], keys: Sequence[SortKey], marks: list[Any]) -> bool:
    order = [key.expression.asc() if key.descending else key.expression.desc() for key in keys]
    return (
        tx.run(statement.where(_beyond(keys, marks, True, inclusive=False)).order_by(*order).limit(1)).first()
        is not None
    )


def _beyond(keys: Sequence[SortKey], marks: Sequence[Any], backwards: bool, *, inclusive: bool) -> ColumnElement[bool]:
    """The rows on one side of a place, as one comparison of row values: both databases seek by it in an index of those columns."""
    here = tuple_(*(key.expression for key in keys))
    there = tuple_(*(literal(mark, key.expression.type) for key, mark in zip(keys, marks, strict=True)))
    if keys[0].descending != backwards:
        return here <= there if inclusive else here < there
    return here >= there if inclusive else here > there


def _signature(keys: Sequence[SortKey], key_column: ColumnElement[int]) -> str:
    """Tells one list's order from another's, so that a cursor is only used where it was made."""
    order = ",".join(f"{key.expression.compile()}{' desc' if key.descending else ''}" for key in keys)
    return hashlib.sha256(f"{key_column}|{order}".encode()).hexdigest()[:12]


def _encode(signature: str, values: list[Any]) -> str:
    plain = [{"t": value.isoformat()} if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(msgspec.json.encode([signature, *plain])).decode("ascii")


def _decode(cursor: str, signature: str, keys: Sequence[SortKey]) -> list[Any]:
    try:
        made_for, *values = msgspec.json.decode(base64.urlsafe_b64decode(cursor.encode("ascii")), type=list[Any])
        if made_for != signature or len(values) != len(keys):
            raise ValueError("another list's cursor")
        return [_read_mark(value, key) for value, key in zip(values, keys, strict=True)]
    except (ValueError, KeyError, TypeError, binascii.Error, msgspec.DecodeError):
        raise InvalidInput("cursor", "does not belong to this list", "Start again from the first page.") from None


def _read_mark(value: Any, key: SortKey) -> Any:
    """Reads one value of a cursor, of the type that its column has."""
    if isinstance(key.expression.type, UtcTime):
        moment = datetime.fromisoformat(value["t"])
        if moment.tzinfo is None:
            raise ValueError("a time without its zone")
        return moment
    wanted = int if isinstance(key.expression.type, Integer) else str
    if type(value) is not wanted or (isinstance(value, int) and abs(value) >= 2**63) or "\0" in str(value):
        raise ValueError("not a value of this column")
    return value


_WHOLE: Final = "whole"
"""The signature of cursors into lists that are read whole."""


def page_of(rows: Sequence[R], key: Callable[[R], int], place: Place, limit: int) -> Page[R]:
    """Cuts a page out of a list that is short enough to be read whole, such as one of groups.

    Args:
        rows: all of it, in its order.
        key: a row's id.
        place: where.
        limit: rows wanted, at most `MAX_LIMIT`.

    Raises:
        InvalidInput: the cursor is not one of such a list.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    start = 0
    if place.kind == "last":
        start = max(0, len(rows) - limit)
    elif place.kind in ("after", "before", "at"):
        at, is_there = _index_of(rows, key, place)
        if place.kind == "before":
            limit, start = min(limit, at), max(0, at - limit)
        else:
            start = at + 1 if place.kind == "after" and is_there else at
    shown = tuple(rows[start : start + limit]) if limit else ()
    cursors = tuple(_encode(_WHOLE, [start + offset, key(row)]) for offset, row in enumerate(shown))
    return Page(shown, cursors, start > 0, start + len(shown) < len(rows), len(rows), True, start)


def _index_of(rows: Sequence[R], key: Callable[[R], int], place: Place) -> tuple[int, bool]:
    """Where a row is, and whether it is there; one that is gone is where it was."""
    was, wanted = 0, place.key
    if place.cursor is not None:
        try:
            made_for, was, named = msgspec.json.decode(
                base64.urlsafe_b64decode(place.cursor), type=tuple[str, int, int]
            )
            if made_for != _WHOLE:
                raise ValueError("another list's cursor")
        except (ValueError, binascii.Error, msgspec.DecodeError):
            raise InvalidInput("cursor", "does not belong to this list", "Start again from the first page.") from None
        wanted = named if wanted is None else wanted
    found = next((index for index, row in enumerate(rows) if key(row) == wanted), None)
    return (found, True) if found is not None else (max(0, min(was, len(rows))), False)
