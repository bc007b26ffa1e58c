"""Giving a role and taking roles away at the same moment: nobody gets the same one twice, nobody is in with a closed account."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select

from storage import audit_trail, leaving, member_changes
from storage.access import Principal, entered_workspaces
from storage.audit_filters import AuditQuery
from storage.capabilities import Role
from storage.errors import AtlasError, Conflict
from storage.pages import Place
from storage.schema import memberships, users


def _together(*works: Any) -> list[Any]:
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
    return answers


def test_the_same_role_is_given_once_however_many_give_it(fleet: Any) -> None:
    fleet.add_member("nora", Role.READONLY)
    tenant = fleet.tenant["contoso"]

    def give() -> Any:
        return member_changes.add(
            fleet.db, fleet.dana, fleet.north, login="nora", display_name="Nora", role=Role.MANAGER, tenant_id=tenant
        )

    answers = _together(*[give] * 6)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 5, answers
    mine = memberships.c.user_id == fleet.people["nora"].user_id
    assert fleet.count(memberships, mine, memberships.c.tenant_id == tenant) == 1


@pytest.mark.parametrize("attempt", range(4))
def test_who_leaves_here_and_is_added_there_is_in_there_or_nowhere_and_never_half(
    postgres_fleet: Any, attempt: int
) -> None:
    fleet, login = postgres_fleet, f"nora{attempt}"
    nora = fleet.add_member(login, Role.READONLY)
    _together(
        lambda: leaving.leave(fleet.db, fleet.dana, fleet.north, login),
        lambda: member_changes.add(
            fleet.db, fleet.people["zoe"], fleet.south, login=login, display_name="Nora", role=Role.READONLY
        ),
    )
    assert fleet.one(select(users.c.is_active).where(users.c.id == nora.user_id))
    assert [entry.slug for entry in entered_workspaces(fleet.db, Principal(nora.user_id, login))] == ["south"]


def test_changes_of_one_role_at_the_same_moment_are_told_one_after_the_other(fleet: Any) -> None:
    nora = fleet.add_member("nora", Role.READONLY)
    number = fleet.one(select(memberships.c.id).where(memberships.c.user_id == nora.user_id))
    roles = [Role.MANAGER, Role.OPERATOR, Role.AUDITOR, Role.OWNER, Role.MANAGER, Role.READONLY]
    answers = _together(
        *(lambda r=role: member_changes.change_role(fleet.db, fleet.dana, fleet.north, number, r) for role in roles)
    )
    assert not any(isinstance(answer, Exception) for answer in answers), answers
    told = [entry.detail for entry in audit_trail.page(
        fleet.db, fleet.dana, AuditQuery(fleet.north, "action:member.role"), Place.first(), 10
    ).rows][::-1]  # fmt: skip
    assert [entry["before"] for entry in told] == ["readonly", *(entry["after"] for entry in told[:-1])]
