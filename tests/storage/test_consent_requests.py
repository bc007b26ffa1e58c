"""Consent links: what they ask, who may make them, that only a hash of their state stays, and how they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import select, update

from storage import audit_trail, consent_history, consent_requests, consent_texts
from storage.configuration import CloudHosts
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.schema import consent_requests as table
from storage.schema import platform_apps, tenants

ZERO_STATE = "A" * 43


def _zeros(count: int) -> bytes:
    return bytes(count)


def test_a_link_asks_the_right_tenant_for_everything_the_registration_lists(fleet: Any) -> None:
    contoso = fleet.connection["contoso"]
    link = consent_requests.request(fleet.db, fleet.dana, contoso, random_bytes=_zeros)
    truth = fleet.truth(contoso)
    parts = urlsplit(link.url)
    assert (parts.scheme, parts.netloc) == ("https", "login.microsoftonline.com")
    assert parts.path == f"/{truth.entra_tenant_id}/v2.0/adminconsent"
    assert dict(parse_qsl(parts.query)) == {
        "client_id": truth.client_id,
        "scope": "https://graph.microsoft.com/.default",
        "redirect_uri": "http://localhost/atlas-consent",
        "state": ZERO_STATE,
    }
    assert link.expires_at - link.created_at == timedelta(days=7)
    assert (link.is_pasted_back, link.portal_first) == (True, True)
    assert "Privileged Role Administrator" in link.roles_needed


def test_a_platform_connection_asks_for_the_platform_app(fleet: Any) -> None:
    app = fleet.rows(select(platform_apps))[0]
    fleet.write(update(platform_apps).values(redirect_uri="https://atlas.example/atlas-consent"))
    link = consent_requests.request(fleet.db, fleet.dana, fleet.connection["wingtip"])
    assert (link.client_id, link.app_name, link.redirect_uri) == (
        app.client_id,
        "North's app",
        "https://atlas.example/atlas-consent",
    )
    assert (link.is_pasted_back, link.portal_first) == (False, False)


@pytest.mark.parametrize(
    ("cloud", "login", "graph"),
    [
        ("usgov", "login.microsoftonline.us", "https://graph.microsoft.us/.default"),
        ("dod", "login.microsoftonline.us", "https://dod-graph.microsoft.us/.default"),
        ("china", "login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn/.default"),
    ],
)
def test_the_hosts_are_the_clouds(sqlite_fleet: Any, cloud: str, login: str, graph: str) -> None:
    sqlite_fleet.write(update(tenants).where(tenants.c.id == sqlite_fleet.tenant["contoso"]).values(cloud=cloud))
    link = consent_requests.request(sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.connection["contoso"])
    parts = urlsplit(link.url)
    assert parts.netloc == login
    assert dict(parse_qsl(parts.query))["scope"] == graph


def test_configured_hosts_take_the_place_of_microsofts(sqlite_fleet: Any) -> None:
    clouds = {"global": CloudHosts("https://localhost:1/", "https://localhost:2")}
    contoso = sqlite_fleet.connection["contoso"]
    link = consent_requests.request(sqlite_fleet.db, sqlite_fleet.dana, contoso, clouds=clouds)
    assert link.url.startswith("https://localhost:1/")
    assert dict(parse_qsl(urlsplit(link.url).query))["scope"] == "https://localhost:2/.default"


def test_states_are_random_and_only_their_hash_is_kept(fleet: Any) -> None:
    contoso = fleet.connection["contoso"]
    links = [consent_requests.request(fleet.db, fleet.dana, contoso) for _ in range(2)]
    states = [dict(parse_qsl(urlsplit(link.url).query))["state"] for link in links]
    assert len(set(states)) == 2
    assert all(len(state) == 43 for state in states)
    stored = repr(fleet.contents())
    assert not any(state in stored for state in states)
    assert consent_requests.hash_of(states[0]) in stored
    shown = consent_history.requests(fleet.db, fleet.dana, contoso)
    assert [link.id for link in shown] == [links[1].request_id, links[0].request_id]
    assert not any(state in repr(shown) for state in states)


def test_a_link_changes_no_badge_and_is_audited_without_its_state(fleet: Any) -> None:
    contoso = fleet.connection["contoso"]
    before = fleet.truth(contoso)
    link = consent_requests.request(fleet.db, fleet.dana, contoso, ticket="CHG-1", random_bytes=_zeros)
    assert fleet.truth(contoso) == before
    entry = audit_trail.of_connection(fleet.db, fleet.dana, contoso)[0]
    assert (entry.action, entry.ticket, entry.detail["request"]) == ("consent.request", "CHG-1", link.request_id)
    assert ZERO_STATE not in repr(entry)


@pytest.mark.parametrize("login", ["omar", "anna", "rita", "tina"])
def test_who_may_look_but_not_manage_is_told_so_and_that_is_audited(fleet: Any, login: str) -> None:
    contoso = fleet.connection["contoso"]
    with pytest.raises(Forbidden):
        consent_requests.request(fleet.db, fleet.people[login], contoso)
    assert fleet.count(table) == 0
    assert audit_trail.of_connection(fleet.db, fleet.dana, contoso)[0].outcome == "refused"


@pytest.mark.parametrize("login", ["zoe", "fred", "rex", "ivan", "pat"])
def test_who_may_not_see_the_connection_learns_nothing(fleet: Any, login: str) -> None:
    contoso = fleet.connection["contoso"]
    link = consent_requests.request(fleet.db, fleet.dana, contoso)
    who = fleet.people[login]
    with pytest.raises(NotFound):
        consent_requests.request(fleet.db, who, contoso)
    with pytest.raises(NotFound):
        consent_history.requests(fleet.db, who, contoso)
    with pytest.raises(NotFound) as refused:
        consent_requests.revoke_request(fleet.db, who, link.request_id)
    with pytest.raises(NotFound) as never_there:
        consent_requests.revoke_request(fleet.db, who, 999_999)
    assert refused.value.message.replace(str(link.request_id), "") == never_there.value.message.replace("999999", "")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://evil.example/",
        "http://127.0.0.1/x",
        "ftp://localhost/",
        "https://",
        "https://a:b@host/",
        "https://host/#part",
        "https://*.example/x",
        "https://host:0/",
        "https://host:99999/",
        "https://host/" + "x" * 250,
        "https://höst/",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_uri_that_microsoft_would_not_take_is_refused(sqlite_fleet: Any, uri: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        consent_requests.request(
            sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.connection["contoso"], redirect_uri=uri
        )
    assert refused.value.field == "redirect URI"
    assert sqlite_fleet.count(table) == 0


@pytest.mark.parametrize("span", [timedelta(0), timedelta(minutes=4), timedelta(days=91)])
def test_a_span_that_is_no_use_is_refused(sqlite_fleet: Any, span: timedelta) -> None:
    with pytest.raises(InvalidInput):
        consent_requests.request(sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.connection["contoso"], valid_for=span)


def test_nothing_is_asked_for_an_archived_tenant_or_without_an_application(sqlite_fleet: Any) -> None:
    sqlite_fleet.write(
        update(tenants).where(tenants.c.id == sqlite_fleet.tenant["contoso"]).values(lifecycle="archived")
    )
    with pytest.raises(Conflict):
        consent_requests.request(sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.connection["contoso"])
    sqlite_fleet.set_connection(sqlite_fleet.connection["wingtip"], platform_app_id=None)
    with pytest.raises(Conflict) as refused:
        consent_requests.request(sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.connection["wingtip"])
    assert "app add" in refused.value.hint


def test_older_links_stay_open_until_they_expire_or_are_revoked(fleet: Any) -> None:
    contoso = fleet.connection["contoso"]
    first = consent_requests.request(fleet.db, fleet.dana, contoso, valid_for=timedelta(hours=1))
    second = consent_requests.request(fleet.db, fleet.people["mona"], contoso)
    third = consent_requests.request(fleet.db, fleet.dana, contoso)
    assert len(consent_history.open_requests(fleet.db, fleet.people["rita"], contoso)) == 3
    assert consent_requests.revoke_request(fleet.db, fleet.people["gina"], second.request_id).status == "revoked"
    fleet.clock.advance(hours=1)
    shown = {
        link.id: (link.status.value, link.created_by)
        for link in consent_history.requests(fleet.db, fleet.dana, contoso)
    }
    assert shown == {
        first.request_id: ("expired", "dana"),
        second.request_id: ("revoked", "mona"),
        third.request_id: ("open", "dana"),
    }
    assert [link.id for link in consent_history.open_requests(fleet.db, fleet.dana, contoso)] == [third.request_id]


def test_revoking_twice_is_revoking_once(fleet: Any) -> None:
    contoso = fleet.connection["contoso"]
    link = consent_requests.request(fleet.db, fleet.dana, contoso)
    for _ in range(2):
        consent_requests.revoke_request(fleet.db, fleet.dana, link.request_id)
    actions = [entry.action for entry in audit_trail.of_connection(fleet.db, fleet.dana, contoso)]
    assert actions.count("consent.revoke_link") == 1


def test_the_mail_says_who_opens_what_and_what_comes_back(sqlite_fleet: Any) -> None:
    link = consent_requests.request(sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.connection["contoso"])
    mail = consent_texts.message_text(link)
    assert link.url in mail.splitlines()
    for word in (link.roles_needed, link.entra_tenant_id, link.client_id, "That is expected", "UTC"):
        assert word in mail
    registered = consent_requests.request(
        sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.connection["contoso"], redirect_uri="https://x.example/back"
    )
    assert "error page" not in consent_texts.message_text(registered)


@pytest.mark.parametrize(
    ("uri", "pasted"),
    [
        ("http://localhost/atlas-consent", True),
        ("http://localhost:8400/atlas-consent", False),
        ("https://consent.example.com/atlas-consent", False),
    ],
)
def test_an_answer_is_pasted_back_only_where_nothing_listens(sqlite_fleet: Any, uri: str, pasted: bool) -> None:
    contoso = sqlite_fleet.connection["contoso"]
    link = consent_requests.request(sqlite_fleet.db, sqlite_fleet.dana, contoso, redirect_uri=uri)
    assert link.is_pasted_back is pasted
