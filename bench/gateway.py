"""Counting twenty thousand devices over HTTPS: the gateway's Graph client against httpx and json by hand."""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from bench.bare_run import Drawer, Unwatched, target_of
from bench.figures import Section, timed
from bench.fleets import Fleets
from bench.installation import App, Simulated, simulator
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.gateway import MicrosoftGateway
from tasks.providers.microsoft.settings import MicrosoftSettings

NAME = "gateway"
_STATE: Final = "complianceState"

Counts = Counter[str]


def run(fleets: Fleets, *, quick: bool) -> Section:
    """Measures it."""
    devices = 1_200 if quick else 20_000
    directory = fleets.new_directory()
    wall: dict[str, list[float]] = {"ours": [], "raw": []}
    processor: dict[str, list[float]] = {"ours": [], "raw": []}
    with simulator(directory, 1, devices=devices) as simulated:
        app = simulated.apps[0]
        settings = MicrosoftSettings(clouds=simulated.endpoints["clouds"], ca_bundle=Path(simulated.endpoints["ca"]))
        gateway = MicrosoftGateway(settings, Drawer(app.secret))
        client = httpx.Client(
            verify=ssl.create_default_context(cafile=simulated.endpoints["ca"]), trust_env=False, timeout=120
        )
        try:
            ways: dict[str, Callable[[], Counts]] = {
                "ours": lambda: _through_the_gateway(gateway, app),
                "raw": lambda: _by_hand(client, simulated, app),
            }
            for number in range(1) if quick else range(-1, 7):
                found = {name: _timed(way) for name, way in ways.items()}
                if found["ours"][2] != found["raw"][2] or found["ours"][2].total() != devices:
                    raise RuntimeError("the two counts differ")
                if number >= 0:
                    for name, (seconds, cpu, _) in found.items():
                        wall[name].append(seconds)
                        processor[name].append(cpu)
        finally:
            client.close()
            gateway.close()
    return Section(
        NAME,
        "The road to Microsoft",
        f"{devices:,} managed devices counted by compliance state: `GraphSession.pages` of the gateway against a loop over `httpx` and"
        " `json` with the same `$select`, turn by turn against one simulator process, which makes each device when it is asked for.",
        (
            timed(
                "count through the gateway, processor time",
                processor["ours"],
                "What our client costs the worker: pinned hosts, limits, ids, paging checks, decoding.",
                reference=processor["raw"],
                against="httpx and json by hand",
            ),
            timed(
                "count through the gateway, wall time",
                wall["ours"],
                "With the simulator's share, which is most of it.",
                reference=wall["raw"],
                against="httpx and json by hand",
            ),
            timed("count by hand, processor time", processor["raw"], "httpx, `json.loads`, a Counter, and no checks."),
            timed("count by hand, wall time", wall["raw"], "The same by the clock."),
        ),
    )


def _timed(way: Callable[[], Counts]) -> tuple[float, float, Counts]:
    began, used = time.perf_counter(), time.process_time()
    counts = way()
    return time.perf_counter() - began, time.process_time() - used, counts


def _through_the_gateway(gateway: MicrosoftGateway, app: App) -> Counts:
    session = gateway.session(target_of(app), Unwatched())
    counts: Counts = Counter()
    for page in session.pages(contracts.MANAGED_DEVICES):
        counts.update(item[_STATE] for item in page.items)
    return counts


def _by_hand(client: httpx.Client, simulated: Simulated, app: App) -> Counts:
    hosts = simulated.hosts
    form = {
        "grant_type": "client_credentials",
        "client_id": app.client_id,
        "client_secret": app.secret,
        "scope": f"{hosts['graph']}/.default",
    }
    token = client.post(f"{hosts['login']}/{app.tenant_id}/oauth2/v2.0/token", data=form).raise_for_status().json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    url: str | None = contracts.MANAGED_DEVICES.url(hosts["graph"])
    counts: Counts = Counter()
    while url is not None:
        body = client.get(url, headers=headers).raise_for_status().json()
        counts.update(item[_STATE] for item in body["value"])
        url = body.get("@odata.nextLink")
    return counts
