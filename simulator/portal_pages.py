"""The portal's pages: the tenants, a tenant, an app registration, an enterprise app.

Promise: they show what the directory holds, in the admin centre's words; a secret's value is on none of them but the one that follows its
making.
Must not know: how a change is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from simulator.advancing import as_of, differences
from simulator.clock import iso
from simulator.fleet import FleetError
from simulator.model import Registration, Secret, ServicePrincipal, Tenant
from simulator.portal_html import Html, area, choice, document, facts, field, form, link, table, tag, text
from simulator.world import World

ROOT = "/portal"
SHOWN = 100
LIFETIMES = (
    ("180", "180 days (recommended)"), ("90", "90 days (3 months)"), ("365", "365 days (12 months)"),
    ("545", "545 days (18 months)"), ("730", "730 days (24 months)"), ("7", "7 days (custom)"),
)  # fmt: skip
"""What the portal offers for a client secret, and a short one to see a warning by."""

SAID = {
    "secret_deleted": "The client secret was deleted.",
    "certificate_added": "The certificate was uploaded.",
    "certificate_deleted": "The certificate was deleted.",
    "permissions_added": "The permissions were added. They take effect when admin consent is granted.",
    "permission_removed": "The permission was removed from the registration. What was granted before stays granted.",
    "redirects_saved": "The redirect URIs were saved.",
    "consent_granted": "Admin consent was granted.",
    "consent_revoked": "All permissions of the application were revoked.",
    "app_added": "The application was added, without any permission.",
    "app_enabled": "Users and the application itself may sign in.",
    "app_disabled": "The application is disabled: it cannot sign in.",
    "app_deleted": "The enterprise application was deleted.",
    "round_passed": "A round passed: something was added, changed, renamed and removed.",
}
"""What a page says after a change, by the word in its address."""


def tenant_url(tenant: Tenant) -> str:
    """Return the address of a tenant's page."""
    return f"{ROOT}/tenants/{quote(tenant.id)}"


def registration_url(tenant: Tenant, client_id: str) -> str:
    """Return the address of an app registration's page."""
    return f"{tenant_url(tenant)}/registrations/{quote(client_id)}"


def enterprise_url(tenant: Tenant, client_id: str) -> str:
    """Return the address of an enterprise app's page."""
    return f"{tenant_url(tenant)}/enterprise/{quote(client_id)}"


def find_registration(world: World, tenant: Tenant, client_id: str) -> Registration:
    """Return an app that is registered in this tenant. Raises FleetError when there is none."""
    found = world.directory.registrations.get(client_id.lower())
    if found is None or found.home_tenant != tenant.id:
        raise FleetError(f"{tenant.name} has no app registration {client_id}.")
    return found


def find_enterprise(world: World, tenant: Tenant, client_id: str) -> tuple[Registration, ServicePrincipal]:
    """Return an enterprise app of this tenant. Raises FleetError when there is none."""
    found, principal = (
        world.directory.registrations.get(client_id.lower()),
        tenant.service_principals.get(client_id.lower()),
    )
    if found is None or principal is None:
        raise FleetError(f"{tenant.name} has no enterprise application {client_id}.")
    return found, principal


def sign_in_page(refused: bool) -> bytes:
    """Ask for the key of this portal."""
    return document(
        "Sign in",
        tag("p", "This portal is for who started the simulator. ", tag("code", "atlas-tui demo --addresses"),
            " tells the address with its key."),
        tag("p", "That key is not the right one.", class_="said refused", role="alert") if refused else "",
        form(f"{ROOT}/sign-in", "Sign in", field("Key", "key", kind="password", autocomplete="off")),
    )  # fmt: skip


def refusal_page(sentence: str) -> bytes:
    """Say why something was not done."""
    return document(
        "That was not possible", tag("p", sentence, class_="said refused", role="alert"), trail=[(ROOT, "Tenants")]
    )


