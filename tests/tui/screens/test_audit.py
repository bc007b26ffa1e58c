"""The audit trail on the screen: in words, filtered, before and after, the way on, and into a file."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlas_tui.cells import line_text, width_of
from atlas_tui.exporting import Format, exports_directory, write_export
from atlas_tui.links import View, to_audit_entry
from atlas_tui.widgets.lines import PaintedLines
from storage import access, connection_changes, starting
from storage.errors import Forbidden, InvalidInput


@pytest.fixture
def told(small_fleet: Any) -> Any:
    """A fleet of which the trail has something to tell."""
    connection_changes.set_enabled(
        small_fleet.db, small_fleet.people["mona"], small_fleet.connection["Contoso Ltd"], False, ticket="CHG-7"
    )
    small_fleet.finish(
        small_fleet.begin(small_fleet.connection["Fabrikam GmbH"], by="omar"), ("Token", "secret_expired")
    )
    with pytest.raises(Forbidden):
        starting.start(
            small_fleet.db,
            small_fleet.people["rita"],
            small_fleet.connection["Fabrikam GmbH"],
            "provider.connection.check",
        )
    return small_fleet


async def test_5_shows_who_did_what_newest_first(told: Any, dashboard: Any) -> None:
    async with dashboard(told) as terminal:
        await terminal.press("5")
        assert terminal.shows("5 Audit")
        rows = [line for line in terminal.display()[3:] if "12:00:00Z" in line]
        assert "rita" in rows[0]
        assert "x refused" in rows[0]
        assert any("verification blocked" in row for row in rows)
        disabled = next(row for row in rows if "connection disabled" in row)
        assert "mona" in disabled
        assert "CHG-7" in disabled
        assert "+ done" in disabled


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (60, 20)])
async def test_every_line_is_exactly_as_wide_as_its_place(told: Any, dashboard: Any, size: tuple[int, int]) -> None:
    async with dashboard(told, size=size) as terminal:
        for key in ("5", "w", "enter", "escape", "d"):
            await terminal.press(key)
            for widget in terminal.app.screen.query(PaintedLines):
                if widget.display and widget.region.area:
                    for line in widget.lines:
                        assert width_of(line_text(line)) == widget.size.width, (key, widget, line_text(line))
        if size == (80, 24):
            assert terminal.app.screen.query_one("#list").size.height >= 24 - 5


async def test_an_entry_tells_before_and_after_and_its_hash(told: Any, dashboard: Any) -> None:
    async with dashboard(told) as terminal:
        await terminal.press("5", "slash")
        await terminal.type("disabled")
        await terminal.press("enter", "enter")
        assert terminal.shows("Entry #")
        assert terminal.shows("connection disabled")
        assert terminal.shows("yes -> no")
        assert terminal.shows("mona (known by os)")
        assert terminal.shows("+ its bytes fit")
        await terminal.press("l")
        assert terminal.app.seen.link().view is View.CONNECTION
        assert terminal.shows("Contoso Ltd")
        await terminal.press("escape", "escape")
        assert terminal.shows("/disabled")


async def test_enter_on_an_entry_that_names_a_run_opens_the_run(told: Any, dashboard: Any) -> None:
    async with dashboard(told) as terminal:
        await terminal.press("5", "slash")
        await terminal.type("action:verification")
        await terminal.press("enter", "enter", "enter")
        assert terminal.app.seen.link().view is View.RUN


async def test_a_filter_that_cannot_be_read_leaves_the_rows_and_says_why(told: Any, dashboard: Any) -> None:
    async with dashboard(told) as terminal:
        await terminal.press("5", "slash")
        await terminal.type("colour:red")
        await terminal.press("enter")
        assert terminal.shows("`colour:` is not known here")
        assert terminal.shows("connection disabled")


@pytest.mark.parametrize(("view", "key"), [("3", "run"), ("4", "tenant")])
async def test_a_shows_the_trail_of_a_run_and_of_a_tenant(told: Any, dashboard: Any, view: str, key: str) -> None:
    async with dashboard(told) as terminal:
        await terminal.press(view, "enter", "a")
        link = terminal.app.seen.link()
        assert (link.view, (link.filter or "").split(":")[0]) == (View.AUDIT, key)
        if key == "run":
            assert terminal.shows("run #1 started")
            assert not terminal.shows("connection disabled")
        else:
            assert terminal.shows("connection disabled")
            assert not terminal.shows("Fabrikam")


async def test_a_on_a_connection_still_opens_its_audit_tab(told: Any, dashboard: Any) -> None:
    async with dashboard(told) as terminal:
        await terminal.press("2", "enter", "a")
        assert terminal.app.seen.link().view is View.CONNECTION
        assert terminal.shows("connection disabled")


async def test_the_command_bar_goes_there_with_a_filter(told: Any, dashboard: Any) -> None:
    async with dashboard(told) as terminal:
        await terminal.press("colon")
        await terminal.type("audit ticket:chg")
        await terminal.press("enter")
        assert terminal.shows("/ticket:chg")
        assert terminal.shows("connection disabled")
        assert not terminal.shows("verification")


async def test_who_may_not_read_the_trail_is_told_whom_to_ask(told: Any, dashboard: Any) -> None:
    async with dashboard(told, login="rita") as terminal:
        await terminal.press("5")
        assert terminal.shows("audit.view")
        assert terminal.shows("Ask dana")
        assert not terminal.shows("connection disabled")


async def test_what_is_done_meanwhile_comes_without_asking(told: Any, dashboard: Any) -> None:
    async with dashboard(told) as terminal:
        await terminal.press("5")
        connection_changes.set_enabled(told.db, told.people["mona"], told.connection["Contoso Ltd"], True)
        await terminal.wait_for(lambda: terminal.shows("connection enabled"))


async def test_the_page_of_an_entry_steps_through_the_list_behind_it(told: Any, dashboard: Any) -> None:
    async with dashboard(told) as terminal:
        await terminal.press("5", "enter")
        first = terminal.app.seen.link()
        await terminal.press("J")
        second = terminal.app.seen.link()
        assert second.id < first.id
        await terminal.press("K")
        assert terminal.app.seen.link() == first == to_audit_entry(first.id)


async def test_names_of_others_are_never_markup(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.add_tenant("Odd [/b] [red]x", primary_domain="odd.example")
    async with dashboard(small_fleet) as terminal:
        await terminal.press("5", "enter")
        assert terminal.shows("Odd [/b] [red]x")


# Into a file


def with_exports(dashboard_app: Any, directory: Path, via: str = "os") -> None:
    session = dashboard_app.session
    who = access.Principal(session.who.user_id, session.who.login, via=via)
    dashboard_app._session = replace(session, who=who, state_directory=str(directory))


@pytest.mark.parametrize(("letter", "ending"), [("c", "csv"), ("j", "jsonl")])
async def test_e_writes_what_the_filter_finds_into_a_private_file(
    told: Any, dashboard: Any, tmp_path: Path, letter: str, ending: str
) -> None:
    async with dashboard(told) as terminal:
        with_exports(terminal.app, tmp_path / "state")
        await terminal.press("5", "slash")
        await terminal.type("disabled")
        await terminal.press("enter", "E", letter)
        (file,) = (tmp_path / "state" / "exports").iterdir()
        assert terminal.shows("Written: ")
        assert file.suffix == f".{ending}"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        lines = file.read_text().splitlines()
        assert len(lines) == (2 if ending == "csv" else 1) + told_northwind(told)
        await terminal.press("escape", "g")
        assert terminal.shows("audit trail")


def told_northwind(told: Any) -> int:
    """`add_usual` disables one connection of its own."""
    return 1 if "Northwind" in told.connection else 0


@pytest.mark.parametrize(
    ("view", "name"), [("2", "Tailspin Toys"), ("3", "provider.connection.check"), ("4", "Northwind")]
)
async def test_every_list_can_be_taken_away(told: Any, dashboard: Any, tmp_path: Path, view: str, name: str) -> None:
    async with dashboard(told) as terminal:
        with_exports(terminal.app, tmp_path / "state")
        await terminal.press(view, "E", "j")
        (file,) = (tmp_path / "state" / "exports").iterdir()
        records = [json.loads(line) for line in file.read_text().splitlines()]
        assert any(name in record.values() for record in records)


async def test_nothing_is_written_in_a_session_that_a_key_was_forced_into(
    told: Any, dashboard: Any, tmp_path: Path
) -> None:
    async with dashboard(told) as terminal:
        with_exports(terminal.app, tmp_path / "state", via="ssh")
        await terminal.press("5", "E", "c")
        assert terminal.shows("Nothing is written to files")
        assert not (tmp_path / "state").exists()
        await terminal.press("ctrl+r", "g")
        assert not terminal.shows("audit trail")


def test_an_export_never_overwrites_and_leaves_nothing_half_written(tmp_path: Path, clock: Any) -> None:
    paths = [write_export(tmp_path / "x", "Audit / [x]", Format.CSV, [b"1"], clock.time) for _ in range(3)]
    assert len(set(paths)) == 3
    assert all(path.name.startswith("audit-x-20260301T120000Z") for path in paths)

    def breaks() -> Any:
        yield b"half"
        raise InvalidInput("row", "cannot be read")

    with pytest.raises(InvalidInput):
        write_export(tmp_path / "x", "audit", Format.CSV, breaks(), clock.time)
    assert sorted((tmp_path / "x").iterdir()) == sorted(paths)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, clock: Any) -> None:
    (tmp_path / "exports").write_text("a file")
    with pytest.raises(InvalidInput) as caught:
        write_export(exports_directory(tmp_path, "os"), "audit", Format.CSV, [b"1"], clock.time)
    assert str(tmp_path) in str(caught.value)
