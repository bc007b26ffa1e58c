"""Starting operations and reading inventories from the command line. No worker runs here."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("word", "operation"),
    [
        ("inventory", "inventory.sync"),
        ("Directory", "directory.sync"),
        ("compliance", "compliance.snapshot"),
        ("roles", "entra.admin_roles.scan"),
        ("check", "provider.connection.check"),
        ("directory.sync", "directory.sync"),
    ],
)
def test_an_operation_is_started_by_its_short_or_its_full_name(atlas: Any, word: str, operation: str) -> None:
    number = str(atlas.connection())
    atlas.sql(
        "UPDATE provider_connections SET consent_status='granted', consent_granted_at='2026-01-01 00:00:00.000',"
        " verification_status='healthy'"
    )
    said = atlas("start", word, number, "--no-wait", "--json")
    assert (said.code, said.json["result"], said.json["run"]["type"]) == (0, "started", operation)


def test_an_operation_that_is_none_is_refused_with_those_there_are(atlas: Any) -> None:
    number = str(atlas.connection())
    atlas.refuses("start", "cleanup", number, code=2, says=("operation", "cleanup", "inventory"))


def test_an_operation_without_consent_is_blocked(atlas: Any) -> None:
    said = atlas("start", "inventory", str(atlas.connection()), "--no-wait")
    assert (said.code, said.out) == (10, "")
    assert "provider_consent_missing" in said.err


def test_nothing_collected_reads_as_nothing(atlas: Any) -> None:
    number = str(atlas.connection())
    assert atlas("inventory", "list", "--json").json == []
    assert atlas("inventory", "list", "kind:mobile_apps", "new:7d", "--connection", number, "--json").json == []
    assert "no inventory was collected yet" in atlas("inventory", "diff", number).out
    assert atlas("inventory", "diff", number, "--json").json["run_id"] is None
    assert atlas("directory", "Contoso", "--json").json == []
    assert atlas("directory", "Contoso").out.split()[:2] == ["RUN", "WHEN"]


def test_what_is_not_there_or_cannot_be_read_is_refused(atlas: Any) -> None:
    atlas.refuses("inventory", "list", "kind:toasters", code=2, says=("kind:toasters",))
    atlas.refuses("inventory", "diff", "77", code=4, says=("connection",))
    atlas.refuses("directory", "Nobody", code=4, says=("tenant",))
