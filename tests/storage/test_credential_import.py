"""Storing many secrets: each line lands where it says or nowhere, and what became of it is told."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy import select, update

from storage import credential_import
from storage.credential_import import Fate, Import
from storage.credential_lines import read_lines
from storage.errors import NotFound
from storage.schema import credentials as table
from storage.schema import tenants
from storage.sealing import SUITE

VALUE = "canary~8Q.secret"


def imported(fleet: Any, text: str, verb: str = "store", who: str = "dana") -> list[Any]:
    work = Import(fleet.db, fleet.people[who], fleet.north, fleet.public_key, ticket="T-9")
    return list(getattr(work, verb)(read_lines(io.BytesIO(text.encode()))))


def guid_of(fleet: Any, name: str) -> str:
    return str(fleet.one(select(tenants.c.entra_tenant_id).where(tenants.c.id == fleet.tenant[name])))


def fates(lines: list[Any]) -> list[tuple[int, str]]:
    return [(line.line, line.fate.value) for line in lines]


def test_lines_name_connections_by_number_tenant_id_or_domain(fleet: Any) -> None:
    new = fleet.add_connection("new", ready=False)
    text = (
        "tenant,secret,secret id,expires\n"
        f"{guid_of(fleet, 'contoso').upper()},{VALUE}-1,8a3c1f0e-1b2c-4d5e-8f90-123456789abc,2099-03-31\n"
        f"FABRIKAM.example,{VALUE}-2,,\n{new},{VALUE}-3,,\n"
    )
    lines = imported(fleet, text)
    assert fates(lines) == [(2, "staged"), (3, "staged"), (4, "active")]
    assert [line.tenant_name for line in lines] == ["Contoso", "Fabrikam", "New"]
    staged = fleet.rows(
        select(table).where(table.c.connection_id == fleet.connection["contoso"], table.c.slot == "staged")
    )[0]
    assert (staged.client_key_id, staged.expires_at.year) == ("8a3c1f0e-1b2c-4d5e-8f90-123456789abc", 2099)
    for number, name in ((1, "contoso"), (2, "fabrikam"), (3, "new")):
        sealed = fleet.begin(fleet.connection[name]).credentials[0]
        assert f"{VALUE}-{number}".encode() in SUITE.decrypt(
            sealed.sealed, fleet.worker_key, info=sealed.binding.info()
        )


def test_the_preview_says_the_same_and_writes_nothing(fleet: Any) -> None:
    new = fleet.add_connection("new", ready=False)
    text = f"tenant,secret\ncontoso.example,{VALUE}\n{new},{VALUE}\nnobody.example,{VALUE}\n"
    before = fleet.contents()
    previewed = imported(fleet, text, "preview")
    assert fleet.contents() == before
    assert fates(previewed) == fates(imported(fleet, text)) == [(2, "staged"), (3, "active"), (4, "refused")]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("nobody.example,v~1", "names no connection"),
        ("99999,v~1", "names no connection"),
        (f"{VALUE},v~1", "neither a connection's number"),
        ("Contoso,v~1", "neither a connection's number"),
        ("wingtip.example,v~1", "platform app"),
        ("contoso.example,8a3c1f0e-1b2c-4d5e-8f90-123456789abc", "looks like the secret's ID"),
        (f"contoso.example,{VALUE} {VALUE}", "spaces"),
        ("contoso.example,", "blank"),
    ],
)
def test_a_line_that_cannot_be_stored_is_refused_and_leaves_nothing(sqlite_fleet: Any, row: str, problem: str) -> None:
    before = sqlite_fleet.contents()
    (line,) = imported(sqlite_fleet, f"tenant,secret\n{row}\n")
    assert line.fate is Fate.REFUSED
    assert problem in line.problem
    assert VALUE not in repr(line)
    assert sqlite_fleet.contents() == before


@pytest.mark.parametrize(
    ("columns", "problem"),
    [("not-a-guid-canary~8Q,", "not a GUID"), (",soon-canary~8Q", "date"), (",2001-01-01", "past")],
)
def test_a_bad_id_or_date_is_refused_by_its_field(sqlite_fleet: Any, columns: str, problem: str) -> None:
    (line,) = imported(sqlite_fleet, f"tenant,secret,secret id,expires\ncontoso.example,v~1,{columns}\n")
    assert line.fate is Fate.REFUSED
    assert problem in line.problem
    assert "canary" not in line.problem


def test_a_connection_that_is_named_twice_keeps_the_first(sqlite_fleet: Any) -> None:
    text = f"tenant,secret\ncontoso.example,v~1\n{sqlite_fleet.connection['contoso']},v~2\n"
    lines = imported(sqlite_fleet, text)
    assert fates(lines) == [(2, "staged"), (3, "refused")]
    assert "line 2" in lines[1].problem


def test_all_or_none_stores_none_when_one_is_refused(sqlite_fleet: Any) -> None:
    before = sqlite_fleet.contents()
    lines = imported(sqlite_fleet, "tenant,secret\ncontoso.example,v~1\nnobody.example,v~2\n", "store_all_or_none")
    assert fates(lines) == [(3, "refused")]
    assert sqlite_fleet.contents() == before
    assert fates(imported(sqlite_fleet, "tenant,secret\ncontoso.example,v~1\n", "store_all_or_none")) == [(2, "staged")]


def test_two_tenants_with_one_domain_are_told_apart_by_number_only(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    fleet.write(
        update(tenants).where(tenants.c.id == fleet.tenant["fabrikam"]).values(primary_domain="contoso.example")
    )
    (line,) = imported(fleet, "tenant,secret\ncontoso.example,v~1\n")
    assert "several tenants" in line.problem


def test_rights_are_asked_for_each_line(sqlite_fleet: Any) -> None:
    """A Manager of one tenant imports that one; the others do not exist for them. An Operator sees and may not."""
    text = "tenant,secret\ncontoso.example,v~1\nfabrikam.example,v~2\n"
    assert fates(imported(sqlite_fleet, text, who="fred")) == [(2, "refused"), (3, "staged")]
    operators = imported(sqlite_fleet, text, who="omar")
    assert [line.fate.value for line in operators] == ["refused", "refused"]
    assert "may not" in operators[0].problem
    assert [line.fate.value for line in imported(sqlite_fleet, text, who="zoe")] == ["refused", "refused"]


def test_what_became_of_each_line_after_its_check(fleet: Any) -> None:
    text = "tenant,secret\ncontoso.example,v~1\nfabrikam.example,v~2\nnobody.example,v~3\n"
    lines = [credential_import.start_check(fleet.db, fleet.dana, line) for line in imported(fleet, text)]
    assert [line.run_id is not None for line in lines] == [True, True, False]
    assert credential_import.unfinished(fleet.db, fleet.dana, fleet.north, lines) == 2
    claims = {claim.tenant_name: claim for claim in fleet.take()}
    fleet.finish(claims["Contoso"], fleet.good_report(claims["Contoso"], credential_slot="staged"))
    fleet.finish(claims["Fabrikam"], fleet.failing_report("secret_invalid"))
    assert credential_import.unfinished(fleet.db, fleet.dana, fleet.north, lines) == 0

    after = credential_import.after_checks(fleet.db, fleet.dana, fleet.north, lines)

    assert [(line.fate.value, line.problem) for line in after[:2]] == [("promoted", ""), ("staged", "secret_invalid")]
    assert after[2] == lines[2]
    with pytest.raises(NotFound):
        credential_import.after_checks(fleet.db, fleet.people["zoe"], fleet.north, lines)


def test_a_disabled_connections_secret_is_stored_and_its_check_says_why_not(sqlite_fleet: Any) -> None:
    sqlite_fleet.set_connection(sqlite_fleet.connection["contoso"], is_enabled=False)
    (line,) = imported(sqlite_fleet, "tenant,secret\ncontoso.example,v~1\n")
    checked = credential_import.start_check(sqlite_fleet.db, sqlite_fleet.dana, line)
    assert (checked.fate, checked.run_id) == (Fate.STAGED, None)
    assert "provider_connection_disabled" in checked.problem
