"""The inbox: how what one started has ended, newest first; unread ones are marked.

Promise: it shows the reader's own and nobody else's; Enter opens what a notification is about and marks it as read; the menu `x` marks
without opening.

Must not know: how a run's page looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from atlas_tui.badges import RUN_BADGE_WIDTH, badge, run_badge
from atlas_tui.cells import Cell, Line, Part, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.commands import REGISTRY
from atlas_tui.links import Link, View
from atlas_tui.mailbox import link_of
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank, field
from atlas_tui.screens.run_text import run_lines
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.confirm import Confirm
from atlas_tui.widgets.menu import Menu, MenuItem
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import notifications, runs
from storage.consequences import count
from storage.notifications import Notification
from storage.runs import RunDetail
from storage.states import NotificationKind, RunStatus, Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place


@dataclass(frozen=True, slots=True)
class NotificationRead:
    """A notification, and the run it is about; None for a batch."""

    notification: Notification
    run: RunDetail | None


def _state(row: Notification, now: datetime) -> Cell:
    if row.outcome is not None:
        return run_badge(RunStatus.COMPLETED, row.outcome)
    return badge("~", "bulk" if row.kind is NotificationKind.BATCH_COMPLETED else "gone", RUN_BADGE_WIDTH)


def _title(row: Notification, now: datetime) -> Cell:
    return cell(row.title, "muted" if row.read_at is not None else "strong")


_COLUMNS: tuple[Column[Notification], ...] = (
    Column("unread", "", lambda row, now: cell("*" if row.read_at is None else "", "info"), 1),
    Column("state", "STATE", _state, RUN_BADGE_WIDTH),
    Column("title", "WHAT", _title, 30, share=1),
    Column("workspace", "WORKSPACE", lambda row, now: cell(row.workspace), 10, priority=2),
    Column(
        "age",
        "AGE",
        lambda row, now: cell(age_bucket(now - row.created_at)),
        5,
        priority=1,
        align="right",
        age_of=lambda row: row.created_at,
    ),
)


class InboxScreen(ListScreen[Notification]):
    """The list."""

    VIEW = View.INBOX
    PLACES = (Where.LIST, Where.INBOX, Where.INBOX_ACTION)
    TOPICS = frozenset({Topic.NOTIFICATIONS})
    FILTER_HINT: ClassVar[str] = "word  !word  unread:yes  kind:run  outcome:failed  since:1d"
    ORDER: ClassVar[str] = "newest first"
    TEXTS = ListTexts(
        empty="Nothing was told to you yet.",
        empty_hint="What you start yourself is told here when it has ended; a schedule tells nobody.",
    )

    def tab(self) -> View:
        """Runs: it is about how they ended."""
        return View.RUNS

    def crumb(self) -> str:
        """What this is."""
        return "inbox"

    def columns(self, wide: bool) -> Sequence[Column[Notification]]:
        """The workspace only for somebody who is in several."""
        if self.is_mounted and len(self.session.workspaces) > 1:
            return _COLUMNS
        return [column for column in _COLUMNS if column.key != "workspace"]

    def key_of(self, row: Notification) -> int:
        """Its number."""
        return row.id

    def link_to(self, row: Notification) -> Link:
        """What it is about."""
        return link_of(row) or Link(View.INBOX)

    def id_text(self, row: Notification) -> str:
        """The run's number."""
        return str(row.run_id or row.batch_id or row.id)

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[Notification]:
        """A page of the inbox."""
        return notifications.page(session.db, session.who, asked(request)[0].text, place, request.limit)

    def read_panel(self, session: Session, key: int) -> NotificationRead:
        """What its run's page shows."""
        found = notifications.get(session.db, session.who, key)
        run = None if found.run_id is None else runs.get(session.db, session.who, found.run_id)
        return NotificationRead(found, run)

    def panel_lines(self, read: NotificationRead) -> Composer:
        """The run's whole page, or the notification's sentence."""

        def lines(width: int) -> list[Line]:
            if read.run is None:
                told = field("Told", self.times.since(read.notification.created_at), width)
                return [*field("", read.notification.title, width), *told]
            head: list[Line] = [(Part(f" Run #{read.run.row.id}  {read.run.row.label}", "title"),), blank()]
            return [*head, *run_lines(read.run, self.times, width)]

        return lines

    def open_row(self, row: Notification) -> None:
        """Go to what it is about, and mark it as read."""
        self.atlas.mailbox.open(row)

    def step(self, rows: int) -> Link | None:
        """The next one's run, for the page on top of this one; one of another workspace is opened from here only."""
        link, row = super().step(rows), self.table.cursor_row
        if link is None or row is None or row.workspace_id != self.session.workspace.workspace_id:
            return None
        if row.read_at is None:
            self.atlas.mailbox.mark((row.id,))
        return link

    # Marking

    def command_actions(self) -> None:
        """What can be marked."""
        inbox = self.atlas.mailbox.inbox
        nothing = "Nothing is unread." if inbox is not None and not inbox.unread else ""
        refusals = {"mark_read": nothing or self._nothing_chosen(), "mark_all_read": nothing}
        items = [MenuItem(id, REGISTRY[id].letter, REGISTRY[id].label, why) for id, why in refusals.items()]
        self.app.push_screen(Menu("Inbox", items), lambda id: self.do(id) if id is not None else None)

    def _nothing_chosen(self) -> str:
        row, selection = self.table.cursor_row, self.table.selection
        if selection.all_in_filter or selection.keys:
            return ""
        if row is None:
            return "There is no notification here."
        return "" if row.read_at is None else "It is read already."

    def command_mark_read(self) -> None:
        """Mark the marked ones, or the one under the cursor, as read."""
        selection, row = self.table.selection, self.table.cursor_row
        keys = tuple(key for key in selection.keys if isinstance(key, int))
        if selection.all_in_filter and keys:
            self.atlas.flash(
                "Take the marks away (esc) and mark rows one by one: everything but some cannot be marked.", "warn"
            )
        elif selection.all_in_filter:
            self.command_mark_all_read()
        elif keys or row is not None:
            self.atlas.mailbox.mark(keys or ((row.id,) if row is not None else ()), self._told)
            self.table.action_clear_marks()

    def command_mark_all_read(self) -> None:
        """Ask, then mark everything in the filter as read."""
        text = self.filter.text
        which = f"that fits `{text}`" if text else "in your inbox, of every workspace"

        def go(yes: bool | None) -> None:
            if yes:
                self.atlas.mailbox.mark_all(text, self._told)
                self.table.action_clear_marks()

        sentences = (f"Every unread notification {which} counts as read. Nothing is deleted; runs and batches stay.",)
        self.app.push_screen(Confirm("Mark all as read?", sentences, confirm_label="Mark as read"), go)

    def _told(self, marked: int) -> None:
        self.atlas.flash(f"{count(marked, 'notification')} marked as read." if marked else "Nothing was unread.", "ok")
