"""A fleet as a table in a file: reading what Partner Center, Lighthouse, a spreadsheet or this program wrote, and writing our own.

Promise: bytes to rows of named cells, or one sentence that names the line and the fix. Encoding, delimiter and columns are recognised,
never guessed silently: what is not known is listed as ignored, what cannot be decoded is refused with its place. What is written reads
back as the same, and no cell of it is taken for a formula by a spreadsheet. Knows nothing of tenants but their columns' names; pure
functions.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from storage.errors import InvalidInput
from storage.filters import fold

COLUMNS: Final = ("name", "tenant_id", "domain", "cloud", "tags", "contact", "time_zone", "note")
"""The columns of our own files, in order."""

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name", "company name", "tenant name", "customer name", "company", "customer", "display name"),
    "tenant_id": (
        "tenant id",
        "microsoft id",
        "customer tenant id",
        "entra tenant id",
        "azure ad tenant id",
        "directory id",
    ),
    "domain": (
        "domain",
        "primary domain name",
        "primary domain",
        "default domain",
        "default domain name",
        "domain name",
    ),
    "cloud": ("cloud",),
    "tags": ("tags", "tag"),
    "contact": ("contact", "primary contact", "contact email"),
    "time_zone": ("time zone", "timezone"),
    "note": ("note", "notes"),
}
"""How others call the columns: case, underscores and spaces do not matter. Partner Center writes "Company name", "Primary domain name"
and "Microsoft ID"; Lighthouse "Tenant name" and "Tenant ID"."""

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_ROWS: Final = 200_000
MAX_CELL: Final = 20_000
_DELIMITERS: Final = (",", ";", "\t")
_MEANINGS: Final = {
    "".join(alias.split()): column for column, aliases in ALIASES.items() for alias in (column, *aliases)
} | {column.replace("_", ""): column for column in COLUMNS}
_FORMULA: Final = re.compile(r"^'*[=+\-@\t\r]")
_QUOTED_FORMULA: Final = re.compile(r"^'+[=+\-@\t\r]")
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""How .xlsx (a ZIP file, APPNOTE.TXT 4.3.7) and .xls (a compound file, [MS-CFB] 2.2) begin."""

_TAG_SEPARATORS: Final = re.compile(r"[;|,]")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row.

    Attributes:
        line: the line of the file on which it begins; for JSON, its number in the list.
        cells: column → text, of `COLUMNS`; empty cells are left out.
        problem: why the row cannot be read; empty when it can.
    """

    line: int
    cells: Mapping[str, str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that was read.

    Attributes:
        columns: our column → the file's header for it.
        ignored: headers that mean nothing here.
        encoding: how the file was written.
        delimiter: what is between its cells; empty for JSON.
        sha256: of the file's bytes, for the audit trail.
    """

    rows: tuple[SheetRow, ...]
    columns: Mapping[str, str]
    ignored: tuple[str, ...]
    encoding: str
    delimiter: str
    sha256: str


def read_sheet(raw: bytes) -> Sheet:
    """Reads a CSV or JSON file.

    Raises:
        InvalidInput: it is too large, of an unknown encoding, broken, empty, or has no column with tenant ids.
    """
    if len(raw) > MAX_BYTES:
        raise InvalidInput("file", f"is larger than {MAX_BYTES // 1024 // 1024} MiB", "Cut it into parts.")
    text, encoding = _decode(raw)
    digest = hashlib.sha256(raw).hexdigest()
    if text.lstrip()[:1] in ("[", "{"):
        return _read_json(text, encoding, digest)
    return _read_csv(text, encoding, digest)


def _decode(raw: bytes) -> tuple[str, str]:
    if raw.startswith(_WORKBOOKS):
        raise InvalidInput("file", "is a workbook, not a CSV file", "Save it as CSV, UTF-8, from the spreadsheet.")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif raw.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    elif unmarked := _unmarked_utf16(raw[:400]):
        encoding = unmarked
    else:
        encoding = "utf-8"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or not raw[: error.start].isascii():
            # Broken in the middle of what was this encoding so far: reading on in another one would garble names.
            raise _undecodable(raw, error.start, encoding) from None
        encoding = "cp1252"
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError as second:
            raise _undecodable(raw, second.start, "utf-8 or cp1252") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InvalidInput("file", f"holds a NUL character on line {line}", "Save it as CSV, UTF-8.")
    return text, encoding


def _unmarked_utf16(beginning: bytes) -> str | None:
    """A spreadsheet's "Unicode text" without its mark: of a header's ASCII characters every other byte is zero."""
    halves = {"utf-16-be": beginning[0::2], "utf-16-le": beginning[1::2]}
    return next((name for name, high in halves.items() if high.count(0) * 2 > len(high)), None)


def _undecodable(raw: bytes, place: int, encoding: str) -> InvalidInput:
    line = raw.count(b"\n", 0, place) + 1
    problem = f"is not {encoding} at byte {place} on line {line}"
    return InvalidInput("file", problem, "Save it as CSV, UTF-8 (UTF-16 and Windows-1252 can be read as well).")


def _meaning(header: str) -> str | None:
    return _MEANINGS.get("".join(fold(header).replace("_", " ").split()))


