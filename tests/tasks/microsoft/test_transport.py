"""The shared client: trust, limits, refusals, and nothing of it in a log."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.errors import InvalidInput
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.errors import MicrosoftFailure, read_exception
from tasks.providers.microsoft.http import HostRefused, MsalHttp, Transport, same_origin
from tasks.providers.microsoft.settings import MicrosoftSettings


@contextmanager
def listening(answer: bytes = b"", *, hang: bool = False) -> Iterator[int]:
    """A server on loopback that answers every connection with the same bytes, or not at all."""
    server = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            held.append(connection)
            if not hang:
                connection.recv(65536)
                connection.sendall(answer)
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for connection in held:
            connection.close()
        thread.join()


def _closed_port() -> int:
    """A port where nobody listens, below those that a system gives to whoever asks for any: it stays closed."""
    for port in random.SystemRandom().sample(range(20_000, 30_000), 50):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    pytest.fail("no free port")


def _reason(gateway: Any, target: Any, reporter: Any) -> str:
    with pytest.raises(MicrosoftFailure) as failed:
        gateway.session(target, reporter).get(contracts.ORGANIZATION)
    return failed.value.reason_code


def test_an_untrusted_certificate_is_refused(
    tenant: Any, simulator: Any, settings_for: Any, new_gateway: Any, target_for: Any, reporter: Any
) -> None:
    settings = replace(settings_for(simulator), ca_bundle=None)
    assert _reason(new_gateway(settings), target_for(tenant), reporter) == "network_tls"
    assert tenant.requests() == []


def test_a_refused_connection_is_told_apart(
    tenant: Any, simulator: Any, settings_for: Any, new_gateway: Any, target_for: Any, reporter: Any
) -> None:
    url = f"https://127.0.0.1:{_closed_port()}"
    settings = replace(settings_for(simulator, short_retries=1), clouds={"global": {"login": url, "graph": url}})
    assert _reason(new_gateway(settings), target_for(tenant), reporter) == "network_connect"
    assert [reason for _, reason, _ in reporter.waits] == ["network_connect"]


def test_a_name_nobody_knows_is_told_apart(
    tenant: Any, simulator: Any, settings_for: Any, new_gateway: Any, target_for: Any, reporter: Any
) -> None:
    url = "https://login.invalid"
    settings = replace(settings_for(simulator, short_retries=0), clouds={"global": {"login": url, "graph": url}})
    assert _reason(new_gateway(settings), target_for(tenant), reporter) == "network_dns"


def test_silence_is_a_timeout(
    tenant: Any, simulator: Any, settings_for: Any, new_gateway: Any, target_for: Any, reporter: Any
) -> None:
    with listening(hang=True) as port:
        url = f"https://127.0.0.1:{port}"
        settings = settings_for(simulator, short_retries=0, connect_timeout=0.2, read_timeout=0.2)
        settings = replace(settings, clouds={"global": {"login": url, "graph": url}})
        assert _reason(new_gateway(settings), target_for(tenant), reporter) == "network_timeout"


def test_a_slow_answer_is_a_timeout(tenant: Any, new_gateway: Any, target_for: Any, reporter: Any) -> None:
    tenant.scenarios({"name": "graph_slow", "seconds": 3})
    gateway = new_gateway(short_retries=0, read_timeout=0.3)
    assert _reason(gateway, target_for(tenant), reporter) == "network_timeout"


def test_a_proxy_that_refuses_is_told_apart(
    tenant: Any, simulator: Any, settings_for: Any, new_gateway: Any, target_for: Any, reporter: Any
) -> None:
    with listening(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as port:
        settings = settings_for(simulator, short_retries=0, proxy=f"http://127.0.0.1:{port}")
        assert _reason(new_gateway(settings), target_for(tenant), reporter) == "network_proxy"


def test_the_environment_changes_nothing(
    tenant: Any, new_gateway: Any, target_for: Any, reporter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = f"http://127.0.0.1:{_closed_port()}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, nowhere)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("MSAL_FORCE_REGION", "westeurope")
    session = new_gateway().session(target_for(tenant), reporter)
    assert session.get(contracts.ORGANIZATION)["value"]


def test_a_huge_answer_is_cut_off_where_the_limit_is(
    tenant: Any, new_gateway: Any, target_for: Any, reporter: Any
) -> None:
    tenant.scenarios({"name": "graph_huge", "megabytes": 64})
    gateway = new_gateway(max_answer_bytes=1_000_000)
    assert _reason(gateway, target_for(tenant), reporter) == "response_too_large"
    assert len(tenant.requests("/v1.0/organization")) == 1


def test_a_redirect_is_not_followed(tenant: Any, new_gateway: Any, target_for: Any, reporter: Any) -> None:
    moved = {"status": 302, "body": "", "headers": {"Location": "https://evil.example/"}}
    tenant.script({"where": "graph"}, [moved], then="repeat")
    assert _reason(new_gateway(short_retries=0), target_for(tenant), reporter) == "response_unreadable"


def test_cookies_are_not_carried_from_one_tenant_to_another(
    tenant: Any, simulator: Any, settings_for: Any, new_gateway: Any, target_for: Any, reporter: Any
) -> None:
    answer = {"status": 200, "body": {"value": []}, "headers": {"Set-Cookie": "fpc=value; path=/"}}
    tenant.script({"where": "graph"}, [answer], then="repeat")
    gateway = new_gateway()
    gateway.session(target_for(tenant), reporter).get(contracts.ORGANIZATION)
    assert list(gateway.transport._client.cookies.jar) == []


def test_a_request_for_another_host_is_never_sent(simulator: Any, settings_for: Any) -> None:
    transport = Transport(settings_for(simulator))
    with pytest.raises(HostRefused):
        transport.send("GET", "https://evil.example/", pinned_to=simulator.endpoints["clouds"]["global"]["graph"])
    transport.close()


def test_msal_may_only_ask_the_sign_in_host(simulator: Any, settings_for: Any) -> None:
    clouds = simulator.endpoints["clouds"]["global"]
    transport = Transport(settings_for(simulator))
    http = MsalHttp(transport, clouds["login"])
    with pytest.raises(HostRefused):
        http.post(f"{clouds['graph']}/token", data={"client_assertion": b"bytes"})
    assert isinstance(http.last_error, HostRefused)
    transport.close()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://graph.example/v1.0", "https://graph.example", True),
        ("https://GRAPH.example:443/x", "https://graph.example", True),
        ("https://graph.example:444/x", "https://graph.example", False),
        ("http://graph.example/x", "https://graph.example", False),
        ("https://graph.example.evil/x", "https://graph.example", False),
        ("https://graph.example@evil/x", "https://graph.example", False),
        ("https://user@graph.example/x", "https://graph.example", False),
        ("https://graph.example:abc/x", "https://graph.example", False),
        ("", "https://graph.example", False),
    ],
)
def test_origins_are_compared_whole(one: str, other: str, same: bool) -> None:
    assert same_origin(one, other) is same


def test_a_bundle_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate")
    with pytest.raises(InvalidInput) as refused:
        Transport(MicrosoftSettings(ca_bundle=bundle))
    assert refused.value.field == "ca_bundle"


def test_an_answer_that_only_drips_is_given_up(simulator: Any, settings_for: Any) -> None:
    """Every read is in time, and the whole is not."""
    clock = itertools.count(step=100.0)
    transport = Transport(replace(settings_for(simulator), answer_timeout=50.0), monotonic=lambda: next(clock))
    login = simulator.endpoints["clouds"]["global"]["login"]
    with pytest.raises(httpx.ReadTimeout):
        transport.send("GET", f"{login}/common/v2.0/.well-known/openid-configuration", pinned_to=login)
    transport.close()


def test_verified_tls_is_not_negotiable(simulator: Any, settings_for: Any) -> None:
    transport = Transport(settings_for(simulator))
    context = transport._client._transport._pool._ssl_context  # type: ignore[attr-defined]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    transport.close()


def test_an_exception_nobody_foresaw_is_our_own_fault() -> None:
    assert read_exception(RuntimeError("x")).reason_code == "internal_error"
