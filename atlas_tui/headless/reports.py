"""Headless reading of verification reports: a page, JSON, a list, a file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from atlas_tui import report_page
from atlas_tui.headless import exit_codes
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import json_line, moment, write_json, write_line, write_table
from atlas_tui.report_page import ReportPage
from atlas_tui.report_reading import read_report
from storage import connections, reports
from storage.connections import ConnectionRow
from storage.errors import Conflict, InvalidInput, NotFound


def show_report(options: argparse.Namespace) -> int:
    """`atlas-tui report CONNECTION [--id N | --list] [--json] [--file FILE]`: the newest report, or the one that is named."""
    if options.list and (options.id or options.file):
        raise InvalidInput("--list", "cannot be combined with --id or --file")
    with opened(options.config, options.workspace) as here:
        row = connections.find_by_name(here.db, here.who, here.workspace.workspace_id, options.connection)
        if options.list:
            return _list(here, row, options)
        page = _page(here, row, options.id)
    text = json_line(report_page.document(page)) if options.json else report_page.markdown(page)
    if options.file is not None:
        _write_new(options.file, text)
        write_line(f"Report {page.report.id} of {row.tenant_name} is in {options.file}.")
        return exit_codes.OK
    if options.json:
        write_json(report_page.document(page))
        return exit_codes.OK
    for line in text.splitlines():
        write_line(line)
    return exit_codes.OK


def _page(here: Opened, row: ConnectionRow, report_id: int | None) -> ReportPage:
    page = read_report(here.db, here.who, row.id, report_id)
    if page is None:
        raise NotFound(f"{row.tenant_name} was never checked.", f"Run: atlas-tui check {row.id}")
    return page


def _list(here: Opened, row: ConnectionRow, options: argparse.Namespace) -> int:
    found = reports.of_connection(here.db, here.who, row.id, limit=options.limit)
    if options.json:
        write_json(found)
        return exit_codes.OK
    write_table(
        ("REPORT", "RUN", "WHEN", "VERDICT", "GENERATION", "REASON"),
        [
            (
                str(r.id),
                str(r.run_id),
                moment(r.created_at),
                "superseded" if r.is_superseded else r.verdict.value if r.verdict else "unchanged",
                str(r.generation),
                r.reason_code or "",
            )
            for r in found
        ],
    )
    return exit_codes.OK


def _write_new(path: Path, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise Conflict(f"The file {path} exists.", "Name another one with --file.") from None
    except OSError as error:
        raise InvalidInput("--file", f"{path} cannot be written ({error.strerror})") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
