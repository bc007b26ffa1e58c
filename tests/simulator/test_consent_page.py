"""The consent page grants what the app requires, and its redirects carry what Microsoft's do."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from simulator.assertions import split_jwt

_BACK = "http://localhost/done"


@pytest.fixture
def home(microsoft: Any) -> Any:
    """The home tenant of a multi-tenant app."""
    return microsoft.customer(app={"multi_tenant": True, "required_roles": ["Organization.Read.All", "Group.Read.All"]})


@pytest.fixture
def newcomer(microsoft: Any, home: Any) -> Any:
    """A tenant that has not consented to it."""
    return microsoft.customer(apps=[{"client_id": home.client_id, "multi_tenant": True, "home_tenant": home.id,
                                     "consented": False}])  # fmt: skip


def _open(microsoft: Any, tenant: str, home: Any, version: str = "/v2.0", **query: str) -> Any:
    options = {"client_id": home.client_id, "redirect_uri": _BACK, "state": "s p&ace", **query}
    if version:
        options.setdefault("scope", "https://graph.microsoft.com/.default")
    return microsoft.http.get(f"{microsoft.login()}/{tenant}{version}/adminconsent", params=options)


def _answer(answer: Any) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith(_BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def test_a_browser_is_asked_for_the_account_first(microsoft: Any, home: Any, newcomer: Any) -> None:
    page = _open(microsoft, newcomer.id, home)
    assert page.status_code == 200
    for account in ("global_administrator", "application_administrator", "user", "foreign"):
        assert f"account={account}" in page.text
    assert "answer=" not in page.text


@pytest.mark.parametrize("account", ["application_administrator", "user"])
def test_who_may_not_consent_is_offered_a_request_that_grants_nothing(
    microsoft: Any, home: Any, newcomer: Any, account: str
) -> None:
    page = _open(microsoft, newcomer.id, home, account=account)
    assert (page.status_code, "Need admin approval" in page.text, "answer=accept" in page.text) == (200, True, False)
    requested = _answer(_open(microsoft, newcomer.id, home, account=account, answer="admin_requested"))
    returned = _answer(_open(microsoft, newcomer.id, home, account=account, answer="admin_required"))
    assert "AADSTS90095" in requested["error_description"]
    assert "AADSTS90094" in returned["error_description"]
    assert microsoft.sign_in(home, tenant=newcomer.id).status_code == 400


def test_another_organizations_administrator_is_sent_back(microsoft: Any, home: Any, newcomer: Any) -> None:
    answer = _answer(_open(microsoft, newcomer.id, home, account="foreign"))
    assert answer["error_description"].startswith("AADSTS50020: ")
    assert "tenant" not in answer


def test_the_page_offers_accept_and_cancel_and_changes_nothing(microsoft: Any, home: Any, newcomer: Any) -> None:
    page = _open(microsoft, newcomer.id, home, account="global_administrator")
    assert page.status_code == 200
    assert "answer=accept" in page.text
    assert "answer=decline" in page.text
    assert "Group.Read.All" in page.text
    assert microsoft.sign_in(home, tenant=newcomer.id).status_code == 400


def test_accepting_grants_what_the_app_requires(microsoft: Any, home: Any, newcomer: Any) -> None:
    answer = _answer(_open(microsoft, newcomer.id, home, answer="accept"))
    assert answer == {"admin_consent": "True", "tenant": newcomer.id, "state": "s p&ace",
                      "scope": "https://graph.microsoft.com/.default"}  # fmt: skip
    token = microsoft.sign_in(home, tenant=newcomer.id).json()["access_token"]
    assert split_jwt(token)[1]["roles"] == ["Group.Read.All", "Organization.Read.All"]


def test_consenting_again_can_also_take_permissions_away(microsoft: Any, home: Any) -> None:
    assert len(split_jwt(microsoft.token(home))[1]["roles"]) == 4
    _answer(_open(microsoft, home.id, home, answer="accept"))
    assert split_jwt(microsoft.token(home))[1]["roles"] == ["Group.Read.All", "Organization.Read.All"]


def test_version_1_answers_without_a_scope(microsoft: Any, home: Any, newcomer: Any) -> None:
    assert set(_answer(_open(microsoft, newcomer.id, home, version="", answer="accept"))) == {
        "admin_consent", "tenant", "state",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scenario", "error", "code"),
    [
        ("consent_declined", "access_denied", "65004"),
        ("consent_documented_denial", "consent_required", "65004"),
        ("consent_wrong_account", "access_denied", "50020"),
        ("consent_admin_required", "access_denied", "90094"),
        ("consent_admin_requested", "access_denied", "90095"),
        ("consent_admin_required_90093", "access_denied", "90093"),
        ("consent_app_not_found", "unauthorized_client", "700016"),
        ("consent_unavailable", "temporarily_unavailable", "90033"),
        ("consent_unlisted", "invalid_request", "999999"),
        ("consent_service_not_subscribed", "access_denied", "650052"),
    ],
)
def test_a_refusal_says_admin_consent_true_and_no_tenant(
    microsoft: Any, home: Any, newcomer: Any, scenario: str, error: str, code: str
) -> None:
    microsoft.change(newcomer, scenarios=[scenario])
    answer = _answer(_open(microsoft, newcomer.id, home))
    assert (answer["error"], answer["admin_consent"], answer["state"]) == (error, "True", "s p&ace")
    assert answer["error_description"].startswith(f"AADSTS{code}: ")
    assert "tenant" not in answer
    assert microsoft.sign_in(home, tenant=newcomer.id).status_code == 400


def test_consent_can_land_in_another_tenant(microsoft: Any, home: Any, newcomer: Any, customer: Any) -> None:
    microsoft.change(newcomer, scenarios=[{"name": "consent_wrong_tenant", "tenant": customer.id}])
    assert _answer(_open(microsoft, newcomer.id, home))["tenant"] == customer.id
    assert microsoft.sign_in(home, tenant=newcomer.id).status_code == 400
    assert microsoft.sign_in(home, tenant=customer.id).status_code == 200


def test_an_automatic_acceptance(microsoft: Any, home: Any, newcomer: Any) -> None:
    microsoft.change(newcomer, scenarios=["consent_accepted"])
    assert _answer(_open(microsoft, newcomer.id, home))["tenant"] == newcomer.id


def test_without_a_reply_address_the_approval_goes_in_and_the_redirect_fails(
    microsoft: Any, home: Any, newcomer: Any
) -> None:
    microsoft.change_app(home, redirect_uris=[])
    answer = _open(microsoft, newcomer.id, home, answer="accept")
    assert answer.status_code == 400
    assert "AADSTS500113" in answer.text
    assert microsoft.sign_in(home, tenant=newcomer.id).status_code == 200


def test_the_scenario_for_a_missing_reply_address(microsoft: Any, home: Any, newcomer: Any) -> None:
    microsoft.change(newcomer, scenarios=["consent_no_reply_address"])
    answer = _open(microsoft, newcomer.id, home)
    assert (answer.status_code, "AADSTS500113" in answer.text) == (400, True)


def test_a_mismatch_can_be_switched_on_and_leads_nowhere(microsoft: Any, home: Any, newcomer: Any) -> None:
    microsoft.change(newcomer, scenarios=["consent_redirect_mismatch"])
    answer = _open(microsoft, newcomer.id, home, answer="accept")
    assert (answer.status_code, "AADSTS50011" in answer.text, "location" in answer.headers) == (400, True, False)


@pytest.mark.parametrize(
    "address", ["http://evil.example/x", "", "javascript:alert(1)", "http://localhost.evil.example/"]
)
def test_an_unregistered_redirect_never_gets_an_answer(microsoft: Any, home: Any, newcomer: Any, address: str) -> None:
    answer = _open(microsoft, newcomer.id, home, redirect_uri=address, answer="accept")
    assert answer.status_code == 400
    assert "AADSTS50011" in answer.text


def test_a_registered_redirect_must_match_exactly(microsoft: Any, home: Any, newcomer: Any) -> None:
    microsoft.change_app(home, redirect_uris=["https://atlas.example/consent"])
    assert "AADSTS50011" in _open(microsoft, newcomer.id, home, answer="accept").text
    answer = _open(microsoft, newcomer.id, home, answer="accept", redirect_uri="https://atlas.example/consent")
    assert answer.headers["location"].startswith("https://atlas.example/consent?")


def test_an_unknown_app_and_a_missing_scope_are_pages(microsoft: Any, home: Any, newcomer: Any) -> None:
    assert "AADSTS700016" in _open(microsoft, newcomer.id, home, client_id=str(uuid.uuid4())).text
    assert "AADSTS900144" in _open(microsoft, newcomer.id, home, scope="").text


def test_a_single_tenant_app_cannot_be_consented_elsewhere(microsoft: Any, customer: Any, newcomer: Any) -> None:
    assert "AADSTS50194" in _open(microsoft, newcomer.id, customer, answer="accept").text


def test_organizations_asks_whose_administrator_it_is(microsoft: Any, home: Any, newcomer: Any) -> None:
    assert "as_tenant=" in _open(microsoft, "organizations", home).text
    assert (
        _answer(_open(microsoft, "organizations", home, as_tenant=newcomer.id, answer="accept"))["tenant"]
        == newcomer.id
    )


def test_a_page_does_not_run_what_a_name_contains(microsoft: Any, home: Any) -> None:
    sneaky = microsoft.customer(name="<script>alert(1)</script>")
    assert "<script>" not in _open(microsoft, sneaky.id, home).text
