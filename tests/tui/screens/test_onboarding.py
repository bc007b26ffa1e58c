"""The wizard at the keyboard: every step from the truth, left and found again, taken over, refused, cancelled, and done only when it is."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update
from textual import events

from atlas_tui.app import AtlasApp
from atlas_tui.cells import line_text, width_of
from atlas_tui.links import View, to_onboarding
from atlas_tui.screens.form import FormScreen
from atlas_tui.widgets.confirm_name import ConfirmName
from atlas_tui.widgets.lines import PaintedLines
from atlas_tui.widgets.menu import Menu
from storage import audit_trail, drafts, leases, onboarding, onboarding_state, tenants
from storage.audit_filters import AuditQuery
from storage.configuration import Settings
from storage.onboarding_steps import StepKey, StepState
from storage.pages import Place
from storage.schema import memberships
from storage.states import OnboardingStatus, TenantLifecycle
from storage.tenants import TenantQuery

GUID = "8a3c1f0e-1b2c-4d5e-8f90-0123456789ab"
CLIENT = "9b4d2f1e-1b2c-4d5e-8f90-0123456789ab"
SECRET = "abc8Q~0123456789abcdef0123456789abcdef01"
_NAMES = {" ": "space", "-": "minus", ".": "full_stop", "~": "tilde"}


async def write(terminal: Any, text: str) -> None:
    """A text into the field that has the focus, all at once."""
    terminal.app.screen.focused.post_message(events.Paste(text))
    await terminal.settle()
    screen = terminal.app.screen
    if isinstance(screen, FormScreen):
        await terminal.wait_for(lambda: not screen.is_waiting)
    await terminal.wait_for(lambda: not terminal.app.drafts.is_busy)
    await terminal.settle()


async def save(terminal: Any) -> None:
    await terminal.press("ctrl+s")
    await terminal.wait_for(lambda: not terminal.app.drafts.is_busy)
    await terminal.settle()


async def confirm(terminal: Any) -> None:
    """From Cancel to the verb, and press it."""
    assert isinstance(terminal.app.screen, ConfirmName), terminal.text()
    terminal.app.screen.query_one("#confirm").focus()
    await terminal.press("enter")


async def command(terminal: Any, line: str) -> None:
    await terminal.press("colon")
    await terminal.pilot.press(*(_NAMES.get(letter, letter) for letter in line))
    await terminal.press("enter")


def app_of(fleet: Any, login: str = "dana") -> AtlasApp:
    """The dashboard with a configuration, so that credentials can be sealed."""
    from atlas_tui.session import Session

    def opened() -> Session:
        settings = Settings(
            database=fleet.address, public_key=b64encode(fleet.key.public_key().public_bytes_raw()).decode()
        )
        return replace(fleet.session(login), settings=settings)

    return AtlasApp(opened, clock=fleet.clock, theme_name="atlas-dark")


async def open_wizard(terminal: Any, id: int) -> None:
    terminal.app.navigation.go(to_onboarding(id))
    await terminal.settle()
    await terminal.wait_for(lambda: terminal.app.seen.read is not None)


def begun(fleet: Any, name: str = "Newcomer", by: str = "dana") -> int:
    return onboarding.begin(fleet.db, fleet.people[by], fleet.tenant.get(name) or fleet.add_tenant(name)).id


def state_of(fleet: Any, id: int) -> Any:
    return onboarding_state.state(fleet.db, fleet.people["dana"], id)


def steps_of(fleet: Any, id: int) -> dict[StepKey, StepState]:
    return {step.key: step.state for step in state_of(fleet, id).steps}


def claimed(fleet: Any, run_id: int) -> Any:
    """A worker takes the check up."""
    claim = leases.claim(fleet.db, "w1", run_id)
    assert claim is not None
    return claim


def fits(terminal: Any) -> None:
    """Every painted line is as wide as its widget, and no widget leaves the terminal."""
    width = terminal.app.size.width
    for painted in terminal.app.screen.query(PaintedLines):
        assert painted.region.right <= width
        for line in painted.lines:
            assert width_of(line_text(line)) == painted.size.width, line_text(line)


async def test_a_new_tenant_is_walked_from_its_form_to_done(north: Any, dashboard: Any) -> None:
    north.worker()
    async with dashboard(north, app=app_of(north)) as terminal:
        await command(terminal, "onboard")
        assert terminal.shows("> current o open")
        await write(terminal, "Quarx GmbH")
        await terminal.press("tab")
        await write(terminal, GUID)
        await save(terminal)
        assert terminal.app.seen.VIEW is View.ONBOARDING
        assert terminal.shows("[table] Entra manifest (JSON)")
        assert terminal.shows("required Device.Read.All")
        await terminal.press("o", "y")
        assert '"requiredResourceAccess"' in terminal.app.clipboard
        await terminal.press("enter", "enter")
        assert terminal.shows("Onboard Quarx GmbH: connection")
        await terminal.press("down")
        await write(terminal, CLIENT)
        await save(terminal)
        assert terminal.shows("The connection has no credential.")
        await terminal.press("enter", "down")
        await write(terminal, SECRET)
        await save(terminal)
        assert terminal.shows("Granted in the portal")
        fits(terminal)
        await terminal.press("x", "g")
        await confirm(terminal)
        assert terminal.shows("Wait for its result.")
        (open_one,) = onboarding_state.open_ones(north.db, north.people["dana"], north.workspace)
        claim = claimed(north, open_one.check_run_id)
        await terminal.wait_for(lambda: terminal.shows("running"))
        north.finish(claim)
        await terminal.wait_for(lambda: terminal.shows("Everything is in place."))
        assert [step.state for step in state_of(north, open_one.id).steps[:6]] == [StepState.DONE] * 6
        await terminal.press("enter")
        await confirm(terminal)
        assert terminal.shows("Quarx GmbH is on board.")
        assert terminal.shows("Done 2026-03-01")
        fits(terminal)
    (row,) = tenants.page(north.db, north.people["dana"], TenantQuery(north.workspace, "quarx"), Place.first(), 5).rows
    assert row.lifecycle is TenantLifecycle.ACTIVE
    assert SECRET not in terminal.text()


async def test_a_check_that_failed_is_not_done_and_says_where_to_go_back_to(north: Any, dashboard: Any) -> None:
    north.worker()
    connection = north.add("Newcomer", consent_status="granted", verification_status="unknown", last_checked_at=None)
    id = begun(north)
    claim = north.begin(connection)
    async with dashboard(north, app=app_of(north)) as terminal:
        north.finish(claim, ("Token", "app_not_found"))
        await open_wizard(terminal, id)
        await terminal.press("enter")  # the permissions were seen
        assert steps_of(north, id)[StepKey.VERIFY] is StepState.FAILED
        assert terminal.shows("x failed")
        assert terminal.shows("app_not_found")
        assert terminal.shows("check again, or back to Connection")
        await terminal.press("right_square_bracket")
        assert terminal.shows("Verify")
        assert terminal.shows("failed:")
        await terminal.press("x")
        menu = terminal.app.screen
        assert isinstance(menu, Menu)
        finish = next(item for item in menu._items.items if item.id == "finish_onboarding")
        assert finish.refusal.startswith("Verify")
        await terminal.press("escape", "left_square_bracket", "enter", "c", "enter")
        assert state_of(north, id).check_run_id is None, "Cancel has the focus"
        await terminal.press("enter", "c", "right", "enter")
        await terminal.wait_for(lambda: terminal.shows("Wait for its result."))
        assert state_of(north, id).check_run_id is not None
        await terminal.press("enter")
        assert terminal.shows("l opens it")
        north.finish(claimed(north, state_of(north, id).check_run_id), ("Token", "app_not_found"))
        await terminal.wait_for(lambda: terminal.shows("back to Connection"))
        await terminal.press("enter", "b")
        assert terminal.shows("Client id")
        await terminal.press("e")
        assert terminal.shows("Onboard Newcomer: connection")
        fits(terminal)
    assert state_of(north, id).status is OnboardingStatus.OPEN
    tenant = tenants.get(north.db, north.people["dana"], north.tenant["Newcomer"])
    assert tenant.lifecycle is TenantLifecycle.ACTIVE


async def test_what_is_degraded_is_said_to_the_end(north: Any, dashboard: Any) -> None:
    id = begun(north)
    north.add("Newcomer", verification_status="degraded", last_reason_code="missing_permission",
              last_reason_sentence="Group.Read.All is missing.")  # fmt: skip
    async with dashboard(north, app=app_of(north)) as terminal:
        await open_wizard(terminal, id)
        assert terminal.shows("Degraded     Group.Read.All is missing.")
        await terminal.press("enter")
        assert terminal.shows("degraded, not healthy")
        await terminal.press("escape")
    assert state_of(north, id).status is OnboardingStatus.OPEN


async def test_somebody_else_goes_on_after_a_question_and_everybody_sees_it(north: Any, dashboard: Any) -> None:
    id = begun(north, by="mona")
    async with dashboard(north, app=app_of(north)) as terminal:
        assert not terminal.shows("is open, at")
        await command(terminal, "onboardings")
        assert terminal.shows("mona")
        await terminal.press("enter")
        assert terminal.shows("mona holds it")
        assert state_of(north, id).held_by == "mona"
        await terminal.press("enter", "enter")
        assert state_of(north, id).held_by == "mona", "Cancel has the focus"
        await terminal.press("enter")
        await confirm(terminal)
        assert state_of(north, id).held_by == "dana"
        assert terminal.shows("You took the onboarding of Newcomer over from mona.")
        await terminal.press("escape")
        assert terminal.shows("dana")
    entries = audit_trail.page(
        north.db, north.people["dana"], AuditQuery(north.workspace, "action:onboarding.take_over"), Place.first(), 5
    ).rows
    assert [entry.actor for entry in entries] == ["dana"]
    async with dashboard(north, app=app_of(north)) as terminal:
        assert terminal.shows("Onboarding of Newcomer is open, at Permissions"), "the next start says so"


async def test_a_step_that_is_left_is_found_again_as_it_was_typed(north: Any, dashboard: Any) -> None:
    id = begun(north)
    onboarding.permissions_seen(north.db, north.people["dana"], id)
    async with dashboard(north, app=app_of(north)) as terminal:
        await open_wizard(terminal, id)
        await terminal.press("enter", "down")
        await write(terminal, CLIENT)
        await terminal.press("escape")
        assert terminal.app.seen.VIEW is View.ONBOARDING
        await terminal.press("enter")
        assert terminal.shows(CLIENT)
        terminal.app.hang_up()
    (kept,) = drafts.mine(north.db, north.people["dana"], north.workspace)
    assert (kept.form, kept.document["client_id"]) == ("onboarding.connection", CLIENT)


async def test_a_role_that_is_taken_away_in_the_middle_refuses_the_save_and_keeps_the_draft(
    north: Any, dashboard: Any
) -> None:
    id = begun(north, by="mona")
    onboarding.permissions_seen(north.db, north.people["mona"], id)
    async with dashboard(north, app=app_of(north, "mona")) as terminal:
        await open_wizard(terminal, id)
        await terminal.press("enter", "down")
        await write(terminal, CLIENT)
        north.db.write(
            lambda tx: (
                tx.run(
                    update(memberships)
                    .where(memberships.c.user_id == north.people["mona"].user_id)
                    .values(role="readonly")
                )
                and None
            )
        )
        await save(terminal)
        assert terminal.shows("Not saved")
        assert isinstance(terminal.app.screen, FormScreen)
        await terminal.press("escape", "enter")
        assert terminal.shows("Your role may")
    assert state_of(north, id).connection_id is None
    (kept,) = drafts.mine(north.db, north.people["mona"], north.workspace)
    assert kept.document["client_id"] == CLIENT


async def test_who_may_only_read_sees_it_dimmed_with_whom_to_ask(north: Any, dashboard: Any) -> None:
    id = begun(north)
    async with dashboard(north, app=app_of(north, "rita")) as terminal:
        await open_wizard(terminal, id)
        assert terminal.shows("Your role may look. Ask dana")
        await terminal.press("x")
        assert all(item.refusal for item in terminal.app.screen._items.items)
        await terminal.press("escape", "enter")
        assert terminal.shows("Your role may not.")
    assert steps_of(north, id)[StepKey.PERMISSIONS] is StepState.CURRENT


async def test_it_is_cancelled_with_a_reason_that_stays(north: Any, dashboard: Any) -> None:
    tenant_id = north.add_tenant("Newcomer", lifecycle=TenantLifecycle.DRAFT)
    id = begun(north)
    async with dashboard(north, app=app_of(north)) as terminal:
        await open_wizard(terminal, id)
        await terminal.press("x", "n")
        await save(terminal)
        assert terminal.shows("Reason: is needed")
        await write(terminal, "the customer withdrew")
        await save(terminal)
        await confirm(terminal)
        assert terminal.shows("the customer withdrew")
    assert state_of(north, id).status is OnboardingStatus.CANCELLED
    assert tenants.get(north.db, north.people["dana"], tenant_id).lifecycle is TenantLifecycle.DRAFT


async def test_a_tenant_is_onboarded_from_its_menu_and_its_page_leads_back(north: Any, dashboard: Any) -> None:
    north.add_tenant("Newcomer")
    async with dashboard(north, app=app_of(north)) as terminal:
        await terminal.press("4", "enter", "x", "o")
        await confirm(terminal)
        assert terminal.app.seen.VIEW is View.ONBOARDING
        await terminal.press("escape")
        assert terminal.app.seen.VIEW is View.TENANT
        await terminal.wait_for(lambda: terminal.shows("not finished"))
        await terminal.press("enter")
        assert terminal.app.seen.VIEW is View.ONBOARDING, "Enter on the call to create a connection goes on with it"
        await terminal.press("2")
        await command(terminal, "onboard newcomer")
        assert terminal.app.seen.VIEW is View.ONBOARDING, ":onboard NAME goes on with what is open"
        await command(terminal, "onboard nobody")
        assert terminal.shows("No tenant fits 'nobody'.")


async def test_a_tenant_that_is_here_as_a_draft_is_gone_on_with_instead_of_refused(north: Any, dashboard: Any) -> None:
    north.add_tenant("Left Lying", entra_tenant_id=GUID, lifecycle=TenantLifecycle.DRAFT)
    async with dashboard(north, app=app_of(north)) as terminal:
        await command(terminal, "onboard")
        await write(terminal, "Another Name")
        await terminal.press("tab")
        await write(terminal, GUID)
        assert "saving goes on with it as it is" in " ".join(terminal.text().split())
        await save(terminal)
        assert terminal.app.seen.VIEW is View.ONBOARDING
        assert terminal.shows("The onboarding of Left Lying has begun.")


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (60, 20)])
async def test_every_step_fits_its_terminal(north: Any, dashboard: Any, size: tuple[int, int]) -> None:
    north.add("Newcomer", verification_status="blocked", last_reason_code="no_roles_granted")
    id = begun(north)
    async with dashboard(north, app=app_of(north), size=size) as terminal:
        await open_wizard(terminal, id)
        for key in (*list(StepKey)[1:], StepKey.TENANT):
            assert terminal.shows(key.value.capitalize()), key
            fits(terminal)
            await terminal.press("right_square_bracket")
        terminal.bytes_written()
        terminal.app.screen.show_ages()
        await terminal.settle()
        assert terminal.bytes_written() == 0, "an idle wizard writes nothing"
