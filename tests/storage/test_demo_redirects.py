"""The demo's consent answers go to the page that is there; nobody else's redirect URI is touched."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from storage import audit_trail, demo_redirects
from storage.audit_filters import AuditQuery
from storage.consent_requests import LOCALHOST
from storage.pages import Place
from storage.schema import meta, platform_apps
from storage.seeding import DEMO_MARK

_PAGE = "http://localhost:4711/atlas-consent"


@pytest.fixture
def demo(fleet: Any) -> Any:
    """The small fleet, as if the demo had made it."""
    fleet.db.write(lambda tx: tx.run(insert(meta).values(key=DEMO_MARK, value="complete")))
    return fleet


def _uri(fleet: Any) -> str:
    with fleet.db.read() as tx:
        return str(tx.run(select(platform_apps.c.redirect_uri).where(platform_apps.c.id == fleet.app)).scalar_one())


def test_the_apps_follow_the_page_and_the_port_is_remembered(demo: Any) -> None:
    assert (_uri(demo), demo_redirects.last_port(demo.db)) == (LOCALHOST, None)
    assert demo_redirects.lead_answers_to(demo.db, _PAGE) == 1
    assert (_uri(demo), demo_redirects.last_port(demo.db)) == (_PAGE, 4711)
    assert demo_redirects.lead_answers_to(demo.db, _PAGE) == 0, "what is so already is not written again"


def test_without_a_page_answers_are_pasted_back(demo: Any) -> None:
    demo_redirects.lead_answers_to(demo.db, _PAGE)
    assert demo_redirects.lead_answers_to(demo.db, None) == 1
    assert _uri(demo) == LOCALHOST


def test_the_trail_tells_it(demo: Any) -> None:
    demo_redirects.lead_answers_to(demo.db, _PAGE)
    newest = audit_trail.page(demo.db, demo.dana, AuditQuery(demo.north, ""), Place.first()).rows[0]
    assert (newest.actor, newest.action) == ("system:demo", "platform_app.edit")
    changes = audit_trail.get(demo.db, demo.dana, newest.id).changes
    assert [(change.name, change.before, change.after) for change in changes] == [("redirect_uri", LOCALHOST, _PAGE)]


def test_an_address_that_a_person_chose_stays(demo: Any) -> None:
    own = "https://consent.example.com/atlas-consent"
    demo.db.write(lambda tx: tx.run(update(platform_apps).values(redirect_uri=own)))
    assert demo_redirects.lead_answers_to(demo.db, _PAGE) == 0
    assert (_uri(demo), demo_redirects.last_port(demo.db)) == (own, None)


def test_a_database_that_is_no_demo_is_left_alone(fleet: Any) -> None:
    assert demo_redirects.lead_answers_to(fleet.db, _PAGE) == 0
    assert _uri(fleet) == LOCALHOST


@pytest.mark.parametrize(
    "page", ["https://evil.example/", "http://localhost:4711/elsewhere", "http://localhost:4711@evil/", " "]
)
def test_only_the_demos_own_page_can_be_named(demo: Any, page: str) -> None:
    with pytest.raises(ValueError, match="demo's consent page"):
        demo_redirects.lead_answers_to(demo.db, page)
