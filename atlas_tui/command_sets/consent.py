"""Commands about a connection's consent: what can be copied from its screen, and those of its actions menu."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_MANAGE: Final = Capability.PROVIDER_MANAGE
_PAGES: Final = (Where.CONSENT, Where.ONBOARDING)
_HERE: Final = Where.CONSENT_ACTION

CONSENT: Final = (
    command("consent", "", "Consent...", "Ask for the customer's consent, take the answer, look at the evidence.",
            Where.ACTION, word="consent", letter="o"),
    command("copy_shown", "y", "copy",
            "Copy what is to be given away: the consent link, or the permissions; the tenant id where there is neither.",
            *_PAGES, hint=5),
    command("copy_message", "m", "mail", "Copy the mail that takes the consent link to the customer.", *_PAGES, hint=6),
    command("copy_evidence", "Y", "evidence", "Copy the consent's evidence card, as text for a mail or a ticket.", *_PAGES),
    command("show_qr", "Q", "QR code", "Show the consent link as a QR code on the whole screen.", *_PAGES, hint=7),
    command("write_message", "E", "mail to file", "Write the mail with the consent link to a private file of yours.", *_PAGES),
    command("paste_answer", "P", "paste answer", "Take an answer that was sent back: paste the address, then confirm.", *_PAGES,
            hint=4, capability=_MANAGE),
)  # fmt: skip

CONSENT_ACTIONS: Final = (
    command("new_link", "", "Make a consent link", "Make a new one-time link to Microsoft's consent page.", _HERE, letter="l",
            capability=_MANAGE),
    command("granted_in_portal", "", "Granted in the portal: check now",
            "Write down that consent was granted in the portal, and start the check that proves it.", _HERE, letter="g",
            capability=_MANAGE),
    command("revoke_link", "", "Revoke an open link", "Make a consent link worthless: an answer to it is refused.", _HERE,
            letter="w", capability=_MANAGE),
)  # fmt: skip
