"""What an audit entry's page, and the panel beside the list of them, say.

Promise: who, what, when, why not; before and after side by side; everything the entry holds, and its place in the hash chain. Text of
others is data.

Must not know: widgets, queries.
"""

from __future__ import annotations

from typing import Any

from atlas_tui.badges import badge
from atlas_tui.cells import Cell, Line, Part
from atlas_tui.links import Link, to_batch, to_connection, to_run, to_schedule, to_tenant
from atlas_tui.screens.prose import Times, blank, field, heading
from storage.audit_trail import AuditDetail, AuditEntry

OUTCOME_WIDTH = 9
"""Cells of an outcome's badge."""


def outcome_badge(row: AuditEntry) -> Cell:
    """Whether it was done or refused."""
    return badge("x" if row.is_refused else "+", row.outcome, OUTCOME_WIDTH)


def target_of(row: AuditEntry) -> Link | None:
    """The page of what an entry is about; of its tenant, when the thing itself has no page."""
    number = int(row.target_id) if row.target_id.isascii() and row.target_id.isdigit() else None
    if number is not None:
        if row.target_kind == "run":
            return to_run(number)
        if row.target_kind == "connection":
            return to_connection(number)
        if row.target_kind == "tenant":
            return to_tenant(number)
        if row.target_kind == "batch":
            return to_batch(number)
        if row.target_kind == "schedule":
            return to_schedule(number)
    return None if row.tenant_id is None else to_tenant(row.tenant_id)


def entry_lines(detail: AuditDetail, times: Times, width: int) -> list[Line]:
    """The whole page."""
    row = detail.row
    lines = field("What", row.sentence, width, style="bad" if row.is_refused else "strong")
    lines += field("Outcome", outcome_badge(row), width)
    if why := detail.facts.get("why"):
        lines += field("Why", str(why), width, style="warn")
    lines += field("Time", times.since(row.at), width)
    known = f" (known by {detail.via})" if detail.via else ""
    lines += field("Actor", f"{row.actor}{known}", width)
    number = f"{row.target_kind.replace('_', ' ')} {row.target_id}"
    lines += field("Target", number if row.target_name == number else f"{row.target_name} ({number})", width)
    if row.tenant_name or row.tenant_id is not None:
        lines += field("Tenant", row.tenant_name or f"number {row.tenant_id}, gone", width)
    if row.ticket:
        lines += field("Ticket", row.ticket, width)
    lines += field("Action", row.action, width)
    if detail.changes:
        lines += [blank(), heading("Changed", "before -> after")]
        for change in detail.changes:
            lines += field(_label(change.name), f"{_value(change.before)} -> {_value(change.after)}", width)
    facts = {key: value for key, value in detail.facts.items() if key != "why" and value not in (None, "", [])}
    if facts:
        lines += [blank(), heading("Told")]
        for key, value in facts.items():
            lines += field(_label(key), _value(value), width)
    lines += [blank(), heading("Chain", f"{detail.chain}, {row.sequence}")]
    fits = (Part("+ its bytes fit", "ok"),) if detail.fits else (Part("x ITS BYTES DO NOT FIT ITS HASH", "bad"),)
    lines += field("Hash", fits, width)
    lines += field("", detail.hash, width, style="muted")
    lines += field("Previous", detail.previous_hash, width, style="muted")
    neighbours = f"older {_entry(detail.older_id)}, newer {_entry(detail.newer_id)}"
    return [*lines, *field("Entry", f"#{row.id}; {neighbours}", width)]


def _entry(id: int | None) -> str:
    return "none" if id is None else f"#{id}"


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()[:13]


def _value(value: Any) -> str:
    if value is None or value == "" or value == []:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)
