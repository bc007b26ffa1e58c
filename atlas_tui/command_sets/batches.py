"""Commands of bulk starts: going to them, and what their menu does, each of which asks first."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_ACTION: Final = Where.BATCH_ACTION

BATCHES: Final = (
    command("batches", "", "Bulk starts", "Go to the bulk starts of this workspace.", Where.EVERYWHERE, word="batches"),
    command("batch", "", "go to bulk start", "Go to a bulk start by its number: :batch 17.", Where.EVERYWHERE, word="batch"),
)  # fmt: skip
BATCH_ACTIONS: Final = (
    command("cancel_batch", "", "Cancel the rest", "Start nothing more of this batch, and end what it started.", _ACTION,
             letter="n", capability=Capability.PROVIDER_RUN),
    command("retry_batch", "", "Retry the failed", "Start it again where it failed, as a batch of its own.", _ACTION,
             letter="t", capability=Capability.PROVIDER_RUN),
)  # fmt: skip
