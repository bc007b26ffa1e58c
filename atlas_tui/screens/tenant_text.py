"""What a tenant's page says: what it is, and its connections with their three truths, or how to make one.

Must not know: widgets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from atlas_tui.badges import consent_badge, lifecycle_badge, verification_badge
from atlas_tui.cells import Line, Part, fit
from atlas_tui.screens.prose import Times, blank, field, heading
from storage import connections, tenants
from storage.connections import ConnectionQuery, ConnectionRow
from storage.pages import Place
from storage.tenants import TenantRow

if TYPE_CHECKING:
    from atlas_tui.session import Session

MOST_CONNECTIONS: Final = 50


@dataclass(frozen=True, slots=True)
class TenantRead:
    """A tenant and its connections."""

    tenant: TenantRow
    connections: tuple[ConnectionRow, ...]


def read_tenant(session: Session, tenant_id: int) -> TenantRead:
    """Read a tenant and its connections. Blocks; not for the event loop.

    Raises:
        NotFound: It is not visible.
    """
    tenant = tenants.get(session.db, session.who, tenant_id)
    query = ConnectionQuery(tenant.workspace_id, tenant_id=tenant_id)
    page = connections.page(session.db, session.who, query, Place.first(), MOST_CONNECTIONS)
    return TenantRead(tenant, page.rows)


def tenant_lines(read: TenantRead, times: Times, width: int, chosen: int | None = None) -> list[Line]:
    """The page.

    Args:
        read: What was read.
        times: How moments are shown.
        width: Cells.
        chosen: The id of the connection under the cursor, if there is a cursor.
    """
    tenant = read.tenant
    lines = field("Tenant id", tenant.entra_tenant_id, width)
    if tenant.microsoft_name and tenant.microsoft_name != tenant.name:
        lines += field("Microsoft", f"{tenant.microsoft_name} (Microsoft's own name for it)", width)
    lines += field("Domain", tenant.primary_domain or "-", width)
    lines += field("Cloud", tenant.cloud.value, width)
    lines += field("Lifecycle", tenant.lifecycle.value, width)
    if tenant.tags:
        lines += field("Tags", " ".join(tenant.tags), width)
    if tenant.note:
        lines += field("Note", tenant.note, width)
    lines += field("Created", times.moment(tenant.created_at), width)
    lines += [blank(), heading("Connections")]
    if not read.connections:
        lines += field("", "None yet: nothing can be checked or collected here.", width, style="warn")
        return lines + field("Next step", "N: add its connection", width, style="strong")
    for row in read.connections:
        lines += _connection(row, times, width, chosen)
    return lines


def _connection(row: ConnectionRow, times: Times, width: int, chosen: int | None) -> list[Line]:
    age = None if row.last_checked_at is None else times.now - row.last_checked_at
    marker = ">" if row.id == chosen else " "
    name = f"{row.display_name}{' (default)' if row.is_default else ''}"
    head: Line = (
        Part(f"{marker}{fit(name, 20)} ", "strong"),
        *lifecycle_badge(row.is_enabled).parts,
        Part(" "),
        *consent_badge(row.consent_status, age).parts,
        Part(" "),
        *verification_badge(row.verification_status, age).parts,
        Part(f"  {times.ago(row.last_checked_at)}", "muted"),
    )
    if not row.reason_code:
        return [head]
    return [head, (Part("   "), Part(row.reason_code, "bad"), Part(f"  {row.reason_sentence or ''}"))]
