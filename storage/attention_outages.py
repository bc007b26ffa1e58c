"""An outage among the problems: whatever fails because of it is one problem, not one for each way of failing.

Promise: while many tenants fail in the same passing way at once, their operations' failures of that kind are told under the outage's reason
and since its beginning. Badges and schedules are told as they are, since an outage changes neither. Must not know: how problems are put
together, what an outage is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from storage import attention_breakers, outages, reasons
from storage.attention_sources import Kind, Reach, Symptom, Symptoms
from storage.database import Transaction
from storage.outage_signs import kind_of
from storage.outages import Outage


@dataclass(frozen=True, slots=True)
class Told:
    """Symptoms as people shall read them, and the outage that some of them are a part of."""

    symptoms: Symptoms
    outage: Outage | None


def told(tx: Transaction, reach: Reach, only: str | None = None) -> Told:
    """Reads what is wrong on enabled connections, what an outage causes under its one reason.

    Args:
        tx: a read transaction.
        reach: whose; of one tenant alone, an outage is told of nothing.
        only: only this reason's.
    """
    outage = None if reach.tenant_id is not None else outages.current_in(tx, reach.workspace_id, reach.rights)
    if outage is None:
        return Told(attention_breakers.read(tx, reach, only), None)
    if only == outage.reason_code:
        parts = [attention_breakers.read(tx, reach, code) for code in codes_of(outage)]
        rows = tuple(row for part in parts for row in part.rows)
        found = Symptoms(rows, {code: size for part in parts for code, size in part.sizes.items()})
    else:
        found = attention_breakers.read(tx, reach, only)
    merged = merge(found, outage)
    if only is not None:
        merged = Symptoms(tuple(row for row in merged.rows if row.reason_code == only), merged.sizes)
    return Told(merged, outage)


def codes_of(outage: Outage) -> tuple[str, ...]:
    """Returns the reasons that an outage explains."""
    return tuple(code for code in reasons.catalog() if kind_of(code) is outage.kind)


def merge(found: Symptoms, outage: Outage) -> Symptoms:
    """Puts the failures that an outage explains under its reason; the largest estimate of them stands for all."""
    explained = set(codes_of(outage))
    sizes = {code: size for code, size in found.sizes.items() if code not in explained}
    estimates = [size for code, size in found.sizes.items() if code in explained]
    if estimates:
        sizes[outage.reason_code] = max(estimates)
    return Symptoms(tuple(_as_part(row, outage) if row.reason_code in explained else row for row in found.rows), sizes)


def _as_part(row: Symptom, outage: Outage) -> Symptom:
    if row.kind is not Kind.OPERATION:
        return row
    return replace(
        row, reason_code=outage.reason_code, since=outage.since if row.since is None else max(row.since, outage.since)
    )