def _read_csv(text: str, encoding: str, digest: str) -> Sheet:
    text = text.removeprefix("\ufeff")
    first_line = 1
    hinted = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if hinted:  # what spreadsheets write above the header
        text, first_line = text[hinted.end() :], 2
    if not text.strip():
        raise InvalidInput("file", "is empty", f"It has a header and rows: {', '.join(COLUMNS)}.")
    delimiter = max(_DELIMITERS, key=lambda mark: _recognised(text, mark))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[SheetRow] = []
    columns: dict[int, str] = {}
    header: list[str] = []
    line = first_line
    try:
        for cells in reader:
            begins, line = line, reader.line_num + first_line
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [cell.strip() for cell in cells]
                columns = _columns(header)
                continue
            rows.append(_csv_row(begins, cells, columns, len(header)))
            if len(rows) > MAX_ROWS:
                raise _too_many()
    except csv.Error as error:
        problem = "a quote is not closed" if "end of data" in str(error) else "a quote is in the wrong place"
        raise InvalidInput("file", f"line {line}: {problem}", "Write a quote inside a quoted cell twice.") from None
    return Sheet(
        tuple(rows), {name: header[index] for index, name in columns.items()}, _ignored(header, columns), encoding,
        delimiter, digest,
    )  # fmt: skip


def _recognised(text: str, delimiter: str) -> int:
    """How many columns of the header mean something, when this is what is between them."""
    start = text.lstrip("\r\n")[:10_000]
    try:
        header = next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return 0
    return sum(_meaning(cell) is not None for cell in header)


def _columns(header: Sequence[str]) -> dict[int, str]:
    columns: dict[int, str] = {}
    for index, cell in enumerate(header):
        meaning = _meaning(cell)
        if meaning is None:
            continue
        if meaning in columns.values():
            other = next(header[place] for place, name in columns.items() if name == meaning)
            raise InvalidInput("file", f"two columns mean the {meaning}: {other!r} and {cell!r}", "Remove one of them.")
        columns[index] = meaning
    if "tenant_id" not in columns.values():
        known = ", ".join(f'"{alias}"' for alias in ALIASES["tenant_id"])
        raise InvalidInput("file", "has no column with tenant ids", f"Its header may be one of: {known}.")
    return columns


def _ignored(header: Sequence[str], columns: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(cell for index, cell in enumerate(header) if index not in columns and cell)


def _csv_row(line: int, cells: Sequence[str], columns: Mapping[int, str], width: int) -> SheetRow:
    found = {name: _plain(cells[index].strip()) for index, name in columns.items() if index < len(cells)}
    found = {name: cell for name, cell in found.items() if cell}
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        return SheetRow(line, found, f"has {len(cells)} cells, and the header has {width}")
    return _checked(line, found)


def _checked(line: int, found: dict[str, str]) -> SheetRow:
    for name, cell in found.items():
        if len(cell) > MAX_CELL:
            return SheetRow(line, found | {name: ""}, f"{name}: is longer than {MAX_CELL} characters")
    return SheetRow(line, found)


def _too_many() -> InvalidInput:
    return InvalidInput("file", f"has more than {MAX_ROWS:,} rows", "Cut it into parts.")


def _read_json(text: str, encoding: str, digest: str) -> Sheet:
    try:
        document = msgspec.json.decode(text.removeprefix("\ufeff"))
    except (msgspec.DecodeError, RecursionError):
        raise InvalidInput("file", "begins like JSON and is none", "Write a list of objects, or CSV.") from None
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        raise InvalidInput("file", "is JSON, but no list of objects", f"With the keys {', '.join(COLUMNS)}.")
    if len(document) > MAX_ROWS:
        raise _too_many()
    header = list(dict.fromkeys(str(key) for entry in document for key in entry))
    columns = _columns(header) if document else {}
    names = {header[index]: name for index, name in columns.items()}
    rows = []
    for number, entry in enumerate(document, 1):
        found = {names[key]: _json_cell(value) for key, value in entry.items() if key in names}
        rows.append(_checked(number, {name: cell for name, cell in found.items() if cell}))
    return Sheet(
        tuple(rows), {name: header[index] for index, name in columns.items()}, _ignored(header, columns), encoding, "",
        digest,
    )  # fmt: skip


def _json_cell(value: Any) -> str:
    if isinstance(value, list):
        return ";".join(str(part) for part in value)
    return "" if value is None else str(value).strip()


def split_tags(cell: str) -> tuple[str, ...]:
    """Returns the tags of a cell: what is between semicolons, bars or commas."""
    return tuple(part.strip() for part in _TAG_SEPARATORS.split(cell) if part.strip())


def _plain(cell: str) -> str:
    """Undoes what `_harmless` did."""
    return cell[1:] if _QUOTED_FORMULA.match(cell) else cell


def _harmless(cell: str) -> str:
    """Puts a quote before what a spreadsheet would run as a formula (OWASP, "CSV Injection")."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def write_csv(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Writes rows as CSV, a line at a time: UTF-8 for a spreadsheet (with the mark that it looks for), commas, our header."""
    yield "\ufeff" + _line(COLUMNS)
    for row in rows:
        yield _line([_harmless(row.get(name, "")) for name in COLUMNS])


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()
