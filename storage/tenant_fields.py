"""What people may write about a tenant: reading each field, once, for forms, commands and imports alike.

Promise: every rule about a tenant's field is here and names the field and the fix. Pure functions; knows no table.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from storage.errors import InvalidInput
from storage.fields import read_domain, read_guid, read_name
from storage.filters import fold
from storage.states import Cloud, TenantLifecycle

MAX_CONTACT: Final = 400
MAX_NOTE: Final = 4000
MAX_TAGS: Final = 50

LABELS: Final[Mapping[str, str]] = {
    "name": "tenant name",
    "entra_tenant_id": "tenant id",
    "primary_domain": "primary domain",
    "cloud": "cloud",
    "lifecycle": "lifecycle",
    "contact": "contact",
    "time_zone": "time zone",
    "note": "note",
    "tags": "tags",
}
"""The fields that can be edited, with the names people know them by."""


def read_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Reads what an editor wants, each field by its rule.

    Raises:
        InvalidInput: a field cannot be used, or there is no such field.
    """
    return {name: read_field(name, value) for name, value in changes.items()}


def read_field(name: str, value: Any) -> Any:
    """Reads one field by its name in `LABELS`.

    Raises:
        InvalidInput: it cannot be used, or there is no such field.
    """
    match name:
        case "name":
            return read_name(LABELS[name], value)
        case "entra_tenant_id":
            return read_guid(LABELS[name], value)
        case "primary_domain":
            return read_primary_domain(value)
        case "cloud":
            return read_cloud(value)
        case "lifecycle":
            return _read_lifecycle(value)
        case "contact":
            return read_contact(value)
        case "time_zone":
            return read_time_zone(value)
        case "note":
            return read_note(value)
        case "tags":
            return read_tags(value)
    raise InvalidInput("field", f"{name} is not one of a tenant", f"Use one of: {', '.join(sorted(LABELS))}.")


def read_primary_domain(text: str | None) -> str | None:
    """Reads a domain; blank means that none is known.

    Raises:
        InvalidInput: it is not a domain name.
    """
    if text is None or not text.strip():
        return None
    return read_domain(LABELS["primary_domain"], text)


def read_cloud(text: str) -> Cloud:
    """Reads a cloud by its word here.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return Cloud(text.strip().lower())
    except ValueError:
        raise InvalidInput("cloud", "is not known", f"Use one of: {', '.join(Cloud)}.") from None


def _read_lifecycle(text: str) -> TenantLifecycle:
    try:
        lifecycle = TenantLifecycle(text.strip().lower())
    except ValueError:
        raise InvalidInput("lifecycle", "is not known", "Use draft, onboarding or active.") from None
    if lifecycle is TenantLifecycle.ARCHIVED:
        raise InvalidInput("lifecycle", "is not set to archived by editing", "Archive or offboard the tenant.")
    return lifecycle


@cache
def _time_zones() -> Mapping[str, str]:
    return {name.casefold(): name for name in available_timezones()}


def read_time_zone(text: str) -> str:
    """Reads an IANA time zone, however it is capitalized; blank means UTC. The zones are those of `zoneinfo`.

    Raises:
        InvalidInput: it is none.
    """
    found = _time_zones().get(text.strip().casefold() or "utc")
    if found is None:
        raise InvalidInput("time zone", "is not known", "Use an IANA name such as Europe/Berlin.")
    return found


def read_contact(text: str) -> str:
    """Reads whom to ask: one line, may be empty.

    Raises:
        InvalidInput: it is too long or holds control characters.
    """
    return _text("contact", " ".join(text.split()), MAX_CONTACT, "")


def read_note(text: str) -> str:
    """Reads a note: lines of text, may be empty.

    Raises:
        InvalidInput: it is too long or holds control characters.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _text("note", "\n".join(line.rstrip() for line in lines).strip(), MAX_NOTE, "\n\t")


def _text(field: str, text: str, limit: int, allowed: str) -> str:
    if len(text) > limit:
        raise InvalidInput(field, f"is longer than {limit} characters", "Shorten it.")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") and c not in allowed for c in text):
        raise InvalidInput(field, "holds control characters", "Type it instead of pasting it.")
    return text


def read_tags(names: Iterable[str]) -> tuple[str, ...]:
    """Reads tags: folded, each once, in order.

    Raises:
        InvalidInput: one cannot be used, or there are too many.
    """
    found = tuple(sorted({read_tag(name) for name in names}))
    if len(found) > MAX_TAGS:
        raise InvalidInput("tags", f"are more than {MAX_TAGS}", "Use fewer.")
    return found


def read_tag(name: str) -> str:
    """Reads one tag, folded as the filter line folds what it looks for.

    Raises:
        InvalidInput: it is empty, too long, or holds a comma, a semicolon or control characters.
    """
    folded = fold(read_name("tag", name))
    if any(separator in folded for separator in ',;"'):
        raise InvalidInput("tag", "holds a comma, a semicolon or a quote", "Use words and hyphens.")
    return folded
