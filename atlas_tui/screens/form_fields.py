"""Fields that several forms have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from atlas_tui.widgets.form_field import Field, Option
from storage.errors import InvalidInput
from storage.fields import read_guid, read_name
from storage.states import Cloud

LONGEST_TICKET: Final = 200


def named(read: Callable[[str, str], Any], name: str) -> Callable[[str], Any]:
    """Makes a field's reader of a rule of `storage.fields`.

    Args:
        read: The rule; takes the field's name and the text.
        name: What sentences call the field.
    """
    return lambda text: read(name, text)


def read_ticket(text: str) -> str | None:
    """Reads a ticket reference; nothing when there is none.

    Raises:
        InvalidInput: It is too long.
    """
    if len(text) > LONGEST_TICKET:
        raise InvalidInput("ticket", f"is longer than {LONGEST_TICKET} characters", "Give its number or address.")
    return " ".join(text.split()) or None


def ticket_field() -> Field:
    """A reference that goes into the audit trail."""
    return Field("ticket", "Ticket", read=read_ticket, hint="Optional: a reference for the audit trail.")


def name_field(key: str, label: str, name: str, hint: str) -> Field:
    """A thing's name."""
    return Field(key, label, read=named(read_name, name), hint=hint, is_required=True, also_called=(name,))


def guid_field(key: str, label: str, name: str, hint: str, **more: Any) -> Field:
    """A GUID of Microsoft's."""
    return Field(key, label, read=named(read_guid, name), hint=hint, also_called=(name,), **more)


_CLOUD_NOTES: Final = {
    Cloud.GLOBAL: "worldwide",
    Cloud.USGOV: "US government (GCC High)",
    Cloud.DOD: "US government (DoD)",
    Cloud.CHINA: "operated by 21Vianet",
}


def cloud_options() -> tuple[Option, ...]:
    """The clouds."""
    return tuple(Option(cloud.value, cloud.value, _CLOUD_NOTES.get(cloud, "")) for cloud in Cloud)
