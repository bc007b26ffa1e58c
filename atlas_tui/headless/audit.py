"""Headless commands about the audit trail."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas_tui import keyboard
from atlas_tui.audit_records import CSV_COLUMNS, record_of
from atlas_tui.exporting import csv_lines, json_lines
from atlas_tui.headless.opening import opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from storage import access, audit_export, audit_trail
from storage.access import Principal
from storage.audit_chain import CHUNK, ChainReport
from storage.audit_filters import AuditQuery
from storage.audit_trail import AuditEntry
from storage.configuration import load
from storage.database import Database, open_database
from storage.errors import Forbidden, InvalidInput, NotFound
from storage.pages import Page, Place


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads which trail: a workspace's, or with no workspace the system's, which needs no membership anywhere."""

    db: Database
    who: Principal
    workspace_id: int | None

    def query(self, options: argparse.Namespace) -> AuditQuery:
        since = [f"since:{options.since}"] if options.since else []
        return AuditQuery(self.workspace_id, " ".join([*options.filter, *since]))


@contextmanager
def _reader(options: argparse.Namespace) -> Iterator[_Reader]:
    if not (getattr(options, "system", False) or getattr(options, "all", False)):
        with opened(options.config, options.workspace) as here:
            yield _Reader(here.db, here.who, here.workspace.workspace_id)
        return
    settings = load(options.config)
    db = open_database(settings.database, shared=settings.shared)
    try:
        yield _Reader(db, keyboard.principal(db), None)
    finally:
        db.close()


def list_entries(options: argparse.Namespace) -> int:
    """`atlas-tui audit list [FILTER]`."""
    rows: list[AuditEntry] = []
    with _reader(options) as here:
        query, place = here.query(options), Place.first()
        while len(rows) < options.limit:
            page: Page[AuditEntry] = audit_trail.page(
                here.db, here.who, query, place, min(500, options.limit - len(rows))
            )
            rows.extend(page.rows)
            if not page.has_after or not page.cursors:
                break
            place = Place.after(page.cursors[-1])
    if options.json:
        write_json(rows)
        return 0
    write_table(
        ("ID", "TIME", "ACTOR", "WHAT", "TARGET", "OUTCOME", "TICKET"),
        [(str(r.id), moment(r.at), r.actor, r.sentence, r.target_name, r.outcome, r.ticket or "") for r in rows],
    )
    return 0


def show_entry(options: argparse.Namespace) -> int:
    """`atlas-tui audit show ENTRY`."""
    with _reader(options) as here:
        found = audit_trail.get(here.db, here.who, options.entry)
    if options.json:
        write_json(found)
        return 0
    row = found.row
    pairs: list[tuple[str, Any]] = [
        ("entry", f"{row.id} ({found.chain}, {row.sequence})"),
        ("time", moment(row.at)),
        ("actor", f"{row.actor}, known by {found.via}"),
        ("action", f"{row.action}: {row.sentence}"),
        ("outcome", row.outcome),
        ("target", f"{row.target_kind} {row.target_id}: {row.target_name}"),
        ("tenant", row.tenant_name or "-"),
        ("ticket", row.ticket or "-"),
        *((change.name, f"{change.before} -> {change.after}") for change in found.changes),
        *found.facts.items(),
        ("older", found.older_id or "-"),
        ("newer", found.newer_id or "-"),
        ("previous hash", found.previous_hash),
        ("hash", f"{found.hash} ({'fits' if found.fits else 'DOES NOT FIT'})"),
    ]
    for label, value in pairs:
        write_line(f"{label:14} {value}")
    return 0


def verify(options: argparse.Namespace) -> int:
    """`atlas-tui audit verify`: exit code 1 when a chain does not fit."""
    with _reader(options) as here:
        reports = _verify_all(here) if options.all else [_verify(here, here.workspace_id)]
    if options.json:
        write_json(reports)
    else:
        for report in reports:
            _tell(report)
    return 0 if all(report.first_bad is None for report in reports) else 1


def _verify_all(here: _Reader) -> list[ChainReport]:
    """Every chain that may be read: those that may not are left out, as if they were not there."""
    reports = []
    for workspace_id in (*(m.workspace_id for m in access.entered_workspaces(here.db, here.who)), None):
        with suppress(NotFound, Forbidden):
            reports.append(_verify(here, workspace_id))
    if not reports:
        raise NotFound("There is no chain that you may verify.", "A whole workspace must be within your reach.")
    return reports


def _verify(here: _Reader, workspace_id: int | None) -> ChainReport:
    shown = sys.stderr.isatty()

    def progress(done: int, of: int) -> None:
        if shown:
            sys.stderr.write(f"\r{done:,} of {of:,}")
            sys.stderr.flush()

    report = audit_trail.verify_trail(here.db, here.who, workspace_id, progress)
    if shown and report.entries >= CHUNK:
        sys.stderr.write("\n")
    return report


def _tell(report: ChainReport) -> None:
    pruned = f", pruned up to {report.pruned}" if report.pruned else ""
    if report.first_bad is not None:
        write_line(
            f"{report.chain}: DOES NOT FIT at sequence {report.first_bad} ({report.entries:,} before it fit{pruned})"
        )
        return
    write_line(f"{report.chain}: {report.entries:,} entries fit{pruned}")
    write_line(f"  head {report.head_sequence} {report.head_hash}")


def export(options: argparse.Namespace) -> int:
    """`atlas-tui audit export [FILTER] --format jsonl|csv`."""
    with _reader(options) as here:
        file = None if options.output is None else _new_file(options.output)
        try:
            begun = audit_export.begin(
                here.db, here.who, here.query(options), format=options.format, ticket=options.ticket
            )
            records = (record_of(found) for found in audit_export.read(here.db, here.who, begun))
            lines = csv_lines(records, CSV_COLUMNS) if options.format == "csv" else json_lines(records)
            _write(lines, sys.stdout.buffer if file is None else file)
        except BaseException:
            if options.output is not None:
                options.output.unlink(missing_ok=True)
            raise
        finally:
            if file is not None:
                file.close()
    if options.output is not None:
        if options.json:
            write_json({"path": str(options.output.absolute())})
        else:
            write_line(f"Wrote {options.output.absolute()}")
    return 0


def _write(lines: Iterable[bytes], file: Any) -> None:
    for line in lines:
        file.write(line)
    file.flush()


def _new_file(path: Path) -> Any:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise InvalidInput("--output", f"{path} is there already", "Name a new file; nothing is overwritten.") from None
    except OSError as error:
        raise InvalidInput("--output", f"{path} cannot be written ({error.strerror})") from None
