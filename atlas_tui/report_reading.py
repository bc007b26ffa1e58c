"""Reading a verification report with everything its page tells: the grant held against the need, the difference to the one before.

Promise: screens and the command line show the same page. Blocks; not for an event loop.

Must not know: screens, options.
"""

from __future__ import annotations

from atlas_tui.report_page import ReportPage
from storage import connections, permissions, reports
from storage.access import Principal
from storage.database import Database
from storage.report_difference import difference


def read_report(db: Database, who: Principal, connection_id: int, report_id: int | None = None) -> ReportPage | None:
    """Reads one report of a connection, the newest when none is named; None when there is none.

    Raises:
        NotFound: The connection is not visible, or has no such report.
    """
    report = (
        reports.latest(db, who, connection_id)
        if report_id is None
        else reports.by_id(db, who, connection_id, report_id)
    )
    if report is None:
        return None
    earlier = reports.before(db, who, report)
    granted = None if report.granted_permissions is None else frozenset(report.granted_permissions)
    return ReportPage(
        report,
        connections.get(db, who, connection_id),
        permissions.compare(granted),
        None if earlier is None else difference(earlier, report),
    )
