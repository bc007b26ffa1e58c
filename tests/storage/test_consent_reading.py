"""Any text is an answer or one refusal; what terminals, mails and browsers do to an address is put right."""

from __future__ import annotations

import string
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.consent_reading import MAX_ANSWER, REASON_OF_NUMBER, ParsedAnswer, read_pasted, read_query
from storage.errors import InvalidInput
from storage.reasons import catalog

TENANT = "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"
STATE = "q9-" + "x" * 40
GRANTED = {"admin_consent": "True", "tenant": TENANT, "state": STATE, "scope": "https://graph.microsoft.com/.default"}
ADDRESS = "http://localhost/atlas-consent?" + urlencode(GRANTED)
READ = ParsedAnswer(STATE, None, tenant=TENANT)


def _error(**more: str) -> ParsedAnswer:
    return read_query({"state": STATE, "admin_consent": "True", **more})


@pytest.mark.parametrize(
    "pasted",
    [
        ADDRESS,
        f"  {ADDRESS}\n",
        f'"{ADDRESS}"',
        f"<{ADDRESS}>",
        f"It says: {ADDRESS} and then an error.",
        ADDRESS.replace("&", "&amp;"),
        ADDRESS.replace("&", "&#38;"),
        ADDRESS.replace("?", "#"),
        ADDRESS.replace("?", "#?"),
        ADDRESS[:40] + "\n" + ADDRESS[40:90] + "\r\n" + ADDRESS[90:],
        ADDRESS[:40] + "  \n   " + ADDRESS[40:],
        "> " + ADDRESS[:50] + "\n> " + ADDRESS[50:],
        ADDRESS[:30] + "\u200b" + ADDRESS[30:],
        urlencode(GRANTED),
        "?" + urlencode(GRANTED),
        ADDRESS + "&state=" + STATE,
        "HTTPS" + ADDRESS[4:].replace("True", "true"),
        ADDRESS.replace(TENANT, TENANT.upper()),
    ],
)
def test_an_address_survives_what_happens_to_it_on_the_way(pasted: str) -> None:
    assert read_pasted(pasted) == READ


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "   ",
        "hello",
        "https://",
        "http://[::1",
        "http://localhost/atlas-consent",
        "http://localhost/atlas-consent?code=1&session_state=2",
        "http://localhost/?state=" + STATE,
        ADDRESS + "&state=another",
        ADDRESS + f"&tenant={TENANT[:-1]}d",
        ADDRESS + "&a=b" * 100,
        ADDRESS + "x" * MAX_ANSWER,
    ],
)
def test_what_is_no_answer_is_refused_with_the_field_and_what_to_do(pasted: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_pasted(pasted)
    assert refused.value.field == "address"
    assert refused.value.hint
    assert STATE not in str(refused.value)


def test_an_error_decides_although_admin_consent_is_true() -> None:
    description = (
        f"AADSTS65004: User declined. Trace ID: {STATE} Correlation ID: {TENANT} Timestamp: 2026-03-01 12:00:00Z"
    )
    answer = _error(error="access_denied", error_description=description, tenant=TENANT)
    assert answer == ParsedAnswer(STATE, "consent_declined", "AADSTS65004", TENANT, TENANT)
    assert not answer.is_granted


@pytest.mark.parametrize(("number", "reason"), sorted(REASON_OF_NUMBER.items()))
def test_every_listed_number_has_a_reason_of_the_catalog(number: int, reason: str) -> None:
    answer = _error(error="access_denied", error_description=f"AADSTS{number}: words")
    assert (answer.reason_code, answer.provider_code) == (reason, f"AADSTS{number}")
    assert reason in catalog()


@pytest.mark.parametrize(
    ("error", "more", "reason", "code"),
    [
        ("access_denied", {}, "consent_declined", ""),
        ("permission_denied", {"error_description": "The admin canceled the request"}, "consent_declined", ""),
        ("consent_required", {"error_description": "AADSTS65004: declined"}, "consent_declined", "AADSTS65004"),
        ("consent_required", {}, "consent_required", ""),
        ("temporarily_unavailable", {}, "identity_service_unavailable", ""),
        ("access_denied", {"error_uri": "https://x/error?code=90094"}, "consent_admin_required", "AADSTS90094"),
        ("invalid_request", {"error_description": "AADSTS999999: new"}, "consent_failed", "AADSTS999999"),
        ("something_new", {}, "consent_failed", ""),
        ("", {"error_description": "AADSTS650052: no service"}, "consent_service_not_subscribed", "AADSTS650052"),
    ],
)
def test_errors_without_a_number_are_read_by_their_name(
    error: str, more: dict[str, str], reason: str, code: str
) -> None:
    answer = _error(error=error, **more)
    assert (answer.reason_code, answer.provider_code) == (reason, code)


def test_a_refusal_without_an_error_is_a_refusal() -> None:
    assert _error(admin_consent="False").reason_code == "consent_declined"


@pytest.mark.parametrize("tenant", ["", "contoso.com", "x" * 5000, "00000000-0000-0000-0000-000000000000", "<b>"])
def test_a_tenant_that_is_no_guid_is_none(tenant: str) -> None:
    assert _error(tenant=tenant).tenant is None


@pytest.mark.parametrize("state", ["", "x" * 129, "ünïcode", "a\nb"])
def test_a_state_that_cannot_be_ours_is_none(state: str) -> None:
    assert read_query({**GRANTED, "state": state}).state is None


@given(st.text(max_size=400))
def test_any_text_is_an_answer_or_refused(text: str) -> None:
    for reading in (text, f"http://localhost/?{text}", f"{ADDRESS}&{text}"):
        try:
            answer = read_pasted(reading)
        except InvalidInput:
            continue
        assert answer.tenant is None or len(answer.tenant) == 36
        assert answer.reason_code is None or answer.reason_code in catalog()
        assert answer.state is None or answer.state.isprintable()


@given(
    st.sets(st.integers(0, len(ADDRESS)), max_size=6),
    st.sampled_from(["\n", "\r\n", " \n", "\n  ", "\n> ", "\x0b", "\u2028"]),
)
def test_line_breaks_anywhere_do_not_matter(places: set[int], wrap: str) -> None:
    pieces = [ADDRESS[a:b] for a, b in zip([0, *sorted(places)], [*sorted(places), len(ADDRESS)], strict=True)]
    assert read_pasted(wrap.join(pieces)) == READ


@given(st.permutations(sorted(GRANTED)), st.text(string.ascii_letters, max_size=10))
def test_order_and_unknown_parameters_do_not_matter(order: list[str], unknown: str) -> None:
    pairs = [(name, GRANTED[name]) for name in order] + [(f"x{unknown}", unknown)]
    assert read_query(pairs) == READ
