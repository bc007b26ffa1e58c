"""What may be stored about a failure: a property over anything that an operation could say."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from storage import reasons
from storage.failures import FORBIDDEN_TEXT, clean_provider_code, clean_request_id, failure

WORDS = [*FORBIDDEN_TEXT, *(word.upper() for word in FORBIDDEN_TEXT), "Authorization_", "Authentication_", "Request"]
NASTY = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=8).map("".join)


def control(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


@given(NASTY, NASTY, NASTY, NASTY, st.integers(-5, 10))
def test_no_forbidden_word_and_no_control_character_survives(
    code: str, sentence: str, provider_code: str, request_id: str, count: int
) -> None:
    made = failure(code, sentence, provider_code=provider_code, request_id=request_id, count=count)
    for text in (made.reason_code, made.sentence, made.provider_code, made.request_id):
        assert not any(word.lower() in text.lower() for word in FORBIDDEN_TEXT)
        assert not control(text)
    assert made.sentence
    assert made.count >= 1
    assert len(made.sentence) <= 400
    assert len(made.provider_code) <= 64
    assert len(made.request_id) <= 64


def test_what_is_harmless_stays_as_it_was() -> None:
    made = failure(
        "throttled", "Microsoft asked us to wait.", provider_code="AADSTS7000222", request_id="0f-1a", count=3
    )
    assert (made.sentence, made.provider_code, made.request_id, made.count) == (
        "Microsoft asked us to wait.",
        "AADSTS7000222",
        "0f-1a",
        3,
    )


def test_a_providers_code_loses_the_prefix_that_a_guard_looks_for() -> None:
    assert clean_provider_code("Authorization_RequestDenied") == "RequestDenied"
    assert clean_provider_code("Authorization_Authorization_RequestDenied") == "RequestDenied"
    assert clean_request_id(None) == ""


def test_our_own_sentences_may_all_be_stored() -> None:
    for reason in reasons.catalog().values():
        assert failure(reason.code).sentence == reason.sentence
        assert failure(reason.code, reason.sentence).sentence == reason.sentence
