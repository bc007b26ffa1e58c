"""Commands about platform apps: going to them, and those of the actions menu of one."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_MANAGE: Final = Capability.PROVIDER_MANAGE
_HERE: Final = Where.APP_ACTION

APPS: Final = (
    command("platform_apps", "", "platform apps", "Go to the platform apps of this workspace.", Where.EVERYWHERE, word="apps"),
)  # fmt: skip

APP_ACTIONS: Final = (
    command("verify_app", "", "Verify the app", "Start checks on its home tenant's connection and on up to three others.",
            _HERE, letter="v", capability=Capability.PROVIDER_RUN),
    command("delete_app", "", "Delete (unused)", "Delete a platform app that no connection signs in with.", _HERE,
            letter="D", capability=_MANAGE),
)  # fmt: skip
