"""How headless commands write: JSON for programs, plain columns for people.

Promise: text from outside never reaches the terminal raw: control characters are stripped. JSON is one document on one line, with stable
keys. Nothing secret passes through here, because storage gives none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from atlas_tui.cells import fit, plain, width_of


def write_json(value: Any) -> None:
    """Writes a dataclass, a list of them, or plain data as one line of JSON."""
    sys.stdout.write(json_line(value))


def json_line(value: Any) -> str:
    """Makes one line of JSON of a dataclass, a list of them, or plain data."""
    return msgspec.json.encode(value, enc_hook=_encode).decode("utf-8") + "\n"


def _encode(value: Any) -> Any:
    if hasattr(value, "items"):
        return dict(value)
    raise TypeError(type(value).__name__)


def write_line(text: str = "") -> None:
    """Writes one line of plain text."""
    sys.stdout.write(plain(text) + "\n")


def write_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, widest: int = 44) -> None:
    """Writes rows in columns as wide as their content, `widest` cells at most; the titles in capitals, as lists have them."""
    head = [title.upper() for title in head]
    cleaned = [[plain(cell) for cell in row] for row in rows]
    widths = [
        min(widest, max([len(title), *(width_of(row[index]) for row in cleaned)])) for index, title in enumerate(head)
    ]
    for line in (head, *cleaned):
        sys.stdout.write("  ".join(fit(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def moment(value: datetime | None) -> str:
    """Writes a time as people read it: UTC, to the second."""
    return "-" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
