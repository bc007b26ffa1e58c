"""Consent on the command line: links, mails, QR codes, pasted answers, evidence."""

from __future__ import annotations

import stat
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest


def _link(place: Any, connection: int, *options: str | Path) -> dict[str, Any]:
    said = place("consent", "link", str(connection), "--json", *options)
    assert said.code == 0, said
    return dict(said.json)


def _answer(link: dict[str, Any], **more: str) -> str:
    state = dict(parse_qsl(urlsplit(link["url"]).query))["state"]
    query = {"admin_consent": "True", "tenant": link["entra_tenant_id"], "state": state, **more}
    return f"{link['redirect_uri']}?{urlencode(query)}"


def test_a_link_and_all_that_goes_with_it(atlas: Any) -> None:
    number = atlas.connection()
    said = atlas("consent", "link", "Contoso", "--valid-days", "2", "--ticket", "CHG-3")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith("https://login.microsoftonline.com/")
    for words in (
        "not shown again",
        "Privileged Role Administrator",
        "must be registered",
        "consent answer",
        f"check {number}",
    ):
        assert words in said.out
    ((expires, created),) = atlas.sql("SELECT expires_at, created_at FROM consent_requests")
    assert expires[:10] > created[:10]
    listed = atlas("consent", "requests", "Contoso", "--json").json
    assert [(row["status"], row["answered_at"]) for row in listed] == [("open", None)]
    assert "state=" not in str(listed)


def test_a_mail_is_written_for_us_alone_and_never_over_anything(atlas: Any, tmp_path: Path) -> None:
    number = atlas.connection()
    mail = tmp_path / "mail.txt"
    link = _link(atlas, number, "--file", mail)
    assert link["url"] in mail.read_text()
    assert stat.S_IMODE(mail.stat().st_mode) == 0o600
    before = atlas.sql("SELECT count(*) FROM consent_requests")
    refused = atlas("consent", "link", str(number), "--file", mail)
    assert (refused.code, "exists already" in refused.err) == (2, True)
    nowhere = atlas("consent", "link", str(number), "--file", tmp_path / "absent" / "mail.txt")
    assert (nowhere.code, "No link was made" in nowhere.err) == (2, True)
    assert atlas.sql("SELECT count(*) FROM consent_requests") == before
    assert atlas("consent", "link", "9999", "--file", tmp_path / "other.txt").code == 4
    assert not (tmp_path / "other.txt").exists(), "nothing is left of a link that was not made"


@pytest.mark.parametrize(("encoding", "widest", "characters"), [("utf-8", 79, " █▀▄"), ("ascii", 160, " #")])
def test_a_qr_code_fits_what_the_terminal_can_show(atlas: Any, encoding: str, widest: int, characters: str) -> None:
    said = atlas("consent", "link", str(atlas.connection()), "--qr", encoding=encoding)
    assert said.code == 0
    drawing = said.out.rpartition("\n\n")[2].splitlines()
    assert len(drawing) > 20
    assert {len(line) for line in drawing} == {len(drawing[0])}
    assert len(drawing[0]) <= widest
    assert set("".join(drawing)) <= set(characters)


def test_an_answer_can_be_pasted_as_argument_or_on_stdin(atlas: Any) -> None:
    number = atlas.connection()
    first, second = _link(atlas, number), _link(atlas, number)
    said = atlas("consent", "answer", _answer(first))
    assert (said.code, said.out.splitlines()[0][:7]) == (0, "granted")
    assert "check          #" in said.out
    wrapped = _answer(second)[:60] + "\n" + _answer(second)[60:]
    again = atlas("consent", "answer", str(number), "-", "--json", stdin=wrapped.encode())
    assert (again.code, again.json["outcome"], again.json["connection_id"]) == (0, "granted", number)
    assert atlas.sql("SELECT consent_status, verification_status FROM provider_connections") == [("granted", "pending")]


@pytest.mark.parametrize(
    ("more", "outcome", "shown"),
    [
        ({"error": "access_denied", "error_description": "AADSTS90094: x"}, "not_granted", "AADSTS90094"),
        ({"tenant": str(uuid.UUID(int=7))}, "wrong_tenant", str(uuid.UUID(int=7))),
        ({"state": "nobodys"}, "unknown", "consent_state_unknown"),
    ],
)
def test_an_answer_that_is_not_recorded_has_its_own_exit_code(
    atlas: Any, more: dict[str, str], outcome: str, shown: str
) -> None:
    link = _link(atlas, atlas.connection())
    said = atlas("consent", "answer", _answer(link, **more))
    assert said.code == 10
    assert said.out.startswith(outcome)
    assert shown in said.out
    assert "next step" in said.out


@pytest.mark.parametrize("given", [["hello"], ["https://example.com/"], ["a", "b", "c"], ["x" * 20_000]])
def test_what_is_no_answer_is_bad_input(atlas: Any, given: list[str]) -> None:
    atlas.connection()
    atlas.refuses("consent", "answer", *given, code=2, says=("address",))


def test_a_revoked_link_is_worth_nothing(atlas: Any) -> None:
    number = atlas.connection()
    link = _link(atlas, number)
    assert "revoked" in atlas("consent", "revoke-link", f"#{link['request_id']}").out
    said = atlas("consent", "answer", _answer(link), "--json")
    assert (said.code, said.json["reason_code"]) == (10, "consent_link_revoked")
    atlas.refuses("consent", "revoke-link", "999", code=4, says=("999",))


def test_the_evidence_reads_like_a_mail(atlas: Any) -> None:
    number = atlas.connection()
    link = _link(atlas, number)
    description = f"AADSTS65004: no. Correlation ID: {uuid.UUID(int=9)}"
    atlas("consent", "answer", _answer(link, error="access_denied", error_description=description))
    said = atlas("consent", "evidence", "Contoso")
    assert said.code == 0
    for words in ("Consent evidence: Contoso", "consent_declined", "AADSTS65004", str(uuid.UUID(int=9)), "Next step:"):
        assert words in said.out
    card = atlas("consent", "evidence", "Contoso", "--json").json
    assert (card["consent_status"], card["provider_code"], card["open_links"]) == ("failed", "AADSTS65004", 1)


def test_a_reader_may_look_and_not_ask(atlas: Any, as_login: Any) -> None:
    number = atlas.connection()
    assert atlas("member", "add", "rita", "readonly").code == 0
    with as_login("rita"):
        assert atlas("consent", "requests", str(number)).code == 0
        assert atlas("consent", "evidence", str(number)).code == 0
        atlas.refuses("consent", "link", str(number), code=5, says=("provider.manage",))
