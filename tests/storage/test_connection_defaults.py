"""Exactly one default connection of a tenant, whoever does what at the same moment."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from storage import connection_changes, connection_removal
from storage.errors import AtlasError, Conflict, NotFound
from storage.schema import audit_entries
from storage.schema import provider_connections as pc

ROUNDS = 4
"""Races are tried this often; each round is a few milliseconds."""


def together(*works: Callable[[], Any]) -> list[Any]:
    """Does all of it at the same moment and returns what each returned, or the error a person would read."""
    start, answers = threading.Barrier(len(works)), [None] * len(works)

    def run(number: int) -> None:
        start.wait(60)
        try:
            answers[number] = works[number]()
        except AtlasError as error:
            answers[number] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return answers


def defaults(fleet: Any, tenant: int) -> list[int]:
    return [row.id for row in fleet.rows(select(pc.c.id).where(pc.c.tenant_id == tenant, pc.c.is_default))]


def flip(fleet: Any, connection: int, login: str = "dana") -> Callable[[], Any]:
    return lambda: connection_changes.set_default(fleet.db, fleet.people[login], connection)


def remove(fleet: Any, connection: int) -> Callable[[], Any]:
    return lambda: connection_removal.delete_draft(fleet.db, fleet.dana, connection)


def make(fleet: Any, tenant: int) -> Callable[[], Any]:
    return lambda: connection_changes.create(fleet.db, fleet.dana, tenant, client_id=fleet.guid())


def test_moving_the_default_is_one_change_with_both_named(fleet: Any) -> None:
    first = fleet.connection["contoso"]
    second = fleet.add_connection("contoso", ready=False)
    assert not fleet.truth(second).is_default
    connection_changes.set_default(fleet.db, fleet.dana, second)
    assert defaults(fleet, fleet.tenant["contoso"]) == [second]
    assert fleet.truth(first).generation == 2, "a default is no identity"
    connection_changes.set_default(fleet.db, fleet.dana, second)
    flips = fleet.rows(select(audit_entries).where(audit_entries.c.action == "connection.set_default"))
    assert len(flips) == 1


def test_two_people_who_move_it_to_different_ones_leave_one(fleet: Any) -> None:
    tenant = fleet.tenant["contoso"]
    others = [fleet.add_connection("contoso", ready=False) for _ in range(2)]
    for _ in range(ROUNDS):
        connection_changes.set_default(fleet.db, fleet.dana, fleet.connection["contoso"])
        answers = together(flip(fleet, others[0]), flip(fleet, others[1], "mona"))
        assert not any(isinstance(answer, AtlasError) for answer in answers), answers
        (default,) = defaults(fleet, tenant)
        assert default in others


def test_moving_it_while_it_is_deleted_leaves_one(fleet: Any) -> None:
    for number in range(ROUNDS):
        tenant = fleet.add_tenant(f"t{number}")
        first, second = (fleet.add_connection(f"t{number}", ready=False) for _ in range(2))
        moved, removed = together(flip(fleet, second), remove(fleet, first))
        assert not isinstance(moved, AtlasError), moved
        assert defaults(fleet, tenant) == [second]
        assert removed is None or isinstance(removed, Conflict), removed


def test_moving_it_to_one_that_is_deleted_leaves_one(fleet: Any) -> None:
    for number in range(ROUNDS):
        tenant = fleet.add_tenant(f"t{number}")
        first, second = (fleet.add_connection(f"t{number}", ready=False) for _ in range(2))
        moved, removed = together(flip(fleet, second), remove(fleet, second))
        if isinstance(moved, AtlasError):
            assert isinstance(moved, NotFound)
            assert defaults(fleet, tenant) == [first]
        else:
            assert isinstance(removed, Conflict), "the default was deleted under the one who made it that"
            assert defaults(fleet, tenant) == [second]


def test_the_first_connection_made_twice_at_once_is_one_default(fleet: Any) -> None:
    for number in range(ROUNDS):
        tenant = fleet.add_tenant(f"t{number}")
        answers = together(*[make(fleet, tenant)] * 3)
        assert not any(isinstance(answer, AtlasError) for answer in answers), answers
        assert len(defaults(fleet, tenant)) == 1


def test_adding_one_while_the_only_one_is_deleted_leaves_one(fleet: Any) -> None:
    for number in range(ROUNDS):
        tenant = fleet.add_tenant(f"t{number}")
        only = fleet.add_connection(f"t{number}", ready=False)
        added, removed = together(make(fleet, tenant), remove(fleet, only))
        assert not isinstance(added, AtlasError), added
        assert removed is None or isinstance(removed, Conflict), removed
        assert len(defaults(fleet, tenant)) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(["flip", "remove", "make"])))
def test_one_after_the_other_in_any_order_leaves_one(sqlite_fleet: Any, order: tuple[str, ...]) -> None:
    fleet, tenant = sqlite_fleet, sqlite_fleet.add_tenant("orderly")
    first, second = (fleet.add_connection("orderly", ready=False) for _ in range(2))
    steps = {"flip": flip(fleet, second), "remove": remove(fleet, first), "make": make(fleet, tenant)}
    for name in order:
        try:
            steps[name]()
        except Conflict:
            assert (name, order.index("remove") < order.index("flip")) == ("remove", True)
        assert len(defaults(fleet, tenant)) == 1
