"""Figures and the page they are written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import report
from bench.figures import Aim, Section, Spread, counted, timed


def test_a_spread_keeps_the_middle_and_the_ends() -> None:
    spread = Spread.of([float(value) for value in range(200, 0, -1)])
    assert (spread.count, spread.low, spread.median, spread.p95, spread.p99, spread.high) == (
        200,
        1,
        100,
        190,
        198,
        200,
    )


def test_the_p99_of_few_samples_is_the_largest() -> None:
    assert Spread.of([3.0, 1.0, 2.0]).p99 == 3.0


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_a_ratio_is_that_of_the_medians() -> None:
    figure = timed("ours", [0.002, 0.004, 0.1], "How long.", reference=[0.001, 0.002, 0.003], against="theirs")
    assert figure.spread.median == pytest.approx(4.0)
    assert figure.ratio == pytest.approx(2.0)


def test_a_ratio_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="compared"):
        counted("bytes", [1.0], "How many.").compared([0.0], "silence")


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (Aim("median", 2.0), True),
        (Aim("high", 2.0), False),
        (Aim("ratio", 0.5), True),
        (Aim("ratio", 0.4), False),
        (None, None),
    ],
)
def test_an_aim_is_about_the_number_it_names(aim: Aim | None, met: bool | None) -> None:
    figure = timed("ours", [0.001, 0.002, 0.003], "How long.", reference=[0.004], against="theirs", aim=aim)
    assert figure.is_met is met


def test_an_aim_for_a_ratio_that_was_not_measured_is_missed() -> None:
    assert timed("ours", [0.001], "How long.", aim=Aim("ratio", 2.0)).is_met is False


def _result(name: str, meaning: str) -> report.Result:
    figure = timed(
        f"{name} at once", [0.001, 0.004], meaning, reference=[0.001], against="by hand", aim=Aim("high", 3.0)
    )
    return report.Result(
        Section(name, f"About {name}", "By looking.", (figure,), ("Noise.",)), "2026-03-01", "a machine", 0.5
    )


def test_a_new_result_takes_the_old_ones_place_and_leaves_the_others(tmp_path: Path) -> None:
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    order = ("first", "second")
    for result in (_result("second", "Old."), _result("first", "One."), _result("second", "New.")):
        report.keep(result, order, results=results, page=page)
    written = page.read_text()
    assert written.index("## About first") < written.index("## About second")
    assert "New." in written
    assert "Old." not in written
    assert "always ≤ 3.00 ms: MISSED" in written
    assert "1.00× by hand" in written
    assert report.markdown(report.read(results).values()) == written


def test_the_page_in_the_docs_is_the_one_of_the_kept_results() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.markdown(report.read().values())