def tenants_page(world: World, search: str, said: str = "") -> bytes:
    """List the tenants whose name, domain or id holds the search."""
    wanted = search.strip().lower()
    found = [
        t
        for t in world.directory.tenants.values()
        if any(wanted in part.lower() for part in (t.name, t.id, *t.domains))
    ]
    # Who signed up today comes first: they are what somebody comes here for.
    found.sort(key=lambda t: (not t.demo.get("newcomer"), t.name.casefold()))
    rows = [
        (link(tenant_url(t), t.name), t.domains[0], tag("code", t.id), t.cloud, "new today" if t.demo.get("newcomer") else "")
        for t in found[:SHOWN]
    ]  # fmt: skip
    more = tag("p", f"{len(found) - SHOWN} more: search to narrow them down.") if len(found) > SHOWN else ""
    return document(
        "Tenants",
        _said(said),
        tag("form", field("Search by name, domain or tenant ID", "search", kind="search", value=search),
            tag("button", "Search", type="submit"), method="get", action=ROOT, role="search"),
        table("Tenants", ("Name", "Primary domain", "Tenant ID", "Cloud", "Customer"), rows),
        more,
        tag("h2", "The world goes on"),
        tag("p", "Policies, apps, devices and administrators change in every tenant, so that the next synchronization has differences."),
        form(f"{ROOT}/advance", "Let a round pass in every tenant"),
    )  # fmt: skip


def tenant_page(world: World, tenant: Tenant, said: str) -> bytes:
    """Show a tenant with its app registrations and enterprise apps."""
    registered = [r for r in world.directory.registrations.values() if r.home_tenant == tenant.id]
    known = [
        (world.directory.registrations[client_id], principal)
        for client_id, principal in tenant.service_principals.items()
        if client_id in world.directory.registrations
    ]
    return document(
        tenant.name,
        _said(said),
        facts([("Tenant ID", tenant.id), ("Primary domain", tenant.domains[0]), ("Domains", ", ".join(tenant.domains)),
               ("Cloud", tenant.cloud), ("Licences", ", ".join(tenant.licences) or "none")]),
        tag("h2", "App registrations"),
        table("Applications registered in this tenant", ("Name", "Application (client) ID", "Supported accounts"),
              [(link(registration_url(tenant, r.client_id), r.display_name), tag("code", r.client_id), _audience(r))
               for r in registered]),
        tag("h2", "Enterprise applications"),
        table("Applications this tenant knows", ("Name", "Application ID", "Enabled", "Permissions"),
              [(link(enterprise_url(tenant, r.client_id), r.display_name), tag("code", r.client_id),
                "yes" if p.enabled else "no", len(p.granted_roles)) for r, p in known]),
        form(f"{tenant_url(tenant)}/add-app", "Add the application",
             field("Add an application of another organization, by its application (client) ID", "client_id")),
        tag("h2", "The world goes on"),
        _last_round(world, tenant),
        form(f"{tenant_url(tenant)}/advance", "Let a round pass"),
        trail=[(ROOT, "Tenants")],
    )  # fmt: skip


def registration_page(world: World, tenant: Tenant, app: Registration, said: str, made: Secret | None = None) -> bytes:
    """Show an app registration; ``made`` is the client secret that was just made, shown this once."""
    here = registration_url(tenant, app.client_id)
    principal = tenant.service_principals.get(app.client_id)
    granted = set(principal.granted_roles) if principal else set()
    return document(
        app.display_name,
        _once(made) if made else _said(said),
        facts([("Application (client) ID", app.client_id), ("Directory (tenant) ID", tenant.id),
               ("Supported accounts", _audience(app)),
               ("Enterprise application", link(enterprise_url(tenant, app.client_id), "open") if principal else "none")]),
        tag("h2", "Client secrets"),
        table("Client secrets", ("Secret ID", "Value begins with", "Expires", "Delete"),
              [(tag("code", s.key_id), f"{s.hint}…", _expires(world, s.expires),
                form(f"{here}/delete-secret", "Delete", about=f"secret {s.key_id}", key_id=s.key_id)) for s in app.secrets]),
        form(f"{here}/add-secret", "Add a client secret", choice("Expires after", "days", LIFETIMES, "180")),
        tag("h2", "Certificates"),
        table("Certificates", ("Thumbprint (SHA-1)", "Certificate ID", "Expires", "Delete"),
              [(tag("code", c.thumbprints.sha1_hex), tag("code", c.key_id), _expires(world, c.x509.not_valid_after_utc.timestamp()),
                form(f"{here}/delete-certificate", "Delete", about=f"certificate {c.key_id}", key_id=c.key_id))
               for c in app.certificates]),
        form(f"{here}/upload-certificate", "Upload the certificate",
             field("Public certificate (.cer, .crt or .pem)", "certificate", kind="file", accept=".cer,.crt,.pem"), upload=True),
        tag("h2", "API permissions"),
        table("Application permissions of Microsoft Graph", ("Permission", f"Status in {tenant.name}", "Remove"),
              [(name, "granted" if name in granted else "not granted",
                form(f"{here}/remove-permission", "Remove", about=name, permission=name)) for name in app.required_roles]),
        form(f"{here}/add-permissions", "Add the permissions",
             area("Permissions by name, or the manifest's requiredResourceAccess", "permissions", rows=4)),
        form(f"{here}/grant-consent", f"Grant admin consent for {tenant.name}"),
        tag("h2", "Redirect URIs"),
        form(f"{here}/redirects", "Save the redirect URIs",
             area("One on each line", "redirects", rows=3, value="\n".join(app.redirect_uris or []))),
        tag("p", "None is registered, so this simulation accepts any https or loopback address.")
        if app.redirect_uris is None else "",
        trail=[(ROOT, "Tenants"), (tenant_url(tenant), tenant.name)],
    )  # fmt: skip


