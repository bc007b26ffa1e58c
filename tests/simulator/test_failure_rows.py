"""The catalogue of failures and the scenarios: no row without one, no scenario without a row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator.catalogue import SCENARIOS
from simulator.failure_rows import BEYOND, FAILURE_ROWS

_CATALOGUE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "failures.md"


def _cases(section: str) -> list[str]:
    """The first column of a section's table, without markup."""
    found = re.search(rf"^### {section}\. .*?(?=^### |\Z)", _CATALOGUE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    rows = [line for line in found[0].splitlines() if line.startswith("|")][2:]
    return [re.sub(r"\*\*|`", "", row.split("|")[1]).strip() for row in rows]


@pytest.mark.skipif(not _CATALOGUE.exists(), reason="the catalogue of failures is not beside this checkout")
@pytest.mark.parametrize("section", ["A", "B", "C"])
def test_every_row_of_the_catalogue_is_in_the_table(section: str) -> None:
    cases = _cases(section)
    assert cases, "a catalogue without rows proves nothing"
    assert [row.case for row in FAILURE_ROWS if row.section == section] == cases


def test_every_row_has_scenarios_or_says_why_not() -> None:
    for row in FAILURE_ROWS:
        assert set(row.scenarios) <= set(SCENARIOS), row
        assert row.scenarios or row.natural, row


def test_every_scenario_is_of_a_row_or_said_to_be_beyond_them() -> None:
    used = {name for row in FAILURE_ROWS for name in row.scenarios}
    assert used & BEYOND == set()
    assert set(SCENARIOS) == used | BEYOND
