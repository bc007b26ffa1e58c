"""The actions menu of credentials: store, verify, promote, roll back, remove, confirm what was removed at Microsoft.

Promise: what will happen is asked of storage and spelled out before it is done; Cancel has the focus; removing what is signed in with asks
for the name. What is not possible is there, dimmed, with the reason and who may. Storage decides; what is dimmed is refused there too.

Must not know: which screen it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from atlas_tui.commands import REGISTRY
from atlas_tui.credential_words import key_name, start_sentence
from atlas_tui.links import to_run
from atlas_tui.screens.connection_actions import ask_first
from atlas_tui.screens.credential_holder import Holder, read_holder
from atlas_tui.screens.credential_text import kind_of
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.widgets.confirm import Confirm
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import credential_changes, credential_previews
from storage.consequences import Consequences
from storage.credential_changes import StartedCheck
from storage.retired_keys import Reminder
from storage.starting import Blocked
from storage.states import CredentialOwner, CredentialSlot

if TYPE_CHECKING:
    from storage.starting import RunRef

MOST_SHOWN = 9


def refusals(holder: Holder) -> dict[str, str]:
    """Why each action cannot be done now; empty texts for those that can."""
    manage = holder.manage_refusal
    staged = "" if holder.slot(CredentialSlot.STAGED) else "No credential is staged."
    previous = _why_no_way_back(holder)
    run = holder.why_elsewhere or ("" if holder.may_run else f"Your role may not. {holder.who_may_run}")
    return {
        "credential_new": manage,
        "credential_verify": run or staged,
        "credential_promote": manage or staged,
        "credential_roll_back": manage or previous,
        "credential_remove": manage or ("" if holder.credentials else "None is stored."),
        "credential_removed": manage or ("" if holder.reminders else "Nothing is left to be removed there."),
    }


def _why_no_way_back(holder: Holder) -> str:
    previous = holder.slot(CredentialSlot.PREVIOUS)
    if previous is None:
        return "There is no previous one."
    return "" if previous.removal_confirmed_at is None else "Its removal at Microsoft was confirmed."


def items_of(holder: Holder) -> list[MenuItem]:
    """The menu's lines."""
    found = refusals(holder)
    if holder.owner is CredentialOwner.CONNECTION:
        found["check"] = "" if holder.may_run else f"Your role may not. {holder.who_may_run}"
    return [MenuItem(id, REGISTRY[id].letter, REGISTRY[id].label, why) for id, why in found.items()]


