"""Offboarding a tenant from the screen, taking it back, and the sheet for its customer.

Promise: what offboarding would do is asked of storage for the days that were typed, spelled out, and done only when the tenant's name was
typed; afterwards the customer's sheet is on the screen. Nothing is written to a file for a session that a key was forced into.

Must not know: how a tenant's page looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from atlas_tui.cells import plain
from atlas_tui.exporting import Format, exports_directory, write_export
from atlas_tui.links import View, to_tenant
from atlas_tui.screens.copying import MAX_BYTES
from atlas_tui.widgets.ask_lines import Asked, AskLines
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from storage import offboarding
from storage.customer_sheet import CustomerSheet
from storage.errors import InvalidInput
from storage.offboarding import MAX_PURGE_DAYS, PURGE_DAYS, OffboardingPreview, Restored
from storage.offboarding_consequences import consequences
from storage.tenant_detail import TenantDetail
from storage.tenants import TenantRow

if TYPE_CHECKING:
    from pathlib import Path

    from atlas_tui.screens.frame import AtlasScreen

_HINT: Final = f"0 to {MAX_PURGE_DAYS}; {PURGE_DAYS} is usual"


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= MAX_PURGE_DAYS):
        raise InvalidInput("days", f"must be a number from 0 to {MAX_PURGE_DAYS}", f"{PURGE_DAYS} is usual.")
    return int(text)


def offboard(screen: AtlasScreen, detail: TenantDetail) -> None:
    """Ask for the days, spell out what happens, ask for the name, do it, show the sheet."""
    session, atlas, tenant = screen.session, screen.atlas, detail.tenant

    def preview(texts: Mapping[str, str] | None) -> None:
        if texts is None:
            return
        days = _days(texts["days"])

        def show(found: OffboardingPreview) -> None:
            said = consequences(found)
            question = ConfirmName(f"{said.title}?", said.sentences, confirm_label="Offboard", name_to_type=tenant.name)
            atlas.push_screen(question, lambda confirmed: go(confirmed, days))

        screen.ask(
            "preview",
            lambda: offboarding.preview(session.db, session.who, tenant.id, purge_days=days),
            show,
            screen.tell_error,
        )

    def go(confirmed: Confirmed | None, days: int) -> None:
        if confirmed is not None:
            atlas.ask(
                "change",
                lambda: offboarding.offboard(
                    session.db, session.who, tenant.id, purge_days=days, ticket=confirmed.ticket
                ),
                done,
                screen.tell_error,
                keep_all=True,
            )

    def done(sheet: CustomerSheet) -> None:
        from atlas_tui.screens.tenant import TenantScreen
        from atlas_tui.screens.tenant_text import Section

        atlas.flash(f"{sheet.tenant_name} is offboarded. This is the sheet for the customer.", "ok")
        if atlas.seen is screen and atlas.screen is screen:
            atlas.navigation.go(to_tenant(sheet.tenant_id))
            page = atlas.navigation.of(View.TENANT)
            if isinstance(page, TenantScreen):
                page.open_section(Section.SHEET)

    sentences = (
        "What was collected is deleted after so many days; until then the tenant can be restored. The audit trail stays.",
        "What happens is spelled out next; nothing is done yet.",
    )
    days = Asked("days", "Days", str(PURGE_DAYS), _HINT, _days)
    atlas.push_screen(AskLines(f"Offboard {tenant.name}", sentences, (days,), confirm_label="Go on"), preview)


def restore(screen: AtlasScreen, detail: TenantDetail) -> None:
    """Take an offboarded tenant back, after a question."""
    session, atlas, tenant = screen.session, screen.atlas, detail.tenant

    def go(confirmed: Confirmed | None) -> None:
        if confirmed is not None:
            atlas.ask(
                "change",
                lambda: offboarding.restore(session.db, session.who, tenant.id, ticket=confirmed.ticket),
                lambda found: atlas.flash(_restored(found), "ok", to_tenant(found.tenant.id)),
                screen.tell_error,
                keep_all=True,
            )

    sentences = (
        "What was collected is kept; nothing is deleted any more.",
        "Its connections stay disabled, and destroyed credentials stay destroyed: each dedicated one needs a new credential.",
        "Its schedules stay stopped.",
    )
    atlas.push_screen(ConfirmName(f"Restore {tenant.name}?", sentences, confirm_label="Restore"), go)


def _restored(found: Restored) -> str:
    lines = [f"{found.tenant.name} is active again."]
    if found.disabled:
        lines.append(f"Disabled: {', '.join(name for _, name in found.disabled)}.")
    if found.without_credential:
        lines.append(f"Without credential: {len(found.without_credential)}.")
    return " ".join(lines)


def copy_sheet(screen: AtlasScreen, tenant: TenantRow) -> None:
    """Copy the customer's sheet as text."""
    session, atlas = screen.session, screen.atlas

    def copy(sheet: CustomerSheet) -> None:
        text = "\n".join(plain(line) for line in sheet.lines)
        if len(text.encode()) > MAX_BYTES:
            atlas.flash("Too long for the clipboard: x, E writes it to a file.", "warn")
            return
        atlas.copy_to_clipboard(text)
        atlas.flash(f"Copied the sheet for {sheet.tenant_name}: {len(sheet.lines)} lines", "ok")

    screen.ask("sheet", lambda: offboarding.sheet(session.db, session.who, tenant.id), copy, screen.tell_error)


def export_sheet(screen: AtlasScreen, tenant: TenantRow) -> None:
    """Write the customer's sheet to a file of one's own."""
    session, atlas, now = screen.session, screen.atlas, screen.atlas.clock()

    def write() -> Path:
        directory = exports_directory(session.state_directory, session.who.via)
        sheet = offboarding.sheet(session.db, session.who, tenant.id)
        lines = (f"{line}\n".encode() for line in sheet.lines)
        return write_export(directory, f"sheet-{tenant.name}", Format.TEXT, lines, now)

    atlas.ask("sheet", write, lambda path: atlas.flash(f"Written: {path}", "ok"), screen.tell_error, keep_all=True)
