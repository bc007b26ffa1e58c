"""What the actions menu of a tenant does: tags, archive, offboard, restore, a new connection; on one tenant, or tags on those marked.

Promise: what will happen is asked of storage and spelled out before it is done; Cancel has the focus; what destroys something asks for the
tenant's name; what is not possible is there, dimmed, with the reason and who may. Storage decides; what is dimmed is refused there too.

Must not know: how a tenant's page or the list of tenants looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from atlas_tui import keyboard
from atlas_tui.commands import REGISTRY
from atlas_tui.links import to_tenant
from atlas_tui.screens.connection_form import NewConnection
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.screens.tenant_goodbye import copy_sheet, export_sheet, offboard, restore
from atlas_tui.screens.tenant_tagging import TenantTargets, ask_tags
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import allowance, tenant_archive, tenant_detail
from storage.capabilities import Capability
from storage.states import TenantLifecycle
from storage.tenant_detail import TenantDetail

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp

_LETTERS: Final = {"edit": "e", "check": "c", "import_fleet": "i", "new": "N"}
"""Letters of commands that are at home elsewhere."""

_LABELS: Final = {
    "edit": "Edit",
    "import_fleet": "Import tenants from a file",
    "new": "New tenant",
    "onboard": "Onboard",
}


def refusals(detail: TenantDetail) -> dict[str, str]:
    """Why each action on a tenant cannot be done now; empty texts for those that can."""
    goodbye, archived = detail.goodbye, detail.tenant.lifecycle is TenantLifecycle.ARCHIVED
    manage = "" if detail.may_manage else f"Your role may not. {detail.who_may_manage}"
    alive = manage or ("It is archived: bring it back first." if archived else "")
    found = {"edit": manage, "tag_tenants": manage or ("It is archived." if archived else "")}
    found |= {"new_connection": alive, "onboard": alive}
    if goodbye is not None and goodbye.purged_at is None:
        found["restore"] = manage or ("" if goodbye.may_restore else "Its purge is due: too late.")
    elif archived:
        found["unarchive"] = manage
    else:
        found["archive"] = manage or _busy(detail)
    if goodbye is None:
        found["offboard"] = manage
    else:
        found["copy_sheet"] = ""
        found["export_sheet"] = "Not over this connection: no files here." if keyboard.is_confined() else ""
    return found


def _busy(detail: TenantDetail) -> str:
    if any(row.active_run_id is not None for row in detail.connections):
        return "A run is not finished: cancel it, or offboard."
    if any(row.is_enabled for row in detail.connections):
        return "Disable its connections first, or offboard."
    return ""


class TenantActs(AtlasScreen):
    """A screen with a tenant, or several, to act on."""

    def tenants_meant(self) -> TenantTargets:
        """What is meant now."""
        raise NotImplementedError

    def around_the_menu(self, detail: TenantDetail) -> Mapping[str, str]:
        """What else the menu of one tenant has: id → why not."""
        return {}

    # The menu

    def command_actions(self) -> None:
        """Open the menu for what is meant."""
        targets = self.tenants_meant()
        if targets.are_several:
            self._menu_for_marked(targets)
        elif targets.ids:
            self._with_tenant(self._menu_for_tenant)
        else:
            self._menu_for_none()

    def _with_tenant(self, then: Callable[[TenantDetail], None]) -> None:
        """Read the one that is meant, and go on with it."""
        targets, session = self.tenants_meant(), self.session
        if targets.are_several:
            self.atlas.flash("One at a time: take the marks away first (esc).", "warn")
        elif targets.ids:
            tenant_id = targets.ids[0]
            self.ask("tenant", lambda: tenant_detail.get(session.db, session.who, tenant_id), then, self.tell_error)
        else:
            self.atlas.flash("There is no tenant here to do that with.")

    def open_menu(self, title: str, refused: Mapping[str, str], labels: Mapping[str, str] | None = None) -> None:
        """A menu of commands: id → why not."""
        words = _LABELS | dict(labels or {})
        items = [
            MenuItem(id, _LETTERS.get(id) or REGISTRY[id].letter, words.get(id, REGISTRY[id].label), why)
            for id, why in refused.items()
        ]
        self.app.push_screen(Menu(title, items), lambda id: self.do(id) if id is not None else None)

    def _menu_for_tenant(self, detail: TenantDetail) -> None:
        onboarding = "Go on with onboarding" if detail.onboarding is not None else "Onboard"
        self.open_menu(
            detail.tenant.name, refusals(detail) | dict(self.around_the_menu(detail)), {"onboard": onboarding}
        )

    def _menu_for_marked(self, targets: TenantTargets) -> None:
        self._with_allowance(lambda why: self.open_menu(targets.words, {"tag_tenants": why}))

    def _menu_for_none(self) -> None:
        self._with_allowance(lambda why: self.open_menu("Tenants", {"new": why, "import_fleet": why}))

    def _with_allowance(self, then: Callable[[str], None]) -> None:
        session, where = self.session, self.session.workspace.workspace_id
        self.ask(
            "allowance",
            lambda: allowance.allowance(session.db, session.who, Capability.PROVIDER_MANAGE, where),
            lambda answer: then(answer.refusal),
            self.tell_error,
        )

    # What it does

    def command_tag_tenants(self) -> None:
        """Add and remove tags."""
        targets = self.tenants_meant()
        if targets.are_several:
            ask_tags(self, targets, ())
        else:
            self._with_tenant(lambda detail: ask_tags(self, targets, detail.tenant.tags))

    def command_new_connection(self) -> None:
        """A connection of this tenant."""
        self._with_tenant(lambda detail: open_form(self.atlas, NewConnection(detail.tenant.id)))

    def command_onboard(self) -> None:
        """Step by step."""
        self._with_tenant(lambda detail: onboard(self.atlas, detail.tenant.id))

    def command_archive(self) -> None:
        """Put the tenant away."""
        self._with_tenant(lambda detail: _archive(self, detail, away=True))

    def command_unarchive(self) -> None:
        """Take it out of the archive."""
        self._with_tenant(lambda detail: _archive(self, detail, away=False))

    def command_offboard(self) -> None:
        """End the work for the customer."""
        self._with_tenant(lambda detail: offboard(self, detail))

    def command_restore(self) -> None:
        """Take an offboarded tenant back."""
        self._with_tenant(lambda detail: restore(self, detail))

    def command_copy_sheet(self) -> None:
        """Copy the customer's sheet."""
        self._with_tenant(lambda detail: copy_sheet(self, detail.tenant))

    def command_export_sheet(self) -> None:
        """Write the customer's sheet to a file."""
        self._with_tenant(lambda detail: export_sheet(self, detail.tenant))


