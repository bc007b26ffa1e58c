"""A fleet from a file: reading it, saying what each row would do, and doing all of it or nothing."""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from storage import fleet_import, fleet_sheet, tenant_changes, tenants
from storage.errors import Conflict, Forbidden, InvalidInput, NotFound
from storage.fleet_import import RowClass, cells_of
from storage.fleet_sheet import COLUMNS, read_sheet, write_csv
from storage.pages import Place
from storage.schema import audit_entries
from storage.schema import tenants as tenant_table

A, B, C = (f"8a3c1f0e-1b2c-4d5e-8f90-{number:012d}" for number in range(3))
PARTNER_CENTER = (
    f'Microsoft ID,Company name,Primary domain name,Relationship\n{A},"Müller, Söhne",mueller.example,Reseller\n'
)
LIGHTHOUSE = f"Tenant name,Tenant ID,Total users\nContoso,{A},12\n"


def preview(fleet: Any, raw: str | bytes, by: str = "dana", **more: Any) -> Any:
    sheet = read_sheet(raw.encode() if isinstance(raw, str) else raw)
    return fleet_import.preview(fleet.db, fleet.people[by], fleet.north, sheet, **more)


def apply(fleet: Any, plan: Any, by: str = "dana", **more: Any) -> Any:
    return fleet_import.apply(fleet.db, fleet.people[by], fleet.north, plan, **more)


def kinds(plan: Any) -> list[str]:
    return [row.kind.value for row in plan.rows]


def by_guid(fleet: Any, guid: str) -> Any:
    key = fleet.one(select(tenant_table.c.id).where(tenant_table.c.entra_tenant_id == guid))
    return tenants.get(fleet.db, fleet.dana, key)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_delimiters_are_recognised(encoding: str, delimiter: str, end: str) -> None:
    lines = (("Company name", "Microsoft ID", "Primary domain name"), ('"Müller ""& Söhne"""', A, "mueller.example"))
    text = end.join(delimiter.join(line) for line in lines) + end
    sheet = read_sheet(text.encode(encoding))
    (row,) = sheet.rows
    assert row.cells == {"name": 'Müller "& Söhne"', "tenant_id": A, "domain": "mueller.example"}
    assert row.line == 2
    assert sheet.delimiter == delimiter


def test_what_partner_center_and_lighthouse_write_is_recognised_by_its_header() -> None:
    sheet = read_sheet(PARTNER_CENTER.encode())
    assert sheet.rows[0].cells == {"name": "Müller, Söhne", "tenant_id": A, "domain": "mueller.example"}
    assert sheet.ignored == ("Relationship",)
    sheet = read_sheet(LIGHTHOUSE.encode())
    assert sheet.rows[0].cells == {"name": "Contoso", "tenant_id": A}
    assert sheet.columns == {"name": "Tenant name", "tenant_id": "Tenant ID"}
    assert read_sheet(f"sep=;\r\nNAME;customer_tenant_id\r\nX;{A}\r\n".encode()).rows[0].line == 3


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (b"name,domain\nx,y.example\n", '"microsoft id"'),
        (f"name,tenant id,Microsoft ID\nx,{A},{A}\n".encode(), "two columns mean the tenant_id"),
        (f'name,tenant id\n"x,{A}\n'.encode(), "line 2: a quote is not closed"),
        (f'name,tenant id\nx,{A}\n"x"y,{A}\n'.encode(), "line 3: a quote is in the wrong place"),
        (b"name,tenant id\nM\xc3\xbcller,1\nM\xfcller,2\n", "is not utf-8 at byte 26 on line 3"),
        (b"name,tenant id\nM\x81ller,1\n", "is not utf-8 or cp1252 at byte 16 on line 2"),
        (b"\xff\xfen\x00a", "is not utf-16"),
        (b"name,tenant id\n" + b"x" * 500 + b"\0\n", "NUL character on line 2"),
        (b"name,tenant id\nA\0B,1\n", "NUL character on line 2"),
        (b"PK\x03\x04\x14\0\x06\0 [Content_Types].xml", "is a workbook"),
        (b'{"name": 1}', "no list of objects"),
        (b"[1, 2]", "no list of objects"),
        (b"[{", "begins like JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(raw: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match="file") as refused:
        read_sheet(raw)
    assert says in str(refused.value)


@given(st.binary(max_size=300))
def test_whatever_is_read_is_rows_or_one_sentence(raw: bytes) -> None:
    try:
        sheet = read_sheet(b"name,tenant id\n" + raw)
    except InvalidInput:
        return
    for row in sheet.rows:
        assert set(row.cells) <= {"name", "tenant_id"}
        assert row.line >= 2


CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn")), max_size=30).map(
    lambda text: " ".join(text.split())
)
ROW = st.fixed_dictionaries(
    {name: st.one_of(CELL, CELL.map(lambda text: f"={text}"), CELL.map(lambda text: f"'-{text}")) for name in COLUMNS}
)


