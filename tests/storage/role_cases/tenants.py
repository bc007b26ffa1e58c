"""Role table: tenants, their tags, archive and offboarding."""

from __future__ import annotations

from typing import Any

from storage import (
    connection_changes,
    offboarding,
    tenant_archive,
    tenant_changes,
    tenant_detail,
    tenant_lines,
    tenant_search,
    tenant_tags,
    tenants,
)
from storage.pages import Place


def _contoso(fleet: Any) -> int:
    return int(fleet.connection["contoso"])


CASES = {
    "tenants.create": (
        "provider.manage",
        "workspace",
        lambda f, who, _: tenants.create(f.db, who, f.north, entra_tenant_id=f.guid(), name="New"),
    ),
    "tenants.get": ("tenant.view", "contoso", lambda f, who, _: tenants.get(f.db, who, f.tenant["contoso"])),
    "tenants.page": (
        "tenant.view",
        "entrance",
        lambda f, who, _: tenants.page(f.db, who, tenants.TenantQuery(f.north), Place.first()),
    ),
    "tenant_archive.archive": (
        "provider.manage",
        "contoso",
        lambda f, who, _: tenant_archive.archive(f.db, who, f.tenant["contoso"]),
        lambda f: connection_changes.set_enabled(f.db, f.dana, _contoso(f), False) and None,
    ),
    "tenant_archive.unarchive": (
        "provider.manage",
        "contoso",
        lambda f, who, _: tenant_archive.unarchive(f.db, who, f.tenant["contoso"]),
    ),
    "tenant_changes.edit": (
        "provider.manage",
        "contoso",
        lambda f, who, _: tenant_changes.edit(f.db, who, f.tenant["contoso"], changes={"name": "Renamed"}),
    ),
    "tenant_detail.get": (
        "tenant.view",
        "contoso",
        lambda f, who, _: tenant_detail.get(f.db, who, f.tenant["contoso"]),
    ),
    "tenant_lines.page": (
        "tenant.view",
        "entrance",
        lambda f, who, _: tenant_lines.page(f.db, who, tenants.TenantQuery(f.north), Place.first()),
    ),
    "tenant_search.search": (
        "tenant.view",
        "entrance",
        lambda f, who, _: tenant_search.search(f.db, who, "contoso", workspace_id=f.north),
    ),
    "tenant_tags.of_workspace": (
        "tenant.view",
        "entrance",
        lambda f, who, _: tenant_tags.of_workspace(f.db, who, f.north),
    ),
    "tenant_tags.rename": (
        "provider.manage",
        "workspace",
        lambda f, who, _: tenant_tags.rename(f.db, who, f.north, "gold", "Gold"),
    ),
    "offboarding.offboard": (
        "provider.manage",
        "contoso",
        lambda f, who, _: offboarding.offboard(f.db, who, f.tenant["contoso"]),
    ),
    "offboarding.preview": (
        "provider.view",
        "contoso",
        lambda f, who, _: offboarding.preview(f.db, who, f.tenant["contoso"]),
    ),
    "offboarding.restore": (
        "provider.manage",
        "contoso",
        lambda f, who, _: offboarding.restore(f.db, who, f.tenant["contoso"]),
        lambda f: offboarding.offboard(f.db, f.dana, f.tenant["contoso"]) and None,
    ),
    "offboarding.sheet": (
        "provider.view",
        "contoso",
        lambda f, who, _: offboarding.sheet(f.db, who, f.tenant["contoso"]),
        lambda f: offboarding.offboard(f.db, f.dana, f.tenant["contoso"]) and None,
    ),
}
