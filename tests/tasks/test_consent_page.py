"""The consent callback page, through real HTTPS: what it answers, what it gives away, how it begins and ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import trustme
from sqlalchemy import select, update

from storage import configuration, connection_changes, consent_requests, tenants, upgrading, workspaces
from storage.access import Principal
from storage.configuration import Settings
from storage.consent_requests import ConsentLink
from storage.database import Database, open_database
from storage.errors import DatabaseBusy
from storage.schema import audit_entries, provider_connections
from storage.schema import consent_requests as links
from tasks import consent_page_html
from tasks.consent_page_app import Limiter, make_app

ROOT = Path(__file__).parents[2]
PATH = "/atlas-consent"
OTHER_TENANT = "9b3c1f0e-1b2c-4d5e-8f90-123456789abc"


@dataclass
class Site:
    """A running page and the database behind it."""

    process: subprocess.Popen[str]
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
def open_site(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Callable[..., Site]]:
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
        command = [sys.executable, "-m", "tasks", "consent-page", "--config", str(home / "config.toml"), "--port", "0"]
        log = home / "page.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [*command, *secured, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=out, text=True
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        client = httpx.Client(verify=trust, timeout=20, trust_env=False)
        where = json.loads(line)["listening"].replace("127.0.0.1", "localhost")
        site = Site(process, db, dana, where, client, log, workspace=workspaces.find_workspace(db, dana, "north"))
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.client.close()
        site.db.close()
        if site.process.poll() is None:
            site.process.terminate()
        site.process.wait(20)
        assert site.process.stdout is not None
        site.process.stdout.close()


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
    assert on_postgres.process.wait(20) == 0
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
    statuses = [flooded.get({"admin_consent": "True", "state": f"guess-{number}"}).status_code for number in range(40)]
    assert statuses[:20] == [404] * 20
    assert set(statuses[20:]) <= {404, 429}
    assert statuses.count(429) >= 10
    assert flooded.events() == statuses.count(404)
    assert flooded.get({"admin_consent": "True", "state": "one-more"}).headers["retry-after"] == "60"
    link = flooded.ask()
    assert flooded.get(granted(link)).status_code == 200


def test_the_limit_fills_again_with_time() -> None:
    time = [0.0]
    limiter = Limiter(2, 0.5, lambda: time[0])
    assert [limiter.take() for _ in range(3)] == [True, True, False]
    time[0] = 2.0
    assert [limiter.take() for _ in range(2)] == [True, False]
    time[0] = 1000.0
    assert [limiter.take() for _ in range(3)] == [True, True, False]


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


class _BusyDatabase:
    """A database that others keep locked."""

    def read(self) -> Any:
        raise DatabaseBusy("The database is locked by another process.", "Try again in a moment.")

    write = read


async def _answer_without_a_server(database: Any, path: str = PATH) -> httpx.Response:
    app = make_app(cast(Database, database), PATH, secure=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://page") as client:
        return await client.get(path, params={"admin_consent": "True", "state": "x", "tenant": OTHER_TENANT})


async def test_a_busy_database_asks_for_patience() -> None:
    answer = await _answer_without_a_server(_BusyDatabase())
    assert (answer.status_code, heading(answer)) == (503, consent_page_html.BUSY.title)
    assert answer.headers["retry-after"] == "60"
    assert "strict-transport-security" not in answer.headers
    assert (await _answer_without_a_server(_BusyDatabase(), "/healthz")).status_code == 503


async def test_a_fault_of_ours_is_a_page_and_no_traceback() -> None:
    answer = await _answer_without_a_server(object())
    assert (answer.status_code, heading(answer)) == (500, consent_page_html.FAULT.title)
    assert "Traceback" not in answer.text


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
    assert ending.process.wait(20) == 0
    events = [json.loads(line)["event"] for line in ending.log.read_text().splitlines()]
    assert (events[0], events[-1]) == ("consent_page_started", "consent_page_stopped")
    assert "answer" in events


def _refused_start(home: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tasks", "consent-page", "--config", str(home / "config.toml"), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ},
    )
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_cannot_be_served_is_refused_with_the_option(tmp_path: Path, authority: trustme.CA) -> None:
    configuration.save(tmp_path / "config.toml", Settings(database=str(tmp_path / "atlas.db")))
    one, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    one.cert_chain_pems[0].write_to_path(tmp_path / "one.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.key")
    pair = ("--certificate", str(tmp_path / "one.pem"), "--key", str(tmp_path / "other.key"))
    assert "--certificate" in _refused_start(tmp_path)
    assert "not a pair" in _refused_start(tmp_path, *pair)
    assert "there is no file" in _refused_start(tmp_path, "--certificate", str(tmp_path / "absent.pem"))
    assert "exclude" in _refused_start(tmp_path, "--behind-proxy", *pair)
    assert "--trusted-proxy" in _refused_start(tmp_path, "--trusted-proxy", "10.0.0.1", *pair)
    assert "--trusted-proxy" in _refused_start(tmp_path, "--behind-proxy", "--trusted-proxy", "everybody")
    for path in ("consent", "/", "/healthz", "//x", "/a?b"):
        assert "--path" in _refused_start(tmp_path, "--behind-proxy", "--path", path)


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    address = str(tmp_path / "atlas.db")
    tmp_path.chmod(0o700)
    upgrading.upgrade(address)
    configuration.save(tmp_path / "config.toml", Settings(database=address))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = _refused_start(tmp_path, "--behind-proxy", "--port", str(taken.getsockname()[1]))
    assert "cannot be listened on" in said


def test_nothing_else_in_the_room_listens_and_the_worker_loads_no_server() -> None:
    others = [file for file in (ROOT / "tasks").rglob("*.py") if not file.name.startswith("consent_page")]
    assert len(others) > 20
    assert [
        file.name
        for file in others
        if re.search(r"import (starlette|uvicorn)|from (starlette|uvicorn)", file.read_text())
    ] == []
    program = "import tasks.__main__, tasks.worker, sys; print({'uvicorn', 'starlette'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("page", [p for p in vars(consent_page_html).values() if isinstance(p, consent_page_html.Page)])
def test_every_page_is_accessible_by_itself(page: consent_page_html.Page) -> None:
    document = page.body().decode()
    assert document.startswith('<!DOCTYPE html><html lang="en">')
    assert len(re.findall(r"<h1>", document)) == len(re.findall(r"<title>", document)) == 1
    assert len(re.findall(r"<main>", document)) == len(re.findall(r"<footer>", document)) == 1
    assert not re.search(r"<(script|img|link|iframe|form)|https?:|url\(|@import", document)


def test_text_stands_out_in_both_colour_schemes() -> None:
    bright, dark = consent_page_html.STYLE.split("@media")
    for style in (bright, dark):
        background = re.search(r"background:(#\w{6})", style)
        assert background is not None
        for colour in re.findall(r"[{;]color:(#\w{6})", style):
            light, deep = sorted((_luminance(colour), _luminance(background.group(1))), reverse=True)
            assert (light + 0.05) / (deep + 0.05) >= 7, (colour, background.group(1))
