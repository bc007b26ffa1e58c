"""The list of connections, as people see and use it."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events

from storage import connections, workers
from storage.states import Topic


async def test_every_connection_shows_its_three_truths_its_age_and_its_reason(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        lines = terminal.display()
        fabrikam = next(line for line in lines if "Fabrikam" in line)
        assert "+ enabled  x revoked  x blocked       2h provider_consent_" in fabrikam
        tailspin = next(line for line in lines if "Tailspin" in line)
        assert "+ enabled  ! required o unknown" in tailspin
        assert "never checked" in tailspin
        assert "disabled by dana" in next(line for line in lines if "- disabled" in line)


async def test_line_one_says_where_i_am_who_i_am_and_how_fresh_it_is(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, login="rita", size=(120, 24)) as terminal:
        first = terminal.display()[0]
        assert "north-msp  rita/readonly  read-only" in first
        assert "workers 1  queued 0" in first
        assert first.rstrip().endswith("live")


async def test_an_empty_database_says_what_to_run(north: Any, dashboard: Any) -> None:
    async with dashboard(north) as terminal:
        assert terminal.shows("No tenant with a connection yet.")
        assert terminal.shows("atlas-tui tenant add")
        assert terminal.shows("no worker running")


async def test_the_filter_line_narrows_the_list_while_it_is_typed_and_esc_shows_all_again(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("slash")
        await terminal.type("fab")
        assert terminal.shows("Fabrikam")
        assert not terminal.shows("Contoso")
        await terminal.press("enter")
        assert terminal.shows("/fab")
        await terminal.press("escape")
        assert terminal.shows("Contoso")


async def test_a_key_in_the_filter_counts_from_enter_on_and_a_wrong_one_is_named(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("slash")
        await terminal.type("consent:revoked")
        assert terminal.shows("Contoso")
        await terminal.press("enter")
        assert not terminal.shows("Contoso")
        assert terminal.shows("Fabrikam")
        await terminal.press("escape", "slash")
        await terminal.type("colour:red")
        await terminal.press("enter")
        assert terminal.shows("`colour:` is not known here")


async def test_problems_only_hides_what_is_well(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("exclamation_mark")
        assert terminal.shows("problems only")
        assert not terminal.shows("Contoso")
        assert terminal.shows("Fabrikam")
        await terminal.press("exclamation_mark")
        assert terminal.shows("Contoso")


async def test_the_cursor_follows_its_row_when_others_come_and_go(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("j", "j", "j", "j")
        assert any(line.startswith(">") and "Tailspin" in line for line in terminal.display())
        small_fleet.add("Adventure Works")
        await terminal.wait_for(lambda: terminal.shows("Adventure"))
        assert any(line.startswith(">") and "Tailspin" in line for line in terminal.display())


async def test_a_change_in_the_database_appears_by_itself(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        small_fleet.set(small_fleet.connection["Contoso Ltd"], verification_status="degraded")
        await terminal.wait_for(lambda: terminal.shows("! degraded"))
        await terminal.wait_for(lambda: terminal.display()[0].rstrip().endswith("upd 12:00:00Z live"))


async def test_paused_shows_nothing_new_until_it_goes_on(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("p")
        assert terminal.shows("PAUSED")
        small_fleet.clock.advance(seconds=1)
        small_fleet.set(small_fleet.connection["Contoso Ltd"], verification_status="degraded")
        await terminal.wait_for(lambda: terminal.app.freshness.changed_at == small_fleet.clock.time)
        await terminal.settle()
        assert not terminal.shows("degraded")
        await terminal.press("p")
        assert terminal.shows("! degraded")


async def test_a_covered_list_asks_again_when_it_is_shown_and_not_before(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        reads: list[int] = []
        screen = terminal.app.seen
        read = screen.read_page
        screen.read_page = lambda *arguments: (reads.append(1), read(*arguments))[1]
        await terminal.press("3")
        small_fleet.clock.advance(seconds=1)
        small_fleet.set(small_fleet.connection["Contoso Ltd"], verification_status="degraded")
        await terminal.wait_for(lambda: terminal.app.freshness.changed_at == small_fleet.clock.time)
        await terminal.settle()
        assert reads == []
        await terminal.press("2")
        assert reads
        assert terminal.shows("! degraded")


async def test_an_idle_minute_writes_nothing(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.settle()
        terminal.bytes_written()
        for _ in range(12):
            small_fleet.clock.advance(seconds=2)
            workers.beat(small_fleet.db, "w1", busy=0)
            terminal.app.hurry_feed()
            await terminal.wait_for(lambda: terminal.app._poller.answered_at == small_fleet.clock.time)
            terminal.app.tick()
            await terminal.settle()
        assert terminal.bytes_written() == 0


async def test_an_age_is_repainted_when_its_bucket_changes(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        terminal.bytes_written()
        small_fleet.clock.advance(minutes=3)
        terminal.app._poller.answered_at = small_fleet.clock.time
        terminal.app.tick()
        await terminal.settle()
        assert any("Contoso" in line and " 5m" in line for line in terminal.display())


async def test_a_run_on_a_connection_does_not_hide_its_reason(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.start(small_fleet.connection["Fabrikam GmbH"])
    small_fleet.start(small_fleet.connection["Contoso Ltd"])
    async with dashboard(small_fleet) as terminal:
        lines = terminal.display()
        assert "~ provider_" in next(line for line in lines if "Fabrikam" in line)
        assert "~ check queued" in next(line for line in lines if "Contoso" in line)


async def test_several_connections_of_a_tenant_show_their_own_names(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, size=(160, 24)) as terminal:
        assert terminal.shows("Northwind / Intune")
        assert terminal.shows("Northwind / Microsoft*")


async def test_wide_screens_show_a_live_panel_beside_the_list(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, size=(160, 48)) as terminal:
        await terminal.press("j")
        assert terminal.shows("Send a new admin-consent link") or terminal.shows("Ask the customer why")
        small_fleet.set(small_fleet.connection["Fabrikam GmbH"], last_reason_sentence="Something else.")
        await terminal.wait_for(lambda: terminal.shows("Something else."))
        await terminal.press("d")
        assert not terminal.shows("Something else.")


async def test_narrow_screens_say_how_to_see_the_same(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("d")
        assert terminal.shows("The panel needs 120 columns")


async def test_sorting_goes_through_the_columns_and_back(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("o", "o")
        assert terminal.shows("sort consent ^")
        assert next(line for line in terminal.display() if line.startswith(">"))
        await terminal.press("O")
        assert terminal.shows("sort consent v")


async def test_a_pinned_tenant_restricts_every_view(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.start(small_fleet.connection["Contoso Ltd"])
    small_fleet.start(small_fleet.connection["Tailspin Toys"])
    async with dashboard(small_fleet) as terminal:
        await terminal.press("at")
        assert terminal.shows("@Contoso Ltd")
        assert not terminal.shows("Tailspin")
        await terminal.press("3")
        assert terminal.shows("@Contoso Ltd")
        assert not terminal.shows("Tailspin")
        await terminal.press("at", "2")
        assert terminal.shows("Tailspin")


NAMES_FROM_OUTSIDE = ("[/x]\x1b[31mred\x07‮a\nb\tc[bold]", "会社名" * 60, "x" * 10_000)
"""Markup, an escape sequence, right to left, and breaks, all within the narrowest column; wide letters; a name without an end."""


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_names_from_outside_are_text_and_nothing_else(north: Any, dashboard: Any, size: tuple[int, int]) -> None:
    from sqlalchemy import update

    from storage.schema import tenants

    connection = north.add("Contoso Ltd")
    assert north.start(connection) is not None

    def rename(name: str) -> None:
        def work(tx: Any) -> None:
            # Past storage's own rules: an import or an older program may have let anything in.
            tx.run(update(tenants).values(name=name, microsoft_name=name, note=name, primary_domain=name))
            tx.touch(Topic.TENANTS)

        north.db.write(work)
        north.set(connection, display_name=name, last_reason_code="unknown_error", last_reason_sentence=name)

    rename(NAMES_FROM_OUTSIDE[0])
    async with dashboard(north, size=size) as terminal:
        for name in NAMES_FROM_OUTSIDE:
            rename(name)
            for keys in (
                ["2"],
                ["enter"],
                ["right_square_bracket"] * 5,
                ["escape", "3"],
                ["enter"],
                ["x"],
                ["escape"],
                ["4"],
                ["enter"],
            ):
                await terminal.press(*keys)
                assert len(terminal.display()) == size[1]
                assert terminal.app.is_running
            assert terminal.shows(name[:3]), "the page of the tenant is that of this name"
        sent = "".join(terminal.app._driver.sent)
        assert "\x1b[31mred" not in sent
        assert "red\x07" not in sent
        assert "‮" not in sent


async def test_other_peoples_workspaces_do_not_exist(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("colon")
        await terminal.type("workspace south")
        await terminal.press("enter")
        assert terminal.shows("There is no workspace south")


async def test_enabling_asks_first_and_says_what_it_does(small_fleet: Any, dashboard: Any) -> None:
    northwind = small_fleet.connection["Northwind"]
    async with dashboard(small_fleet) as terminal:
        await terminal.press("j", "j", "j", "x", "e")
        assert terminal.shows("Verification becomes unknown")
        await terminal.press("enter")
        assert terminal.shows("- disabled")
        await terminal.press("x", "e", "right", "enter")
        await terminal.wait_for(lambda: terminal.shows("is enabled"))
        await terminal.wait_for(lambda: not terminal.shows("- disabled"))
    assert connections.get(small_fleet.db, small_fleet.people["dana"], northwind).row.is_enabled


async def test_a_filter_that_arrives_in_one_piece_is_typed_whole(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        for key, character in (("slash", "/"), *((letter, letter) for letter in "fab")):
            terminal.app.post_message(events.Key(key, character))
        await terminal.wait_for(lambda: terminal.shows("Fabrikam") and not terminal.shows("Contoso"))
        assert terminal.shows("fab")
