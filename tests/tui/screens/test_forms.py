"""Forms at the keyboard: typed and checked, left and found again, saved once, and never at somebody else's cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from atlas_tui.cells import line_text, width_of
from atlas_tui.links import View
from atlas_tui.screens.form import FormScreen
from atlas_tui.screens.form_definition import Filled, Form, Loaded, Saved
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.tenant_form import EditTenant
from atlas_tui.widgets.form_field import Field, Kind
from atlas_tui.widgets.lines import PaintedLines
from storage import drafts, platform_apps, tenant_archive, tenant_changes, tenants
from storage.capabilities import Role
from storage.pages import Place
from storage.schema import memberships
from storage.states import Cloud
from storage.tenants import TenantQuery

GUID = "8a3c1f0e-1b2c-4d5e-8f90-0123456789ab"
CANARY = "Zx9~canary-typed-into-a-form"
_NAMES = {
    " ": "space",
    "-": "minus",
    "~": "tilde",
    ".": "full_stop",
    ":": "colon",
    ",": "comma",
    "@": "at",
    "+": "plus",
}


async def write(terminal: Any, text: str) -> None:
    """Letters into the field that has the focus."""
    await terminal.pilot.press(*(_NAMES.get(letter, letter) for letter in text))
    await paused(terminal)


async def paused(terminal: Any) -> None:
    """Until the pause in typing is over, the draft written and every question answered."""
    screen = terminal.app.screen
    if isinstance(screen, FormScreen):
        await terminal.wait_for(lambda: not screen.is_waiting)
    await terminal.wait_for(lambda: not terminal.app.drafts.is_busy)
    await terminal.settle()


async def saved(terminal: Any) -> None:
    """ctrl+s, and whatever follows."""
    await terminal.press("ctrl+s")
    await terminal.wait_for(lambda: not terminal.app.drafts.is_busy)
    await terminal.settle()


def found(fleet: Any, text: str = "") -> list[Any]:
    query = TenantQuery(fleet.workspace, text)
    return list(tenants.page(fleet.db, fleet.people["dana"], query, Place.first(), 50).rows)


def drafts_of(fleet: Any, login: str = "dana") -> tuple[Any, ...]:
    return drafts.mine(fleet.db, fleet.people[login], fleet.workspace)


# How it looks


FORMS = (("4", "N"), ("4", "e"), ("2", "e"), ("2", "N"))


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (60, 20)])
async def test_every_form_fits_its_terminal(small_fleet: Any, dashboard: Any, size: tuple[int, int]) -> None:
    async with dashboard(small_fleet, size=size) as terminal:
        for keys in FORMS:
            await terminal.press(*keys)
            assert isinstance(terminal.app.screen, FormScreen), keys
            for widget in terminal.app.screen.query("*"):
                if widget.display and widget.region.area and widget.is_on_screen:
                    assert widget.region.right <= size[0], (keys, widget)
            for painted in terminal.app.screen.query(PaintedLines):
                for line in painted.lines:
                    assert width_of(line_text(line)) == painted.size.width, (keys, line_text(line))
            assert terminal.shows("Save   Leave   More")
            assert terminal.shows("ctrl+s save")
            await terminal.press("escape")


async def test_the_last_field_is_scrolled_to_on_a_small_screen(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, size=(60, 18)) as terminal:
        await terminal.press("4", "N")
        assert not terminal.shows("Ticket")
        await terminal.press(*["tab"] * 8)
        assert terminal.shows("Ticket")


async def test_the_three_badges_stand_above_a_connections_form_and_cannot_be_typed_into(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("2", "j", "e")
        text = terminal.text()
        assert "+ enabled" in text
        assert "x revoked" in text
        assert "x blocked" in text
        labels = [field.label for field in terminal.app.screen.state.fields]
        assert labels == ["Name", "Type", "Client id", "Ticket"]


async def test_an_open_form_that_nobody_types_into_writes_nothing(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await paused(terminal)
        terminal.bytes_written()
        terminal.app.screen.show_ages()
        await terminal.pilot.pause(0.1)
        assert terminal.bytes_written() == 0


# Typing


async def test_a_tenant_is_added_by_keys_alone_and_its_page_opens(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await write(terminal, "Quarx: J & k, 2x")
        await terminal.press("enter")
        await write(terminal, GUID.upper())
        await terminal.press("tab")
        await write(terminal, "quarx.example")
        await terminal.press("down", "right", "left", "down")
        await write(terminal, "vip, Gold")
        await saved(terminal)
        assert terminal.app.seen.VIEW is View.TENANT
        assert terminal.shows("is added")
    (row,) = found(small_fleet, "quarx")
    assert (row.name, row.entra_tenant_id, row.primary_domain, row.cloud) == (
        "Quarx: J & k, 2x",
        GUID,
        "quarx.example",
        Cloud.GLOBAL,
    )
    assert row.tags == ("gold", "vip")
    assert drafts_of(small_fleet) == ()


async def test_what_is_wrong_is_said_while_it_is_typed_and_gets_the_focus_on_save(
    small_fleet: Any, dashboard: Any
) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N", "tab")
        await write(terminal, "8a3c")
        assert terminal.shows("tenant id: is not a GUID")
        assert terminal.shows("x Tenant id")
        await terminal.press("ctrl+s")
        assert terminal.app.screen.body.current.key == "name"
        assert terminal.shows("Name: is needed")
        assert terminal.shows("2 fields are marked x")
        await write(terminal, "Woodgrove")
        await terminal.press("tab")
        await terminal.press("home", *["delete"] * 4)
        await write(terminal, "8a3c1f0e-1b2c-4d5e-8f90-123456789abc")
        assert not terminal.shows("marked x"), "nothing is, any more"
    assert len(found(small_fleet)) == 4


async def test_a_tenant_id_that_is_here_already_is_said_after_a_pause(small_fleet: Any, dashboard: Any) -> None:
    contoso = tenants.get(small_fleet.db, small_fleet.people["dana"], small_fleet.tenant["Contoso Ltd"])
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N", "tab")
        await write(terminal, contoso.entra_tenant_id)
        assert terminal.shows("this workspace has it already, as Contoso Ltd")


async def test_what_is_pasted_loses_its_control_bytes(small_fleet: Any, dashboard: Any) -> None:
    from textual import events

    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        terminal.app.screen.focused.post_message(events.Paste("Con\x1b[31mtoso\x07"))
        await paused(terminal)
        assert terminal.app.screen.state.text("name") == "Con[31mtoso"


async def test_saving_twice_saves_once(small_fleet: Any, dashboard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    real = tenants.create

    def counted(*args: Any, **named: Any) -> Any:
        calls.append(args)
        return real(*args, **named)

    monkeypatch.setattr(tenants, "create", counted)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await write(terminal, "Twice")
        await terminal.press("tab")
        await write(terminal, GUID)
        await terminal.pilot.press("ctrl+s", "ctrl+s", "ctrl+s")
        await saved(terminal)
    assert len(calls) == 1
    assert len(found(small_fleet, "twice")) == 1


async def test_what_is_typed_while_the_save_asks_the_database_is_saved_too(
    small_fleet: Any, dashboard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    goes_on, asked, real = threading.Event(), threading.Event(), EditTenant.look_up

    def slow(self: EditTenant, session: Any, filled: Filled) -> Any:
        if filled.changes.get("name") == "Contoso Ltd A":
            asked.set()
            goes_on.wait(20)
        return real(self, session, filled)

    monkeypatch.setattr(EditTenant, "look_up", slow)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await terminal.pilot.press("space", "A", "ctrl+s")
        await terminal.wait_for(asked.is_set)
        await terminal.pilot.press("B")
        goes_on.set()
        await terminal.wait_for(lambda: terminal.shows("is saved"))
    assert found(small_fleet, "contoso")[0].name == "Contoso Ltd AB"


async def test_leaving_while_the_save_asks_the_database_saves_nothing_and_keeps_the_draft(
    small_fleet: Any, dashboard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    goes_on, real = threading.Event(), EditTenant.look_up

    def slow(self: EditTenant, session: Any, filled: Filled) -> Any:
        if filled.changes:
            goes_on.wait(20)
        return real(self, session, filled)

    monkeypatch.setattr(EditTenant, "look_up", slow)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await terminal.pilot.press("space", "A", "ctrl+s", "escape")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.TENANTS)
        goes_on.set()
        await paused(terminal)
        assert terminal.shows("Draft kept")
    assert found(small_fleet, "contoso")[0].name == "Contoso Ltd"
    assert drafts_of(small_fleet)[0].document["name"] == "Contoso Ltd A"


async def test_leaving_while_it_is_being_saved_is_told_where_the_person_is_by_then(
    small_fleet: Any, dashboard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    goes_on, begun, real = threading.Event(), threading.Event(), EditTenant.save

    def slow(self: EditTenant, session: Any, filled: Filled) -> Any:
        begun.set()
        goes_on.wait(20)
        return real(self, session, filled)

    monkeypatch.setattr(EditTenant, "save", slow)
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await terminal.pilot.press("space", "A", "ctrl+s")
        await terminal.wait_for(begun.is_set)
        await terminal.pilot.press("escape")
        await terminal.wait_for(lambda: terminal.app.seen.VIEW is View.TENANTS)
        goes_on.set()
        await terminal.wait_for(lambda: terminal.shows("Contoso Ltd A is saved"))
        await paused(terminal)
        assert terminal.app.seen.VIEW is View.TENANTS
    assert drafts_of(small_fleet) == ()


async def test_w_in_the_command_bar_saves(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await write(terminal, "!")
        await terminal.press("up", "colon", "w", "enter")
        await paused(terminal)
        assert terminal.shows("is saved")
    assert found(small_fleet, "contoso")[0].name == "Contoso Ltd!"


async def test_saving_without_a_change_writes_nothing(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        assert terminal.shows("Nothing has been changed yet.")
        await saved(terminal)
        assert terminal.shows("nothing to save")
        await terminal.press("shift+tab", "shift+tab", "shift+tab", "shift+tab")
        assert terminal.app.screen.body.current.key == "ticket"
        await write(terminal, "INC-7")
        await saved(terminal)
        assert terminal.shows("nothing to save"), "a ticket alone is no change"


# Drafts


async def test_esc_leaves_and_keeps_what_was_typed(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await terminal.pilot.press("h", "a", "l", "f")
        await terminal.press("escape")
        await paused(terminal)
        assert terminal.app.seen.VIEW is View.TENANTS
        assert terminal.shows("Draft kept: New tenant")
        small_fleet.clock.advance(minutes=5)
        await terminal.press("N")
        assert terminal.app.screen.state.text("name") == "half"
        assert terminal.shows("(5m ago) is filled in")


async def test_leaving_a_form_in_which_nothing_was_typed_keeps_nothing(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e", "escape")
        assert not terminal.shows("Draft kept")
    assert drafts_of(small_fleet) == ()


async def test_a_draft_is_discarded_only_after_a_question(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await write(terminal, "half")
        await terminal.press("shift+tab", "x", "d", "enter")
        assert terminal.app.screen.state.text("name") == "half"
        await terminal.press("x", "d", "right", "enter")
        await paused(terminal)
        assert terminal.app.screen.state.text("name") == ""
        assert terminal.shows("Draft discarded")
    assert drafts_of(small_fleet) == ()


async def test_the_next_start_offers_to_go_on(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await write(terminal, " Group")
    # The first dashboard ended with the form open.
    async with dashboard(small_fleet) as terminal:
        assert terminal.shows("Not saved yet: Edit Contoso Ltd")
        await terminal.press("colon")
        await terminal.type("drafts")
        await terminal.press("enter", "1")
        assert terminal.app.screen.state.text("name") == "Contoso Ltd Group"
        await saved(terminal)
    assert found(small_fleet, "contoso")[0].name == "Contoso Ltd Group"


async def test_quitting_right_behind_the_last_letter_loses_nothing(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        await terminal.pilot.press("l", "a", "s", "t", "ctrl+q")
        await terminal.wait_for(lambda: not terminal.app.is_running)
    (draft,) = drafts_of(small_fleet)
    assert draft.document["name"] == "last"


async def test_a_draft_says_what_changed_underneath_since(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await write(terminal, " mine")
        await terminal.press("escape")
        rename(small_fleet, "Theirs")
        await terminal.settle()
        await terminal.press("home", "g")
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, EditTenant(small_fleet.tenant["Contoso Ltd"]))
        await terminal.settle()
        await terminal.settle()
        assert terminal.app.screen.state.text("name") == "Contoso Ltd mine"
        assert terminal.shows("Now: Theirs")


# Two people


def rename(fleet: Any, name: str) -> None:
    tenant_changes.edit(fleet.db, fleet.people["mona"], fleet.tenant["Contoso Ltd"], changes={"name": name})


async def test_what_somebody_else_changes_meanwhile_is_shown_at_once(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e", *["tab"] * 3)
        rename(small_fleet, "Contoso Group")
        await terminal.wait_for(lambda: terminal.shows("Changed meanwhile by somebody else: Name"))
        assert terminal.app.screen.state.text("name") == "Contoso Group"


async def test_an_edit_that_lost_the_race_shows_both_and_saves_the_one_that_is_chosen(
    small_fleet: Any, dashboard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The form does not hear of the change before it is saved.
    monkeypatch.setattr(EditTenant, "TOPICS", frozenset())
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "e")
        await write(terminal, " mine")
        rename(small_fleet, "Theirs")
        await saved(terminal)
        assert terminal.shows("Not saved: changed meanwhile")
        assert terminal.shows("by mona")
        assert terminal.shows("Now: Theirs")
        assert terminal.app.screen.state.text("name") == "Contoso Ltd mine"
        await terminal.press("f4")
        assert terminal.app.screen.state.text("name") == "Theirs"
        await terminal.press("f4")
        await saved(terminal)
        assert terminal.shows("is saved")
    assert found(small_fleet, "contoso")[0].name == "Contoso Ltd mine"


async def test_a_role_that_is_gone_refuses_the_save_and_keeps_the_draft(small_fleet: Any, dashboard: Any) -> None:
    mona = small_fleet.people["mona"]
    async with dashboard(small_fleet, login="mona") as terminal:
        await terminal.press("4", "e")
        await write(terminal, " Group")
        small_fleet.db.write(
            lambda tx: (
                tx.run(
                    update(memberships).where(memberships.c.user_id == mona.user_id).values(role=Role.READONLY.value)
                )
                and None
            )
        )
        await saved(terminal)
        assert terminal.shows("Not saved")
        assert terminal.shows("Ask dana (Owner)")
        assert terminal.app.screen.state.text("name") == "Contoso Ltd Group"
    assert drafts_of(small_fleet, "mona")[0].document["name"] == "Contoso Ltd Group"
    assert found(small_fleet, "contoso")[0].name == "Contoso Ltd"


async def test_who_may_not_is_told_whom_to_ask_before_anything_is_typed(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet, login="omar") as terminal:
        for keys in FORMS:
            await terminal.press(*keys)
            assert not isinstance(terminal.app.screen, FormScreen)
            assert terminal.shows("Your role may not do this. Ask dana (Owner), mona (Manager).")
            terminal.app.clear_notice()
        hints = {hint.does: hint.allowed for hint in terminal.app.seen.hints()}
        assert (hints["edit"], hints["new"], hints["help"]) == (False, False, True)


# Connections


async def test_a_connection_is_platform_where_there_is_an_app_and_asks_for_a_client_id_where_it_is_not(
    small_fleet: Any, dashboard: Any
) -> None:
    platform_apps.register(
        small_fleet.db,
        small_fleet.people["dana"],
        small_fleet.workspace,
        cloud=Cloud.GLOBAL,
        client_id=GUID,
        display_name="North app",
        home_tenant_id=small_fleet.guid(),
    )
    tenant_id = small_fleet.add_tenant("Wide World")
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "G", "enter", "N")
        assert terminal.shows("< platform >  app North app")
        assert not terminal.shows("Client id")
        await terminal.press("tab", "d")
        assert terminal.shows("Client id")
        await terminal.press("p")
        await paused(terminal)
        assert terminal.shows("It becomes the default of Wide World")
        await saved(terminal)
        assert terminal.app.seen.VIEW is View.CONNECTION
        assert terminal.shows("is added")
        assert terminal.shows("platform app North app")
    assert tenants.get(small_fleet.db, small_fleet.people["dana"], tenant_id).connections == 1


async def test_another_app_registration_says_what_it_costs_and_asks_before_it_is_saved(
    small_fleet: Any, dashboard: Any
) -> None:
    from storage import connections

    id = small_fleet.connection["Contoso Ltd"]

    def stored() -> Any:
        return connections.get(small_fleet.db, small_fleet.people["dana"], id)

    before = stored()
    async with dashboard(small_fleet, size=(100, 30)) as terminal:
        await terminal.press("2", "e", "tab")
        await terminal.press(*["backspace"] * 36)
        await write(terminal, GUID)
        assert terminal.shows("is destroyed")
        await saved(terminal)
        assert terminal.shows("Verification becomes unknown (it is healthy).")
        await terminal.press("enter")
        assert stored() == before
        assert terminal.app.screen.state.text("client_id") == GUID
        await saved(terminal)
        await terminal.press("right", "enter")
        await paused(terminal)
        assert terminal.shows("is saved")
    after = stored()
    assert (after.client_id, after.row.verification_status.value, after.credentials) == (GUID, "unknown", ())


# Secrets


class KeepsASecret(Form):
    """A form with a secret field, as the one for credentials has it."""

    def __init__(self, workspace_id: int, answers: list[Exception | None]) -> None:
        super().__init__("test.secret", "connection:1", "Store a secret")
        self.workspace_id = workspace_id
        self.answers = answers
        self.got: list[Mapping[str, str]] = []

    def load(self, session: Any) -> Loaded:
        fields = (Field("label", "Label"), Field("value", "Secret", Kind.SECRET, is_required=True))
        return Loaded(fields, {}, self.workspace_id)

    def save(self, session: Any, filled: Filled) -> Saved:
        self.got.append(dict(filled.secrets))
        assert CANARY not in repr(filled)
        if (answer := self.answers.pop(0)) is not None:
            raise answer
        return Saved("stored")


async def test_a_secret_goes_to_the_save_and_nowhere_else(small_fleet: Any, dashboard: Any) -> None:
    from textual import events

    from storage.errors import Conflict

    form = KeepsASecret(small_fleet.workspace, [Conflict("Not now."), None])
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, form)
        await terminal.settle()
        await terminal.settle()
        await write(terminal, "visible label")
        await saved(terminal)
        assert form.got == [], "it is required"
        field = terminal.app.screen.focused
        assert field.key == "value"
        field.post_message(events.Paste(CANARY[:-3] + "\n"))
        await terminal.settle()
        await write(terminal, CANARY[-3:])
        picture = terminal.app.export_screenshot()
        terminal.bytes_written()
        assert "visible" in picture
        assert "visible label" in terminal.text(), "the positive control"
        sent = "".join(terminal.app._driver.sent)
        for place in (picture, sent, terminal.text(), repr(field), repr(terminal.app.screen.state.__dict__)):
            assert CANARY not in place
            assert CANARY[:-3] not in place
        (draft,) = drafts_of(small_fleet)
        assert draft.document["label"] == "visible label"
        assert set(draft.document) == {"label", "was.label", "form.title"}
        length_before = terminal.text()
        await terminal.pilot.press("z")
        await terminal.settle()
        assert terminal.text() == length_before, "not even its length is shown"
        await terminal.press("backspace")
        await saved(terminal)
        assert terminal.shows("Not now.")
        await saved(terminal)
        assert terminal.shows("stored")
        assert not field.is_filled
    assert form.got == [{"value": CANARY}, {"value": CANARY}]
    assert drafts_of(small_fleet) == ()
    files = Path(small_fleet.address).parent.iterdir()
    assert all(CANARY.encode() not in path.read_bytes() for path in files)


async def test_leaving_a_form_empties_its_secret(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, KeepsASecret(small_fleet.workspace, []))
        await terminal.settle()
        await terminal.settle()
        await terminal.press("tab")
        field = terminal.app.screen.focused
        await write(terminal, "abc")
        assert field.is_filled
        await terminal.press("escape")
        assert not field.is_filled


async def test_the_cursor_of_a_secret_is_there_while_it_has_the_focus(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, KeepsASecret(small_fleet.workspace, []))
        await terminal.settle()
        await terminal.settle()
        assert not terminal.shows("_ type or paste it")
        await terminal.press("tab")
        assert terminal.shows("_ type or paste it")
        await write(terminal, "abc")
        assert terminal.shows("........_")
        await terminal.press("shift+tab")
        assert terminal.shows("........ ")
        await terminal.press("escape")


async def test_what_is_typed_behind_a_tab_in_one_piece_arrives_in_the_next_field(
    small_fleet: Any, dashboard: Any
) -> None:
    """A password manager types so, and so does a slow line."""
    from textual import events

    form = KeepsASecret(small_fleet.workspace, [None])
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, form)
        await terminal.settle()
        await terminal.settle()
        keys = [(letter, letter) for letter in "label"] + [("tab", None)] + [(letter, letter) for letter in "secret"]
        for key, character in [*keys, ("shift+tab", None), ("s", "s")]:
            terminal.app.post_message(events.Key(key, character))
        await terminal.settle()
        await terminal.settle()
        assert terminal.app.screen.state.text("label") == "labels"
        await saved(terminal)
        assert terminal.shows("stored")
    assert form.got == [{"value": "secret"}]


async def test_only_keys_that_work_where_the_focus_is_are_offered(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await terminal.press("4", "N")
        assert not terminal.shows("x actions")
        assert terminal.shows("F1 help")
        await terminal.press("shift+tab")
        assert terminal.shows("x actions")


async def test_of_an_archived_tenant_only_contact_and_note_can_be_typed_into(small_fleet: Any, dashboard: Any) -> None:
    id = small_fleet.add_tenant("Wingtip")
    tenant_archive.archive(small_fleet.db, small_fleet.people["dana"], id)
    async with dashboard(small_fleet) as terminal:
        open_form(terminal.app, EditTenant(id))
        await terminal.settle()
        await terminal.settle()
        assert [field.key for field in terminal.app.screen.state.fields if not field.fixed] == [
            "contact",
            "note",
            "ticket",
        ]
        assert terminal.shows("archived: restore it first")
        await write(terminal, "Ada, +49 30 123")
        await saved(terminal)
        assert terminal.shows("is saved")
    assert found(small_fleet, "wingtip archived:yes")[0].contact == "Ada, +49 30 123"
