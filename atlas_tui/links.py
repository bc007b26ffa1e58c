"""Addresses inside the dashboard: which screen, of what, with which filter.

Promise: a link is a value: it can be remembered (`-`), put behind a message (`l`) or typed (`:runs failed`), and opening it twice shows
the same.

Must not know: screens, widgets, storage.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class View(StrEnum):
    """The screens that can be gone to. The first six are tabs."""

    ATTENTION = "attention"
    CONNECTIONS = "connections"
    RUNS = "runs"
    TENANTS = "tenants"
    AUDIT = "audit"
    HEALTH = "health"
    CONNECTION = "connection"
    RUN = "run"
    TENANT = "tenant"
    AUDIT_ENTRY = "audit_entry"
    PLATFORM_APPS = "platform_apps"
    PLATFORM_APP = "platform_app"
    MEMBERS = "members"
    MEMBER = "member"
    FLEET_IMPORT = "fleet_import"
    CONSENT = "consent"
    ONBOARDING = "onboarding"
    ONBOARDINGS = "onboardings"
    INBOX = "inbox"
    SCHEDULES = "schedules"
    SCHEDULE = "schedule"
    BATCHES = "batches"
    BATCH = "batch"
    SYSTEM = "system"
    SYSTEM_TENANT = "system_tenant"
    SYSTEM_RUNS = "system_runs"
    SYSTEM_RUN = "system_run"
    INVENTORY = "inventory"
    INVENTORY_CHANGES = "inventory_changes"
    INVENTORY_ITEM = "inventory_item"
    COMPLIANCE = "compliance"
    TENANT_COMPLIANCE = "tenant_compliance"
    ROLES = "roles"
    TENANT_ROLES = "tenant_roles"
    TENANT_DIRECTORY = "tenant_directory"
    PROBLEM = "problem"
    EXPIRY = "expiry"
    HANDOVER = "handover"
    ALERTS = "alerts"
    ALERT_CHANNEL = "alert_channel"
    ALERT_RULE = "alert_rule"
    ALERT_LOG = "alert_log"


TABS = (View.ATTENTION, View.CONNECTIONS, View.RUNS, View.TENANTS, View.AUDIT, View.HEALTH)
"""The views at the top, in their order."""

TAB_NUMBERS = {view: str(number) for number, view in enumerate(TABS, start=1)}
"""The keys of the tabs, as they stand on the line."""

SYSTEM_VIEWS = frozenset({View.SYSTEM, View.SYSTEM_TENANT, View.SYSTEM_RUNS, View.SYSTEM_RUN})
"""The views of the system plane: they are in no workspace."""


@dataclass(frozen=True, slots=True)
class Link:
    """Somewhere to go.

    Attributes:
        view: The screen.
        id: Of what, for a page; None for a tab.
        filter: The filter line's text, for a list; None leaves it as it is.
        connection_id: Rows of this connection only; None for all.
        title: What the filter by connection or tenant is called.
        tenant_id: Rows of this tenant only; None for all.
        run_id: What this run left; None for the last one.
    """

    view: View
    id: int | None = None
    filter: str | None = None
    connection_id: int | None = None
    title: str = ""
    tenant_id: int | None = None
    run_id: int | None = None


def to_connection(id: int) -> Link:
    """A connection's page."""
    return Link(View.CONNECTION, id)


def to_run(id: int) -> Link:
    """A run's page."""
    return Link(View.RUN, id)


def to_tenant(id: int) -> Link:
    """A tenant's page."""
    return Link(View.TENANT, id)


def to_consent(connection_id: int) -> Link:
    """The consent of a connection."""
    return Link(View.CONSENT, connection_id)


def to_onboarding(id: int) -> Link:
    """An onboarding's wizard."""
    return Link(View.ONBOARDING, id)


def to_problem(id: int) -> Link:
    """The page of a problem, by the number that its reason and app make."""
    return Link(View.PROBLEM, id)


def to_audit_entry(id: int) -> Link:
    """An audit entry's page."""
    return Link(View.AUDIT_ENTRY, id)


def to_member(id: int) -> Link:
    """A membership's page."""
    return Link(View.MEMBER, id)


def to_schedule(id: int) -> Link:
    """A schedule's page."""
    return Link(View.SCHEDULE, id)


def to_alert_channel(id: int) -> Link:
    """An alert channel's page."""
    return Link(View.ALERT_CHANNEL, id)


def to_alert_rule(id: int) -> Link:
    """An alert rule's page."""
    return Link(View.ALERT_RULE, id)


def to_platform_app(id: int) -> Link:
    """A platform app's page."""
    return Link(View.PLATFORM_APP, id)


def to_audit_of(kind: str, id: int) -> Link:
    """The audit trail of one run, tenant or connection.

    Args:
        kind: The filter's key: `run`, `tenant` or `connection`.
        id: Which.
    """
    return Link(View.AUDIT, filter=f"{kind}:{id}")


def to_runs_of(connection_id: int, title: str) -> Link:
    """The runs of one connection.

    Args:
        connection_id: Which.
        title: Its name, for the line above the list.
    """
    return Link(View.RUNS, filter="", connection_id=connection_id, title=title)


def to_batch(id: int) -> Link:
    """A bulk start's page."""
    return Link(View.BATCH, id)


def to_inventory(
    *, tenant_id: int | None = None, connection_id: int | None = None, title: str = "", filter: str = ""
) -> Link:
    """The inventory of a tenant, of one of its connections, or of the workspace.

    Args:
        tenant_id: Of which tenant.
        connection_id: Of which connection of it.
        title: What they are called, for the line above the list.
        filter: The filter line.
    """
    return Link(View.INVENTORY, filter=filter, connection_id=connection_id, title=title, tenant_id=tenant_id)


def to_inventory_changes(connection_id: int, title: str) -> Link:
    """What the last inventory sync of a connection found changed."""
    return Link(View.INVENTORY_CHANGES, filter="", connection_id=connection_id, title=title)


def to_inventory_item(id: int) -> Link:
    """An inventory item's page."""
    return Link(View.INVENTORY_ITEM, id)


def to_compliance_of(tenant_id: int, run_id: int | None = None) -> Link:
    """A tenant's compliance: as one run counted it, or the last."""
    return Link(View.TENANT_COMPLIANCE, tenant_id, run_id=run_id)


def to_roles_of(tenant_id: int, run_id: int | None = None) -> Link:
    """A tenant's administrator roles: as one run found them, or the last."""
    return Link(View.TENANT_ROLES, tenant_id, run_id=run_id)


def to_directory_of(tenant_id: int) -> Link:
    """A tenant's directory counts."""
    return Link(View.TENANT_DIRECTORY, tenant_id)


def to_system_tenant(id: int) -> Link:
    """A tenant's page in the system directory."""
    return Link(View.SYSTEM_TENANT, id)


def to_system_run(id: int) -> Link:
    """A run's page on the system plane."""
    return Link(View.SYSTEM_RUN, id)


def to_system_runs_of(tenant_id: int, title: str) -> Link:
    """The runs of one tenant, on the system plane.

    Args:
        tenant_id: Which.
        title: Its name, for the line above the list.
    """
    return Link(View.SYSTEM_RUNS, filter="", title=title, tenant_id=tenant_id)
