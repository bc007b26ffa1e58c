"""A fleet that was poured in is a database like any other."""

from __future__ import annotations

from bench.fleets import Fleets
from storage import connections, sqlite_file
from storage.connections import ConnectionQuery
from storage.pages import Place


def test_schema_and_counts_are_as_the_program_would_have_made_them() -> None:
    with Fleets() as fleets:
        filled, empty = fleets.of(300), fleets.of(1)
        shapes = []
        for fleet in (filled, empty):
            raw = sqlite_file.sqlite_module().connect(str(fleet.path))
            shapes.append(set(raw.execute("SELECT type, name, sql FROM sqlite_master").fetchall()))
            raw.close()
        assert shapes[0] == shapes[1]
        counts = connections.counts(filled.db, filled.who, filled.workspace_id)
        found = connections.page(filled.db, filled.who, ConnectionQuery(filled.workspace_id), Place.first(), 300).rows
        assert counts.total == len(found) == 300
        for value, count in counts.verification.items():
            assert count == sum(row.verification_status == value for row in found)
        assert sum(counts.consent.values()) == 300


def test_the_same_number_gives_the_same_fleet() -> None:
    names = []
    for _ in range(2):
        with Fleets() as fleets:
            fleet = fleets.of(50)
            page = connections.page(fleet.db, fleet.who, ConnectionQuery(fleet.workspace_id), Place.first(), 50)
            names.append([(row.tenant_name, row.entra_tenant_id, row.verification_status) for row in page.rows])
    assert names[0] == names[1]
