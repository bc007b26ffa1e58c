"""Rows as files: CSV for spreadsheets, JSON lines for programs; and the one directory that exports go into.

Promise: a file is the owner's alone (0600 in a 0700 directory), never overwrites another one, and is there whole or not at all. No CSV
cell begins a formula. Nothing is written for somebody who came by a forced SSH command: the files would be the service account's.

Must not know: what the rows are.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from storage.errors import Forbidden, InvalidInput

DIRECTORY: Final = "exports"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet calculate a cell (OWASP, "CSV Injection")."""


class Format(StrEnum):
    """The formats of a file."""

    CSV = "csv"
    JSONL = "jsonl"
    TEXT = "txt"


Record = Mapping[str, Any]
"""One row: column → text, number, moment, or anything JSON can hold."""


def csv_lines(records: Iterable[Record], columns: Sequence[str]) -> Iterator[bytes]:
    """Rows as CSV (RFC 4180, UTF-8), the columns' names first.

    Args:
        records: The rows.
        columns: What is written of each, in order.
    """
    yield _csv_line(columns)
    for record in records:
        yield _csv_line([_cell(record.get(column)) for column in columns])


def json_lines(records: Iterable[Record]) -> Iterator[bytes]:
    """Rows as JSON, one object a line."""
    for record in records:
        yield msgspec.json.encode(record, enc_hook=_plain_mapping) + b"\n"


def _plain_mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def _csv_line(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:
    """One value as a cell that a spreadsheet shows and never calculates."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ", "milliseconds").replace("+00:00", "Z")
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=_plain_mapping).decode("utf-8")
    text = "".join(c if c.isprintable() or c == " " else "" if unicodedata.category(c) == "Cf" else " " for c in text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def exports_directory(state_directory: str | Path, via: str) -> Path:
    """The directory that exports of the dashboard go into.

    Args:
        state_directory: The configuration's.
        via: How the person was known.

    Raises:
        Forbidden: They came by a forced SSH command: this account and its files are not theirs.
    """
    if via == "ssh":
        raise Forbidden(
            "Nothing is written to files in an SSH session that a key was forced into.",
            "Use the command line on a machine of yours, such as `atlas-tui audit export`.",
        )
    return Path(state_directory) / DIRECTORY


def write_export(directory: Path, name: str, ending: str, lines: Iterable[bytes], now: datetime) -> Path:
    """Writes a file and returns where it is.

    Args:
        directory: Where; made when it is not there.
        name: What the rows are, such as `audit`.
        ending: The file's ending: a `Format`, or of what is no rows another one, such as `pem`.
        lines: What it holds.
        now: The present, for its name.

    Raises:
        InvalidInput: The place cannot be written.
    """
    stem = f"{re.sub(r'[^a-z0-9-]+', '-', name.lower()).strip('-') or 'rows'}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(lines)
            return _give_name(Path(temporary), directory, stem, ending)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput("export", f"{directory} cannot be written ({error.strerror})", "Check its owner.") from None


def _give_name(temporary: Path, directory: Path, stem: str, ending: str) -> Path:
    """A link never replaces what is there, as a rename would."""
    for number in range(1, 1000):
        path = directory / f"{stem}{'' if number == 1 else f'-{number}'}.{ending}"
        try:
            os.link(temporary, path)
        except FileExistsError:
            continue
        return path
    raise InvalidInput("export", f"{directory} holds too many files of this second", "Remove old exports.")
