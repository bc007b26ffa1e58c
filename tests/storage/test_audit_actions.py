"""The catalogue of audited actions: closed, complete, and in words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import audit_actions
from storage.errors import InvalidInput

ROOMS = [Path(storage.__file__).parent, Path(storage.__file__).parents[1] / "tasks"]


@cache
def sources() -> dict[str, ast.Module]:
    """The code of the rooms that write, by path."""
    return {
        str(path): ast.parse(path.read_text(encoding="utf-8"))
        for room in ROOMS
        for path in sorted(room.rglob("*.py"))
        if path.name not in ("audit.py", "audit_actions.py")
    }


@cache
def _walked(tree: ast.AST) -> tuple[ast.AST, ...]:
    """All nodes below one; each module is looked through a hundred times."""
    return tuple(ast.walk(tree))


@cache
def _functions(tree: ast.Module) -> tuple[ast.FunctionDef, ...]:
    return tuple(node for node in _walked(tree) if isinstance(node, ast.FunctionDef))


@cache
def _calls_of(tree: ast.Module) -> tuple[tuple[ast.Call, list[ast.FunctionDef]], ...]:
    return tuple(_calls(tree))


def records(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls that write an entry, now or when it is refused."""
    for node in _walked(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("record", "attempt")
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "audit"
        ):
            yield node


