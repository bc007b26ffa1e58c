"""What all screens share: 80 columns, five lines around the data, the way back, help, palette, command bar, no waiting on the loop."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest
from sqlalchemy import event

from atlas_tui.app import AtlasApp
from atlas_tui.cells import line_text, width_of
from atlas_tui.screens.command_bar import completions, read_line
from atlas_tui.widgets.lines import PaintedLines
from storage import member_changes, workspaces
from storage.capabilities import Role
from storage.errors import DatabaseError, Forbidden, InvalidInput

TOUR = ("2", "enter", "]", "]", "]", "]", "]", "escape", "3", "enter", "escape", "4", "enter", "escape", "6")
_KEYS = {"]": "right_square_bracket"}


@pytest.fixture
def lived_in(small_fleet: Any) -> Any:
    """A fleet in which something has happened."""
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Contoso Ltd"]))
    small_fleet.finish(small_fleet.begin(small_fleet.connection["Fabrikam GmbH"]), ("Token", "secret_expired"))
    small_fleet.start(small_fleet.connection["Tailspin Toys"])
    return small_fleet


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (60, 20)])
async def test_every_line_is_exactly_as_wide_as_its_place(lived_in: Any, dashboard: Any, size: tuple[int, int]) -> None:
    async with dashboard(lived_in, size=size) as terminal:
        for key in TOUR:
            await terminal.press(_KEYS.get(key, key))
            for widget in terminal.app.screen.query(PaintedLines):
                if widget.display and widget.region.area:
                    for line in widget.lines:
                        assert width_of(line_text(line)) == widget.size.width, (key, widget, line_text(line))
                    assert widget.region.right <= size[0]
                    assert widget.region.bottom <= size[1]


async def test_at_most_five_lines_are_not_data_at_80x24(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        for key in ("2", "3", "4"):
            await terminal.press(key)
            assert terminal.app.screen.query_one("#list").size.height >= 24 - 5
        await terminal.press("6")
        assert terminal.app.screen.query_one("#page").size.height >= 24 - 5


async def test_no_question_is_asked_on_the_event_loop(lived_in: Any, dashboard: Any) -> None:
    here, asked = threading.get_ident(), []

    async with dashboard(lived_in) as terminal:
        event.listen(lived_in.db.engine, "checkout", lambda *_: asked.append(threading.get_ident()))
        for key in (*TOUR, "2", "x", "c", "right", "enter", "!", "o", "@", "ctrl+r"):
            await terminal.press(_KEYS.get(key, {"!": "exclamation_mark", "@": "at"}.get(key, key)))
        terminal.app.tick()
        await terminal.settle()
    assert asked, "the positive control: questions were asked"
    assert here not in asked


async def test_esc_goes_back_to_the_same_row_and_never_quits(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("j", "j", "enter", "escape", "escape", "escape", "escape")
        assert any(line.startswith(">") and "Northwind" in line for line in terminal.display())
        assert terminal.app.is_running


async def test_q_goes_back_and_quits_at_the_top(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("enter", "q")
        assert terminal.shows("TENANT")
        await terminal.pilot.press("q")
        await terminal.wait_for(lambda: not terminal.app.is_running)
        assert terminal.app.return_code == 0


async def test_next_and_previous_item_follow_the_list_behind_the_page(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("enter", "J")
        assert terminal.shows("> Fabrikam GmbH")
        await terminal.press("K")
        assert terminal.shows("> Contoso Ltd")
        await terminal.press("K")
        assert terminal.shows("There is no further row")
        await terminal.press("J", "escape")
        assert any(line.startswith(">") and "Fabrikam" in line for line in terminal.display())


async def test_minus_goes_back_and_forth_between_two_views(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("3", "minus")
        assert terminal.shows("LIFECYCLE")
        await terminal.press("minus")
        assert terminal.shows("OPERATION")


async def test_what_was_said_goes_along_to_one_more_screen_and_a_failure_stays(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        terminal.app.flash("Contoso is saved.", "ok")
        await terminal.press("3")
        assert terminal.shows("Contoso is saved.")
        await terminal.press("4")
        assert not terminal.shows("Contoso is saved."), "it is about something that was left two screens ago"
        terminal.app.flash("Contoso is not saved.", "bad")
        await terminal.press("3", "4", "5")
        assert terminal.shows("Contoso is not saved.")


async def test_brackets_go_through_the_views(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("right_square_bracket")
        assert terminal.shows("OPERATION")
        await terminal.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert terminal.shows("Workers")


async def test_help_is_searched_and_does_what_is_chosen(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("question_mark")
        assert terminal.shows("Connections")
        await terminal.type("problem")
        assert terminal.shows("Only connections with a problem")
        assert not terminal.shows("In every list")
        await terminal.press("enter")
        assert terminal.shows("problems only")


async def test_the_palette_goes_to_another_view(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("ctrl+p")
        await terminal.type("heal")
        await terminal.press("enter")
        assert terminal.shows("Workers")


async def test_the_command_bar_finds_a_connection_filters_runs_and_quits(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("colon")
        await terminal.type("conn fabrikam")
        await terminal.press("enter")
        assert terminal.shows("> Fabrikam GmbH")
        await terminal.press("colon")
        await terminal.type("runs blocked")
        await terminal.press("enter")
        assert terminal.shows("/outcome:blocked")
        assert terminal.shows("Fabrikam")
        assert not any("Contoso" in line for line in terminal.display()[3:-2])
        await terminal.press("colon", "up")
        assert terminal.display()[-1].strip().startswith(":runs blocked")
        await terminal.press("escape", "colon")
        await terminal.type("frobnicate")
        await terminal.press("enter")
        assert terminal.shows(":frobnicate is not known")
        await terminal.press("colon", "q")
        await terminal.pilot.press("enter")
        await terminal.wait_for(lambda: not terminal.app.is_running)


def test_a_line_of_the_command_bar_is_read_as_a_command_and_its_argument() -> None:
    assert read_line(":runs failed")[1] == "outcome:failed"
    assert read_line("conn  Contoso Ltd ")[1] == "Contoso Ltd"
    assert read_line("hea")[0].id == "health"
    with pytest.raises(InvalidInput, match="command: :zzz is not known"):
        read_line("zzz")
    with pytest.raises(InvalidInput, match="Did you mean :connections"):
        read_line("conections contoso")


def test_tab_completes_words_filters_and_workspaces() -> None:
    assert completions("con", ()) == ["connections ", "conn ", "consent "]
    assert completions("workspace n", ("north", "south")) == ["workspace north"]
    assert completions("runs out", ()) == ["runs outcome:failed", "runs outcome:"]


async def test_times_are_utc_until_asked_for_otherwise(lived_in: Any, dashboard: Any, monkeypatch: Any) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        async with dashboard(lived_in) as terminal:
            await terminal.press("3", "enter")
            assert terminal.shows("2026-03-01 12:00:00Z")
            await terminal.press("Z")
            assert terminal.shows("2026-03-01 21:00:00")
            await terminal.press("Z")
            assert terminal.shows("2026-03-01 12:00:00Z")
    finally:
        monkeypatch.undo()
        time.tzset()


def copied(terminal: Any) -> str:
    sent = "".join(terminal.app._driver.sent)
    return base64.b64decode(sent.rpartition("\x1b]52;c;")[2].partition("\x07")[0]).decode()


async def test_ids_and_json_are_copied_through_the_terminal(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("y")
        assert copied(terminal) == "8a3c1f0e-0000-4000-8000-000000000001"
        await terminal.press("Y")
        document = json.loads(copied(terminal))
        assert document["tenant_name"] == "Contoso Ltd"
        assert "sealed" not in json.dumps(document)


async def test_an_unreachable_database_is_said_and_comes_back(lived_in: Any, dashboard: Any) -> None:
    class Flaky:
        def __init__(self) -> None:
            self.broken = False

        def poll(self) -> frozenset[Any]:
            if self.broken:
                raise DatabaseError("The database file cannot be opened.", "Check the path.")
            return frozenset()

        def close(self) -> None: ...

    feed = Flaky()
    async with dashboard(lived_in, make_feed=lambda session: feed) as terminal:
        feed.broken = True
        await terminal.wait_for(lambda: terminal.shows("DB unreachable"))
        await terminal.wait_for(lambda: terminal.shows("The database file cannot be opened."))
        feed.broken = False
        terminal.app.hurry_feed()
        await terminal.wait_for(lambda: terminal.shows("The database is back."))
        await terminal.wait_for(lambda: not terminal.shows("DB unreachable"))


async def test_a_feed_that_hangs_makes_the_screen_stale(lived_in: Any, dashboard: Any) -> None:
    go_on = threading.Event()

    class Hanging:
        def poll(self) -> frozenset[Any]:
            go_on.wait(30)
            return frozenset()

        def close(self) -> None: ...

    async with dashboard(lived_in, make_feed=lambda session: Hanging()) as terminal:
        lived_in.clock.advance(seconds=46)
        terminal.app.tick()
        await terminal.wait_for(lambda: terminal.shows("STALE 45s"))
        go_on.set()


async def test_who_is_no_member_is_told_so_and_may_try_again(north: Any) -> None:
    def opener() -> Any:
        raise Forbidden("The account eve is not a member of any workspace here.", "Ask an Owner of one to add you.")

    app = AtlasApp(opener, theme_name="atlas-dark")
    async with app.run_test(size=(80, 24)) as pilot:
        words = app.screen.query_one("#words", PaintedLines)
        said = ""
        while "The account eve is not a member" not in said:
            await pilot.pause()
            said = "\n".join(line_text(line) for line in words.lines)
        assert "Ask an Owner of one to add you." in said
        await pilot.press("q")
        assert app.return_code == 0


async def test_somebody_with_two_workspaces_changes_between_them(lived_in: Any, dashboard: Any) -> None:
    workspaces.initialize(lived_in.db, login="zoe", display_name="Zoe", slug="south-msp", name="South")
    from sqlalchemy import select

    from storage.access import Principal
    from storage.schema import users

    with lived_in.db.read() as tx:
        zoe = Principal(tx.run(select(users.c.id).where(users.c.login == "zoe")).scalar_one(), "zoe")
    south = workspaces.find_workspace(lived_in.db, zoe, "south-msp")
    member_changes.add(lived_in.db, zoe, south, login="dana", display_name="Dana", role=Role.READONLY)
    async with dashboard(lived_in) as terminal:
        await terminal.press("enter", "colon")
        await terminal.type("workspace south-msp")
        await terminal.press("enter")
        await terminal.wait_for(lambda: terminal.shows("south-msp"))
        await terminal.press("2")
        assert terminal.shows("No tenant with a connection yet.")
        assert terminal.shows("dana/readonly")


async def test_the_page_of_a_connection_has_what_the_last_check_found(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("j", "enter", "right_square_bracket")
        assert terminal.shows("verdict: blocked")
        assert terminal.shows("x fail    Token  secret_expired")
        assert terminal.shows("Microsoft request id 5b7f3e7c-0000-4000-8000-00000000beef")
        await terminal.press("right_square_bracket")
        assert terminal.shows("+ granted   Organization.Read.All  required")
        assert terminal.shows("! missing   Application.Read.All  optional")
        await terminal.press("right_square_bracket", "right_square_bracket", "enter")
        assert terminal.shows("Run #2  Connection check")
        await terminal.press("escape", "right_square_bracket")
        assert terminal.shows("client secret")
        assert terminal.shows("! 20d left")
        await terminal.press("a")
        assert terminal.shows(": run #2 started")


async def test_the_audit_trail_of_a_connection_is_refused_in_words(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in, login="rita") as terminal:
        await terminal.press("enter", "a")
        assert terminal.shows("rita may not do this (audit.view).")


async def test_the_page_of_a_run_has_counts_and_failures(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in, size=(80, 48)) as terminal:
        await terminal.press("3", "j", "enter")
        assert terminal.shows("x blocked")
        assert terminal.shows("Counts")
        assert terminal.shows("failed 1")
        assert terminal.shows("Failures")
        assert terminal.shows("request id 5b7f3e7c-0000-4000-8000-00000000beef")
        assert terminal.shows("Next step    Create a new client secret")


async def test_a_tenant_without_a_connection_calls_for_one(lived_in: Any, dashboard: Any) -> None:
    lived_in.add_tenant("Adventure Works")
    async with dashboard(lived_in) as terminal:
        await terminal.press("4", "enter")
        assert terminal.shows("None yet: nothing can be checked or collected here.")
        assert terminal.shows("N: add its connection")


async def test_a_tenants_page_leads_to_each_of_its_connections(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("4", "j", "j", "enter")
        assert terminal.shows(">Intune") or terminal.shows(">Microsoft (default)")
        await terminal.press("j", "enter")
        assert terminal.shows("> Northwind / ")


async def test_health_counts_each_dimension_by_itself(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in) as terminal:
        await terminal.press("6")
        assert terminal.shows("Lifecycle    disabled 1, enabled 4")
        assert terminal.shows("queued 1, running 0, waiting 0")
        assert terminal.shows("+ alive")


async def test_the_list_behind_a_dialog_is_seen_without_colours_too(lived_in: Any, dashboard: Any) -> None:
    async with dashboard(lived_in, theme_name="atlas-ansi", size=(80, 40)) as terminal:
        await terminal.press("x")
        assert terminal.shows("Check now")
        assert terminal.shows("TENANT"), "the list's header above the menu"
