"""Commands about bringing tenants on: going to the wizard, its steps, and those of its actions menu."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_MANAGE: Final = Capability.PROVIDER_MANAGE
_HERE: Final = Where.ONBOARDING_ACTION

ONBOARDING: Final = (
    command("onboard_tenant", "", "onboard", "Bring a tenant on, step by step: :onboard NAME; without a name, one that is new.",
            Where.EVERYWHERE, word="onboard", capability=_MANAGE),
    command("onboardings", "", "onboardings", "Go to the onboardings that are open, to go on with one.", Where.EVERYWHERE,
            word="onboardings"),
    command("go_on", "enter", "go on",
            "Do what the step wants: fill in its form, start its check, or go to the next one. On the permissions: they were seen.",
            Where.ONBOARDING, hint=1),
    command("edit_step", "e", "edit", "Edit what the step is about, in a form: the tenant or the connection.", Where.ONBOARDING,
            hint=3, capability=_MANAGE),
    command("turn_format", "o", "format",
            "Show the permissions in another form: a table, the Entra manifest's JSON, Azure CLI or PowerShell lines.",
            Where.ONBOARDING, hint=8),
)  # fmt: skip

ONBOARDING_ACTIONS: Final = (
    command("finish_onboarding", "", "Finish", "End the onboarding as done; the tenant becomes active.", _HERE, letter="f",
            capability=_MANAGE),
    command("take_over", "", "Take over", "Go on with what somebody else began.", _HERE, letter="t", capability=_MANAGE),
    command("cancel_onboarding", "", "Cancel the onboarding", "End it without an outcome, with a reason; what exists is kept.",
            _HERE, letter="n", capability=_MANAGE),
)  # fmt: skip
