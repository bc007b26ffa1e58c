"""`python -m tasks consent-page`: serves the consent callback until told to stop.

Promise: listens on loopback unless told otherwise, speaks TLS itself or stands behind a proxy that does, believes forwarded headers of
named proxies only, writes no address and no query into its log, and answers what it has begun before it stops. It needs the database
and no key.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import uvicorn

from storage import configuration
from storage.database import open_database
from storage.errors import AtlasError, InvalidInput
from tasks import logs
from tasks.consent_page_app import make_app
from tasks.consent_page_options import PageSettings

_MOST_CONNECTIONS: Final = 200
_IDLE_SECONDS: Final = 5
_STOP_SECONDS: Final = 10
_LONGEST_HEAD: Final = 16_384


def serve(config: Path | None, page: PageSettings) -> None:
    """Serves until SIGTERM or SIGINT. Prints one line of JSON with the address when it listens.

    Raises:
        InvalidInput: the certificate or the address cannot be used.
        DatabaseError: the database cannot be used.
    """
    settings = configuration.load(config)
    context = None if page.certificate is None else tls_context(page.certificate, page.key)
    db = open_database(settings.database, shared=settings.shared)
    try:
        with _listening(page.host, page.port) as opened:
            logs.configure()
            options: dict[str, Any] = {} if context is None else {"ssl_context_factory": lambda *_: context}
            config_of_server = uvicorn.Config(
                make_app(db, page.path, secure=True),
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=bool(page.trusted_proxies),
                forwarded_allow_ips=list(page.trusted_proxies),
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_STOP_SECONDS,
                h11_max_incomplete_event_size=_LONGEST_HEAD,
                **options,
            )
            asyncio.run(_run(_Server(config_of_server), opened, page))
    finally:
        db.close()


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Reads certificate and key.

    Raises:
        InvalidInput: a file is not there or cannot be used, or the key is another certificate's.
    """
    for option, path in (("--certificate", certificate), ("--key", key)):
        if path is not None and not path.is_file():
            raise InvalidInput(option, f"there is no file {path}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An empty password, so that a protected key fails at once: OpenSSL would ask at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except PermissionError as error:
        raise InvalidInput("--key", f"cannot be read ({error.strerror})", "Check owner and mode.") from None
    except (ssl.SSLError, OSError):
        raise InvalidInput(
            "--certificate",
            "and --key cannot be used: not PEM, protected by a password, or not a pair",
            "Give the certificate with its chain, and the unprotected key that belongs to it.",
        ) from None
    return context


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host, port))
        except OSError as error:
            raise InvalidInput("--port", f"{host}:{port} cannot be listened on ({error.strerror})") from None
        yield opened


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which re-raises the signal after a clean stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _run(server: _Server, opened: socket.socket, page: PageSettings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if page.ends_with_parent:
        _stop_with_parent(loop, stop)
    serving = asyncio.create_task(server.serve(sockets=[opened]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if serving.done():
        raise AtlasError("The page could not be served.", "See the log.")
    host, port = opened.getsockname()[:2]
    scheme = "http" if page.certificate is None else "https"
    shown = f"[{host}]" if ":" in host else host
    print(json.dumps({"listening": f"{scheme}://{shown}:{port}{page.path}"}), flush=True)
    logs.Log("consent_page").info("consent_page_started", is_local=host in ("127.0.0.1", "::1"))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving
    logs.Log("consent_page").info("consent_page_stopped")
    sys.stderr.flush()


def _stop_with_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Has the end of stdin ask for a stop. A thread, since the loop cannot watch every kind of stdin."""

    def wait() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass  # closed already: there is no parent to wait for
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
