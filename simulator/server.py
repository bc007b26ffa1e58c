"""The process: five HTTPS listeners on one event loop, routed by the port a request came in on.

Promise: binds loopback only unless told otherwise, says when it is ready, and stops promptly on SIGTERM, SIGINT or (when
asked) the end of standard input. An unforeseen error in a handler answers 500 and is named on stderr without a traceback.
Must not know: what the listeners do.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from traceback import extract_tb

import trustme
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from simulator.answers import Answer, send_answer
from simulator.batch import batch_answer
from simulator.control import build_control
from simulator.graph import GraphExchange, GraphRequest
from simulator.login import LoginExchange
from simulator.model import CLOUDS
from simulator.request_log import Entry
from simulator.tls import server_context
from simulator.world import Listener, World

_KINDS = (
    ("login", "global"), ("graph", "global"), ("login", "usgov"), ("graph", "usgov"), ("control", ""),
    ("login", "dod"), ("graph", "dod"), ("login", "china"), ("graph", "china"),
)  # fmt: skip


class Simulator:
    """The ASGI application of all nine listeners."""

    def __init__(self, world: World) -> None:
        """Serve this world."""
        self.world = world
        self._control = build_control(world)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        listener = self.world.listeners[scope["server"][1]]
        if listener.kind == "control":
            await self._control(scope, receive, send)
            return
        request = Request(scope, receive)
        entry = self.world.log.begin(self.world.clock.now(), listener.name, request.method, request.url.path[:300])
        started = perf_counter()
        try:
            answer = await self._answer(request, listener, entry)
        except ClientDisconnect:
            return
        except Exception as error:  # a bug here must look like Microsoft's 500 to the client, and be seen by us
            # The type and the place, never the text: it could quote what the client sent.
            place = extract_tb(error.__traceback__)[-1]
            print(f"simulator: {type(error).__name__} at {place.filename}:{place.lineno}", file=sys.stderr)
            answer = Answer(500, b"", {"Content-Type": "text/plain"}, scenario="simulator_error")
        entry.duration = round(perf_counter() - started, 6)
        self.world.log.finish(entry, answer.status, answer.scenario, answer.retry_after)
        if answer.latency:
            await asyncio.sleep(answer.latency)
        await send_answer(answer, send)

    async def _answer(self, request: Request, listener: Listener, entry: Entry) -> Answer:
        if listener.kind == "login":
            return await LoginExchange(self.world, listener, request, entry).answer()
        asked = GraphRequest(request.method, request.url.path, request.url.query, request.headers)
        exchange = GraphExchange(self.world, listener, asked, entry)
        if request.url.path.lower() == "/v1.0/$batch" and request.method == "POST":
            return await batch_answer(exchange, self.world, listener, await request.body())
        answer = exchange.answer()
        assert answer is not None, "only an item of a batch is dropped"
        return answer


def open_listeners(world: World, host: str, port: int) -> list[socket.socket]:
    """Bind the nine sockets and note them in the world.

    Args:
        world: its ``listeners`` are filled.
        host: address to bind.
        port: the first of nine consecutive ports, or 0 for free ones.

    Raises:
        OSError: a port is taken or the address is not ours.
    """
    sockets: list[socket.socket] = []
    try:
        for index, (kind, cloud) in enumerate(_KINDS):
            # The protocol is named because asyncio turns Nagle's delay (40 ms an answer) off only for such sockets.
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            sockets.append(opened)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((host, port + index if port else 0))
            number = opened.getsockname()[1]
            world.listeners[number] = Listener(kind, cloud or CLOUDS[0], f"https://{_url_host(host)}:{number}")
    except BaseException:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def _url_host(host: str) -> str:
    """Return the host of our URLs: ``localhost`` wherever that leads to us."""
    if host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host


def serve(
    world: World,
    sockets: list[socket.socket],
    authority: trustme.CA,
    *,
    host: str,
    ready: Callable[[], None],
    with_stdin: bool = False,
) -> None:
    """Serve until told to stop.

    Args:
        world: what is served.
        sockets: bound by :func:`open_listeners`.
        authority: issues the server certificate.
        host: the address that was bound; the certificate names it beside localhost.
        ready: called once, when all listeners accept connections.
        with_stdin: stop as well when standard input ends.
    """
    config = uvicorn.Config(
        Simulator(world),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
        backlog=1024,
        ssl_context_factory=lambda *_: server_context(authority, host),
    )
    asyncio.run(_run(_Server(config), sockets, ready, with_stdin))


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which re-raises the signal after a clean stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _run(server: _Server, sockets: list[socket.socket], ready: Callable[[], None], with_stdin: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if with_stdin:
        await _watch_stdin(loop, stop)
    serving = asyncio.create_task(server.serve(sockets=sockets))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        ready()
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving


async def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    class EndOfInput(asyncio.Protocol):
        def eof_received(self) -> None:
            stop.set()

        def connection_lost(self, _: Exception | None) -> None:
            stop.set()

    try:
        await loop.connect_read_pipe(EndOfInput, sys.stdin)
    except (ValueError, OSError):
        # Standard input is a plain file or /dev/null: it has ended already.
        stop.set()
