"""What headless commands are given beside names: files and dates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from storage import fields
from storage.errors import InvalidInput


def read_file(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(option, f"{path} cannot be read ({error.strerror})") from None


def read_end(option: str, text: str | None) -> datetime | None:
    """Reads a moment that is still to come; without a zone it is UTC."""
    return None if text is None else fields.read_end(option, text, datetime.now(UTC))
