"""Reason codes: every way things go wrong (or need attention), each with who fixes it and what to do next.

Promise: a reason code is stable; people, exports and alerts rely on it. Each has a category, whether trying again can help, who
fixes it, a sentence and a next step. This module knows no HTTP status and no Microsoft error number: those are mapped to reasons in
one place, by the gateway.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec


class Category(StrEnum):
    """What kind of thing is wrong."""

    CREDENTIAL = "credential"
    CONSENT = "consent"
    PERMISSION = "permission"
    LICENCE = "licence"
    THROTTLING = "throttling"
    OUTAGE = "outage"
    NETWORK = "network"
    DATA = "data"
    INTERNAL = "internal"


class FixBy(StrEnum):
    """Who can mend it."""

    US = "us"
    CUSTOMER = "customer"
    MICROSOFT = "Microsoft"
    WAIT = "wait"


class Retryable(StrEnum):
    """Whether trying again without changing anything can help."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """One entry of the catalog.

    Attributes:
        code: the stable name.
        category: what kind of thing is wrong.
        retryable: whether trying again can help by itself.
        fix_by: who mends it.
        sentence: what is wrong, for people.
        next_step: what to do, for somebody who may do it.
        link: the documentation page, empty when there is none.
        propagates: right after a consent or credential change it is usual and passes by itself within minutes.
    """

    code: str
    category: Category
    retryable: Retryable
    fix_by: FixBy
    sentence: str
    next_step: str
    link: str = ""
    propagates: bool = False

    @property
    def is_transient(self) -> bool:
        """Throttling, outages and network trouble say nothing about the connection: they never change a badge."""
        return self.category in (Category.THROTTLING, Category.OUTAGE, Category.NETWORK)

    @property
    def needs_management(self) -> bool:
        """Whether mending it changes the connection itself rather than only running something again."""
        return self.category in (
            Category.CREDENTIAL,
            Category.CONSENT,
            Category.PERMISSION,
            Category.LICENCE,
            Category.DATA,
        )


UNKNOWN_ERROR: Final = "unknown_error"


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    category: Category
    retryable: Retryable
    fix_by: FixBy
    sentence: str
    next_step: str
    link: str = ""
    propagates: bool = False


@cache
def catalog() -> MappingProxyType[str, Reason]:
    """Returns every reason by its code, in the order of the catalog file (`reasons.toml`, beside this module)."""
    entries = msgspec.toml.decode(
        (Path(__file__).with_name("reasons.toml")).read_bytes(), type=dict[str, _Entry], strict=True
    )
    return MappingProxyType(
        {
            code: Reason(
                code=code,
                category=entry.category,
                retryable=entry.retryable,
                fix_by=entry.fix_by,
                sentence=entry.sentence,
                next_step=entry.next_step,
                link=entry.link,
                propagates=entry.propagates,
            )
            for code, entry in entries.items()
        }
    )


def find(code: str) -> Reason:
    """Returns the reason with this code; an unlisted code reads as `unknown_error` but keeps its own name."""
    known = catalog().get(code)
    if known is not None:
        return known
    fallback = catalog()[UNKNOWN_ERROR]
    return Reason(
        code if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", code) else UNKNOWN_ERROR,
        fallback.category,
        fallback.retryable,
        fallback.fix_by,
        fallback.sentence,
        fallback.next_step,
    )
