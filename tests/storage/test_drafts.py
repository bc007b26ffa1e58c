"""Drafts belong to who typed them, survive a session, and never hold a secret."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from storage import access, drafts, member_changes
from storage.capabilities import Role
from storage.errors import Forbidden, InvalidInput, NotFound
from storage.schema import memberships


def test_a_draft_is_there_again_and_the_latest_counts(fleet: Any) -> None:
    drafts.save(fleet.db, fleet.dana, "tenant.create", "", {"name": "Con"}, fleet.north)
    fleet.clock.advance(minutes=1)
    saved = drafts.save(fleet.db, fleet.dana, "tenant.create", "", {"name": "Contöso", "note": ""}, fleet.north)
    assert drafts.load(fleet.db, fleet.dana, "tenant.create", "") == saved
    assert (saved.document, saved.updated_at) == ({"name": "Contöso", "note": ""}, fleet.clock.time)
    assert drafts.mine(fleet.db, fleet.dana, fleet.north) == (saved,)
    drafts.discard(fleet.db, fleet.dana, "tenant.create", "")
    drafts.discard(fleet.db, fleet.dana, "tenant.create", "")
    assert drafts.load(fleet.db, fleet.dana, "tenant.create", "") is None


def test_nobody_reads_or_discards_the_draft_of_another(fleet: Any) -> None:
    mine = drafts.save(fleet.db, fleet.people["rita"], "tenant.edit", "tenant:1", {"note": "x"}, fleet.north)
    for login in ("dana", "zoe", "pat"):
        assert drafts.load(fleet.db, fleet.people[login], "tenant.edit", "tenant:1") is None
        drafts.discard(fleet.db, fleet.people[login], "tenant.edit", "tenant:1")
    assert drafts.mine(fleet.db, fleet.dana, fleet.north) == ()
    assert drafts.load(fleet.db, fleet.people["rita"], "tenant.edit", "tenant:1") == mine


def test_a_workspace_that_may_not_be_entered_takes_and_gives_no_draft(fleet: Any) -> None:
    nora = fleet.add_member("nora", Role.MANAGER)
    drafts.save(fleet.db, nora, "tenant.edit", "tenant:1", {"note": "x"}, fleet.north)
    nora_is = memberships.c.user_id == nora.user_id
    member_changes.revoke(fleet.db, fleet.dana, fleet.north, fleet.one(select(memberships.c.id).where(nora_is)))
    assert drafts.load(fleet.db, nora, "tenant.edit", "tenant:1") is None
    for login in ("zoe", "pat", "rex"):
        with pytest.raises(NotFound):
            drafts.save(fleet.db, fleet.people[login], "tenant.edit", "tenant:1", {"note": "x"}, fleet.north)
        with pytest.raises(NotFound):
            drafts.mine(fleet.db, fleet.people[login], fleet.north)
    with pytest.raises(Forbidden):
        drafts.load(fleet.db, access.WORKER, "tenant.edit", "tenant:1")
    with pytest.raises(Forbidden):
        drafts.save(fleet.db, fleet.people["ivan"], "tenant.edit", "", {})


@pytest.mark.parametrize(
    "field",
    ["secret", "client_secret", "password", "certificate.passphrase", "pfx", "private_key", "api_key", "access_token"],
)
def test_a_field_named_like_a_secret_is_refused_and_nothing_is_kept(sqlite_fleet: Any, field: str) -> None:
    with pytest.raises(InvalidInput, match=field) as caught:
        drafts.save(sqlite_fleet.db, sqlite_fleet.dana, "credential", "", {"name": "x", field: "Xy8~canary"})
    assert "canary" not in str(caught.value)
    assert drafts.load(sqlite_fleet.db, sqlite_fleet.dana, "credential", "") is None


def test_what_only_tells_about_a_secret_is_kept(sqlite_fleet: Any) -> None:
    fields = {"secret_expires": "2027-01-01", "credential_kind": "secret", "key_id": "", "client_id": ""}
    assert drafts.save(sqlite_fleet.db, sqlite_fleet.dana, "credential", "", fields).document == fields


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"note": "-----BEGIN RSA PRIVATE KEY-----"}, "never kept"),
        ({"note": "x" * drafts.MAX_BYTES}, "larger"),
        ({f"f{number}": "" for number in range(drafts.MAX_FIELDS + 1)}, "fields"),
        ({"note": "a\0b"}, "cannot be kept"),
        ({"note": "\ud800"}, "cannot be kept"),
        ({"": "x"}, "name"),
    ],
)
def test_what_cannot_be_kept_is_refused(sqlite_fleet: Any, document: dict[str, str], what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        drafts.save(sqlite_fleet.db, sqlite_fleet.dana, "note", "", document)


def test_names_of_forms_and_subjects_are_checked(sqlite_fleet: Any) -> None:
    for form, subject in (("", ""), ("Form", ""), ("x" * 65, ""), ("form", "x" * 201), ("form", "\x1b[2J")):
        with pytest.raises(InvalidInput):
            drafts.save(sqlite_fleet.db, sqlite_fleet.dana, form, subject, {})


def test_the_draft_that_was_not_touched_for_longest_makes_room(sqlite_fleet: Any) -> None:
    for number in range(drafts.KEPT):
        drafts.save(sqlite_fleet.db, sqlite_fleet.dana, "form", f"{number}", {})
    sqlite_fleet.clock.advance(seconds=1)
    drafts.save(sqlite_fleet.db, sqlite_fleet.dana, "form", "0", {"touched": "yes"})
    drafts.save(sqlite_fleet.db, sqlite_fleet.dana, "form", "new", {})
    kept = {draft.subject for draft in drafts.mine(sqlite_fleet.db, sqlite_fleet.dana, sqlite_fleet.north)}
    assert len(kept) == drafts.KEPT
    assert {"0", "new"} < kept
    assert "1" not in kept