@given(st.lists(ROW, max_size=5))
def test_what_is_written_reads_back_and_no_cell_is_a_formula(rows: list[dict[str, str]]) -> None:
    text = "".join(write_csv(rows))
    sheet = read_sheet(text.encode())
    filled = [{name: cell for name, cell in row.items() if cell} for row in rows]
    assert [dict(row.cells) for row in sheet.rows] == [row for row in filled if row]
    for cells in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_every_row_is_classed_and_says_why(fleet: Any) -> None:
    contoso = tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"])
    fabrikam = tenants.get(fleet.db, fleet.dana, fleet.tenant["fabrikam"])
    plan = preview(
        fleet,
        "name;tenant id;domain;time zone;tags\n"
        f"New;{A};new.example;;a;\n"
        f"Contoso AG;{contoso.entra_tenant_id};;Europe/Berlin;\n"
        f"Fabrikam;{fabrikam.entra_tenant_id};fabrikam.example;;\n"
        "Bad;8a3c;;;\n"
        f"Again;{A.upper()};;;\n"
        f"Odd;{B};not a domain;;\n"
        f";{C};;;\n"
        ";;;;\n"
        "Nothing;;;;\n",
    )
    assert kinds(plan) == ["create", "update", "unchanged", "refused", "refused", "refused", "refused", "refused"]
    new, update, _, *refused = plan.rows
    assert new.values["tags"] == ("a",)
    assert (dict(update.values), dict(update.before)) == (
        {"name": "Contoso AG", "time_zone": "Europe/Berlin"},
        {"name": "Contoso", "time_zone": "UTC"},
    )
    for row, (line, words) in zip(
        refused,
        (
            (5, "tenant id: is not a GUID"),
            (6, "is on line 2 already"),
            (7, "primary domain: is not a domain name"),
            (8, "tenant name: is missing"),
            (10, "tenant id: is missing"),
        ),
        strict=True,
    ):
        assert (row.line, words in row.why) == (line, True), row
    assert plan.totals == {RowClass.CREATE: 1, RowClass.UPDATE: 1, RowClass.UNCHANGED: 1, RowClass.REFUSED: 5}
    assert fleet.count(audit_entries, audit_entries.c.action == "tenant.import") == 0


def test_an_import_writes_all_of_it_and_the_trail_tells(fleet: Any) -> None:
    contoso = tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"])
    before = fleet.truth(fleet.connection["contoso"])
    plan = preview(
        fleet,
        f"name,tenant id,domain,contact,note,cloud,tags\nNew,{A},new.example,Eva,n,usgov,x;y\n"
        f"Contoso AG,{contoso.entra_tenant_id},contoso.de,,,,silver\n",
        add_tags=["Batch-7"],
    )
    done = apply(fleet, plan, ticket="T-1")
    assert (done.created, done.updated, done.skipped) == (1, 1, 0)
    new = by_guid(fleet, A)
    assert (new.name, new.primary_domain, new.contact, new.note, new.cloud) == (
        "New",
        "new.example",
        "Eva",
        "n",
        "usgov",
    )
    assert new.tags == ("batch-7", "x", "y")
    changed = by_guid(fleet, contoso.entra_tenant_id)
    assert (changed.name, changed.tags, changed.note) == ("Contoso AG", ("batch-7", "silver"), "")
    after = fleet.truth(fleet.connection["contoso"])
    assert after.sort_name == tenants.sort_name("Contoso AG", after.display_name, "contoso.de")
    assert after.generation == before.generation + 1
    entries = fleet.rows(select(audit_entries).where(audit_entries.c.ticket == "T-1").order_by(audit_entries.c.id))
    assert [entry.action for entry in entries] == ["tenant.import", "tenant.create", "tenant.edit"]
    assert plan.sha256 in bytes(entries[0].canonical).decode()
    assert kinds(preview(fleet, f"name,tenant id\nNew,{A}\n")) == ["unchanged"]


