"""The whole journey without a screen: a list of customers, one of them brought on, kept, taken back, and the trail that tells it.

The customer's side is a real browser at the simulated Microsoft; our side is `atlas-tui`, each command a process of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

CUSTOMER = "A. Datum Corporation"
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
    "consent.request",
    "run.start",
    "consent.answer",
    "verification.result",
    "connection.badges",
    "run.complete",
    "connection.disable",
]
"""The actions of the trail, oldest first: every step of a person, and what followed from it."""


@pytest.mark.timeout(300)  # dozens of processes, a browser, and everybody else's tests beside them
def test_a_customer_is_brought_on_rotated_revoked_and_disabled_by_commands(
    demo: Any, administrator: Any, until: Callable[..., Any]
) -> None:
    _import_the_list(demo)
    connection = _bring_on(demo, administrator, until)
    _rotate(demo, administrator, connection)
    _revoke_and_consent_again(demo, administrator, until, connection)
    _disable(demo, connection)
    _read_the_story(demo)


def _import_the_list(demo: Any) -> None:
    """Two rows are wrong: they are named, and nothing is written before somebody says what to do about them."""
    customers = demo.addresses["customers"]
    planned = demo("tenant", "import", customers, "--dry-run")
    assert Counter(row["kind"] for row in planned["rows"]) == {"create": 8, "update": 1, "unchanged": 1, "refused": 2}
    assert demo("search", CUSTOMER)["hits"] == []

    refused = demo.run("tenant", "import", customers, code=2).stderr
    for words in ("2 rows are refused, so nothing was written", "line 12: tenant id", "--skip-refused"):
        assert words in refused
    assert demo("search", CUSTOMER)["hits"] == []

    said = demo.run("tenant", "import", customers, "--skip-refused", "--ticket", "CHG-100").stdout
    assert said == "8 created, 1 updated, 1 unchanged, 2 left out\n"


def _bring_on(demo: Any, administrator: Any, until: Callable[..., Any]) -> str:
    """Step by step, each next command from the one before; returns the connection's number."""
    begun = demo("onboard", CUSTOMER)
    tenant = str(begun["onboarding"]["tenant_id"])
    assert (begun["current"]["key"], begun["next_commands"][0]) == ("permissions", "atlas-tui permissions manifest")
    administrator.add_permissions(demo.run("permissions", "manifest", "--format", "entra-json").stdout)
    client_id = administrator.tab.locator("dd").first.inner_text()
    assert demo("onboard", "seen", tenant)["current"]["key"] == "connection"

    connection = str(demo("connection", "add", tenant, "--client-id", client_id)["id"])
    assert demo("onboard", tenant)["next_commands"] == [f"atlas-tui credential set --connection {connection}"]
    secret = administrator.make_secret()
    stored = ("credential", "set", "--connection", connection, "--secret-file", "-", "--key-id", secret.key_id)
    assert "sealed" in demo.run(*stored, stdin=secret.value).stdout

    unfinished = demo.run("onboard", "finish", tenant, code=6).stderr
    assert "The onboarding is not done: Consent" in unfinished
    link = demo("consent", "link", connection, "--redirect-uri", demo.addresses["consent_page"])
    assert administrator.consent(link["url"]) == "Thank you, the consent is recorded"
    until(lambda: _truth(demo, connection) == (True, "granted", "healthy"), "a healthy connection")

    shown = demo.run("onboard", tenant).stdout
    assert "The last connection check found it healthy." in shown
    assert f"atlas-tui onboard finish {tenant}" in shown
    assert demo("onboard", "finish", tenant)["onboarding"]["status"] == "done"
    assert demo("onboard", "list") == []
    return connection


def _rotate(demo: Any, administrator: Any, connection: str) -> None:
    """The new secret is tried before it is used, and the old one is remembered until somebody says that it is gone."""
    (old,) = demo("credential", "show", "--connection", connection)["credentials"]
    secret = administrator.make_secret()
    line = f"connection,secret,secret id,expires\n{connection},{secret.value},{secret.key_id},{secret.expires[:10]}\n"
    planned = demo("credentials", "import", "-", "--dry-run", stdin=line)
    assert [found["problem"] for found in planned["lines"]] == [""]
    said = demo("credentials", "import", "-", "--wait", "--timeout", "60", stdin=line)
    assert [found["fate"] for found in said["lines"]] == ["promoted"]
    assert secret.value not in str(planned) + str(said)

    shown = demo.run("credential", "show", "--connection", connection).stdout
    assert f"The old secret {old['client_key_id']} is still valid at Microsoft" in shown
    administrator.delete_secret(old["client_key_id"])
    demo.run("credential", "confirm-removed", "--connection", connection)
    after = demo("credential", "show", "--connection", connection)
    assert after["reminders"] == []
    assert next((one["slot"], one["client_key_id"]) for one in after["credentials"]) == ("active", secret.key_id)
    assert _truth(demo, connection) == (True, "granted", "healthy"), "a rotation that worked changes no badge"


def _revoke_and_consent_again(demo: Any, administrator: Any, until: Callable[..., Any], connection: str) -> None:
    """Revoked here holds everything back; the second answer comes by paste, as without a consent page."""
    asked = demo.run("connection", "revoke-consent", connection, code=2).stderr
    assert "The customer's consent still stands at Microsoft" in asked
    assert _truth(demo, connection) == (True, "granted", "healthy"), "without --yes nothing happens"
    demo.run("connection", "revoke-consent", connection, "--yes", "--ticket", "CHG-101")
    assert _truth(demo, connection) == (True, "revoked", "healthy")
    blocked = demo.run("connection", "resolve", CUSTOMER, code=10).stdout
    assert "provider_consent_revoked" in blocked

    link = demo("consent", "link", connection)
    assert link["is_pasted_back"] is True
    pasted = administrator.consent_and_copy(link["url"])
    assert demo("consent", "answer", "-", stdin=pasted)["outcome"] == "granted"
    until(lambda: _truth(demo, connection) == (True, "granted", "healthy"), "a healthy connection again")


def _disable(demo: Any, connection: str) -> None:
    """What was found stays true; only nothing starts any more."""
    demo.run("connection", "disable", connection, "--yes", "--ticket", "CHG-102")
    assert _truth(demo, connection) == (False, "granted", "healthy")
    assert "provider_connection_disabled" in demo.run("check", connection, code=10).stderr


def _read_the_story(demo: Any) -> None:
    entries = demo("audit", "list", f"tenant:{CUSTOMER}")[::-1]
    assert [entry["action"] for entry in entries] == STORY
    assert {entry["outcome"] for entry in entries} == {"done"}
    tickets = {entry["action"]: entry["ticket"] for entry in entries if entry["ticket"]}
    assert tickets == {"tenant.create": "CHG-100", "consent.revoke": "CHG-101", "connection.disable": "CHG-102"}
    told = demo.run("audit", "list", f"tenant:{CUSTOMER}").stdout
    for words in ("staged credential became the active one", "consent revoked on our side", "connection disabled"):
        assert words in told
    assert "entries fit" in demo.run("audit", "verify").stdout


def _truth(demo: Any, connection: str) -> tuple[bool, str, str]:
    row = demo("connection", "show", connection)["row"]
    return row["is_enabled"], row["consent_status"], row["verification_status"]
