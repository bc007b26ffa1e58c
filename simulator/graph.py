"""The Graph listener: one request from bearer token to page.

Promise: the order is Graph's: version, token, claims challenge, throttling, permission (the token's ``roles`` are the
truth), licence, query, data. Scenarios speak after the token was verified and before the rest; transport faults come last.
Must not know: sockets, or how a token is issued.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from simulator.answers import Answer
from simulator.catalogue import Making, compact
from simulator.clock import http_date
from simulator.graph_errors import BEARER, JSON_TYPE, GraphErrors
from simulator.limited_information import of_others, with_principal
from simulator.model import Tenant
from simulator.odata import BadQuery, Query, Row, filtered, parse_query, selected
from simulator.paging import PageTokenExpired, PageTokenInvalid, Position, binding, issue, next_link, read
from simulator.request_log import Entry
from simulator.resources import NotFound, Resource, Scope, check_expand, check_top, find_resource
from simulator.scenarios import Asked, Staged, active, altered, arranged
from simulator.throttling import Verdict
from simulator.tokens import TokenRefused
from simulator.world import Listener, World

_AGS = '{"ServerInfo":{"DataCenter":"Simulated","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"SIM000000"}}'
_RAW_COUNT = (
    "Raw count (/$count) is not supported because the 'ConsistencyLevel:eventual' header is missing. Refer to "
    "https://aka.ms/graph-docs/advanced-queries for more information"
)
_LOGGED_OPTIONS = ("$select", "$top", "$filter", "$expand", "$count")


@dataclass(slots=True)
class GraphRequest:
    """One request, or one item of a batch. ``path`` includes the version; ``query`` is the raw query string."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    in_batch: bool = False


