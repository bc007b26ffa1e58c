"""Compliance on the screen: one tenant with its trend, all tenants in a list, and what a page says that has nothing to show."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas_tui.cells import width_of
from atlas_tui.charset import shows_blocks
from atlas_tui.links import View, to_connection
from atlas_tui.screens.runbook import RunbookScreen
from atlas_tui.widgets.plot import plot
from atlas_tui.widgets.sparkline import sparkline
from storage import finishing
from storage.compliance_publishing import CollectedSnapshot
from storage.failures import failure
from storage.finishing import RunResult
from storage.operations import COMPLIANCE_SNAPSHOT
from storage.states import RunOutcome

UTF8 = {"LANG": "en_US.UTF-8"}
CONTOSO = "Contoso Ltd"


def snapshot(fleet: Any, compliant: int, noncompliant: int, *, at: str = CONTOSO, complete: bool = True) -> int:
    """A run that counted; returns its number."""
    counted = CollectedSnapshot(
        {"windows": {"compliant": compliant, "noncompliant": noncompliant}, "ios": {"compliant": 7}}, complete
    )
    claim = fleet.begin(fleet.connection[at], COMPLIANCE_SNAPSHOT)
    result = RunResult(collected=counted, summary_counts=counted.summary_counts)
    if not complete:
        code = "page_token_expired"
        result = replace(result, outcome=RunOutcome.PARTIALLY_SUCCEEDED, reason_code=code, failures=[failure(code)])
    finishing.finish(fleet.db, claim.held, result)
    return int(claim.held.run_id)


def skip(fleet: Any, at: str) -> None:
    claim = fleet.begin(fleet.connection[at], COMPLIANCE_SNAPSHOT)
    finishing.finish(fleet.db, claim.held, RunResult(reason_code="not_licensed_intune"))


@pytest.fixture
def counted(small_fleet: Any) -> Any:
    """Contoso was counted on three days, and a fourth time not to the end."""
    for compliant in (60, 70, 80):
        small_fleet.last_whole = snapshot(small_fleet, compliant, 100 - compliant)
        small_fleet.clock.advance(days=1)
    small_fleet.partial = snapshot(small_fleet, 5, 0, complete=False)
    return small_fleet


def fits(terminal: Any, columns: int = 80) -> bool:
    return all(width_of(line.rstrip()) <= columns for line in terminal.display())


async def open_typed(terminal: Any, line: str) -> None:
    terminal.app.everywhere.do_typed(line)
    await terminal.settle()


async def test_a_tenants_page_has_the_counts_how_they_changed_and_the_trend(counted: Any, dashboard: Any) -> None:
    async with dashboard(counted, size=(80, 40)) as terminal:
        await open_typed(terminal, ":compliance @contoso")
        assert terminal.app.seen.VIEW is View.TENANT_COMPLIANCE
        assert terminal.shows("107 devices, 81.3 % compliant")
        assert terminal.shows("STATE             ALL  CHANGE  WINDOWS  IOS")
        assert terminal.shows("noncompliant       20     -10       20    -")
        assert terminal.shows(f"! partial: 12 devices were counted <1m ago (#{counted.partial}).")
        assert terminal.shows(f"Last run     ! partial  #{counted.partial}, <1m ago  page_token_expired")
        assert terminal.shows("Trend, 30 days")
        assert terminal.shows("90 %+"), "no block character unless the locale says UTF-8"
        assert fits(terminal)
        await terminal.press("greater_than_sign")
        assert terminal.shows("Trend, 90 days")
        await terminal.press("l")
        assert terminal.app.seen.subject == counted.last_whole


async def test_where_the_locale_is_utf_8_the_trend_is_drawn_in_blocks(counted: Any, dashboard: Any) -> None:
    async with dashboard(counted, size=(80, 40), environ=UTF8) as terminal:
        await open_typed(terminal, ":compliance @contoso")
        assert terminal.shows("90 %┤")
        await open_typed(terminal, ":tenants contoso")
        await terminal.press("enter")
        assert terminal.shows("107 devices, 81.3 % compliant            ▁▅█")


async def test_a_runs_page_leads_to_the_count_it_made_and_the_page_leads_back(counted: Any, dashboard: Any) -> None:
    first = counted.last_whole - 2
    async with dashboard(counted) as terminal:
        await open_typed(terminal, f":run {first}")
        assert terminal.shows("Collected    enter: the snapshot it took")
        await terminal.press("enter")
        assert terminal.shows("107 devices, 62.6 % compliant")
        assert terminal.shows("An earlier count")
        await terminal.press("l")
        assert (terminal.app.seen.VIEW, terminal.app.seen.subject) == (View.RUN, first)
        await open_typed(terminal, ":compliance @contoso")
        assert terminal.shows("81.3 % compliant"), "the last one again"


async def test_a_connections_page_tells_only_of_what_it_collected_itself(counted: Any, dashboard: Any) -> None:
    second = counted.add(CONTOSO, display_name="Intune")
    async with dashboard(counted) as terminal:
        for connection, words in (
            (counted.connection[CONTOSO], "107 devices, 81.3 % compliant"),
            (second, "Never collected."),
        ):
            terminal.app.navigation.go(to_connection(connection))
            await terminal.settle()
            await terminal.press("]", "]", "]")
            assert terminal.shows(f">Compliance   {words}")
            assert fits(terminal)
        await terminal.press("Y")
        assert '"display_name": "Intune"' in terminal.app.clipboard
        await open_typed(terminal, ":tenants contoso")
        await terminal.press("enter", "Y")
        assert '"total": 107' in terminal.app.clipboard
        await terminal.press("]", "]", "enter")
        assert terminal.app.seen.VIEW is View.TENANT_COMPLIANCE


async def test_the_list_has_every_tenant_in_a_line(counted: Any, dashboard: Any) -> None:
    counted.add("Adventure Works")
    skip(counted, "Adventure Works")
    async with dashboard(counted, environ=UTF8) as terminal:
        await open_typed(terminal, ":compliance")
        rows = {line[3:18].strip(): line for line in terminal.display()}
        assert "107    81.3 %     20   -10           ▁▅█  ! partial" in rows[CONTOSO]
        assert "o never" in rows["Tailspin Toys"]
        assert "not_licensed_… o skipped" in rows["Adventure Works"]
        assert fits(terminal)
        counted.add("Zenith")
        snapshot(counted, 1, 79, at="Zenith")
        shown = []
        for _ in range(5):
            await terminal.press("o", "g")
            first = next(line for line in terminal.display() if line.startswith(">"))
            shown.append((terminal.app.seen.table.sort.key, first[3:18].strip()))
        assert shown[1:] == [
            ("devices", CONTOSO),
            ("share", "Zenith"),
            ("noncompliant", "Zenith"),
            ("change", CONTOSO),
        ], "the worst first"
        await terminal.press("o", "o", "g", "enter")
        assert terminal.app.seen.VIEW is View.TENANT_COMPLIANCE
        await terminal.press("J")
        assert terminal.shows("Compliance of Contoso Ltd"), "the next row of the list behind"


async def test_a_page_without_a_count_says_why_and_what_this_reader_may_do(small_fleet: Any, dashboard: Any) -> None:
    skip(small_fleet, CONTOSO)
    small_fleet.add("Adventure Works")
    async with dashboard(small_fleet) as terminal:
        await open_typed(terminal, ":compliance @contoso")
        assert terminal.shows("Last run     o skipped")
        assert terminal.shows("The tenant has no Intune licence.")
        await terminal.press("question_mark")
        assert isinstance(terminal.app.screen, RunbookScreen), "of the last run's reason"
        await terminal.press("escape")
        await open_typed(terminal, ":compliance @adventure")
        assert terminal.shows("Never collected.")
        assert terminal.shows("Next step    x, s takes a compliance snapshot.")
        await terminal.press("x", "s")
        assert terminal.shows("Compliance snapshot of Adventure Works?")
        await terminal.press("right", "enter")
        assert terminal.shows("queued #")
        await terminal.wait_for(lambda: terminal.shows("is queued"))
        await open_typed(terminal, ":compliance @fabrikam")
        assert terminal.shows("Next step    It cannot start now:")
    async with dashboard(small_fleet, login="rita") as terminal:
        await open_typed(terminal, ":compliance @contoso")
        assert terminal.shows("The tenant has no Intune licence.")
        await open_typed(terminal, ":compliance @northwind")
        assert not terminal.shows("x, s takes")


async def test_the_trend_and_the_list_can_be_taken_away(counted: Any, dashboard: Any, tmp_path: Path) -> None:
    async with dashboard(counted) as terminal:
        terminal.app._session = replace(terminal.app.session, state_directory=str(tmp_path))
        await open_typed(terminal, ":compliance @contoso")
        await terminal.press("Y")
        document = json.loads(terminal.app.clipboard)
        assert (document["snapshot"]["total"], document["difference"]["noncompliant"]) == (107, -10)
        await terminal.press("E", "j")
        await open_typed(terminal, ":compliance")
        await terminal.press("E", "j")
        written = [
            [json.loads(line) for line in path.read_text().splitlines()] for path in (tmp_path / "exports").iterdir()
        ]
        by_kind = {("day" if "day" in lines[0] else "tenant"): lines for lines in written}
        assert [line["compliant"] for line in by_kind["day"]] == [67, 77, 87], "no partial count among them"
        assert next(line for line in by_kind["tenant"] if line["tenant_name"] == CONTOSO)["noncompliant_change"] == -10


def test_a_sparkline_has_a_cell_a_value_and_makes_no_fall_of_a_hairs_breadth() -> None:
    for blocks in (True, False):
        drawn = sparkline([0.9, None, 0.901, 0.2], blocks=blocks)
        assert len(drawn) == 4
        assert (drawn[1], drawn[0] == drawn[2], drawn[3] != drawn[0]) == (" ", True, True)
        assert drawn.isascii() is not blocks
    assert sparkline([None, None], blocks=True) == "  "


def test_a_plot_is_as_wide_as_asked_and_plain() -> None:
    points, labels = ((1, 50.0), (2, 99.5)), ((1, "Jan 1"), (9, "Jan 9"))
    for blocks in (True, False):
        lines = plot(points, labels, 60, 9, blocks=blocks)
        assert {width_of(line) for line in lines} == {60}
        assert "\x1b" not in "".join(lines)
        assert "".join(lines).isascii() is not blocks


@pytest.mark.parametrize(
    ("environ", "blocks"),
    [
        ({}, False),
        ({"LANG": "C"}, False),
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "de_DE.utf8@euro"}, True),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, False),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, False),
        ({"LANG": "de_DE.UTF-8", "TERM": "linux"}, False),
    ],
)
def test_blocks_are_drawn_only_where_the_locale_surely_has_them(environ: dict[str, str], blocks: bool) -> None:
    assert shows_blocks(environ) is blocks
