"""Publishing a report of administrator roles: assignments, findings and the difference, in the transaction that ends the run.

Promise: a report is written once and never changed. The difference is taken against the last whole report, only over what both could read:
a licence or a permission that came or went adds and removes no administrator, and an activation is no new one. A report that is not whole
has no difference, and nothing is ever compared with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Row, insert, select

from storage.database import Transaction, chunks
from storage.finishing import Published
from storage.schema import role_assignments, role_findings, role_reports

MOST_ASSIGNMENTS: Final = 5000
"""Rows one report may have, so that the transaction that ends the run stays short."""

MOST_FINDINGS: Final = 500
_MOST_NAMED: Final = 100
_OF_NAMED: Final = ("guest_privileged", "disabled_privileged")
"""Findings that need more of a principal than its id."""
"""Names that each list of a difference holds; the counts beside them are exact."""

MEMBERS_NOT_COUNTED: Final = "group_members_not_counted"


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """Somebody holds, or may take, a role.

    Attributes:
        principal_id: the object id.
        principal_name: Microsoft's display name, cleaned; empty when nobody could be read.
        principal_kind: `user`, `guest`, `service_principal`, `group` or `unknown`.
        role_template_id: the built-in role's template id, or a custom role's own.
        role_name: its name.
        is_privileged: Microsoft calls the role privileged.
        assignment: `active`, `activated` (an eligible one, in use just now) or `eligible`.
        via_group_id: the group whose member this is; None when it is assigned directly.
        directory_scope: `/` for the whole tenant.
    """

    principal_id: str
    principal_name: str
    principal_kind: str
    role_template_id: str
    role_name: str
    is_privileged: bool
    assignment: str
    via_group_id: str | None = None
    directory_scope: str = "/"


@dataclass(frozen=True, slots=True)
class RoleFinding:
    """Something that somebody should look at.

    Attributes:
        code: an entry of `storage.role_finding_codes`.
        subject: whom or what it is about: an object id, or `tenant`; a code and a subject occur once in a report.
        sentence: ours.
    """

    code: str
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True)
class CollectedRoles:
    """What a scan brings home. Implements `storage.finishing.Collected`.

    Attributes:
        assignments: at most `MOST_ASSIGNMENTS`.
        findings: at most `MOST_FINDINGS`.
        counts: the run's summary counts, and `activated`; `eligible` or `activated` is missing when it could not be read.
        is_complete: everything that the tenant has and the permissions allow was read.
    """

    assignments: Sequence[RoleAssignment]
    findings: Sequence[RoleFinding]
    counts: Mapping[str, int]
    is_complete: bool

    def publish(self, tx: Transaction, run: Row[Any]) -> Published:
        """Writes the report.

        Args:
            tx: the finish's transaction, which holds the connection's lock.
            run: the run's row.
        """
        difference = _difference(tx, run, self) if self.is_complete else {}
        report_id = tx.run(
            insert(role_reports)
            .values(
                workspace_id=run.workspace_id,
                tenant_id=run.tenant_id,
                connection_id=run.connection_id,
                run_id=run.id,
                taken_at=tx.now(),
                is_complete=self.is_complete,
                counts=dict(self.counts),
                difference=difference,
            )
            .returning(role_reports.c.id)
        ).scalar_one()
        for some in chunks(self.assignments):
            tx.run(insert(role_assignments), [{"report_id": report_id, **asdict(one)} for one in some])
        for found in chunks(self.findings):
            tx.run(insert(role_findings), [{"report_id": report_id, **asdict(one)} for one in found])
        return Published()


def _difference(tx: Transaction, run: Row[Any], now: CollectedRoles) -> dict[str, Any]:
    reports = role_reports.c
    before = tx.run(
        select(reports.id, reports.counts)
        .where(reports.tenant_id == run.tenant_id, reports.is_complete)
        .order_by(reports.taken_at.desc(), reports.id.desc())
        .limit(1)
    ).first()
    if before is None:
        return {}
    a, f = role_assignments.c, role_findings.c
    old = [
        RoleAssignment(**row._mapping)
        for row in tx.run(
            select(
                a.principal_id,
                a.principal_name,
                a.principal_kind,
                a.role_template_id,
                a.role_name,
                a.is_privileged,
                a.assignment,
                a.via_group_id,
                a.directory_scope,
            ).where(a.report_id == before.id)
        )
    ]
    old_findings = [
        RoleFinding(**row._mapping)
        for row in tx.run(select(f.code, f.subject, f.sentence).where(f.report_id == before.id))
    ]
    uncounted = _uncounted(old_findings) | _uncounted(now.findings)
    doubtful = _maybe_activated(old, now.assignments) if _knows(before.counts) != _knows(now.counts) else set()
    kept = ("active", "eligible") if "eligible" in before.counts and "eligible" in now.counts else ("active",)
    were = _comparable(old, kept, uncounted, doubtful)
    are = _comparable(now.assignments, kept, uncounted, doubtful)
    hidden = _blind(before.counts, now.counts), _nameless(old) | _nameless(now.assignments)
    had = {(one.code, one.subject): one for one in old_findings if _tells(one, *hidden)}
    has = {(one.code, one.subject): one for one in now.findings if _tells(one, *hidden)}
    return {
        "previous_report_id": before.id,
        **_named("added", [are[key] for key in are.keys() - were.keys()]),
        **_named("removed", [were[key] for key in were.keys() - are.keys()]),
        **_listed("new_findings", [has[key] for key in has.keys() - had.keys()]),
        **_listed("solved_findings", [had[key] for key in had.keys() - has.keys()]),
    }


def _uncounted(findings: Sequence[RoleFinding]) -> set[str]:
    return {one.subject for one in findings if one.code == MEMBERS_NOT_COUNTED}


def _knows(counts: Mapping[str, int]) -> bool:
    """Whether a report tells activated from assigned."""
    return "activated" in counts


def _blind(before: Mapping[str, int], now: Mapping[str, int]) -> Collection[str]:
    """The codes that one of two reports could not find: what is permanent is known with Privileged Identity Management only."""
    return () if _knows(before) == _knows(now) else ("permanent_privileged",)


def _nameless(assignments: Sequence[RoleAssignment]) -> set[str]:
    """Those whom Microsoft listed by id only, because they may not be read."""
    return {one.principal_id for one in assignments if not one.principal_name}


def _tells(finding: RoleFinding, blind: Collection[str], nameless: Collection[str]) -> bool:
    """Whether both of two reports could have had a finding: of somebody without a name nobody knows whether it is a guest or disabled."""
    return finding.code not in blind and not (finding.code in _OF_NAMED and finding.subject in nameless)


def _maybe_activated(*reports: Sequence[RoleAssignment]) -> set[tuple[str, str, str]]:
    """Where one report cannot tell an activation from an assignment: whoever could have activated a role is left out."""
    return {_place(one) for assignments in reports for one in assignments if one.assignment == "eligible"}


def _comparable(
    assignments: Sequence[RoleAssignment],
    kept: Sequence[str],
    uncounted: set[str],
    doubtful: set[tuple[str, str, str]],
) -> dict[tuple[str, ...], RoleAssignment]:
    """What may be held against another report: no activations, no members of a group that one of the two could not read."""
    return {
        (*_place(one), one.assignment, one.via_group_id or ""): one
        for one in assignments
        if one.assignment in kept
        and one.via_group_id not in uncounted
        and not (one.assignment == "active" and _place(one) in doubtful)
    }


def _place(one: RoleAssignment) -> tuple[str, str, str]:
    return (one.principal_id, one.role_template_id, one.directory_scope)


def _named(key: str, assignments: list[RoleAssignment]) -> dict[str, Any]:
    ordered = sorted(assignments, key=lambda one: (not one.is_privileged, one.role_name, one.principal_name))
    return {key: [asdict(one) for one in ordered[:_MOST_NAMED]], f"{key}_count": len(ordered)}


def _listed(key: str, findings: list[RoleFinding]) -> dict[str, Any]:
    ordered = sorted(findings, key=lambda one: (one.code, one.sentence))
    return {key: [asdict(one) for one in ordered[:_MOST_NAMED]], f"{key}_count": len(ordered)}
