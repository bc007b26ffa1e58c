"""The whole consent journey in a real browser: our link, Microsoft's page, our page, the worker's check.

Nothing is replaced but the cloud's host names. What needs a browser is skipped where there is no Chromium; the catalogue of refusals goes
through the real callback without one.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from storage import (
    access,
    audit_trail,
    configuration,
    connection_changes,
    connections,
    consent_history,
    consent_requests,
    reasons,
    starting,
    tenants,
    workspaces,
)
from storage.access import Principal
from storage.consent_requests import ConsentLink

ROOT = Path(__file__).parents[2]
PATH = "/atlas-consent"


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A private window."""
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(90_000)
    yield context.new_page()
    context.close()


@dataclass
class Practice:
    """An MSP with a platform app, a callback page and a worker; customers that have not consented."""

    estate: Any
    page_url: str
    client_id: str
    home: str
    secret: dict[str, Any]
    trust: ssl.SSLContext

    def customer(self, name: str, **fields: Any) -> str:
        """A tenant that knows nothing of the app yet, and our connection to it; returns the connection's number."""
        app = {
            "client_id": self.client_id,
            "multi_tenant": True,
            "home_tenant": self.home,
            "consented": False,
            "secrets": [self.secret],
            "required_roles": self.estate.microsoft.tenants["The Practice"]["apps"][0]["required_roles"],
            "redirect_uris": [self.page_url],
        }
        tenant = self.estate.microsoft.new_tenant(name, app=app, **fields)
        self.estate("tenant", "add", name, tenant["id"], "--domain", tenant["domains"][0], check=0)
        return str(self.estate("connection", "add", name, "--json", check=0).json["id"])

    @property
    def who(self) -> Principal:
        return access.local_principal(self.estate.db)

    def quick_link(self, name: str, *scenarios: Any) -> ConsentLink:
        """A customer with scenarios, and a link, without starting a process for each step."""
        microsoft, db = self.estate.microsoft, self.estate.db
        app = {"client_id": self.client_id, "multi_tenant": True, "home_tenant": self.home, "consented": False}
        model = microsoft.tenants["The Practice"]["apps"][0]
        more = {"secrets": [self.secret], "required_roles": model["required_roles"], "redirect_uris": [self.page_url]}
        tenant = microsoft.new_tenant(name, app={**app, **more}, scenarios=list(scenarios))
        workspace = workspaces.find_workspace(db, self.who, "main")
        domain = tenant["domains"][0]
        row = tenants.create(db, self.who, workspace, entra_tenant_id=tenant["id"], name=name, primary_domain=domain)
        connection = connection_changes.create(db, self.who, row.id)
        clouds = configuration.load(self.estate.config).clouds
        return consent_requests.request(db, self.who, connection.id, clouds=clouds)

    def link(self, connection: str) -> dict[str, Any]:
        return dict(self.estate("consent", "link", connection, "--json", check=0).json)

    def badges(self, connection: str) -> tuple[str, str]:
        row = connections.get(self.estate.db, self.who, int(connection)).row
        return row.consent_status.value, row.verification_status.value

    def microsoft_answers(self, name: str, link: dict[str, Any]) -> httpx.Response:
        """Follows the link without a browser, as far as a scenario of the tenant answers by itself."""
        ours = {"timeout": 60, "trust_env": False}
        ca = self.estate.microsoft.endpoints["ca"]
        with httpx.Client(verify=ssl.create_default_context(cafile=ca), **ours) as client:
            answer = client.get(link["url"])
        if answer.status_code != 302:
            return answer
        with httpx.Client(verify=self.trust, **ours) as client:
            return client.get(answer.headers["location"])


