"""What went wrong in a run, reduced to what may be stored.

Promise: a stored failure holds a reason code, a sentence of ours, a count, the provider's own code without telling prefixes and a
request id. A provider's text is never stored, and neither is anything that looks like a credential.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from storage import reasons
from storage.fields import clean_foreign

FORBIDDEN_TEXT: Final = ("client_secret", "Bearer ", "access_token", "refresh_token", "Authorization")
"""No stored failure and no log line may contain any of these; a guard test reads them literally."""

_TELLING_PREFIX: Final = re.compile(r"^(Authorization|Authentication)_", re.IGNORECASE)
_NOT_CODE: Final = re.compile(r"[^A-Za-z0-9_.]")
_NOT_ID: Final = re.compile(r"[^A-Za-z0-9-]")


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failure in a run.

    Attributes:
        reason_code: an entry of `storage.reasons`.
        sentence: one sentence of ours.
        count: how often it happened.
        provider_code: the provider's code, cleaned (`RequestDenied`, `AADSTS7000222`); empty when there was none.
        request_id: the provider's request id of the first one.
    """

    reason_code: str
    sentence: str
    count: int = 1
    provider_code: str = ""
    request_id: str = ""


def is_telling(text: str) -> bool:
    """Says whether a text holds one of the words that no stored text may hold, in any case."""
    folded = text.lower()
    return any(word.lower() in folded for word in FORBIDDEN_TEXT)


def clean_text(text: str, instead: str = "", limit: int = 400) -> str:
    """Makes a text safe to store: one line without control characters, cut; when it is empty or telling, another one instead."""
    cleaned = clean_foreign(text, limit)
    return cleaned if cleaned and not is_telling(f"{cleaned} ") else instead


def clean_provider_code(code: str) -> str:
    """Reduces a provider's error code to letters, digits, dots and underscores, without the prefixes that a guard looks for."""
    while (shorter := _TELLING_PREFIX.sub("", code)) != code:
        code = shorter
    cleaned = _NOT_CODE.sub("", code)[:64]
    return "" if is_telling(cleaned) else cleaned


def clean_request_id(request_id: str | None) -> str:
    """Reduces a provider's request id to letters, digits and hyphens, 64 characters at most."""
    cleaned = _NOT_ID.sub("", request_id or "")[:64]
    return "" if is_telling(cleaned) else cleaned


def failure(
    reason_code: str, sentence: str = "", *, count: int = 1, provider_code: str = "", request_id: str | None = None
) -> Failure:
    """Makes a failure that is safe to store.

    A sentence that contains a forbidden word is replaced by the reason's own; an empty one too.
    """
    reason = reasons.find(reasons.UNKNOWN_ERROR if is_telling(reason_code) else reason_code)
    return Failure(
        reason.code,
        clean_text(sentence, reason.sentence),
        max(1, count),
        clean_provider_code(provider_code),
        clean_request_id(request_id),
    )
