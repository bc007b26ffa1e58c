"""The login listener: routes a request to discovery, keys, the token endpoint or the consent page.

Promise: the tenant in the path is resolved once, by GUID or domain, with Entra's refusals; scenarios may speak before the
real answer and damage it after; every answer carries Entra's headers.
Must not know: sockets.
"""

from __future__ import annotations

import re
import secrets
import uuid

from starlette.requests import Request

from simulator.aadsts import signin_failure
from simulator.answers import Answer, json_answer
from simulator.catalogue import Making
from simulator.clock import http_date
from simulator.consent_page import consent_answer
from simulator.discovery import openid_configuration, signing_keys
from simulator.graph_errors import GraphErrors
from simulator.model import Tenant
from simulator.request_log import Entry
from simulator.scenarios import Asked, active, altered, arranged
from simulator.signin import Refused, issue_token, parse_token_request
from simulator.world import Listener, World

_ROUTES = (
    ("discovery", re.compile(r"^/([^/]+)(?:/v2\.0)?/\.well-known/openid-configuration$"), "GET"),
    ("keys", re.compile(r"^/([^/]+)/discovery(?:/v2\.0)?/keys$"), "GET"),
    ("token", re.compile(r"^/([^/]+)/oauth2/v2\.0/token$"), "POST"),
    ("consent", re.compile(r"^/([^/]+)(?:/v2\.0)?/adminconsent$", re.IGNORECASE), "GET"),
)
_SHARED = ("common", "organizations", "consumers")
_GUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_DOMAIN = re.compile(r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")


class LoginExchange:
    """One request to a login listener."""

    def __init__(self, world: World, listener: Listener, request: Request, entry: Entry) -> None:
        """Remember the request and the log entry to fill."""
        self.world, self.listener, self.request, self.entry = world, listener, request, entry
        self.correlation_id = request.headers.get("client-request-id") or str(uuid.uuid4())
        self.facts: dict[str, str] = {}
        self.separator = " "
        entry.client_request_id = request.headers.get("client-request-id")

    async def answer(self) -> Answer:
        """Return the answer, with Entra's headers."""
        answer = await self._route()
        self._dress(answer)
        return answer

    async def _route(self) -> Answer:
        path = self.request.url.path
        for kind, pattern, method in _ROUTES:
            found = pattern.match(path)
            if found is None:
                continue
            if self.request.method != method:
                return Answer(405, b"", {"Allow": method})
            return await self._answer_for(kind, found.group(1))
        return Answer(404, b"", {"Content-Type": "text/html; charset=utf-8"})

    async def _answer_for(self, kind: str, segment: str) -> Answer:
        self.facts["tenant"] = segment
        try:
            tenant = self._tenant(segment)
        except Refused as refused:
            # Discovery calls an unknown tenant invalid_tenant; the token endpoint says invalid_request.
            return self.failure(refused, error="invalid_tenant" if kind == "discovery" else None)
        if isinstance(tenant, str):
            return self._shared(kind, tenant)
        self.entry.tenant = tenant.id
        self.facts["tenant_name"] = tenant.name
        self.separator = "\r\n" if active(tenant, "legacy_error_format") else " "
        if kind == "discovery":
            return self._discovery(tenant, segment)
        if kind == "token":
            return await self._token(tenant)
        if kind == "consent":
            return consent_answer(self.world, tenant, self.request, version_2="/v2.0/" in self.request.url.path)
        return json_answer(200, signing_keys(self.world, self.listener.url, self.listener.cloud, tenant))

    def _tenant(self, segment: str) -> Tenant | str:
        if segment.lower() in _SHARED:
            return segment.lower()
        if not _GUID.match(segment) and not _DOMAIN.match(segment):
            raise Refused("900023")
        tenant = self.world.directory.find(segment)
        if tenant is None:
            raise Refused("90002")
        return tenant

    def _shared(self, kind: str, name: str) -> Answer:
        if kind == "token":
            return self.failure(Refused("50059" if name == "organizations" else "9001023"))
        if kind == "consent":
            return consent_answer(self.world, None, self.request, version_2="/v2.0/" in self.request.url.path)
        document = openid_configuration if kind == "discovery" else signing_keys
        return json_answer(200, document(self.world, self.listener.url, self.listener.cloud, name))

    def _discovery(self, tenant: Tenant, segment: str) -> Answer:
        asked = Asked("discovery", "GET", "/openid-configuration")
        staged = arranged(tenant, asked, self._making())
        if staged.answer is not None:
            staged.answer.latency += staged.latency
            return altered(tenant, asked, staged.answer)
        shown = tenant
        use = active(tenant, "domain_of_another_tenant")
        if use is not None and not _GUID.match(segment):
            shown = self.world.directory.find(str(use.options.get("tenant", ""))) or self._any_other(tenant)
        document = openid_configuration(self.world, self.listener.url, self.listener.cloud, shown)
        answer = json_answer(200, document)
        answer.latency += staged.latency
        return altered(tenant, asked, answer)

    def _any_other(self, tenant: Tenant) -> Tenant:
        return next((t for t in self.world.directory.tenants.values() if t is not tenant), tenant)

    async def _token(self, tenant: Tenant) -> Answer:
        try:
            request = parse_token_request(await self.request.body(), self.request.headers.get("authorization"))
        except Refused as refused:
            return self.failure(refused)
        self.facts.update(request.facts)
        self.entry.client_id = request.client_id if _GUID.match(request.client_id) else None
        registration = self.world.directory.registrations.get(request.client_id)
        if registration is not None:
            self.facts["app_name"] = registration.display_name
        asked = Asked("token", "POST", "/token", request.client_id)
        staged = arranged(tenant, asked, self._making())
        answer = staged.answer
        if answer is None:
            try:
                answer = issue_token(self.world, self.listener.cloud, tenant, request)
            except Refused as refused:
                answer = self.failure(refused)
        answer.latency += staged.latency
        return altered(tenant, asked, answer)

    def _making(self) -> Making:
        errors = GraphErrors(self.world.clock, str(uuid.uuid4()), self.correlation_id)
        return Making({}, self.world.clock, self._code, errors)

    def _code(self, code: str) -> Answer:
        return self.failure(
            Refused(
                code,
                thumbprint="0" * 40,
                parameter="scope",
                cloud_instance="microsoftonline.us",
                resource="https://graph.microsoft.com",
            )
        )

    def failure(self, refused: Refused, error: str | None = None) -> Answer:
        """Return Microsoft's answer for a refusal, with this request's facts."""
        self.entry.error = f"AADSTS{refused.code.split('-')[0]}"
        return signin_failure(
            refused.code,
            {**self.facts, **refused.facts},
            clock=self.world.clock,
            login_url=self.listener.url,
            correlation_id=self.correlation_id,
            separator=self.separator,
            error=error,
        )

    def _dress(self, answer: Answer) -> None:
        request_id = str(uuid.uuid4())
        self.entry.request_id = request_id
        for name, value in {
            "Cache-Control": "no-store, no-cache",
            "Pragma": "no-cache",
            "Expires": "-1",
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            "X-Content-Type-Options": "nosniff",
            "P3P": 'CP="DSP CUR OTPi IND OTRi ONL FIN"',
            "x-ms-request-id": request_id,
            "x-ms-ests-server": "2.1.22345.6 - WEULR1 ProdSlices",
            "client-request-id": self.correlation_id,
            "Set-Cookie": f"fpc={secrets.token_urlsafe(16)}; path=/; secure; HttpOnly; SameSite=None",
            "Date": http_date(self.world.clock.now()),
        }.items():
            answer.headers.setdefault(name, value)
