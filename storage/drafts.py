"""Drafts: what somebody has typed into a form and not yet sent, kept for the next session.

Promise: a draft is its author's alone; nobody else reads it, whatever their role. It holds only the fields that are given, never one
that is named like a secret, and is small. Saving one changes nothing that others see, so it is neither audited nor announced.

Must not know: what forms there are, or what their fields mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import delete, insert, or_, select, update

from storage.access import Principal, authority, require_person
from storage.database import Database, Transaction
from storage.errors import InvalidInput, NotFound
from storage.schema import drafts

MAX_BYTES: Final = 32_768
"""A form's worth of text: the fields of the longest form are a few thousand."""

MAX_FIELDS: Final = 100
KEPT: Final = 100
"""How many drafts one person may have; the one that was not touched for longest goes first."""

_FORM: Final = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")
_FIELD: Final = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,63}$")
_SECRET_WORDS: Final = re.compile(
    r"(^|[_.-])(secret|password|passwd|passphrase|token|pfx|pem|private[_.-]?key|api[_.-]?key|state)([_.-]|$)"
)
_HARMLESS_END: Final = re.compile(r"[_.-](kind|starts|expires|expiry|until)$")
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed.

    Attributes:
        form: which form, such as `tenant.create`.
        subject: what it is about, such as `tenant:12`; empty for a form about nothing yet.
        document: field → text.
        workspace_id: whose the thing is; None for a form outside any workspace.
        updated_at: when it was saved last.
    """

    form: str
    subject: str
    document: Mapping[str, str]
    workspace_id: int | None
    updated_at: datetime


def save(
    db: Database,
    who: Principal,
    form: str,
    subject: str,
    document: Mapping[str, str],
    workspace_id: int | None = None,
) -> Draft:
    """Keeps what was typed, in the place of an older draft of the same form and subject.

    Args:
        db: the database.
        who: the author.
        form: which form.
        subject: what it is about.
        document: field → text. The caller passes the fields that may be kept, never one that holds a secret.
        workspace_id: whose the thing is.

    Raises:
        InvalidInput: a name cannot be used, a field looks like a secret's, or the draft is too large.
        NotFound: the author may not enter the workspace (any more).
        Forbidden: the author is no active user.
    """
    _check_names(form, subject)
    kept = _checked(document)

    def work(tx: Transaction) -> Draft:
        user_id = require_person(tx, who)
        if workspace_id is not None and not authority(tx, who).may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        now = tx.now()
        values = {"document": kept, "workspace_id": workspace_id, "updated_at": now}
        place = (drafts.c.user_id == user_id, drafts.c.form == form, drafts.c.subject == subject)
        if tx.run(update(drafts).where(*place).values(**values)).rowcount == 0:
            tx.run(insert(drafts).values(user_id=user_id, form=form, subject=subject, **values))
            _drop_oldest(tx, user_id)
        return Draft(form, subject, kept, workspace_id, now)

    return db.write(work)


def load(db: Database, who: Principal, form: str, subject: str) -> Draft | None:
    """Returns one's own draft of a form; None when there is none, or when its workspace may not be entered any more.

    Raises:
        Forbidden: who asks is no active user.
    """
    with db.read() as tx:
        user_id = require_person(tx, who)
        row = tx.run(
            select(drafts).where(drafts.c.user_id == user_id, drafts.c.form == form, drafts.c.subject == subject)
        ).first()
        if row is None or (row.workspace_id is not None and not authority(tx, who).may_enter(row.workspace_id)):
            return None
        return _draft(row)


def mine(db: Database, who: Principal, workspace_id: int) -> tuple[Draft, ...]:
    """Returns one's own drafts in a workspace and those outside any, the latest first.

    Raises:
        NotFound: the workspace may not be entered.
        Forbidden: who asks is no active user.
    """
    with db.read() as tx:
        user_id = require_person(tx, who)
        if not authority(tx, who).may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        rows = tx.run(
            select(drafts)
            .where(
                drafts.c.user_id == user_id,
                or_(drafts.c.workspace_id == workspace_id, drafts.c.workspace_id.is_(None)),
            )
            .order_by(drafts.c.updated_at.desc(), drafts.c.id.desc())
        ).all()
        return tuple(_draft(row) for row in rows)


def discard(db: Database, who: Principal, form: str, subject: str) -> None:
    """Throws one's own draft away; nothing happens when there is none.

    Raises:
        Forbidden: who asks is no active user.
    """

    def work(tx: Transaction) -> None:
        user_id = require_person(tx, who)
        tx.run(delete(drafts).where(drafts.c.user_id == user_id, drafts.c.form == form, drafts.c.subject == subject))

    db.write(work)


def _check_names(form: str, subject: str) -> None:
    if not _FORM.match(form):
        raise InvalidInput("form", "is not a form's name", "It looks like tenant.create.")
    if len(subject) > 200 or not subject.isprintable():
        raise InvalidInput("subject", "cannot be kept", "It is up to 200 printable characters.")


def _checked(document: Mapping[str, str]) -> dict[str, str]:
    if len(document) > MAX_FIELDS:
        raise InvalidInput("draft", f"has more than {MAX_FIELDS} fields")
    for field, value in document.items():
        if not _FIELD.match(field):
            raise InvalidInput("draft", "holds a field whose name cannot be kept", "Names look like primary_domain.")
        if (_SECRET_WORDS.search(field) and not _HARMLESS_END.search(field)) or _PRIVATE_KEY.search(value):
            raise InvalidInput(field, "is never kept in a draft", "Type it again when you send the form.")
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidInput(field, "holds a character that cannot be kept", "Type it instead of pasting it.")
    kept = dict(document)
    if len(msgspec.json.encode(kept)) > MAX_BYTES:
        raise InvalidInput("draft", f"is larger than {MAX_BYTES // 1024} KiB", "Shorten the longest field.")
    return kept


def _drop_oldest(tx: Transaction, user_id: int) -> None:
    newest_first = (
        select(drafts.c.id).where(drafts.c.user_id == user_id).order_by(drafts.c.updated_at.desc(), drafts.c.id.desc())
    )
    if beyond := tx.run(newest_first.offset(KEPT)).scalars().all():
        tx.run(delete(drafts).where(drafts.c.id.in_(beyond)))


def _draft(row: Any) -> Draft:
    return Draft(row.form, row.subject, dict(row.document), row.workspace_id, row.updated_at)
