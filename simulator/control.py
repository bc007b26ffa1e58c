"""The control endpoint: change tenants, let the world go on, switch scenarios, read the request log, move the clock.

Promise: everything but ``/healthz`` needs the control key (the portal, which is served here as well, has its own); a refused change
changes nothing and says which field is wrong.
Must not know: sign-in or Graph; it changes the world they read.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.advancing import advance, as_of, differences
from simulator.catalogue import described
from simulator.changes import change_tenant
from simulator.clock import iso, parse_iso
from simulator.fleet import FleetError, add_tenant, dump_tenant, names, scenario_uses, script
from simulator.model import Tenant
from simulator.portal import portal_routes
from simulator.world import World

_LONGEST_ADVANCE = 10 * 365 * 86_400.0
Handler = Callable[[World, Request], Awaitable[Response]]


class _Answered(Exception):
    """A control request that is refused with this status and sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def build_control(world: World) -> Starlette:
    """Return the control application of a world."""
    routes = [Route(path, _guarded(world, handler, open_to_all=path == "/healthz"), methods=[method])
              for method, path, handler in _ROUTES]  # fmt: skip
    return Starlette(routes=[*routes, *portal_routes(world)])


def _guarded(world: World, handler: Handler, *, open_to_all: bool) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        given = request.headers.get("authorization", "").encode("latin-1", "replace")
        if not open_to_all and not hmac.compare_digest(given, f"Bearer {world.control_key}".encode()):
            return _json({"error": "the control key is missing or wrong"}, 401)
        try:
            return await handler(world, request)
        except _Answered as refused:
            return _json({"error": str(refused)}, refused.status)
        except FleetError as error:
            return _json({"error": str(error)}, 400)

    return endpoint


async def _health(world: World, _: Request) -> Response:
    return _json({"ok": True, "tenants": len(world.directory.tenants), "time": iso(world.clock.now())})


async def _fleet(world: World, _: Request) -> Response:
    return _json({"tenants": [dump_tenant(world.directory, t) for t in world.directory.tenants.values()]})


async def _scenarios(_world: World, _: Request) -> Response:
    return _json({"scenarios": described()})


async def _add(world: World, request: Request) -> Response:
    tenant = add_tenant(world.directory, await _body(request))
    world.remember(tenant)
    return _json(dump_tenant(world.directory, tenant), 201)


async def _show(world: World, request: Request) -> Response:
    return _json(dump_tenant(world.directory, _tenant(world, request)))


async def _change(world: World, request: Request) -> Response:
    tenant = _tenant(world, request)
    change_tenant(world, tenant, await _body(request))
    return _json(dump_tenant(world.directory, tenant))


async def _remove(world: World, request: Request) -> Response:
    tenant = _tenant(world, request)
    world.directory.remove(tenant.id)
    world.remember(tenant)
    return Response(status_code=204)


async def _advance(world: World, request: Request) -> Response:
    """One tenant: the rounds to pass; the answer is what a second look at the tenant has to find."""
    tenant, body = _tenant(world, request), await _body(request)
    (before,) = advance(world, [tenant], body.get("rounds", 1) if isinstance(body, dict) else body)
    return _json(differences(world.directory, before, tenant))


async def _advance_all(world: World, request: Request) -> Response:
    """All tenants, or those in ``tenants``; the differences are asked for one by one, since counting them takes a while."""
    body = await _body(request)
    if not isinstance(body, dict) or not set(body) <= {"rounds", "tenants"}:
        raise _Answered(400, 'the body may hold "rounds" and "tenants"')
    chosen = list(world.directory.tenants.values())
    if "tenants" in body:
        found = [world.directory.find(name) for name in names(body["tenants"], "tenants")]
        chosen = list({tenant.id: tenant for tenant in found if tenant is not None}.values())
        if None in found:
            raise _Answered(404, '"tenants" holds a tenant that does not exist')
    advance(world, chosen, body.get("rounds", 1))
    return _json({"tenants": {tenant.id: len(tenant.rounds) for tenant in chosen}})


