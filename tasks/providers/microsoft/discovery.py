"""Who a tenant is, before any credential is sent: OpenID Connect discovery.

Promise: asked by GUID or by domain, it answers with the tenant's GUID and cloud, or with a reason. No credential leaves here.

Source: OpenID Connect Discovery 1.0; Microsoft, "OpenID Connect on the Microsoft identity platform" (tenant metadata).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote

import httpx
import msgspec

from tasks.providers.microsoft import clouds, errors, sanitize, token_errors
from tasks.providers.microsoft.clouds import CloudHosts
from tasks.providers.microsoft.errors import Circumstances, MicrosoftFailure
from tasks.providers.microsoft.http import Answer, Transport, same_origin

_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)


@dataclass(frozen=True, slots=True)
class Discovery:
    """What discovery says about one tenant.

    Attributes:
        entra_tenant_id: its GUID, lower case.
        cloud_instance: `cloud_instance_name`, such as `microsoftonline.com`.
        graph_host: `msgraph_host`.
        region_scope: `tenant_region_scope`, such as `EU`.
        region_sub_scope: `tenant_region_sub_scope`, such as `DODCON`.
        is_in_cloud: the tenant lives in the cloud it was asked in.
        clock_difference: seconds our clock is ahead of Microsoft's; None when the answer carried no time.
        request_id: Microsoft's.
        url: where it was read.
        answer: the answer itself, so that msal need not ask again.
    """

    entra_tenant_id: str
    cloud_instance: str
    graph_host: str
    region_scope: str
    region_sub_scope: str
    is_in_cloud: bool
    clock_difference: float | None
    request_id: str | None
    url: str
    answer: Answer


def discover(transport: Transport, hosts: CloudHosts, tenant: str, now: datetime) -> Discovery:
    """Reads a tenant's OpenID configuration.

    Args:
        transport: the way out.
        hosts: the cloud to ask.
        tenant: GUID or domain name.
        now: our clock.

    Raises:
        MicrosoftFailure: `tenant_not_found`, an outage, a network reason, or an answer that cannot be read.
    """
    # msal builds the same address, so the answer can be handed to it.
    url = f"{hosts.authority(quote(tenant, safe=''))}/v2.0/.well-known/openid-configuration"
    try:
        answer = transport.send("GET", url, pinned_to=hosts.login_url, headers={"Accept": "application/json"})
    except httpx.HTTPError as error:
        raise errors.read_exception(error) from None
    if answer.status != 200:
        raise token_errors.read_token_answer(answer, Circumstances(), now)
    body = _decoded(answer)
    endpoint, issuer = _string(body, "token_endpoint"), _string(body, "issuer")
    found = _GUID.search(issuer) or _GUID.search(endpoint)
    if found is None or not _string(body, "authorization_endpoint"):
        raise MicrosoftFailure("response_unreadable", request_id=errors.request_id(answer), http_status=200)
    instance, sub_scope = _string(body, "cloud_instance_name"), _string(body, "tenant_region_sub_scope")
    return Discovery(
        found.group().lower(),
        sanitize.text(instance),
        sanitize.text(_string(body, "msgraph_host")),
        sanitize.text(_string(body, "tenant_region_scope")),
        sanitize.text(sub_scope),
        clouds.belongs(hosts, instance, sub_scope) and same_origin(endpoint, hosts.login_url),
        _clock_difference(answer.headers, now),
        errors.request_id(answer),
        url,
        answer,
    )


def _decoded(answer: Answer) -> Mapping[str, object]:
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise MicrosoftFailure("response_unreadable", request_id=errors.request_id(answer), http_status=answer.status)
    return body


def _string(body: Mapping[str, object], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _clock_difference(headers: Mapping[str, str], now: datetime) -> float | None:
    try:
        sent = parsedate_to_datetime(headers.get("date", ""))
        return (now - sent).total_seconds() if sent.tzinfo else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
