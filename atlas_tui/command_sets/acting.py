"""Commands of the actions menu about runs and lifecycle: each asks before it does something."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_CHECK: Final = "provider.connection.check"

ACTING: Final = (
    command("check", "", "Check now", "Start a connection check.", Where.ACTION, word="check", letter="c",
             capability=Capability.PROVIDER_RUN, operation=_CHECK),
    command("cancel", "", "Cancel run", "Cancel the unfinished run.", Where.ACTION, word="cancel", letter="n",
             capability=Capability.PROVIDER_RUN),
    command("retry", "", "Retry run", "Start a completed run's operation again, as a new run.", Where.ACTION,
             word="retry", letter="t", capability=Capability.PROVIDER_RUN),
    command("enable", "", "Enable", "Use the connection again; its verification starts from unknown.", Where.ACTION,
             word="enable", letter="e", capability=Capability.PROVIDER_MANAGE),
    command("disable", "", "Disable", "Stop using the connection; consent and verification stay as they are.",
             Where.ACTION, word="disable", letter="b", capability=Capability.PROVIDER_MANAGE),
)  # fmt: skip
