"""The consent callback page, through real HTTPS: what it answers, and what it gives away."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from sqlalchemy import select, update

from storage import configuration, connection_changes, consent_requests, tenants, upgrading, workspaces
from storage.access import Principal
from storage.configuration import Settings
from storage.consent_requests import ConsentLink
from storage.database import Database, open_database
from storage.schema import audit_entries, provider_connections
from storage.schema import consent_requests as links
from tasks import consent_page_html

PATH = "/atlas-consent"
OTHER_TENANT = "9b3c1f0e-1b2c-4d5e-8f90-123456789abc"


@dataclass
class Site:
    """A running page and the database behind it."""

    process: Any
    db: Database
    dana: Principal
    url: str
    client: httpx.Client
    log: Path
    made: list[ConsentLink] = field(default_factory=list)
    workspace: int = 0

    def ask(self, **more: Any) -> ConsentLink:
        """A link of a new tenant's connection."""
        tenant = tenants.create(
            self.db,
            self.dana,
            self.workspace,
            entra_tenant_id=str(uuid.uuid4()),
            name=f"Customer {uuid.uuid4().hex[:8]}",
        )
        row = connection_changes.create(self.db, self.dana, tenant.id, client_id=str(uuid.uuid4()))
        return consent_requests.request(self.db, self.dana, row.id, redirect_uri=f"https://localhost{PATH}", **more)

    def get(self, query: dict[str, str] | list[tuple[str, str]] | str = "", **more: Any) -> httpx.Response:
        """Asks for the page."""
        if isinstance(query, str):
            return self.client.get(f"{self.url}{query}", **more)
        return self.client.get(self.url, params=httpx.QueryParams(query), **more)

    def consent_of(self, link: ConsentLink) -> str:
        with self.db.read() as tx:
            return str(
                tx.run(
                    select(provider_connections.c.consent_status).where(provider_connections.c.id == link.connection_id)
                ).scalar_one()
            )

    def events(self) -> int:
        with self.db.read() as tx:
            return len(tx.run(select(audit_entries.c.id).where(audit_entries.c.action == "consent.answer")).all())


def granted(link: ConsentLink, **more: str) -> dict[str, str]:
    return {"admin_consent": "True", "tenant": link.entra_tenant_id, "state": state_of(link), **more}


def refused(link: ConsentLink, error: str = "access_denied", number: int = 65004) -> dict[str, str]:
    return {
        "error": error,
        "error_description": f"AADSTS{number}: words of theirs",
        "admin_consent": "True",
        "state": state_of(link),
    }


def state_of(link: ConsentLink) -> str:
    return link.url.rpartition("state=")[2]


