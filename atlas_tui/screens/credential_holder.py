"""Whose credentials a screen shows or changes: a dedicated connection's own, or those of a platform app.

Promise: one read for the tab, the menu and the form, so that they agree; never a value, since storage hands none out.

Must not know: widgets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage import connections, credential_changes, platform_apps, tenants
from storage.credentials import CredentialInfo
from storage.retired_keys import Reminder
from storage.states import Cloud, ConnectionType, CredentialOwner, CredentialSlot

if TYPE_CHECKING:
    from atlas_tui.session import Session


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds credentials, as they were read.

    Attributes:
        owner: A connection or a platform app.
        id: Which.
        name: The tenant's name, or the app's.
        client_id: Of the app registration they belong to; empty when none is known.
        workspace_id: Where it is.
        credentials: What is stored, the active one first.
        reminders: Old keys that Microsoft may still accept.
        may_manage: Whether the reader may change them.
        who_may_manage: Who could, when the reader may not.
        may_run: Whether the reader may try them.
        who_may_run: Who could, when the reader may not.
        why_elsewhere: Why they are not changed here, but with the platform app; empty when they are.
        app_id: The platform app that signs in for this connection; None when it has credentials of its own.
    """

    owner: CredentialOwner
    id: int
    name: str
    client_id: str
    workspace_id: int
    credentials: tuple[CredentialInfo, ...]
    reminders: tuple[Reminder, ...]
    may_manage: bool
    who_may_manage: str
    may_run: bool
    who_may_run: str
    why_elsewhere: str = ""
    app_id: int | None = None

    def slot(self, slot: CredentialSlot) -> CredentialInfo | None:
        """What is in a slot."""
        return next((info for info in self.credentials if info.slot is slot), None)

    @property
    def manage_refusal(self) -> str:
        """Why the reader may not change them; empty when they may."""
        if self.why_elsewhere:
            return self.why_elsewhere
        return "" if self.may_manage else f"Your role may not. {self.who_may_manage}"


def read_holder(session: Session, owner: CredentialOwner, id: int) -> Holder:
    """Reads them. Blocks; not for the event loop.

    Raises:
        NotFound, Forbidden: Not visible.
    """
    if owner is CredentialOwner.PLATFORM_APP:
        return _of_app(session, id)
    detail = connections.get(session.db, session.who, id)
    row = detail.row
    is_own = row.connection_type is ConnectionType.DEDICATED
    workspace_id = tenants.get(session.db, session.who, row.tenant_id).workspace_id
    return Holder(
        owner=owner,
        id=id,
        name=row.tenant_name,
        client_id=detail.client_id or "",
        workspace_id=workspace_id,
        credentials=detail.credentials,
        reminders=credential_changes.reminders(session.db, session.who, owner, id) if is_own else (),
        may_manage=detail.may_manage,
        who_may_manage=detail.who_may_manage,
        may_run=detail.may_run,
        who_may_run=detail.who_may_run,
        why_elsewhere="" if is_own else "It signs in with its platform app; change the credential there.",
        app_id=None if is_own else _app_of(session, workspace_id, row.cloud),
    )


def _app_of(session: Session, workspace_id: int, cloud: Cloud) -> int | None:
    """The platform app of a cloud, of which a workspace has one; None for a reader who does not see the workspace whole."""
    from storage.allowance import allowance
    from storage.capabilities import Capability

    if not allowance(session.db, session.who, Capability.PROVIDER_VIEW, workspace_id).is_allowed:
        return None
    found = platform_apps.of_workspace(session.db, session.who, workspace_id)
    return next((app.id for app in found if app.cloud is cloud), None)


def _of_app(session: Session, id: int) -> Holder:
    from storage.allowance import allowance
    from storage.capabilities import Capability

    detail = platform_apps.get(session.db, session.who, id)
    app = detail.app
    run = allowance(session.db, session.who, Capability.PROVIDER_RUN, app.workspace_id)
    return Holder(
        owner=CredentialOwner.PLATFORM_APP,
        id=id,
        name=app.display_name,
        client_id=app.client_id,
        workspace_id=app.workspace_id,
        credentials=app.credentials,
        reminders=detail.reminders,
        may_manage=detail.may_manage,
        who_may_manage=detail.who_may_manage,
        may_run=run.is_allowed,
        who_may_run=run.refusal,
    )
