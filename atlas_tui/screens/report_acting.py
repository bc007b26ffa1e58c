"""What can be done with the reports on a connection's page: go to an older one, pick one, copy it, write it to a file.

Promise: a report that was picked stays through every refresh until another one is picked or the page is left; a file goes into the one
directory of exports, and none is written for a session that an SSH key was forced into.

Must not know: how a report looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from atlas_tui import report_page
from atlas_tui.exporting import exports_directory, write_export
from atlas_tui.report_page import ReportPage
from atlas_tui.report_reading import read_report
from atlas_tui.screens.copying import copy_json
from atlas_tui.screens.frame import AtlasScreen
from atlas_tui.screens.report_text import ReportRead, verdict_word
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import reports

if TYPE_CHECKING:
    from datetime import datetime

    from atlas_tui.session import Session

MOST_READ = 100
MOST_SHOWN = 9


class ReportActs(AtlasScreen):
    """A page with a connection's reports. Put it before the kind of screen it is."""

    report_id: int | None = None
    """The report that was picked; None shows the newest."""

    is_folded = True
    """Whether steps that passed are one line each."""

    @property
    def report_read(self) -> ReportRead | None:
        """The report that is seen; None while none is."""
        raise NotImplementedError

    def read_reports(self, session: Session, connection_id: int) -> ReportRead:
        """The picked report and the list of all, in a worker thread."""
        page = read_report(session.db, session.who, connection_id, self.report_id)
        return ReportRead(page, reports.of_connection(session.db, session.who, connection_id, limit=MOST_READ))

    # Which one

    def command_older_report(self) -> None:
        """The report before the one that is seen."""
        self._step_report(1)

    def command_newer_report(self) -> None:
        """The report after it."""
        self._step_report(-1)

    def _step_report(self, step: int) -> None:
        read = self.report_read
        if read is None:
            self.atlas.flash("Reports are on the Report tab.")
            return
        at = read.at + step
        if 0 <= at < len(read.all):
            self._show_report(read.all[at].id if at else None)
        else:
            self.atlas.flash("There is no older report." if step > 0 else "This is the newest report.")

    def _show_report(self, report_id: int | None) -> None:
        self.report_id = report_id
        self.reload()

    def choose_report(self) -> None:
        """Pick one from the list; those around the one that is seen."""
        read = self.report_read
        if read is None or len(read.all) < 2:
            self.atlas.flash("There is no other report.")
            return
        first = max(0, min(read.at - MOST_SHOWN // 2, len(read.all) - MOST_SHOWN))
        shown = read.all[first : first + MOST_SHOWN]
        items = [
            MenuItem(
                str(summary.id),
                str(number),
                f"{self.times.moment(summary.created_at)}  {verdict_word(summary)}  {summary.reason_code or ''}".rstrip(),
            )
            for number, summary in enumerate(shown, 1)
        ]

        def go(id: str | None) -> None:
            if id is not None:
                self._show_report(None if int(id) == read.all[0].id else int(id))

        self.app.push_screen(Menu("Which report?", items), go)

    def command_fold(self) -> None:
        """Show the evidence of every step, or only of those that did not pass."""
        if self.report_read is None:
            self.atlas.flash("Only a report folds: open the Report tab.")
            return
        self.is_folded = not self.is_folded
        self.show_report()

    def show_report(self) -> None:
        """Paint the report again."""
        raise NotImplementedError

    # Taking it away

    def copy_report(self) -> None:
        """Copy the report that is seen as JSON."""
        if (read := self.report_read) is not None and read.page is not None:
            copy_json(self.atlas, _plain(read.page))

    def command_export_report(self) -> None:
        """Write the report that is seen to a file, after the question of its format."""
        read = self.report_read
        if read is None:
            self.atlas.flash("Reports are on the Report tab.")
            return
        if read.page is None:
            self.atlas.flash("No check has ended here yet: there is no report.")
            return
        page = read.page
        items = (MenuItem("md", "m", "Markdown, for a mail or a ticket"), MenuItem("json", "j", "JSON, for programs"))
        self.app.push_screen(
            Menu("Write this report to a file of yours", items),
            lambda ending: self._write_report(page, ending) if ending is not None else None,
        )

    def _write_report(self, page: ReportPage, ending: str) -> None:
        session, now = self.session, self.atlas.clock()
        self.ask(
            "report file",
            lambda: _write(session, page, ending, now),
            lambda path: self.atlas.flash(f"Written: {path}", "ok"),
            self.tell_error,
            keep_all=True,
        )


def _plain(page: ReportPage) -> object:
    return msgspec.to_builtins(report_page.document(page), enc_hook=dict)


def _write(session: Session, page: ReportPage, ending: str, now: datetime) -> Path:
    directory = exports_directory(session.state_directory, session.who.via)
    name = f"report-{page.report.id}-{page.detail.row.tenant_name}"
    lines: Iterable[bytes]
    if ending == "md":
        lines = [report_page.markdown(page).encode("utf-8")]
    else:
        lines = [msgspec.json.format(msgspec.json.encode(_plain(page)), indent=2), b"\n"]
    return write_export(directory, name, ending, lines, now)