def heading(answer: httpx.Response) -> str:
    (found,) = re.findall(r"<h1>(.*?)</h1>", answer.text)
    return str(found)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Whom the clients trust."""
    return trustme.CA()


@pytest.fixture(scope="module")
def open_site(
    tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA, nursery: Any
) -> Iterator[Callable[..., Site]]:
    """Starts the page on a database; stopped at the end."""
    sites: list[Site] = []

    def make(url: str | None = None, *options: str, tls: bool = True) -> Site:
        home = tmp_path_factory.mktemp("page")
        home.chmod(0o700)
        address = url or str(home / "atlas.db")
        upgrading.upgrade(address)
        db = open_database(address)
        dana = workspaces.initialize(db, login="dana", display_name="Dana", slug="north", name="North")
        configuration.save(home / "config.toml", Settings(database=address, state_directory=str(home / "state")))
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(home / "tls.pem")
        secured = ("--certificate", str(home / "tls.pem")) if tls else ()
        command = ["consent-page", "--config", str(home / "config.toml"), "--port", "0", *secured, *options]
        log = home / "page.log"
        with log.open("w") as out:
            process = nursery.start("tasks.__main__:main", *command, stdout=subprocess.PIPE, stderr=out)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        client = httpx.Client(verify=trust, timeout=60, trust_env=False)
        where = json.loads(line)["listening"].replace("127.0.0.1", "localhost")
        site = Site(process, db, dana, where, client, log, workspace=workspaces.find_workspace(db, dana, "north"))
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.client.close()
        site.db.close()
        site.process.terminate()
        site.process.wait(60)
        site.process.close()


@pytest.fixture(scope="module")
def site(open_site: Callable[..., Site]) -> Site:
    """The page on SQLite."""
    return open_site()


def test_the_whole_journey_of_one_link(site: Site) -> None:
    link = site.ask()
    first, second = site.get(granted(link)), site.get(granted(link))
    assert (first.status_code, heading(first)) == (200, "Thank you, the consent is recorded")
    assert (second.status_code, heading(second)) == (200, "This consent is already recorded")
    assert site.consent_of(link) == "granted"


def test_it_works_with_postgresql(open_site: Callable[..., Site], postgres_url: str) -> None:
    on_postgres = open_site(postgres_url)
    link = on_postgres.ask()
    assert on_postgres.get(refused(link)).status_code == 200
    assert on_postgres.consent_of(link) == "failed"
    assert heading(on_postgres.get(granted(link))) == consent_page_html.GRANTED.title
    assert on_postgres.consent_of(link) == "granted"
    on_postgres.client.close()
    on_postgres.process.send_signal(signal.SIGTERM)
    assert on_postgres.process.wait(60) == 0
    on_postgres.db.close()


@pytest.mark.parametrize(
    ("number", "page"),
    [
        (65004, consent_page_html.DECLINED),
        (90094, consent_page_html.ADMIN_REQUIRED),
        (90095, consent_page_html.ADMIN_REQUIRED),
        (90093, consent_page_html.ADMIN_REQUIRED),
        (50020, consent_page_html.WRONG_ACCOUNT),
        (650052, consent_page_html.NOT_GRANTED),
        (700016, consent_page_html.NOT_GRANTED),
        (90033, consent_page_html.TRY_LATER),
        (999999, consent_page_html.NOT_GRANTED),
    ],
)
def test_each_refusal_of_microsofts_has_its_page(site: Site, number: int, page: consent_page_html.Page) -> None:
    link = site.ask()
    answer = site.get(refused(link, number=number))
    assert (answer.status_code, heading(answer)) == (page.status, page.title.replace("'", "&#x27;"))
    assert "words of theirs" not in answer.text
    assert site.consent_of(link) == ("unknown" if number == 90033 else "failed")


def test_another_tenant_an_expired_a_revoked_and_a_used_link(site: Site) -> None:
    wrong = site.ask()
    assert site.get(granted(wrong, tenant=OTHER_TENANT)).status_code == 409
    late = site.ask()
    site.db.write(
        lambda tx: (
            tx.run(
                update(links).where(links.c.id == late.request_id).values(expires_at=tx.now() - timedelta(minutes=1))
            )
            and None
        )
    )
    assert heading(site.get(granted(late))) == consent_page_html.EXPIRED.title
    revoked = site.ask()
    consent_requests.revoke_request(site.db, site.dana, revoked.request_id)
    assert site.get(granted(revoked)).status_code == 410
    used = site.ask()
    site.get(granted(used))
    assert heading(site.get(granted(used, tenant=OTHER_TENANT))) == consent_page_html.NO_LONGER_VALID.title
    assert [site.consent_of(link) for link in (wrong, late, revoked)] == ["unknown"] * 3


def test_no_page_names_a_customer_a_tenant_or_what_was_asked(site: Site) -> None:
    link = site.ask()
    for query in (
        granted(link, tenant=OTHER_TENANT),
        granted(link),
        granted(link),
        {**granted(link), "state": "nobodys"},
    ):
        text = site.get(query).text
        for secret in (link.tenant_name, link.entra_tenant_id, OTHER_TENANT, link.client_id, state_of(link), "nobodys"):
            assert secret not in text
            assert secret not in site.log.read_text()


def test_every_answer_has_the_headers_of_a_page_that_gives_nothing_away(site: Site) -> None:
    base = site.url.removesuffix(PATH)
    answers = [
        site.get(granted(site.ask())),
        site.get(),
        site.client.get(f"{base}/x"),
        site.client.get(f"{base}/healthz"),
    ]
    for answer in [*answers, site.client.post(site.url)]:
        headers = answer.headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert consent_page_html.STYLE_HASH in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"]
        assert not {"set-cookie", "server", "location"} & set(headers)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_get_takes_an_answer(site: Site, method: str) -> None:
    link = site.ask()
    answer = site.client.request(method, site.url, params=granted(link))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert site.consent_of(link) == "unknown"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404),
        ("?", 404),
        ("?x=1", 400),
        ("?admin_consent=maybe&state=x", 400),
        ("?state=a&state=b&admin_consent=True", 400),
        ("?" + "a=b&" * 100, 400),
        ("?state=" + "x" * 9000, 414),
        ("?%00%ff=%f0%28&state=%00", 400),
        ("?admin_consent=True&state=<script>alert(1)</script>", 404),
    ],
)
def test_what_is_no_answer_is_told_so(site: Site, query: str, status: int) -> None:
    answer = site.get(query)
    assert answer.status_code == status
    assert "<script" not in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_other_addresses_hold_nothing(site: Site) -> None:
    base = site.url.removesuffix(PATH)
    for path in ("/", "/atlas-consent/", "/atlas-consentx", "/.env", "/%2e%2e/etc/passwd", "/healthz/x"):
        assert site.client.get(f"{base}{path}").status_code == 404


def test_it_says_whether_it_works(site: Site) -> None:
    answer = site.client.get(site.url.replace(PATH, "/healthz"))
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


def test_unknown_states_are_written_down_only_so_often_and_ours_still_get_through(
    open_site: Callable[..., Site],
) -> None:
    flooded = open_site()
    begun, told, refusals = time.monotonic(), 0, []
    while len(refusals) < 10:
        answer = flooded.get({"admin_consent": "True", "state": f"guess-{told + len(refusals)}"})
        if answer.status_code == 404:
            told += 1
        else:
            refusals.append((answer.status_code, answer.headers["retry-after"]))
    assert set(refusals) == {(429, "60")}
    assert 20 <= told <= 21 + (time.monotonic() - begun) / 3, "twenty at once, and then one in three seconds"
    assert flooded.events() == told
    link = flooded.ask()
    assert flooded.get(granted(link)).status_code == 200


def test_twenty_clicks_at_once_are_one_consent(site: Site) -> None:
    link = site.ask()
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(heading(site.get(granted(link))))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(consent_page_html.GRANTED.title) == 1
    assert found.count(consent_page_html.ALREADY_RECORDED.title) == 19
    with site.db.read() as tx:
        generation = tx.run(
            select(provider_connections.c.generation).where(provider_connections.c.id == link.connection_id)
        ).scalar_one()
    assert generation == 2


def test_behind_a_proxy_it_speaks_plainly_and_believes_named_proxies_only(open_site: Callable[..., Site]) -> None:
    behind = open_site(None, "--behind-proxy", "--path", "/customers/consent", tls=False)
    assert behind.url.startswith("http://")
    assert behind.url.endswith("/customers/consent")
    link = behind.ask()
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    answer = behind.get(granted(link), headers=forwarded)
    assert (answer.status_code, "strict-transport-security" in answer.headers) == (200, True)
    assert "203.0.113.9" not in behind.log.read_text()


def test_a_graceful_stop_is_a_clean_end(open_site: Callable[..., Site]) -> None:
    ending = open_site()
    ending.get(granted(ending.ask()))
    ending.client.close()  # what still stands open is given ten seconds
    ending.process.send_signal(signal.SIGTERM)
    assert ending.process.wait(60) == 0
    events = [json.loads(line)["event"] for line in ending.log.read_text().splitlines()]
    assert (events[0], events[-1]) == ("consent_page_started", "consent_page_stopped")
    assert "answer" in events
