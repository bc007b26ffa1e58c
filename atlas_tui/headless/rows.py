"""Long lists without a screen: page after page until there are enough rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from storage.pages import MAX_LIMIT, Page, Place

R = TypeVar("R")


def all_rows(ask: Callable[[Place, int], Page[R]], limit: int) -> list[R]:
    """Reads pages until `limit` rows are there or the list ends.

    Args:
        ask: reads one page; gets the place and how many rows.
        limit: rows wanted at most.
    """
    rows: list[R] = []
    place = Place.first()
    while len(rows) < limit:
        page = ask(place, min(MAX_LIMIT, limit - len(rows)))
        rows.extend(page.rows)
        if not page.has_after or not page.cursors:
            break
        place = Place.after(page.cursors[-1])
    return rows
