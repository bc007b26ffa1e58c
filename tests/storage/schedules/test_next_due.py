"""What a tenant's page says is started by itself next: only what could be started."""

from __future__ import annotations

from typing import Any

from storage import connection_changes, schedule_reach


def test_nothing_is_due_on_a_tenant_without_an_enabled_connection(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    bare, contoso = fleet.add_tenant("bare"), fleet.tenant["contoso"]
    assert schedule_reach.next_for_tenant(fleet.db, fleet.dana, contoso)[0].label == "Connection check"
    assert schedule_reach.next_for_tenant(fleet.db, fleet.dana, bare) == ()
    connection_changes.set_enabled(fleet.db, fleet.dana, fleet.connection["contoso"], False)
    assert schedule_reach.next_for_tenant(fleet.db, fleet.dana, contoso) == ()
