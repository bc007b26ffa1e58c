"""The forms of a tenant: a new one, and another name, domain, tag or note of one that is there.

Must not know: how a form looks or is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from atlas_tui.cells import Line
from atlas_tui.links import View, to_tenant
from atlas_tui.screens.form_definition import Filled, Form, Loaded, LookedUp, Saved
from atlas_tui.screens.form_fields import cloud_options, guid_field, name_field
from atlas_tui.screens.prose import field
from atlas_tui.widgets.form_field import Field, Kind, read_list, show_list
from atlas_tui.widgets.form_state import Remark
from storage import allowance, tenant_changes, tenants
from storage.capabilities import Capability
from storage.pages import Place
from storage.states import Cloud, TenantLifecycle, Topic
from storage.tenant_fields import read_cloud, read_contact, read_note, read_primary_domain, read_tags, read_time_zone
from storage.tenants import TenantQuery, TenantRow

if TYPE_CHECKING:
    from atlas_tui.session import Session

_FIELDS: Final = (
    name_field("name", "Name", "tenant name", "What your team calls it; Microsoft's own name is kept beside it."),
    guid_field(
        "entra_tenant_id",
        "Tenant id",
        "tenant id",
        "The GUID on the overview page of the Entra admin center.",
        is_required=True,
    ),
    Field(
        "primary_domain",
        "Primary domain",
        read=read_primary_domain,
        hint="Such as contoso.com; a check compares it with the tenant id, so two swapped ids are found.",
    ),
    Field(
        "cloud",
        "Cloud",
        Kind.CHOICE,
        read=read_cloud,
        options=cloud_options(),
        hint="Left, right or space; GCC is in the global cloud.",
    ),
    Field(
        "tags",
        "Tags",
        read=lambda text: read_tags(read_list(text)),
        show=show_list,
        hint="Separated by commas; roles, schedules and filters can name a tag.",
        also_called=("tag",),
    ),
    Field("contact", "Contact", read=read_contact, hint="Whom to call or write to at the customer."),
    Field("time_zone", "Time zone", read=read_time_zone, hint="Such as Europe/Berlin; empty means UTC."),
    Field("note", "Note", Kind.NOTE, read=read_note, hint="What the next person should know. No secrets."),
)
_SETTLED: Final = frozenset({"entra_tenant_id", "cloud"})
"""What stays as it is once Microsoft gave a token for it; `tenant_changes` refuses it too."""

_IN_THE_ARCHIVE: Final = frozenset({"contact", "note"})
"""What can be changed of an archived tenant."""


class NewTenant(Form):
    """A tenant that is not here yet.

    Args:
        workspace_id: Where it shall be.
    """

    TAB = View.TENANTS

    def __init__(self, workspace_id: int) -> None:
        super().__init__("tenant.create", f"workspace:{workspace_id}", "New tenant")
        self._workspace_id = workspace_id

    def load(self, session: Session) -> Loaded:
        """What it starts with."""
        answer = allowance.allowance(session.db, session.who, Capability.PROVIDER_MANAGE, self._workspace_id)
        there = {"cloud": Cloud.GLOBAL, "time_zone": "UTC", "tags": ()}
        return Loaded(_FIELDS, there, self._workspace_id, refusal=answer.refusal)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """Whether the workspace has it already."""
        return LookedUp(_taken(session, self._workspace_id, filled, None))

    def save(self, session: Session, filled: Filled) -> Saved:
        """Add it."""
        values = filled.values
        row = tenants.create(
            session.db,
            session.who,
            self._workspace_id,
            entra_tenant_id=values["entra_tenant_id"],
            name=values["name"],
            primary_domain=values["primary_domain"],
            cloud=values["cloud"],
            tag_names=values["tags"],
            contact=values["contact"] or "",
            time_zone=values["time_zone"],
            note=values["note"] or "",
            ticket=filled.ticket,
        )
        return Saved(f"{row.name} is added. N adds its connection.", to_tenant(row.id))


class EditTenant(Form):
    """A tenant that is here.

    Args:
        tenant_id: Which.
    """

    TAB = View.TENANTS
    TOPICS = frozenset({Topic.TENANTS})
    IS_EDIT = True

    def __init__(self, tenant_id: int) -> None:
        super().__init__("tenant.edit", f"tenant:{tenant_id}", "Edit tenant")
        self._tenant_id = tenant_id
        self._workspace_id = 0
        self._connections = 0

    def load(self, session: Session) -> Loaded:
        """What is stored."""
        row = tenants.get(session.db, session.who, self._tenant_id)
        self.title, self._workspace_id, self._connections = f"Edit {row.name}", row.workspace_id, row.connections
        answer = allowance.allowance(
            session.db, session.who, Capability.PROVIDER_MANAGE, row.workspace_id, self._tenant_id
        )
        fields = [replace(known, fixed=_why_fixed(row, known.key)) for known in _FIELDS]
        return Loaded(fields, _values(row), row.workspace_id, lambda times, width: _head(row, width), answer.refusal)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """Whether another tenant of the workspace has the id; and what a new id does."""
        changes, effects = filled.changes, []
        is_another = bool({"entra_tenant_id", "cloud"} & set(changes)) and self._connections > 0
        if is_another:
            effects.append(
                "It becomes another tenant at Microsoft: consent and verification of its connections start from unknown, "
                "and open consent links are revoked."
            )
        elif "primary_domain" in changes and self._connections:
            effects.append("A check that runs now is not counted; the next one compares the new domain.")
        if "tags" in changes:
            effects.append("Roles, schedules and filters that name a tag may reach this tenant now, or no longer.")
        remarks = _taken(session, self._workspace_id, filled, self._tenant_id)
        return LookedUp(remarks, tuple(effects), hurts=is_another)

    def save(self, session: Session, filled: Filled) -> Saved:
        """Change it."""
        row = tenant_changes.edit(
            session.db,
            session.who,
            self._tenant_id,
            changes=filled.changes,
            seen=filled.seen,
            ticket=filled.ticket,
        )
        return Saved(f"{row.name} is saved.", to_tenant(row.id))


def _why_fixed(row: TenantRow, key: str) -> str:
    if row.lifecycle is TenantLifecycle.ARCHIVED and key not in _IN_THE_ARCHIVE:
        return "archived: restore it first"
    if row.first_token_at is not None and key in _SETTLED:
        return "settled: Microsoft gave a token for it"
    return ""


def _values(row: TenantRow) -> dict[str, Any]:
    return {known.key: getattr(row, known.key) for known in _FIELDS}


def _head(row: TenantRow, width: int) -> Sequence[Line]:
    if not row.microsoft_name:
        return ()
    return field("Microsoft", f"{row.microsoft_name} (Microsoft's own name for it)", width)


def _taken(session: Session, workspace_id: int, filled: Filled, mine: int | None) -> dict[str, Remark]:
    guid = filled.changes.get("entra_tenant_id")
    if not guid:
        return {}
    query = TenantQuery(workspace_id, f"{guid} archived:yes")
    for row in tenants.page(session.db, session.who, query, Place.first(), 5).rows:
        if row.entra_tenant_id == guid and row.id != mine:
            return {"entra_tenant_id": Remark(f"tenant id: this workspace has it already, as {row.name}.")}
    return {}
