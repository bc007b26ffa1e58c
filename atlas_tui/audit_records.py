"""An audit entry as a record of an export file: what people read, and what a third party needs to verify it.

Must not know: files, screens.
"""

from __future__ import annotations

from typing import Any, Final

from storage.audit_export import ExportedEntry

CSV_COLUMNS: Final = (
    "at",
    "actor",
    "action",
    "sentence",
    "outcome",
    "target_kind",
    "target_id",
    "target_name",
    "tenant_id",
    "tenant_name",
    "ticket",
    "detail",
    "chain",
    "sequence",
    "hash",
)
"""The columns of a CSV file: to be read, not to be verified (JSON lines hold the hashed bytes)."""


def record_of(exported: ExportedEntry) -> dict[str, Any]:
    """One entry as a record."""
    entry = exported.entry
    return {
        "chain": exported.chain,
        "sequence": entry.sequence,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "sentence": entry.sentence,
        "outcome": entry.outcome,
        "target_kind": entry.target_kind,
        "target_id": entry.target_id,
        "target_name": entry.target_name,
        "tenant_id": entry.tenant_id,
        "tenant_name": entry.tenant_name,
        "ticket": entry.ticket,
        "detail": dict(entry.detail),
        "previous_hash": exported.previous_hash,
        "hash": exported.hash,
        "canonical": exported.canonical,
    }
