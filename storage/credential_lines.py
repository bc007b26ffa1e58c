"""Reading many credentials from one text: CSV with a header, or JSON lines.

Promise: streams, so that its size does not matter; a line that cannot be read is told by its number and what is wrong, never by what it
holds, since columns may be mixed up and any of them may be the secret. Knows no SQL.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final, cast

import msgspec

from storage.errors import InvalidInput

_COLUMNS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("connection", "connection id", "tenant", "tenant id", "microsoft id", "domain", "primary domain"), "target"
    ),
    **dict.fromkeys(("secret", "secret value", "client secret", "value"), "value"),
    **dict.fromkeys(("secret id", "key id", "client key id"), "key_id"),
    **dict.fromkeys(("expires", "expiry", "expires at", "expires on", "end date"), "expires"),
}
_EXPECTED: Final = "The header names: connection (or tenant id, or domain), secret, and if known: secret id, expires."
_LONGEST_LINE: Final = 64 * 1024
_TOO_LONG: Final = '"'
"""Stands for a line that is too long to be one: it can be read neither as CSV nor as JSON."""


@dataclass(frozen=True, slots=True)
class GivenLine:
    """One line as it was given; its representation shows nothing of it.

    Attributes:
        line: its number in the text, from 1.
        target: whose secret it is: a connection's number, a tenant's GUID or domain.
        value: the client secret.
        key_id: the secret's ID in the portal; may be empty.
        expires: its expiry as written; may be empty.
    """

    line: int
    target: str = field(repr=False)
    value: str = field(repr=False)
    key_id: str = field(default="", repr=False)
    expires: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be read.

    Attributes:
        line: its number in the text.
        problem: why, without anything of its content.
    """

    line: int
    problem: str


def read_lines(stream: BinaryIO) -> Iterator[GivenLine | BadLine]:
    """Reads a text line by line.

    Args:
        stream: UTF-8 (with or without byte order mark), or UTF-16 with one, as PowerShell redirects.

    Raises:
        InvalidInput: it is empty, or its header cannot be used; nothing was read then.
    """
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream))
    encoding = "utf-16" if buffered.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = io.TextIOWrapper(buffered, encoding=encoding, newline="")
    try:
        yield from _read(_numbered(text))
    finally:
        text.detach()


def _numbered(text: io.TextIOWrapper) -> Iterator[tuple[int, str | None]]:
    """The lines with their numbers; None for the place where the text stops being text."""
    for number in itertools.count(1):
        try:
            line = text.readline(_LONGEST_LINE)
        except UnicodeError:
            yield number, None
            return
        if not line:
            return
        if len(line) >= _LONGEST_LINE and not line.endswith("\n"):
            while line and not line.endswith("\n"):
                line = text.readline(_LONGEST_LINE)
            line = _TOO_LONG
        yield number, line


def _read(lines: Iterator[tuple[int, str | None]]) -> Iterator[GivenLine | BadLine]:
    first = next(((number, line) for number, line in lines if line is None or line.strip()), None)
    if first is None:
        raise InvalidInput("credentials", "are missing: the text is empty", _EXPECTED)
    number, head = first
    if head is None:
        raise InvalidInput("credentials", "are not UTF-8 text", "Save the file as CSV UTF-8.")
    if head.lstrip().startswith("{"):
        yield from _json(itertools.chain([(number, head)], lines))
        return
    delimiter = max(",;\t", key=head.count)
    columns = [
        _COLUMNS.get(" ".join(name.replace("_", " ").split()).casefold()) for name in _fields(head, delimiter) or ()
    ]
    known = [name for name in columns if name is not None]
    if "target" not in known or "value" not in known or len(set(known)) != len(known):
        raise InvalidInput("credentials", "have a first line that is no header this program knows", _EXPECTED)
    for number, line in lines:
        if line is None:
            yield BadLine(number, "is not UTF-8 text; nothing was read from here on")
        elif line.strip():
            yield _row(number, line, columns, delimiter)


def _fields(line: str, delimiter: str) -> list[str] | None:
    try:
        (found,) = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        return None
    return found


def _row(number: int, line: str, columns: Sequence[str | None], delimiter: str) -> GivenLine | BadLine:
    fields = _fields(line, delimiter)
    if fields is None:
        return BadLine(number, "is too long, or has a quotation mark that does not end on it")
    if len(fields) != len(columns):
        return BadLine(number, f"has {len(fields)} fields where the header has {len(columns)}")
    return _given(number, {name: text for name, text in zip(columns, fields, strict=True) if name is not None})


def _json(lines: Iterator[tuple[int, str | None]]) -> Iterator[GivenLine | BadLine]:
    for number, line in lines:
        if line is None:
            yield BadLine(number, "is not UTF-8 text; nothing was read from here on")
        elif line.strip():
            yield _object(number, line)


def _object(number: int, line: str) -> GivenLine | BadLine:
    try:
        found = msgspec.json.decode(line, type=dict[str, str | int | None])
    except (msgspec.DecodeError, ValueError):
        return BadLine(number, "is not one JSON object of texts")
    values: dict[str, str] = {}
    for key, value in found.items():
        name = _COLUMNS.get(" ".join(key.replace("_", " ").split()).casefold())
        if name is None or name in values:
            return BadLine(number, "has a key that is not known, or is there twice")
        values[name] = "" if value is None else str(value)
    if not {"target", "value"} <= set(values):
        return BadLine(number, "names no connection, or has no secret")
    return _given(number, values)


def _given(number: int, values: Mapping[str, str]) -> GivenLine | BadLine:
    cleaned = {name: text.strip() for name, text in values.items()}
    if not cleaned["target"]:
        return BadLine(number, "names no connection")
    return GivenLine(number, cleaned["target"], cleaned["value"], cleaned.get("key_id", ""), cleaned.get("expires", ""))