def test_the_set_writes_what_the_single_functions_write(fleet: Any) -> None:
    twin = tenants.create(
        fleet.db,
        fleet.dana,
        fleet.north,
        entra_tenant_id=B,
        name="Twin",
        primary_domain="twin.example",
        contact="c",
        time_zone="Asia/Tokyo",
        note="n",
        tag_names=["t"],
    )
    apply(
        fleet,
        preview(fleet, f"name,tenant id,domain,contact,time zone,note,tags\nTwin,{A},twin.example,c,Asia/Tokyo,n,t\n"),
    )
    ours, theirs = (
        {column: value for column, value in row._mapping.items() if column not in ("id", "entra_tenant_id")}
        for row in fleet.rows(select(tenant_table).where(tenant_table.c.entra_tenant_id.in_([A, B])))
    )
    assert ours == theirs
    assert by_guid(fleet, A).tags == twin.tags
    tenant_changes.edit(
        fleet.db, fleet.dana, twin.id, changes={"name": "Other", "primary_domain": "other.example", "cloud": "dod"}
    )
    apply(fleet, preview(fleet, f"name,tenant id,domain,cloud\nOther,{A},other.example,dod\n"))
    ours, theirs = (
        {column: value for column, value in row._mapping.items() if column not in ("id", "entra_tenant_id")}
        for row in fleet.rows(select(tenant_table).where(tenant_table.c.entra_tenant_id.in_([A, B])))
    )
    assert ours == theirs


def test_one_refused_row_refuses_the_file_unless_it_is_left_out(fleet: Any) -> None:
    plan = preview(fleet, f"name,tenant id\nNew,{A}\nBad,1\n")
    before = fleet.contents()
    with pytest.raises(InvalidInput, match="line 3: tenant id: is not a GUID"):
        apply(fleet, plan)
    assert fleet.contents() == before
    assert apply(fleet, plan, skip_refused=True).skipped == 1
    assert by_guid(fleet, A).name == "New"


def test_a_tenant_that_changed_since_the_preview_refuses_the_plan(fleet: Any) -> None:
    contoso = tenants.get(fleet.db, fleet.dana, fleet.tenant["contoso"])
    plan = preview(fleet, f"name,tenant id\nNew,{A}\nContoso AG,{contoso.entra_tenant_id}\n")
    tenant_changes.edit(fleet.db, fleet.people["mona"], contoso.id, changes={"note": "not in the file"})
    tenant_changes.edit(fleet.db, fleet.people["mona"], contoso.id, changes={"name": "Contoso Ltd"})
    before = fleet.contents()
    with pytest.raises(Conflict, match="changed since the preview"):
        apply(fleet, plan)
    assert fleet.contents() == before
    plan = preview(fleet, f"name,tenant id\nNew,{A}\n")
    tenants.create(fleet.db, fleet.dana, fleet.north, entra_tenant_id=A, name="Meanwhile")
    with pytest.raises(Conflict, match="changed since the preview"):
        apply(fleet, plan)


def test_archived_tenants_and_settled_clouds_are_refused(fleet: Any) -> None:
    fleet.check(fleet.connection["fabrikam"])
    fleet.write(tenant_table.update().where(tenant_table.c.id == fleet.tenant["contoso"]).values(lifecycle="archived"))
    ids = [tenants.get(fleet.db, fleet.dana, fleet.tenant[name]).entra_tenant_id for name in ("contoso", "fabrikam")]
    plan = preview(fleet, f"tenant id,cloud\n{ids[0]},china\n{ids[1]},china\n")
    assert [row.why.split(":")[0] for row in plan.rows] == ["Contoso is archived. Bring it back first.", "cloud"]


