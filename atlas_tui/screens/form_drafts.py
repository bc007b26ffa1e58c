"""Keeping drafts: what is typed is written down in a thread of its own, in order, and once more when the dashboard ends.

Promise: what was handed over is written in the order it came, the latest of one form replacing those not yet written; whoever leaves,
quits or loses the line waits for it, but never longer than asked. No secret comes here: `FormState.document` holds none.

Must not know: which forms there are, screens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from atlas_tui.threads import unexpected
from storage.errors import AtlasError

if TYPE_CHECKING:
    from atlas_tui.session import Session

TITLE: Final = "form.title"
"""In a draft's document: what the form was called, for the list of drafts."""


@dataclass(frozen=True, slots=True)
class DraftKey:
    """Whose draft of what.

    Attributes:
        form: Which form.
        subject: What it is about.
        workspace_id: Whose the thing is.
    """

    form: str
    subject: str
    workspace_id: int | None


class DraftKeeper:
    """Writes drafts.

    Args:
        tell: Called in the writing thread when a draft could not be written.
    """

    def __init__(self, tell: Callable[[AtlasError], None]) -> None:
        self._tell = tell
        self._changed = threading.Condition()
        self._waiting: dict[DraftKey, tuple[Session, Mapping[str, str] | None]] = {}
        self._is_writing = False

    def keep(self, session: Session, key: DraftKey, document: Mapping[str, str]) -> None:
        """Write a draft soon; an empty one is discarded."""
        self._put(session, key, document or None)

    def discard(self, session: Session, key: DraftKey) -> None:
        """Throw a draft away soon."""
        self._put(session, key, None)

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written.

        Args:
            seconds: At most so long.

        Returns:
            Whether everything is.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._is_writing, seconds)

    @property
    def is_busy(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._waiting) or self._is_writing

    def _put(self, session: Session, key: DraftKey, document: Mapping[str, str] | None) -> None:
        with self._changed:
            # Taken out first: a later word about one form comes after what waits for the others.
            self._waiting.pop(key, None)
            self._waiting[key] = (session, document)
            if not self._is_writing:
                self._is_writing = True
                threading.Thread(target=self._write, name="atlas-drafts", daemon=True).start()

    def _write(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._is_writing = False
                    self._changed.notify_all()
                    return
                key = next(iter(self._waiting))
                session, document = self._waiting.pop(key)
            try:
                _write_one(session, key, document)
            except AtlasError as error:
                self._tell(error)
            except Exception as error:
                self._tell(unexpected(error))


def _write_one(session: Session, key: DraftKey, document: Mapping[str, str] | None) -> None:
    from storage import drafts

    if document is None:
        drafts.discard(session.db, session.who, key.form, key.subject)
    else:
        drafts.save(session.db, session.who, key.form, key.subject, document, key.workspace_id)
