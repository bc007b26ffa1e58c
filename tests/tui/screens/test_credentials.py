"""Credentials at the keyboard: stored in a form that shows nothing, tried, moved between their slots, and taken away."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from atlas_tui import crash
from atlas_tui.app import AtlasApp
from atlas_tui.cells import width_of
from atlas_tui.links import Link, View, to_connection
from atlas_tui.screens.connection import Section
from atlas_tui.screens.credential_certificates import read_certificate_file
from atlas_tui.screens.credential_form import NewCredential
from atlas_tui.screens.form import FormScreen
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.handout import HandoutScreen
from storage import certificate_making, credential_changes, credentials, drafts
from storage.configuration import Settings
from storage.credential_material import from_secret
from storage.errors import InvalidInput
from storage.states import CredentialOwner, CredentialSlot

CANARY = "Qx7~canary-typed-into-the-credential-form"
SECRET_ID = "8a3c1f0e-1b2c-4d5e-8f90-0123456789ab"
OWNER = CredentialOwner.CONNECTION


def settings_of(fleet: Any, directory: Path) -> Settings:
    public_key = base64.b64encode(fleet.key.public_key().public_bytes_raw()).decode()
    return Settings(database=fleet.address, public_key=public_key, state_directory=str(directory))


def app_with_a_key(fleet: Any, directory: Path, login: str = "dana", via: str = "os") -> AtlasApp:
    """A dashboard that can seal and that may write files."""

    def session() -> Any:
        found = fleet.session(login)
        who = replace(found.who, via=via)
        settings = settings_of(fleet, directory)
        return replace(found, who=who, state_directory=str(directory), settings=settings)

    return AtlasApp(session, clock=fleet.clock, theme_name="atlas-dark")


def stored(fleet: Any, name: str = "Contoso Ltd") -> dict[CredentialSlot, Any]:
    found = credentials.of_owner(fleet.db, fleet.people["dana"], OWNER, fleet.connection[name])
    return {info.slot: info for info in found}


def stage(fleet: Any, value: str = "another.secret~value-0123456789", name: str = "Contoso Ltd") -> None:
    credentials.store(
        fleet.db,
        fleet.people["dana"],
        OWNER,
        fleet.connection[name],
        from_secret(value),
        fleet.key.public_key().public_bytes_raw(),
        client_key_id="key-8",
    )


async def open_new(terminal: Any, fleet: Any, name: str = "Contoso Ltd") -> FormScreen:
    open_form(terminal.app, NewCredential(OWNER, fleet.connection[name]))
    await terminal.wait_for(lambda: isinstance(terminal.app.screen, FormScreen))
    await terminal.settle()
    screen = terminal.app.screen
    assert isinstance(screen, FormScreen)
    return screen


async def paste(terminal: Any, key: str, text: str) -> None:
    """What a terminal does with pasted text: one event, into the field of that key."""
    from textual import events

    screen = terminal.app.screen
    field = screen.body.rows[key].input
    screen.set_focus(field)
    field.post_message(events.Paste(text))
    await paused(terminal)


async def choose(terminal: Any, method: str) -> None:
    screen = terminal.app.screen
    screen.body.enter("method")
    for _ in range(4):
        if screen.state.text("method") == method:
            break
        await terminal.press("right")
    assert screen.state.text("method") == method
    await paused(terminal)


async def paused(terminal: Any) -> None:
    screen = terminal.app.screen
    if isinstance(screen, FormScreen):
        await terminal.wait_for(lambda: not screen.is_waiting)
    await terminal.wait_for(lambda: not terminal.app.drafts.is_busy)
    await terminal.settle()


async def on_credentials(terminal: Any, fleet: Any, name: str = "Contoso Ltd") -> None:
    terminal.app.navigation.go(to_connection(fleet.connection[name]))
    await terminal.settle()
    terminal.app.screen.open_section(Section.CREDENTIAL)
    await terminal.settle()


async def pick(terminal: Any, letter: str) -> None:
    """A line of the menu behind `x`."""
    await terminal.press("x", letter)


async def confirm(terminal: Any) -> None:
    """The button of the question that is open, without what it may ask for."""
    from textual.widgets import Button

    button = terminal.app.screen.query_one("#confirm", Button)
    button.focus()
    await terminal.press("enter")


def fits(terminal: Any, width: int = 80) -> bool:
    return all(width_of(line) <= width for line in terminal.display())


# The form


async def test_a_secret_is_stored_sealed_and_staged_and_never_seen(
    small_fleet: Any, dashboard: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []
    async with dashboard(small_fleet, app=app_with_a_key(small_fleet, tmp_path)) as terminal:
        screen = await open_new(terminal, small_fleet)
        await paste(terminal, "secret", CANARY)
        seen.append(terminal.text())
        assert "It is staged" in " ".join(terminal.text().split())
        screen.body.enter("expires_at")
        await terminal.type("2031-03-31")
        await paused(terminal)
        await terminal.press("ctrl+s")
        await terminal.settle()
        seen.append(terminal.text())
        assert terminal.shows("is sealed and staged")
        sent = "".join(terminal.app._driver.sent)
    assert stored(small_fleet)[CredentialSlot.STAGED].expires_at == datetime(2031, 3, 31, tzinfo=UTC)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for haystack in (*seen, sent, caplog.text, repr(screen), written.decode("utf-8", "replace")):
        assert CANARY not in haystack


async def test_a_left_form_keeps_no_secret_in_its_draft(small_fleet: Any, dashboard: Any, tmp_path: Path) -> None:
    async with dashboard(small_fleet, app=app_with_a_key(small_fleet, tmp_path)) as terminal:
        screen = await open_new(terminal, small_fleet)
        await paste(terminal, "secret", CANARY)
        screen.body.enter("key_id")
        await terminal.type(SECRET_ID)
        await paused(terminal)
        await terminal.press("escape")
        await paused(terminal)
    (draft,) = drafts.mine(small_fleet.db, small_fleet.people["dana"], small_fleet.workspace)
    assert draft.form == "credential.connection"
    assert draft.document["key_id"] == SECRET_ID
    assert CANARY not in str(draft.document)
    assert CredentialSlot.STAGED not in stored(small_fleet)


async def test_the_secrets_id_is_refused_while_it_is_typed_and_not_shown(
    small_fleet: Any, dashboard: Any, tmp_path: Path
) -> None:
    async with dashboard(small_fleet, app=app_with_a_key(small_fleet, tmp_path)) as terminal:
        await open_new(terminal, small_fleet)
        await paste(terminal, "secret", SECRET_ID)
        assert terminal.shows("looks like the secret's ID")
        assert not terminal.shows(SECRET_ID)
        await terminal.press("ctrl+s")
        assert terminal.shows("Not saved")
        await terminal.press("ctrl+u")
        await paste(terminal, "secret", CANARY)
        assert not terminal.shows("looks like the secret's ID")
    assert CredentialSlot.STAGED not in stored(small_fleet)


async def test_an_unknown_expiry_is_warned_about(small_fleet: Any, dashboard: Any, tmp_path: Path) -> None:
    async with dashboard(small_fleet, app=app_with_a_key(small_fleet, tmp_path)) as terminal:
        screen = await open_new(terminal, small_fleet)
        await paste(terminal, "secret", CANARY)
        screen.body.enter("expires_at")
        await terminal.settle()
        assert terminal.shows("Unknown expiry")
        assert fits(terminal)


async def test_a_certificates_thumbprints_are_shown_before_it_is_stored(
    small_fleet: Any, dashboard: Any, tmp_path: Path
) -> None:
    made = certificate_making.make("here", now=small_fleet.clock.time)
    secret = made.material.secret
    path = tmp_path / "both.pem"
    path.write_text(f"{secret.certificate_pem}{secret.private_key_pem}")
    async with dashboard(small_fleet, app=app_with_a_key(small_fleet, tmp_path / "state")) as terminal:
        screen = await open_new(terminal, small_fleet)
        await choose(terminal, "files")
        screen.body.enter("certificate")
        await paste(terminal, "certificate", str(path))
        await terminal.press("ctrl+s")
        await terminal.settle()
        text = " ".join(terminal.text().split())
        assert made.thumbprint in text
        assert "Valid" in text
        assert CredentialSlot.STAGED not in stored(small_fleet)
        await confirm(terminal)
        await terminal.settle()
        assert terminal.shows("certificate for Contoso Ltd is sealed and staged")
    info = stored(small_fleet)[CredentialSlot.STAGED]
    assert (info.client_key_id, info.thumbprint) == (made.sha256, made.thumbprint)


async def test_over_a_forced_command_no_file_is_read_and_pasting_works(
    small_fleet: Any, dashboard: Any, tmp_path: Path
) -> None:
    made = certificate_making.make("here", now=small_fleet.clock.time)
    secret = made.material.secret
    async with dashboard(small_fleet, app=app_with_a_key(small_fleet, tmp_path, via="ssh")) as terminal:
        screen = await open_new(terminal, small_fleet)
        options = {option.value for option in screen.state.fields[0].options}
        assert options == {"secret", "pasted", "made_here"}
        await choose(terminal, "pasted")
        await paste(terminal, "pem", f"{secret.certificate_pem}{secret.private_key_pem}")
        await terminal.press("ctrl+s")
        await terminal.settle()
        assert made.thumbprint in terminal.text()
        assert "PRIVATE KEY" not in terminal.text()
        await confirm(terminal)
        await terminal.settle()
    assert stored(small_fleet)[CredentialSlot.STAGED].client_key_id == made.sha256


async def test_one_made_here_leaves_only_its_public_half(small_fleet: Any, dashboard: Any, tmp_path: Path) -> None:
    async with dashboard(small_fleet, app=app_with_a_key(small_fleet, tmp_path)) as terminal:
        await open_new(terminal, small_fleet)
        await choose(terminal, "made_here")
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: isinstance(terminal.app.screen, HandoutScreen))
        await terminal.settle()
        assert terminal.shows("The private key is sealed here")
        assert fits(terminal)
        await terminal.press("1")
        assert Path(terminal.app.clipboard).read_text().startswith("-----BEGIN CERTIFICATE")
        await terminal.press("5")
        assert terminal.app.clipboard.startswith("-----BEGIN CERTIFICATE")
        await terminal.press("escape")
    info = stored(small_fleet)[CredentialSlot.STAGED]
    (file,) = (tmp_path / "exports").iterdir()
    assert file.suffix == ".pem"
    assert "PRIVATE" not in file.read_text()
    assert info.thumbprint


async def test_who_may_not_is_told_whom_to_ask(small_fleet: Any, dashboard: Any, tmp_path: Path) -> None:
    async with dashboard(small_fleet, app=app_with_a_key(small_fleet, tmp_path, login="rita")) as terminal:
        open_form(terminal.app, NewCredential(OWNER, small_fleet.connection["Contoso Ltd"]))
        await terminal.settle()
        assert not isinstance(terminal.app.screen, FormScreen)
        assert terminal.shows("Ask ")
        await on_credentials(terminal, small_fleet)
        await terminal.press("x")
        assert terminal.shows("Your role may not")
        await terminal.press("n")
        assert not isinstance(terminal.app.screen, FormScreen)


def test_only_a_small_file_is_read_and_never_waited_for(tmp_path: Path) -> None:
    big, pipe = tmp_path / "big.pem", tmp_path / "pipe"
    big.write_bytes(b"x" * (1024 * 1024 + 1))
    os.mkfifo(pipe)
    for path in (big, pipe, tmp_path, tmp_path / "missing", "a\0b"):
        with pytest.raises(InvalidInput, match=r"certificate: "):
            read_certificate_file("certificate", str(path))


# The tab and its menu


async def test_the_tab_shows_the_slots_and_how_long_each_is_good_for(small_fleet: Any, dashboard: Any) -> None:
    stage(small_fleet)
    async with dashboard(small_fleet) as terminal:
        await on_credentials(terminal, small_fleet)
        assert terminal.shows("! 20d left")
        assert terminal.shows("o unknown end")
        assert terminal.shows("key-7")
        assert terminal.shows("by dana")
        assert fits(terminal)


async def test_promoting_by_hand_asks_for_a_reason_and_leaves_a_reminder(small_fleet: Any, dashboard: Any) -> None:
    stage(small_fleet)
    async with dashboard(small_fleet) as terminal:
        await on_credentials(terminal, small_fleet)
        await pick(terminal, "p")
        assert terminal.shows("Reason (needed")
        assert terminal.app.screen.query_one("#confirm").disabled
        terminal.app.screen.query_one("#reason").focus()
        await terminal.type("tried by hand")
        await confirm(terminal)
        assert stored(small_fleet)[CredentialSlot.ACTIVE].client_key_id == "key-8"
        await terminal.wait_for(lambda: "still valid at Microsoft" in " ".join(terminal.text().split()))
        await pick(terminal, "m")
        await confirm(terminal)
        assert terminal.shows("Noted: key-7 is gone at Microsoft")
    found = credential_changes.reminders(
        small_fleet.db, small_fleet.people["dana"], OWNER, small_fleet.connection["Contoso Ltd"]
    )
    assert found == ()


async def test_rolling_back_makes_the_previous_one_active(small_fleet: Any, dashboard: Any) -> None:
    stage(small_fleet)
    connection = small_fleet.connection["Contoso Ltd"]
    credential_changes.promote(small_fleet.db, small_fleet.people["dana"], OWNER, connection, reason="a test")
    async with dashboard(small_fleet) as terminal:
        await on_credentials(terminal, small_fleet)
        await pick(terminal, "b")
        assert terminal.shows("is used again from now on")
        await confirm(terminal)
    assert stored(small_fleet)[CredentialSlot.ACTIVE].client_key_id == "key-7"


async def test_removing_the_active_one_asks_for_the_name(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        await on_credentials(terminal, small_fleet)
        await pick(terminal, "r")
        assert terminal.shows("Nothing can sign in for Contoso Ltd afterwards")
        assert terminal.app.screen.query_one("#confirm").disabled
        terminal.app.screen.query_one("#name").focus()
        await terminal.type("Contoso Ltd")
        await confirm(terminal)
        await terminal.wait_for(lambda: terminal.shows("None stored: nothing can sign in"))
    assert stored(small_fleet) == {}


async def test_verifying_starts_the_check_that_carries_the_staged_one(small_fleet: Any, dashboard: Any) -> None:
    stage(small_fleet)
    async with dashboard(small_fleet) as terminal:
        await on_credentials(terminal, small_fleet)
        await pick(terminal, "v")
        assert terminal.shows("Verify the staged credential of Contoso Ltd?")
        await confirm(terminal)
        assert terminal.shows("Contoso Ltd: queued #")


async def test_what_is_not_possible_is_dimmed_with_the_reason(small_fleet: Any, dashboard: Any) -> None:
    async with dashboard(small_fleet) as terminal:
        terminal.app.navigation.go(Link(View.CONNECTIONS))
        await terminal.settle()
        await terminal.press("x", "k")
        assert terminal.shows("Credentials of Contoso Ltd")
        assert terminal.shows("No credential is staged.")
        assert terminal.shows("There is no previous one.")
        await terminal.press("p")
        assert terminal.shows("Credentials of Contoso Ltd")


async def test_days_left_count_down_with_the_clock(small_fleet: Any, dashboard: Any) -> None:
    small_fleet.clock.time += timedelta(days=21)
    async with dashboard(small_fleet) as terminal:
        await on_credentials(terminal, small_fleet)
        assert terminal.shows("x expired")


async def test_a_program_error_while_it_is_sealed_tells_nothing_of_it(
    small_fleet: Any, dashboard: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = crash.log_to(tmp_path / "log")

    def broken(*args: Any, **named: Any) -> None:
        raise ValueError(f"cannot seal {args!r} {CANARY}")

    monkeypatch.setattr(credentials, "store", broken)
    async with dashboard(small_fleet, app=app_with_a_key(small_fleet, tmp_path)) as terminal:
        await open_new(terminal, small_fleet)
        await paste(terminal, "secret", CANARY)
        await terminal.press("ctrl+s")
        await terminal.wait_for(lambda: log.exists() and "ValueError" in log.read_text())
        await terminal.settle()
        sent = "".join(terminal.app._driver.sent) + terminal.text()
    assert CANARY not in sent
    assert CANARY not in log.read_text()
