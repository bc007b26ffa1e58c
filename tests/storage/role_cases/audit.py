"""Role table: the audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from storage import audit_export, audit_trail
from storage.pages import Place
from storage.schema import audit_entries


def _contoso(fleet: Any) -> int:
    return int(fleet.connection["contoso"])


def _entry(fleet: Any) -> int:
    about = (audit_entries.c.target_kind == "connection", audit_entries.c.target_id == str(_contoso(fleet)))
    return int(fleet.one(select(func.min(audit_entries.c.id)).where(*about)))


CASES = {
    "audit_export.begin": (
        "audit.view",
        "somewhere",
        lambda f, who, _: audit_export.begin(f.db, who, audit_trail.AuditQuery(f.north), format="csv"),
    ),
    "audit_export.read": (
        "audit.view",
        "somewhere",
        lambda f, who, export: list(audit_export.read(f.db, who, export)),
        lambda f: audit_export.begin(f.db, f.dana, audit_trail.AuditQuery(f.north), format="csv"),
    ),
    "audit_trail.get": ("audit.view", "contoso", lambda f, who, entry: audit_trail.get(f.db, who, entry), _entry),
    "audit_trail.page": (
        "audit.view",
        "somewhere",
        lambda f, who, _: audit_trail.page(f.db, who, audit_trail.AuditQuery(f.north), Place.first()),
    ),
    "audit_trail.verify_trail": (
        "audit.view",
        "workspace",
        lambda f, who, _: audit_trail.verify_trail(f.db, who, f.north),
    ),
    "audit_trail.of_connection": (
        "audit.view",
        "contoso",
        lambda f, who, _: audit_trail.of_connection(f.db, who, _contoso(f)),
    ),
}

CHANGES = {"audit_export.begin"}
