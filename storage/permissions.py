"""Permission truth: what a connection was granted, held against what the operations need.

Promise: comes from the last check that had a token; without one nothing is claimed, every line is `unknown`. A permission that a broader
one covers is not missing, and says which one covers it. What was granted beyond the need is listed, the most dangerous first. Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Row, select

from storage import operations, permission_manifest
from storage.access import Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.permission_risks import Risk, judge, rank
from storage.schema import connection_permissions, provider_connections, tenants, verification_reports
from storage.verification import MANIFEST_VERSION

_REPORTS_LOOKED_AT: Final = 5


class Standing(StrEnum):
    """How a needed permission stands."""

    GRANTED = "granted"
    COVERED = "covered"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NeededPermission:
    """A permission that some operation asks for.

    Attributes:
        is_required: some operation cannot do its job without it; else it does less.
        needed_by: the operation types that ask for it.
        standing: granted; covered by a broader one; missing; or unknown, since no check has looked.
        covered_by: the broader one.
    """

    permission: str
    app_role_id: str | None
    is_required: bool
    needed_by: tuple[str, ...]
    purpose: str
    standing: Standing
    covered_by: str | None = None


@dataclass(frozen=True, slots=True)
class BeyondNeed:
    """A permission that was granted and that nothing here needs.

    Attributes:
        risk: the worst it could do.
        why: that, in a few words.
        covers: needed permissions that would be missing without it.
    """

    permission: str
    risk: Risk
    why: str
    covers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A grant held against the manifest.

    Attributes:
        needed: every needed permission, required ones first, missing ones before the others.
        beyond: what was granted beyond the need, the most dangerous first.
        limited_operations: operation types that miss something they require.
        reduced_operations: those that miss something optional, and nothing required.
    """

    needed: tuple[NeededPermission, ...]
    beyond: tuple[BeyondNeed, ...]
    limited_operations: tuple[str, ...]
    reduced_operations: tuple[str, ...]

    @property
    def missing_required(self) -> tuple[str, ...]:
        """What some operation cannot do without."""
        return tuple(n.permission for n in self.needed if n.is_required and n.standing is Standing.MISSING)

    @property
    def missing_optional(self) -> tuple[str, ...]:
        """Without which some operation does less."""
        return tuple(n.permission for n in self.needed if not n.is_required and n.standing is Standing.MISSING)


@dataclass(frozen=True, slots=True)
class PermissionTruth:
    """What is known about a connection's permissions.

    Attributes:
        checked_at: when a check last had a token; None when none ever had.
        manifest_version: the manifest of this program.
        checked_manifest_version: the one of the last check; None when never checked.
        consent_manifest_version: the one that was current when consent was granted; None when that is not known.
        consent_is_older: consent is older than the manifest, so that it may lack something: ask for it again.
        comparison: the grant held against the manifest.
    """

    connection_id: int
    tenant_name: str
    checked_at: datetime | None
    manifest_version: int
    checked_manifest_version: int | None
    consent_manifest_version: int | None
    consent_granted_at: datetime | None
    consent_is_older: bool
    comparison: Comparison


def compare(granted: frozenset[str] | None, operation_types: Sequence[str] | None = None) -> Comparison:
    """Holds a grant against what operations need.

    Args:
        granted: the application permissions in a token; None when nothing is known.
        operation_types: the operations that matter; all when None.

    Raises:
        InvalidInput: a type is not in the catalog.
    """
    wanted = permission_manifest.manifest(operation_types)
    required = {entry.permission for entry in wanted.required}
    needed = []
    for entry in wanted.entries:
        standing, cover = _standing(granted, entry.permission)
        needed.append(
            NeededPermission(
                entry.permission,
                entry.app_role_id,
                entry.permission in required,
                entry.needed_by,
                entry.purpose,
                standing,
                cover,
            )
        )
    needed.sort(key=lambda n: (n.standing is not Standing.MISSING, not n.is_required, n.permission))
    missing = {n.permission for n in needed if n.standing is Standing.MISSING}
    chosen = [operations.find(name) for name in (operation_types or tuple(operations.CATALOG))]
    limited = tuple(o.type for o in chosen if missing & set(o.required_permissions))
    reduced = tuple(o.type for o in chosen if o.type not in limited and missing & set(o.optional_permissions))
    return Comparison(tuple(needed), _beyond(granted, tuple(needed)), limited, reduced)


