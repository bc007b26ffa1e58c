"""What the pages of platform apps say.

Promise: the same reason on many of an app's connections is told as one problem, the app's; an unknown expiry never looks fine.

Must not know: widgets, queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas_tui.badges import fix_by
from atlas_tui.cells import Line, Part, fit, plain
from atlas_tui.screens.credential_holder import Holder, read_holder
from atlas_tui.screens.credential_text import credential_lines, expiry_badge, kind_of
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from atlas_tui.screens.why import Reader, next_step
from storage import connections, platform_apps, reasons
from storage.connections import ConnectionQuery, ConnectionRow
from storage.pages import Place
from storage.platform_apps import PlatformApp, PlatformAppDetail
from storage.states import CredentialOwner, CredentialSlot

if TYPE_CHECKING:
    from atlas_tui.session import Session

SHOWN_USERS = 10
"""Connections that the page names; all of them are in the Connections view."""

_NAME_WIDTH = 30


@dataclass(frozen=True, slots=True)
class AppRead:
    """What an app's page shows.

    Attributes:
        detail: The app.
        holder: Its credentials.
        users: The first connections that sign in with it, those with a problem first.
    """

    detail: PlatformAppDetail
    holder: Holder
    users: tuple[ConnectionRow, ...]

    @property
    def filter(self) -> str:
        """The filter that finds its connections: a workspace has one app a cloud."""
        return f"type:platform cloud:{self.detail.app.cloud.value}"


def read_app(session: Session, app_id: int) -> AppRead:
    """Reads it. Blocks; not for the event loop.

    Raises:
        NotFound, Forbidden: Not visible.
    """
    detail = platform_apps.get(session.db, session.who, app_id)
    query = ConnectionQuery(detail.app.workspace_id, platform_app_id=app_id, sort="problems")
    users = connections.page(session.db, session.who, query, Place.first(), SHOWN_USERS)
    return AppRead(detail, read_holder(session, CredentialOwner.PLATFORM_APP, app_id), tuple(users.rows))


def app_list_lines(apps: tuple[PlatformApp, ...], chosen: int | None, times: Times, width: int) -> list[Line]:
    """The list of a workspace's apps, a cursor on one."""
    if not apps:
        return [
            heading("No platform app yet"),
            *wrapped(
                "A platform app is one app registration of yours that many customers consent to. N registers one; connections "
                "of type dedicated need none.",
                width,
                indent=1,
            ),
        ]
    head = f"   {fit('PLATFORM APP', _NAME_WIDTH)}{fit('CLOUD', 8)}{fit('CONNS', 8)}CREDENTIAL"
    lines: list[Line] = [(Part(head, "muted"),)]
    for app in apps:
        mark = "cursor" if app.id == chosen else ""
        active = next((info for info in app.credentials if info.slot is CredentialSlot.ACTIVE), None)
        staged = any(info.slot is CredentialSlot.STAGED for info in app.credentials)
        words = (
            (*expiry_badge(active, times).parts, Part(kind_of(active))) if active else (Part("x none stored", "bad"),)
        )
        text = (
            f"{fit(plain(app.display_name), _NAME_WIDTH - 1)} {fit(app.cloud.value, 8)}{fit(f'{app.connections:,}', 8)}"
        )
        lines.append(
            (Part(" > " if mark else "   "), Part(text, mark), *words, Part("  + staged" if staged else "", "info"))
        )
    return lines


def app_lines(read: AppRead, times: Times, width: int) -> list[Line]:
    """An app's page."""
    detail, app = read.detail, read.detail.app
    lines: list[Line] = []
    lines += _problems(read, times, width)
    lines += field("App", f"{app.display_name} (#{app.id}, {app.cloud.value})", width)
    lines += field("Client id", app.client_id, width)
    lines += field("Home tenant", app.home_tenant_id, width)
    home = "its own connection here is checked first" if detail.home_connection_id else "no connection of it here"
    lines += field("", home, width, style="muted")
    lines += field("Redirect URI", app.redirect_uri, width)
    lines += field("Used by", f"{app.connections:,} connections (l or enter shows them)", width)
    lines += [blank(), *credential_lines(read.holder, times, width)]
    return lines + _users(read, width)


def _problems(read: AppRead, times: Times, width: int) -> list[Line]:
    """Reasons that many of its connections share, each once."""
    detail, holder = read.detail, read.holder
    reader = Reader(holder.may_run, holder.may_manage, holder.who_may_run, holder.who_may_manage)
    lines: list[Line] = []
    for problem in detail.shared_problems:
        reason = reasons.find(problem.reason_code)
        note = f"{problem.connections:,} connections"
        lines += [(Part(" x ", "bad"), Part(problem.reason_code, "strong"), Part(f"  one problem of {note}", "muted"))]
        lines += field("Why", problem.sentence, width)
        lines += field("Fix by", fix_by(reason.fix_by.value), width)
        lines += [*field("Next step", next_step(reason, reader), width, style="strong"), blank()]
    return lines


def _users(read: AppRead, width: int) -> list[Line]:
    if not read.users:
        return []
    more = read.detail.app.connections - len(read.users)
    lines: list[Line] = [blank(), heading("Who uses it", "those with a problem first")]
    for row in read.users:
        reason = f"  {row.reason_code}" if row.reason_code else ""
        name = fit(plain(row.tenant_name), _NAME_WIDTH)
        words = f"{'enabled' if row.is_enabled else 'disabled'}, {row.consent_status.value}, {row.verification_status.value}"
        lines.append((Part(f" {name} "), Part(words, "muted"), Part(reason, "bad")))
    if more > 0:
        lines.append((Part(f" ... and {more:,} more", "muted"),))
    return lines
