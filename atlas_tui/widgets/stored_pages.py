"""The bridge from a list's questions to storage's keyset pages.

Promise: what a list asks is what storage is asked; storage is imported in the worker thread that needs it, so that a list can be on
the screen before a database library is loaded.

Must not know: which list it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic

from atlas_tui.widgets.pages import PageRequest, PageResult, Row

if TYPE_CHECKING:
    from storage.pages import Page, Place


class StoredPages(Generic[Row]):
    """A `PageSource` that reads from storage.

    Args:
        read: The place, and the question it comes from (for limit, sort and filter) → the page. Called in a worker thread.
    """

    def __init__(self, read: Callable[[Place, PageRequest], Page[Row]]) -> None:
        self._read = read

    def fetch(self, request: PageRequest) -> PageResult[Row]:
        """One page.

        Raises:
            TypeError: The list asks for a row by a key that is not a number; storage's keys are.
            storage.errors.AtlasError: Whatever `read` raises.
        """
        from storage.pages import Place

        if request.key is not None and not isinstance(request.key, int):
            raise TypeError("storage's rows have numbers for keys")
        page = self._read(Place(request.direction.value, request.cursor, request.key), request)
        return PageResult(
            rows=page.rows,
            previous_cursor=page.cursors[0] if page.has_before and page.cursors else None,
            next_cursor=page.cursors[-1] if page.has_after and page.cursors else None,
            total=page.total,
            total_is_exact=page.total_is_exact,
            # Storage counts from 0, people from 1.
            position=None if page.position is None else page.position + 1,
        )
