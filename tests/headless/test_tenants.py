"""Commands about tenants: show, edit, tag, archive, offboard, restore, import, export, search."""

from __future__ import annotations

import csv
import io
import json
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from atlas_tui import cli

A, B = str(uuid.UUID(int=2**127 + 1)), str(uuid.UUID(int=2**127 + 2))
FLEET = (
    f"Company name;Microsoft ID;Primary domain name;Relationship\nMüller GmbH;{A};mueller.example;x\nContoso;{B};;x\n"
)


def done(said: Any) -> Any:
    assert (said.code, said.err) == (0, ""), said
    return said


def test_a_fleet_is_previewed_imported_shown_exported_and_imported_again(atlas: Any, tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_bytes(FLEET.encode("cp1252"))
    said = done(atlas("tenant", "import", file, "--dry-run"))
    assert "2 create, 0 update" in said.out
    assert "ignored columns: Relationship" in said.out
    assert done(atlas("tenants", "--json")).json == []
    totals = done(atlas("tenant", "import", file, "--dry-run", "--json")).json["totals"]
    assert totals == {"create": 2, "update": 0, "unchanged": 0, "refused": 0}
    said = done(atlas("tenant", "import", file, "--tag", "Batch", "--ticket", "T-1", "--json"))
    assert said.json == {"created": 2, "updated": 0, "unchanged": 0, "skipped": 0}
    assert "Müller GmbH" in done(atlas("tenant", "show", "mueller.example")).out
    exported = done(atlas("tenant", "export")).out
    rows = list(csv.DictReader(io.StringIO(exported.removeprefix("\ufeff"), newline="")))
    assert [(row["name"], row["tenant_id"], row["tags"]) for row in rows] == [
        ("Contoso", B, "batch"),
        ("Müller GmbH", A, "batch"),
    ]
    for again in (exported, done(atlas("tenant", "export", "--json")).out):
        said = done(atlas("tenant", "import", "-", "--json", stdin=again.encode()))
        assert said.json == {"created": 0, "updated": 0, "unchanged": 2, "skipped": 0}


def test_one_bad_row_refuses_the_file_and_the_preview_names_it(atlas: Any, tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(f"name,tenant id\nGood,{A}\nBad,8a3c\nTwice,{A}\n")
    atlas.refuses(
        "tenant", "import", file, code=2, says=("2 rows are refused", "line 3", "is not a guid", "--skip-refused")
    )
    said = done(atlas("tenant", "import", file, "--dry-run"))
    assert "is on line 2 already" in said.out
    assert done(atlas("tenant", "import", file, "--skip-refused", "--json")).json["skipped"] == 2


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is empty"),
        (b"name,domain\n", "has no column with tenant ids"),
        (b'name,tenant id\n"x', "a quote is not closed"),
        (b"name,tenant id\nM\x81ller,1\n", "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(atlas: Any, raw: bytes, says: str) -> None:
    atlas.refuses("tenant", "import", "-", code=2, says=(says,), stdin=raw)


def test_a_file_that_is_not_there_is_named(atlas: Any) -> None:
    atlas.refuses("tenant", "import", "/no/such/fleet.csv", code=2, says=("/no/such/fleet.csv", "cannot be read"))


def test_a_tenant_is_edited_field_by_field(atlas: Any) -> None:
    number = str(atlas.tenant("Contoso"))
    said = done(
        atlas("tenant", "edit", number, "--name", "Contoso AG", "--domain", "contoso.de", "--time-zone", "europe/berlin",
              "--contact", "Eva", "--note", "first\nsecond", "--ticket", "T-2", "--json")
    )  # fmt: skip
    assert (said.json["name"], said.json["primary_domain"], said.json["time_zone"]) == (
        "Contoso AG",
        "contoso.de",
        "Europe/Berlin",
    )
    assert "first / second" in done(atlas("tenant", "show", number)).out
    assert done(atlas("tenant", "edit", number, "--domain", "", "--json")).json["primary_domain"] is None
    assert done(atlas("tenant", "edit", number, "--tenant-id", A, "--json")).json["entra_tenant_id"] == A
    atlas.refuses("tenant", "edit", number, code=2, says=("nothing to change",))
    atlas.refuses("tenant", "edit", number, "--time-zone", "Mars", code=2, says=("time zone", "Europe/Berlin"))


def test_tags_come_and_go(atlas: Any) -> None:
    number = str(atlas.tenant("Contoso", tag="gold"))
    said = done(atlas("tenant", "tag", number, "--add", "EU", "--remove", "gold", "--json"))
    assert said.json["tags"] == ["eu"]
    assert done(atlas("tenant", "rename-tag", "eu", "europe", "--json")).json["tenants"] == 1
    assert {tag["name"]: tag["tenants"] for tag in done(atlas("tenant", "tags", "--json")).json} == {
        "europe": 1,
        "gold": 0,
    }
    atlas.refuses("tenant", "tag", number, code=2, says=("is given no tag",))
    atlas.refuses("tenant", "rename-tag", "absent", "x", code=4, says=("no tag",))


def test_a_tenant_without_a_connection_says_what_to_do(atlas: Any) -> None:
    number = atlas.tenant("Contoso")
    said = done(atlas("tenant", "show", str(number)))
    assert "none yet" in said.out
    assert f"atlas-tui connection add {number}" in said.out
    assert done(atlas("tenant", "show", str(number), "--json")).json["call_to_create"]["may"] is True


def test_archiving_is_refused_while_something_is_enabled(atlas: Any) -> None:
    connection = str(atlas.connection("Contoso"))
    atlas.refuses("tenant", "archive", "contoso", code=6, says=("enabled connections", "disable them first"))
    assert atlas("connection", "disable", connection, "--yes").code == 0
    assert done(atlas("tenant", "archive", "contoso", "--json")).json["lifecycle"] == "archived"
    assert done(atlas("search", "contoso", "--json")).json["hits"] == []
    assert len(done(atlas("search", "contoso", "archived:yes", "--json")).json["hits"]) == 1
    assert done(atlas("tenant", "unarchive", "contoso", "--json")).json["lifecycle"] == "active"


def test_offboarding_wants_the_name_and_prints_the_sheet(atlas: Any, is_harmless: Any) -> None:
    connection = atlas.connection("Contoso")
    for wrong in ((), ("--confirm", "contoso"), ("--confirm", "")):
        atlas.refuses("tenant", "offboard", "contoso", *wrong, code=2, says=("--confirm", "'Contoso'"))
    said = done(atlas("tenant", "offboard", "contoso", "--dry-run"))
    assert "Destroys 1 credential, for good" in said.out
    assert len(atlas.sql("SELECT id FROM credentials")) == 1
    said = done(atlas("tenant", "offboard", "contoso", "--confirm", "Contoso", "--ticket", "T-3"))
    assert "your consent still stands" in said.out
    is_harmless(said.out)
    assert atlas.sql("SELECT id FROM credentials") == []
    sheet = done(atlas("tenant", "offboard", "contoso", "--sheet", "--json")).json
    assert (sheet["tenant_name"], len(sheet["apps"])) == ("Contoso", 1)
    atlas.refuses("tenant", "offboard", "contoso", "--confirm", "Contoso", code=6, says=("offboarded already",))
    said = done(atlas("tenant", "restore", "contoso"))
    assert f"({connection}) stays disabled, its credential was destroyed" in said.out
    assert "lifecycle      active" in done(atlas("tenant", "show", "contoso")).out


def test_a_search_finds_tenants_and_never_connections(atlas: Any) -> None:
    atlas.tenant("Contoso", domain="contoso.example", tag="gold")
    done(atlas("connection", "add", "contoso", "--client-id", A, "--name", "Peculiar"))
    for text in ("contoso", "CONTOSO.EXAMPLE", "gold", "tag:gold"):
        hits = done(atlas("search", text, "--json")).json["hits"]
        assert [hit["tenant"]["name"] for hit in hits] == ["Contoso"], text
        assert hits[0]["workspace"] == "main"
    for text in ("Peculiar", A):
        assert done(atlas("search", text, "--json")).json["hits"] == []
    assert "FOUND BY" in done(atlas("search", "contoso", "--workspace", "main")).out
    atlas.refuses("search", "consent:revoked", code=2, says=("consent:", "is not known here"))


def test_an_export_is_no_formula_and_json_says_the_same(atlas: Any) -> None:
    atlas.tenant("=HYPERLINK(1)")
    assert "'=HYPERLINK(1)" in done(atlas("tenant", "export")).out
    assert json.loads(done(atlas("tenant", "export", "--json")).out)[0]["name"] == "=HYPERLINK(1)"
    assert done(atlas("tenant", "export", "nothing-like-it", "--json")).json == []


class Terminal(io.StringIO):
    """Somebody at a keyboard."""

    def isatty(self) -> bool:
        return True


def test_at_a_terminal_offboarding_asks_for_the_name(
    atlas: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    atlas.connection("Contoso")
    for typed, code, left in (("no\n", 6, 1), ("Contoso\n", 0, 0)):
        monkeypatch.setattr(sys, "stdin", Terminal(typed))
        assert cli.main(["tenant", "offboard", "contoso", "--config", str(atlas.config)]) == code
        assert "Destroys 1 credential" in capsys.readouterr().err
        assert len(atlas.sql("SELECT id FROM credentials")) == left
