"""What changing credentials would do, said before: the sentences hold what the change then does, and refuse what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from storage import credential_changes, credential_previews, credentials
from storage.credential_material import from_secret
from storage.errors import Conflict
from storage.states import CredentialOwner, CredentialSlot

OWNER = CredentialOwner.CONNECTION


def store(fleet: Any, key_id: str, **more: Any) -> Any:
    public_key = fleet.worker_key.public_key().public_bytes_raw()
    material = from_secret(f"a-secret~value-0123456789-{key_id}")
    return credentials.store(
        fleet.db, fleet.dana, OWNER, fleet.connection["contoso"], material, public_key, client_key_id=key_id, **more
    )


def said(fleet: Any, preview: Callable[..., Any], *more: Any) -> str:
    return " ".join(preview(fleet.db, fleet.dana, OWNER, fleet.connection["contoso"], *more).sentences)


def test_a_new_one_is_said_to_be_staged_and_is(sqlite_fleet: Any) -> None:
    assert "It is staged" in said(sqlite_fleet, credential_previews.preview_store)
    assert store(sqlite_fleet, "key-a").slot is CredentialSlot.STAGED
    found = credential_previews.preview_store(
        sqlite_fleet.db, sqlite_fleet.dana, OWNER, sqlite_fleet.connection["contoso"]
    )
    assert found.hurts
    assert "key-a" in found.sentences[0]


def test_without_an_active_one_it_is_said_to_be_used_at_once_and_is(sqlite_fleet: Any) -> None:
    contoso = sqlite_fleet.connection["contoso"]
    removing = said(sqlite_fleet, credential_previews.preview_remove, CredentialSlot.ACTIVE)
    assert "Nothing can sign in" in removing
    credential_changes.remove(sqlite_fleet.db, sqlite_fleet.dana, OWNER, contoso, CredentialSlot.ACTIVE)
    assert "becomes the active credential at once" in said(sqlite_fleet, credential_previews.preview_store)
    assert store(sqlite_fleet, "key-a").slot is CredentialSlot.ACTIVE


def test_what_is_refused_is_refused_before_with_the_same_words(sqlite_fleet: Any) -> None:
    contoso, dana, db = sqlite_fleet.connection["contoso"], sqlite_fleet.dana, sqlite_fleet.db

    def refused(preview: Callable[..., Any], change: Callable[..., Any], **more: Any) -> str:
        with pytest.raises(Conflict) as before:
            preview(db, dana, OWNER, contoso)
        with pytest.raises(Conflict) as then:
            change(db, dana, OWNER, contoso, **more)
        assert before.value.message == then.value.message
        return str(then.value.message)

    promote = (credential_previews.preview_promote, credential_changes.promote)
    roll_back = (credential_previews.preview_roll_back, credential_changes.roll_back)
    assert "no staged" in refused(*promote, reason="a test")
    assert "no previous" in refused(*roll_back)
    store(sqlite_fleet, "key-a", expires_at=sqlite_fleet.clock.time + timedelta(days=1))
    credential_changes.promote(db, dana, OWNER, contoso, reason="a test")
    credential_changes.confirm_removed(db, dana, OWNER, contoso)
    assert "as somebody confirmed" in refused(*roll_back)
