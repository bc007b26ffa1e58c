"""What went wrong in a run, reduced to what may be stored.

Promise: a stored failure holds a reason code, a sentence of ours, a count, the provider's own code without telling prefixes and a
request id. A provider's text is never stored, and neither is anything that looks like a credential.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from storage import reasons

FORBIDDEN_TEXT: Final = ("client_secret", "Bearer ", "access_token", "refresh_token", "Authorization")
"""No stored failure and no log line may contain any of these; a guard test reads them literally."""

_TELLING_PREFIX: Final = re.compile(r"^(Authorization|Authentication)_")
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


def clean_provider_code(code: str) -> str:
    """Reduces a provider's error code to letters, digits, dots and underscores, without the prefixes that a guard looks for."""
    return _NOT_CODE.sub("", _TELLING_PREFIX.sub("", code))[:64]


def clean_request_id(request_id: str | None) -> str:
    """Reduces a provider's request id to letters, digits and hyphens, 64 characters at most."""
    return _NOT_ID.sub("", request_id or "")[:64]


def failure(
    reason_code: str, sentence: str = "", *, count: int = 1, provider_code: str = "", request_id: str | None = None
) -> Failure:
    """Makes a failure that is safe to store.

    A sentence that contains a forbidden word is replaced by the reason's own; an empty one too.
    """
    reason = reasons.find(reason_code)
    text = sentence.strip()[:400]
    if not text or any(word.lower() in text.lower() for word in FORBIDDEN_TEXT):
        text = reason.sentence
    return Failure(reason.code, text, max(1, count), clean_provider_code(provider_code), clean_request_id(request_id))
