"""Going to onboardings: beginning one, going on with one, and being told of those that are open.

Promise: beginning is asked for first; an onboarding that is open is gone on with, whoever began it, and only looking at it changes nothing.

Must not know: what the wizard shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_tui.links import Link, View, to_onboarding
from atlas_tui.screens.collected_opening import find_tenant
from atlas_tui.screens.form_opening import open_form
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from storage.errors import AtlasError
from storage.onboarding_state import OnboardingState
from storage.states import OnboardingStatus, TenantLifecycle

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from storage.tenants import TenantRow


def onboard_new(atlas: AtlasApp) -> None:
    """Bring a tenant on that is not here yet: its form."""
    from atlas_tui.screens.onboarding_forms import OnboardNewTenant

    open_form(atlas, OnboardNewTenant(atlas.session.workspace.workspace_id))


def onboard_named(atlas: AtlasApp, name: str) -> None:
    """Bring a tenant on by its name, domain or id: `:onboard NAME`."""
    find_tenant(atlas, name, lambda row: onboard(atlas, row.id))


def onboard(atlas: AtlasApp, tenant_id: int) -> None:
    """Bring a tenant on: go on with its open onboarding, or begin one after a question."""
    session = atlas.session

    def read() -> tuple[OnboardingState | None, TenantRow, str]:
        from storage import allowance, onboarding_state, tenants
        from storage.capabilities import Capability

        row = tenants.get(session.db, session.who, tenant_id)
        found = onboarding_state.of_tenant(session.db, session.who, tenant_id)
        may = allowance.allowance(session.db, session.who, Capability.PROVIDER_MANAGE, row.workspace_id, tenant_id)
        return found, row, may.refusal

    def show(answer: tuple[OnboardingState | None, TenantRow, str]) -> None:
        found, row, refusal = answer
        if found is not None and found.status is OnboardingStatus.OPEN:
            atlas.navigation.go(to_onboarding(found.id))
        elif refusal:
            atlas.flash(refusal, "warn")
        else:
            _ask_to_begin(atlas, row)

    atlas.ask("onboard", read, show, lambda error: atlas.flash(str(error), "bad"))


def _ask_to_begin(atlas: AtlasApp, row: TenantRow) -> None:
    session = atlas.session

    def work(ticket: str | None) -> OnboardingState:
        from storage import onboarding

        return onboarding.begin(session.db, session.who, row.id, ticket=ticket)

    def go(confirmed: Confirmed | None) -> None:
        if confirmed is not None:
            atlas.ask(
                "onboard",
                lambda: work(confirmed.ticket),
                lambda found: atlas.navigation.go(to_onboarding(found.id)),
                lambda error: atlas.flash(str(error), "bad"),
                keep_all=True,
            )

    first = (
        "The draft becomes `onboarding` until it is finished or cancelled."
        if row.lifecycle is TenantLifecycle.DRAFT
        else f"The tenant stays {row.lifecycle.value}."
    )
    sentences = (
        first,
        "Seven steps: tenant, permissions, connection, credential, consent, verify, done. Each is saved; anybody entitled may go on.",
    )
    atlas.push_screen(ConfirmName(f"Begin the onboarding of {row.name}?", sentences, confirm_label="Begin"), go)


def go_to_open(atlas: AtlasApp) -> None:
    """Go to the list of open onboardings."""
    atlas.navigation.go(Link(View.ONBOARDINGS))


def remind_of_onboardings(atlas: AtlasApp) -> None:
    """At the start: say which onboardings of one's own are open, unless something else is said already."""
    session = atlas.session

    def read() -> tuple[OnboardingState, ...]:
        from storage import onboarding_state

        found = onboarding_state.open_ones(session.db, session.who, session.workspace.workspace_id)
        return tuple(one for one in found if one.held_by == session.who.login)

    def say(mine: tuple[OnboardingState, ...]) -> None:
        if not mine or atlas.notice is not None:
            return
        first = mine[0]
        more = f" and {len(mine) - 1} more" if len(mine) > 1 else ""
        words = f"Onboarding of {first.tenant_name} is open, at {first.current.label}{more}. :onboardings goes on."
        atlas.flash(words, "warn", to_onboarding(first.id))

    def quiet(error: AtlasError) -> None:
        """A reminder that cannot be read is none."""

    atlas.ask("onboardings", read, say, quiet)
