"""What is said about stored credentials: the slots, how long each is good for, and the old keys that are still to be removed at Microsoft.

Promise: an unknown expiry is a state of its own and never looks fine; a value is not here because storage hands none out. A reminder
stands until somebody says that it is done.

Must not know: widgets, queries.
"""

from __future__ import annotations

from typing import Final

from atlas_tui.badges import badge
from atlas_tui.cells import Cell, Line, Part
from atlas_tui.credential_words import still_valid
from atlas_tui.screens.credential_holder import Holder
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from storage.credential_expiry import WITHIN
from storage.credentials import CredentialInfo
from storage.states import CredentialKind, CredentialOwner, CredentialSlot

EXPIRY_WIDTH: Final = 14
_PURPOSE: Final = {
    CredentialSlot.ACTIVE: "what it signs in with",
    CredentialSlot.STAGED: "tried by the next check",
    CredentialSlot.PREVIOUS: "kept for rolling back",
}


def expiry_badge(info: CredentialInfo, times: Times) -> Cell:
    """How long a credential is good for."""
    if info.expires_at is None:
        return badge("o", "unknown end", EXPIRY_WIDTH)
    left = info.expires_at - times.now
    if left.total_seconds() <= 0:
        return badge("x", "expired", EXPIRY_WIDTH)
    words = f"{left.days:,}d left" if left.days else "today"
    return badge("!" if left <= WITHIN else "+", words, EXPIRY_WIDTH)


def kind_of(info: CredentialInfo) -> str:
    """What it is, for people."""
    return "client secret" if info.kind is CredentialKind.SECRET else "certificate"


def credential_lines(holder: Holder, times: Times, width: int) -> list[Line]:
    """The slots and the reminders of one holder."""
    owner = "its platform app" if holder.why_elsewhere else "this connection"
    if holder.owner is CredentialOwner.PLATFORM_APP:
        owner = "this platform app"
    lines: list[Line] = [heading(f"Credentials of {owner}", "values are sealed and never shown")]
    if holder.why_elsewhere:
        where = "enter opens the app." if holder.app_id is not None else "The app is not visible to you."
        lines += wrapped(f"It signs in with its platform app; {where}", width, indent=1, style="info")
    lines += _reminders(holder, times, width)
    if not holder.credentials:
        lines += field("", "None stored: nothing can sign in.", width, style="warn")
        hint = holder.manage_refusal or "x, n: store one"
        return lines + field("Next step", hint, width, style="strong")
    for info in holder.credentials:
        lines += [blank(), *_slot(info, times, width)]
    staged = holder.slot(CredentialSlot.STAGED)
    if staged is not None:
        hint = "x, v: verify the staged one" if holder.may_run else holder.who_may_run
        lines += [blank(), *field("Next step", hint, width, style="strong")]
    return lines


def _slot(info: CredentialInfo, times: Times, width: int) -> list[Line]:
    head = (Part(f"{info.slot.value:10}", "strong"), *expiry_badge(info, times).parts, Part(kind_of(info)))
    lines = field("Slot", (*head, Part(f"  {_PURPOSE[info.slot]}", "muted")), width)
    if info.kind is CredentialKind.SECRET:
        lines += field("Key id", info.client_key_id or "unknown", width)
    else:
        if info.thumbprint:
            lines += field("SHA-1", f"{info.thumbprint} (as the portal shows it)", width)
        lines += field("SHA-256", info.client_key_id or "unknown", width)
    since = f"{times.moment(info.starts_at)} to " if info.starts_at is not None else "until "
    if info.expires_at is None:
        lines += field("Valid", "until an unknown day: look it up in the portal", width, style="warn")
    else:
        lines += field("Valid", f"{since}{times.moment(info.expires_at)}", width)
    used = f"; in use since {times.moment(info.active_since)}" if info.active_since is not None else ""
    return lines + field("Stored", f"{times.moment(info.stored_at)} by {info.stored_by or '-'}{used}", width)


def _reminders(holder: Holder, times: Times, width: int) -> list[Line]:
    lines: list[Line] = []
    for reminder in holder.reminders:
        todo = "x, m confirms it" if holder.may_manage else holder.who_may_manage
        sentence = f"! {still_valid(reminder, times.moment)}: remove it there, then confirm ({todo})."
        lines += wrapped(sentence.replace(".).", ".)"), width, indent=1, style="warn")
    return lines
