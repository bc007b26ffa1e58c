"""What a browser sees of the simulated consent page: picking an account, the permissions, the refusals.

Promise: small accessible pages; every text from a fleet is escaped; every link is the page's own address with one more answer in its query.
Must not know: what an answer does.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.requests import Request

from simulator.answers import Answer, html_answer
from simulator.model import Registration, Tenant

_STYLE = (
    "body{margin:3rem auto;max-width:32rem;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif;background:#fff;color:#1b1a19}"
    "a{color:#0b5394}li{overflow-wrap:anywhere}"
)


class Pages:
    """The pages of one request to the consent endpoint."""

    def __init__(self, request: Request) -> None:
        """Remember the request: links lead back to it."""
        self._path = request.url.path
        self._query = list(request.query_params.multi_items())

    def pick_account(self, tenant: Tenant | None, tenants: Sequence[Tenant]) -> Answer:
        """Ask who signs in; for ``organizations`` first of which tenant."""
        if tenant is None:
            links = [
                self._link(f"Sign in as administrator of {other.name}", as_tenant=other.id) for other in tenants[:50]
            ]
            return _page(200, "Pick an account", *links)
        other = next((t for t in tenants if t is not tenant), None)
        elsewhere = "another organization" if other is None else other.name
        return _page(
            200,
            "Pick an account",
            self._link(f"Global Administrator of {tenant.name}", account="global_administrator"),
            self._link(f"Application Administrator of {tenant.name}", account="application_administrator"),
            self._link(f"User of {tenant.name}", account="user"),
            self._link(f"Global Administrator of {elsewhere}", account="foreign"),
        )

    def permissions(self, tenant: Tenant, registration: Registration) -> Answer:
        """Show what is asked for, with Accept and Cancel."""
        roles = "".join(f"<li>{html.escape(role)}</li>" for role in registration.required_roles)
        return _page(
            200,
            "Permissions requested",
            f"<p>Review for {html.escape(tenant.name)}</p>",
            f"<p>{html.escape(registration.display_name)} wants, for all of the organization:</p><ul>{roles}</ul>",
            self._link("Accept", answer="accept"),
            self._link("Cancel", answer="decline"),
        )

    def approval_needed(self, registration: Registration) -> Answer:
        """Tell an account without the role that an administrator is needed."""
        return _page(
            200,
            "Need admin approval",
            f"<p>{html.escape(registration.display_name)} needs permission to access resources in your organization that only "
            "an admin can grant. Please ask an admin to grant permission to this app before you can use it.</p>",
            self._link("Request approval", answer="admin_requested"),
            self._link("Return to the application without granting consent", answer="admin_required"),
        )

    def _link(self, text: str, **extra: str) -> str:
        kept = [(name, value) for name, value in self._query if name not in extra]
        address = f"{self._path}?{urlencode([*kept, *extra.items()])}"
        return f'<p><a href="{html.escape(address)}">{html.escape(text)}</a></p>'


def error_page(code: str, text: str) -> Answer:
    """Return Microsoft's own error page: the browser stays there, and nobody else is told."""
    return _page(400, "Sign in", "<p>Sorry, but we are having trouble signing you in.</p>",
                 f"<p>AADSTS{code}: {html.escape(text)}</p>")  # fmt: skip


def _page(status: int, title: str, *parts: str) -> Answer:
    return html_answer(
        status,
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{''.join(parts)}</main></body></html>",
    )
