"""Leaving a form and finding it again: whatever was typed is kept until somebody says otherwise."""

from __future__ import annotations

from typing import Any

from atlas_tui.links import View
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.tenant_form import EditTenant


async def test_esc_leaves_and_keeps_what_was_typed(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await terminal.pilot.press("h", "a", "l", "f")
        await terminal.press("escape")
        await forms.paused(terminal)
        assert terminal.app.seen.VIEW is View.TENANTS
        assert terminal.shows("Draft kept: New tenant")
        small_fleet.clock.advance(minutes=5)
        await terminal.press("N")
        assert terminal.app.screen.state.text("name") == "half"
        assert terminal.shows("(5m ago) is filled in")


async def test_leaving_a_form_in_which_nothing_was_typed_keeps_nothing(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e", "escape")
        assert not terminal.shows("Draft kept")
    assert forms.drafts(small_fleet) == ()


async def test_a_draft_is_discarded_only_after_a_question(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await forms.write(terminal, "half")
        await terminal.press("shift+tab", "x", "d", "enter")
        assert terminal.app.screen.state.text("name") == "half"
        await terminal.press("x", "d", "right", "enter")
        await forms.paused(terminal)
        assert terminal.app.screen.state.text("name") == ""
        assert terminal.shows("Draft discarded")
    assert forms.drafts(small_fleet) == ()


async def test_the_next_start_offers_to_go_on(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await forms.write(terminal, " Group")
    # The first dashboard ended with the form open.
    async with dashboard(small_fleet) as terminal:
        assert terminal.shows("Not saved yet: Edit Contoso Ltd")
        await terminal.press("colon")
        await terminal.type("drafts")
        await terminal.press("enter", "1")
        assert terminal.app.screen.state.text("name") == "Contoso Ltd Group"
        await forms.saved(terminal)
    assert forms.tenants(small_fleet, "contoso")[0].name == "Contoso Ltd Group"


async def test_quitting_right_behind_the_last_letter_loses_nothing(
    small_fleet: Any, dashboard: Any, forms: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await terminal.pilot.press("l", "a", "s", "t", "ctrl+q")
        await terminal.wait_for(lambda: not terminal.app.is_running)
    (draft,) = forms.drafts(small_fleet)
    assert draft.document["name"] == "last"


async def test_a_draft_says_what_changed_underneath_since(small_fleet: Any, dashboard: Any, forms: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await forms.write(terminal, " mine")
        await terminal.press("escape")
        forms.rename(small_fleet, "Theirs")
        await terminal.settle()
        await terminal.press("home", "g")
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, EditTenant(small_fleet.tenant["Contoso Ltd"]))
        await terminal.settle()
        await terminal.settle()
        assert terminal.app.screen.state.text("name") == "Contoso Ltd mine"
        assert terminal.shows("Now: Theirs")
