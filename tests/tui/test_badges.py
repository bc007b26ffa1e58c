"""Badges: three truths, each a glyph and a word, none of them summed up."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest

import atlas_tui
from atlas_tui.badges import (
    BADGE_WIDTH,
    FIX_BY_WIDTH,
    RUN_BADGE_WIDTH,
    STALE_AFTER,
    badge,
    consent_badge,
    fix_by,
    lifecycle_badge,
    run_badge,
    stale,
    verification_badge,
)
from atlas_tui.cells import Cell
from atlas_tui.theme import STYLE_NAMES
from storage.states import ConsentStatus, RunOutcome, RunStatus, VerificationStatus

CONNECTION_BADGES: dict[str, Cell] = {
    **{f"lifecycle {word}": lifecycle_badge(on) for word, on in (("enabled", True), ("disabled", False))},
    **{f"consent {status}": consent_badge(status) for status in ConsentStatus},
    **{f"verification {status}": verification_badge(status) for status in VerificationStatus},
}
RUN_BADGES: dict[str, Cell] = {
    **{f"run {status}": run_badge(status, None) for status in RunStatus if status is not RunStatus.COMPLETED},
    **{f"run {outcome}": run_badge(RunStatus.COMPLETED, outcome) for outcome in RunOutcome},
}


@pytest.mark.parametrize(("name", "shown"), [*CONNECTION_BADGES.items(), *RUN_BADGES.items()])
def test_a_badge_is_a_glyph_and_a_word_of_fixed_width(name: str, shown: Cell) -> None:
    assert len(shown.text) == (RUN_BADGE_WIDTH if name.startswith("run") else BADGE_WIDTH)
    glyph, word = shown.text.split()
    assert glyph in "+!x~o-"
    assert word == {"partially_succeeded": "partial"}.get(name.split()[1], name.split()[1])
    assert all(part.style in STYLE_NAMES for part in shown.parts)


def test_no_two_states_of_one_dimension_read_the_same_without_colour() -> None:
    for dimension in ("lifecycle", "consent", "verification", "run"):
        texts = [c.text for name, c in {**CONNECTION_BADGES, **RUN_BADGES}.items() if name.startswith(dimension)]
        assert len(texts) == len(set(texts))


def test_contradictions_are_shown_as_they_are() -> None:
    shown = (
        lifecycle_badge(False),
        consent_badge(ConsentStatus.GRANTED),
        verification_badge(VerificationStatus.HEALTHY),
    )
    assert [c.text.strip() for c in shown] == ["- disabled", "+ granted", "+ healthy"]


def test_age_dims_a_badge_and_changes_no_letter() -> None:
    for status in VerificationStatus:
        fresh, old = verification_badge(status, STALE_AFTER), verification_badge(status, STALE_AFTER + timedelta(1))
        assert fresh.text == old.text
        assert old.parts[0].style == "stale" != fresh.parts[0].style
    assert consent_badge(ConsentStatus.GRANTED, timedelta(days=3)).parts[0].style == "stale"
    assert not stale(None)


def test_a_completed_run_without_an_outcome_is_refused() -> None:
    with pytest.raises(ValueError):
        run_badge(RunStatus.COMPLETED, None)


def test_only_our_glyphs_make_badges() -> None:
    with pytest.raises(KeyError):
        badge("?", "maybe")


def test_fix_by_has_four_words() -> None:
    assert [fix_by(who).text for who in ("us", "customer", "microsoft", "WAIT")] == [
        "us",
        "customer",
        "Microsoft",
        "wait",
    ]
    assert max(len(fix_by(who).text) for who in ("us", "customer", "microsoft", "wait")) == FIX_BY_WIDTH
    with pytest.raises(KeyError):
        fix_by("nobody")


def test_nothing_in_the_face_names_a_combined_state() -> None:
    forbidden = ("readiness", "overall", "combined", "health_status", "connection_status")
    for path in Path(atlas_tui.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "name", None) or getattr(node, "id", None) or getattr(node, "attr", None)
            if isinstance(name, str):
                assert not any(word in name.lower() for word in forbidden), f"{path}: {name}"
