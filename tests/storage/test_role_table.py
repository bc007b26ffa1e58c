"""Who may do what: every function that takes a principal, asked by everybody there is.

The table of roles stands here a second time, as the product's rule states it, so that a change of the program's own map is seen.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import runpy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import storage
from storage import (
    audit_actions,
)
from storage.access import Principal
from storage.audit_chain import detail_of
from storage.capabilities import CAPABILITIES_OF, Capability, roles_with
from storage.errors import Conflict, Forbidden, NotFound
from storage.schema import audit_entries

OWNER, MANAGER, OPERATOR, AUDITOR, READONLY = "owner", "manager", "operator", "auditor", "readonly"
EVERYBODY = {OWNER, MANAGER, OPERATOR, AUDITOR, READONLY}
RULE = {
    "tenant.view": EVERYBODY,
    "provider.view": EVERYBODY,
    "run.view": EVERYBODY,
    "provider.run": {OWNER, MANAGER, OPERATOR},
    "provider.manage": {OWNER, MANAGER},
    "audit.view": {OWNER, MANAGER, OPERATOR, AUDITOR},
    "alert.manage": {OWNER},
    "member.manage": {OWNER},
}

PEOPLE = {
    # login: (role, what it reaches)
    "dana": (OWNER, "workspace"),
    "otto": (OWNER, "workspace"),
    "mona": (MANAGER, "workspace"),
    "omar": (OPERATOR, "workspace"),
    "anna": (AUDITOR, "workspace"),
    "rita": (READONLY, "workspace"),
    "tina": (OPERATOR, "contoso"),
    "gina": (MANAGER, "contoso"),  # by its tag
    "fred": (MANAGER, "fabrikam"),
    "zoe": (None, "nothing"),  # Owner, but of another workspace
    "eve": (None, "nothing"),  # her membership has expired
    "rex": (None, "nothing"),  # revoked
    "ivan": (None, "nothing"),  # no active user any more
    "pat": (None, "nothing"),  # has every platform grant
}

ONE_OF_EACH = ("dana", "omar", "rita", "tina", "gina", "fred", "zoe", "eve", "rex", "ivan", "pat")
"""Asked on PostgreSQL: a role, a scope, a tag, each way to be kept out. SQLite is asked by all: who may what is no database's rule."""


@dataclass(frozen=True)
class Case:
    """How one function is called on contoso, and what it asks for.

    Attributes:
        capability: what the work needs.
        see: what is needed to know that the thing exists.
        reach: `contoso` when it is about that tenant, `workspace` when about the whole workspace, `entrance` when any membership will do,
            `somewhere` when any membership with the capability will do.
        call: does it; gets the fleet, the principal and what `prepare` gave.
        prepare: makes what the call needs, as the Owner.
    """

    capability: str
    reach: str
    call: Callable[[Any, Principal, Any], Any]
    prepare: Callable[[Any], Any] = lambda fleet: None

    def expected(self, login: str) -> type[Exception] | None:
        """The exception that somebody gets; None when the work is done."""
        role, reached = PEOPLE[login]
        if role is None:
            return NotFound
        if self.reach == "entrance":
            return None
        if self.reach == "somewhere":
            return None if role in RULE[self.capability] else Forbidden
        if self.reach == "workspace":
            return None if reached == "workspace" and role in RULE[self.capability] else Forbidden
        if reached not in ("workspace", self.reach):
            return NotFound
        return None if role in RULE[self.capability] else Forbidden


CASES: dict[str, Case] = {}
"""Filled by `role_cases/*.py`."""

OWN_TESTS = {
    "tenant_tags.change": "takes the whole workspace, on a tenant that must be visible: tests/storage/test_tenant_changes.py",
    "access.entered_workspaces": "answers with nothing instead of refusing",
    "drafts.save": "is about the principal's own",
    "drafts.load": "is about the principal's own",
    "drafts.mine": "is about the principal's own",
    "drafts.discard": "is about the principal's own",
    "audit.attempt": "runs somebody's work, which asks for itself",
}


ONCE: set[str] = set()
"""What is gone when somebody has done it: the next one hears so."""


READS = {"starting.preview"}
"""What only reads, though it takes a capability to change things."""

CHANGES: set[str] = set()
"""What writes something, though it takes a capability to read."""


def _take_in_the_topics() -> None:
    """Adds `role_cases/*.py`: all have `CASES` (name → what `Case` takes), some `ONCE`, `READS`, `CHANGES`, `OWN` (tested elsewhere)."""
    for path in sorted((Path(__file__).parent / "role_cases").glob("*.py")):
        topic = runpy.run_path(str(path))
        for name, what in topic["CASES"].items():
            assert name not in CASES, f"{name} is in the table twice"
            CASES[name] = Case(*what)
        ONCE.update(topic.get("ONCE", ()))
        READS.update(topic.get("READS", ()))
        CHANGES.update(topic.get("CHANGES", ()))
        OWN_TESTS.update(topic.get("OWN", {}))


_take_in_the_topics()


def _functions_that_take_a_principal() -> Iterator[str]:
    for module_info in pkgutil.iter_modules(storage.__path__):
        module = importlib.import_module(f"storage.{module_info.name}")
        for name, function in vars(module).items():
            if name.startswith("_") or not inspect.isfunction(function) or function.__module__ != module.__name__:
                continue
            if list(inspect.signature(function).parameters)[:2] == ["db", "who"]:
                yield f"{module_info.name}.{name}"


