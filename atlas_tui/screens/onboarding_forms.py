"""The forms of an onboarding: its steps' own and the one to cancel it. The steps stand above the fields: a form looks like its step.

Promise: each is the same form as outside the wizard, with the same checks, drafts and refusals; saving leads back into the wizard.

Must not know: how a form looks or is saved.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from atlas_tui.cells import Line
from atlas_tui.links import Link, View, to_onboarding
from atlas_tui.screens.connection_form import EditConnection, NewConnection
from atlas_tui.screens.credential_form import new_for_app, new_for_connection
from atlas_tui.screens.form_definition import Filled, Form, Loaded, LookedUp, Saved
from atlas_tui.screens.form_fields import name_field
from atlas_tui.screens.onboarding_steps_text import step_lines
from atlas_tui.screens.prose import Times, blank, field
from atlas_tui.screens.tenant_form import EditTenant, NewTenant
from atlas_tui.widgets.form_state import Remark
from storage import onboarding, onboarding_state, platform_apps, tenants
from storage.errors import Conflict
from storage.onboarding_state import OnboardingState
from storage.onboarding_steps import Step, StepKey, StepState
from storage.pages import Place
from storage.states import ConnectionType, OnboardingStatus, TenantLifecycle, Topic
from storage.tenants import TenantQuery, TenantRow

if TYPE_CHECKING:
    from atlas_tui.session import Session

_TENANT_FIELDS: Final = frozenset({"name", "entra_tenant_id", "primary_domain", "cloud", "tags"})
_GONE_ON_WITH: Final = frozenset({TenantLifecycle.DRAFT, TenantLifecycle.ONBOARDING})


class OnboardNewTenant(NewTenant):
    """A tenant that is not here yet, as the first step of its onboarding; the rest of its fields can be filled in later.

    Args:
        workspace_id: Where it shall be.
    """

    def __init__(self, workspace_id: int) -> None:
        super().__init__(workspace_id)
        self.name, self.title = "onboarding.tenant", "Onboard a new tenant"
        self._workspace_id = workspace_id

    def load(self, session: Session) -> Loaded:
        """What it starts with."""
        loaded = super().load(session)
        fields = [known for known in loaded.fields if known.key in _TENANT_FIELDS]
        return replace(
            loaded, fields=fields, head=lambda times, width: [*step_lines(_NONE_YET, StepKey.TENANT, width), blank()]
        )

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """Whether the workspace has it already: one that is a draft or being brought on is gone on with."""
        known = _known(session, self._workspace_id, filled.values.get("entra_tenant_id"))
        if known is None:
            return LookedUp()
        goes_on = known.lifecycle in _GONE_ON_WITH
        what = (
            "saving goes on with it as it is."
            if goes_on
            else f"it is {known.lifecycle.value}: onboard it from its page."
        )
        text = f"tenant id: this workspace has it already, as {known.name}; {what}"
        return LookedUp({"entra_tenant_id": Remark(text, "warn" if goes_on else "bad")})

    def save(self, session: Session, filled: Filled) -> Saved:
        """Add it as a draft, and begin."""
        values = filled.values
        fields = onboarding.NewTenant(
            values["name"], values["entra_tenant_id"], values["primary_domain"], values["cloud"], values["tags"]
        )
        state = onboarding.begin_new(session.db, session.who, self._workspace_id, fields, ticket=filled.ticket)
        return Saved(f"The onboarding of {state.tenant_name} has begun.", to_onboarding(state.id))


_NONE_YET: Final = tuple(
    Step(key, StepState.CURRENT if key is StepKey.TENANT else StepState.OPEN, "") for key in StepKey
)
"""The steps before there is a tenant."""


def _known(session: Session, workspace_id: int, guid: str | None) -> TenantRow | None:
    if not guid:
        return None
    query = TenantQuery(workspace_id, f"{guid} archived:yes")
    rows = tenants.page(session.db, session.who, query, Place.first(), 5).rows
    return next((row for row in rows if row.entra_tenant_id == guid), None)


class StepForm(Form):
    """A form within a step.

    Args:
        onboarding_id: Of which onboarding.
    """

    TAB = View.TENANTS
    STEP: StepKey
    WHAT: str

    def __init__(self, onboarding_id: int) -> None:
        super().__init__(f"onboarding.{self.WHAT}", f"onboarding:{onboarding_id}", "Onboarding")
        self._onboarding_id = onboarding_id
        self._inner: Form | None = None

    @abstractmethod
    def make(self, session: Session, state: OnboardingState) -> Form:
        """The form itself."""

    @property
    def inner(self) -> Form:
        """The form itself, once it was loaded."""
        assert self._inner is not None, "a form is loaded before anything else"
        return self._inner

    def load(self, session: Session) -> Loaded:
        """The form's own, with the steps above it."""
        state = onboarding_state.state(session.db, session.who, self._onboarding_id)
        if self._inner is None:
            self._inner = self.make(session, state)
        loaded = self._inner.load(session)
        self.title = f"Onboard {state.tenant_name}: {self.STEP.value}"

        def head(times: Times, width: int) -> Sequence[Line]:
            return [*step_lines(state.steps, self.STEP, width), *loaded.head(times, width)]

        return replace(loaded, head=head)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """The form's own."""
        return self.inner.look_up(session, filled)

    def look_before_saving(self, session: Session, filled: Filled) -> LookedUp:
        """The form's own."""
        return self.inner.look_before_saving(session, filled)

    def save(self, session: Session, filled: Filled) -> Saved:
        """The form's own, and back into the wizard."""
        return replace(self.inner.save(session, filled), link=to_onboarding(self._onboarding_id))


