"""A list of tenants with the connection that speaks for each."""

from __future__ import annotations

from typing import Any

from storage import connection_changes, tenant_lines
from storage.pages import Place
from storage.tenants import TenantQuery


def page(fleet: Any, *, by: str = "dana", place: Place | None = None, limit: int = 100, **query: Any) -> Any:
    found = TenantQuery(fleet.north, **query)
    return tenant_lines.page(fleet.db, fleet.people[by], found, place or Place.first(), limit)


def test_each_tenant_comes_with_its_default_connection_and_one_without_has_none(fleet: Any) -> None:
    fleet.add_tenant("adventure")
    other = fleet.add_connection("contoso")
    connection_changes.set_default(fleet.db, fleet.dana, other)
    lines = {line.tenant.name: line.default for line in page(fleet).rows}
    assert lines["Adventure"] is None
    assert lines["Contoso"].id == other
    assert lines["Contoso"].is_default
    assert all(line is None or line.tenant_name == name for name, line in lines.items())


def test_the_list_reads_from_its_end_in_pages_that_meet(fleet: Any) -> None:
    names = [line.tenant.name for line in page(fleet).rows]
    first = page(fleet, descending=True, limit=2)
    rest = page(fleet, descending=True, place=Place.after(first.cursors[-1]))
    assert [line.tenant.name for line in (*first.rows, *rest.rows)] == names[::-1]
