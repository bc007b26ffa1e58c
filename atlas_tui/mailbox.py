"""The person's inbox, as the dashboard keeps it: how much is unread, saying what arrives, opening and marking.

Promise: a notification is said once, when it arrives while the dashboard is open; what waited before is only counted on line 1. Opening
one marks it as read, and so does arriving while its page is open; a toast that nobody followed stays unread.

Must not know: screens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from atlas_tui.links import Link, to_batch, to_run
from atlas_tui.widgets.flash_line import Level
from storage.errors import AtlasError
from storage.states import RunOutcome

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from storage.notifications import Inbox, Notification

_LEVELS: dict[RunOutcome | None, Level] = {
    RunOutcome.SUCCEEDED: "ok",
    RunOutcome.PARTIALLY_SUCCEEDED: "warn",
    RunOutcome.FAILED: "bad",
    RunOutcome.BLOCKED: "bad",
    RunOutcome.LOST: "bad",
}


def link_of(found: Notification) -> Link | None:
    """What a notification is about; None when that is gone."""
    if found.run_id is not None:
        return to_run(found.run_id)
    return to_batch(found.batch_id) if found.batch_id is not None else None


class Mailbox:
    """What is known of the inbox of the person at the keyboard.

    Args:
        app: Where it is said.
    """

    def __init__(self, app: AtlasApp) -> None:
        self._app = app
        self.inbox: Inbox | None = None
        """None before it was looked at."""

    def look(self) -> None:
        """Count what is unread, and say what is new since the last look; the first look says nothing."""
        from storage import notifications

        session, known = self._app.session, None if self.inbox is None else self.inbox.newest_id
        self._app.ask(
            "notifications",
            lambda: notifications.look(session.db, session.who, known),
            self._take,
            lambda error: None,
        )

    def _take(self, inbox: Inbox) -> None:
        self.inbox = inbox
        if inbox.arrived:
            newest, more = inbox.arrived[0], len(inbox.arrived) - 1
            text = f"{newest.title} (and {more} more)" if more else newest.title
            level, link, seen = _LEVELS.get(newest.outcome, "info"), link_of(newest), self._app.seen
            if link is not None and seen is not None and seen.link() == link:
                # Its page is open and shows it: there is nothing left to open.
                self.mark((newest.id,))
                self._app.flash(text, level)
            else:
                self._app.flash(text, level, link, about=newest)
        self._app.show_status()

    def open(self, found: Notification) -> None:
        """Go to what a notification is about, into its workspace when it is in another one, and mark it as read."""
        link = link_of(found)
        if found.read_at is None:
            self.mark((found.id,))
        if link is None:
            self._app.flash("What it was about is not there any more.", "warn")
            return
        if found.workspace_id != self._app.session.workspace.workspace_id:
            try:
                self._app.enter_workspace(found.workspace)
            except AtlasError as error:
                self._app.flash(str(error), "bad")
                return
            self._app.flash(f"You are in {found.workspace} now; :workspace goes back.")
        # Behind a change of workspace, which makes every screen anew.
        self._app.call_next(lambda: self._app.navigation.go(link))

    def mark(self, ids: Collection[int], told: Callable[[int], None] = lambda marked: None) -> None:
        """Mark notifications as read.

        Args:
            ids: Which.
            told: Gets how many were unread.
        """
        from storage import notifications

        notice = self._app.notice
        if notice is not None and notice.about is not None and notice.about.id in ids:
            self._app.clear_notice()
        session = self._app.session
        self._app.ask("mark read", lambda: notifications.mark_read(session.db, session.who, ids), told, self._failed)

    def mark_all(self, text: str, told: Callable[[int], None]) -> None:
        """Mark everything that a filter line finds as read.

        Args:
            text: The filter line.
            told: Gets how many were unread.
        """
        from storage import notifications

        session = self._app.session
        self._app.ask(
            "mark read", lambda: notifications.mark_all_read(session.db, session.who, text), told, self._failed
        )

    def _failed(self, error: AtlasError) -> None:
        self._app.flash(str(error), "bad")