def enterprise_page(tenant: Tenant, app: Registration, principal: ServicePrincipal, said: str) -> bytes:
    """Show an enterprise app: what was granted to it here, and whether it may sign in."""
    here = enterprise_url(tenant, app.client_id)
    switch = ("disable", "Disable sign-in") if principal.enabled else ("enable", "Enable sign-in")
    return document(
        app.display_name,
        _said(said),
        facts([("Application ID", app.client_id), ("Object ID", tenant.principal_id(app.client_id)),
               ("Enabled for sign-in", "yes" if principal.enabled else "no"),
               ("Registered in", "this tenant" if app.home_tenant == tenant.id else app.home_tenant)]),
        form(f"{here}/{switch[0]}", switch[1]),
        tag("h2", "Permissions"),
        table("Granted by admin consent", ("Permission", "Type"), [(name, "Application") for name in principal.granted_roles]),
        form(f"{here}/grant-consent", f"Grant admin consent for {tenant.name}"),
        form(f"{here}/revoke", "Revoke all permissions"),
        tag("h2", "Delete"),
        tag("p", "The application loses its permissions and cannot sign in to this tenant any more."),
        form(f"{here}/delete", "Delete the enterprise application"),
        trail=[(ROOT, "Tenants"), (tenant_url(tenant), tenant.name)],
    )  # fmt: skip


def _last_round(world: World, tenant: Tenant) -> Html:
    """Tell what the last round changed."""
    if not tenant.rounds:
        return tag("p", "No round has passed: everything is as it was from the start.")
    found = differences(world.directory, as_of(tenant, len(tenant.rounds) - 1), tenant)
    sides = ("added", "changed", "renamed", "removed")
    rows: list[tuple[object, ...]] = [
        (name.replace("_", " "), part["after"], *(len(part[side]) for side in sides))
        for name, part in found["inventory"].items()
    ]
    roles = found["roles"]["active"]
    rows.append(("active role assignments", "", len(roles["added"]), "", "", len(roles["removed"])))
    return table(f"Round {len(tenant.rounds)}, {tenant.rounds[-1]}", ("List", "Entries", "Added", "Changed", "Renamed", "Removed"),
                 rows)  # fmt: skip


def _audience(app: Registration) -> str:
    return "Any organization (multitenant)" if app.multi_tenant else "This organization only"


def _expires(world: World, moment: float) -> str:
    return f"{iso(moment)}{' (expired)' if moment <= world.clock.now() else ''}"


def _said(word: str) -> Html:
    return tag("p", SAID[word], class_="said", role="status") if word in SAID else Html("")


def _once(made: Secret) -> Html:
    pairs: Sequence[tuple[str, object]] = [
        ("Value", text(made.value)),
        ("Secret ID", text(made.key_id)),
        ("Expires", iso(made.expires)),
    ]
    return tag(
        "div", tag("p", "Copy the value now: it is not shown again."), facts(pairs), class_="once", role="status"
    )
