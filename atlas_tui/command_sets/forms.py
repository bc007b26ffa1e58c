"""Commands about forms, and those of the actions menu that change what a connection is."""

from __future__ import annotations

from typing import Final

from atlas_tui.command import Where, command
from storage.capabilities import Capability

_MANAGE: Final = Capability.PROVIDER_MANAGE

FORMS: Final = (
    command("new", "N", "new", "Add a tenant; on a tenant or among connections: a connection of this tenant; among apps: an app.",
             Where.CONNECTIONS, Where.TENANTS, Where.TENANT, Where.PLATFORM_APPS, hint=11, capability=_MANAGE),
    command("edit", "e", "edit", "Edit this tenant, connection or platform app in a form.", Where.CONNECTIONS, Where.TENANTS,
             Where.TENANT, Where.CONNECTION, Where.PLATFORM_APPS, Where.PLATFORM_APP, hint=11, capability=_MANAGE),
    command("save", "ctrl+s", "save", "Save the form.", Where.FORM, word="w", hint=1),
    command("next_field", "tab down", "next field", "Go to the next field or button.", Where.FORM, hint=2),
    command("previous_field", "shift+tab up", "field before", "Go to the field or button before this one.", Where.FORM),
    command("take_theirs", "f4", "theirs or yours",
             "Where somebody else changed this field meanwhile: take what they stored, or what you typed again.",
             Where.FORM, word="theirs"),
    command("discard_draft", "", "discard draft", "Throw away what was typed into this form, after a question.",
             Where.FORM, word="discard"),
    command("drafts", "", "drafts", "Go on with a form that was left.", Where.EVERYWHERE, word="drafts"),
)  # fmt: skip

CHANGING: Final = (
    command("set_default", "", "Make default", "Make this the default connection of its tenant.", Where.ACTION,
             word="default", letter="f", capability=_MANAGE),
    command("revoke_consent", "", "Revoke consent here",
             "Stop using the customer's consent on our side; at Microsoft it stands until the customer removes it.",
             Where.ACTION, word="revoke", letter="v", capability=_MANAGE),
    command("delete_connection", "", "Delete (never ran)", "Delete a connection that never ran.", Where.ACTION,
             word="delete", letter="D", capability=_MANAGE),
)  # fmt: skip
