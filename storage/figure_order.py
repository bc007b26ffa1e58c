"""Tenants in the order of a figure that was collected: the worst compliance first, the most findings, the oldest report.

Such figures are in what was collected and in no index of tenants, so each is looked up as the list is read: a short walk in an index for
each tenant that fits.

Promise: a page is asked for with a keyset like every other. A tenant without the figure is last, whichever way round, and like figures are
by name. At most `MOST` tenants are put in order; of more the reader is told to filter first, so that no question grows with the
installation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Row, func, literal, select

from storage.columns import UtcTime
from storage.database import Transaction
from storage.errors import InvalidInput
from storage.pages import Page, Place, SortKey, read_page
from storage.schema import tenants

MOST: Final = 10_000
"""Tenants that are put in order of a figure."""

_LARGEST: Final = 2**62
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def page_by(
    tx: Transaction,
    figure: ColumnElement[Any],
    conditions: Sequence[ColumnElement[bool]],
    place: Place,
    limit: int,
    *,
    descending: bool,
) -> Page[Row[Any]]:
    """Reads a page of tenants in the order of a figure.

    Args:
        tx: an open transaction.
        figure: a number or a moment, correlated with `tenants`; NULL where there is none.
        conditions: which tenants.
        place: where.
        limit: rows wanted.
        descending: the largest first.

    Returns:
        Rows with `id`, `sort_name` and `name`.

    Raises:
        InvalidInput: too many tenants fit; or the place is not one of this list.
    """
    some = select(tenants.c.id).where(*conditions).limit(MOST + 1).subquery()
    if tx.run(select(func.count()).select_from(some)).scalar_one() > MOST:
        raise InvalidInput(
            "sort", f"only {MOST:,} tenants are put in this order, and more fit", "Filter first (/), or sort by name."
        )
    # The bound keeps the inner question one of its own: the figure is looked up once a tenant, not once for each use of it.
    ranked = (
        select(
            _known(figure, descending).label("figure"),
            tenants.c.sort_name,
            tenants.c.id,
            tenants.c.name,
        )
        .where(*conditions)
        .limit(MOST)
        .subquery("ranked")
    )
    by = (ranked.c.figure, ranked.c.sort_name, ranked.c.id)
    keys = [SortKey(column, column.name, descending) for column in by]
    return read_page(tx, select(ranked), keys, place, limit, lambda row: row, ranked.c.id)


def _known(figure: ColumnElement[Any], descending: bool) -> ColumnElement[Any]:
    """The figure; where there is none, what is behind all there are."""
    if isinstance(figure.type, UtcTime):
        return func.coalesce(figure, literal(_FIRST if descending else _LAST, UtcTime()), type_=UtcTime())
    none = literal(-_LARGEST if descending else _LARGEST, BigInteger())
    return func.coalesce(figure, none, type_=BigInteger())
