"""Ways to count the devices of a tenant, for comparison; and, as a process of its own, how much memory ours takes at its peak.

Knows no benchmark. `python -m bench.device_counts FILE` counts the tenant that FILE describes and prints what it took.
"""

from __future__ import annotations

import asyncio
import json
import resource
import ssl
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from bench.bare_run import Drawer, Unwatched, target_of
from bench.installation import App
from storage.compliance_publishing import CollectedSnapshot
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.compliance import MicrosoftComplianceCollector
from tasks.providers.microsoft.gateway import MicrosoftGateway
from tasks.providers.microsoft.http import Transport
from tasks.providers.microsoft.settings import MicrosoftSettings

_MARK: Final = b'"complianceState"'


class _Link(msgspec.Struct, rename={"next_link": "@odata.nextLink"}):
    next_link: str | None = None


def settings_for(endpoints: dict[str, Any]) -> MicrosoftSettings:
    """Leads to a simulator."""
    return MicrosoftSettings(clouds=endpoints["clouds"], ca_bundle=Path(endpoints["ca"]))


def ours(settings: MicrosoftSettings, app: App) -> int:
    """The operation itself, as a worker calls it."""
    gateway = MicrosoftGateway(settings, Drawer(app.secret))
    try:
        result = MicrosoftComplianceCollector(gateway).collect_compliance(target_of(app), Unwatched())
    finally:
        gateway.close()
    if not isinstance(result.collected, CollectedSnapshot) or not result.complete:
        raise RuntimeError("the snapshot is not whole")
    return result.collected.total


def floor(settings: MicrosoftSettings, app: App) -> int:
    """The same HTTP client that does nothing but count: no state, no platform, no check, the objects by their text."""
    hosts = settings.clouds["global"]
    transport = Transport(settings)
    total, url = 0, contracts.MANAGED_DEVICES.url(hosts["graph"])
    headers = {"Authorization": f"Bearer {_token(transport, hosts, app)}"}
    try:
        while url:
            answer = transport.send("GET", url, pinned_to=hosts["graph"], headers=headers)
            if answer.status != 200:
                raise RuntimeError(f"the simulator answered {answer.status}")
            total += answer.body.count(_MARK)
            url = msgspec.json.decode(answer.body, type=_Link).next_link or ""
    finally:
        transport.close()
    return total


def by_microsofts_sdk(endpoints: dict[str, Any], app: App) -> int:
    """msgraph-sdk and its PageIterator, with azure-identity."""
    return asyncio.run(_with_sdk(endpoints, app))


def everywhere(settings: MicrosoftSettings, apps: tuple[App, ...], way: Any, threads: int) -> int:
    """Counts every tenant's devices, several tenants at a time."""
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(lambda app: way(settings, app), apps))


def _token(transport: Transport, hosts: Any, app: App) -> str:
    form = httpx.QueryParams(
        {
            "grant_type": "client_credentials",
            "client_id": app.client_id,
            "client_secret": app.secret,
            "scope": f"{hosts['graph']}/.default",
        }
    )
    answer = transport.send(
        "POST",
        f"{hosts['login']}/{app.tenant_id}/oauth2/v2.0/token",
        pinned_to=hosts["login"],
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        content=str(form).encode(),
    )
    return str(msgspec.json.decode(answer.body)["access_token"])


async def _with_sdk(endpoints: dict[str, Any], app: App) -> int:
    from azure.core.pipeline.transport import RequestsTransport
    from azure.identity import ClientSecretCredential
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from msgraph import GraphServiceClient  # type: ignore[attr-defined]
    from msgraph.generated.device_management.managed_devices.managed_devices_request_builder import (
        ManagedDevicesRequestBuilder,
    )
    from msgraph.graph_request_adapter import GraphRequestAdapter, options
    from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]
    from msgraph_core.tasks.page_iterator import PageIterator  # type: ignore[import-untyped]

    hosts = endpoints["clouds"]["global"]
    credential = ClientSecretCredential(
        app.tenant_id,
        app.client_id,
        app.secret,
        authority=hosts["login"],
        disable_instance_discovery=True,
        transport=RequestsTransport(connection_verify=endpoints["ca"]),
    )
    trust = ssl.create_default_context(cafile=endpoints["ca"])
    http = GraphClientFactory.create_with_default_middleware(
        options=options, client=httpx.AsyncClient(verify=trust, timeout=120)
    )
    scope = f"{hosts['graph']}/.default"
    adapter = GraphRequestAdapter(
        AzureIdentityAuthenticationProvider(credential, scopes=[scope], allowed_hosts=["localhost"]), client=http
    )
    adapter.base_url = f"{hosts['graph']}/{contracts.VERSION}"
    query = ManagedDevicesRequestBuilder.ManagedDevicesRequestBuilderGetQueryParameters(
        select=list(contracts.MANAGED_DEVICES.select)
    )
    client = GraphServiceClient(request_adapter=adapter)
    first = await client.device_management.managed_devices.get(RequestConfiguration(query_parameters=query))
    counts: Counter[object] = Counter()

    def count(device: Any) -> bool:
        counts[device.compliance_state] += 1
        return True

    await PageIterator(first, adapter).iterate(count)
    await http.aclose()
    return counts.total()


def _main(file: str) -> None:
    given = json.loads(Path(file).read_text(encoding="utf-8"))
    total = ours(settings_for(given["endpoints"]), App(**given["app"]))
    # Kilobytes on Linux, bytes on macOS (getrusage(2)).
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    sys.stdout.write(json.dumps({"total": total, "peak": peak}))


if __name__ == "__main__":
    _main(sys.argv[1])
