"""What headless commands are given beside names: files and dates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from storage.errors import InvalidInput


def read_file(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(option, f"{path} cannot be read ({error.strerror})") from None


def read_end(option: str, text: str | None) -> datetime | None:
    """Reads a moment that is still to come; without a zone it is UTC."""
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        is_over = value <= datetime.now(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(option, "is not a date", "Write it as 2027-03-31 or 2027-03-31T08:00.") from None
    if is_over:
        raise InvalidInput(option, "is in the past", "Give a moment that is still to come.")
    return value
