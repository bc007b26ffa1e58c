"""The list of members: who may do what here, with which reach, and until when.

Must not know: how a member's own page looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from atlas_tui.cells import Line, Part, age_bucket, cell
from atlas_tui.command import Where
from atlas_tui.links import Link, View, to_member
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.list_filter import asked
from atlas_tui.screens.listing import ListScreen
from atlas_tui.screens.member_actions import MemberActs, MemberTarget
from atlas_tui.screens.member_form import NewMember
from atlas_tui.screens.member_text import MemberRead, member_lines, read_member, until
from atlas_tui.screens.prose import blank
from atlas_tui.screens.scrolled import Composer
from atlas_tui.widgets.columns import Column
from atlas_tui.widgets.pages import PageRequest
from atlas_tui.widgets.table_messages import ListTexts
from storage import members
from storage.members import Member, MemberQuery
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from storage.pages import Page, Place

_COLUMNS: tuple[Column[Member], ...] = (
    Column("login", "LOGIN", lambda row, now: cell(row.login), 10, share=1),
    Column("name", "NAME", lambda row, now: cell(row.display_name), 11, share=1, priority=2),
    Column("role", "ROLE", lambda row, now: cell(row.role.value, "strong"), 8),
    Column("scope", "REACH", lambda row, now: cell(row.scope), 16, share=2),
    Column("until", "UNTIL", lambda row, now: until(row.expires_at, now), 17, priority=1),
    Column(
        "seen",
        "SEEN",
        lambda row, now: cell("never" if row.last_seen is None else age_bucket(now - row.last_seen)),
        5,
        priority=3,
        align="right",
        age_of=lambda row: row.last_seen,
    ),
    Column("keys", "KEYS", lambda row, now: cell(row.keys), 4, priority=4, align="right"),
    Column("granted_by", "GIVEN BY", lambda row, now: cell(row.granted_by or "-"), 10, priority=5),
)


class MembersScreen(MemberActs, ListScreen[Member]):
    """The list."""

    VIEW = View.MEMBERS
    PLACES = (Where.LIST, Where.MEMBERS, Where.MEMBER_ACTION)
    TOPICS = frozenset({Topic.MEMBERS})
    FILTER_HINT: ClassVar[str] = "word  !word  role:owner  scope:workspace  scope:tenant  scope:tag"
    ORDER: ClassVar[str] = "sort login ^"
    TEXTS = ListTexts(empty="No member to be seen.", empty_hint="N adds one; the list is for who may read the trail.")

    def tab(self) -> View:
        """Audit: who may read the trail may read who is here."""
        return View.AUDIT

    def crumb(self) -> str:
        """What this is."""
        return "members"

    def columns(self, wide: bool) -> Sequence[Column[Member]]:
        """Those that fit."""
        return _COLUMNS

    def key_of(self, row: Member) -> int:
        """The membership's number."""
        return row.id

    def link_to(self, row: Member) -> Link:
        """Its page."""
        return to_member(row.id)

    def tenant_of(self, row: Member) -> tuple[int, str]:
        """The tenant it reaches."""
        return row.tenant_id or 0, row.scope

    def id_text(self, row: Member) -> str:
        """The login."""
        return row.login

    def read_page(self, session: Session, request: PageRequest, place: Place) -> Page[Member]:
        """A page of memberships."""
        wanted, _ = asked(request)
        query = MemberQuery(session.workspace.workspace_id, wanted.text)
        return members.page(session.db, session.who, query, place, request.limit)

    def read_panel(self, session: Session, key: int) -> MemberRead:
        """What its page shows."""
        return read_member(session, key)

    def panel_lines(self, read: MemberRead) -> Composer:
        """The whole page."""

        def lines(width: int) -> list[Line]:
            head: list[Line] = [(Part(f" {read.member.login}", "title"),), blank()]
            return [*head, *member_lines(read, self.times, width)]

        return lines

    def command_new_member(self) -> None:
        """Give somebody a role."""
        open_form(self.atlas, NewMember(self.session.workspace.workspace_id))

    def member_meant(self) -> MemberTarget:
        """The one under the cursor."""
        row = self.table.cursor_row
        return MemberTarget(None if row is None else row.id)