class GraphExchange:
    """Answers one Graph request."""

    def __init__(self, world: World, listener: Listener, request: GraphRequest, entry: Entry) -> None:
        """Remember the request and the log entry to fill."""
        self.world, self.listener, self.request, self.entry = world, listener, request, entry
        request_id = str(uuid.uuid4())
        self.errors = GraphErrors(world.clock, request_id, request.headers.get("client-request-id", request_id))
        self.path = ""
        self.asked = Asked("graph", request.method, "")
        self.claims: dict[str, Any] = {}
        self.resource: Resource | None = None
        self.cost = 0
        self.used = 0.0
        entry.client_request_id = request.headers.get("client-request-id")
        entry.priority = request.headers.get("x-ms-throttle-priority")
        entry.request_id = request_id
        entry.batch = request.in_batch

    def authenticate(self) -> Tenant | Answer:
        """Return the tenant of the bearer token, or the 401 that says what is wrong with it."""
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return self.errors.unauthenticated("Access token is empty.")
        try:
            audiences = self.world.audiences(self.listener.cloud)
            self.claims = self.world.signer.verify(token.strip(), audiences, self.world.clock.now())
        except TokenRefused as refused:
            return self.errors.unauthenticated(str(refused))
        self.entry.client_id = str(self.claims["appid"])
        tenant = self.world.directory.tenants.get(str(self.claims["tid"]))
        if tenant is None:
            return self.errors.unauthenticated("Access token validation failure. Invalid tenant.")
        self.entry.tenant = tenant.id
        return tenant

    def answer(self) -> Answer | None:
        """Return the answer with Graph's headers; None when a scenario drops this batch item."""
        version, _, rest = self.request.path.lstrip("/").partition("/")
        self.path = f"/{rest}"
        self._log_options()
        if version.lower() != "v1.0":
            return self.dressed(self.errors.plain(404, "ResourceNotFound", f"Invalid version: {version[:40]}"))
        tenant = self.authenticate()
        if isinstance(tenant, Answer):
            return self.dressed(tenant)
        asked = self.asked = Asked("graph", self.request.method, self.path, self.entry.client_id, self.request.in_batch)
        staged = self.staged(tenant, asked)
        if staged.dropped:
            return None
        answer = staged.answer or self._natural(tenant)
        answer.latency += staged.latency
        self._warn(tenant, asked, answer)
        return altered(tenant, asked, self.dressed(answer))

    def staged(self, tenant: Tenant, asked: Asked) -> Staged:
        """Return what scenarios answer instead of the real thing: a claims challenge first."""
        challenge = self._challenge(tenant, asked)
        if challenge is not None:
            return Staged(challenge)

        def no_signin(code: str) -> Answer:
            return self.errors.plain(500, "InternalServerError", f"AADSTS{code}")

        return arranged(tenant, asked, Making({}, self.world.clock, no_signin, self.errors))

    def _challenge(self, tenant: Tenant, asked: Asked) -> Answer | None:
        if not active(tenant, "claims_challenge", asked) or self.claims["uti"] in self.world.met_challenges:
            return None
        wanted = {"access_token": {"nbf": {"essential": True, "value": str(int(self.world.clock.now()))}}}
        text = base64.b64encode(compact(wanted).encode()).decode()
        answer = self.errors.plain(
            401, "InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge with result: "
            "InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp",
            WWW_Authenticate=f'{BEARER}, error="insufficient_claims", claims="{text}"',
        )  # fmt: skip
        answer.scenario = "claims_challenge"
        return answer

    def _natural(self, tenant: Tenant) -> Answer:
        if self._propagating(tenant):
            return self.errors.plain(401, "Authorization_IdentityNotFound",
                                     "The identity of the calling application could not be established.")  # fmt: skip
        found = find_resource(self.path)
        if found is None:
            segment = self.path.strip("/").split("/")[0].split("(")[0][:60]
            return self.errors.plain(400, "BadRequest", f"Resource not found for the segment '{segment}'.")
        self.resource, parameters = found
        if self.request.method != "GET":
            return self.errors.plain(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request "
                                     "target.", Allow="GET")  # fmt: skip
        try:
            query = parse_query(self.request.query, self._options(self.resource))
            check_expand(self.resource, query.expand)
            check_top(self.resource, query.top)
            refusal = self._throttled(tenant, query) or self._denied(tenant)
            return refusal or self._data(tenant, parameters, query)
        except BadQuery as error:
            code = "Request_BadRequest" if error.code == "BadRequest" and self._in_directory() else error.code
            return self.errors.plain(400, code, str(error))
        except NotFound as error:
            code = "Request_ResourceNotFound" if self._in_directory() else "ResourceNotFound"
            return self.errors.plain(404, code, f"Resource '{error}' does not exist or one of its queried "
                                     "reference-property objects are not present.")  # fmt: skip

    def _propagating(self, tenant: Tenant) -> bool:
        use, principal = active(tenant, "propagation_delay"), tenant.service_principals.get(str(self.claims["appid"]))
        if use is None or principal is None or "roles" in self.claims:
            return False
        return principal.consented_at + float(use.options.get("seconds", 30.0)) > self.world.clock.now()

    def _in_directory(self) -> bool:
        return self.resource is not None and self.resource.workload == "directory"

    @staticmethod
    def _options(resource: Resource) -> frozenset[str]:
        return resource.options if resource.rows is not None else frozenset({"$select"})

    def _throttled(self, tenant: Tenant, query: Query) -> Answer | None:
        assert self.resource is not None
        self.cost = self.resource.cost
        if self._in_directory():
            self.cost += bool(query.expand) - bool(query.select) - (query.top is not None and query.top < 20)
            self.cost = max(1, self.cost)
        verdict: Verdict = self.world.throttle.ask(
            self.resource.workload,
            app=str(self.claims["appid"]),
            tenant=tenant.id,
            users=tenant.size,
            cost=self.cost,
            storm=self._storm(tenant),
        )
        self.used = verdict.used
        if verdict.retry_after is None:
            return None
        self.entry.refused_by = verdict.scope
        return self._refusal(tenant, verdict)

    def _storm(self, tenant: Tenant) -> float | None:
        use = active(tenant, "small_app_budget", self.asked)
        return None if use is None else float(use.options.get("units", 20))

    def _refusal(self, tenant: Tenant, verdict: Verdict) -> Answer:
        assert self.resource is not None
        app, workload = self.claims["appid"], self.resource.workload
        if workload.startswith("intune"):
            return self.errors.intune(429, "Too Many Requests", code="TooManyRequests", inner="TooManyRequests",
                                      Retry_After=str(verdict.retry_after))  # fmt: skip
        if workload == "conditional_access":
            return self.errors.throttled(None)
        answer = self.errors.throttled(str(verdict.retry_after))
        answer.headers["x-ms-throttle-scope"] = f"{verdict.whose}/ReadWrite/{app}/{tenant.id}"
        answer.headers["x-ms-throttle-information"] = "ResourceUnitLimitExceeded"
        return answer

    def _denied(self, tenant: Tenant) -> Answer | None:
        resource = self.resource
        assert resource is not None
        if not set(self.claims.get("roles", ())) & set(resource.permissions):
            scopes = list(resource.permissions)
            refusals = {
                "intune": lambda: self.errors.intune_scopes(scopes),
                "pim": lambda: self.errors.pim_scopes(scopes),
                "conditional_access": self.errors.access_denied,
                "directory": self.errors.denied,
            }
            return refusals[resource.denial]()
        if resource.licence is None or resource.licence in tenant.licences:
            return None
        if resource.licence == "intune":
            return self.errors.plain(400, "BadRequest", "Request not applicable to target tenant.")
        if resource.licence == "p1":
            return self.errors.access_unlicensed()
        return self.errors.plain(400, "AadPremiumLicenseRequired", "The tenant needs to have Microsoft Entra ID P2 or "
                                 "Microsoft Entra ID Governance license.")  # fmt: skip

    def _data(self, tenant: Tenant, parameters: dict[str, str], query: Query) -> Answer:
        resource = self.resource
        assert resource is not None
        scope = Scope(self.world, tenant, parameters, query.expand)
        if resource.rows is None:
            assert resource.one is not None
            (row,) = selected([resource.one(scope)], query.select, resource.type)
            return self._ok({"@odata.context": self._context(resource, query, "/$entity"), **row})
        rows = filtered(resource.rows(scope), query.filter, resource.filters)
        if active(tenant, "suspicious_empty", self.asked):
            rows = []
        if resource.advanced:
            eventual = self.request.headers.get("consistencylevel", "").lower() == "eventual"
            if resource.counted and not eventual:
                raise BadQuery(_RAW_COUNT, "Request_UnsupportedQuery")
            # Without the header the option is not heard (graph-docs, "Advanced query capabilities on directory objects").
            query.count = query.count and eventual
            if resource.cast and not query.count:
                raise BadQuery("OData cast needs $count and ConsistencyLevel: eventual.", "Request_UnsupportedQuery")
        if resource.counted:
            return Answer(200, str(len(rows)).encode(), {"Content-Type": "text/plain"})
        return self._page(tenant, resource, rows, query)

    def _page(self, tenant: Tenant, resource: Resource, rows: Any, query: Query) -> Answer:
        now, bound = self.world.clock.now(), binding(tenant.id, self.path, query)
        position = Position()
        if query.skip_token:
            expired = active(tenant, "page_token_expired", self.asked)
            if expired is not None and expired.is_due():
                return self._expired_token()
            try:
                position = read(query.skip_token, bound, self.world.page_key, now)
            except PageTokenExpired:
                return self._expired_token()
            except PageTokenInvalid:
                raise BadQuery("The specified page token is invalid.", "Request_BadRequest") from None
        # A list that changed under the reader: what was read before has moved by one.
        moved = bool(active(tenant, "item_deleted_mid_scan", self.asked)) - bool(
            active(tenant, "item_added_mid_scan", self.asked)
        )
        moved = moved if query.skip_token else 0
        size = min(query.top or resource.page, resource.maximum) if resource.paged else len(rows)
        end = position.offset if position.empty else position.offset + size
        names = query.select or resource.defaults
        shown = rows[position.offset + moved : end + moved]
        page = selected(shown, names, resource.type, resource.selectable, query.expand)
        granted = self.claims.get("roles", ())
        if resource.of_others:
            page = [of_others(row, resource.type, granted) for row in page]
        elif query.expand == "principal":
            page = [with_principal(row, granted) for row in page]
        body: dict[str, Any] = {"@odata.context": self._context(resource, query, "")}
        if resource.counts_page:
            body["@odata.count"] = len(page)
        elif query.count and not query.skip_token:
            body["@odata.count"] = len(rows)
        if end < len(rows) - moved:
            gap = active(tenant, "paging_empty_pages", self.asked) is not None and not position.empty
            following = position if active(tenant, "paging_loop", self.asked) else Position(end, gap)
            token = issue(following, bound, self.world.page_key, now)
            if active(tenant, "paging_loop", self.asked) and query.skip_token:
                token = query.skip_token
            foreign = active(tenant, "paging_foreign_host", self.asked)
            base = str(foreign.options.get("url", "https://graph.attacker.example")) if foreign else self.listener.url
            body["@odata.nextLink"] = next_link(base, self.path, query, token)
        body["value"] = page
        return self._ok(body)

    def _expired_token(self) -> Answer:
        if self._in_directory():
            return self.errors.plain(400, "Directory_ExpiredPageToken", "The specified page token value has expired and "
                                     "can no longer be included in your request.")  # fmt: skip
        return self.errors.plain(400, "BadRequest", "Skip token is expired.")

    def _context(self, resource: Resource, query: Query, suffix: str) -> str:
        chosen = f"({','.join(query.select)})" if query.select else ""
        name = resource.context or self.path.strip("/").split("(")[0].rsplit("/", 1)[-1]
        if suffix and "{" in resource.path:
            name = resource.path.strip("/").split("(")[0].split("/{")[0]
        return f"{self.listener.url}/v1.0/$metadata#{name}{chosen}{suffix}"

    @staticmethod
    def _ok(body: Row) -> Answer:
        return Answer(200, msgspec.json.encode(body), {"Content-Type": JSON_TYPE})

    def _warn(self, tenant: Tenant, asked: Asked, answer: Answer) -> None:
        use = active(tenant, "throttle_warning", asked)
        if use is not None:
            self.used = float(use.options.get("percentage", 0.9))
            answer.headers["x-ms-throttle-scope"] = f"Tenant_Application/ReadWrite/{asked.client_id}/{tenant.id}"
            answer.headers["x-ms-throttle-information"] = "CPULimitExceeded"

    def dressed(self, answer: Answer) -> Answer:
        """Add the headers Graph puts on every answer."""
        headers = {
            "Cache-Control": "no-cache",
            "Strict-Transport-Security": "max-age=31536000",
            "request-id": self.errors.request_id,
            "client-request-id": self.errors.client_request_id,
            "x-ms-ags-diagnostic": _AGS,
            "OData-Version": "4.0",
            "Date": http_date(self.world.clock.now()),
        }
        if self._in_directory():
            headers["x-ms-resource-unit"] = str(self.cost)
            if self.used > 0.8:
                headers["x-ms-throttle-limit-percentage"] = f"{self.used:.2f}"
        for name, value in headers.items():
            answer.headers.setdefault(name, value)
        if answer.status >= 400:
            self.entry.error = _error_code(answer)
        return answer

    def _log_options(self) -> None:
        parts = [part for part in self.request.query.split("&") if part]
        shown = [p if p.lower().startswith(_LOGGED_OPTIONS) else p.split("=")[0] for p in parts]
        self.entry.query = "&".join(shown)[:500]


def _error_code(answer: Answer) -> str | None:
    try:
        return str(json.loads(answer.body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return None
