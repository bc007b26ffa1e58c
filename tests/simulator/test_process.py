"""The process keeps its contract: what it prints, what it writes, and how it stops."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.server import open_listeners
from simulator.world import World

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., Any]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _ready(process: Any) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return dict(json.loads(line))


def test_the_ready_line_and_endpoints_json_say_the_same(tmp_path: Path) -> None:
    """Of the command as it is started by hand: from nothing."""
    process = subprocess.Popen([sys.executable, "-m", "simulator", "serve", "--directory", str(tmp_path / "sim")], cwd=ROOT,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    try:
        _say_the_same(process, tmp_path)
    finally:
        process.kill()
        process.communicate()


def _say_the_same(process: Any, tmp_path: Path) -> None:
    line = _ready(process)
    written = json.loads((tmp_path / "sim" / "endpoints.json").read_text())
    assert line == written
    assert set(line) == {"ca", "control", "control_key", "portal", "clouds"}
    assert set(line["clouds"]) == {"global", "usgov", "dod", "china"}
    assert stat.S_IMODE((tmp_path / "sim").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "sim" / "endpoints.json").stat().st_mode) == 0o600
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert not (tmp_path / "sim" / "endpoints.json").exists(), "nobody must find addresses of a process that is gone"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_and_cleanly_when_told_to(start_simulator: Start, number: signal.Signals) -> None:
    process = start_simulator("serve")
    endpoints = _ready(process)
    trust = ssl.create_default_context(cafile=str(endpoints["ca"]))
    with httpx.Client(verify=trust) as kept_alive:
        assert kept_alive.get(f"{endpoints['control']}/healthz").json()["ok"] is True
        process.send_signal(number)
        # A connection that a client keeps would hold it for 75 seconds.
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert not Path(str(endpoints["ca"])).parent.exists(), "the temporary directory goes with the process"


def test_it_does_not_wait_for_a_slow_answer(microsoft: Any, start_simulator: Start, tmp_path: Path) -> None:
    process = start_simulator("serve", "--directory", str(tmp_path))
    own = type(microsoft)(_ready(process))
    customer = own.customer(scenarios=[{"name": "token_slow", "seconds": 3600}])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(own.sign_in, customer)
        while not own.requests(customer):
            assert not waiting.done()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        # Who waited gets the server's 500 or a closed connection, never an answer that looks like Microsoft's.
        assert waiting.exception(timeout=60) or waiting.result().status_code == 500
    assert (process.returncode, errors) == (0, "")


def test_it_ends_with_its_standard_input_when_asked_to(start_simulator: Start) -> None:
    process = start_simulator("serve", "--exit-with-stdin")
    _ready(process)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=60) == 0


def test_a_directory_keeps_its_certificate_authority(start_simulator: Start, tmp_path: Path) -> None:
    seen = set()
    for _ in range(2):
        process = start_simulator("serve", "--directory", str(tmp_path), "--exit-with-stdin")
        _ready(process)
        seen.add((tmp_path / "ca.pem").read_bytes())
        process.communicate(timeout=60)
    assert len(seen) == 1
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600


def test_a_directory_that_others_use_is_left_alone(run_simulator: Run, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "someone's file").touch()
    done = run_simulator("serve", "--directory", str(shared))
    assert (done.returncode, "not a private directory" in done.stderr) == (2, True)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
    assert len(list(shared.iterdir())) == 1


def test_nagles_delay_is_off() -> None:
    world = World()
    for opened in open_listeners(world, "127.0.0.1", 0):
        # asyncio sets TCP_NODELAY on accepted connections only when the listening socket names its protocol.
        assert opened.proto == socket.IPPROTO_TCP
        opened.close()
    assert len(world.listeners) == 9


def test_it_can_listen_on_ipv6(start_simulator: Start) -> None:
    process = start_simulator("serve", "--host", "::1", "--exit-with-stdin")
    endpoints = _ready(process)
    trust = ssl.create_default_context(cafile=str(endpoints["ca"]))
    port = endpoints["control"].rsplit(":", 1)[1]
    assert httpx.get(f"https://[::1]:{port}/healthz", verify=trust).json()["ok"] is True


def test_it_imports_nothing_of_the_project_and_little_else() -> None:
    code = "import sys; before = set(sys.modules); import simulator.__main__; print(*sorted({m.split('.')[0] for m in "\
           "set(sys.modules) - before}))"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).resolve().parents[2])  # fmt: skip
    loaded = set(done.stdout.split())
    assert "simulator" in loaded
    assert not loaded & {
        "storage",
        "tasks",
        "atlas_tui",
        "migrations",
        "textual",
        "sqlalchemy",
        "httpx",
        "msal",
        "huey",
        "jwt",
    }


def test_a_damaged_authority_is_replaced(start_simulator: Start, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    (tmp_path / "ca.key").write_text("not a key")
    process = start_simulator("serve", "--directory", str(tmp_path), "--exit-with-stdin")
    endpoints = _ready(process)
    trust = ssl.create_default_context(cafile=str(endpoints["ca"]))
    assert httpx.get(f"{endpoints['control']}/healthz", verify=trust).status_code == 200


def test_nine_consecutive_ports_are_used_when_a_port_is_given(start_simulator: Start) -> None:
    first = _nine_free_ports()
    process = start_simulator("serve", "--port", str(first), "--exit-with-stdin")
    endpoints = _ready(process)
    clouds = endpoints["clouds"]
    urls = [clouds["global"]["login"], clouds["global"]["graph"], clouds["usgov"]["login"], clouds["usgov"]["graph"]]
    urls.append(str(endpoints["control"]))
    urls += [clouds[cloud][kind] for cloud in ("dod", "china") for kind in ("login", "graph")]
    assert [int(url.rsplit(":", 1)[1]) for url in urls] == list(range(first, first + 9))


def test_plain_http_is_not_spoken(microsoft: Any) -> None:
    url = microsoft.login().replace("https:", "http:")
    with pytest.raises(httpx.HTTPError):
        httpx.get(url, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required"),
        (["dance"], "invalid choice"),
        (["serve", "--port", "70000"], "0 to 65527"),
        (["serve", "--port", "x"], "0 to 65527"),
        (["serve", "--fleet", "/nowhere/fleet.json"], "cannot read the fleet"),
        (["serve", "--host", "203.0.113.7"], "assign requested address"),
        (["fleet", "other"], "invalid choice"),
        (["fleet", "demo", "--size", "3"], "from 100"),
        (["fleet", "demo", "--anchor", "tomorrow"], "a date"),
    ],
)
def test_bad_arguments_are_one_sentence_and_exit_status_2(run_simulator: Run, arguments: list[str], words: str) -> None:
    done = run_simulator(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", 'a list "tenants"'),
        ('{"tenants": [{"name": "X"}]}', "'X': "),
        ('{"tenants": [{"id": "no", "name": "X", "domains": ["x.example"]}]}', '"id" must be a GUID'),
        (
            '{"tenants": [{"id": "11111111-1111-4111-8111-111111111111", "name": "X", "domains": ["x.example"],'
            ' "scenarios": ["nonsense"]}]}',
            "no scenario 'nonsense'",
        ),
    ],
)
def test_a_wrong_fleet_is_refused_with_the_field(run_simulator: Run, tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "fleet.json"
    path.write_text(content)
    done = run_simulator("serve", "--fleet", str(path))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_a_sentence(run_simulator: Run) -> None:
    port = _nine_free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 2))
        taken.listen()
        done = run_simulator("serve", "--port", str(port))
    assert done.returncode == 2
    assert "in use" in done.stderr


def _nine_free_ports() -> int:
    """The first of nine ports that stay free: below those that a system gives to whoever asks for any."""
    for first in random.SystemRandom().sample(range(20_000, 30_000), 50):
        with contextlib.ExitStack() as opened:
            try:
                for port in range(first, first + 9):
                    opened.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    pytest.fail("no nine free ports in a row")
