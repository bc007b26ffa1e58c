"""A tenant's page of administrator roles: findings first, what changed, and who holds what.

Must not know: how the findings are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from atlas_tui.cells import Line, Part
from atlas_tui.command import Where
from atlas_tui.exporting import Format
from atlas_tui.links import Link, View, to_run
from atlas_tui.screens.collected_kinds import ROLES
from atlas_tui.screens.collected_page import CollectedPage
from atlas_tui.screens.collected_reading import read_collector
from atlas_tui.screens.copying import copy_json
from atlas_tui.screens.form_definition import Handout
from atlas_tui.screens.handout import HandoutScreen
from atlas_tui.screens.roles_text import ASSIGNMENT_COLUMNS, RolesRead, difference_lines, finding_lines, links_of
from atlas_tui.screens.sectioned import Reader, SectionedPage
from atlas_tui.widgets.table_messages import ListTexts
from atlas_tui.widgets.virtual_table import VirtualTable
from storage import roles
from storage.errors import NotFound
from storage.pages import Page, Place
from storage.roles_publishing import RoleAssignment
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session
    from atlas_tui.widgets.pages import PageRequest


class Section(StrEnum):
    """The tabs."""

    FINDINGS = "Findings"
    DIFFERENCE = "Difference"
    ASSIGNMENTS = "Assignments"


class RolesScreen(CollectedPage, SectionedPage[Section]):
    """The page of one tenant."""

    VIEW = View.TENANT_ROLES
    PLACES = (Where.DETAIL, Where.TENANT_ROLES)
    TOPICS = frozenset({Topic.RUNS, Topic.CONNECTIONS})
    KIND = ROLES
    FIRST = Section.FINDINGS
    EXPORTED = "all assignments of this report"

    @property
    def sections(self) -> Sequence[Section]:
        """All tabs."""
        return tuple(Section)

    def make_lists(self) -> Mapping[Section, VirtualTable[Any]]:
        """Who holds what."""
        table: VirtualTable[RoleAssignment] = VirtualTable(
            ASSIGNMENT_COLUMNS,
            _key_of,
            None,
            texts=ListTexts(empty="No assignment.", empty_hint="The Findings tab says when it was looked for."),
            clock=lambda: self.atlas.clock(),
            id="assignments",
        )
        return {Section.ASSIGNMENTS: table}

    def reader(self, section: Section, session: Session, subject: int) -> Reader:
        """The assignments of the report that is shown."""

        def page(place: Place, request: PageRequest) -> Page[RoleAssignment]:
            shown = self._shown(session, subject)
            if shown is None:
                return Page((), (), False, False, total=0, position=0)
            return roles.assignments(session.db, session.who, shown.id, place, request.limit)

        return page

    def _shown(self, session: Session, subject: int) -> roles.RoleReport | None:
        if self.run_id is not None:
            return roles.of_run(session.db, session.who, subject, self.run_id)
        known = roles.latest(session.db, session.who, subject)
        return known.report or known.partial

    def counts(self) -> Mapping[Section, int]:
        """How many findings and assignments there are."""
        report = None if self.read is None else self.read.report
        if report is None:
            return {}
        return {
            Section.FINDINGS: len(report.findings),
            Section.ASSIGNMENTS: report.counts.get("assignments", 0),
        }

    def link(self) -> Link:
        """This page, and which report it shows."""
        return Link(self.VIEW, self.subject, run_id=self.run_id)

    def read_subject(self, id: int) -> RolesRead:
        """The last reports, or the one that was asked for."""
        session, run_id = self.session, self.run_id
        return RolesRead(
            read_collector(session, id),
            roles.latest(session.db, session.who, id),
            run_id,
            None if run_id is None else roles.of_run(session.db, session.who, id, run_id),
        )

    def lines(self, width: int) -> list[Line]:
        """The open tab."""
        if self.section is Section.DIFFERENCE:
            return difference_lines(self.read, self.times, width)
        head: Line = (Part(f" Administrator roles of {self.read.collector.tenant.name}", "title"),)
        return [head, *finding_lines(self.read, self.times, width)]

    def linked(self) -> Link | None:
        """The scan."""
        shown = None if self.read is None else self.read.report
        return None if shown is None else to_run(shown.run_id)

    def command_copy_id(self) -> None:
        """Copy the tenant's GUID, or one of the addresses that the findings name."""
        report = None if self.read is None or self.section is not Section.FINDINGS else self.read.report
        links = () if report is None else links_of(report)
        if not links:
            super().command_copy_id()
            return
        texts = (("Entra tenant id", self.read.collector.tenant.entra_tenant_id), *links)
        self.app.push_screen(HandoutScreen(Handout("Copy", (), texts)))

    def command_copy_json(self) -> None:
        """Copy the report as JSON."""
        if self.read is not None and self.read.report is not None:
            copy_json(self.atlas, self.read.report)
        else:
            self.atlas.flash("There is no report yet.")

    def records(self, session: Session, request: PageRequest, format: Format) -> Iterator[Mapping[str, Any]]:
        """The assignments of the report."""
        shown = None if self.subject is None else self._shown(session, self.subject)
        if shown is None:
            raise NotFound("There is no report yet.")
        place = Place.first()
        while True:
            page = roles.assignments(session.db, session.who, shown.id, place, request.limit)
            yield from (asdict(row) for row in page.rows)
            if not page.has_after or not page.cursors:
                return
            place = Place.after(page.cursors[-1])


def _key_of(row: RoleAssignment) -> tuple[str, ...]:
    """What an assignment is known by: a report holds it once."""
    return (row.principal_id, row.role_template_id, row.assignment, row.via_group_id or "", row.directory_scope)
