"""Guards over the source itself: words that must not come back, and lists that must stay whole."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from storage import operations, reasons
from storage.failures import FORBIDDEN_TEXT, is_telling
from storage.schema import METADATA, provider_connections

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("storage", "tasks", "atlas_tui")


def runtime_files(*rooms: str) -> list[Path]:
    found = sorted(path for room in rooms or ROOMS for path in (ROOT / room).rglob("*.py"))
    assert len(found) > 20
    return found


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


def words(path: Path) -> Iterator[tuple[int, str]]:
    """Every name and every string of a file, without comments and docstrings."""
    source = text_of(path)
    docstrings = {
        (node.body[0].lineno, node.body[0].end_lineno)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or any(a <= token.start[0] <= (b or a) for a, b in docstrings):
            continue
        if token.type in (tokenize.NAME, tokenize.STRING):
            yield token.start[0], token.string


DROPPED = re.compile(r"\bhealth_status\b|\blast_health_check_at\b|\bneeds_consent\b")
COMBINED = re.compile(
    r"\b(readiness|is_ready_status|overall_status|overall_health|combined_status|connection_status|connection_health|"
    r"health_badge|status_badge|effective_status|aggregate_status|tenant_health|composite_status)\b",
    re.IGNORECASE,
)


def offences(pattern: re.Pattern[str], text: str) -> list[str]:
    return [match.group(0) for match in pattern.finditer(text)]


def test_no_runtime_file_names_the_dropped_columns_or_a_combined_status() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in runtime_files()
        if DROPPED.search(text_of(path)) or COMBINED.search(text_of(path))  # to take a file into words takes a while
        for line, word in words(path)
        if DROPPED.search(word) or COMBINED.search(word)
    ]
    assert found == []


def test_the_guard_sees_what_it_looks_for(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text(
        '"""health_status may be told of here."""\nx = row.health_status  # readiness\ny = "overall_status"\n'
    )
    assert [line for line, word in words(planted) if DROPPED.search(word) or COMBINED.search(word)] == [2, 3]


def test_no_table_has_a_dropped_column_or_a_combined_status() -> None:
    columns = set(provider_connections.c.keys())
    assert not columns & {"status", "health_status", "health", "state", "readiness"}
    for table in METADATA.tables.values():
        assert not [column for column in table.c.keys() if COMBINED.search(column)], table.name  # noqa: SIM118


def test_a_provider_connection_is_never_asked_for_a_status() -> None:
    """`pc.c.status`, `connection.status`, `provider_connections.c.status` would be the old column."""
    asked = re.compile(r"\b(pc|provider_connections)\.c\.(status|health\w*)\b|\bconnection\.(status|health\w*)\b")
    found = [
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path in runtime_files()
        for match in asked.finditer(text_of(path))
    ]
    assert found == []


ROLE_CHOICES = {
    "storage/capabilities.py",  # the one map
    "storage/access.py",  # reads the map; shows the name
    "storage/schema_people.py",  # the closed set in the database
    "storage/workspaces.py",  # a workspace is made with its first Owner
    "storage/owners.py",  # the last Owner stays
    "atlas_tui/screens/member_form.py",  # a new member begins with the least
}


def _compares_a_role(tree: ast.AST) -> bool:
    """Whether something called `role` (or a member of `Role`) is compared with anything."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for operand in (node.left, *node.comparators):
                spelled = ast.unparse(operand)
                if spelled.split(".")[-1] == "role" or spelled.startswith("Role."):
                    return True
    return False


def test_roles_are_named_where_people_choose_one_and_nowhere_else() -> None:
    """Code asks for capabilities; making a member or the demo's people is where a role is chosen."""
    found = []
    for path in runtime_files():
        name = str(path.relative_to(ROOT))
        text = text_of(path)
        if name != "storage/owners.py" and "role" in text.lower() and _compares_a_role(tree_of(path)):
            found.append(f"{name}: compares a role")
        members = re.findall(r"\bRole\.(OWNER|MANAGER|OPERATOR|AUDITOR|READONLY)\b", text)
        if members and name not in ROLE_CHOICES and name != "storage/seeding.py" and "headless" not in name:
            found.append(f"{name}: names {members}")
    assert found == []
    assert _compares_a_role(ast.parse("if who.role == 'owner': pass"))
    assert not _compares_a_role(ast.parse("[role for role in roles if role]"))


def _reason_codes(path: Path) -> Iterator[tuple[int, str]]:
    """The literal reason codes of a file: what is given to `reason_code=`, `failure(`, `find(` of reasons and `_plain(`."""
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Call):
            continue
        for keyword in node.keywords:
            if keyword.arg == "reason_code" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
                yield node.lineno, str(keyword.value.value)
        name = ast.unparse(node.func)
        if name in ("reasons.find", "failure", "failures.failure", "_plain", "_set_aside") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def test_every_reason_code_in_code_is_in_the_catalog() -> None:
    seen = [(path, line, code) for path in runtime_files() for line, code in _reason_codes(path)]
    assert len(seen) > 10
    foreign = [f"{path.relative_to(ROOT)}:{line}: {code}" for path, line, code in seen if code not in reasons.catalog()]
    assert foreign == []


def test_every_reason_is_complete_and_stays_what_it_says() -> None:
    for code, reason in reasons.catalog().items():
        assert re.fullmatch(r"[a-z][a-z0-9_]{2,63}", code)
        assert reason.code == code
        assert reason.sentence.endswith("."), code
        assert reason.next_step.endswith("."), code
        assert not is_telling(reason.sentence + reason.next_step), code
        assert not reason.link or reason.link.startswith("https://"), code
    assert reasons.find("no_such_reason").category is reasons.find("unknown_error").category
    assert reasons.find("Not A Code").code == "unknown_error"


def test_no_summary_key_is_outside_the_catalog() -> None:
    """What a literal dictionary given as `summary_counts=` names must be allowed for some operation."""
    allowed = {key for operation in operations.CATALOG.values() for key in operation.summary_keys}
    found = []
    for path in runtime_files():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.keyword) and node.arg == "summary_counts" and isinstance(node.value, ast.Dict):
                keys = [key.value for key in node.value.keys if isinstance(key, ast.Constant)]
                found += [f"{path.relative_to(ROOT)}: {key}" for key in keys if key not in allowed]
    assert found == []
    assert len({key for o in operations.CATALOG.values() for key in o.summary_keys}) == len(allowed) > 20


@pytest.mark.parametrize("operation_type", operations.CATALOG)
def test_the_catalog_is_the_rule(operation_type: str) -> None:
    rule = {
        "provider.connection.check": ("Connection check", "health_check", "total passed warned failed skipped"),
        "inventory.sync": ("Inventory sync", "inventory", "items created updated removed unchanged skipped"),
        "compliance.snapshot": (
            "Compliance snapshot",
            "compliance",
            "total compliant noncompliant unknown in_grace_period conflict error config_manager other",
        ),
        "entra.admin_roles.scan": (
            "Admin roles scan",
            "admin_roles",
            "assignments principals privileged eligible findings",
        ),
        "directory.sync": ("Directory sync", "directory", "users guests groups devices domains"),
    }
    operation = operations.find(operation_type)
    assert (operation.label, operation.module, " ".join(operation.summary_keys)) == rule[operation_type]


def test_the_forbidden_words_are_those_of_the_rule() -> None:
    assert set(FORBIDDEN_TEXT) == {"client_secret", "Bearer ", "access_token", "refresh_token", "Authorization"}
