"""The forms of a connection: a new one of a tenant, and another name or app registration of one that is there.

Promise: the three badges stand above the fields, read-only: facts are found by checks, lifecycle is changed in the actions menu. What
another app registration does to them is said before it is saved.

Must not know: how a form looks or is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from atlas_tui.badges import consent_badge, lifecycle_badge, verification_badge
from atlas_tui.cells import Cell, Line, Part
from atlas_tui.links import to_connection
from atlas_tui.screens.connection_text import name_of
from atlas_tui.screens.form_definition import Filled, Form, Loaded, LookedUp, Saved
from atlas_tui.screens.form_fields import guid_field, name_field
from atlas_tui.screens.prose import Times, field
from atlas_tui.widgets.form_field import Field, Kind, Option
from storage import allowance, connection_changes, connection_edits, connections, platform_apps, tenants
from storage.capabilities import Capability
from storage.connections import ConnectionRow
from storage.platform_apps import PlatformApp
from storage.states import Cloud, ConnectionType, Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session

_NAME: Final = name_field(
    "display_name", "Name", "connection name", "Tells the connections of one tenant apart; Microsoft is the usual one."
)
_CLIENT_ID: Final = replace(
    guid_field(
        "client_id",
        "Client id",
        "client id",
        "Application (client) id of the customer's own app registration.",
        is_required=True,
    ),
    shown_when=lambda texts: texts["connection_type"] == ConnectionType.DEDICATED,
)


def _type_field(app: PlatformApp | None, cloud: Cloud, current: str | None) -> Field:
    """Whose app registration: a choice when there is one."""
    dedicated = Option(ConnectionType.DEDICATED.value, "dedicated", "an app registration of its own")
    if app is None and current != ConnectionType.PLATFORM:
        why = f"there is no platform app for {cloud.value} here"
        return Field("connection_type", "Type", Kind.CHOICE, options=(dedicated,), fixed=why)
    note = f"app {app.display_name} ({app.client_id})" if app is not None else "its app is gone"
    platform = Option(ConnectionType.PLATFORM.value, "platform", note)
    return Field(
        "connection_type",
        "Type",
        Kind.CHOICE,
        options=(platform, dedicated),
        hint="Whose app registration it signs in with. Left, right or space.",
        also_called=("connection type",),
    )


def _app_of(session: Session, workspace_id: int, cloud: Cloud) -> PlatformApp | None:
    found = platform_apps.of_workspace(session.db, session.who, workspace_id)
    return next((app for app in found if app.cloud == cloud), None)


class NewConnection(Form):
    """A connection that is not here yet.

    Args:
        tenant_id: Whose.
    """

    def __init__(self, tenant_id: int) -> None:
        super().__init__("connection.create", f"tenant:{tenant_id}", "New connection")
        self._tenant_id = tenant_id
        self._siblings = 0
        self._tenant_name = ""

    def load(self, session: Session) -> Loaded:
        """What it starts with: the workspace's platform app for the tenant's cloud when there is one."""
        tenant = tenants.get(session.db, session.who, self._tenant_id)
        self.title = f"New connection of {tenant.name}"
        self._siblings, self._tenant_name = tenant.connections, tenant.name
        answer = allowance.allowance(
            session.db, session.who, Capability.PROVIDER_MANAGE, tenant.workspace_id, self._tenant_id
        )
        app = _app_of(session, tenant.workspace_id, tenant.cloud)
        kind = ConnectionType.PLATFORM if app is not None else ConnectionType.DEDICATED
        there = {"display_name": "Microsoft", "connection_type": kind.value, "client_id": None}

        def head(times: Times, width: int) -> Sequence[Line]:
            return [
                *field("Tenant", tenant.name, width),
                *field("Tenant id", f"{tenant.entra_tenant_id} ({tenant.cloud.value})", width),
            ]

        fields = (_NAME, _type_field(app, tenant.cloud, None), _CLIENT_ID)
        return Loaded(fields, there, tenant.workspace_id, head, answer.refusal)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """What comes of it."""
        effects = ["it is enabled; consent and verification are unknown until a check has looked."]
        if not self._siblings:
            effects.append(f"It becomes the default of {self._tenant_name}.")
        if filled.values.get("connection_type") == ConnectionType.DEDICATED:
            effects.append("It needs a credential of its own before anything can start.")
        return LookedUp(consequences=tuple(effects))

    def save(self, session: Session, filled: Filled) -> Saved:
        """Add it."""
        values = filled.values
        row = connection_changes.create(
            session.db,
            session.who,
            self._tenant_id,
            display_name=values["display_name"],
            connection_type=ConnectionType(values["connection_type"]),
            client_id=values.get("client_id"),
            ticket=filled.ticket,
        )
        following = "x, c checks it" if row.connection_type is ConnectionType.PLATFORM else "Store its credential next"
        return Saved(f"{name_of(row)} is added. {following}.", to_connection(row.id))


class EditConnection(Form):
    """A connection that is here.

    Args:
        connection_id: Which.
    """

    TOPICS = frozenset({Topic.CONNECTIONS})
    IS_EDIT = True

    def __init__(self, connection_id: int) -> None:
        super().__init__("connection.edit", f"connection:{connection_id}", "Edit connection")
        self._connection_id = connection_id

    def load(self, session: Session) -> Loaded:
        """What is stored."""
        detail = connections.get(session.db, session.who, self._connection_id)
        row = detail.row
        self.title = f"Edit {name_of(row)}"
        workspace_id = tenants.get(session.db, session.who, row.tenant_id).workspace_id
        if not detail.may_manage:
            return Loaded((), {}, workspace_id, refusal=f"Your role may not do this. {detail.who_may_manage}")
        there = connection_edits.fields(session.db, session.who, self._connection_id)
        app = _app_of(session, workspace_id, row.cloud)
        fields = (_NAME, _type_field(app, row.cloud, there["connection_type"]), _CLIENT_ID)
        return Loaded(fields, there, workspace_id, lambda times, width: badges_head(row, times, width))

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """What storage says the edit would do."""
        if not filled.changes:
            return LookedUp()
        found = connection_edits.consequences(
            session.db, session.who, self._connection_id, filled.changes, seen=filled.seen
        )
        return LookedUp(consequences=found.sentences, hurts=found.hurts)

    def save(self, session: Session, filled: Filled) -> Saved:
        """Change it."""
        row = connection_edits.edit(
            session.db,
            session.who,
            self._connection_id,
            filled.changes,
            seen=filled.seen,
            ticket=filled.ticket,
        )
        return Saved(f"{name_of(row)} is saved.", to_connection(row.id))


def badges_head(row: ConnectionRow, times: Times, width: int) -> Sequence[Line]:
    """The three badges, each with since when, to be read beside a form; never a fourth that sums them up."""

    def line(label: str, badge: Cell, note: str) -> list[Line]:
        return field(label, (*badge.parts, Part(f"  {note}", "muted")), width)

    by = f" by {row.lifecycle_changed_by}" if row.lifecycle_changed_by else ""
    age = None if row.last_checked_at is None else times.now - row.last_checked_at
    checked = "never checked" if row.last_checked_at is None else f"checked {times.ago(row.last_checked_at)} ago"
    return [
        *line(
            "Lifecycle",
            lifecycle_badge(row.is_enabled),
            f"since {times.moment(row.lifecycle_changed_at)}{by}; not edited here",
        ),
        *line("Consent", consent_badge(row.consent_status, age), f"since {times.moment(row.consent_changed_at)}"),
        *line("Verification", verification_badge(row.verification_status, age), checked),
    ]
