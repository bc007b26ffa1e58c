"""Headless administrator roles: findings of a tenant or of all, assignments, and what changed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from atlas_tui.headless import exit_codes
from atlas_tui.headless.naming import find_tenant
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.rows import all_rows
from storage import roles as reports
from storage.errors import InvalidInput, NotFound
from storage.role_finding_codes import CODES
from storage.roles import LatestRoles, RoleDifference, RoleReport
from storage.roles_publishing import RoleAssignment, RoleFinding


def roles(options: argparse.Namespace) -> int:
    """`atlas-tui roles [TENANT] [--diff | --assignments]`."""
    wants_report = options.diff or options.assignments
    if options.tenant is None and (wants_report or options.privileged):
        raise InvalidInput("tenant", "is missing", "Name it: atlas-tui roles TENANT --diff")
    if options.diff and options.assignments:
        raise InvalidInput("--diff", "cannot be combined with --assignments", "Ask for one of them.")
    if options.privileged and not options.assignments:
        raise InvalidInput("--privileged", "goes with --assignments", "Add --assignments.")
    with opened(options.config, options.workspace) as here:
        if options.tenant is None:
            return _every_tenant(here, options)
        if options.code is not None:
            raise InvalidInput("--code", "is about every tenant", "Leave the tenant out.")
        known = reports.latest(here.db, here.who, find_tenant(here, options.tenant))
        if not wants_report:
            return _tenant(known, options.json)
        report = known.report or known.partial
        if report is None:
            raise NotFound("This tenant has no report of its roles yet.", "Start an admin roles scan.")
        if options.diff:
            return _difference(report, options.json)
        return _assignments(here, report, options)


def _every_tenant(here: Opened, options: argparse.Namespace) -> int:
    workspace_id = here.workspace.workspace_id
    rows = all_rows(
        lambda place, n: reports.findings_of_workspace(here.db, here.who, workspace_id, place, n, code=options.code),
        options.limit,
    )
    if options.json:
        write_json(rows)
        return exit_codes.OK
    write_table(
        ("TENANT", "REPORT", "CODE", "FINDING"),
        [(row.tenant_name, moment(row.taken_at), row.finding.code, row.finding.sentence) for row in rows],
        widest=90,
    )
    return exit_codes.OK


def _tenant(known: LatestRoles, as_json: bool) -> int:
    if as_json:
        write_json(known)
        return exit_codes.OK
    if known.report is None and known.partial is None:
        write_line("No report was made yet. An admin roles scan of its connection makes one.")
        return exit_codes.OK
    for report in (known.report, known.partial):
        if report is not None:
            _write_report(report)
    return exit_codes.OK


def _write_report(report: RoleReport) -> None:
    counted = ", ".join(f"{value} {key}" for key, value in report.counts.items() if key != "findings")
    whole = "" if report.is_complete else " (not whole)"
    write_line(f"Report of {moment(report.taken_at)} (#{report.run_id}){whole}: {counted}")
    if "eligible" not in report.counts:
        write_line("Eligible assignments could not be read: no Entra ID P2, or no permission.")
    for finding in report.findings:
        write_line(f"  {finding.code:31} {finding.sentence}")
    for code in dict.fromkeys(finding.code for finding in report.findings):
        write_line(f"{CODES[code].title}: {CODES[code].advice}")
    if not report.findings:
        write_line("Nothing was found that needs a look.")


def _difference(report: RoleReport, as_json: bool) -> int:
    if as_json:
        write_json({"report_id": report.id, "taken_at": report.taken_at, "difference": report.difference})
        return exit_codes.OK
    if report.difference is None:
        why = "it is the first one" if report.is_complete else "it is not whole"
        write_line(f"The report of {moment(report.taken_at)} is compared with nothing: {why}.")
        return exit_codes.OK
    _write_difference(report.difference)
    return exit_codes.OK


def _write_difference(found: RoleDifference) -> None:
    _write_assignments("+", found.added, found.added_count)
    _write_assignments("-", found.removed, found.removed_count)
    _write_findings("new", found.new_findings, found.new_findings_count)
    _write_findings("solved", found.solved_findings, found.solved_findings_count)
    if not (found.added_count or found.removed_count or found.new_findings_count or found.solved_findings_count):
        write_line("Nothing changed.")


def _write_assignments(sign: str, assignments: Sequence[RoleAssignment], count: int) -> None:
    for one in assignments:
        through = " through a group" if one.via_group_id else ""
        name = one.principal_name or one.principal_id
        write_line(f"{sign} {one.role_name} ({one.assignment}): {name} ({one.principal_kind}){through}")
    if count > len(assignments):
        write_line(f"{sign} and {count - len(assignments)} more")


def _write_findings(word: str, findings: Sequence[RoleFinding], count: int) -> None:
    for finding in findings:
        write_line(f"{word}: {finding.code}: {finding.sentence}")
    if count > len(findings):
        write_line(f"{word}: and {count - len(findings)} more")


def _assignments(here: Opened, report: RoleReport, options: argparse.Namespace) -> int:
    rows = all_rows(
        lambda place, n: reports.assignments(
            here.db, here.who, report.id, place, n, privileged_only=options.privileged
        ),
        options.limit,
    )
    if options.json:
        write_json(rows)
        return exit_codes.OK
    write_table(
        ("ROLE", "HOLDER", "KIND", "ASSIGNMENT", "THROUGH", "SCOPE"),
        [
            (
                one.role_name,
                one.principal_name or one.principal_id,
                one.principal_kind,
                one.assignment,
                "group" if one.via_group_id else "-",
                one.directory_scope,
            )
            for one in rows
        ],
    )
    return exit_codes.OK
