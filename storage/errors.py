"""The errors that people may see.

Promise: every error that leaves a room of this project is an `AtlasError`: a sentence that says what is wrong and names the
field, and a hint that says what to do next. Neither ever holds a secret or the text of another library's exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.access import Principal


class AtlasError(Exception):
    """Something a person can be told.

    Args:
        message: one sentence, what is wrong, naming the field or the thing.
        hint: one sentence, the next step; empty when there is none.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        end = "" if self.message.endswith((".", "!", "?", "…")) else "."
        return f"{self.message}{end} {self.hint}"


class InvalidInput(AtlasError):
    """A value that was typed or read from a file cannot be used.

    Args:
        field: the field's name as the person knows it.
        problem: what is wrong with the value (never the value itself when it may be a secret).
        hint: what a good value looks like.
    """

    exit_code = 2

    def __init__(self, field: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{field}: {problem}", hint)
        self.field = field


class NotFound(AtlasError):
    """The thing does not exist, or the principal is not entitled to know that it does.

    Both read the same, hint and all, so that nobody finds out by trying numbers what others have.
    """

    exit_code = 4

    def __init__(self, message: str, hint: str = "It may have been removed, or you may have no access to it.") -> None:
        super().__init__(message, hint)


class Forbidden(AtlasError):
    """The principal may see the thing but not do this to it.

    Attributes:
        who: who asked; None when that is not known, and then a refused read is not written down.
        capability: what it would have taken; empty when it is no capability.
        workspace_id: whose audit trail tells of the refusal; None when it was no workspace's.
        tenant_id: the tenant it was about; None when about the whole workspace.
        what: what it was about, as `Connection 12`.
    """

    exit_code = 5
    workspace_id: int | None = None
    tenant_id: int | None = None

    def __init__(
        self, message: str, hint: str = "", *, who: Principal | None = None, capability: str = "", what: str = ""
    ) -> None:
        super().__init__(message, hint)
        self.who = who
        self.capability = capability
        self.what = what


class Conflict(AtlasError):
    """The thing exists already or changed meanwhile."""

    exit_code = 6


class DatabaseError(AtlasError):
    """The database cannot be used: unreachable, locked, damaged, not ours, or of another version."""

    exit_code = 7


class DatabaseBusy(DatabaseError):
    """The database stayed locked by another process for longer than we wait. Trying again may help."""


class DatabaseTooNew(DatabaseError):
    """The database was written by a newer program than this one."""


class DatabaseTooOld(DatabaseError):
    """The database has migrations to run before this program can use it."""


class KeyMissing(AtlasError):
    """The key that opens credentials is not where the configuration says."""

    exit_code = 8


class KeyWrong(AtlasError):
    """The key is there but does not fit, so a sealed credential cannot be opened."""

    exit_code = 8