def test_every_function_that_takes_a_principal_is_asked_by_everybody() -> None:
    found = set(_functions_that_take_a_principal())
    assert found == set(CASES) | set(OWN_TESTS)
    assert len(found) > 30


def test_the_roles_are_those_of_the_rule() -> None:
    for capability in Capability:
        assert {role.value for role in roles_with(capability)} == RULE.get(capability.value, set()), capability
    assert {role.value for role in CAPABILITIES_OF} == EVERYBODY


@pytest.mark.parametrize("name", sorted(CASES))
def test_everybody_gets_what_the_rule_says(fleet: Any, name: str) -> None:
    case, people = CASES[name], PEOPLE if fleet.db.is_sqlite else ONE_OF_EACH
    prepared = case.prepare(fleet)
    refused = {login: case.expected(login) for login in people if case.expected(login) is not None}
    before = fleet.contents(without=("audit_entries", "audit_heads", "change_topics"))
    for login, error in refused.items():
        with pytest.raises((NotFound, Forbidden, Conflict)) as caught:
            case.call(fleet, fleet.people[login], prepared)
        assert caught.type is error, f"{login} got {caught.type.__name__}: {caught.value}"
    after = fleet.contents(without=("audit_entries", "audit_heads", "change_topics"))
    assert after == before, "a refused call changed something"
    allowed = [login for login in people if case.expected(login) is None]
    case.call(fleet, fleet.people[allowed[-1]], prepared)
    for login in allowed[:-1]:
        try:
            case.call(fleet, fleet.people[login], prepared)
        except Conflict:
            pass  # somebody allowed has done it already
        except NotFound:
            assert name in ONCE


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_does_not_exist_reads_like_what_one_may_not_see(sqlite_fleet: Any, name: str) -> None:
    case = CASES[name]
    prepared = case.prepare(sqlite_fleet)
    sentences = {}
    for login in ("zoe", "pat"):
        with pytest.raises(NotFound) as caught:
            case.call(sqlite_fleet, sqlite_fleet.people[login], prepared)
        sentences[login] = caught.value.message
    assert len(set(sentences.values())) == 1
    assert "contoso.example" not in str(sentences)


@pytest.mark.parametrize("name", sorted(CASES))
def test_whatever_changes_something_is_told_in_the_audit_trail(sqlite_fleet: Any, name: str) -> None:
    case, unaudited = CASES[name], ("audit_entries", "audit_heads", "change_topics")
    prepared = case.prepare(sqlite_fleet)
    before, entries = sqlite_fleet.contents(without=unaudited), sqlite_fleet.count(audit_entries)
    case.call(sqlite_fleet, sqlite_fleet.dana, prepared)
    changed = sqlite_fleet.contents(without=unaudited) != before
    assert not changed or sqlite_fleet.count(audit_entries) > entries


REFUSABLE = sorted(
    name
    for name in CASES
    if name in CHANGES
    or (
        CASES[name].capability in ("provider.run", "provider.manage", "member.manage", "alert.manage")
        and name not in READS
    )
)
READABLE = sorted(
    name
    for name, case in CASES.items()
    if name not in REFUSABLE and Forbidden in {case.expected(login) for login in PEOPLE}
)


@pytest.mark.parametrize("name", REFUSABLE)
def test_a_refused_change_is_written_down(fleet: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    prepared = case.prepare(fleet)
    module_name, function_name = name.split(".")
    module = importlib.import_module(f"storage.{module_name}")
    function = getattr(module, function_name)
    assert "ticket" in inspect.signature(function).parameters, "whatever changes something takes a ticket"
    monkeypatch.setattr(module, function_name, functools.partial(function, ticket="INC-42"))
    refused = select(audit_entries).where(audit_entries.c.outcome == "refused")
    assert fleet.rows(refused) == []
    with pytest.raises(Forbidden):
        case.call(fleet, fleet.people["rita"], prepared)
    (entry,) = fleet.rows(refused)
    assert (entry.actor, entry.workspace_id, entry.ticket) == ("rita", fleet.north, "INC-42")
    with pytest.raises(NotFound):
        case.call(fleet, fleet.people["zoe"], prepared)
    assert len(fleet.rows(refused)) == 1


@pytest.mark.parametrize("name", READABLE)
def test_a_refused_read_is_written_down_once_an_hour(sqlite_fleet: Any, name: str) -> None:
    fleet, case = sqlite_fleet, CASES[name]
    prepared = case.prepare(fleet)
    login = next(login for login in reversed(PEOPLE) if case.expected(login) is Forbidden)
    refused = select(audit_entries).where(audit_entries.c.outcome == "refused")
    for minutes in (0, 0, 59):
        fleet.clock.advance(minutes=minutes)
        with pytest.raises(Forbidden):
            case.call(fleet, fleet.people[login], prepared)
        with pytest.raises(NotFound):
            case.call(fleet, fleet.people["zoe"], prepared)
        (entry,) = fleet.rows(refused)
        assert (entry.actor, entry.workspace_id, entry.action) == (login, fleet.north, "access.read")
    wanting = detail_of(entry.canonical)["wanting"]
    assert (wanting in audit_actions.CATALOG) == (name.split(".")[1].startswith(("preview", "consequences", "fields")))
    fleet.clock.advance(minutes=1)
    with pytest.raises(Forbidden):
        case.call(fleet, fleet.people[login], prepared)
    assert len(fleet.rows(refused)) == 2
