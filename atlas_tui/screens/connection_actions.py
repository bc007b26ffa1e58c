"""What the actions menu does to one connection: enable, disable, make default, revoke consent, delete.

Promise: what will happen is asked of storage and spelled out before it is done; Cancel has the focus; what can't be undone asks for
the name.

Must not know: which screen asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from atlas_tui.commands import REGISTRY
from atlas_tui.screens.connection_text import name_of
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from storage import connection_changes, connection_previews, connection_removal
from storage.connections import ConnectionDetail, ConnectionRow
from storage.consequences import Consequences
from storage.states import ConsentStatus

if TYPE_CHECKING:
    from atlas_tui.screens.frame import AtlasScreen

T = TypeVar("T")

STARTING: Final = ("check", "sync_inventory", "take_snapshot", "scan_roles", "sync_directory")
"""The commands that start an operation, in the menu's order."""


def start_refusals(detail: ConnectionDetail) -> dict[str, str]:
    """Why each operation cannot be started now, nor probed with; empty texts for those that can. What runs already is opened instead."""
    found = {}
    for id in STARTING:
        obstacle = detail.obstacles.get(REGISTRY[id].operation)
        found[id] = "" if detail.may_run else f"Your role may not. {detail.who_may_run}"
        if not found[id] and obstacle is not None and detail.row.active_run_id is None:
            found[id] = obstacle.sentence
    closed = "The breaker is closed: nothing is held back." if detail.breaker is None else ""
    return found | {"probe": found["check"] or closed}


def refusals(detail: ConnectionDetail) -> dict[str, str]:
    """Why each of these actions cannot be done now; empty texts for those that can."""
    row = detail.row
    manage = "" if detail.may_manage else f"Your role may not. {detail.who_may_manage}"
    default = manage or ("It is the default." if row.is_default else "")
    revoke = manage or ("It is revoked." if row.consent_status is ConsentStatus.REVOKED else "")
    delete = manage or ("It has been checked: disable it." if row.last_checked_at is not None else "")
    return {
        "disable" if row.is_enabled else "enable": manage,
        "set_default": default,
        "revoke_consent": revoke,
        "delete_connection": delete,
    }


def set_enabled(screen: AtlasScreen, detail: ConnectionDetail, enabled: bool) -> None:
    """Use a connection again, or stop using it."""
    session, row, name = screen.session, detail.row, name_of(detail.row)
    preview = connection_previews.preview_enable if enabled else connection_previews.preview_disable
    ask_first(
        screen,
        lambda: preview(session.db, session.who, row.id),
        "Enable" if enabled else "Disable",
        lambda ticket: connection_changes.set_enabled(session.db, session.who, row.id, enabled, ticket=ticket),
        lambda _: f"{name} is {'enabled' if enabled else 'disabled'}",
    )


def set_default(screen: AtlasScreen, detail: ConnectionDetail) -> None:
    """Make a connection the default of its tenant."""
    session, row = screen.session, detail.row

    def done(changed: ConnectionRow) -> str:
        return f"{changed.display_name} is the default of {changed.tenant_name}"

    sentences = (
        f"Whatever runs for {row.tenant_name} as a whole uses {row.display_name} from now on.",
        "The connection that was the default stays as it is, but for that.",
    )
    title = f"Make {row.display_name} the default of {row.tenant_name}?"
    ask_first(
        screen,
        lambda: Consequences(title, sentences, hurts=False),
        "Make default",
        lambda ticket: connection_changes.set_default(session.db, session.who, row.id, ticket=ticket),
        done,
    )


def revoke_consent(screen: AtlasScreen, detail: ConnectionDetail) -> None:
    """Stop using a customer's consent on our side."""
    session, row, name = screen.session, detail.row, name_of(detail.row)
    ask_first(
        screen,
        lambda: connection_removal.preview_revoke(session.db, session.who, row.id),
        "Revoke",
        lambda ticket: connection_removal.revoke_consent(session.db, session.who, row.id, ticket=ticket),
        lambda _: f"Consent of {name} is revoked here; at Microsoft it still stands",
    )


def delete(screen: AtlasScreen, detail: ConnectionDetail) -> None:
    """Delete a connection that never ran; the page of what is gone is left."""
    session, row, name = screen.session, detail.row, name_of(detail.row)

    def done(_: None) -> str:
        from atlas_tui.links import View

        if screen.VIEW is View.CONNECTION and screen.atlas.seen is screen:
            screen.atlas.navigation.back()
        return f"{name} is deleted"

    ask_first(
        screen,
        lambda: connection_removal.preview_delete(session.db, session.who, row.id),
        "Delete",
        lambda ticket: connection_removal.delete_draft(session.db, session.who, row.id, ticket=ticket),
        done,
        name_to_type=row.display_name,
    )


def ask_first(
    screen: AtlasScreen,
    preview: Callable[[], Consequences],
    verb: str,
    do: Callable[[str | None], T],
    done: Callable[[T], str],
    *,
    name_to_type: str | None = None,
) -> None:
    """Read what would happen, ask, do it, say so.

    Args:
        screen: Where it was asked for.
        preview: Says what would happen, in a worker thread.
        verb: The word on the button.
        do: Does it, in a worker thread, with the ticket that was given.
        done: What is said then.
        name_to_type: What must be typed first, for what can't be undone.
    """

    def go(confirmed: Confirmed | None) -> None:
        if confirmed is not None:
            # The app asks, not the screen: the answer is told wherever the person is by then.
            screen.atlas.ask(
                "change",
                lambda: do(confirmed.ticket),
                lambda result: screen.atlas.flash(done(result), "ok"),
                screen.tell_error,
                keep_all=True,
            )

    def show(found: Consequences) -> None:
        title = found.title if found.title.endswith("?") else f"{found.title}?"
        question = ConfirmName(title, found.sentences, confirm_label=verb, name_to_type=name_to_type)
        screen.app.push_screen(question, go)

    screen.ask("preview", preview, show, screen.tell_error)