class CredentialActs(AtlasScreen):
    """A screen on which somebody's credentials can be changed."""

    def holder_meant(self) -> tuple[CredentialOwner, int] | None:
        """Whose credentials are meant now; None when none are."""
        raise NotImplementedError

    def with_holder(self, then: Callable[[Holder], None]) -> None:
        """Read whose credentials are meant, and go on with them."""
        meant, session = self.holder_meant(), self.session
        if meant is None:
            self.atlas.flash("Credentials are those of one connection, or of a platform app.", "warn")
        else:
            owner, id = meant
            self.ask("holder", lambda: read_holder(session, owner, id), then, self.tell_error)

    def command_credentials(self) -> None:
        """Open the menu about credentials."""
        self.with_holder(self._open_credentials)

    def _open_credentials(self, holder: Holder) -> None:
        menu = Menu(f"Credentials of {holder.name}", items_of(holder))
        self.app.push_screen(menu, lambda id: self.do(id) if id is not None else None)

    def command_credential_new(self) -> None:
        """Store a new one, in a form."""
        from atlas_tui.screens.credential_form import NewCredential

        if (meant := self.holder_meant()) is not None:
            open_form(self.atlas, NewCredential(*meant))

    # Trying it

    def command_credential_verify(self) -> None:
        """Start the check that carries the staged credential."""
        self.with_holder(self._ask_verify_staged)

    def _ask_verify_staged(self, holder: Holder) -> None:
        session = self.session

        def go(yes: bool | None) -> None:
            if yes:
                self.atlas.ask(
                    "verify",
                    lambda: credential_changes.verify(session.db, session.who, holder.owner, holder.id),
                    self._told_of_checks,
                    self.tell_error,
                    keep_all=True,
                )

        paragraphs = (
            "A worker signs in with the staged credential and runs the connection check. When it passes, the staged one becomes the "
            "active one, and the active one the previous. When it does not, everything stays as it is.",
        )
        title = f"Verify the staged credential of {holder.name}?"
        self.app.push_screen(Confirm(title, paragraphs, confirm_label="Verify"), go)

    def _told_of_checks(self, checks: tuple[StartedCheck, ...]) -> None:
        first = checks[0].result
        run: RunRef | None = None if isinstance(first, Blocked) else first.run
        words = "; ".join(f"{check.tenant_name}: {start_sentence(check.result)}" for check in checks)
        blocked = all(isinstance(check.result, Blocked) for check in checks)
        self.atlas.flash(words, "bad" if blocked else "ok", None if run is None else to_run(run.id))

    # Moving it by hand

    def command_credential_promote(self) -> None:
        """Make the staged credential the active one, for a reason."""
        self.with_holder(self._ask_promote)

    def _ask_promote(self, holder: Holder) -> None:
        session = self.session

        def go(confirmed: Confirmed | None) -> None:
            if confirmed is None:
                return
            self.atlas.ask(
                "promote",
                lambda: credential_changes.promote(
                    session.db, session.who, holder.owner, holder.id, reason=confirmed.reason, ticket=confirmed.ticket
                ),
                lambda _: self.atlas.flash("The staged credential is active now; no check has tried it.", "ok"),
                self.tell_error,
                keep_all=True,
            )

        def show(found: Consequences) -> None:
            question = ConfirmName(f"{found.title}?", found.sentences, confirm_label="Promote", asks_reason=True)
            self.app.push_screen(question, go)

        self.ask(
            "preview",
            lambda: credential_previews.preview_promote(session.db, session.who, holder.owner, holder.id),
            show,
            self.tell_error,
        )

    def command_credential_roll_back(self) -> None:
        """Make the previous credential the active one again."""
        self.with_holder(self._ask_roll_back)

    def _ask_roll_back(self, holder: Holder) -> None:
        session = self.session
        ask_first(
            self,
            lambda: credential_previews.preview_roll_back(session.db, session.who, holder.owner, holder.id),
            "Roll back",
            lambda ticket: credential_changes.roll_back(
                session.db, session.who, holder.owner, holder.id, ticket=ticket
            ),
            lambda _: "The previous credential is active again.",
        )

    # Taking it away

    def command_credential_remove(self) -> None:
        """Destroy a stored credential: the only one, or the one that is picked."""
        self.with_holder(self._choose_slot)

    def _choose_slot(self, holder: Holder) -> None:
        if len(holder.credentials) == 1:
            self._ask_remove_slot(holder, holder.credentials[0].slot)
            return
        items = [
            MenuItem(
                info.slot.value, info.slot.value[0], f"{info.slot.value}: {kind_of(info)} {info.client_key_id[:36]}"
            )
            for info in holder.credentials
        ]

        def go(slot: str | None) -> None:
            if slot is not None:
                self._ask_remove_slot(holder, CredentialSlot(slot))

        self.app.push_screen(Menu(f"Remove which credential of {holder.name}?", items), go)

    def _ask_remove_slot(self, holder: Holder, slot: CredentialSlot) -> None:
        session = self.session
        ask_first(
            self,
            lambda: credential_previews.preview_remove(session.db, session.who, holder.owner, holder.id, slot),
            "Remove",
            lambda ticket: credential_changes.remove(
                session.db, session.who, holder.owner, holder.id, slot, ticket=ticket
            ),
            lambda _: f"The {slot.value} credential is destroyed here. At Microsoft it stays valid.",
            name_to_type=holder.name if slot is CredentialSlot.ACTIVE else None,
        )

    def command_credential_removed(self) -> None:
        """Write down that an old key is gone at Microsoft: the only one, or the one that is picked."""
        self.with_holder(self._choose_reminder)

    def _choose_reminder(self, holder: Holder) -> None:
        if not holder.reminders:
            self.atlas.flash("No old key is left to be removed at Microsoft.")
        elif len(holder.reminders) == 1:
            self._confirm_removed(holder, holder.reminders[0])
        else:
            shown = holder.reminders[:MOST_SHOWN]
            items = [MenuItem(str(at), str(at + 1), f"{r.kind.value} {key_name(r)}") for at, r in enumerate(shown)]
            self.app.push_screen(
                Menu("Which one was removed at Microsoft?", items),
                lambda at: self._confirm_removed(holder, shown[int(at)]) if at is not None else None,
            )

    def _confirm_removed(self, holder: Holder, reminder: Reminder) -> None:
        session = self.session
        sentences = (
            f"You say that the {reminder.kind.value} {key_name(reminder)} was removed at Microsoft; the reminder ends. "
            "Nothing is done there.",
            *(("Rolling back to it is not possible any more.",) if reminder.is_kept else ()),
        )
        title = f"Was the old {reminder.kind.value} of {holder.name} removed at Microsoft"
        ask_first(
            self,
            lambda: Consequences(title, sentences, hurts=False),
            "It was removed",
            lambda ticket: credential_changes.confirm_removed(
                session.db, session.who, holder.owner, holder.id, reminder.reference, ticket=ticket
            ),
            lambda ended: f"Noted: {key_name(ended)} is gone at Microsoft.",
        )
