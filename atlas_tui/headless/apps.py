"""Headless commands about platform apps."""

from __future__ import annotations

import argparse

from atlas_tui.credential_words import start_sentence
from atlas_tui.headless import exit_codes
from atlas_tui.headless.confirming import confirm
from atlas_tui.headless.naming import find_app
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import moment, write_json, write_line
from storage import connections, platform_app_changes, platform_app_checks
from storage import platform_apps as apps
from storage.connections import ConnectionQuery
from storage.errors import InvalidInput
from storage.pages import Place
from storage.platform_app_checks import AppCheck
from storage.platform_apps import PlatformAppDetail
from storage.starting import AlreadyRunning, Blocked, ScopeBusy, Started
from storage.states import Cloud

_SHOWN = 20
"""So many of an app's connections are written by `app show`; `--json` has the same."""


def add_app(options: argparse.Namespace) -> int:
    """`atlas-tui app add`: registers the workspace's platform app of a cloud."""
    with opened(options.config, options.workspace) as here:
        app = apps.register(
            here.db,
            here.who,
            here.workspace.workspace_id,
            cloud=Cloud(options.cloud),
            client_id=options.client_id,
            display_name=options.name,
            home_tenant_id=options.home_tenant,
            ticket=options.ticket,
            **({"redirect_uri": options.redirect_uri} if options.redirect_uri else {}),
        )
    if options.json:
        write_json(app)
        return exit_codes.OK
    write_line(f"Registered the platform app {app.display_name} for {app.cloud.value} (app {app.id}).")
    write_line(f"next           atlas-tui credential set --app {app.cloud.value}")
    return exit_codes.OK


def show_app(options: argparse.Namespace) -> int:
    """`atlas-tui app show CLOUD`."""
    with opened(options.config, options.workspace) as here:
        app_id, _ = find_app(here, options.app)
        detail = apps.get(here.db, here.who, app_id)
        query = ConnectionQuery(here.workspace.workspace_id, sort="problems", platform_app_id=app_id)
        users = connections.page(here.db, here.who, query, Place.first(), _SHOWN).rows
    if options.json:
        write_json({"detail": detail, "connections": users})
        return exit_codes.OK
    for label, value in _pairs(detail):
        write_line(f"{label:14} {value}")
    for row in users:
        write_line(
            f"{'used by':14} {row.id} {row.tenant_name}: {'enabled' if row.is_enabled else 'disabled'}, "
            f"consent {row.consent_status.value}, verification {row.verification_status.value}"
        )
    if detail.app.connections > len(users):
        write_line(f"{'':14} and {detail.app.connections - len(users):,} more")
    return exit_codes.OK


def _pairs(detail: PlatformAppDetail) -> list[tuple[str, str]]:
    app = detail.app
    pairs = [
        ("platform app", f"{app.id} {app.display_name} ({app.cloud.value})"),
        ("client id", app.client_id),
        ("home tenant", app.home_tenant_id),
        ("redirect URI", app.redirect_uri),
        ("connections", f"{app.connections:,}"),
        (
            "verified on",
            f"connection {detail.home_connection_id}" if detail.home_connection_id else "named connections",
        ),
    ]
    for held in app.credentials:
        pairs.append(("credential", f"{held.slot.value} {held.kind.value}, expires {moment(held.expires_at)}"))
    if not app.credentials:
        pairs.append(("credential", f"none; store one: atlas-tui credential set --app {app.cloud.value}"))
    for old in detail.reminders:
        pairs.append(
            ("remove", f"old {old.kind.value} {old.client_key_id or old.reference} is still valid at Microsoft")
        )
    for problem in detail.shared_problems:
        pairs.append(
            ("one problem", f"{problem.reason_code} on {problem.connections:,} connections: {problem.sentence}")
        )
        pairs.append(("next step", problem.next_step))
    return pairs


def edit_app(options: argparse.Namespace) -> int:
    """`atlas-tui app edit CLOUD`."""
    given = {
        "display_name": options.name,
        "client_id": options.client_id,
        "home_tenant_id": options.home_tenant,
        "redirect_uri": options.redirect_uri,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise InvalidInput("app edit", "changes nothing", "Use --name, --client-id, --home-tenant or --redirect-uri.")
    with opened(options.config, options.workspace) as here:
        app_id, name = find_app(here, options.app)
        seen = platform_app_changes.fields(here.db, here.who, app_id)
        found = platform_app_changes.consequences(here.db, here.who, app_id, changes)
        confirm(found, name, yes=options.yes)
        app = platform_app_changes.edit(here.db, here.who, app_id, changes, seen=seen, ticket=options.ticket)
    if options.json:
        write_json(app)
    else:
        write_line(f"{app.display_name}: client id {app.client_id}, redirect URI {app.redirect_uri}")
        if not app.credentials:
            write_line(f"next           atlas-tui credential set --app {app.cloud.value}")
    return exit_codes.OK


def delete_app(options: argparse.Namespace) -> int:
    """`atlas-tui app delete CLOUD`."""
    with opened(options.config, options.workspace) as here:
        app_id, name = find_app(here, options.app)
        confirm(platform_app_changes.preview_delete(here.db, here.who, app_id), name, yes=options.yes)
        platform_app_changes.delete_unused(here.db, here.who, app_id, ticket=options.ticket)
    if options.json:
        write_json({"deleted": app_id})
    else:
        write_line(f"Deleted the platform app {name}.")
    return exit_codes.OK


def verify_app(options: argparse.Namespace) -> int:
    """`atlas-tui app verify CLOUD [CONNECTION…]`: exit code 10 when every check was blocked."""
    with opened(options.config, options.workspace) as here:
        app_id, _ = find_app(here, options.app)
        named = [
            connections.find_by_name(here.db, here.who, here.workspace.workspace_id, text).id
            for text in options.connections
        ]
        checks = platform_app_checks.verify(here.db, here.who, app_id, named, ticket=options.ticket)
    if options.json:
        write_json([{"check": check, "result": _word(check)} for check in checks])
    else:
        for check in checks:
            home = " (home tenant)" if check.is_home else ""
            write_line(f"{check.connection_id} {check.tenant_name}{home}: {start_sentence(check.result)}")
    return exit_codes.BLOCKED if all(isinstance(check.result, Blocked) for check in checks) else exit_codes.OK


def _word(check: AppCheck) -> str:
    return {Started: "started", AlreadyRunning: "already_running", ScopeBusy: "waiting", Blocked: "blocked"}[
        type(check.result)
    ]
