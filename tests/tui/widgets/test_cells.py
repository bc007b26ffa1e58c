"""Text that is exactly as wide as it says and can do no harm; ages in buckets."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_tui.cells import (
    AGE_BUCKETS,
    Part,
    age_bucket,
    cell,
    cut,
    fit,
    fit_line,
    join_parts,
    line_text,
    next_bucket_change,
    plain,
    width_of,
)
from atlas_tui.widgets.wrapping import wrap

anything = st.text(st.characters(), max_size=200)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(anything)
def test_plain_text_holds_nothing_invisible(text: str) -> None:
    shown = plain(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
    assert plain(shown) == shown
    shown.encode("utf-8")


@given(anything, st.integers(0, 120), st.sampled_from(["left", "right"]))
def test_fitted_text_is_exactly_as_wide_as_asked(text: str, width: int, align: str) -> None:
    assert width_of(fit(text, width, align)) == width  # type: ignore[arg-type]


@given(st.lists(st.tuples(anything, st.sampled_from(["", "ok", "bad"])), max_size=6), st.integers(0, 100))
def test_a_fitted_line_is_exactly_as_wide_as_asked(parts: list[tuple[str, str]], width: int) -> None:
    assert sum(width_of(p.text) for p in fit_line([Part(*part) for part in parts], width)) == width


@given(anything, st.integers(2, 60))
def test_wrapping_keeps_every_letter_and_no_line_is_too_wide(text: str, width: int) -> None:
    lines = wrap(plain(text), width)
    assert all(width_of(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(plain(text).split())


def test_what_was_cut_ends_in_an_ellipsis_and_what_fits_does_not() -> None:
    assert cut("Contoso", 7) == "Contoso"
    assert cut("Contoso", 6) == "Conto…"
    assert cut("日本語", 5) == "日本…"
    assert width_of(fit("日本語", 4)) == 4
    assert (cut("Contoso", 0), cut("Contoso", 1)) == ("", "…")


def test_flags_become_letters_and_families_become_people() -> None:
    assert plain("🇩🇪 office") == "DE office"
    assert plain("👩‍👩‍👧") == "👩👩👧"
    assert plain("a\nb\tc\x1b[31m\u202ed") == "a b c[31md"


def test_ten_kilobytes_are_cut_before_they_are_measured() -> None:
    assert len(plain("é" * 10_240)) == 4096
    assert fit("日" * 10_240, 10) == "日日日日… "


def test_neighbours_of_one_style_are_one_part_and_blanks_have_none() -> None:
    parts = [Part("a", "ok"), Part(" "), Part("b", "ok"), Part("  "), Part("c", "bad")]
    assert join_parts(parts) == (Part("a b  ", "ok"), Part("c", "bad"))
    assert line_text(join_parts(parts)) == "a b  c"


def test_nothing_is_a_dash() -> None:
    assert cell(None).text == "-"


@pytest.mark.parametrize(
    ("seconds", "word"),
    [(0, "<1m"), (59, "<1m"), (60, "1m"), (299, "2m"), (300, "5m"), (1799, "15m"), (3600, "1h"), (86400 * 9, "9d"),
     (86400 * 45, "30d"), (86400 * 800, "2y"), (-30, "<1m"), (-61, "ahead")],
)  # fmt: skip
def test_ages_are_read_in_buckets(seconds: int, word: str) -> None:
    assert age_bucket(timedelta(seconds=seconds)) == word


def test_no_age_is_a_dash() -> None:
    assert age_bucket(None) == "-"


@given(st.integers(-10_000, 400_000_000))
def test_the_word_for_an_age_changes_exactly_when_it_was_said_to(seconds: int) -> None:
    then = NOW - timedelta(seconds=seconds)
    change = next_bucket_change(then, NOW)
    if change is None:
        assert seconds >= AGE_BUCKETS[-1][0]
        return
    assert change > NOW
    assert age_bucket(change - timedelta(microseconds=1) - then) == age_bucket(NOW - then)
    assert age_bucket(change - then) != age_bucket(NOW - then)
