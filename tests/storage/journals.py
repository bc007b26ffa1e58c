"""Which tests can notice the journal that SQLite keeps: the others need not run once with WAL and once with DELETE."""

from __future__ import annotations

from types import CodeType
from typing import Final

import pytest

_JOURNAL_MATTERS: Final = frozenset(
    f"test_{name}" for name in ("database", "feed", "leases", "races", "rollups", "run_protocol", "start_gate")
)
"""Modules about transactions alone."""

_MEETING: Final = frozenset({"threading", "ThreadPoolExecutor", "together", "_together", "_while_locked"})
"""What a test uses whose transactions meet. The rules of the others cannot differ between SQLite's two journals; `make chaos` asks them
too.
"""


def _names(code: CodeType) -> frozenset[str]:
    """What a function and those inside it use of their module."""
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(code.co_names).union(*inner)


def can_notice(item: pytest.Item) -> bool:
    """Says whether a test is about transactions, or has some that meet."""
    if item.path.stem in _JOURNAL_MATTERS:
        return True
    return isinstance(item, pytest.Function) and bool(_MEETING & _names(item.function.__code__))
