"""Asking beforehand: the same answer as the work's own refusal, in words."""

from __future__ import annotations

from typing import Any

import pytest

from storage.allowance import allowance, allowance_somewhere
from storage.capabilities import Capability
from storage.errors import NotFound

MANAGE = Capability.PROVIDER_MANAGE


def test_who_may_is_told_so(fleet: Any) -> None:
    answer = allowance(fleet.db, fleet.people["dana"], MANAGE, fleet.north)
    assert (answer.is_allowed, answer.refusal) == (True, "")


def test_who_may_not_is_told_whom_to_ask(fleet: Any) -> None:
    answer = allowance(fleet.db, fleet.people["omar"], MANAGE, fleet.north)
    assert not answer.is_allowed
    assert answer.refusal.startswith("Your role may not do this. Ask ")
    assert "dana (Owner)" in answer.refusal


def test_a_role_on_one_tenant_is_none_on_the_workspace(fleet: Any) -> None:
    gina = fleet.people["gina"]
    assert allowance(fleet.db, gina, MANAGE, fleet.north, fleet.tenant["contoso"]).is_allowed
    assert not allowance(fleet.db, gina, MANAGE, fleet.north).is_allowed


def test_what_is_not_visible_does_not_exist(fleet: Any) -> None:
    with pytest.raises(NotFound):
        allowance(fleet.db, fleet.people["eve"], MANAGE, fleet.north)
    with pytest.raises(NotFound):
        allowance(fleet.db, fleet.people["gina"], MANAGE, fleet.north, fleet.tenant["fabrikam"])


def test_whoever_may_on_one_tenant_may_begin_a_form_that_asks_which(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    for login, allowed in (("dana", True), ("gina", True), ("fred", True), ("omar", False), ("tina", False)):
        answer = allowance_somewhere(fleet.db, fleet.people[login], MANAGE, fleet.north)
        assert answer.is_allowed is allowed, login
        assert answer.refusal.startswith("" if allowed else "Your role may not do this. Ask ")
    with pytest.raises(NotFound):
        allowance_somewhere(fleet.db, fleet.people["zoe"], MANAGE, fleet.north)
