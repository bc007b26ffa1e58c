"""The evidence card: true before, between and after, and fit for a mail."""

from __future__ import annotations

from typing import Any

import pytest

from storage import consent_answers, consent_evidence, consent_requests, consent_texts
from storage.errors import NotFound
from storage.states import StepStatus
from storage.verification import CheckReport, ConsentFact, OrganizationFacts, ReportStep

CORRELATION = "11111111-2222-3333-4444-555555555555"


def _state(link: Any) -> str:
    return str(link.url.rpartition("state=")[2])


def _granted(fleet: Any, link: Any) -> Any:
    query = {"admin_consent": "True", "tenant": link.entra_tenant_id, "state": _state(link)}
    return consent_answers.answer(fleet.db, fleet.dana, query)


def _refused(fleet: Any, link: Any, number: int) -> Any:
    words = f"AADSTS{number}: no. Correlation ID: {CORRELATION}"
    query = {"admin_consent": "True", "error": "access_denied", "error_description": words, "state": _state(link)}
    return consent_answers.answer(fleet.db, fleet.dana, query)


def _report(claim: Any, *permissions: str) -> CheckReport:
    return CheckReport(
        steps=(ReportStep("token", "Token", StepStatus.PASS),),
        consent_fact=ConsentFact.ROLES_PRESENT,
        granted_permissions=frozenset(permissions),
        organization=OrganizationFacts(claim.entra_tenant_id, "Contoso"),
        credential_slot="active",
        token_passed=True,
    )


def _check(fleet: Any, connection: int, *permissions: str) -> None:
    claim = fleet.begin(connection)
    fleet.finish(claim, _report(claim, *permissions))


def test_before_anything_was_asked_the_card_says_so(fleet: Any) -> None:
    number = fleet.add_connection("nova", ready=False)
    card = consent_evidence.evidence(fleet.db, fleet.people["rita"], number)
    assert (card.asked, card.links, card.roles_seen, card.checked_at, card.change) == (None, 0, None, None, None)
    assert any(cause.startswith("Wrong account") for cause in card.causes)
    text = consent_texts.card_text(card)
    for words in ("none was ever made", "no check has had a token yet", "Next step: Make a link", card.entra_tenant_id):
        assert words in text


def test_an_open_link_waits(fleet: Any) -> None:
    number = fleet.add_connection("nova", ready=False)
    link = consent_requests.request(fleet.db, fleet.dana, number)
    card = consent_evidence.evidence(fleet.db, fleet.dana, number)
    assert card.asked is not None
    assert (card.asked.id, card.open_links, card.asked.answered_at) == (link.request_id, 1, None)
    text = consent_texts.card_text(card)
    assert "none yet" in text
    assert _state(link) not in text


@pytest.mark.parametrize(
    ("number", "first_cause"),
    [(50020, "Wrong account"), (90094, "Wrong role"), (65004, "Wrong role"), (999999, "Wrong account")],
)
def test_a_refusal_is_shown_with_microsofts_own_numbers(sqlite_fleet: Any, number: int, first_cause: str) -> None:
    fleet = sqlite_fleet
    connection = fleet.add_connection("nova", ready=False)
    link = consent_requests.request(fleet.db, fleet.dana, connection)
    result = _refused(fleet, link, number)
    fleet.clock.advance(minutes=1)
    consent_requests.request(fleet.db, fleet.dana, connection)
    card = consent_evidence.evidence(fleet.db, fleet.dana, connection)
    assert card.asked is not None
    assert (card.asked.id, card.provider_code, card.consent_status) == (link.request_id, f"AADSTS{number}", "failed")
    assert card.causes[0].startswith(first_cause)
    text = consent_texts.card_text(card)
    for words in (f"AADSTS{number}", CORRELATION, str(result.reason_code), "through dana"):
        assert words in text


def test_what_a_consent_gave_and_took_is_told_once_a_check_has_seen_both_sides(fleet: Any) -> None:
    contoso = fleet.connection["contoso"]
    _check(fleet, contoso, "Organization.Read.All", "User.Read.All")
    fleet.clock.advance(days=1)
    link = consent_requests.request(fleet.db, fleet.dana, contoso)
    assert _granted(fleet, link).reason_code is None
    assert consent_evidence.evidence(fleet.db, fleet.dana, contoso).change is None
    (claim,) = fleet.take()
    fleet.clock.advance(minutes=1)
    fleet.finish(claim, _report(claim, "Organization.Read.All", "Device.Read.All"))
    card = consent_evidence.evidence(fleet.db, fleet.dana, contoso)
    assert card.change == consent_evidence.RoleChange(("Device.Read.All",), ("User.Read.All",))
    assert "User.Read.All" in card.roles_missing
    assert any(cause.startswith("Consenting grants") for cause in card.causes)
    assert any(cause.startswith("Delegated instead") for cause in card.causes)
    text = consent_texts.card_text(card)
    assert "lost by consent    User.Read.All" in text
    assert "gained by consent  Device.Read.All" in text


def test_nothing_is_wrong_when_all_is_granted(fleet: Any) -> None:
    contoso = fleet.connection["contoso"]
    claim = fleet.begin(contoso)
    fleet.finish(claim, fleet.good_report(claim))
    card = consent_evidence.evidence(fleet.db, fleet.dana, contoso)
    assert (card.causes, card.roles_missing, card.manifest_behind) == ((), (), False)
    assert card.next_step.startswith("Nothing")


def test_a_consent_older_than_the_manifest_is_told(sqlite_fleet: Any) -> None:
    contoso = sqlite_fleet.connection["contoso"]
    sqlite_fleet.set_connection(contoso, consent_manifest_version=0)
    card = consent_evidence.evidence(sqlite_fleet.db, sqlite_fleet.dana, contoso)
    assert card.manifest_behind
    assert card.causes[0].startswith("Permission added later")
    assert "older than the list" in consent_texts.card_text(card)


@pytest.mark.parametrize("login", ["zoe", "fred", "pat"])
def test_who_may_not_see_the_connection_sees_no_card(sqlite_fleet: Any, login: str) -> None:
    with pytest.raises(NotFound):
        consent_evidence.evidence(sqlite_fleet.db, sqlite_fleet.people[login], sqlite_fleet.connection["contoso"])
