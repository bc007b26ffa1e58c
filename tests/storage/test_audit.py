"""The audit trail: nothing is changed unseen, nothing secret is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from storage import audit_chain, audit_trail, connection_changes, tenants
from storage.errors import DatabaseError
from storage.schema import audit_entries, audit_heads

TRIGGERS = ("audit_entries_never_change", "audit_entries_stay")


def first_bad(fleet: Any, chain: str | None = None) -> int | None:
    with fleet.db.read() as tx:
        return audit_chain.verify_chain(tx, chain or f"workspace:{fleet.north}")


def without_triggers(fleet: Any) -> None:
    """What only somebody who owns the database can do."""
    for name in TRIGGERS:
        where = "" if fleet.db.is_sqlite else " ON audit_entries"
        fleet.write(text(f"DROP TRIGGER {name}{where}"))


@pytest.fixture
def busy(fleet: Any) -> Any:
    """A fleet in which much has happened."""
    connection = fleet.connection["contoso"]
    fleet.check(connection)
    fleet.add_tenant("odd", {"name": "Odd [/b] 漢字"})
    connection_changes.set_enabled(fleet.db, fleet.people["mona"], connection, False, ticket="CHG-1")
    return fleet


def test_the_chains_verify(busy: Any) -> None:
    assert first_bad(busy) is None
    assert first_bad(busy, "system") is None
    assert first_bad(busy, "workspace:999") is None
    assert busy.count(audit_entries) > 15


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entries SET actor = 'x' WHERE sequence = 3", "DELETE FROM audit_entries WHERE sequence = 3"],
)
def test_the_database_refuses_to_change_the_trail(busy: Any, statement: str) -> None:
    with pytest.raises(DatabaseError):
        busy.write(text(statement))
    assert first_bad(busy) is None


CHAIN = "chain = 'workspace:{north}'"
TAMPERING: dict[str, tuple[str, Callable[[int], int]]] = {
    "the hashed bytes": ("UPDATE audit_entries SET canonical = 'x' WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
    "who it was": ("UPDATE audit_entries SET actor = 'otto' WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
    "what was done": ("UPDATE audit_entries SET action = 'x' WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
    "to what": ("UPDATE audit_entries SET target_id = '77' WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
    "how it ended": ("UPDATE audit_entries SET outcome = 'refused' WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
    "the ticket": ("UPDATE audit_entries SET ticket = 'CHG-2' WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
    "when": ("UPDATE audit_entries SET at = '2020-01-01 00:00:00.000' WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
    "one hash": ("UPDATE audit_entries SET hash = 'x' WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
    "an entry is gone": ("DELETE FROM audit_entries WHERE sequence = 4 AND " + CHAIN, lambda last: 5),
    "the first is gone": ("DELETE FROM audit_entries WHERE sequence = 1 AND " + CHAIN, lambda last: 2),
    "the last is gone": (
        "DELETE FROM audit_entries WHERE sequence = (SELECT max(sequence) FROM audit_entries WHERE " + CHAIN + ") AND "
        + CHAIN,
        lambda last: last,
    ),
    "all are gone": ("DELETE FROM audit_entries WHERE " + CHAIN, lambda last: 1),
    "the head is gone": ("DELETE FROM audit_heads WHERE " + CHAIN, lambda last: last),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_by_who_owns_the_database_is_found(busy: Any, what: str) -> None:
    statement, expected = TAMPERING[what]
    chain = f"workspace:{busy.north}"
    last = busy.one(select(audit_heads.c.sequence).where(audit_heads.c.chain == chain))
    without_triggers(busy)
    busy.write(text(statement.format(north=busy.north)))
    assert first_bad(busy) == expected(last)


def test_a_pruned_chain_verifies_from_its_checkpoint(busy: Any) -> None:
    from sqlalchemy import delete, insert

    from storage.schema import audit_checkpoints

    chain = f"workspace:{busy.north}"
    entry = busy.rows(select(audit_entries).where(audit_entries.c.chain == chain, audit_entries.c.sequence == 5))[0]
    busy.write(insert(audit_checkpoints).values(chain=chain, sequence=5, hash=entry.hash, created_at=busy.clock.time))
    busy.write(delete(audit_entries).where(audit_entries.c.chain == chain, audit_entries.c.sequence <= 5))
    assert first_bad(busy) is None


def test_entries_tell_who_did_what_newest_first(busy: Any) -> None:
    entries = audit_trail.of_connection(busy.db, busy.dana, busy.connection["contoso"])
    assert (entries[0].actor, entries[0].action, entries[0].ticket) == ("mona", "connection.disable", "CHG-1")
    assert [entry.id for entry in entries] == sorted((entry.id for entry in entries), reverse=True)
    assert len(audit_trail.of_connection(busy.db, busy.dana, busy.connection["contoso"], limit=2)) == 2


def test_a_change_that_failed_leaves_no_entry(busy: Any) -> None:
    from storage.errors import Conflict

    before = busy.count(audit_entries)
    taken = tenants.get(busy.db, busy.dana, busy.tenant["fabrikam"]).entra_tenant_id
    with pytest.raises(Conflict):
        tenants.create(busy.db, busy.dana, busy.north, entra_tenant_id=taken, name="Again")
    assert busy.count(audit_entries) == before


def test_the_shared_account_and_the_person_behind_it_are_both_told(fleet: Any) -> None:
    from storage.access import Principal

    who = Principal(fleet.dana.user_id, "dana", real_login="root")
    connection_changes.set_enabled(fleet.db, who, fleet.connection["contoso"], False)
    entry = audit_trail.of_connection(fleet.db, fleet.dana, fleet.connection["contoso"])[0]
    assert entry.actor == "dana (root)"
