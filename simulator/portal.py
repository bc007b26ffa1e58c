"""The portal: a simulated Entra admin centre for people and browsers, at ``/portal`` of the control listener.

Promise: nobody sees or changes anything without the portal's key, which the ready line carries in the portal's address; a browser keeps
it as a cookie, and a form that another site sends is refused. No scripts, nothing cached, nothing loaded from elsewhere.
Must not know: what the pages show or how a change is made.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulator import portal_actions as actions
from simulator import portal_pages as pages
from simulator.advancing import advance
from simulator.fleet import FleetError
from simulator.model import Tenant
from simulator.portal_forms import read_form
from simulator.portal_html import STYLE_HASH
from simulator.world import World

_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
Page = Callable[[World, Request], Awaitable[Response]]


def portal_routes(world: World) -> list[Route]:
    """Return the routes of a world's portal."""
    routes = [
        Route("/", _dressed(world, _root), methods=["GET"]),
        Route(f"{pages.ROOT}/sign-in", _dressed(world, _sign_in), methods=["POST"]),
    ]
    for method, path, page in (
        ("GET", "", _tenants),
        ("GET", "/tenants/{id}", _tenant),
        ("POST", "/advance", _advance_all),
        ("POST", "/tenants/{id}/advance", _advance),
        ("POST", "/tenants/{id}/add-app", _add_app),
        ("GET", "/tenants/{id}/registrations/{app}", _registration),
        ("POST", "/tenants/{id}/registrations/{app}/add-secret", _add_secret),
        ("POST", "/tenants/{id}/registrations/{app}/{action}", _change_registration),
        ("GET", "/tenants/{id}/enterprise/{app}", _enterprise),
        ("POST", "/tenants/{id}/enterprise/{app}/{action}", _change_enterprise),
    ):
        routes.append(Route(f"{pages.ROOT}{path}", _dressed(world, _signed_in(page)), methods=[method]))
    return routes


def _dressed(world: World, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            response = (
                await page(world, request)
                if _is_ours(request)
                else _html(pages.refusal_page("Another site sent this."), 403)
            )
        except FleetError as error:
            response = _html(pages.refusal_page(str(error)), 400)
        response.headers.update(_HEADERS)
        return response

    return endpoint


def _is_ours(request: Request) -> bool:
    """A browser names the site that sends a form; pages of other ports of localhost would otherwise ride on the cookie."""
    origin = request.headers.get("origin")
    return request.method == "GET" or origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _signed_in(page: Page) -> Page:
    async def guarded(world: World, request: Request) -> Response:
        if "key" in request.query_params:
            return _let_in(world, request, request.query_params["key"])
        given = request.cookies.get(_cookie_name(request), "")
        if not _same(given, _session(world)):
            return _html(pages.sign_in_page(refused=False), 401)
        return await page(world, request)

    return guarded


async def _root(world: World, request: Request) -> Response:
    return RedirectResponse(pages.ROOT, 303)


async def _sign_in(world: World, request: Request) -> Response:
    return _let_in(world, request, (await read_form(request))["key"])


def _let_in(world: World, request: Request, key: str) -> Response:
    if not _same(key, world.portal_key):
        return _html(pages.sign_in_page(refused=True), 401)
    response = RedirectResponse(pages.ROOT, 303)
    response.set_cookie(
        _cookie_name(request), _session(world), path=pages.ROOT, secure=True, httponly=True, samesite="lax"
    )
    return response


def _cookie_name(request: Request) -> str:
    """Cookies do not tell ports apart: two simulators on one machine must not sign each other's browser out."""
    return f"portal-{request.scope['server'][1]}"


def _session(world: World) -> str:
    return hmac.new(world.page_key, b"portal session", "sha256").hexdigest()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _html(page: bytes, status: int = 200) -> Response:
    return Response(page, status, media_type="text/html")


def _found(world: World, request: Request) -> Tenant:
    found = world.directory.find(request.path_params["id"])
    if found is None:
        raise FleetError("There is no such tenant.")
    return found


def _done(address: str, word: str | None) -> Response:
    if word is None:
        raise FleetError("There is no such action.")
    return RedirectResponse(f"{address}?done={word}", 303)


async def _tenants(world: World, request: Request) -> Response:
    query = request.query_params
    return _html(pages.tenants_page(world, query.get("search", ""), query.get("done", "")))


async def _tenant(world: World, request: Request) -> Response:
    return _html(pages.tenant_page(world, _found(world, request), request.query_params.get("done", "")))


async def _advance_all(world: World, request: Request) -> Response:
    await read_form(request)
    advance(world, world.directory.tenants.values(), 1)
    return _done(pages.ROOT, "round_passed")


async def _advance(world: World, request: Request) -> Response:
    tenant = _found(world, request)
    await read_form(request)
    advance(world, [tenant], 1)
    return _done(pages.tenant_url(tenant), "round_passed")


async def _add_app(world: World, request: Request) -> Response:
    tenant = _found(world, request)
    return _done(pages.tenant_url(tenant), actions.add_app(world, tenant, await read_form(request)))


async def _registration(world: World, request: Request) -> Response:
    tenant = _found(world, request)
    app = pages.find_registration(world, tenant, request.path_params["app"])
    return _html(pages.registration_page(world, tenant, app, request.query_params.get("done", "")))


async def _add_secret(world: World, request: Request) -> Response:
    tenant = _found(world, request)
    app = pages.find_registration(world, tenant, request.path_params["app"])
    made = actions.add_secret(world, tenant, app, await read_form(request))
    return _html(pages.registration_page(world, tenant, app, "", made))


async def _change_registration(world: World, request: Request) -> Response:
    tenant = _found(world, request)
    app = pages.find_registration(world, tenant, request.path_params["app"])
    form = await read_form(request)
    word = actions.change_registration(world, tenant, app, request.path_params["action"], form)
    return _done(pages.registration_url(tenant, app.client_id), word)


async def _enterprise(world: World, request: Request) -> Response:
    tenant = _found(world, request)
    app, principal = pages.find_enterprise(world, tenant, request.path_params["app"])
    return _html(pages.enterprise_page(tenant, app, principal, request.query_params.get("done", "")))


async def _change_enterprise(world: World, request: Request) -> Response:
    tenant = _found(world, request)
    app, _ = pages.find_enterprise(world, tenant, request.path_params["app"])
    await read_form(request)
    word = actions.change_enterprise(world, tenant, app, request.path_params["action"])
    is_gone = word == "app_deleted"
    return _done(pages.tenant_url(tenant) if is_gone else pages.enterprise_url(tenant, app.client_id), word)
