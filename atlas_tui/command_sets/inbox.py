"""Commands about one's inbox: going there, and what is read."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command

INBOX: Final = (
    command("inbox", "I", "inbox", "Go to your inbox: how what you started has ended.", Where.EVERYWHERE, word="inbox"),
)
INBOX_ACTIONS: Final = (
    command("mark_read", "", "Mark as read", "Mark the marked notifications, or this one, as read.", Where.INBOX_ACTION,
            letter="m"),
    command("mark_all_read", "", "Mark all as read", "Mark everything that the inbox's filter finds as read.",
            Where.INBOX_ACTION, letter="a"),
)  # fmt: skip
