"""What a command is: its keys, its words, where it applies, and what somebody needs for it.

Must not know: which commands there are (`atlas_tui.commands`), how one is done (screens and the app have a method of its name).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from storage.capabilities import Capability


class Where(StrEnum):
    """Where a command applies. The words are the headings of the help."""

    EVERYWHERE = "Everywhere"
    LIST = "In every list"
    DETAIL = "On a thing's own page"
    CONNECTIONS = "Connections"
    CONNECTION = "A connection"
    RUNS = "Runs"
    RUN = "A run"
    TENANTS = "Tenants"
    TENANT = "A tenant"
    AUDIT = "Audit"
    AUDIT_ENTRY = "An audit entry"
    HEALTH = "Health"
    PLATFORM_APPS = "Platform apps"
    PLATFORM_APP = "A platform app"
    FORM = "In a form"
    ACTION = "In the actions menu (x)"
    MEMBERS = "Members"
    MEMBER = "A member"
    FLEET_IMPORT = "An import"
    TENANT_ACTION = "In a tenant's actions menu (x)"
    MEMBER_ACTION = "In a member's actions menu (x)"
    IMPORT_ACTION = "In an import's actions menu (x)"
    CREDENTIAL_ACTION = "In a credential's actions menu (x)"
    APP_ACTION = "In a platform app's actions menu (x)"
    CONSENT = "A connection's consent"
    ONBOARDING = "An onboarding"
    ONBOARDINGS = "Open onboardings"
    CONSENT_ACTION = "In the menu of a consent (x)"
    ONBOARDING_ACTION = "In an onboarding's menu (x)"
    INVENTORY = "Inventory"
    ATTENTION = "Attention"
    PROBLEM = "A problem"
    EXPIRY = "Expiry horizon"
    HANDOVER = "Shift handover"
    PROBLEM_ACTION = "In a problem's menu (x)"
    INVENTORY_CHANGES = "What an inventory sync changed"
    INVENTORY_ITEM = "An inventory item"
    COMPLIANCE = "Compliance of all tenants"
    TENANT_COMPLIANCE = "A tenant's compliance"
    ROLES = "Administrator roles of all tenants"
    TENANT_ROLES = "A tenant's administrator roles"
    TENANT_DIRECTORY = "A tenant's directory counts"
    BATCHES = "Bulk starts"
    BATCH = "A bulk start"
    BATCH_ACTION = "In a bulk start's menu (x)"
    INBOX = "Inbox"
    SCHEDULES = "Schedules"
    SCHEDULE = "A schedule"
    SYSTEM_DIRECTORY = "System directory"
    SYSTEM_TENANT = "A tenant in the system directory"
    SYSTEM_RUNS = "Runs of all workspaces"
    SYSTEM_RUN = "A run on the system plane"
    INBOX_ACTION = "In the inbox's menu (x)"
    ALERTS = "Alerts"
    ALERT = "An alert rule or channel"
    ALERT_LOG = "Log of alerts"
    ALERT_ACTION = "In the actions menu of alerts (x)"
    SCHEDULE_ACTION = "In a schedule's actions menu (x)"


ACTION_PLACES = frozenset(
    {
        Where.ACTION,
        Where.TENANT_ACTION,
        Where.MEMBER_ACTION,
        Where.IMPORT_ACTION,
        Where.CREDENTIAL_ACTION,
        Where.APP_ACTION,
        Where.CONSENT_ACTION,
        Where.ONBOARDING_ACTION,
        Where.INBOX_ACTION,
        Where.SCHEDULE_ACTION,
        Where.ALERT_ACTION,
        Where.PROBLEM_ACTION,
        Where.BATCH_ACTION,
    }
)
"""The menus. A command of a menu has a letter there and no key of its own."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can ask for.

    Attributes:
        id: Its stable name; the method that does it is `command_` and this name.
        keys: The keys it usually has, as Textual names them; empty for what is only in the palette and the command bar.
        label: Two or three words, for the key hints and the palette.
        help: One sentence, for the help and the docs.
        where: Where it applies.
        word: What it is called in the command bar (`:word`); empty when it is not there.
        hint: Its place in the key hints, low first; 0 is not shown there.
        capability: What somebody needs for it; None when everybody who sees the screen may.
        letter: Its letter in the actions menu.
        operation: The operation type it starts, for those that start one.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    where: frozenset[Where]
    word: str = ""
    hint: int = 0
    capability: Capability | None = None
    letter: str = ""
    operation: str = ""


def command(
    id: str,
    keys: str,
    label: str,
    help: str,
    *where: Where,
    word: str = "",
    hint: int = 0,
    capability: Capability | None = None,
    letter: str = "",
    operation: str = "",
) -> Command:
    """Makes a command; `keys` are separated by spaces, places follow the sentence."""
    return Command(id, tuple(keys.split()), label, help, frozenset(where), word, hint, capability, letter, operation)
