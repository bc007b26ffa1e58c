"""What tests of the screens may ask for: somebody who fills in a form."""

from __future__ import annotations

from typing import Any, Final

import pytest

from atlas_tui.screens.form import FormScreen
from storage import drafts, tenant_changes, tenants
from storage.pages import Place
from storage.tenants import TenantQuery

_KEYS: Final = {
    " ": "space",
    "-": "minus",
    "~": "tilde",
    ".": "full_stop",
    ":": "colon",
    ",": "comma",
    "@": "at",
    "+": "plus",
}


class Forms:
    """Fills in a form at the keyboard, and looks at what came of it."""

    async def write(self, terminal: Any, text: str) -> None:
        """Letters into the field that has the focus."""
        await terminal.pilot.press(*(_KEYS.get(letter, letter) for letter in text))
        await self.paused(terminal)

    async def paused(self, terminal: Any) -> None:
        """Until the pause in typing is over, the draft written and every question answered."""
        screen = terminal.app.screen
        if isinstance(screen, FormScreen):
            await terminal.wait_for(lambda: not screen.is_waiting)
        await terminal.wait_for(lambda: not terminal.app.drafts.is_busy)
        await terminal.settle()

    async def saved(self, terminal: Any) -> None:
        """ctrl+s, and whatever follows."""
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: not terminal.app.drafts.is_busy)
        await terminal.settle()

    def tenants(self, fleet: Any, text: str = "") -> list[Any]:
        """The tenants that a filter finds."""
        query = TenantQuery(fleet.workspace, text)
        return list(tenants.page(fleet.db, fleet.people["dana"], query, Place.first(), 50).rows)

    def drafts(self, fleet: Any, login: str = "dana") -> tuple[Any, ...]:
        """Somebody's drafts."""
        return drafts.mine(fleet.db, fleet.people[login], fleet.workspace)

    def rename(self, fleet: Any, name: str) -> None:
        """Mona renames Contoso."""
        tenant_changes.edit(fleet.db, fleet.people["mona"], fleet.tenant["Contoso Ltd"], changes={"name": name})


@pytest.fixture
def forms() -> Forms:
    """Fills in a form at the keyboard, and looks at what came of it."""
    return Forms()
