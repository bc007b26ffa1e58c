"""A ticket is a short reference: what is none is refused by name before anything is written, on every database alike."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from storage import connection_changes, starting
from storage.errors import Forbidden, InvalidInput
from storage.operations import CONNECTION_CHECK
from storage.schema import audit_entries, operation_runs


@pytest.mark.parametrize("ticket", ["x" * 5000, "INC\x1b[2J1", "two\nlines"])
def test_what_is_no_ticket_is_refused_by_name_and_nothing_is_written(fleet: Any, ticket: str) -> None:
    connection = fleet.connection["contoso"]
    before = fleet.contents()
    with pytest.raises(InvalidInput, match=r"^ticket"):
        connection_changes.set_enabled(fleet.db, fleet.dana, connection, False, ticket=ticket)
    with pytest.raises(InvalidInput, match=r"^ticket"):
        starting.start(fleet.db, fleet.dana, connection, CONNECTION_CHECK, ticket=ticket)
    assert fleet.contents() == before


def test_a_refusal_is_told_whatever_the_ticket_was(fleet: Any) -> None:
    with pytest.raises(Forbidden):
        starting.start(fleet.db, fleet.people["rita"], fleet.connection["contoso"], CONNECTION_CHECK, ticket="x" * 5000)
    newest = fleet.rows(select(audit_entries).order_by(audit_entries.c.id.desc()).limit(1))[0]
    assert (newest.outcome, newest.ticket) == ("refused", None)


def test_a_blank_ticket_is_none_and_a_padded_one_is_cut(fleet: Any) -> None:
    for given, kept in (("  ", None), (" INC-1 ", "INC-1")):
        connection_changes.set_default(fleet.db, fleet.dana, fleet.connection["contoso"], ticket=given)
        run = fleet.start(fleet.add_connection(f"t{kept}"), ticket=given).run.id
        assert fleet.run_row(run).ticket == kept
        newest = fleet.rows(select(audit_entries).order_by(audit_entries.c.id.desc()).limit(1))[0]
        assert newest.ticket == kept
    assert fleet.count(operation_runs) == 2
