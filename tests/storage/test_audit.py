"""The audit trail: nothing is changed unseen, nothing secret is in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select, text, update

from storage import audit, audit_chain, audit_trail, cancelling, connection_changes, leases, starting, tenants
from storage.errors import DatabaseError, Forbidden
from storage.schema import audit_entries, audit_heads, consent_requests

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
    "which tenant": ("UPDATE audit_entries SET tenant_id = 99 WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
    "which account": ("UPDATE audit_entries SET actor_id = NULL WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
    "which plane": ("UPDATE audit_entries SET plane = 'system' WHERE sequence = 4 AND " + CHAIN, lambda last: 4),
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


def as_before_version_9(fleet: Any, chain: str) -> None:
    """Rewrites a chain as it was written before entries named their tenant."""
    without_triggers(fleet)
    previous = audit_chain.GENESIS
    for row in fleet.rows(
        select(audit_entries).where(audit_entries.c.chain == chain).order_by(audit_entries.c.sequence)
    ):
        document = msgspec.json.decode(row.canonical)
        del document["tenant_id"], document["actor_id"]
        canonical = msgspec.json.encode(document, order="sorted")
        digest = audit_chain.digest_of(previous, canonical)
        fleet.write(
            update(audit_entries)
            .where(audit_entries.c.id == row.id)
            .values(tenant_id=None, canonical=canonical, previous_hash=previous, hash=digest)
        )
        previous = digest
    fleet.write(update(audit_heads).where(audit_heads.c.chain == chain).values(hash=previous))


def test_a_chain_of_entries_from_before_and_after_they_named_their_tenant_verifies(busy: Any) -> None:
    chain = f"workspace:{busy.north}"
    as_before_version_9(busy, chain)
    old = busy.one(select(audit_heads.c.sequence).where(audit_heads.c.chain == chain))
    connection_changes.set_enabled(busy.db, busy.dana, busy.connection["contoso"], True)
    assert first_bad(busy) is None
    newest = select(audit_entries.c.tenant_id).where(audit_entries.c.chain == chain, audit_entries.c.sequence > old)
    assert {row.tenant_id for row in busy.rows(newest)} == {busy.tenant["contoso"]}
    # An old entry cannot be made to look as if it were about a tenant, nor a new one as if it were about none.
    busy.write(update(audit_entries).where(audit_entries.c.sequence == 3).values(tenant_id=busy.tenant["contoso"]))
    assert first_bad(busy) == 3
    busy.write(update(audit_entries).where(audit_entries.c.sequence == 3).values(tenant_id=None))
    busy.write(update(audit_entries).where(audit_entries.c.sequence == old + 1).values(tenant_id=None))
    assert first_bad(busy) == old + 1


def test_an_entry_that_no_head_tells_of_is_found(busy: Any) -> None:
    chain = f"workspace:{busy.north}"
    head = busy.rows(select(audit_heads).where(audit_heads.c.chain == chain))[0]
    row = busy.rows(select(audit_entries).where(audit_entries.c.chain == chain).limit(1))[0]._mapping
    forged = {key: value for key, value in row.items() if key != "id"} | {"sequence": head.sequence + 1}
    busy.write(insert(audit_entries).values(**forged))
    assert first_bad(busy) == head.sequence + 1


def test_bytes_that_are_no_document_are_found_even_with_their_right_hash(busy: Any) -> None:
    without_triggers(busy)
    row = busy.rows(select(audit_entries).where(audit_entries.c.chain == f"workspace:{busy.north}"))[0]
    digest = audit_chain.digest_of(row.previous_hash, b"[]")
    busy.write(update(audit_entries).where(audit_entries.c.id == row.id).values(canonical=b"[]", hash=digest))
    assert first_bad(busy) == row.sequence


def test_a_long_chain_is_verified_in_chunks_and_says_how_far_it_is(busy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "CHUNK", 4)
    chain, told = f"workspace:{busy.north}", []
    report = audit_chain.verify(busy.db, chain, lambda done, of: told.append((done, of)))
    head = busy.rows(select(audit_heads).where(audit_heads.c.chain == chain))[0]
    assert (report.first_bad, report.entries, report.head_sequence) == (None, head.sequence, head.sequence)
    assert report.head_hash == head.hash
    assert told == [(done, head.sequence) for done in range(4, head.sequence + 1, 4)]


def test_what_is_appended_while_a_chain_is_verified_does_not_disturb(
    busy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_chain, "CHUNK", 4)
    enabled = iter([True, False] * 50)

    def append(done: int, of: int) -> None:
        connection_changes.set_enabled(busy.db, busy.dana, busy.connection["contoso"], next(enabled))

    assert audit_chain.verify(busy.db, f"workspace:{busy.north}", append).first_bad is None


@pytest.mark.parametrize(
    ("kind", "of"),
    [("tenant", lambda f: f.tenant["contoso"]), ("connection", lambda f: f.connection["contoso"])],
)
def test_an_entry_names_its_tenant(fleet: Any, kind: str, of: Callable[[Any], int]) -> None:
    fleet.check(fleet.connection["contoso"])
    about = (audit_entries.c.target_kind == kind, audit_entries.c.target_id == str(of(fleet)))
    rows = fleet.rows(select(audit_entries).where(*about))
    assert {row.tenant_id for row in rows} == {fleet.tenant["contoso"]}
    assert all(msgspec.json.decode(row.canonical)["tenant_id"] == row.tenant_id for row in rows)


def test_an_entry_about_a_run_or_a_consent_link_names_the_tenant_behind_it(fleet: Any) -> None:
    run = fleet.start(fleet.connection["contoso"]).run.id
    link = fleet.db.write(
        lambda tx: tx.run(insert(consent_requests).values(**_link(fleet)).returning(consent_requests.c.id)).scalar_one()
    )
    for kind, id in (("run", run), ("consent_request", link)):
        record(fleet, target_kind=kind, target_id=id)
        assert newest(fleet).tenant_id == fleet.tenant["contoso"], kind


def _link(fleet: Any) -> dict[str, Any]:
    """The columns of a consent link that have to be there."""
    known = {
        "workspace_id": fleet.north,
        "tenant_id": fleet.tenant["contoso"],
        "connection_id": fleet.connection["contoso"],
        "entra_tenant_id": fleet.guid(),
        "expected_entra_tenant_id": fleet.guid(),
        "client_id": fleet.guid(),
        "status": "open",
        "state_hash": "x" * 64,
    }
    columns = consent_requests.c
    needed = [c for c in columns if not (c.nullable or c.primary_key or c.server_default is not None)]
    return {c.name: known.get(c.name, fleet.clock.time if c.name.endswith("_at") else "x") for c in needed}


def record(fleet: Any, **values: Any) -> None:
    told: dict[str, Any] = {"workspace_id": fleet.north, **values}
    fleet.db.write(lambda tx: audit.record(tx, fleet.dana, "run.cancel", **told))


def newest(fleet: Any) -> Any:
    return fleet.rows(select(audit_entries).order_by(audit_entries.c.id.desc()).limit(1))[0]


@pytest.mark.parametrize(
    "target",
    [
        {"target_kind": "workspace", "target_id": 1},
        {"target_kind": "tenant", "target_id": 10**30},
        {"target_kind": "tenant", "target_id": "²"},
        {"target_kind": "tenant", "target_id": 987654},
    ],
)
def test_what_is_about_no_tenant_names_none(sqlite_fleet: Any, target: dict[str, Any]) -> None:
    record(sqlite_fleet, **target)
    assert newest(sqlite_fleet).tenant_id is None


def test_another_workspaces_tenant_is_never_named(fleet: Any) -> None:
    record(fleet, target_kind="tenant", target_id=fleet.tenant["contoso"], workspace_id=fleet.south)
    assert newest(fleet).tenant_id is None


def test_a_target_that_is_gone_by_the_end_of_the_transaction_still_names_its_tenant(fleet: Any) -> None:
    from storage import connection_removal

    draft = fleet.add_connection("contoso", ready=False)
    connection_removal.delete_draft(fleet.db, fleet.dana, draft)
    entry = newest(fleet)
    assert (entry.action, entry.tenant_id) == ("connection.delete", fleet.tenant["contoso"])


def test_every_verification_result_is_told_with_its_verdict_and_reason(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    fleet.check(connection)
    fleet.check(connection, fleet.failing_report("secret_expired"))
    failing, passing = told(fleet, connection, "verification.result")
    assert (passing.detail["verdict"], passing.detail["reason"], passing.actor) == ("healthy", None, "system:worker")
    assert (failing.detail["verdict"], failing.detail["reason"]) == ("blocked", "secret_expired")
    assert failing.detail["steps_failed"] == ["token"]


def test_a_result_that_was_set_aside_is_told_as_such(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    claim = fleet.begin(connection)
    fleet.set_connection(connection, generation=99)
    fleet.finish(claim)
    (entry,) = told(fleet, connection, "verification.result")
    assert entry.detail["superseded"] is True


def test_a_runs_start_cancel_retry_and_end_are_told_with_their_ticket(fleet: Any) -> None:
    connection = fleet.connection["contoso"]
    first = fleet.start(connection, ticket="CHG-1").run.id
    cancelling.cancel(fleet.db, fleet.dana, first, ticket="CHG-2")
    again = starting.retry(fleet.db, fleet.people["omar"], first, ticket="CHG-3")
    assert isinstance(again, starting.Started)
    claim = leases.claim(fleet.db, "w1", again.run.id)
    assert claim is not None
    cancelling.cancel(fleet.db, fleet.dana, again.run.id, ticket="CHG-4")
    entries = [e for e in reversed(told(fleet, connection)) if e.action.startswith("run.")]
    assert [(e.action, e.ticket, e.detail["run"]) for e in entries] == [
        ("run.start", "CHG-1", first),
        ("run.complete", None, first),
        ("run.cancel", "CHG-2", first),
        ("run.retry", "CHG-3", again.run.id),
        ("run.cancel", "CHG-4", again.run.id),
    ]
    assert entries[3].detail["retry_of"] == first


def told(fleet: Any, connection_id: int, action: str | None = None) -> list[Any]:
    entries = audit_trail.of_connection(fleet.db, fleet.dana, connection_id)
    return [entry for entry in entries if action in (None, entry.action)]


def test_a_refusal_keeps_the_ticket_and_what_was_asked_for(fleet: Any) -> None:
    with pytest.raises(Forbidden):
        fleet.start(fleet.connection["contoso"], by="rita", ticket="CHG-5")
    (entry,) = [e for e in told(fleet, fleet.connection["contoso"]) if e.is_refused]
    assert (entry.actor, entry.action, entry.ticket) == ("rita", "run.start", "CHG-5")
    assert entry.detail["type"] == "provider.connection.check"
    assert "provider.run" in entry.detail["why"]


def test_many_who_write_at_once_make_one_chain_without_gaps(fleet: Any) -> None:
    before = fleet.count(audit_entries)

    def write_five() -> None:
        for _ in range(5):
            record(fleet, target_kind="tenant", target_id=fleet.tenant["contoso"])

    threads = [threading.Thread(target=write_five) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert fleet.count(audit_entries) == before + 30
    assert first_bad(fleet) is None
    sequences = select(audit_entries.c.sequence).where(audit_entries.c.chain == f"workspace:{fleet.north}")
    found = sorted(row.sequence for row in fleet.rows(sequences))
    assert found == list(range(1, len(found) + 1))
