"""A list of tenants with the connection that speaks for each, its default one; and the trend of its devices, where there is room for it.

Promise: the default connection's row is as it is stored, its three badges beside each other; a tenant without a connection has none, and
nothing is made up for it. A page costs two questions more than a page of tenants, three with trends, whatever their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storage import compliance, resolver, tenants
from storage.access import Principal
from storage.compliance import TrendPoint
from storage.connections import ConnectionRow, rows_by_id
from storage.database import Database
from storage.pages import Page, Place
from storage.tenants import TenantQuery, TenantRow


@dataclass(frozen=True, slots=True)
class TenantLine:
    """A tenant.

    Attributes:
        default: its default connection; None when it has no connection.
        points: its compliance over the last two weeks, oldest day first; empty unless it was asked for.
    """

    tenant: TenantRow
    default: ConnectionRow | None
    points: tuple[TrendPoint, ...] = ()


def page(
    db: Database, who: Principal, query: TenantQuery, place: Place, limit: int = 100, *, with_trend: bool = False
) -> Page[TenantLine]:
    """Returns a page of tenants as `tenants.page` does, each with its default connection.

    Who sees a tenant sees its connections and what they counted too, so those of the page's tenants need no further question of authority.

    Args:
        db: the database.
        who: who asks.
        query: which tenants.
        place: which page.
        limit: rows wanted.
        with_trend: with the trend of each one's devices.

    Raises:
        InvalidInput: the filter line cannot be read.
        NotFound: the principal is no member.
    """
    found = tenants.page(db, who, query, place, limit)
    defaults: dict[int, ConnectionRow] = {}
    points: Mapping[int, tuple[TrendPoint, ...]] = {}
    if found.rows:
        with db.read() as tx:
            ids = resolver.default_ids(tx, [row.id for row in found.rows]).values()
            defaults = {row.tenant_id: row for row in rows_by_id(tx, list(ids))}
            if with_trend:
                points = compliance.points_in(tx, [row.id for row in found.rows])
    lines = tuple(TenantLine(row, defaults.get(row.id), points.get(row.id, ())) for row in found.rows)
    return Page(lines, found.cursors, found.has_before, found.has_after, position=found.position)
