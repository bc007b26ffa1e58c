"""The one registry of commands: bindings, key hints, the palette, the actions menu, `?` help and the docs page all come from it.

Promise: a key that does something is in here, with the words that help shows for it; what is not in here cannot be bound. No command
with a key of its own changes data: those that do are `ACTION`s, have a letter in the actions menu and ask first.

Must not know: how a command is done (screens and the app have a `command_…` method of the same name), which keys a person chose
(`atlas_tui.keymap`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from atlas_tui.command import Command, Where
from atlas_tui.command_sets.acting import ACTING
from atlas_tui.command_sets.alerts import ALERT_ACTIONS, ALERTS
from atlas_tui.command_sets.apps import APP_ACTIONS, APPS
from atlas_tui.command_sets.attention import ATTENTION, PROBLEM_ACTIONS
from atlas_tui.command_sets.audit import AUDIT
from atlas_tui.command_sets.batches import BATCH_ACTIONS, BATCHES
from atlas_tui.command_sets.collected import COLLECTED
from atlas_tui.command_sets.consent import CONSENT, CONSENT_ACTIONS
from atlas_tui.command_sets.credentials import CREDENTIAL_ACTIONS, CREDENTIALS, REPORTS
from atlas_tui.command_sets.forms import CHANGING, FORMS
from atlas_tui.command_sets.going import FINDING, GOING, LOOKING
from atlas_tui.command_sets.inbox import INBOX, INBOX_ACTIONS
from atlas_tui.command_sets.onboarding import ONBOARDING, ONBOARDING_ACTIONS
from atlas_tui.command_sets.people import PEOPLE, PEOPLE_ACTIONS
from atlas_tui.command_sets.schedules import SCHEDULE_ACTIONS, SCHEDULES
from atlas_tui.command_sets.system_plane import SYSTEM_PLANE
from atlas_tui.command_sets.tenants import IMPORT_ACTIONS, TENANT_ACTIONS, TENANTS
from atlas_tui.widgets.virtual_table import VirtualTable


def _list_commands() -> Iterable[Command]:
    """What the list engine can do, under its own names; `enter` is the screens' own command."""
    for action in VirtualTable.ACTIONS:
        if action.id != "open_row":
            yield Command(
                f"list_{action.id}", action.keys, action.help.lower(), action.help + ".", frozenset({Where.LIST})
            )


REGISTRY: Final[Mapping[str, Command]] = MappingProxyType(
    {
        command.id: command
        for command in (
            *ATTENTION,
            *GOING,
            *_list_commands(),
            *LOOKING,
            *FINDING,
            *AUDIT,
            *TENANTS,
            *COLLECTED,
            *PEOPLE,
            *ONBOARDING,
            *INBOX,
            *SCHEDULES,
            *ALERTS,
            *BATCHES,
            *SYSTEM_PLANE,
            *CONSENT,
            *APPS,
            *REPORTS,
            *FORMS,
            *ACTING,
            *CHANGING,
            *CREDENTIALS,
            *CREDENTIAL_ACTIONS,
            *APP_ACTIONS,
            *TENANT_ACTIONS,
            *IMPORT_ACTIONS,
            *PEOPLE_ACTIONS,
            *CONSENT_ACTIONS,
            *ONBOARDING_ACTIONS,
            *INBOX_ACTIONS,
            *SCHEDULE_ACTIONS,
            *ALERT_ACTIONS,
            *PROBLEM_ACTIONS,
            *BATCH_ACTIONS,
        )
    }
)
"""Every command by its id, in the order people read them."""


def applying(*where: Where) -> tuple[Command, ...]:
    """The commands that apply in any of these places, in the registry's order."""
    return tuple(command for command in REGISTRY.values() if command.where & set(where))


def actions() -> tuple[Command, ...]:
    """The commands of the actions menu."""
    return applying(Where.ACTION)


def by_word() -> Mapping[str, Command]:
    """The commands of the command bar, by their word."""
    return MappingProxyType({command.word: command for command in REGISTRY.values() if command.word})
