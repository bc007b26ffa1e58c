"""The portal in a real Chromium, without its scripts: pages that can be read and worked by keyboard, and what a person does there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def tab(browser: Any, microsoft: Any) -> Iterator[Any]:
    """A private window without scripts that has signed in to the portal; it fails when a page breaks its own policy."""
    context = browser.new_context(ignore_https_errors=True, java_script_enabled=False)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(microsoft.endpoints["portal"])
    yield page
    context.close()
    assert [text for text in said if "Content Security Policy" in text] == []


def test_a_person_rotates_a_secret_and_takes_consent_away(tab: Any, microsoft: Any) -> None:
    customer = microsoft.customer(name="Nod Publishers [b]", app={"granted_roles": [], "required_roles": []})
    tab.get_by_label("Search by name, domain or tenant ID").fill(customer.domain)
    tab.keyboard.press("Enter")
    tab.get_by_role("link", name="Nod Publishers [b]").click()
    tab.get_by_role("table", name="Applications registered in this tenant").get_by_role("link").click()

    tab.get_by_label("Expires after").select_option("90")
    tab.get_by_role("button", name="Add a client secret").click()
    value = tab.get_by_role("status").locator("dd").first.inner_text()
    assert microsoft.sign_in(customer, client_secret=value).status_code == 200
    tab.get_by_role("button", name=f"Delete secret {customer.key_id}").click()
    assert tab.get_by_role("status").inner_text() == "The client secret was deleted."
    assert microsoft.sign_in(customer).json()["error_codes"] == [7000215]
    assert value not in tab.content()

    tab.get_by_label("Permissions by name").fill("Organization.Read.All")
    tab.get_by_role("button", name="Add the permissions").click()
    tab.get_by_role("button", name="Grant admin consent").click()
    assert "granted" in tab.get_by_role("row", name="Organization.Read.All").inner_text()

    tab.get_by_role("link", name="open").click()
    tab.get_by_role("button", name="Revoke all permissions").click()
    assert tab.get_by_role("status").inner_text() == "All permissions of the application were revoked."
    tab.get_by_role("button", name="Disable sign-in").click()
    assert microsoft.sign_in(customer, client_secret=value).json()["error_codes"] == [7000112]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_and_worked_by_keyboard(tab: Any, microsoft: Any, customer: Any, scheme: str) -> None:
    tab.emulate_media(color_scheme=scheme)
    root = f"{microsoft.endpoints['control']}/portal"
    here = f"{root}/tenants/{customer.id}"
    for address in (
        root,
        here,
        f"{here}/registrations/{customer.client_id}",
        f"{here}/enterprise/{customer.client_id}",
        f"{root}/tenants/x",
    ):
        tab.goto(address)
        assert tab.locator("html").get_attribute("lang") == "en"
        assert tab.get_by_role("heading", level=1).count() == 1
        assert tab.get_by_role("main").count() == 1
        assert "simulated" in tab.title()
        assert "Simulation" in tab.get_by_role("note").inner_text()
        fields = tab.locator("input:not([type=hidden]), select, textarea")
        for field in fields.all():
            assert tab.locator(f"label[for={field.get_attribute('id')}]").count() == 1
        tab.keyboard.press("Tab")
        assert tab.locator(":focus").inner_text() == "Skip to content"
        names = [
            button.get_attribute("aria-label") or button.inner_text() for button in tab.get_by_role("button").all()
        ]
        assert len(names) == len(set(names)), "two buttons of one name do different things"


def test_without_the_key_a_person_is_asked_for_it(browser: Any, microsoft: Any) -> None:
    context = browser.new_context(ignore_https_errors=True, java_script_enabled=False)
    page = context.new_page()
    page.goto(microsoft.endpoints["control"])
    page.get_by_label("Key").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("alert").inner_text() == "That key is not the right one."
    page.get_by_label("Key").fill(microsoft.endpoints["portal"].split("key=")[1])
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="Tenants").wait_for()
    context.close()
