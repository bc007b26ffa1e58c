"""Counts of which not everything was counted never look exact, and never look small when they are huge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from atlas_tui import rough_counts
from atlas_tui.screens import problem_text
from atlas_tui.screens.prose import Times
from storage import attention
from storage.attention import AttentionQuery
from storage.attention_sources import COUNTED


@pytest.mark.parametrize(
    ("number", "is_exact", "short", "words"),
    [
        (17, True, "17", "17"),
        (4312, False, "~4,312", "about 4,312"),
        (COUNTED, False, "10,000+", "more than 10,000"),
        (COUNTED, True, "10,000", "10,000"),
    ],
)
def test_a_count_says_how_far_it_can_be_trusted(number: int, is_exact: bool, short: str, words: str) -> None:
    assert (rough_counts.short(number, is_exact), rough_counts.in_words(number, is_exact)) == (short, words)


def test_the_summary_and_the_problem_say_in_words_that_not_all_were_counted(small_fleet: Any) -> None:
    where = small_fleet.session().workspace.workspace_id
    found = attention.overview(small_fleet.db, small_fleet.people["dana"], AttentionQuery(where))
    problem = found.problems[0]
    for many, said in ((4312, "about 4,312"), (COUNTED, "more than 10,000")):
        rough = replace(problem, connections=many, is_exact=False)
        text = problem_text.summary(replace(found, problems=(rough,), connections=many))
        assert text == f"1 reason, {said} connections"
        lines = problem_text.problem_lines(rough, Times(small_fleet.clock.time), 78)
        concerns = next(line for line in lines if line[0].text.strip() == "Concerns")
        assert f"{said} open; of so many only a part was looked at" in "".join(part.text for part in concerns)