def onboard(atlas: AtlasApp, tenant_id: int) -> None:
    """Bring a tenant on, step by step."""
    from atlas_tui.screens import onboarding_opening

    onboarding_opening.onboard(atlas, tenant_id)


def _archive(screen: AtlasScreen, detail: TenantDetail, *, away: bool) -> None:
    session, tenant = screen.session, detail.tenant
    change = tenant_archive.archive if away else tenant_archive.unarchive

    def go(confirmed: Confirmed | None) -> None:
        if confirmed is not None:
            screen.atlas.ask(
                "change",
                lambda: change(session.db, session.who, tenant.id, ticket=confirmed.ticket),
                lambda row: screen.atlas.flash(
                    f"{row.name} is {'archived; archived:yes finds it' if away else 'active; its connections stay disabled'}",
                    "ok",
                    to_tenant(row.id),
                ),
                screen.tell_error,
                keep_all=True,
            )

    if away:
        sentences: tuple[str, ...] = (
            "Lists and searches leave it out, unless asked for with archived:yes.",
            "Nothing can be started on it; what was collected, its runs and its trail stay.",
        )
    elif detail.goodbye is not None:
        sentences = ("It comes back empty: what was collected is deleted, and its credentials were destroyed.",)
    else:
        sentences = ("It is active again; its connections stay disabled until somebody enables them.",)
    verb = "Archive" if away else "Unarchive"
    screen.app.push_screen(ConfirmName(f"{verb} {tenant.name}?", sentences, confirm_label=verb), go)