class OnboardConnection(StepForm):
    """The tenant's connection."""

    STEP, WHAT = StepKey.CONNECTION, "connection"

    def make(self, session: Session, state: OnboardingState) -> Form:
        """A new one."""
        return NewConnection(state.tenant_id)


class OnboardCredential(StepForm):
    """What the connection signs in with."""

    STEP, WHAT = StepKey.CREDENTIAL, "credential"

    def make(self, session: Session, state: OnboardingState) -> Form:
        """A new one: the connection's own, or the platform app's, which all its connections sign in with."""
        connection_id = _connection_of(state)
        if state.connection_type is not ConnectionType.PLATFORM:
            return new_for_connection(connection_id)
        apps = platform_apps.of_workspace(session.db, session.who, state.workspace_id)
        app = next((app for app in apps if app.cloud is state.cloud), None)
        if app is None:
            raise Conflict("There is no platform app for this cloud.", "Register it: atlas-tui app add")
        return new_for_app(app.id)


class EditStepTenant(StepForm):
    """The tenant, once more."""

    STEP, WHAT, IS_EDIT, TOPICS = StepKey.TENANT, "edit-tenant", True, frozenset({Topic.TENANTS})

    def make(self, session: Session, state: OnboardingState) -> Form:
        """As it is."""
        return EditTenant(state.tenant_id)


class EditStepConnection(StepForm):
    """The connection, once more: a mistyped client id is what an onboarding stumbles over most."""

    STEP, WHAT, IS_EDIT, TOPICS = StepKey.CONNECTION, "edit-connection", True, frozenset({Topic.CONNECTIONS})

    def make(self, session: Session, state: OnboardingState) -> Form:
        """As it is."""
        return EditConnection(_connection_of(state))


def _connection_of(state: OnboardingState) -> int:
    if state.connection_id is None:
        raise Conflict("The tenant has no connection any more.", "Add one in the wizard.")
    return state.connection_id


class CancelOnboarding(Form):
    """Ending an onboarding without an outcome.

    Args:
        onboarding_id: Which.
    """

    TAB = View.TENANTS

    def __init__(self, onboarding_id: int) -> None:
        super().__init__("onboarding.cancel", f"onboarding:{onboarding_id}", "Cancel the onboarding")
        self._onboarding_id = onboarding_id

    def load(self, session: Session) -> Loaded:
        """The reason is all there is to say."""
        state = onboarding_state.state(session.db, session.who, self._onboarding_id)
        self.title = f"Cancel the onboarding of {state.tenant_name}"
        refusal = "" if state.may_manage else f"Your role may not do this. {state.who_may_manage}"
        if state.status is not OnboardingStatus.OPEN:
            refusal = f"It has ended: {state.status.value}."
        reason = name_field(
            "reason", "Reason", "reason", "For whoever looks for it later, such as: the customer withdrew."
        )

        def head(times: Times, width: int) -> Sequence[Line]:
            return field("Tenant", f"{state.tenant_name} ({state.entra_tenant_id})", width)

        nothing: dict[str, Any] = {"reason": None}
        return Loaded((reason,), nothing, state.workspace_id, head, refusal)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """What comes of it."""
        return LookedUp(
            consequences=(
                "What exists is kept: tenant, connection, credential; a consent stands at Microsoft.",
                "A tenant that was being brought on becomes a draft again.",
                "It can be begun again at any time.",
            ),
            hurts=True,
        )

    def save(self, session: Session, filled: Filled) -> Saved:
        """End it."""
        state = onboarding.cancel(
            session.db, session.who, self._onboarding_id, filled.values["reason"], ticket=filled.ticket
        )
        return Saved(f"The onboarding of {state.tenant_name} is cancelled.", Link(View.ONBOARDING, state.id))
