"""Where the demo's consent answers go: to the page that listens on this machine while the demo runs.

Promise: only a demo's database is changed, and in it only platform apps whose redirect URI is the demo's own; one that a person has
changed stays. Links that are open stay as they are: Entra ignores the port of a localhost redirect URI, so whoever answers one gets
through or pastes the address back. Must not know: who serves the page.
"""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import select, update

from storage import audit
from storage.access import Principal
from storage.consent_requests import LOCALHOST
from storage.database import Database, Transaction
from storage.schema import platform_apps
from storage.seeding import is_demo
from storage.states import Topic

DEMO: Final = Principal(None, "system:demo", via="system")

_OWN: Final = re.compile(r"^http://localhost(?::(\d{1,5}))?/atlas-consent$")


def last_port(db: Database) -> int | None:
    """Returns the port that the page had last, to have it again: links that are open lead there."""
    with db.read() as tx:
        uris = tx.run(select(platform_apps.c.redirect_uri).order_by(platform_apps.c.id)).scalars().all()
    ports = [found.group(1) for uri in uris if (found := _OWN.match(uri))]
    return next((int(port) for port in ports if port), None)


def lead_answers_to(db: Database, page: str | None) -> int:
    """Has the demo's platform apps send consent answers to a page.

    Args:
        db: the database.
        page: its address, `http://localhost:PORT/atlas-consent`; None when there is none, and answers are pasted back.

    Returns:
        How many platform apps were changed.

    Raises:
        ValueError: the address is not such a page's.
    """
    uri = page or LOCALHOST
    if not _OWN.match(uri):
        raise ValueError("not an address of the demo's consent page")
    if not is_demo(db):
        return 0

    def work(tx: Transaction) -> int:
        apps = tx.run(select(platform_apps).order_by(platform_apps.c.id)).all()
        changed = [app for app in apps if app.redirect_uri != uri and _OWN.match(app.redirect_uri)]
        for app in changed:
            tx.run(
                update(platform_apps).where(platform_apps.c.id == app.id).values(redirect_uri=uri, updated_at=tx.now())
            )
            audit.record(
                tx,
                DEMO,
                "platform_app.edit",
                target_kind="platform_app",
                target_id=app.id,
                workspace_id=app.workspace_id,
                detail={"redirect_uri_before": app.redirect_uri, "redirect_uri": uri},
            )
        if changed:
            tx.touch(Topic.CONNECTIONS)
        return len(changed)

    return db.write(work)
