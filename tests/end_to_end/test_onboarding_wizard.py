"""The wizard against the simulated Microsoft and a real worker: from a tenant nobody knows to healthy, at the keyboard.

Nothing is replaced but the cloud's host names; the administrator's browser is one request that accepts.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from textual import events

from atlas_tui.app import AtlasApp
from atlas_tui.cells import line_text
from atlas_tui.links import View
from atlas_tui.screens.consent_answer import PasteAnswer
from atlas_tui.screens.form import FormScreen
from atlas_tui.session import open_session
from atlas_tui.threads import Asks
from atlas_tui.widgets.confirm_name import ConfirmName
from atlas_tui.widgets.lines import PaintedLines
from storage import configuration, onboarding_state
from storage.onboarding_steps import StepKey, StepState
from storage.states import OnboardingStatus


class Keyboard:
    """A person in front of the dashboard."""

    def __init__(self, app: AtlasApp, pilot: Any) -> None:
        self.app = app
        self._pilot = pilot

    def text(self) -> str:
        painted = [line_text(line) for shown in self.app.screen.query(PaintedLines) for line in shown.lines]
        return "\n".join(painted)

    async def wait_for(self, condition: Callable[[], object], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.text()
            await asyncio.sleep(0.05)
        await self._pilot.pause()

    async def settle(self) -> None:
        def is_busy() -> bool:
            asking = [screen for screen in self.app.screen_stack if isinstance(screen, Asks)]
            return self.app.is_asking or self.app.drafts.is_busy or any(screen.is_asking for screen in asking)

        await self._pilot.pause()
        await self.wait_for(lambda: not is_busy())

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self._pilot.press(key)
            await self.settle()

    async def paste(self, text: str) -> None:
        self.app.post_message(events.Paste(text))
        await self.settle()

    async def confirm(self) -> None:
        assert isinstance(self.app.screen, ConfirmName), self.text()
        self.app.screen.query_one("#confirm").focus()
        await self.press("enter")

    async def save(self) -> None:
        assert isinstance(self.app.screen, FormScreen), self.text()
        await self.press("ctrl+s")
        await self.wait_for(lambda: not isinstance(self.app.screen, FormScreen))
        await self.settle()


def _application(microsoft: Any) -> tuple[str, dict[str, Any]]:
    """The customer's own app registration, with a secret and without consent."""
    value, now = f"abc8Q~{uuid.uuid4().hex}", datetime.now(UTC)
    secret = {
        "key_id": str(uuid.uuid4()),
        "value": value,
        "starts": (now - timedelta(days=1)).isoformat(),
        "expires": (now + timedelta(days=300)).isoformat(),
    }
    roles = microsoft.tenants["Contoso Ltd"]["apps"][0]["granted_roles"]
    return value, {"secrets": [secret], "consented": False, "required_roles": roles}


def _accepted(microsoft: Any, url: str) -> str:
    """What the administrator's browser shows in its address bar after Accept: an error page of its own."""
    trust = ssl.create_default_context(cafile=microsoft.endpoints["ca"])
    with httpx.Client(verify=trust, timeout=60, trust_env=False) as browser:
        answer = browser.get(f"{url}&answer=accept")
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def test_a_tenant_is_onboarded_at_the_keyboard_until_a_worker_finds_it_healthy(bare_estate: Any) -> None:
    value, application = _application(bare_estate.microsoft)
    customer = bare_estate.microsoft.new_tenant("Wizard Customer", app=application)
    bare_estate("init", "--directory", bare_estate.home / "data", "--workspace", "main", check=0)
    bare_estate.point_at_simulator()
    bare_estate.start_worker()
    settings = configuration.load(bare_estate.config)
    app = AtlasApp(lambda: open_session(settings), theme_name="atlas-dark")
    async with app.run_test(size=(80, 24)) as pilot:
        hands = Keyboard(app, pilot)
        await hands.wait_for(lambda: app.is_open and app.seen is not None)
        await hands.settle()
        await hands.press("colon", *"onboard", "enter")
        await hands.paste("Wizard Customer")
        await hands.press("tab")
        await hands.paste(customer["id"])
        await hands.press("tab")
        await hands.paste(customer["domains"][0])
        await hands.save()
        assert app.seen is not None
        assert app.seen.VIEW is View.ONBOARDING
        await hands.press("enter", "enter", "down")
        await hands.paste(customer["apps"][0]["client_id"])
        await hands.save()
        await hands.press("enter", "down")
        await hands.paste(value)
        await hands.save()
        await hands.press("x", "l")
        await hands.confirm()
        (link,) = app.consent_links.values()
        address = _accepted(bare_estate.microsoft, link.url)
        await hands.paste("\n".join(address[at : at + 60] for at in range(0, len(address), 60)))
        assert isinstance(app.screen, PasteAnswer)
        await hands.press("ctrl+s")
        await hands.wait_for(lambda: "Everything is in place." in hands.text())
        await hands.press("enter")
        await hands.confirm()
        assert "is on board" in hands.text()
        session = app.session
        found = onboarding_state.of_tenant(session.db, session.who, 1)
    assert found is not None
    assert found.status is OnboardingStatus.DONE
    assert {step.key: step.state for step in found.steps} == dict.fromkeys(StepKey, StepState.DONE)
    row = bare_estate.badges("Wizard Customer")
    assert (row["consent_status"], row["verification_status"]) == ("granted", "healthy")
