"""Runbooks: what to do about each reason code, in full.

Promise: every reason of the catalog has one (`runbooks.toml`, beside this module), and the screen, the command line and the docs page show
the same text in the same order. Reads no database and asks nobody, so it is there when nothing else is. Must not know how it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from storage import reasons
from storage.reasons import FixBy, Reason, Retryable


class Shape(StrEnum):
    """How the items of a section belong together."""

    TEXT = "text"
    LIST = "list"
    STEPS = "steps"
    COMMANDS = "commands"


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a runbook.

    Attributes:
        title: what it is about, for people.
        items: its sentences, or its commands.
        shape: sentences, things side by side, things in order, or commands to type.
    """

    title: str
    items: tuple[str, ...]
    shape: Shape = Shape.TEXT


@dataclass(frozen=True, slots=True)
class Runbook:
    """What to do about a reason.

    Attributes:
        reason: the catalog's entry: sentence, who fixes it, next step, link.
        means: what the code means, beyond its sentence.
        causes: what usually brings it about, the likeliest first.
        steps: what to do, in order.
        commands: commands of ours that help; what is in capitals is to be filled in.
        microsoft: what Microsoft calls it; empty when it has no part in it.
    """

    reason: Reason
    means: str
    causes: tuple[str, ...]
    steps: tuple[str, ...]
    commands: tuple[str, ...]
    microsoft: str = ""

    @property
    def sections(self) -> tuple[Section, ...]:
        """The runbook in the order in which it is read."""
        found = [
            Section("What it means", (self.reason.sentence, self.means)),
            Section("Likely causes", self.causes, Shape.LIST),
            Section("Who fixes it", (_WHO[self.reason.fix_by], _HELPS[self.reason.retryable])),
            Section("What to do", self.steps, Shape.STEPS),
            Section("Commands that help", self.commands, Shape.COMMANDS),
            Section("What Microsoft calls it", (self.microsoft,) if self.microsoft else ()),
            Section("Read", (self.reason.link,) if self.reason.link else ()),
        ]
        return tuple(section for section in found if section.items)


_WHO: Final = {
    FixBy.US: "We do, in this program or at the app registration.",
    FixBy.CUSTOMER: "The customer does; we ask them.",
    FixBy.MICROSOFT: "Microsoft does.",
    FixBy.WAIT: "Nobody needs to: it passes by itself.",
}
_HELPS: Final = {
    Retryable.YES: "Trying again can help by itself.",
    Retryable.NO: "Trying again does not help before it is mended.",
    Retryable.UNKNOWN: "Trying again may help.",
}


class _Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    means: str
    causes: tuple[str, ...]
    steps: tuple[str, ...]
    commands: tuple[str, ...]
    microsoft: str


@cache
def _entries() -> dict[str, _Entry]:
    return msgspec.toml.decode(
        Path(__file__).with_name("runbooks.toml").read_bytes(), type=dict[str, _Entry], strict=True
    )


def of(code: str) -> Runbook:
    """Returns the runbook of a reason code; of one that is not listed, that of `unknown_error` under the code's own name."""
    reason = reasons.find(code)
    entry = _entries().get(reason.code) or _entries()[reasons.UNKNOWN_ERROR]
    return Runbook(reason, entry.means, entry.causes, entry.steps, entry.commands, entry.microsoft)