@pytest.fixture(scope="module")
def practice(new_estate: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    """The machine of the practice."""
    home = tmp_path_factory.mktemp("practice")
    estate = new_estate(home / "home")
    value = f"abc8Q~{uuid.uuid4().hex}"
    now = datetime.now(UTC)
    secret = {
        "key_id": str(uuid.uuid4()),
        "value": value,
        "starts": (now - timedelta(days=1)).isoformat(),
        "expires": (now + timedelta(days=300)).isoformat(),
    }
    client_id, tenant = str(uuid.uuid4()), str(uuid.uuid4())
    estate("init", "--directory", estate.home / "data", "--workspace", "main", check=0)
    estate.point_at_simulator()
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(home / "tls.pem")
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    command = [sys.executable, "-c", "import sys; from atlas_tui.cli import main; sys.exit(main())", "consent-page"]
    options = ["--config", str(estate.config), "--port", "0", "--certificate", str(home / "tls.pem")]
    with (home / "page.log").open("w") as log:
        page = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert page.stdout is not None
    try:
        url = json.loads(page.stdout.readline())["listening"].replace("127.0.0.1", "localhost")
        model = estate.microsoft.tenants["Contoso Ltd"]["apps"][0]
        app = {
            "client_id": client_id,
            "multi_tenant": True,
            "home_tenant": tenant,
            "secrets": [secret],
            "required_roles": model["granted_roles"],
            "redirect_uris": [url],
        }
        estate.microsoft.new_tenant("The Practice", id=tenant, app=app)
        registered = ("--client-id", client_id, "--home-tenant", tenant, "--redirect-uri", url)
        estate("app", "add", "Atlas", *registered, check=0)
        estate("credential", "set", "--app", "global", "--secret-file", "-", stdin=value.encode(), check=0)
        estate.start_worker()
        yield Practice(estate, url, client_id, tenant, secret, trust)
    finally:
        page.terminate()
        page.wait(60)
        page.stdout.close()
        estate.close()


def _sign_in(tab: Any, link: dict[str, Any], account: str) -> None:
    tab.goto(link["url"])
    tab.get_by_role("link", name=account).click()


def test_an_administrator_approves_and_the_connection_becomes_healthy(
    practice: Practice, tab: Any, until: Callable[..., Any]
) -> None:
    number = practice.customer("Approving Ltd")
    link = practice.link(number)
    _sign_in(tab, link, "Global Administrator of Approving Ltd")
    assert tab.get_by_role("heading", level=1).inner_text() == "Permissions requested"
    tab.get_by_role("link", name="Accept").click()

    assert tab.url.startswith(practice.page_url)
    assert tab.get_by_role("heading", level=1).inner_text() == "Thank you, the consent is recorded"
    until(lambda: practice.badges(number) == ("granted", "healthy"), "the check's verdict")
    answered = tab.url
    tab.reload()
    assert tab.get_by_role("heading", level=1).inner_text() == "This consent is already recorded"
    assert practice.badges(number) == ("granted", "healthy")
    pasted = practice.estate("consent", "answer", number, "-", "--json", stdin=answered.encode(), check=0).json
    assert pasted["outcome"] == "already_recorded"
    card = practice.estate("consent", "evidence", number, check=0).out
    assert "consent was given" in card
    assert "the callback page" in card


def test_an_administrator_declines_and_then_changes_their_mind(
    practice: Practice, tab: Any, until: Callable[..., Any]
) -> None:
    number = practice.customer("Hesitating Ltd")
    link = practice.link(number)
    _sign_in(tab, link, "Global Administrator of Hesitating Ltd")
    tab.get_by_role("link", name="Cancel").click()
    assert tab.get_by_role("heading", level=1).inner_text() == "The consent was declined"
    assert practice.badges(number)[0] == "failed"
    card = practice.estate("consent", "evidence", number, check=0).out
    assert "consent_declined" in card
    assert "AADSTS65004" in card
    _sign_in(tab, link, "Global Administrator of Hesitating Ltd")
    tab.get_by_role("link", name="Accept").click()
    until(lambda: practice.badges(number) == ("granted", "healthy"), "the check's verdict")


@pytest.mark.parametrize(
    ("account", "next_link", "heading", "number"),
    [
        ("Application Administrator of", "Request approval", "An administrator has to approve this", "AADSTS90095"),
        ("User of", "Return to the application", "An administrator has to approve this", "AADSTS90094"),
        ("foreign", "", "That account belongs to another organization", "AADSTS50020"),
    ],
)
def test_an_account_that_may_not_consent_is_told_who_may(
    practice: Practice, tab: Any, account: str, next_link: str, heading: str, number: str
) -> None:
    name = f"Wrong Account {number}"
    connection = practice.customer(name)
    link = practice.link(connection)
    tab.goto(link["url"])
    choice = (
        tab.locator("a[href*='account=foreign']") if account == "foreign" else tab.get_by_role("link", name=account)
    )
    choice.click()
    if next_link:
        assert tab.get_by_role("heading", level=1).inner_text() == "Need admin approval"
        tab.get_by_role("link", name=next_link).click()
    assert tab.get_by_role("heading", level=1).inner_text() == heading
    assert practice.badges(connection)[0] == "failed"
    assert number in practice.estate("consent", "evidence", connection, check=0).out


def test_a_consent_in_another_tenant_is_refused_with_both_ids_for_us_only(practice: Practice, tab: Any) -> None:
    other = practice.customer("Innocent Bystander")
    bystander = practice.estate.microsoft.tenants["Innocent Bystander"]["id"]
    number = practice.customer("Mistaken Ltd", scenarios=[{"name": "consent_wrong_tenant", "tenant": bystander}])
    link = practice.link(number)
    tab.goto(link["url"])
    assert tab.get_by_role("heading", level=1).inner_text() == "Another organization answered"
    shown = tab.content()
    assert bystander not in shown
    assert link["entra_tenant_id"] not in shown
    assert practice.badges(number)[0] == practice.badges(other)[0] == "unknown"
    said = practice.estate("consent", "answer", tab.url, check=10)
    assert bystander in said.out
    assert link["entra_tenant_id"] in said.out


def test_a_reply_address_that_is_not_registered_never_comes_back(practice: Practice, tab: Any) -> None:
    number = practice.customer("Unregistered Ltd")
    said = practice.estate("consent", "link", number, "--redirect-uri", "https://localhost:1/other", "--json", check=0)
    tab.goto(said.json["url"])
    assert "AADSTS50011" in tab.content()
    card = practice.estate("consent", "evidence", number, check=0).out
    assert "none yet" in card
    assert "https://localhost:1/other" in card


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_stands_up_to_a_screen_reader_and_a_dark_room(practice: Practice, browser: Any, scheme: str) -> None:
    context = browser.new_context(ignore_https_errors=True, color_scheme=scheme)
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("request", lambda request: complaints.append(request.url) if PATH not in request.url else None)
    tab.goto(f"{practice.page_url}?admin_consent=True&state=nobody&tenant=x")
    assert tab.locator("html").get_attribute("lang") == "en"
    for landmark in ("main", "contentinfo"):
        assert tab.get_by_role(landmark).count() == 1
    assert tab.get_by_role("heading").count() == tab.get_by_role("heading", level=1).count() == 1
    assert tab.title()
    for selector in ("h1", "main p", "footer p"):
        colours = tab.locator(selector).first.evaluate(
            "e => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert _contrast(*colours) >= 7, (scheme, selector, colours)
    assert context.cookies() == []
    # Chromium asks for an icon by itself and tells the page's own status; the policy and the page cause no line.
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []
    tab.set_viewport_size({"width": 320, "height": 640})
    assert tab.evaluate("document.documentElement.scrollWidth <= 320")
    context.close()


@pytest.mark.parametrize(
    ("scenario", "reason", "consent", "heading"),
    [
        ("consent_accepted", None, "granted", "Thank you, the consent is recorded"),
        ("consent_declined", "consent_declined", "failed", "The consent was declined"),
        ("consent_documented_denial", "consent_declined", "failed", "The consent was declined"),
        ("consent_admin_required", "consent_admin_required", "failed", "An administrator has to approve this"),
        ("consent_admin_requested", "consent_admin_required", "failed", "An administrator has to approve this"),
        ("consent_admin_required_90093", "consent_admin_required", "failed", "An administrator has to approve this"),
        ("consent_wrong_account", "consent_wrong_account", "failed", "That account belongs to another organization"),
        ("consent_service_not_subscribed", "consent_service_not_subscribed", "failed", "The consent was not given"),
        ("consent_app_not_found", "app_not_found", "failed", "The consent was not given"),
        ("consent_unlisted", "consent_failed", "failed", "The consent was not given"),
        ("consent_unavailable", "identity_service_unavailable", "unknown", "Microsoft&#x27;s sign-in is not available"),
        ("consent_wrong_tenant", "consent_wrong_tenant", "unknown", "Another organization answered"),
        ("consent_redirect_mismatch", None, "unknown", "Sign in"),
        ("consent_no_reply_address", None, "unknown", "Sign in"),
    ],
)
def test_the_catalogue_of_answers_through_the_real_callback(
    practice: Practice, scenario: str, reason: str | None, consent: str, heading: str
) -> None:
    """Section B of the failure catalogue: what the customer is told, and what we write down."""
    name = f"Catalogue {scenario}"
    link = practice.quick_link(name, scenario)
    answer = practice.microsoft_answers(name, {"url": link.url})
    assert f"<h1>{heading}" in answer.text
    shown = consent_history.requests(practice.estate.db, practice.who, link.connection_id)[0]
    badge = connections.get(practice.estate.db, practice.who, link.connection_id).row.consent_status
    assert (shown.answer_reason_code, badge.value) == (reason, consent)
    came_back = scenario not in ("consent_redirect_mismatch", "consent_no_reply_address")
    assert (shown.answered_at is not None) is came_back
    if reason is not None:
        assert reason in reasons.catalog()
    trail = audit_trail.of_connection(practice.estate.db, practice.who, link.connection_id)
    assert ("consent.answer" in [entry.action for entry in trail]) is came_back


def test_an_approval_whose_answer_never_came_back_is_found_by_a_check(
    practice: Practice, until: Callable[..., Any]
) -> None:
    """AADSTS500113: the approval goes in, the redirect fails. "Granted in the portal: check now" is the way out."""
    link = practice.quick_link("Lost Answer Ltd", "consent_no_reply_address")
    practice.microsoft_answers("Lost Answer Ltd", {"url": link.url})
    starting.start(practice.estate.db, practice.who, link.connection_id, "provider.connection.check")
    until(lambda: practice.badges(str(link.connection_id)) == ("granted", "healthy"), "the check's verdict")


def test_the_check_waits_until_microsoft_has_spread_the_consent(practice: Practice, until: Callable[..., Any]) -> None:
    """For some seconds after consent tokens lack the permissions: that is waited out in sight, and is no verdict."""
    name = "Spreading Slowly Ltd"
    link = practice.quick_link(name, "consent_accepted", {"name": "propagation_delay", "seconds": 4})
    practice.microsoft_answers(name, {"url": link.url})

    def is_waited_for() -> bool:
        (row,) = practice.estate.sql(
            "SELECT r.phase, c.consent_status, c.verification_status FROM operation_runs r"
            " JOIN provider_connections c ON c.id = r.connection_id WHERE c.id = :c",
            c=link.connection_id,
        )
        badges = row.consent_status, row.verification_status
        return "waiting until Microsoft knows" in (row.phase or "") and badges == ("granted", "pending")

    until(is_waited_for, "a wait that can be seen and is no verdict")
    until(lambda: practice.badges(str(link.connection_id)) == ("granted", "healthy"), "the check's verdict")


def _contrast(front: str, back: str) -> float:
    """The contrast ratio of two computed colours (WCAG 2.2, 1.4.3)."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, deep = sorted((luminance(front), luminance(back)), reverse=True)
    return (light + 0.05) / (deep + 0.05)
