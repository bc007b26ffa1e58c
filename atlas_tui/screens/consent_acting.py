"""What can be done about a connection's consent, on its own screen and in the wizard's step.

Promise: a link is made after a question and its address stays in this program's memory and nowhere else; what is recorded was confirmed;
files are private and none is written over a forced SSH command.

Must not know: which screen it is, how it looks.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events

from atlas_tui.cells import cut, plain
from atlas_tui.commands import REGISTRY
from atlas_tui.screens.acting import Acts, Targets
from atlas_tui.screens.connection_text import name_of
from atlas_tui.screens.consent_text import GOOD, ConsentRead
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import connection_changes, consent_answers, consent_requests, consent_texts
from storage.connections import ConnectionRow
from storage.consent_history import ConsentRequest
from storage.consent_requests import ConsentLink
from storage.consent_verdicts import ConsentResult
from storage.states import ConsentStatus

if TYPE_CHECKING:
    from atlas_tui.session import Session

_NO_LINK = "No link's address is known here: x, l makes a new one."


class ActsOnConsent(Acts):
    """A screen with a connection's consent on it. Put it before the kind of screen it is."""

    answer: ConsentResult | None = None
    """What became of the address that was pasted last."""

    @property
    def consent(self) -> ConsentRead | None:
        """What is known about the consent; None when none is shown."""
        raise NotImplementedError

    @property
    def held_link(self) -> ConsentLink | None:
        """The newest link whose address this program still knows, while an answer to it would count."""
        read = self.consent
        link = None if read is None else self.atlas.consent_links.get(read.detail.row.id)
        if read is None or link is None:
            return None
        return link if link.request_id in {known.id for known in read.open_links} else None

    def targets(self) -> Targets:
        """The connection."""
        return Targets(() if self.consent is None else (self.consent.detail.row.id,))

    # The menu

    def consent_items(self, read: ConsentRead) -> list[MenuItem]:
        """What can be done, and why not where it cannot."""
        detail, row = read.detail, read.detail.row
        manage = "" if detail.may_manage else f"Your role may not. {detail.who_may_manage}"
        check = "" if detail.may_run else f"Your role may not. {detail.who_may_run}"
        if not check and detail.check_obstacle is not None and row.active_run_id is None:
            check = detail.check_obstacle.sentence
        off = manage or ("" if row.is_enabled else "The connection is disabled.")
        app = manage or ("" if detail.client_id else "The connection has no application yet.")
        links = manage or ("" if read.open_links else "No link is open.")
        revoke = manage or ("It is revoked." if row.consent_status is ConsentStatus.REVOKED else "")
        refusals = {
            "new_link": app,
            "granted_in_portal": off,
            "revoke_link": links,
            "check": check,
            "revoke_consent": revoke,
        }
        items = [MenuItem(id, REGISTRY[id].letter, REGISTRY[id].label, why) for id, why in refusals.items()]
        answer = MenuItem("paste_answer", "p", "Paste the answer back", manage)
        ways = [items[0], answer, items[1]] if read.is_platform else [items[1], items[0], answer]
        return [*ways, *items[2:]]

    # Links

    def command_new_link(self) -> None:
        """Make a link, after a question."""
        read = self.consent
        if read is None:
            self.atlas.everywhere.nothing_to_act_on()
            return
        session, row = self.session, read.detail.row
        known = len(read.open_links)
        older = (
            f"{known} older link{'s' if known > 1 else ''} stay valid until they expire or are revoked."
            if known
            else ""
        )
        sentences = [
            "A link to Microsoft's consent page is made, for this tenant only; an answer to it counts once, for 7 days.",
            "Whoever has the link may answer it: it is shown here, and stored nowhere.",
            f"{read.redirect_uri} must be registered with the application as a redirect URI.",
            *filter(None, [older]),
        ]

        def work(ticket: str | None) -> ConsentLink:
            return consent_requests.request(
                session.db, session.who, row.id, clouds=None if session.settings is None else session.settings.clouds,
                ticket=ticket,
            )  # fmt: skip

        def made(link: ConsentLink) -> None:
            self.atlas.consent_links[link.connection_id] = link
            self.atlas.flash(f"Link no. {link.request_id} is made: y copies it, m the mail, Q a QR code.", "ok")
            self.reload()

        def go(confirmed: Confirmed | None) -> None:
            if confirmed is not None:
                self.atlas.ask("consent", lambda: work(confirmed.ticket), made, self.tell_error, keep_all=True)

        self.app.push_screen(
            ConfirmName(f"Make a consent link for {name_of(row)}?", sentences, confirm_label="Make link"), go
        )

    def command_revoke_link(self) -> None:
        """Make an open link worthless: the only one, or the one that is picked."""
        links = self.consent.open_links if self.consent is not None else ()
        if not links:
            self.atlas.flash("No link is open.", "warn")
        elif len(links) == 1:
            self._confirm_revoke(links[0])
        else:
            shown = links[:9]
            items = [
                MenuItem(str(at), str(at + 1), f"no. {link.id}, made {self.times.ago(link.created_at)} ago by {link.created_by}")
                for at, link in enumerate(shown)
            ]  # fmt: skip
            self.app.push_screen(
                Menu("Revoke which link?", items), lambda at: self._confirm_revoke(shown[int(at)]) if at else None
            )

    def _confirm_revoke(self, link: ConsentRequest) -> None:
        session = self.session

        def done(revoked: ConsentRequest) -> None:
            held = self.atlas.consent_links.get(revoked.connection_id)
            if held is not None and held.request_id == revoked.id:
                del self.atlas.consent_links[revoked.connection_id]
            self.atlas.flash(f"Link no. {revoked.id} is revoked.", "ok")
            self.reload()

        def go(confirmed: Confirmed | None) -> None:
            if confirmed is not None:
                self.atlas.ask(
                    "consent",
                    lambda: consent_requests.revoke_request(session.db, session.who, link.id, ticket=confirmed.ticket),
                    done,
                    self.tell_error,
                    keep_all=True,
                )

        sentences = ("An answer to it is refused from now on.", "A consent that was given stands at Microsoft.")
        self.app.push_screen(ConfirmName(f"Revoke consent link no. {link.id}?", sentences, confirm_label="Revoke"), go)

    # Giving the link away

    def command_copy_shown(self) -> None:
        """Copy the link."""
        link = self.held_link
        if link is None:
            self.atlas.flash(_NO_LINK, "warn")
        else:
            self._copy(link.url, f"Copied the link no. {link.request_id}.")

    def command_copy_message(self) -> None:
        """Copy the mail."""
        link = self.held_link
        if link is None:
            self.atlas.flash(_NO_LINK, "warn")
        else:
            self._copy(consent_texts.message_text(link), "Copied the mail for the customer.")

    def command_copy_evidence(self) -> None:
        """Copy the evidence card."""
        if self.consent is None:
            self.atlas.everywhere.nothing_to_act_on()
        else:
            self._copy(consent_texts.card_text(self.consent.card), "Copied the evidence card.")

    def _copy(self, text: str, said: str) -> None:
        """Text of several lines, harmless line by line, to the clipboard of whoever looks (OSC 52)."""
        self.app.copy_to_clipboard("\n".join(plain(line) for line in text.split("\n")))
        self.atlas.flash(said, "ok")

    def command_show_qr(self) -> None:
        """Show the link as a QR code."""
        from atlas_tui.screens.consent_qr import QrCode

        link = self.held_link
        if link is None:
            self.atlas.flash(_NO_LINK, "warn")
        else:
            self.app.push_screen(QrCode(link.url))

    def command_write_message(self) -> None:
        """Write the mail to a file."""
        link, session, now = self.held_link, self.session, self.atlas.clock()
        if link is None:
            self.atlas.flash(_NO_LINK, "warn")
            return
        self.ask(
            "file",
            lambda: _write(session, link, now),
            lambda path: self.atlas.flash(f"Written: {path}", "ok"),
            self.tell_error,
            keep_all=True,
        )

    # Answers

    @property
    def takes_answers(self) -> bool:
        """Whether something that is pasted can be meant for a consent."""
        return self.consent is not None

    def on_paste(self, event: events.Paste) -> None:
        """Something was pasted onto the page: it can only be meant for the answer."""
        if event.text.strip() and self.takes_answers:
            event.stop()
            self._open_paste(event.text)

    def command_paste_answer(self) -> None:
        """Open the field for the answer."""
        self._open_paste("")

    def _open_paste(self, text: str) -> None:
        from atlas_tui.screens.consent_answer import PasteAnswer

        read = self.consent
        if read is None:
            self.atlas.everywhere.nothing_to_act_on()
        elif not read.detail.may_manage:
            self.atlas.flash(f"Your role may not. {read.detail.who_may_manage}", "warn")
        else:
            self.app.push_screen(PasteAnswer(name_of(read.detail.row), text), self._take_answer)

    def _take_answer(self, text: str | None) -> None:
        read, session = self.consent, self.session
        if text is None or read is None:
            return
        connection_id = read.detail.row.id

        def took(result: ConsentResult) -> None:
            self.answer = result
            self.atlas.flash(cut(result.sentence, 200), "ok" if result.outcome in GOOD else "bad")
            self.reload()

        self.ask(
            "answer",
            lambda: consent_answers.answer(session.db, session.who, text, connection_id=connection_id),
            took,
            self.tell_error,
            keep_all=True,
        )

    def command_granted_in_portal(self) -> None:
        """Write down that consent was granted in the portal, and let a check prove it."""
        read = self.consent
        if read is None:
            self.atlas.everywhere.nothing_to_act_on()
            return
        session, row = self.session, read.detail.row

        def done(changed: ConnectionRow) -> None:
            number = changed.active_run_id
            proof = f"check #{number} proves it" if number is not None else "no check may start yet: see the connection"
            self.atlas.flash(
                f"Consent of {name_of(changed)} is recorded; {proof}.", "ok" if number is not None else "warn"
            )
            self.reload()

        def go(confirmed: Confirmed | None) -> None:
            if confirmed is not None:
                self.atlas.ask(
                    "consent",
                    lambda: connection_changes.record_consent(session.db, session.who, row.id, ticket=confirmed.ticket),
                    done,
                    self.tell_error,
                    keep_all=True,
                )

        sentences = (
            "Consent is recorded as granted on your word, and a check is queued that proves it or not.",
            "The check waits while Microsoft may still be spreading the consent.",
        )
        self.app.push_screen(
            ConfirmName(f"Was consent for {name_of(row)} granted in the portal?", sentences, confirm_label="Check now"),
            go,
        )


def _write(session: Session, link: ConsentLink, now: datetime) -> Path:
    """Write the mail into the directory of exports. Blocks; not for the event loop."""
    from atlas_tui.exporting import Format, exports_directory, write_export

    directory = exports_directory(session.state_directory, session.who.via)
    name = f"consent-link-{link.request_id}"
    return write_export(directory, name, Format.TEXT, [consent_texts.message_text(link).encode()], now)
