"""What the actions menu of a member does: another role or end, end the role, let the person leave, revoke a key, end a session.

Promise: what ends is spelled out before it is done; Cancel has the focus; leaving asks for the login, typed. Storage decides, the rule
about the last Owner too; what is dimmed here is refused there.

Must not know: how the list or the page of members looks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from atlas_tui.commands import REGISTRY
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.screens.member_form import EditMember
from atlas_tui.screens.member_text import MemberRead, read_member
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import leaving, member_changes, sessions, ssh_keys
from storage.consequences import count
from storage.leaving import Leaver

if TYPE_CHECKING:
    from storage.sessions import DashboardSession
    from storage.ssh_keys import SshKey

T = TypeVar("T")

_LETTERS: Final = {"edit_member": "e", "new_member": "N"}
_LABELS: Final = {"edit_member": "Role and end", "new_member": "Add a member"}


@dataclass(frozen=True, slots=True)
class MemberTarget:
    """What is meant.

    Attributes:
        id: The membership; None when there is none.
        key: The SSH key under the cursor.
        session: The open session under the cursor.
    """

    id: int | None = None
    key: SshKey | None = None
    session: DashboardSession | None = None


class MemberActs(AtlasScreen):
    """A screen with a member to act on."""

    SHOWS_KEYS = False
    """Whether keys and sessions are on it."""

    def member_meant(self) -> MemberTarget:
        """What is meant now."""
        raise NotImplementedError

    def member_is_gone(self) -> None:
        """The membership that is shown has ended."""

    def _with_member(self, then: Callable[[MemberRead], None]) -> None:
        target, session = self.member_meant(), self.session
        if target.id is None:
            self.atlas.flash("There is no member here to do that with.")
        else:
            id = target.id
            self.ask("member", lambda: read_member(session, id), then, self.tell_error)

    def command_actions(self) -> None:
        """Open the menu."""
        self._with_member(self._open_menu)

    def _open_menu(self, read: MemberRead) -> None:
        target, refusal = self.member_meant(), read.refusal
        refused = {"edit_member": refusal, "end_membership": refusal, "leave_workspace": refusal}
        if self.SHOWS_KEYS:
            refused["revoke_key"] = refusal or ("" if target.key is not None else "The cursor is on no key.")
            refused["end_session"] = refusal or ("" if target.session is not None else "The cursor is on no session.")
        items = [
            MenuItem(id, _LETTERS.get(id) or REGISTRY[id].letter, _LABELS.get(id, REGISTRY[id].label), why)
            for id, why in refused.items()
        ]
        title = f"{read.member.login}, {read.member.role.value} on {read.member.scope}"
        self.app.push_screen(Menu(title, items), lambda id: self.do(id) if id is not None else None)

    def command_edit_member(self) -> None:
        """Another role, another end."""
        if (id := self.member_meant().id) is not None:
            open_form(self.atlas, EditMember(id))

    def command_end_membership(self) -> None:
        """End this role."""

        def ask(read: MemberRead) -> None:
            member, session = read.member, self.session
            where = session.workspace
            others = ", ".join(f"{row.role.value} on {row.scope}" for row in read.others)
            stays = f"Stays: {others}." if others else f"It is the only role of {member.login} in {where.name}."
            sentences = (
                f"{member.login} is {member.role.value} on {member.scope} no more, at once.",
                stays,
                "Sessions and keys stay; to end those too, let the person leave (l).",
            )
            self._confirm(
                f"End the role of {member.login}?",
                sentences,
                "End the role",
                lambda ticket: member_changes.revoke(
                    session.db, session.who, where.workspace_id, member.id, ticket=ticket
                ),
                lambda _: f"{member.login} is {member.role.value} on {member.scope} no more",
                leaves_page=True,
            )

        self._with_member(ask)

    def command_leave_workspace(self) -> None:
        """Let the person leave."""

        def ask(read: MemberRead) -> None:
            member, session = read.member, self.session
            where = session.workspace
            roles = ", ".join(f"{row.role.value} on {row.scope}" for row in (member, *read.others))
            sentences = [
                f"Ends every role in {where.name}: {roles}.",
                f"Ends the open sessions of {member.login}: {count(len(read.sessions or ()), 'dashboard')} closes within "
                "seconds; of somebody who goes on in a workspace that is not yours, it only loses this one.",
                "What they had acknowledged here becomes yours; their drafts here are removed.",
                f"If nothing is left to them, the account is closed and {count(len(read.keys or ()), 'SSH key')} revoked.",
                "The trail keeps what they did. Adding them again gives a role anew, not the keys.",
            ]
            if member.login == session.who.login:
                sentences.insert(0, "THIS IS YOU: this dashboard closes.")
            self._confirm(
                f"Let {member.login} leave?",
                sentences,
                "Let them leave",
                lambda ticket: leaving.leave(session.db, session.who, where.workspace_id, member.login, ticket=ticket),
                _left,
                name=member.login,
                leaves_page=True,
            )

        self._with_member(ask)

    def command_revoke_key(self) -> None:
        """Revoke the key under the cursor."""
        key, session = self.member_meant().key, self.session
        if key is None:
            self.atlas.flash("The cursor is on no key.", "warn")
            return
        sentences = (
            f"{key.label} ({key.fingerprint}) logs in no more, for good: to use it again it must be added again.",
            "A dashboard that was opened with it goes on until its session is ended.",
        )
        where = session.workspace.workspace_id
        self._confirm(
            f"Revoke this key of {key.login}?",
            sentences,
            "Revoke",
            lambda ticket: ssh_keys.revoke(session.db, session.who, where, str(key.id), ticket=ticket),
            lambda found: f"Key {found.label} of {found.login} may not log in any more",
        )

    def command_end_session(self) -> None:
        """End the session under the cursor."""
        found, session = self.member_meant().session, self.session
        if found is None:
            self.atlas.flash("The cursor is on no session.", "warn")
            return
        sentences = [
            f"The dashboard of {found.login} from {found.host} closes within seconds; what is typed there is kept as a draft.",
            "They can come again, unless their role or key is taken too.",
        ]
        if found.id == session.id:
            sentences.insert(0, "THIS IS YOURS: this dashboard closes.")
        where = session.workspace.workspace_id
        self._confirm(
            f"End this session of {found.login}?",
            sentences,
            "End it",
            lambda ticket: sessions.end(session.db, session.who, where, found.id, ticket=ticket),
            lambda row: f"The session of {row.login} from {row.host} ends",
        )

    def _confirm(
        self,
        title: str,
        sentences: tuple[str, ...] | list[str],
        verb: str,
        do: Callable[[str | None], T],
        told: Callable[[T], str],
        *,
        name: str | None = None,
        leaves_page: bool = False,
    ) -> None:
        """Ask, do it, say so."""
        atlas = self.atlas

        def done(result: T) -> None:
            atlas.flash(told(result), "ok")
            if leaves_page:
                self.member_is_gone()

        def go(confirmed: Confirmed | None) -> None:
            if confirmed is not None:
                atlas.ask("change", lambda: do(confirmed.ticket), done, self.tell_error, keep_all=True)

        atlas.push_screen(ConfirmName(title, sentences, confirm_label=verb, name_to_type=name), go)


def _left(left: Leaver) -> str:
    return (
        f"{left.login} left: {count(left.memberships, 'role')}, {count(left.sessions, 'session')} and "
        f"{count(left.keys, 'key')} ended, {left.acknowledgements:,} acknowledged handed over"
    )
