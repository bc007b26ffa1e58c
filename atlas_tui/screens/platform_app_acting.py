"""The actions menu of a platform app: its credentials, edit, verify on a few connections, delete when nobody uses it.

Promise: what will happen is asked of storage and spelled out before it is done. Verifying changes no badge by itself: it starts checks, and
tells of each what the start gate answered.

Must not know: how an app's page looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlas_tui.commands import REGISTRY
from atlas_tui.credential_words import start_sentence
from atlas_tui.links import View, to_run
from atlas_tui.screens.connection_actions import ask_first
from atlas_tui.screens.credential_actions import CredentialActs, items_of
from atlas_tui.screens.credential_holder import Holder, read_holder
from atlas_tui.screens.form_definition import Handout
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.handout import HandoutScreen
from atlas_tui.screens.platform_app_form import EditApp
from atlas_tui.widgets.ask_lines import Asked, AskLines
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import connections, platform_app_changes, platform_app_checks, platform_apps
from storage.connections import ConnectionQuery, ConnectionRow
from storage.credential_changes import MOST_CHECKED
from storage.errors import InvalidInput
from storage.pages import Place
from storage.platform_app_checks import AppCheck
from storage.platform_apps import PlatformAppDetail
from storage.starting import Blocked
from storage.states import ConsentStatus, CredentialOwner

if TYPE_CHECKING:
    from atlas_tui.session import Session


class AppActs(CredentialActs):
    """A screen with a platform app to act on."""

    @property
    def app_id(self) -> int | None:
        """The app that is meant."""
        raise NotImplementedError

    def holder_meant(self) -> tuple[CredentialOwner, int] | None:
        """That app."""
        return None if self.app_id is None else (CredentialOwner.PLATFORM_APP, self.app_id)

    def command_actions(self) -> None:
        """Open the menu."""
        session, app_id = self.session, self.app_id
        if app_id is None:
            self.atlas.flash("There is no platform app here; N registers one.")
            return

        def read() -> tuple[PlatformAppDetail, Holder]:
            detail = platform_apps.get(session.db, session.who, app_id)
            return detail, read_holder(session, CredentialOwner.PLATFORM_APP, app_id)

        self.ask("app", read, lambda found: self._open_menu(*found), self.tell_error)

    def _open_menu(self, detail: PlatformAppDetail, holder: Holder) -> None:
        manage, app = holder.manage_refusal, detail.app
        used = f"{app.connections:,} connections sign in with it." if app.connections else ""
        run = "" if holder.may_run else f"Your role may not. {holder.who_may_run}"
        own = {
            "verify_app": run or ("" if app.connections else "No connection signs in with it."),
            "edit": manage,
            "delete_app": manage or used,
        }
        letters = {"edit": "e"}
        items = [
            MenuItem(id, letters.get(id) or REGISTRY[id].letter, REGISTRY[id].label.capitalize(), why)
            for id, why in own.items()
        ]
        # Trying a staged credential and verifying the app are the same checks.
        slots = [item for item in items_of(holder) if item.id != "credential_verify"]
        self.app.push_screen(
            Menu(f"Platform app {app.display_name}", [slots[0], *items[:1], *slots[1:], *items[1:]]),
            lambda id: self.do(id) if id is not None else None,
        )

    def command_edit(self) -> None:
        """Edit it, in a form."""
        if self.app_id is not None:
            open_form(self.atlas, EditApp(self.app_id))

    # Verify

    def command_verify_app(self) -> None:
        """Choose where it is verified."""
        session, app_id = self.session, self.app_id
        if app_id is not None:
            self.ask("candidates", lambda: _candidates(session, app_id), self._ask_where, self.tell_error)

    def _ask_where(self, found: tuple[PlatformAppDetail, tuple[ConnectionRow, ...]]) -> None:
        detail, rows = found
        session, app = self.session, detail.app
        others = [row for row in rows if row.id != detail.home_connection_id]
        home = (
            "Its home tenant's connection is checked in any case."
            if detail.home_connection_id
            else "The workspace has no connection of its home tenant: name at least one."
        )
        sentences = (
            "A worker runs the connection check on each. A staged credential is carried by these checks; the first that passes makes "
            "it the active one.",
            home,
        )
        usual = ", ".join(str(row.id) for row in others[: 1 if detail.home_connection_id else MOST_CHECKED])
        asked = Asked(
            "on", "Also on", usual, f"up to {MOST_CHECKED}: numbers or tenant names, commas between", _read_names
        )

        def start(names: Sequence[str]) -> tuple[AppCheck, ...]:
            workspace_id = app.workspace_id
            ids = [connections.find_by_name(session.db, session.who, workspace_id, name).id for name in names]
            return platform_app_checks.verify(session.db, session.who, app.id, ids)

        def go(texts: Mapping[str, str] | None) -> None:
            if texts is not None:
                names = _read_names(texts["on"])
                self.atlas.ask("verify", lambda: start(names), self._told, self.tell_error, keep_all=True)

        self.app.push_screen(
            AskLines(f"Verify platform app {app.display_name}", sentences, [asked], confirm_label="Verify"), go
        )

    def _told(self, checks: tuple[AppCheck, ...]) -> None:
        """What the start gate answered, each on a line."""
        sentences = tuple(
            f"{check.tenant_name}{' (home tenant)' if check.is_home else ''}: {start_sentence(check.result)}"
            for check in checks
        )
        started = [check.result for check in checks if not isinstance(check.result, Blocked)]
        link = to_run(started[0].run.id) if started else None
        self.atlas.flash(f"{len(started)} of {len(checks)} checks are on their way", "ok" if started else "bad", link)
        self.app.push_screen(HandoutScreen(Handout("Verification of the app", sentences, ())))

    # Delete

    def command_delete_app(self) -> None:
        """Delete an app that nobody uses."""
        session, app_id = self.session, self.app_id
        if app_id is not None:
            self.ask(
                "app", lambda: platform_apps.get(session.db, session.who, app_id), self._ask_delete, self.tell_error
            )

    def _ask_delete(self, detail: PlatformAppDetail) -> None:
        session, app = self.session, detail.app

        def done(_: None) -> str:
            if self.VIEW is View.PLATFORM_APP and self.atlas.seen is self:
                self.atlas.navigation.back()
            return f"{app.display_name} is deleted here"

        ask_first(
            self,
            lambda: platform_app_changes.preview_delete(session.db, session.who, app.id),
            "Delete",
            lambda ticket: platform_app_changes.delete_unused(session.db, session.who, app.id, ticket=ticket),
            done,
            name_to_type=app.display_name,
        )


def _read_names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for name in (part.strip() for part in text.split(",")) if name))
    if len(names) > MOST_CHECKED:
        raise InvalidInput("also on", f"names more than {MOST_CHECKED}", "A few are enough to verify an app.")
    return names


def _candidates(session: Session, app_id: int) -> tuple[PlatformAppDetail, tuple[ConnectionRow, ...]]:
    """The app and a few connections that a check can start on. Blocks; not for the event loop."""
    detail = platform_apps.get(session.db, session.who, app_id)
    query = ConnectionQuery(
        detail.app.workspace_id, f"lifecycle:enabled consent:{ConsentStatus.GRANTED.value}", platform_app_id=app_id
    )
    page = connections.page(session.db, session.who, query, Place.first(), MOST_CHECKED + 1)
    return detail, tuple(page.rows)
