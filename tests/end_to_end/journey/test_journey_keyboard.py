"""The whole journey at the keyboard, in a terminal of 80x24: nothing but keys goes in, nothing but the screen is looked at.

The customers' side is a real browser at the simulated Microsoft. Two customers are brought on: one as most are, through the consent
page; one with an application of their own, whose answer nothing listens for.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

CUSTOMER = "A. Datum Corporation"
ACTIVE = re.compile(r"Active       secret ([0-9a-f-]{36}),")
SAVE, QUIT, ESCAPE = "\x13", "\x11", "\x1b"
STORY = [
    "tenant.create",
    "onboarding.begin",
    "onboarding.permissions_seen",
    "connection.create",
    "credential.store",
    "consent.request",
    "run.start",
    "consent.answer",
    "verification.result",
    "connection.badges",
    "run.complete",
    "onboarding.finish",
    "credential.store",
    "run.start",
    "verification.result",
    "credential.promote",
    "run.complete",
    "credential.confirm_removed",
    "consent.revoke",
    "consent.record",
    "run.start",
    "verification.result",
    "connection.badges",
    "run.complete",
    "connection.disable",
]
"""What the trail says of the second customer, oldest first."""


@pytest.mark.timeout(300)  # dozens of processes, a browser, and everybody else's tests beside them
def test_customers_are_brought_on_rotated_revoked_and_disabled_by_keys(
    demo: Any, administrator: Any, until: Any
) -> None:
    _import_the_list(demo)
    _bring_on_through_the_consent_page(demo, administrator, until)
    _bring_on_with_an_application_of_their_own(demo, administrator, until)
    _rotate(demo, administrator)
    _revoke_and_grant_in_the_portal(demo, administrator)
    _disable(demo)
    _read_the_story(demo)
    demo.press(QUIT)
    until(lambda: not demo.processes(), "the end of every process")
    entries = demo("audit", "list", f"tenant:{CUSTOMER}")[::-1]
    assert [entry["action"] for entry in entries] == STORY
    assert "entries fit" in demo.run("audit", "verify").stdout


def _import_the_list(demo: Any) -> None:
    demo.command(f"import {demo.addresses['customers']}")
    demo.sees("All 12", "Create 8", "Update 1", "Refused 2", "nothing is written yet", "12 x refused")
    demo.press("x")
    demo.sees("2 rows refused: mend the file")
    demo.press("s")
    demo.confirm("Import 9 tenants from newcomers.csv?", "Import ")
    demo.sees("8 created, 1 updated, 1 unchanged, 2 left out", CUSTOMER[:12])


def _begin(demo: Any, customer: str) -> None:
    demo.command(f"onboard {customer}")
    demo.confirm(f"Begin the onboarding of {customer}?", "Begin ")
    demo.sees(f"Onboarding of {customer}", "> current", "The app registration needs application permissions.")


def _see_permissions(demo: Any) -> None:
    demo.press("\r")
    demo.sees("This tenant has no provider connection.")
    demo.press("\r")
    demo.sees(": connection", "< platform >")


def _make_link(demo: Any, until: Any) -> str:
    """Makes a consent link; what is copied is what is shown."""
    demo.choose("l", "Make a consent link")
    demo.confirm("Make a consent link for", "Make link")
    demo.sees("Link no.", "https://", "y copies it, m the mail to the customer")
    before = len(demo.copied())
    demo.press("y")
    (link,) = until(lambda: demo.copied()[before:], "the copied link")
    demo.sees("Copied the link")
    demo.sees_that(lambda screen: _link_on(screen) == link, f"the link {link}")
    return str(link)


def _link_on(screen: str) -> str:
    """The link that is shown, in one piece; empty while there is none."""
    _, found, rest = screen.partition("\nhttps://")
    lines = rest.splitlines()
    end = next((number for number, line in enumerate(lines) if "y copies it" in line), 0)
    return "https://" + "".join(lines[:end]) if found else ""


def _finish(demo: Any, customer: str) -> None:
    demo.sees("Everything is in place.")
    demo.press("\r")
    demo.confirm(f"Finish the onboarding of {customer}?", "Finish ")
    demo.sees("The tenant is on board.")


def _bring_on_through_the_consent_page(demo: Any, administrator: Any, until: Any) -> None:
    """No key is pressed between the link and the end: the screen follows the customer."""
    _begin(demo, "Tailwind Traders")
    _see_permissions(demo)
    demo.press(SAVE)
    demo.sees("Consent      o unknown", "Who must")
    link = _make_link(demo, until)
    assert administrator.consent(link, "Tailwind Traders") == "Thank you, the consent is recorded"
    _finish(demo, "Tailwind Traders")


def _bring_on_with_an_application_of_their_own(demo: Any, administrator: Any, until: Any) -> None:
    _begin(demo, CUSTOMER)
    demo.press("o")
    demo.sees("[Entra manifest (JSON)]")
    demo.press("y")
    manifest = until(
        lambda: [text for text in demo.copied() if "requiredResourceAccess" in text], "the copied manifest"
    )
    assert json.loads(manifest[-1])
    administrator.add_permissions(manifest[-1])
    client_id = administrator.tab.locator("dd").first.inner_text()

    _see_permissions(demo)
    demo.press("\t")
    demo.sees("Whose app registration it signs in with.")
    demo.press("\x1b[C")
    demo.sees("< dedicated >", "Client id")
    demo.press("\t")
    demo.sees("Application (client) id of the customer's own app registration.")
    demo.press(client_id)
    demo.sees(client_id)
    demo.press(SAVE)
    demo.sees("The connection has no credential.")
    demo.press("\r")
    _type_secret(demo, administrator)
    demo.sees("Consent      o unknown", "Granted in the portal")

    pasted = administrator.consent_and_copy(_make_link(demo, until))
    demo.press("P")
    demo.sees("Paste the answer to a consent link")
    demo.paste(pasted)
    demo.sees("It says that consent was given.")
    demo.press(SAVE)
    _finish(demo, CUSTOMER)


def _type_secret(demo: Any, administrator: Any) -> str:
    """Makes a secret in the portal and types it into the form; returns its id. Its value is on no screen."""
    demo.sees("< client secret >", "Secret value")
    secret = administrator.make_secret()
    demo.press("\t")
    demo.sees("The Value column of the portal's client secret")
    demo.paste(secret.value)
    demo.sees("........")
    for hint, text in (("ID column", secret.key_id), ("Unknown expiry", secret.expires[:10])):
        demo.press("\t")
        demo.sees(hint)
        demo.press(text)
    screen = demo.sees(secret.key_id, secret.expires[:10])
    assert secret.value not in screen
    demo.press(SAVE)
    return str(secret.key_id)


def _rotate(demo: Any, administrator: Any) -> None:
    demo.command("conn A. Datum")
    demo.sees("Overview  Report", "Verification + healthy")
    demo.choose("k", "Credential...")
    demo.sees("n  New credential", "No credential is staged.")
    demo.press("n")
    screen = demo.sees_that(lambda screen: "New credential of" in screen and ACTIVE.search(screen), "the active secret")
    found = ACTIVE.search(screen)
    assert found is not None
    old = found[1]
    key_id = _type_secret(demo, administrator)
    demo.sees("is sealed and staged", "Overview  Report")
    demo.choose("k", "Credential...")
    demo.sees("v  Verify the staged one now")
    demo.press("v")
    demo.confirm("Verify the staged credential of", "Verify ")
    demo.sees("Connection check of A. Datum Corporation: succeeded")
    demo.press("]]]]]")
    demo.sees("Credentials of this connection", key_id, old)
    administrator.delete_secret(old)
    demo.choose("m", "Confirm: removed at Microsoft")
    demo.confirm("Was the old secret of A. Datum Corporation removed", "It was removed")
    demo.sees("is gone at Microsoft")
    demo.press("[[[[[")
    demo.sees("Signs in     dedicated", "Verification + healthy")


def _revoke_and_grant_in_the_portal(demo: Any, administrator: Any) -> None:
    demo.choose("v", "Revoke consent here")
    demo.confirm("Revoke the consent of", "Revoke ")
    demo.sees("Consent      x revoked", "Verification + healthy")
    administrator.grant_in_portal()
    demo.choose("o", "Consent...")
    demo.sees("Consent of A. Datum Corporation", "Granted in the portal")
    demo.choose("g", "Granted in the portal: check now")
    demo.confirm("Was consent for A. Datum Corporation granted in the portal?", "Check now")
    demo.sees("Consent      + granted", "Verification + healthy", "succeeded")
    demo.press(ESCAPE)
    demo.sees("Overview  Report")


def _disable(demo: Any) -> None:
    demo.choose("b", "Disable")
    demo.confirm("Disable connection", "Disable ")
    demo.sees("Lifecycle    - disabled", "Consent      + granted", "Verification + healthy")


def _read_the_story(demo: Any) -> None:
    demo.press("5")
    demo.sees("newest first")
    demo.press("/")
    demo.sees("actor:dana")
    demo.press("tenant:datum\r")
    told = [
        "connection disabled",
        "consent recorded",
        "consent revoked on o",
        "old key confirmed as",
        "staged credential be",
    ]

    def newest_first(screen: str) -> bool:
        places = [screen.find(words) for words in told]
        return "/tenant:datum" in screen and -1 not in places and places == sorted(places)

    demo.sees_that(newest_first, "story, newest first")
