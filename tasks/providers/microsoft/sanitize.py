"""What may leave this folder: text and evidence, reduced.

Promise: nothing that comes out of here holds a control character, a token, a credential's name or more than a few hundred characters.
Microsoft's error texts do not come here at all; they are matched in `errors` and dropped. Names that Microsoft sends (a tenant's display
name, a domain) pass, cleaned.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from storage.failures import FORBIDDEN_TEXT
from storage.verification import EvidenceValue

NAME_LIMIT: Final = 256
EVIDENCE_LIMIT: Final = 200
_LIST_LIMIT: Final = 60
_WITHHELD: Final = "(withheld)"
_KEY: Final = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
_GUID: Final = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_PERMISSION: Final = re.compile(r"\b[A-Z][A-Za-z-]{1,60}(?:\.[A-Za-z-]{1,40}){1,3}\b")
# A JSON Web Token or its beginning: base64url of `{"`.
_TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_-]{8,}")
_ACTIONS: Final = frozenset({"Read", "ReadBasic", "ReadWrite"})


def text(value: object, limit: int = EVIDENCE_LIMIT) -> str:
    """Reduces a string from outside to one printable line of at most `limit` characters.

    Control and formatting characters (escape sequences, bidirectional overrides) are dropped. A value that looks like a token or holds
    one of the words that no stored text may hold is withheld whole.
    """
    raw = value if isinstance(value, str) else ""
    # A name may be megabytes long: only the part that can matter is looked at.
    printable = "".join(
        " " if unicodedata.category(char) in ("Zs", "Zl", "Zp") or char in "\t\r\n" else char
        for char in raw[: limit * 4]
        if char in "\t\r\n" or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs", "Cn")
    )
    line = " ".join(printable.split())
    if _TOKEN.search(line) or any(word.strip().lower() in line.lower() for word in FORBIDDEN_TEXT):
        return _WITHHELD
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def guid(value: object) -> str:
    """Returns a GUID in lower case, or an empty string when the value is not one."""
    lowered = value.strip().lower() if isinstance(value, str) else ""
    return lowered if _GUID.match(lowered) else ""


def names(values: Iterable[object], limit: int = _LIST_LIMIT) -> tuple[str, ...]:
    """Cleans a list of names; keeps at most `limit` of them, without empty ones."""
    kept: list[str] = []
    for value in values:
        cleaned = text(value)
        if cleaned:
            kept.append(cleaned)
        if len(kept) == limit:
            break
    return tuple(kept)


def permission_names(found_in: str) -> tuple[str, ...]:
    """Picks the Graph permission names out of a text, in order, each once, ten at most; everything else of it is dropped."""
    found = (match for match in _PERMISSION.findall(found_in[:20_000]) if _ACTIONS & set(match.split(".")[1:]))
    return tuple(dict.fromkeys(found))[:10]


def evidence(values: Mapping[str, object]) -> dict[str, EvidenceValue]:
    """Reduces evidence to what a report may hold: plain keys; numbers, flags, cleaned strings and lists of cleaned strings."""
    reduced: dict[str, EvidenceValue] = {}
    for key, value in values.items():
        if not _KEY.match(key):
            continue
        if value is None or isinstance(value, (bool, int)):
            reduced[key] = value
        elif isinstance(value, (tuple, list, set, frozenset)):
            reduced[key] = names(sorted(value) if isinstance(value, (set, frozenset)) else value)
        else:
            reduced[key] = text(value)
    return reduced
