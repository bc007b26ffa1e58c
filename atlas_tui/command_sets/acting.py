"""Commands of the actions menu about runs and lifecycle: each asks before it does something."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_CHECK: Final = "provider.connection.check"

ACTING: Final = (
    command("check", "", "Check now", "Start a connection check.", Where.ACTION, word="check", letter="c",
             capability=Capability.PROVIDER_RUN, operation=_CHECK),
    command("sync_inventory", "", "Sync inventory", "Start an inventory sync: what is configured at Microsoft.", Where.ACTION,
             word="sync", letter="i", capability=Capability.PROVIDER_RUN, operation="inventory.sync"),
    command("take_snapshot", "", "Compliance snapshot", "Start a compliance snapshot: devices by state.", Where.ACTION,
             word="snapshot", letter="s", capability=Capability.PROVIDER_RUN, operation="compliance.snapshot"),
    command("scan_roles", "", "Scan admin roles", "Start a scan of administrator roles.", Where.ACTION, word="scan", letter="r",
             capability=Capability.PROVIDER_RUN, operation="entra.admin_roles.scan"),
    command("sync_directory", "", "Sync directory", "Start a directory sync: how many users, guests, groups ...", Where.ACTION,
             word="count", letter="d", capability=Capability.PROVIDER_RUN, operation="directory.sync"),
    command("probe", "", "Probe now", "See whether signing in works again, before the open breaker's time is over: a connection check.",
             Where.ACTION, word="probe", letter="p", capability=Capability.PROVIDER_RUN),
    command("cancel", "", "Cancel run", "Cancel the unfinished run.", Where.ACTION, word="cancel", letter="n",
             capability=Capability.PROVIDER_RUN),
    command("retry", "", "Retry run", "Start a completed run's operation again, as a new run.", Where.ACTION,
             word="retry", letter="t", capability=Capability.PROVIDER_RUN),
    command("enable", "", "Enable", "Use the connection again; its verification starts from unknown.", Where.ACTION,
             word="enable", letter="e", capability=Capability.PROVIDER_MANAGE),
    command("disable", "", "Disable", "Stop using the connection; consent and verification stay as they are.",
             Where.ACTION, word="disable", letter="b", capability=Capability.PROVIDER_MANAGE),
)  # fmt: skip