def test_a_tenant_id_of_another_workspace_is_simply_new_here(fleet: Any) -> None:
    tenants.create(fleet.db, fleet.people["zoe"], fleet.south, entra_tenant_id=A, name="Secret South")
    plan = preview(fleet, f"name,tenant id\nOurs,{A}\n")
    assert kinds(plan) == ["create"]
    apply(fleet, plan)
    assert fleet.count(tenant_table, tenant_table.c.entra_tenant_id == A) == 2


def test_only_who_manages_the_whole_workspace_imports(fleet: Any) -> None:
    raw = f"name,tenant id\nNew,{A}\n"
    plan = preview(fleet, raw)
    for login, error in (
        ("omar", Forbidden),
        ("gina", Forbidden),
        ("rita", Forbidden),
        ("zoe", NotFound),
        ("eve", NotFound),
    ):
        with pytest.raises(error):
            preview(fleet, raw, by=login)
        with pytest.raises(error):
            apply(fleet, plan, by=login)
    told = fleet.rows(select(audit_entries.c.action).where(audit_entries.c.outcome == "refused"))
    assert sorted(entry.action for entry in told) == ["access.read"] * 3 + ["tenant.import"] * 3
    assert apply(fleet, plan, by="mona").created == 1


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(CELL.filter(bool), min_size=1, max_size=4),
    note=st.text(
        st.characters(codec="utf-8", exclude_categories=("Cs", "Co", "Cn", "Cc"), include_characters="\n"), max_size=40
    ),
    formula=st.sampled_from(["", "=1+1", "'=x", "@a", "-", "+49 30"]),
)
def test_an_export_imports_as_unchanged_here_and_as_the_same_elsewhere(
    sqlite_fleet: Any, names: list[str], note: str, formula: str
) -> None:
    fleet = sqlite_fleet
    for name in names:
        tenants.create(
            fleet.db,
            fleet.dana,
            fleet.north,
            entra_tenant_id=fleet.guid(),
            name=formula + name,
            note=formula + note,
            contact=formula,
            tag_names=["x y", "z"],
        )
    page = tenants.page(fleet.db, fleet.dana, tenants.TenantQuery(fleet.north), Place.first(), 500)
    rows = [cells_of(row) for row in page.rows]
    as_json = json.dumps(rows).encode()
    for raw in ("".join(write_csv(rows)).encode(), as_json):
        assert set(kinds(preview(fleet, raw))) == {"unchanged"}
        parsed = fleet_import.parse(read_sheet(raw))
        assert [(row.values["name"], row.values.get("note", ""), row.values.get("contact", "")) for row in parsed] == [
            (row.name, row.note, row.contact) for row in page.rows
        ]


@pytest.mark.timeout(600)
def test_a_hundred_thousand_rows_come_in_at_once(sqlite_fleet: Any) -> None:
    fleet = sqlite_fleet
    rows = (
        {"name": f"Customer {n}", "tenant_id": str(uuid.UUID(int=2**127 + n)), "tags": "big"} for n in range(100_000)
    )
    plan = preview(fleet, "".join(write_csv(rows)))
    assert plan.totals[RowClass.CREATE] == 100_000
    statements = []
    event.listen(fleet.db.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert apply(fleet, plan).created == 100_000
    assert len(statements) < 1_000  # sets, not rows: the transaction is one and holds the database
    assert fleet.count(tenant_table) == 100_003
    assert fleet.count(audit_entries, audit_entries.c.action.in_(["tenant.import", "tenant.create"])) == 4
    found = tenants.page(fleet.db, fleet.dana, tenants.TenantQuery(fleet.north, "customer 77777"), Place.first())
    assert [row.tags for row in found.rows] == [("big",)]


def test_more_rows_than_are_allowed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_sheet, "MAX_ROWS", 2)
    with pytest.raises(InvalidInput, match="more than 2 rows"):
        read_sheet(f"tenant id\n{A}\n{B}\n{C}\n".encode())
