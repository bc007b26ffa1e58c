"""The forms of a platform app: registering one, and changing one that is there.

Promise: what another client id or home tenant does to every connection that signs in with the app is said before it is saved. Its
credentials have a form of their own.

Must not know: how a form looks or is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from atlas_tui.cells import Line
from atlas_tui.links import to_platform_app
from atlas_tui.screens.form_definition import Filled, Form, Loaded, LookedUp, Saved
from atlas_tui.screens.form_fields import cloud_options, guid_field, name_field, named
from atlas_tui.screens.prose import Times, field
from atlas_tui.widgets.form_field import Field, Kind
from atlas_tui.widgets.form_state import Remark
from storage import allowance, platform_app_changes, platform_apps
from storage.capabilities import Capability
from storage.fields import read_redirect_uri
from storage.states import Cloud, Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session

USUAL_REDIRECT: Final = "http://localhost/atlas-consent"

_FIELDS: Final = (
    name_field("display_name", "Name", "display name", "What customers see when they consent; tells apps apart here."),
    guid_field(
        "client_id", "Client id", "client id", "Application (client) id of your app registration.", is_required=True
    ),
    guid_field(
        "home_tenant_id",
        "Home tenant",
        "home tenant id",
        "Tenant id in which the app is registered: usually your own.",
        is_required=True,
    ),
    Field(
        "redirect_uri",
        "Redirect URI",
        read=named(read_redirect_uri, "redirect URI"),
        hint="Where Microsoft sends the answer; registered with the app, exactly as written.",
        is_required=True,
        also_called=("redirect URI",),
    ),
)
_CLOUD: Final = Field("cloud", "Cloud", Kind.CHOICE, options=cloud_options(), hint="One app for each cloud.")


class RegisterApp(Form):
    """A platform app that is not here yet.

    Args:
        workspace_id: Where.
    """

    TOPICS = frozenset({Topic.CONNECTIONS})

    def __init__(self, workspace_id: int) -> None:
        super().__init__("platform_app.register", f"workspace:{workspace_id}", "Register a platform app")
        self._workspace_id = workspace_id

    def load(self, session: Session) -> Loaded:
        """A cloud that has none yet, and the usual redirect URI."""
        answer = allowance.allowance(session.db, session.who, Capability.PROVIDER_MANAGE, self._workspace_id)
        taken = {app.cloud for app in platform_apps.of_workspace(session.db, session.who, self._workspace_id)}
        free = next((cloud for cloud in Cloud if cloud not in taken), Cloud.GLOBAL)
        there = {"cloud": free.value, "redirect_uri": USUAL_REDIRECT}
        return Loaded((_CLOUD, *_FIELDS), there, self._workspace_id, refusal=answer.refusal)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """Whether the cloud has one, and what follows."""
        found = platform_apps.of_workspace(session.db, session.who, self._workspace_id)
        taken = next((app for app in found if app.cloud.value == filled.values.get("cloud")), None)
        remarks = {}
        if taken is not None:
            remarks["cloud"] = Remark(f"This workspace has a platform app for it: {taken.display_name}. Edit that one.")
        sentences = (
            "Connections of type platform that waited for an app of this cloud sign in with it.",
            "It needs a credential before anything can start.",
        )
        return LookedUp(remarks, sentences)

    def save(self, session: Session, filled: Filled) -> Saved:
        """Register it."""
        values = filled.values
        app = platform_apps.register(
            session.db,
            session.who,
            self._workspace_id,
            cloud=Cloud(values["cloud"]),
            client_id=values["client_id"],
            display_name=values["display_name"],
            home_tenant_id=values["home_tenant_id"],
            redirect_uri=values["redirect_uri"],
            ticket=filled.ticket,
        )
        return Saved(f"{app.display_name} is registered. Store its credential next: x, n.", to_platform_app(app.id))


class EditApp(Form):
    """A platform app that is here.

    Args:
        app_id: Which.
    """

    TOPICS = frozenset({Topic.CONNECTIONS})
    IS_EDIT = True

    def __init__(self, app_id: int) -> None:
        super().__init__("platform_app.edit", f"platform_app:{app_id}", "Edit platform app")
        self._app_id = app_id

    def load(self, session: Session) -> Loaded:
        """What is stored."""
        detail = platform_apps.get(session.db, session.who, self._app_id)
        app = detail.app
        self.title = f"Edit platform app {app.display_name}"
        if not detail.may_manage:
            refusal = f"Your role may not do this. {detail.who_may_manage}"
            return Loaded((), {}, app.workspace_id, refusal=refusal)
        there = platform_app_changes.fields(session.db, session.who, self._app_id)

        def head(times: Times, width: int) -> Sequence[Line]:
            return [
                *field("Cloud", f"{app.cloud.value}; not edited here", width),
                *field("Used by", f"{app.connections:,} connections", width),
            ]

        return Loaded(_FIELDS, there, app.workspace_id, head)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """What storage says the edit would do."""
        if not filled.changes:
            return LookedUp()
        found = platform_app_changes.consequences(
            session.db, session.who, self._app_id, filled.changes, seen=filled.seen
        )
        return LookedUp(consequences=found.sentences, hurts=found.hurts)

    def save(self, session: Session, filled: Filled) -> Saved:
        """Change it."""
        app = platform_app_changes.edit(
            session.db, session.who, self._app_id, filled.changes, seen=filled.seen, ticket=filled.ticket
        )
        needs = "" if app.credentials else " It needs a credential: x, n."
        return Saved(f"{app.display_name} is saved.{needs}", to_platform_app(app.id))
