"""The figures as people read them: a table in the terminal, a page in docs/.

Promise: a full run of a benchmark replaces its part of `bench/results.json`, from which the whole page is written; a quick run only
prints. Every part carries its own date and machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from bench.figures import Aim, Figure, Section

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results.json"
PAGE: Final = HERE.parent / "docs" / "benchmarks.md"


class Result(msgspec.Struct, frozen=True):
    """A section, and when and on what it was measured.

    Attributes:
        section: the figures.
        day: the date, in UTC.
        machine: what it ran on.
        load: the machine's load average just before: what else was running.
    """

    section: Section
    day: str
    machine: str
    load: float


def result_of(section: Section, machine: str, load: float) -> Result:
    """Dates a section."""
    return Result(section, datetime.now(UTC).date().isoformat(), machine, load)


def keep(new: Result, order: Sequence[str], *, results: Path = RESULTS, page: Path = PAGE) -> None:
    """Puts a result in the place of the last one of its benchmark, and writes the page anew.

    Args:
        new: the result.
        order: the names of all benchmarks, in the page's order.
        results: where all results are kept.
        page: the page.
    """
    kept = read(results)
    kept[new.section.name] = new
    ordered = {name: kept[name] for name in order if name in kept}
    results.write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")
    page.write_text(markdown(ordered.values()), encoding="utf-8")


def read(results: Path = RESULTS) -> dict[str, Result]:
    """Returns what was kept of earlier runs, by benchmark."""
    return msgspec.json.decode(results.read_bytes(), type=dict[str, Result]) if results.exists() else {}


def plain(section: Section) -> str:
    """Returns a section as a table for a terminal."""
    rows = [("", "median", "min", "p99", "max", "n", "ratio", "aim"), *(_cells(figure) for figure in section.figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join([section.title, *(line.rstrip() for line in lines), *section.notes, ""])


def markdown(results: Iterable[Result]) -> str:
    """Returns the whole page."""
    lines = [
        "<!-- Written by `make bench` from bench/results.json. -->",
        "",
        "# What is measured",
        "",
        "Milliseconds belong to the machine they were taken on; what travels is the ratio to something measured beside it, turn by turn, in"
        " the same run. `p99` is the largest sample where there are fewer than a hundred. `make bench` measures everything again;"
        " `python -m bench --quick` only shows that it runs.",
        "",
    ]
    for result in results:
        lines += _part(result)
    return "\n".join(lines).rstrip() + "\n"


def _part(result: Result) -> list[str]:
    section = result.section
    lines = [
        f"## {section.title}",
        "",
        section.method,
        "",
        f"*{result.day}; {result.machine}; load average {result.load:.1f} before the run.*",
        "",
        "| what | median | min | p99 | max | n | ratio | aim |",
        "|---|--:|--:|--:|--:|--:|---|---|",
        *(f"| {' | '.join(_cells(figure, with_reference=True))} |" for figure in section.figures),
        "",
        *(f"* **{name}**: {meaning}" for name, meaning in _meanings(section.figures)),
    ]
    if section.notes:
        lines += ["", *section.notes]
    return [*lines, ""]


def _meanings(figures: Iterable[Figure]) -> list[tuple[str, str]]:
    """What each figure says; the same sentence about several stands once."""
    said: dict[str, list[str]] = {}
    for figure in figures:
        said.setdefault(figure.meaning, []).append(figure.name)
    return [("; ".join(names), meaning) for meaning, names in said.items()]


def _cells(figure: Figure, *, with_reference: bool = False) -> tuple[str, ...]:
    spread = figure.spread
    ratio = "" if figure.ratio is None else f"{_number(figure.ratio)}×"
    if ratio and with_reference:
        ratio = f"{ratio} {figure.against}"
    return (
        figure.name,
        f"{_number(spread.median)} {figure.unit}",
        _number(spread.low),
        _number(spread.p99),
        _number(spread.high),
        str(spread.count),
        ratio,
        _aim(figure),
    )


_WORDS: Final = {"high": "always", "low": "at best"}


def _aim(figure: Figure) -> str:
    aim: Aim | None = figure.aim
    if aim is None:
        return ""
    limit = f"{_number(aim.most)}×" if aim.of == "ratio" else f"{_number(aim.most)} {figure.unit}"
    found = "" if aim.of != "p95" else f" (p95 {_number(figure.spread.p95)})"
    return f"{_WORDS.get(aim.of, aim.of)} ≤ {limit}: {'kept' if figure.is_met else 'MISSED'}{found}"


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"
