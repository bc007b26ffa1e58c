"""A form while others change what it is about: what they changed, and what they took away."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from atlas_tui.screens.tenant_form import EditTenant
from storage.capabilities import Role
from storage.schema import memberships


async def test_what_somebody_else_changes_meanwhile_is_shown_at_once(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e", *["tab"] * 3)
        forms.rename(small_fleet, "Contoso Group")
        await terminal.wait_for(lambda: terminal.shows("Changed meanwhile by somebody else: Name"))
        assert terminal.app.screen.state.text("name") == "Contoso Group"


async def test_an_edit_that_lost_the_race_shows_both_and_saves_the_one_that_is_chosen(
    small_fleet: Any, dashboard: Any, forms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The form does not hear of the change before it is saved.
    monkeypatch.setattr(EditTenant, "TOPICS", frozenset())
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await forms.write(terminal, " mine")
        forms.rename(small_fleet, "Theirs")
        await forms.saved(terminal)
        assert terminal.shows("Not saved: changed meanwhile")
        assert terminal.shows("by mona")
        assert terminal.shows("Now: Theirs")
        assert terminal.app.screen.state.text("name") == "Contoso Ltd mine"
        await terminal.press("f4")
        assert terminal.app.screen.state.text("name") == "Theirs"
        await terminal.press("f4")
        await forms.saved(terminal)
        assert terminal.shows("is saved")
    assert forms.tenants(small_fleet, "contoso")[0].name == "Contoso Ltd mine"


async def test_a_role_that_is_gone_refuses_the_save_and_keeps_the_draft(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    mona = small_fleet.people["mona"]
    async with dashboard(small_fleet, login="mona") as terminal:
        await terminal.press("4", "e")
        await forms.write(terminal, " Group")
        small_fleet.db.write(
            lambda tx: (
                tx.run(
                    update(memberships).where(memberships.c.user_id == mona.user_id).values(role=Role.READONLY.value)
                )
                and None
            )
        )
        await forms.saved(terminal)
        assert terminal.shows("Not saved")
        assert terminal.shows("Ask dana (Owner)")
        assert terminal.app.screen.state.text("name") == "Contoso Ltd Group"
    assert forms.drafts(small_fleet, "mona")[0].document["name"] == "Contoso Ltd Group"
    assert forms.tenants(small_fleet, "contoso")[0].name == "Contoso Ltd"
