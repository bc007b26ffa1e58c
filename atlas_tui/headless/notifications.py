"""One's own inbox from the command line."""

from __future__ import annotations

import argparse

from atlas_tui.headless.opening import opened_anywhere
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from atlas_tui.headless.rows import all_rows
from storage import notifications
from storage.consequences import count
from storage.errors import InvalidInput
from storage.notifications import Notification


def list_notifications(options: argparse.Namespace) -> int:
    """`atlas-tui notifications list [FILTER]`."""
    text = " ".join((*options.filter, *(("unread:yes",) if options.unread else ())))
    with opened_anywhere(options.config) as (db, who):
        rows = all_rows(lambda place, n: notifications.page(db, who, text, place, n), options.limit)
    if options.json:
        write_json(rows)
        return 0
    write_table(("ID", "", "WORKSPACE", "ABOUT", "TOLD", "WHAT"), [_row(row) for row in rows], widest=100)
    return 0


def _row(row: Notification) -> tuple[str, ...]:
    about = f"run {row.run_id}" if row.run_id is not None else f"batch {row.batch_id}"
    return (
        str(row.id),
        "*" if row.read_at is None else "",
        row.workspace,
        about,
        moment(row.created_at),
        row.title,
    )


def read(options: argparse.Namespace) -> int:
    """`atlas-tui notifications read ID…`, or `--all`.

    Raises:
        InvalidInput: neither numbers nor `--all` are given, or both.
        NotFound: a number is none of the reader's own.
    """
    if bool(options.id) == options.all:
        raise InvalidInput("notifications read", "needs numbers, or --all", "See `atlas-tui notifications list`.")
    with opened_anywhere(options.config) as (db, who):
        if options.all:
            marked = notifications.mark_all_read(db, who)
        else:
            for id in options.id:
                notifications.get(db, who, id)
            marked = notifications.mark_read(db, who, options.id)
    if options.json:
        write_json({"marked": marked})
    else:
        write_line(f"{count(marked, 'notification')} marked as read." if marked else "Nothing was unread.")
    return 0
