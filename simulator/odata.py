"""The OData query options the simulated resources understand.

Promise: an option a resource does not support is refused with 400, as are two expansions, an unknown property in ``$select``
and a filter on a property the resource does not filter by: a client that relies on more than the contract finds out here.
Must not know: resources.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qsl

Row = dict[str, Any]
Rows = Sequence[Row]

_CONDITION = re.compile(
    r"^\(?(?P<name>[A-Za-z][A-Za-z0-9]*)\s+(?P<op>eq|lt|gt|le|ge)\s+(?P<value>'(?:[^']|'')*'|[^\s']+)\)?$"
)
_AND = re.compile(r"\s+and\s+")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "lt": operator.lt,
    "gt": operator.gt,
    "le": operator.le,
    "ge": operator.ge,
}


@runtime_checkable
class Narrowing(Protocol):
    """A list that can answer an equality filter without looking at every row."""

    def narrowed(self, name: str, value: object) -> Rows | None:
        """Return the rows whose property has this value, or None when every row has to be looked at."""


class BadQuery(Exception):
    """A query Graph refuses with 400; ``code`` is the error code, the text its message."""

    def __init__(self, message: str, code: str = "BadRequest") -> None:
        """Remember message and code."""
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Query:
    """Parsed options. ``original`` keeps the options as sent, without ``$skiptoken``, for the next link."""

    select: list[str] = field(default_factory=list)
    top: int | None = None
    filter: str = ""
    expand: str = ""
    count: bool = False
    skip_token: str = ""
    original: list[tuple[str, str]] = field(default_factory=list)


def parse_query(text: str, allowed: Iterable[str]) -> Query:
    """Read a query string.

    Args:
        text: the raw query string.
        allowed: option names with their dollar sign that the resource supports.

    Raises:
        BadQuery: an option is unknown, repeated or malformed.
    """
    query, seen = Query(), set()
    supported = {*allowed, "$skiptoken"}
    for raw, value in parse_qsl(text, keep_blank_values=True):
        name = raw.lower() if raw.startswith("$") else f"${raw.lower()}"
        if name not in supported:
            raise BadQuery(f"The query specified in the URI is not valid. Query option '{raw[:60]}' is not allowed.")
        if name in seen:
            raise BadQuery(
                f"Query option '{name}' was specified more than once, but it must be specified at most once."
            )
        seen.add(name)
        _set(query, name, value)
        if name != "$skiptoken":
            query.original.append((name, value))
    return query


def _set(query: Query, name: str, value: str) -> None:
    if name == "$select":
        query.select = [part.strip() for part in value.split(",") if part.strip()]
    elif name == "$top":
        if not value.isdecimal() or int(value) < 1:
            raise BadQuery(f"Invalid value '{value[:60]}' for $top query option found.")
        query.top = int(value)
    elif name == "$expand":
        if "," in value:
            raise BadQuery("Only one expansion is supported per request.", "Request_UnsupportedQuery")
        query.expand = value.strip()
    elif name == "$count":
        if value.lower() not in ("true", "false"):
            raise BadQuery(f"Invalid value '{value[:60]}' for $count query option found.")
        query.count = value.lower() == "true"
    elif name == "$filter":
        query.filter = value
    else:
        query.skip_token = value


def filtered(rows: Rows, text: str, allowed: Iterable[str]) -> Rows:
    """Return the rows that meet a ``$filter`` of conditions joined with ``and``.

    Raises:
        BadQuery: the filter is malformed or names a property outside ``allowed``.
    """
    if not text:
        return rows
    names = {name.lower(): name for name in allowed}
    tests = []
    for part in _AND.split(text.strip()):
        found = _CONDITION.match(part)
        if found is None:
            raise BadQuery("Invalid filter clause.", "Request_UnsupportedQuery")
        name = names.get(found["name"].lower())
        if name is None:
            raise BadQuery(f"Unsupported or invalid query filter clause specified for property '{found['name']}'.",
                           "Request_UnsupportedQuery")  # fmt: skip
        value = _literal(found["value"])
        narrowed = rows.narrowed(name, value) if found["op"] == "eq" and isinstance(rows, Narrowing) else None
        if narrowed is not None:
            rows = narrowed
            continue
        tests.append((name, _OPERATORS[found["op"]], value))
    if not tests:
        return rows
    return [row for row in rows if all(row[n] is not None and test(row[n], value) for n, test, value in tests)]


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return {"true": True, "false": False}.get(text, text)


def selected(
    rows: Iterable[Row], names: Sequence[str], type_name: str, selectable: Sequence[str] = (), expanded: str = ""
) -> list[Row]:
    """Return the rows with the selected properties only; annotations stay, and so does what was expanded (OData 4.01, part 1, 11.2.5.1).

    Args:
        rows: the rows of a page.
        names: the properties asked for; none asks for all.
        type_name: for the refusal.
        selectable: what may be asked for where the rows are of several types; else it is what the first row has.
        expanded: the property that was expanded, which need not be selected.

    Raises:
        BadQuery: a name is no property of the type.
    """
    found = list(rows)
    if not names or not found:
        return found
    known = {key.lower(): key for key in selectable or found[0]}
    keys = list[str]()
    for name in names:
        key = known.get(name.lower())
        if key is None:
            raise BadQuery(
                f"Parsing OData Select and Expand failed: Could not find a property named '{name[:60]}' on type "
                f"'microsoft.graph.{type_name}'."
            )
        keys.append(key)
    return [
        {key: value for key, value in row.items() if key.startswith("@") or key == expanded}
        | {key: row[key] for key in keys if key in row}
        for row in found
    ]