async def _differences(world: World, request: Request) -> Response:
    """What differs between ``since`` and ``until``: numbers of rounds, by default the last one."""
    tenant, query = _tenant(world, request), request.query_params
    last = len(tenant.rounds)
    try:
        since, until = int(query.get("since", max(0, last - 1))), int(query.get("until", last))
    except ValueError:
        raise _Answered(400, '"since" and "until" must be numbers of rounds') from None
    if since > until:
        raise _Answered(400, '"since" must not be after "until"')
    return _json(differences(world.directory, as_of(tenant, since), as_of(tenant, until)))


async def _set_scenarios(world: World, request: Request) -> Response:
    tenant, body = _tenant(world, request), await _body(request)
    tenant.scenarios = scenario_uses(body.get("scenarios") if isinstance(body, dict) else body)
    world.remember(tenant)
    return _json(dump_tenant(world.directory, tenant))


async def _clear_scenarios(world: World, request: Request) -> Response:
    tenant = _tenant(world, request)
    tenant.scenarios = []
    world.remember(tenant)
    return Response(status_code=204)


async def _add_script(world: World, request: Request) -> Response:
    tenant = _tenant(world, request)
    tenant.scripts.append(script(await _body(request)))
    world.remember(tenant)
    return _json(dump_tenant(world.directory, tenant), 201)


async def _clear_scripts(world: World, request: Request) -> Response:
    tenant = _tenant(world, request)
    tenant.scripts = []
    world.remember(tenant)
    return Response(status_code=204)


async def _requests(world: World, request: Request) -> Response:
    query = request.query_params
    since, after = query.get("since"), query.get("after", "0")
    try:
        moment = None if since is None else _seconds(since)
        number = int(after)
    except ValueError:
        raise _Answered(400, '"since" must be an ISO moment or seconds, "after" a sequence number') from None
    tenant = query.get("tenant")
    refused = query.get("refused", "").lower() in ("1", "true")
    return _json({"requests": world.log.entries(tenant.lower() if tenant else None, moment, number, refused=refused)})


async def _clear_requests(world: World, _: Request) -> Response:
    world.log.clear()
    return Response(status_code=204)


async def _clock(world: World, request: Request) -> Response:
    body = await _body(request)
    if not isinstance(body, dict) or not body or not set(body) <= {"seconds", "frozen"}:
        raise _Answered(400, 'the body may hold "seconds" to advance by and "frozen"')
    seconds, frozen = body.get("seconds", 0), body.get("frozen")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _LONGEST_ADVANCE:
        raise _Answered(400, '"seconds" must be a number from 0 to ten years: the clock only moves forward')
    if frozen is not None and not isinstance(frozen, bool):
        raise _Answered(400, '"frozen" must be true or false')
    if frozen is not None:
        world.clock.freeze(frozen)
    world.clock.advance(float(seconds))
    return _json({"time": iso(world.clock.now()), "epoch": world.clock.now()})


async def _refill(world: World, _: Request) -> Response:
    world.throttle.reset()
    return Response(status_code=204)


_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/healthz", _health),
    ("GET", "/fleet", _fleet),
    ("GET", "/scenarios", _scenarios),
    ("POST", "/tenants", _add),
    ("GET", "/tenants/{id}", _show),
    ("PATCH", "/tenants/{id}", _change),
    ("DELETE", "/tenants/{id}", _remove),
    ("POST", "/advance", _advance_all),
    ("POST", "/tenants/{id}/advance", _advance),
    ("GET", "/tenants/{id}/differences", _differences),
    ("PUT", "/tenants/{id}/scenarios", _set_scenarios),
    ("DELETE", "/tenants/{id}/scenarios", _clear_scenarios),
    ("POST", "/tenants/{id}/scripts", _add_script),
    ("DELETE", "/tenants/{id}/scripts", _clear_scripts),
    ("GET", "/requests", _requests),
    ("DELETE", "/requests", _clear_requests),
    ("POST", "/clock", _clock),
    ("DELETE", "/throttling", _refill),
)


def _tenant(world: World, request: Request) -> Tenant:
    tenant = world.directory.find(request.path_params["id"])
    if tenant is None:
        raise _Answered(404, f"there is no tenant {request.path_params['id']!r}")
    return tenant


async def _body(request: Request) -> Any:
    try:
        return msgspec.json.decode(await request.body())
    except msgspec.DecodeError as error:
        raise _Answered(400, f"the body is not JSON: {error}") from None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return parse_iso(text)


def _json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
