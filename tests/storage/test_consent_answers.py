"""The table of answers: what is said, to which link, by whom, and what becomes of consent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from sqlalchemy import select

from storage import audit_chain, audit_trail, consent_answers, consent_history, consent_requests
from storage.access import CONSENT_PAGE
from storage.consent_requests import ConsentLink
from storage.consent_verdicts import AnswerOutcome
from storage.errors import Forbidden, InvalidInput, NotFound
from storage.reasons import catalog
from storage.schema import audit_entries
from storage.states import ConsentStatus
from storage.verification import MANIFEST_VERSION

CORRELATION = "11111111-2222-3333-4444-555555555555"
DECLINED = {
    "admin_consent": "True",
    "error": "access_denied",
    "error_description": f"AADSTS65004: User declined to consent. Correlation ID: {CORRELATION}",
}
OTHER_TENANT = "9b3c1f0e-1b2c-4d5e-8f90-123456789abc"


def state_of(link: ConsentLink) -> str:
    return dict(parse_qsl(urlsplit(link.url).query))["state"]


def granted(link: ConsentLink, **more: str) -> dict[str, str]:
    return {"admin_consent": "True", "tenant": link.entra_tenant_id, "state": state_of(link), **more}


def declined(link: ConsentLink, **more: str) -> dict[str, str]:
    return {**DECLINED, "state": state_of(link), **more}


@pytest.fixture
def ask(fleet: Any) -> Callable[..., ConsentLink]:
    """Makes a link for contoso, whose consent is unknown unless said otherwise."""

    def make(consent: str = "unknown", **more: Any) -> ConsentLink:
        fleet.set_connection(
            fleet.connection["contoso"],
            consent_status=consent,
            consent_granted_at=fleet.clock.time if consent in ("granted", "revoked") else None,
            verification_status="unknown",
        )
        return consent_requests.request(fleet.db, fleet.dana, fleet.connection["contoso"], **more)

    return make


def _events(fleet: Any) -> list[tuple[str, str, Any]]:
    entries = audit_trail.of_connection(fleet.db, fleet.dana, fleet.connection["contoso"])
    return [(e.outcome, e.actor, e.detail["answer"]) for e in entries if e.action == "consent.answer"]


def _page(fleet: Any, query: dict[str, str]) -> Any:
    return consent_answers.answer_by_state(fleet.db, consent_answers.read_callback(list(query.items())))


def test_an_answer_that_grants_is_recorded_and_a_check_proves_it(fleet: Any, ask: Any) -> None:
    contoso, link = fleet.connection["contoso"], ask()
    fleet.set_permissions(contoso, {"Organization.Read.All": True, "Group.Read.All": False})
    before = fleet.truth(contoso)
    fleet.clock.advance(minutes=3)
    result = consent_answers.answer(fleet.db, fleet.dana, granted(link), ticket="CHG-2")
    truth = fleet.truth(contoso)
    assert (result.outcome, result.reason_code, result.connection_id) == (AnswerOutcome.GRANTED, None, contoso)
    assert (truth.consent_status, truth.verification_status) == ("granted", "pending")
    assert truth.consent_manifest_version == MANIFEST_VERSION
    assert truth.consent_granted_at == truth.consent_changed_at == fleet.clock.time
    assert truth.generation == before.generation + 1
    (run,) = fleet.unfinished(contoso)
    assert (run.id, run.type, run.ticket) == (result.check_run_id, "provider.connection.check", "CHG-2")
    assert run.generation == truth.generation
    entry = next(e for e in audit_trail.of_connection(fleet.db, fleet.dana, contoso) if e.action == "consent.answer")
    assert entry.detail["roles_before"] == ["Organization.Read.All"]
    assert entry.detail["consent_status_before"] == "unknown"
    (shown,) = consent_history.requests(fleet.db, fleet.dana, contoso)
    assert (shown.status, shown.answered_by, shown.answer_tenant_id) == ("used", "dana", link.entra_tenant_id)


def test_any_manager_of_the_tenant_may_finish_what_another_began(fleet: Any, ask: Any) -> None:
    address = "http://localhost/atlas-consent?" + urlencode(granted(ask()))
    assert consent_answers.answer(fleet.db, fleet.people["gina"], address).outcome is AnswerOutcome.GRANTED


def test_a_link_is_not_in_what_a_crash_would_show(ask: Any) -> None:
    link = ask()
    assert state_of(link) not in repr(link)


def test_the_callback_page_acts_by_the_state_alone(fleet: Any, ask: Any) -> None:
    link = ask()
    result = _page(fleet, granted(link))
    assert (result.outcome, result.reason_code) == (AnswerOutcome.GRANTED, None)
    assert _events(fleet) == [("done", CONSENT_PAGE.login, "granted")]
    (run,) = fleet.unfinished(fleet.connection["contoso"])
    assert run.initiator == CONSENT_PAGE.login
    assert fleet.take()


def test_a_double_click_gives_the_same_answer_and_changes_nothing(fleet: Any, ask: Any) -> None:
    link = ask()
    _page(fleet, granted(link))
    contents = fleet.contents(without=("audit_entries", "audit_heads", "change_topics"))
    for _ in range(2):
        assert _page(fleet, granted(link)).outcome is AnswerOutcome.ALREADY_RECORDED
    again = consent_answers.answer(fleet.db, fleet.dana, granted(link))
    assert (again.outcome, again.reason_code) == (AnswerOutcome.ALREADY_RECORDED, None)
    assert fleet.contents(without=("audit_entries", "audit_heads", "change_topics")) == contents
    assert [event[2] for event in _events(fleet)] == ["already_recorded"] * 3 + ["granted"]


def test_of_many_answers_at_once_one_is_recorded(fleet: Any, ask: Any) -> None:
    link = ask()
    found: list[AnswerOutcome] = []
    threads = [threading.Thread(target=lambda: found.append(_page(fleet, granted(link)).outcome)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found) == [AnswerOutcome.ALREADY_RECORDED] * 7 + [AnswerOutcome.GRANTED]
    assert len(fleet.unfinished(fleet.connection["contoso"])) == 1


@pytest.mark.parametrize("second", ["another tenant", "an error"])
def test_a_used_state_takes_no_other_answer(fleet: Any, ask: Any, second: str) -> None:
    link = ask()
    _page(fleet, granted(link))
    other = granted(link, tenant=OTHER_TENANT) if second == "another tenant" else declined(link)
    result = _page(fleet, other)
    assert (result.outcome, result.reason_code) == (AnswerOutcome.USED, "consent_state_used")
    assert fleet.truth(fleet.connection["contoso"]).consent_status == "granted"
    assert _events(fleet)[0][0] == "refused"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("unknown", "failed"),
        ("required", "failed"),
        ("failed", "failed"),
        ("granted", "granted"),
        ("revoked", "revoked"),
    ],
)
def test_declining_fails_consent_only_where_nothing_better_is_known(
    fleet: Any, ask: Any, before: str, after: str
) -> None:
    contoso, link = fleet.connection["contoso"], ask(before)
    generation = fleet.truth(contoso).generation
    result = consent_answers.answer(fleet.db, fleet.dana, declined(link))
    assert (result.outcome, result.reason_code) == (AnswerOutcome.NOT_GRANTED, "consent_declined")
    assert (result.provider_code, result.correlation_id) == ("AADSTS65004", CORRELATION)
    truth = fleet.truth(contoso)
    assert truth.consent_status == after
    assert truth.generation - generation == (after == "failed")
    assert fleet.unfinished(contoso) == []
    (shown,) = consent_history.open_requests(fleet.db, fleet.dana, contoso)
    assert (shown.answer_reason_code, shown.answer_correlation_id) == ("consent_declined", CORRELATION)


def test_the_same_error_twice_changes_consent_once(fleet: Any, ask: Any) -> None:
    link = ask()
    first = _page(fleet, declined(link))
    generation = fleet.truth(fleet.connection["contoso"]).generation
    assert _page(fleet, declined(link)) == first
    assert fleet.truth(fleet.connection["contoso"]).generation == generation
    assert len(_events(fleet)) == 2


def test_whoever_declined_by_mistake_opens_the_same_link_again(fleet: Any, ask: Any) -> None:
    link = ask()
    _page(fleet, declined(link))
    assert _page(fleet, granted(link)).outcome is AnswerOutcome.GRANTED
    assert fleet.truth(fleet.connection["contoso"]).consent_status == "granted"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (65004, "consent_declined"),
        (90093, "consent_admin_required"),
        (90094, "consent_admin_required"),
        (90095, "consent_admin_required"),
        (50011, "consent_redirect_mismatch"),
        (500113, "consent_redirect_mismatch"),
        (650052, "consent_service_not_subscribed"),
        (700016, "app_not_found"),
        (50020, "consent_wrong_account"),
        (999999, "consent_failed"),
    ],
)
def test_each_error_has_its_reason(sqlite_fleet: Any, number: int, reason: str) -> None:
    link = consent_requests.request(sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.connection["contoso"])
    answer = declined(link, error_description=f"AADSTS{number}: words of theirs")
    result = consent_answers.answer(sqlite_fleet.db, sqlite_fleet.dana, answer)
    assert (result.reason_code, result.provider_code) == (reason, f"AADSTS{number}")
    assert result.sentence == catalog()[reason].sentence
    assert "words of theirs" not in repr(sqlite_fleet.contents())


def test_a_passing_outage_changes_no_badge(fleet: Any, ask: Any) -> None:
    link = ask()
    before = fleet.truth(fleet.connection["contoso"])
    result = _page(fleet, {"error": "temporarily_unavailable", "state": state_of(link)})
    assert result.reason_code == "identity_service_unavailable"
    assert fleet.truth(fleet.connection["contoso"]) == before


def test_another_tenant_is_refused_with_both_ids_for_members_and_none_for_the_public(fleet: Any, ask: Any) -> None:
    link = ask()
    public = _page(fleet, granted(link, tenant=OTHER_TENANT))
    assert (public.outcome, public.reason_code) == (AnswerOutcome.WRONG_TENANT, "consent_wrong_tenant")
    assert OTHER_TENANT not in repr(public)
    assert link.entra_tenant_id not in repr(public)
    result = consent_answers.answer(fleet.db, fleet.dana, granted(link, tenant=OTHER_TENANT))
    assert link.entra_tenant_id in result.sentence
    assert OTHER_TENANT in result.sentence
    truth = fleet.truth(fleet.connection["contoso"])
    assert (truth.consent_status, fleet.unfinished(truth.id)) == ("unknown", [])
    assert [event[0] for event in _events(fleet)] == ["refused", "refused"]
    assert _page(fleet, granted(link)).outcome is AnswerOutcome.GRANTED


def test_an_answer_that_names_no_tenant_proves_nothing(fleet: Any, ask: Any) -> None:
    assert _page(fleet, granted(ask(), tenant="contoso.com")).outcome is AnswerOutcome.WRONG_TENANT


def test_an_error_is_read_before_the_tenant_and_admin_consent(fleet: Any, ask: Any) -> None:
    result = _page(fleet, declined(ask(), tenant=OTHER_TENANT))
    assert (result.outcome, result.reason_code) == (AnswerOutcome.NOT_GRANTED, "consent_declined")


def test_a_late_answer_is_not_recorded_but_a_check_is_started_once(fleet: Any, ask: Any) -> None:
    contoso, link = fleet.connection["contoso"], ask(valid_for=timedelta(hours=1))
    fleet.clock.advance(hours=1)
    result = consent_answers.answer(fleet.db, fleet.dana, granted(link))
    assert (result.outcome, result.reason_code) == (AnswerOutcome.EXPIRED, "consent_state_expired")
    truth = fleet.truth(contoso)
    assert (truth.consent_status, truth.consent_granted_at) == ("unknown", None)
    assert [run.id for run in fleet.unfinished(contoso)] == [result.check_run_id]
    again = _page(fleet, granted(link))
    assert again.outcome is AnswerOutcome.EXPIRED
    assert len(fleet.unfinished(contoso)) == 1
    assert [event[0] for event in _events(fleet)] == ["refused", "refused"]


def test_a_revoked_link_takes_no_answer(fleet: Any, ask: Any) -> None:
    link = ask()
    consent_requests.revoke_request(fleet.db, fleet.dana, link.request_id)
    result = _page(fleet, granted(link))
    assert (result.outcome, result.reason_code) == (AnswerOutcome.REVOKED, "consent_link_revoked")
    assert fleet.truth(fleet.connection["contoso"]).consent_status == "unknown"
    assert _events(fleet) == [("refused", CONSENT_PAGE.login, "revoked")]


def test_a_link_for_an_application_that_was_replaced_takes_no_answer(fleet: Any, ask: Any) -> None:
    link = ask()
    fleet.set_connection(fleet.connection["contoso"], client_id=fleet.guid())
    assert _page(fleet, granted(link)).reason_code == "consent_link_outdated"
    assert fleet.truth(fleet.connection["contoso"]).consent_status == "unknown"


@pytest.mark.parametrize("state", ["", "unknown-state", "x" * 5000])
def test_an_unknown_state_is_refused_and_written_down_without_itself(fleet: Any, ask: Any, state: str) -> None:
    link = ask()
    query = granted(link, state=state)
    assert not consent_answers.is_known(fleet.db, consent_answers.read_callback(list(query.items())))
    assert _page(fleet, query).outcome is AnswerOutcome.UNKNOWN
    result = consent_answers.answer(fleet.db, fleet.dana, query, connection_id=fleet.connection["contoso"])
    assert (result.outcome, result.reason_code) == (AnswerOutcome.UNKNOWN, "consent_state_unknown")
    chains = [row.chain for row in fleet.rows(select(audit_entries).where(audit_entries.c.action == "consent.answer"))]
    assert chains == ["system", f"workspace:{fleet.north}"]
    assert "unknown-state" not in repr(fleet.contents())
    assert fleet.truth(fleet.connection["contoso"]).consent_status == "unknown"


def test_an_answer_for_another_connection_than_the_named_one_is_unknown_there(fleet: Any, ask: Any) -> None:
    link = ask()
    fabrikam = fleet.connection["fabrikam"]
    result = consent_answers.answer(fleet.db, fleet.dana, granted(link), connection_id=fabrikam)
    assert result.outcome is AnswerOutcome.UNKNOWN
    assert fleet.truth(fleet.connection["contoso"]).consent_status == "unknown"
    assert audit_trail.of_connection(fleet.db, fleet.dana, fabrikam)[0].outcome == "refused"


@pytest.mark.parametrize("login", ["omar", "rita", "anna", "tina"])
def test_pasting_needs_the_right_to_manage(fleet: Any, ask: Any, login: str) -> None:
    with pytest.raises(Forbidden):
        consent_answers.answer(fleet.db, fleet.people[login], granted(ask()))
    assert fleet.truth(fleet.connection["contoso"]).consent_status == "unknown"
    assert fleet.rows(select(audit_entries).where(audit_entries.c.action == "consent.answer"))[0].outcome == "refused"


@pytest.mark.parametrize("login", ["zoe", "fred", "rex", "pat"])
def test_a_link_of_a_connection_one_cannot_see_is_an_unknown_link(fleet: Any, ask: Any, login: str) -> None:
    link = ask()
    result = consent_answers.answer(fleet.db, fleet.people[login], granted(link))
    assert (result.outcome, result.connection_id, result.expected_tenant_id) == (AnswerOutcome.UNKNOWN, None, None)
    with pytest.raises(NotFound):
        consent_answers.answer(fleet.db, fleet.people[login], granted(link), connection_id=fleet.connection["contoso"])
    assert fleet.truth(fleet.connection["contoso"]).consent_status == "unknown"


def test_what_is_no_answer_writes_nothing(fleet: Any) -> None:
    before = fleet.contents()
    with pytest.raises(InvalidInput):
        consent_answers.answer(fleet.db, fleet.dana, "https://example.com/")
    assert fleet.contents() == before


def test_consent_to_a_disabled_connection_is_recorded_and_its_verification_kept(fleet: Any, ask: Any) -> None:
    contoso, link = fleet.connection["contoso"], ask()
    fleet.set_connection(contoso, is_enabled=False, verification_status="healthy")
    result = consent_answers.answer(fleet.db, fleet.dana, granted(link))
    truth = fleet.truth(contoso)
    assert (truth.is_enabled, truth.consent_status, truth.verification_status) == (False, "granted", "healthy")
    assert (result.check_run_id, fleet.unfinished(contoso)) == (None, [])


def test_the_check_waits_behind_what_is_running(fleet: Any, ask: Any) -> None:
    contoso, link = fleet.connection["contoso"], ask("granted")
    active = fleet.begin(contoso, "inventory.sync")
    result = consent_answers.answer(fleet.db, fleet.dana, granted(link))
    waiting = fleet.run_row(result.check_run_id)
    assert (waiting.status, waiting.type) == ("waiting", "provider.connection.check")
    fleet.finish(active)
    assert fleet.run_row(result.check_run_id).status == "queued"


def test_a_check_that_was_running_does_not_speak_for_the_new_consent(fleet: Any, ask: Any) -> None:
    contoso, link = fleet.connection["contoso"], ask("required")
    running = fleet.begin(contoso)
    consent_answers.answer(fleet.db, fleet.dana, granted(link))
    fleet.finish(running, fleet.failing_report("app_not_found_in_tenant"))
    assert fleet.truth(contoso).consent_status == ConsentStatus.GRANTED.value
    assert len(fleet.unfinished(contoso)) == 1


def test_the_chain_of_all_that_verifies(fleet: Any, ask: Any) -> None:
    link = ask()
    for query in (declined(link), granted(link, tenant=OTHER_TENANT), granted(link), granted(link), {**DECLINED}):
        _page(fleet, query)
    with fleet.db.read() as tx:
        assert audit_chain.verify_chain(tx, f"workspace:{fleet.north}") is None
        assert audit_chain.verify_chain(tx, "system") is None
