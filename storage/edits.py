"""Two people edit the same thing: a three-way merge of what the editor saw, what is stored now, and what the editor wants.

Promise: nothing is lost. What only somebody else changed stays theirs; what only the editor changed is written; a field that both
changed, to different values, is refused with both values, and the whole edit with it. Knows no table but the trail, which it asks who
it was. Whatever is merged here is a thing's edited fields, never a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from storage.database import Transaction
from storage.errors import Conflict
from storage.schema import audit_entries


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who changed a thing last, and when, as the trail has it."""

    actor: str
    at: datetime


class EditConflict(Conflict):
    """Somebody else changed the same fields meanwhile; nothing was written.

    Attributes:
        theirs: for each field in conflict, the value the editor saw and the value that is stored now.
        by: who changed the thing last, when the trail knows.
    """

    def __init__(self, theirs: Mapping[str, tuple[Any, Any]], by: LastChange | None = None) -> None:
        who = "Somebody else" if by is None else by.actor
        when = "" if by is None else f" at {by.at:%Y-%m-%d %H:%M:%S}Z"
        fields = ", ".join(name.replace("_", " ") for name in sorted(theirs))
        super().__init__(
            f"{who} changed {fields} meanwhile{when}; nothing of yours was written.",
            "Look at their values and save again.",
        )
        self.theirs = dict(theirs)
        self.by = by


def merge(
    seen: Mapping[str, Any],
    current: Mapping[str, Any],
    changes: Mapping[str, Any],
    *,
    by: Callable[[], LastChange | None] | None = None,
) -> dict[str, Any]:
    """Returns what must be written: the changes that differ from what is stored.

    Args:
        seen: the values the editor was shown. A field that is not here is written without asking what it was (a command line names
            a value outright).
        current: the values as they are stored now; every field of `changes` must be here.
        changes: the values the editor wants. One that equals what was seen is no change of the editor's.
        by: finds out who was faster, asked only when there is a conflict.

    Raises:
        EditConflict: a field was changed by both, to different values.
        KeyError: a change names a field that the thing does not have (a mistake of the caller's).
    """
    effective: dict[str, Any] = {}
    theirs: dict[str, tuple[Any, Any]] = {}
    for name, wanted in changes.items():
        now = current[name]
        if wanted == now or (name in seen and wanted == seen[name]):
            continue
        if name in seen and seen[name] != now:
            theirs[name] = (seen[name], now)
        else:
            effective[name] = wanted
    if theirs:
        raise EditConflict(theirs, None if by is None else by())
    return effective


def last_change(
    tx: Transaction, workspace_id: int, target_kind: str, target_id: int, actions: Collection[str]
) -> LastChange | None:
    """Returns who did one of these actions to a thing last, from the trail; None when nobody did. One look into an index.

    The caller has asked for authority over the thing: who changed it belongs to seeing it.
    """
    row = tx.run(
        select(audit_entries.c.actor, audit_entries.c.at)
        .where(
            audit_entries.c.workspace_id == workspace_id,
            audit_entries.c.target_kind == target_kind,
            audit_entries.c.target_id == str(target_id),
            audit_entries.c.action.in_(sorted(actions)),
            audit_entries.c.outcome == "done",
        )
        .order_by(audit_entries.c.id.desc())
        .limit(1)
    ).first()
    return None if row is None else LastChange(row.actor, row.at)
