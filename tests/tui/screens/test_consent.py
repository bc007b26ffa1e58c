"""The consent screen: links that are made, given away and revoked, answers that are pasted back, the portal, the evidence."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from textual import events

from atlas_tui import qr
from atlas_tui.cells import line_text, width_of
from atlas_tui.links import View, to_consent
from atlas_tui.screens.consent_answer import PasteAnswer
from atlas_tui.screens.consent_qr import QrCode
from atlas_tui.screens.consent_text import check_lines
from atlas_tui.screens.prose import Times
from atlas_tui.widgets.confirm_name import ConfirmName
from atlas_tui.widgets.lines import PaintedLines
from atlas_tui.widgets.menu import Menu
from storage import connections, consent_history, leases, runs
from storage.states import ConsentRequestStatus, ConsentStatus

OTHER = "0b4d2f1e-1b2c-4d5e-8f90-0123456789ab"


async def confirm(terminal: Any) -> None:
    """From Cancel to the verb, and press it."""
    assert isinstance(terminal.app.screen, ConfirmName), terminal.text()
    terminal.app.screen.query_one("#confirm").focus()
    await terminal.press("enter")


async def make_link(terminal: Any) -> Any:
    await terminal.press("x", "l")
    await confirm(terminal)
    (link,) = terminal.app.consent_links.values()
    return link


async def paste(terminal: Any, text: str) -> None:
    """As a terminal pastes: the app hands it to what has the focus, else to the screen."""
    terminal.app.post_message(events.Paste(text))
    await terminal.settle()


def answer_to(link: Any, tenant: str | None = None, **more: str) -> str:
    """The address that the administrator's browser ends at."""
    state = parse_qs(urlsplit(link.url).query)["state"][0]
    said = {"admin_consent": "True", "tenant": tenant or link.entra_tenant_id, "state": state} | more
    return f"{link.redirect_uri}?" + "&".join(f"{name}={value}" for name, value in said.items())


def status_of(fleet: Any, connection_id: int) -> ConsentStatus:
    return connections.get(fleet.db, fleet.people["dana"], connection_id).row.consent_status


@pytest.fixture
def asked(north: Any) -> int:
    """A connection whose customer has not consented, and a worker."""
    north.worker()
    return int(north.add("Contoso Ltd", consent_status="required", verification_status="unknown", last_checked_at=None))


async def test_it_opens_from_the_menu_of_a_connection_and_says_who_must_do_what(
    north: Any, dashboard: Any, asked: int
) -> None:
    async with dashboard(north) as terminal:
        await terminal.press("x", "o")
        assert terminal.app.seen.VIEW is View.CONSENT
        assert terminal.shows("! required")
        assert terminal.shows("Global Administrator or Privileged Role Administrator")
        assert terminal.shows("http://localhost/atlas-consent must be registered")
        assert terminal.shows("None was made yet.")
        text = terminal.text()
        assert text.index("Granted in the portal") < text.index("Or ask by a link"), "dedicated: the portal first"
        await terminal.press("y")
        assert terminal.shows("No link's address is known here")
        await terminal.press("escape")
        assert terminal.app.seen.VIEW is View.CONNECTIONS


