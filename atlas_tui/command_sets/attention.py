"""Commands about what needs a human: the first screen, one problem, the expiry horizon, the handover of a shift."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_ALL, _ACTION, _RUN = Where.EVERYWHERE, Where.PROBLEM_ACTION, Capability.PROVIDER_RUN

ATTENTION: Final = (
    command("attention", "1", "Attention", "Go to what needs a human now.", _ALL, word="attention"),
    command("expiry", "", "expiry horizon", "Go to the credentials, by the days they have left.", _ALL, word="expiry"),
    command("handover", "", "shift handover", "What changed since, and what is open: :handover since:8h.", _ALL,
            word="handover"),
    command("outages", "", "outage", "What many tenants suffer from at once, in full; or that there is no outage.", _ALL,
            word="outages"),
    command("only_new", "!", "new only", "Only what is new since you looked, or all again.", Where.ATTENTION, hint=4),
    command("shorter", "<", "shorter", "Tell of a shorter time.", Where.HANDOVER, hint=3),
    command("longer", ">", "longer", "Tell of a longer time.", Where.HANDOVER, hint=4),
)  # fmt: skip
PROBLEM_ACTIONS: Final = (
    command("fix_problem", "", "Go to where it is mended",
            "Go to the credential, the consent or the connection that the next step is about.", _ACTION, letter="g"),
    command("check_problem", "", "Start checks", "Start a connection check on all that have this problem.", _ACTION,
            letter="c", capability=_RUN),
    command("acknowledge", "", "Acknowledge or snooze", "Say whose it is, and until when it shall be quiet.", _ACTION,
            letter="a", capability=_RUN),
    command("unacknowledge", "", "Take back the acknowledgement", "Show it to everybody again.", _ACTION, letter="u",
            capability=_RUN),
)  # fmt: skip
