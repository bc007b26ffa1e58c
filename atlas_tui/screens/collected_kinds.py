"""The four things that operations collect, as pages speak of them: what they are called, what starts them, where they are shown.

Must not know: widgets, queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from atlas_tui.links import Link, to_compliance_of, to_directory_of, to_inventory, to_inventory_changes, to_roles_of
from storage import operations
from storage.runs import RunDetail
from storage.states import RunOutcome, RunStatus


@dataclass(frozen=True, slots=True)
class Kind:
    """One of them.

    Attributes:
        title: What people call it.
        operation: The operation's type that collects it.
        start: The key in the actions menu, and what it does.
        found: What a run of it leaves, for the link on the run's page.
    """

    title: str
    operation: str
    start: str
    found: str


COMPLIANCE: Final = Kind(
    "Compliance", operations.COMPLIANCE_SNAPSHOT, "x, s takes a compliance snapshot", "the snapshot it took"
)
INVENTORY: Final = Kind(
    "Inventory", operations.INVENTORY_SYNC, "x, i starts an inventory sync", "what the last sync found changed"
)
ROLES: Final = Kind(
    "Admin roles", operations.ADMIN_ROLES_SCAN, "x, r scans the administrator roles", "the report it wrote"
)
DIRECTORY: Final = Kind("Directory", operations.DIRECTORY_SYNC, "x, d counts the directory", "what was counted")

KINDS: Final = (COMPLIANCE, INVENTORY, ROLES, DIRECTORY)
"""In the order in which pages show them."""

_PAGES: Final[Mapping[str, Callable[[int], Link]]] = {
    COMPLIANCE.operation: to_compliance_of,
    ROLES.operation: to_roles_of,
    DIRECTORY.operation: to_directory_of,
}
_BY_OPERATION: Final = {kind.operation: kind for kind in KINDS}
_DID_SOMETHING: Final = (RunOutcome.SUCCEEDED, RunOutcome.PARTIALLY_SUCCEEDED)


def page_of(kind: Kind, tenant_id: int, name: str, connection_id: int | None = None) -> Link:
    """Where a kind is shown.

    Args:
        kind: Which.
        tenant_id: Of which tenant.
        name: What a list of it is called.
        connection_id: Only what this connection collected, where the page can tell.
    """
    if kind is INVENTORY:
        return to_inventory(tenant_id=tenant_id, connection_id=connection_id, title=name)
    return _PAGES[kind.operation](tenant_id)


def kind_of_run(detail: RunDetail) -> Kind | None:
    """What a run collected; None for a check, and for a run that did not get so far."""
    row = detail.row
    if row.status is not RunStatus.COMPLETED or row.outcome not in _DID_SOMETHING:
        return None
    return _BY_OPERATION.get(row.type)


def page_of_run(detail: RunDetail) -> Link | None:
    """Where that is shown."""
    kind, row = kind_of_run(detail), detail.row
    if kind is None:
        return None
    if kind is INVENTORY:
        return to_inventory_changes(row.connection_id, row.tenant_name)
    if kind is DIRECTORY:
        return to_directory_of(row.tenant_id)
    return (to_compliance_of if kind is COMPLIANCE else to_roles_of)(row.tenant_id, row.id)