class Reader:
    """Reads which actions an expression can be, without running it: constants, names, choices, parameters, properties."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def read(self, path: str, expression: ast.expr, within: list[ast.FunctionDef]) -> set[str]:
        """The actions that an expression can be.

        Raises:
            AssertionError: that cannot be told from the source.
        """
        match expression:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.IfExp(body=body, orelse=orelse):
                return self.read(path, body, within) | self.read(path, orelse, within)
            case ast.Name(id=name):
                return self._name(path, name, within)
            case ast.Attribute(attr=name):
                return self._attribute(name)
            case ast.Subscript(value=ast.Name(id=name)):
                return self._table(path, name)
        raise AssertionError(f"{path}:{expression.lineno}: which action is {ast.unparse(expression)}?")

    def _name(self, path: str, name: str, within: list[ast.FunctionDef]) -> set[str]:
        for function in reversed(within):
            if assigned := list(_assigned(function, name)):
                return set().union(*(self.read(path, value, within) for value in assigned))
            if name in (arguments := [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]):
                return self._argument(path, function, name, arguments.index(name))
        if assigned := list(_assigned(sources()[path], name)):
            return set().union(*(self.read(path, value, []) for value in assigned))
        return self._attribute(name)  # imported from another module

    def _attribute(self, name: str) -> set[str]:
        found: set[str] = set()
        for path, tree in sources().items():
            for value in _assigned(tree, name):
                found |= self.read(path, value, [])
            for node in _functions(tree):
                if node.name == name:
                    for returned in _walked(node):
                        if isinstance(returned, ast.Return) and returned.value is not None:
                            found |= self.read(path, returned.value, [node])
        assert found, f"where does {name} come from?"
        return found

    def _argument(self, home: str, function: ast.FunctionDef, name: str, index: int) -> set[str]:
        if id(function) in self.seen:
            return set()
        self.seen.add(id(function))
        found: set[str] = set()
        for path, tree in sources().items():
            for call, within in _calls_of(tree):
                if not _means(call.func, path, tree, function.name, home):
                    continue
                given = {keyword.arg: keyword.value for keyword in call.keywords}.get(name)
                if given is None and index < len(call.args):
                    given = call.args[index]
                if given is not None:
                    found |= self.read(path, given, within)
        assert found, f"who calls {function.name} with its {name}?"
        return found

    def _table(self, path: str, name: str) -> set[str]:
        """A dictionary of actions that stands in the module."""
        found: set[str] = set()
        for value in _assigned(sources()[path], name):
            assert isinstance(value, ast.Dict), ast.unparse(value)
            for entry in value.values:
                found |= self.read(path, entry, [])
        return found


def _means(called: ast.expr, path: str, tree: ast.Module, name: str, home: str) -> bool:
    """Whether a call in a module calls the function of that name of its home module."""
    if isinstance(called, ast.Name) and called.id == name:
        return path == home or any(
            isinstance(node, ast.ImportFrom)
            and (node.module or "").endswith(Path(home).stem)
            and any(alias.name == name for alias in node.names)
            for node in _walked(tree)
        )
    return (
        isinstance(called, ast.Attribute)
        and called.attr == name
        and isinstance(called.value, ast.Name)
        and called.value.id == Path(home).stem
    )


def _assigned(scope: ast.AST, name: str) -> Iterator[ast.expr]:
    body = scope.body if isinstance(scope, ast.Module) else _walked(scope)
    for node in body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            yield node.value
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and node.target.id == name
            and node.value
        ):
            yield node.value


def _calls(node: ast.AST, within: tuple[ast.FunctionDef, ...] = ()) -> Iterator[tuple[ast.Call, list[ast.FunctionDef]]]:
    for child in ast.iter_child_nodes(node):
        inner = (*within, child) if isinstance(child, ast.FunctionDef) else within
        if isinstance(child, ast.Call):
            yield child, list(within)
        yield from _calls(child, inner)


@cache
def recorded() -> dict[str, set[str]]:
    """Every action that some code records, and where."""
    found: dict[str, set[str]] = {}
    for path, tree in sources().items():
        wanted = set(records(tree))
        for call, within in _calls_of(tree):
            if call in wanted:
                for action in Reader().read(path, call.args[2], within):
                    found.setdefault(action, set()).add(f"{Path(path).name}:{call.lineno}")
    return found


def test_no_code_records_an_action_outside_the_catalogue() -> None:
    found = recorded()
    assert len(found) > 20, "the positive control: the scan finds what is recorded"
    assert {action: where for action, where in found.items() if action not in audit_actions.CATALOG} == {}


def test_every_action_of_the_catalogue_is_recorded_somewhere() -> None:
    assert set(audit_actions.CATALOG) - set(recorded()) == set()


def test_only_the_writing_module_touches_the_table() -> None:
    for path, tree in sources().items():
        for node in _walked(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("insert", "update"):
                assert "audit_entries" not in ast.unparse(node), path


def test_an_action_is_named_as_thing_and_verb_and_says_something() -> None:
    for action in audit_actions.CATALOG.values():
        thing, verb = action.code.split(".")
        assert thing.replace("_", "").isalpha()
        assert verb.replace("_", "").isalpha()
        assert audit_actions.describe(action.code, {}).strip()
        assert action.words.count("[") == action.words.count("]")


@pytest.mark.parametrize(
    ("code", "detail", "words"),
    [
        (
            "run.start",
            {"run": 7, "type": "provider.connection.check", "cause": "follow_up"},
            "run #7 started: Connection check, follow up",
        ),
        ("run.start", {}, "run started"),
        ("run.complete", {"run": 7, "outcome": "failed", "reason": None}, "run #7 failed"),
        ("connection.disable", {"anything": 1}, "connection disabled"),
        ("of.another_version", {}, "of.another_version"),
    ],
)
def test_an_entry_is_told_in_words_made_of_its_detail(code: str, detail: dict[str, Any], words: str) -> None:
    assert audit_actions.describe(code, detail) == words


def test_a_filters_value_means_one_action_or_all_of_a_kind() -> None:
    assert audit_actions.matching("consent.record") == ("consent.record",)
    alone, in_bulk = {"run.start", "run.retry", "run.cancel", "run.complete"}, set(audit_actions.matching("run.batch*"))
    assert set(audit_actions.matching("run.*")) == alone | in_bulk
    assert len(in_bulk) == 4
    assert audit_actions.matching("run") == audit_actions.matching("run.*")
    assert audit_actions.matching("connection.e*") == ("connection.edit", "connection.enable")
    for unknown in ("ru", "x.*", "consent.nothing"):
        with pytest.raises(InvalidInput) as caught:
            audit_actions.matching(unknown)
        assert "run.*" in str(caught.value)


def test_every_attempt_hands_its_ticket_on_so_that_a_refusal_carries_it() -> None:
    attempts = [
        (path, call)
        for path, tree in sources().items()
        for call in records(tree)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "attempt"
    ]
    assert len(attempts) > 30
    for path, call in attempts:
        given = [keyword.value for keyword in call.keywords if keyword.arg == "ticket"]
        assert [ast.unparse(value).rpartition(".")[2] for value in given] == ["ticket"], f"{path}:{call.lineno}"
