"""Opening forms: which there are, what was typed before, and going on with what was left.

Promise: a form opens only for somebody who may fill it in; anybody else is told why not and whom to ask. What was typed before is filled
in. A new kind of form is one more line in `FORMS`.

Must not know: what is in a form.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from atlas_tui.screens.form_definition import Form, Loaded
from atlas_tui.screens.form_drafts import TITLE
from atlas_tui.widgets.menu import Menu, MenuItem
from storage.errors import AtlasError

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from atlas_tui.session import Session
    from storage.drafts import Draft

FORMS: Final = {
    "tenant.create": ("tenant_form", "NewTenant"),
    "tenant.edit": ("tenant_form", "EditTenant"),
    "connection.create": ("connection_form", "NewConnection"),
    "connection.edit": ("connection_form", "EditConnection"),
    "credential.connection": ("credential_form", "new_for_connection"),
    "platform_app.register": ("platform_app_form", "RegisterApp"),
    "platform_app.edit": ("platform_app_form", "EditApp"),
    "credential.platform_app": ("credential_form", "new_for_app"),
    "onboarding.tenant": ("onboarding_forms", "OnboardNewTenant"),
    "onboarding.connection": ("onboarding_forms", "OnboardConnection"),
    "onboarding.credential": ("onboarding_forms", "OnboardCredential"),
    "onboarding.edit-tenant": ("onboarding_forms", "EditStepTenant"),
    "onboarding.edit-connection": ("onboarding_forms", "EditStepConnection"),
    "onboarding.cancel": ("onboarding_forms", "CancelOnboarding"),
    "schedule.create": ("schedule_form", "NewSchedule"),
    "schedule.edit": ("schedule_form", "EditSchedule"),
    "alert_channel.create": ("alert_forms", "NewChannel"),
    "alert_channel.edit": ("alert_forms", "EditChannel"),
    "alert_rule.create": ("alert_forms", "NewRule"),
    "alert_rule.edit": ("alert_forms", "EditRule"),
    "member.add": ("member_form", "NewMember"),
    "problem.acknowledge": ("acknowledge_form", "AcknowledgeProblem"),
    "member.change": ("member_form", "EditMember"),
}
"""A draft's form → module and class, which is made of the number in the draft's subject: `tenant:12` → `EditTenant(12)`."""

MOST_SHOWN: Final = 9


def open_form(atlas: AtlasApp, form: Form) -> None:
    """Show a form, or say why not."""
    session = atlas.session

    def show(read: tuple[Loaded, Draft | None]) -> None:
        from atlas_tui.screens.form import FormScreen

        loaded, draft = read
        if loaded.refusal:
            atlas.flash(loaded.refusal, "warn")
        elif not isinstance(atlas.screen, FormScreen):
            atlas.clear_notice()
            atlas.push_screen(FormScreen(atlas.keymap, form, loaded, draft))

    atlas.ask("open form", lambda: _read(session, form), show, lambda error: atlas.flash(str(error), "bad"))


def _read(session: Session, form: Form) -> tuple[Loaded, Draft | None]:
    from atlas_tui.screens import form as _  # noqa: F401  (imported here, in the thread: it takes a while)
    from storage import drafts

    loaded = form.load(session)
    return loaded, None if loaded.refusal else drafts.load(session.db, session.who, form.name, form.subject)


def form_of(draft: Draft) -> Form | None:
    """The form that a draft belongs to; None when this program has no such form."""
    if draft.form not in FORMS:
        return None
    module, name = FORMS[draft.form]
    number = draft.subject.rpartition(":")[2]
    if not (number.isascii() and number.isdigit()):
        return None
    made: Any = getattr(importlib.import_module(f"atlas_tui.screens.{module}"), name)
    form: Form = made(int(number))
    return form


def _mine(session: Session) -> tuple[Draft, ...]:
    from storage import drafts

    found = drafts.mine(session.db, session.who, session.workspace.workspace_id)
    return tuple(draft for draft in found if draft.form in FORMS)


def title_of(draft: Draft) -> str:
    """What a draft is of, for people."""
    return draft.document.get(TITLE, "") or draft.form


def remind_of_drafts(atlas: AtlasApp) -> None:
    """At the start: say what was left unfinished."""

    def say(found: tuple[Draft, ...]) -> None:
        if not found or atlas.notice is not None:
            return
        first = found[0]
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        age = atlas.times.ago(first.updated_at)
        atlas.flash(f"Not saved yet: {title_of(first)} ({age} ago){more}. :drafts goes on with it.", "warn")

    session = atlas.session
    atlas.ask("drafts", lambda: _mine(session), say, lambda error: None)


def choose_draft(atlas: AtlasApp) -> None:
    """Show the drafts and go on with the one that is picked."""
    session = atlas.session

    def show(found: tuple[Draft, ...]) -> None:
        if not found:
            atlas.flash("There is no draft: nothing was left unfinished.")
            return
        items = [
            MenuItem(str(index), str(index + 1), f"{title_of(draft)}  ({atlas.times.ago(draft.updated_at)} ago)")
            for index, draft in enumerate(found[:MOST_SHOWN])
        ]

        def go(id: str | None) -> None:
            if id is None:
                return
            if (form := form_of(found[int(id)])) is not None:
                open_form(atlas, form)
            else:
                atlas.flash("This draft is gone on with where it was begun: open the same form there.", "warn")

        atlas.push_screen(Menu("Go on with which draft?", items), go)

    def failed(error: AtlasError) -> None:
        atlas.flash(str(error), "bad")

    atlas.ask("drafts", lambda: _mine(session), show, failed)
