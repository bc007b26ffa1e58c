"""Checking what people type: ids, names, domains. One rule each, one sentence each when it does not hold."""

from __future__ import annotations

import re
import unicodedata
import uuid
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from storage.errors import InvalidInput

MAX_NAME: Final = 200
MAX_TICKET: Final = 200
_DOMAIN: Final = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$")
_SLUG: Final = re.compile(r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")
_LOGIN: Final = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$")


def read_guid(field: str, text: str) -> str:
    """Reads a GUID and returns it in lower case with hyphens.

    Raises:
        InvalidInput: it is not one, or it is the empty GUID.
    """
    cleaned = text.strip().strip("{}")
    if not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", cleaned):
        raise InvalidInput(field, "is not a GUID", "It looks like 8a3c1f0e-1b2c-4d5e-8f90-123456789abc.")
    value = uuid.UUID(cleaned)
    if value.int == 0:
        raise InvalidInput(field, "is the empty GUID", "Copy it from the tenant's overview page.")
    return str(value)


def read_name(field: str, text: str) -> str:
    """Reads a name: any script, no control characters, 1 to 200 characters.

    Raises:
        InvalidInput: it is empty, too long, or holds control characters.
    """
    cleaned = " ".join(text.split())
    if not cleaned:
        raise InvalidInput(field, "is empty", "Give a name.")
    if len(cleaned) > MAX_NAME:
        raise InvalidInput(field, f"is longer than {MAX_NAME} characters", "Shorten it.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") for character in cleaned):
        raise InvalidInput(field, "holds control characters", "Type it instead of pasting it.")
    return cleaned


def read_ticket(text: str | None) -> str | None:
    """Reads a reference for the audit trail: one line, at most 200 characters; None when it is blank.

    Raises:
        InvalidInput: it is longer, or holds control characters.
    """
    cleaned = (text or "").strip()
    if len(cleaned) > MAX_TICKET:
        raise InvalidInput("ticket", f"is longer than {MAX_TICKET} characters", "Give its number.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") for character in cleaned):
        raise InvalidInput("ticket", "holds control characters", "Type it instead of pasting it.")
    return cleaned or None


def read_end(field: str, text: str, now: datetime) -> datetime:
    """Reads a moment that is still to come; without a zone it is UTC.

    Args:
        field: what the sentences call it.
        text: a date, or a date and a time, as ISO 8601.
        now: the present.

    Raises:
        InvalidInput: it is no date, or over.
    """
    try:
        value = datetime.fromisoformat(text)
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        is_over = value <= now
    except (ValueError, OverflowError):
        raise InvalidInput(field, "is not a date", "Write it as 2027-03-31 or 2027-03-31T08:00.") from None
    if is_over:
        raise InvalidInput(field, "is in the past", "Give a moment that is still to come.")
    return value


def read_domain(field: str, text: str) -> str:
    """Reads a DNS domain and returns it in lower case, internationalized labels in their ASCII form.

    Raises:
        InvalidInput: it is not one.
    """
    cleaned = text.strip().rstrip(".").lower()
    try:
        ascii_form = cleaned.encode("idna").decode("ascii") if not cleaned.isascii() else cleaned
    except UnicodeError:
        ascii_form = ""
    if not _DOMAIN.match(ascii_form):
        raise InvalidInput(field, "is not a domain name", "It looks like contoso.com.")
    return ascii_form


def read_redirect_uri(field: str, text: str) -> str:
    """Reads an address that Microsoft may send an answer to: https, or http on `localhost` only; no fragment, no wildcard.

    Source: Microsoft, "Redirect URI (reply URL) restrictions and limitations" (https, the localhost exception, 256 characters).

    Raises:
        InvalidInput: it is not one.
    """
    cleaned = text.strip()
    hint = "Such as http://localhost/atlas-consent or https://consent.example.com/atlas-consent."
    try:
        parts = urlsplit(cleaned)
        good = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == "localhost")
        good = good and bool(parts.hostname) and (parts.port is None or parts.port > 0) and parts.username is None
    except ValueError:
        good = False
    if not good:
        raise InvalidInput(field, "must be https, or http://localhost", hint)
    if len(cleaned) > 256 or "#" in cleaned or "*" in cleaned or not cleaned.isascii() or not cleaned.isprintable():
        raise InvalidInput(
            field, "holds what a redirect URI cannot (a fragment, a wildcard, over 256 characters)", hint
        )
    return cleaned


def read_slug(field: str, text: str) -> str:
    """Reads a short name: lower-case letters, digits and hyphens, at most 40.

    Raises:
        InvalidInput: it is not one.
    """
    cleaned = text.strip()
    if not _SLUG.match(cleaned):
        raise InvalidInput(
            field, "is not a short name", "Use lower-case letters, digits and hyphens, such as north-msp."
        )
    return cleaned


def read_login(field: str, text: str) -> str:
    """Reads an account name.

    Raises:
        InvalidInput: it is not one.
    """
    cleaned = text.strip()
    if not _LOGIN.match(cleaned):
        raise InvalidInput(field, "is not an account name", "Use the operating system's account name.")
    return cleaned


def clean_foreign(text: str, limit: int = 400) -> str:
    """Cuts and cleans text that came from outside (Microsoft's display names): control characters become spaces."""
    cleaned = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text[: limit * 4])
    return " ".join(cleaned.split())[:limit].rstrip()
