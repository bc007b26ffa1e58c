"""The consent callback page without a server: how it looks, what is refused before it listens, and what it says when nothing works."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import trustme

from storage import configuration, upgrading
from storage.configuration import Settings
from storage.database import Database
from storage.errors import DatabaseBusy
from tasks import consent_page_html
from tasks.consent_page_app import Limiter, make_app

ROOT = Path(__file__).parents[2]
PATH = "/atlas-consent"
OTHER_TENANT = "9b3c1f0e-1b2c-4d5e-8f90-123456789abc"


def heading(answer: httpx.Response) -> str:
    (found,) = re.findall(r"<h1>(.*?)</h1>", answer.text)
    return str(found)


def test_the_limit_fills_again_with_time() -> None:
    time = [0.0]
    limiter = Limiter(2, 0.5, lambda: time[0])
    assert [limiter.take() for _ in range(3)] == [True, True, False]
    time[0] = 2.0
    assert [limiter.take() for _ in range(2)] == [True, False]
    time[0] = 1000.0
    assert [limiter.take() for _ in range(3)] == [True, True, False]


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


@pytest.fixture
def refused_start(nursery: Any, tmp_path: Path) -> Callable[..., str]:
    """Starts the page with options that it cannot have, and returns what it said."""
    return partial(_refused_start, nursery, tmp_path)


def _refused_start(nursery: Any, home: Path, *options: str) -> str:
    done = nursery.run("tasks.__main__:main", "consent-page", "--config", str(home / "config.toml"), *options)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    return str(done.stderr)


def test_what_cannot_be_served_is_refused_with_the_option(tmp_path: Path, refused_start: Callable[..., str]) -> None:
    authority = trustme.CA()
    configuration.save(tmp_path / "config.toml", Settings(database=str(tmp_path / "atlas.db")))
    one, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    one.cert_chain_pems[0].write_to_path(tmp_path / "one.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.key")
    pair = ("--certificate", str(tmp_path / "one.pem"), "--key", str(tmp_path / "other.key"))
    assert "--certificate" in refused_start()
    assert "not a pair" in refused_start(*pair)
    assert "there is no file" in refused_start("--certificate", str(tmp_path / "absent.pem"))
    assert "exclude" in refused_start("--behind-proxy", *pair)
    assert "--trusted-proxy" in refused_start("--trusted-proxy", "10.0.0.1", *pair)
    assert "--trusted-proxy" in refused_start("--behind-proxy", "--trusted-proxy", "everybody")
    for path in ("consent", "/", "/healthz", "//x", "/a?b"):
        assert "--path" in refused_start("--behind-proxy", "--path", path)


def test_a_taken_port_is_refused(tmp_path: Path, refused_start: Callable[..., str]) -> None:
    address = str(tmp_path / "atlas.db")
    tmp_path.chmod(0o700)
    upgrading.upgrade(address)
    configuration.save(tmp_path / "config.toml", Settings(database=address))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused_start("--behind-proxy", "--port", str(taken.getsockname()[1]))
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
