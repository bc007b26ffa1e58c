"""What needs a human: the first screen, one problem, acknowledging it, the expiry horizon and the handover, with real keys."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from atlas_tui.links import View
from storage.schema import acknowledgements, credentials


@pytest.fixture
def troubled(small_fleet: Any) -> Any:
    """Two tenants with one secret that is wrong, and one whose customer revoked the consent two hours ago."""
    now = small_fleet.clock.time
    for name, hours in (("Contoso Ltd", 1), ("Adatum Corp", 30)):
        connection = small_fleet.connection.get(name) or small_fleet.add(name)
        small_fleet.set(
            connection,
            verification_status="blocked",
            last_reason_code="secret_invalid",
            last_reason_sentence="The client secret is wrong.",
            reason_since=now - timedelta(hours=hours),
        )
    return small_fleet


def rows(terminal: Any) -> list[str]:
    """The lines of the list."""
    return [line.strip() for line in terminal.display()[4:-2] if line.strip()]


async def test_the_dashboard_opens_on_what_needs_a_human(troubled: Any, dashboard: Any) -> None:
    async with dashboard(troubled, at=None) as terminal:
        assert terminal.app.seen.VIEW is View.ATTENTION
        assert terminal.shows("1 Attention 3  2 Connections  3 Runs")
        assert terminal.shows("3 reasons, 4 connections")
        assert [line.split("  ")[-1].split(maxsplit=1) for line in rows(terminal)] == [
            ["1d", "new credential"],
            ["2h", "send consent link"],
            ["2d", "send consent link"],
        ]
        for reason in ("x secret_invalid", "x provider_consent_revoked  Fabri", "x provider_consent_missing  Tails"):
            assert terminal.shows(reason), reason
        assert all(len(line) <= 80 for line in terminal.display())
        await terminal.press("3", "1")
        assert terminal.app.seen.VIEW is View.ATTENTION


async def test_what_one_may_not_do_names_who_may_and_is_dimmed_in_the_menu(troubled: Any, dashboard: Any) -> None:
    async with dashboard(troubled, login="rita", at=View.ATTENTION) as terminal:
        assert terminal.shows("ask dana: new credential")
        await terminal.press("x", "a")
        assert terminal.shows("Your role may not. Ask dana (Owner)")


async def test_what_is_new_stays_marked_until_the_next_visit(troubled: Any, dashboard: Any) -> None:
    async with dashboard(troubled, at=None) as terminal:
        assert not terminal.shows("new since you looked")
        troubled.clock.advance(hours=1)
        troubled.worker("w2")
        northwind = troubled.connection["Tailspin Toys"]
        troubled.set(
            northwind,
            verification_status="blocked",
            last_reason_code="tenant_not_found",
            reason_since=troubled.clock.time,
        )
        await terminal.press("2", "1")
        assert terminal.shows("1 new since you looked"), terminal.text()
        assert any(" * " in line and "tenant_not_found" in line for line in rows(terminal))
        await terminal.press("exclamation_mark")
        assert len(rows(terminal)) == 1
        await terminal.press("enter", "escape")
        assert terminal.shows("/new")
        await terminal.press("exclamation_mark", "2", "1")
        assert not terminal.shows("new since you looked")


async def test_enter_shows_whom_it_concerns_and_marked_ones_are_acknowledged_in_a_form(
    troubled: Any, dashboard: Any
) -> None:
    async with dashboard(troubled, at=View.ATTENTION) as terminal:
        await terminal.press("enter")
        assert terminal.shows("x secret_invalid  since 2026-02-28 06:00:00Z (1d)  fix by us"), terminal.text()
        assert terminal.shows("Adatum Corp")
        assert terminal.shows("Contoso Ltd")
        assert terminal.shows("badge blocked")
        assert not terminal.shows("ACKNOWLEDGED BY"), "nobody has: the room is for where it shows"
        await terminal.press("j", "x", "a")
        await terminal.type("4h")
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.PROBLEM)
        await terminal.wait_for(lambda: terminal.shows("dana till 03-01 16:00"))
        assert terminal.shows("ACKNOWLEDGED BY")
        [held] = _held(troubled)
        assert (held.connection_id, held.expires_at) == (
            troubled.connection["Contoso Ltd"],
            troubled.clock.time + timedelta(hours=4),
        )
        await terminal.press("escape")
        assert terminal.shows("1 acknowledged (/acked)")
        assert len(rows(terminal)) == 3, "one of its two connections is not acknowledged"
        await terminal.press("slash")
        await terminal.type("acked")
        await terminal.press("enter")
        assert len(rows(terminal)) == 1
        await terminal.press("x", "u", "right", "enter")
        await terminal.settle()
        assert _held(troubled) == []


async def test_since_when_and_who_mends_it_are_read_whole_above_the_connections(troubled: Any, dashboard: Any) -> None:
    contoso = troubled.connection["Contoso Ltd"]
    troubled.set(contoso, last_reason_code="blocked_by_conditional_access", last_reason_sentence="A policy blocks it.")
    async with dashboard(troubled, at=View.ATTENTION) as terminal:
        await terminal.press("slash")
        await terminal.type("conditional")
        await terminal.press("enter", "enter")
        assert terminal.shows("x blocked_by_conditional_access  Contoso Ltd")
        assert terminal.shows("(1h), fix by customer"), terminal.text()
        assert terminal.shows("Next step    Ask the customer to allow")


async def test_a_whole_problem_is_acknowledged_and_a_wrong_moment_stays_in_the_form(
    troubled: Any, dashboard: Any
) -> None:
    async with dashboard(troubled, at=View.ATTENTION) as terminal:
        await terminal.press("x", "a")
        await terminal.type("soon")
        await terminal.press("ctrl+s")
        assert terminal.shows("until: is not a moment")
        assert _held(troubled) == []
        await terminal.press("backspace", "backspace", "backspace", "backspace", "ctrl+s")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.ATTENTION)
        await terminal.wait_for(lambda: len(rows(terminal)) == 2)
        assert len(_held(troubled)) == 2
        assert terminal.shows("1 Attention 2 ")


async def test_a_problem_that_is_solved_meanwhile_says_so(troubled: Any, dashboard: Any) -> None:
    async with dashboard(troubled, at=View.ATTENTION) as terminal:
        await terminal.press("enter")
        for name in ("Contoso Ltd", "Adatum Corp"):
            troubled.set(troubled.connection[name], verification_status="healthy", last_reason_code=None)
        await terminal.wait_for(lambda: terminal.shows("secret_invalid is solved."))


async def test_checks_are_started_on_all_that_have_it(troubled: Any, dashboard: Any) -> None:
    async with dashboard(troubled, at=View.ATTENTION) as terminal:
        await terminal.press("x", "c")
        await terminal.wait_for(lambda: terminal.shows("Connection check: 2 connections?"))


async def test_the_way_to_where_it_is_mended_is_in_the_menu(troubled: Any, dashboard: Any) -> None:
    async with dashboard(troubled, at=View.ATTENTION) as terminal:
        await terminal.press("j", "x", "g")
        assert terminal.app.seen.VIEW is View.CONSENT
        await terminal.press("escape", "l")
        assert terminal.shows("/reason:provider_consent_revoked")


async def test_the_horizon_counts_buckets_and_leads_to_the_holder_and_its_credentials(
    troubled: Any, dashboard: Any
) -> None:
    of = credentials.c.connection_id == troubled.connection["Contoso Ltd"]
    ended = update(credentials).where(of).values(expires_at=troubled.clock.time - timedelta(days=1))
    troubled.db.write(lambda tx: tx.run(ended) and None)
    nobody_knows = update(credentials).where(credentials.c.connection_id == troubled.connection["Tailspin Toys"])
    troubled.db.write(lambda tx: tx.run(nobody_knows.values(expires_at=None)) and None)
    async with dashboard(troubled, at=View.ATTENTION) as terminal:
        await terminal.press("colon")
        await terminal.type("expiry")
        await terminal.press("enter")
        assert terminal.shows("expired 1  <= 30 days 4  unknown 1")
        assert "x expired" in rows(terminal)[0]
        assert "Contoso Ltd" in rows(terminal)[0]
        assert "o unknown" in rows(terminal)[-1]
        await terminal.press("x")
        assert terminal.shows("Credentials of Contoso Ltd")
        await terminal.press("escape", "enter")
        assert terminal.app.seen.VIEW is View.CONNECTION


async def test_a_shift_is_handed_over_on_the_screen_and_as_a_file(
    troubled: Any, dashboard: Any, tmp_path: Path
) -> None:
    async with dashboard(troubled, at=View.ATTENTION) as terminal:
        object.__setattr__(terminal.app.session, "state_directory", str(tmp_path))
        await terminal.press("colon")
        await terminal.type("handover since:4h")
        await terminal.press("enter")
        assert terminal.shows("4h, 2026-03-01 08:00Z to 2026-03-01 12:00Z")
        assert terminal.shows("Open problems  3")
        await terminal.press("less_than_sign")
        assert terminal.shows("1h, 2026-03-01 11:00Z")
        await terminal.press("greater_than_sign", "greater_than_sign", "E", "m")
        await terminal.wait_for(lambda: terminal.shows("Written:"))
    [written] = list((tmp_path / "exports").iterdir())
    text = written.read_text("utf-8")
    assert text.startswith("# Handover of north-msp\n\n8h, 2026-03-01 04:00Z")
    assert "- **secret\\_invalid** 2 connections, 1 new, since 02-28 06:00Z; fix by us: new credential" in text


async def test_an_idle_minute_writes_nothing(troubled: Any, dashboard: Any) -> None:
    async with dashboard(troubled, at=View.ATTENTION) as terminal:
        terminal.bytes_written()
        terminal.app.tick()
        await terminal.settle()
        assert terminal.bytes_written() == 0


def _held(fleet: Any) -> list[Any]:
    with fleet.db.read() as tx:
        return list(tx.run(select(acknowledgements).where(acknowledgements.c.ended_at.is_(None))).all())