async def test_a_link_is_made_after_a_question_and_can_be_selected_copied_scanned_and_written(
    north: Any, dashboard: Any, asked: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    rendered: list[str] = []
    render = qr.render
    monkeypatch.setattr(qr, "render", lambda text, **named: (rendered.append(text), render(text, **named))[1])
    async with dashboard(north, size=(80, 30)) as terminal:
        terminal.app._session = replace(terminal.app.session, state_directory=str(tmp_path))
        terminal.app.navigation.go(to_consent(asked))
        await terminal.settle()
        await terminal.press("x", "l", "enter")
        assert terminal.app.consent_links == {}, "Cancel has the focus"
        link = await make_link(terminal)
        rows = [line.rstrip() for line in terminal.display()]
        first = next(index for index, line in enumerate(rows) if line.startswith("https://"))
        last = next(index for index, line in enumerate(rows) if line.startswith(" y copies it"))
        assert "".join(rows[first:last]) == link.url, "line under line, from the first cell on"
        await terminal.press("y")
        assert terminal.app.clipboard == link.url
        await terminal.press("m")
        assert terminal.app.clipboard.startswith("Subject: ")
        assert link.url in terminal.app.clipboard
        await terminal.press("E")
        (file,) = (tmp_path / "exports").iterdir()
        assert link.url in file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600
        await terminal.press("Q")
        code = terminal.app.screen
        assert isinstance(code, QrCode)
        assert "needs 65 columns and 34 lines" in code.shown()
        await terminal.pilot.resize_terminal(140, 80)
        await terminal.settle()
        assert "█" in code.shown()
        await terminal.press("a")
        assert "##" in code.shown()
        assert "█" not in code.shown()
        assert rendered == [link.url] * 2, "worked out once for each way to draw it, not for each line and size"
        await terminal.press("escape")
        link_row = next(row for row in consent_history.requests(north.db, north.people["dana"], asked))
        assert link_row.status is ConsentRequestStatus.OPEN
        assert "state=" not in repr(terminal.app.consent_links)


async def test_a_file_is_refused_in_an_ssh_session(north: Any, dashboard: Any, asked: int, tmp_path: Any) -> None:
    from dataclasses import replace

    async with dashboard(north) as terminal:
        session = terminal.app.session
        terminal.app._session = replace(session, state_directory=str(tmp_path), who=replace(session.who, via="ssh"))
        terminal.app.navigation.go(to_consent(asked))
        await terminal.settle()
        await make_link(terminal)
        await terminal.press("E")
        assert terminal.shows("Nothing is written to files")
    assert list(tmp_path.iterdir()) == [] or not (tmp_path / "exports").exists()


async def test_an_answer_pasted_with_broken_lines_is_recorded_after_a_look(
    north: Any, dashboard: Any, asked: int
) -> None:
    async with dashboard(north) as terminal:
        terminal.app.navigation.go(to_consent(asked))
        await terminal.settle()
        link = await make_link(terminal)
        address = answer_to(link)
        broken = "They sent:\n> " + "\n> ".join(address[at : at + 40] for at in range(0, len(address), 40))
        await paste(terminal, broken)
        assert isinstance(terminal.app.screen, PasteAnswer)
        assert terminal.shows("It says that consent was given.")
        assert status_of(north, asked) is ConsentStatus.REQUIRED, "pasting alone records nothing"
        await terminal.press("ctrl+s")
        assert terminal.shows("Consent is recorded.")
        assert terminal.shows("proves it")
        await terminal.press("P")
        await paste(terminal, address)
        await terminal.press("ctrl+s")
        assert terminal.shows("already recorded")
    assert status_of(north, asked) is ConsentStatus.GRANTED


async def test_another_tenants_answer_is_refused_with_both_ids(north: Any, dashboard: Any, asked: int) -> None:
    async with dashboard(north) as terminal:
        terminal.app.navigation.go(to_consent(asked))
        await terminal.settle()
        link = await make_link(terminal)
        await terminal.press("P")
        await paste(terminal, answer_to(link, OTHER))
        assert terminal.shows(OTHER)
        await terminal.press("tab", "tab", "enter")
        assert terminal.shows(f"Expected     {link.entra_tenant_id}")
        assert terminal.shows(f"Answered by  {OTHER}")
        assert terminal.shows("Next step")
    assert status_of(north, asked) is ConsentStatus.REQUIRED


async def test_what_is_no_answer_cannot_be_recorded(north: Any, dashboard: Any, asked: int) -> None:
    async with dashboard(north) as terminal:
        terminal.app.navigation.go(to_consent(asked))
        await terminal.settle()
        await terminal.press("P")
        await paste(terminal, "https://example.com/hello [/bold] \x1b[31m")
        assert terminal.shows("holds no answer of Microsoft's")
        await terminal.press("ctrl+s")
        assert isinstance(terminal.app.screen, PasteAnswer)
        await terminal.press("escape")
        assert terminal.app.seen.VIEW is View.CONSENT


async def test_a_link_is_revoked_and_its_answer_refused(north: Any, dashboard: Any, asked: int) -> None:
    async with dashboard(north) as terminal:
        terminal.app.navigation.go(to_consent(asked))
        await terminal.settle()
        link = await make_link(terminal)
        await terminal.press("x", "w")
        await confirm(terminal)
        assert terminal.shows("None open.")
        await paste(terminal, answer_to(link))
        await terminal.press("ctrl+s")
        assert terminal.shows("revoked")
    assert status_of(north, asked) is ConsentStatus.REQUIRED
    assert terminal.app.consent_links == {}


async def test_a_check_that_waits_shows_its_tries_and_until_when(north: Any, dashboard: Any, asked: int) -> None:
    async with dashboard(north) as terminal:
        terminal.app.navigation.go(to_consent(asked))
        await terminal.settle()
        await terminal.press("x", "g")
        await confirm(terminal)
        assert terminal.shows("+ granted")
        assert terminal.shows("~ queued")
        run_id = connections.get(north.db, north.people["dana"], asked).row.active_run_id
        claim = leases.claim(north.db, "w1", run_id)
        assert claim is not None
        leases.defer(north.db, claim.held, seconds=30, reason_code="identity_propagating", phase="consent is spreading")
        await terminal.wait_for(lambda: terminal.shows("consent is spreading"))
        assert terminal.shows("taken up once, waiting for Microsoft until 12:00:30Z")
    detail = runs.get(north.db, north.people["dana"], run_id)
    said = "".join(line_text(line) for line in check_lines(detail, Times(north.clock()), 80))
    assert "12:00:30Z" in said


async def test_revoking_here_says_what_it_cannot_do(north: Any, dashboard: Any) -> None:
    connection = north.add("Contoso Ltd")
    async with dashboard(north) as terminal:
        terminal.app.navigation.go(to_consent(connection))
        await terminal.settle()
        await terminal.press("x", "v")
        text = " ".join(terminal.text().split())
        assert "Microsoft" in text
        await confirm(terminal)
        assert terminal.shows("at Microsoft it still stands")
    assert status_of(north, connection) is ConsentStatus.REVOKED


async def test_the_evidence_card_is_on_the_page_and_goes_into_a_mail(north: Any, dashboard: Any, asked: int) -> None:
    async with dashboard(north) as terminal:
        terminal.app.navigation.go(to_consent(asked))
        await terminal.settle()
        link = await make_link(terminal)
        await terminal.press("G")
        assert terminal.shows("Likely causes")
        await terminal.press("Y")
        card = terminal.app.clipboard
        assert card.startswith("Consent evidence: Contoso Ltd\n")
        assert link.url not in card


async def test_who_may_only_read_sees_it_and_is_told_whom_to_ask(north: Any, dashboard: Any, asked: int) -> None:
    async with dashboard(north, login="rita") as terminal:
        terminal.app.navigation.go(to_consent(asked))
        await terminal.settle()
        await terminal.press("x")
        menu = terminal.app.screen
        assert isinstance(menu, Menu)
        assert all("Ask " in item.refusal for item in menu._items.items)
        await terminal.press("escape", "P")
        assert terminal.shows("Your role may not.")


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (60, 20)])
async def test_every_line_fits(north: Any, dashboard: Any, asked: int, size: tuple[int, int]) -> None:
    async with dashboard(north, size=size) as terminal:
        terminal.app.navigation.go(to_consent(asked))
        await terminal.settle()
        await make_link(terminal)
        for key in ("g", "pagedown", "G"):
            await terminal.press(key)
            for painted in terminal.app.screen.query(PaintedLines):
                assert painted.region.right <= size[0]
                for line in painted.lines:
                    assert width_of(line_text(line)) == painted.size.width