def _standing(granted: frozenset[str] | None, name: str) -> tuple[Standing, str | None]:
    if granted is None:
        return Standing.UNKNOWN, None
    if name in granted:
        return Standing.GRANTED, None
    cover = next((other for other in sorted(granted) if operations.satisfies({other}, name)), None)
    return (Standing.MISSING, None) if cover is None else (Standing.COVERED, cover)


def _beyond(granted: frozenset[str] | None, needed: tuple[NeededPermission, ...]) -> tuple[BeyondNeed, ...]:
    names = {n.permission for n in needed}
    found = [
        BeyondNeed(
            name,
            *judge(name),
            covers=tuple(
                n.permission
                for n in needed
                if n.standing is Standing.COVERED and operations.satisfies({name}, n.permission)
            ),
        )
        for name in (granted or frozenset()) - names
    ]
    return tuple(sorted(found, key=lambda b: (rank(b.risk), b.permission)))


def of_connection(
    db: Database, who: Principal, connection_id: int, operation_types: Sequence[str] | None = None
) -> PermissionTruth:
    """Returns a connection's permission truth.

    Raises:
        InvalidInput: an operation type is not in the catalog.
        NotFound: the connection is not visible.
    """
    with db.read() as tx:
        pc = provider_connections.c
        row = tx.run(
            select(
                pc.workspace_id,
                pc.tenant_id,
                pc.manifest_version,
                pc.consent_manifest_version,
                pc.consent_granted_at,
                tenants.c.name,
            )
            .join(tenants, tenants.c.id == pc.tenant_id)
            .where(pc.id == connection_id)
        ).first()
        if row is None:
            raise NotFound(f"Connection {connection_id} does not exist.")
        view, what = Capability.PROVIDER_VIEW, f"Connection {connection_id}"
        authority(tx, who).require(tx, view, row.workspace_id, row.tenant_id, see=view, what=what)
        granted, checked_at = _granted(tx, connection_id)
    return PermissionTruth(
        connection_id,
        row.name,
        checked_at,
        MANIFEST_VERSION,
        row.manifest_version,
        row.consent_manifest_version,
        row.consent_granted_at,
        row.consent_manifest_version is not None and row.consent_manifest_version < MANIFEST_VERSION,
        compare(granted, operation_types),
    )


def _granted(tx: Transaction, connection_id: int) -> tuple[frozenset[str] | None, datetime | None]:
    """What the last token held. The stored truth counts what a broader permission covers as granted; the report tells the two apart.

    The report is written a moment before the truth, in one transaction: of those that are not later, the newest that had a token.
    """
    rows = tx.run(select(connection_permissions).where(connection_permissions.c.connection_id == connection_id)).all()
    if not rows:
        return None, None
    known = frozenset(row.permission for row in rows if row.is_granted)
    checked_at = max(row.checked_at for row in rows)
    reports = tx.run(
        select(verification_reports.c.document)
        .where(
            verification_reports.c.connection_id == connection_id,
            ~verification_reports.c.is_superseded,
            verification_reports.c.created_at <= checked_at,
        )
        .order_by(verification_reports.c.id.desc())
        .limit(_REPORTS_LOOKED_AT)
    ).all()
    exact = next((grant for grant in map(_of_report, reports) if grant is not None), None)
    return (known if exact is None else exact & known), checked_at


class _Grant(msgspec.Struct):
    granted_permissions: list[str] | None = None


def _of_report(row: Row[Any]) -> frozenset[str] | None:
    found = msgspec.convert(row.document, _Grant).granted_permissions
    return None if found is None else frozenset(found)
