"""Counts of which not everything was counted, in words that everybody reads the same way: exact, about so many, or more than so many.

Must not know: widgets, what is counted.
"""

from __future__ import annotations

from storage.attention_sources import COUNTED


def short(number: int, is_exact: bool) -> str:
    """A count in few cells: `17`, `~4,312` for about so many, `10,000+` for so many or more."""
    if is_exact:
        return f"{number:,}"
    return f"{number:,}+" if number >= COUNTED else f"~{number:,}"


def in_words(number: int, is_exact: bool, *, is_least: bool = False) -> str:
    """A count with room for words: `17`, `about 4,312`, `more than 10,000`.

    Args:
        number: How many.
        is_exact: All were counted.
        is_least: There are more, for counting ended somewhere; also said of what counting ends at.
    """
    if is_exact:
        return f"{number:,}"
    return f"{'more than' if is_least or number >= COUNTED else 'about'} {number:,}"
