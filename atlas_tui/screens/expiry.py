"""The expiry horizon: credentials by the days they have left; of which nobody knows is a bucket of its own.

Promise: what is over stands first, what nobody knows is never called fine; Enter goes to whoever holds it; the menu `x` is that of its
holder's credentials, which begins with a new one.

Must not know: how a credential is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on

from atlas_tui.cells import Cell, Line, Part, cell
from atlas_tui.command import Where
from atlas_tui.expiry_words import BUCKETS
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_connection, to_platform_app
from atlas_tui.screens.credential_actions import CredentialActs
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.prose import blank, field
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.status_line import Segment
from atlas_tui.widgets.table_messages import ListTexts, PageRead
from storage import expiry_horizon
from storage.expiry_horizon import COUNTED, Bucket, HorizonQuery, HorizonRow
from storage.states import CredentialOwner, Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place


def _bucket(row: HorizonRow, now: datetime) -> Cell:
    glyph, words, style = BUCKETS[row.bucket]
    return cell(f"{glyph} {words}", style)


def _left(row: HorizonRow, now: datetime) -> Cell:
    return cell("?" if row.days_left is None else f"{row.days_left:,}d")


def _holder(row: HorizonRow, now: datetime) -> Cell:
    return cell(row.name if row.owner is CredentialOwner.CONNECTION else f"app:{row.name}")


def _ends(row: HorizonRow, now: datetime) -> Cell:
    return cell("-" if row.expires_at is None else f"{row.expires_at:%Y-%m-%d}")


_COLUMNS: Final[tuple[Column[HorizonRow], ...]] = (
    Column("bucket", "LEFT", _bucket, 12),
    Column("days", "DAYS", _left, 6, align="right"),
    Column("holder", "HELD BY", _holder, 18, share=2),
    Column("kind", "KIND", lambda row, now: cell(row.kind.value), 11, priority=1),
    Column("slot", "SLOT", lambda row, now: cell(row.slot.value), 6, priority=2),
    Column("ends", "ENDS", _ends, 10),
    Column("key", "KEY ID", lambda row, now: cell(row.client_key_id or "-", "muted"), 8, share=1, priority=3),
)


class ExpiryScreen(CredentialActs, ListScreen[HorizonRow]):
    """The list."""

    VIEW = View.EXPIRY
    PLACES = (Where.LIST, Where.EXPIRY, Where.CREDENTIAL_ACTION)
    TOPICS = frozenset({Topic.CONNECTIONS, Topic.TENANTS})
    FILTER_HINT: ClassVar[str] = "word  bucket:7  bucket:unknown  kind:certificate  owner:app  slot:staged"
    ORDER: ClassVar[str] = "soonest first"
    TEXTS = ListTexts(empty="No credential is stored.", empty_hint="On a connection: x, k stores one.")

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._counts: Mapping[Bucket, int] = {}

    def tab(self) -> View:
        """Attention."""
        return View.ATTENTION

    def crumb(self) -> str:
        """What this is."""
        return "expiry horizon"

    def columns(self, wide: bool) -> Sequence[Column[HorizonRow]]:
        """Those that fit."""
        return _COLUMNS

    def key_of(self, row: HorizonRow) -> int:
        """The credential's number."""
        return row.id

    def link_to(self, row: HorizonRow) -> Link:
        """Whoever holds it."""
        of_connection = row.owner is CredentialOwner.CONNECTION
        return to_connection(row.owner_id) if of_connection else to_platform_app(row.owner_id)

    def tenant_of(self, row: HorizonRow) -> tuple[int, str]:
        """Its tenant."""
        return row.tenant_id or 0, row.name

    def command_pin(self) -> None:
        """Only this tenant in all views; an app has none."""
        row = self.table.cursor_row
        if self.atlas.navigation.pin is None and (row is None or row.tenant_id is None):
            self.atlas.flash("This credential belongs to no tenant.")
        else:
            super().command_pin()

    def id_text(self, row: HorizonRow) -> str:
        """The key's id at Microsoft."""
        return row.client_key_id or str(row.id)

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[HorizonRow]:
        """A page of credentials; how many there are in each bucket."""
        wanted, tenant_id = asked(request)
        query = HorizonQuery(session.workspace.workspace_id, wanted.text, tenant_id)
        self._counts = expiry_horizon.counts(session.db, session.who, query)
        self.post_message(PageRead())
        return expiry_horizon.page(session.db, session.who, query, place, request.limit)

    def read_panel(self, session: Session, key: int) -> HorizonRow | None:
        """The row itself: there is no more to a credential than that."""
        return next((row for row in self.table.visible_rows if row.id == key), None)

    def panel_lines(self, read: HorizonRow | None) -> Composer:
        """Whose it is, and its end."""

        def lines(width: int) -> list[Line]:
            if read is None:
                return []
            glyph, words, style = BUCKETS[read.bucket]
            head: list[Line] = [(Part(f" {read.kind.value} of {read.name}", "title"),), blank()]
            head += field("Left", (Part(f"{glyph} {words}", style),), width)
            head += field("Ends", self.times.moment(read.expires_at) if read.expires_at else "nobody knows", width)
            head += field("Key id", read.client_key_id or "-", width)
            return head + field("Next step", "x, n stores a new one, staged beside this one.", width, style="strong")

        return lines

    @on(PageRead)
    def _counted(self, event: PageRead) -> None:
        self.show_state()

    def leading(self) -> list[Segment]:
        """How many there are in each bucket."""
        return [
            Segment(f"{BUCKETS[bucket][1]} {_many(number)}", BUCKETS[bucket][2], 1 if bucket is Bucket.LATER else 0)
            for bucket, number in self._counts.items()
            if number
        ]

    def holder_meant(self) -> tuple[CredentialOwner, int] | None:
        """Who holds the one under the cursor."""
        row = self.table.cursor_row
        return None if row is None else (row.owner, row.owner_id)

    def command_actions(self) -> None:
        """The menu of its holder's credentials."""
        self.command_credentials()


def _many(number: int) -> str:
    return f"{COUNTED:,}+" if number > COUNTED else f"{number:,}"
