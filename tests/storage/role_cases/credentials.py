"""Role table: credential slots, expiry, and what is imported."""

from __future__ import annotations

from typing import Any

from storage import credential_changes, credential_expiry, credential_import, credential_previews, credentials
from storage.states import CredentialOwner, CredentialSlot

MANAGE, VIEW = "provider.manage", "provider.view"
OWNER = CredentialOwner.CONNECTION


def _contoso(fleet: Any) -> int:
    return int(fleet.connection["contoso"])


def _staged(fleet: Any) -> None:
    fleet.store_secret(_contoso(fleet), "a-second.secret~value-that-is-staged-0123")


def _promoted(fleet: Any) -> None:
    _staged(fleet)
    credential_changes.promote(fleet.db, fleet.dana, OWNER, _contoso(fleet), reason="tried by hand")


CASES = {
    "credential_changes.confirm_removed": (
        MANAGE,
        "contoso",
        lambda f, who, _: credential_changes.confirm_removed(f.db, who, OWNER, _contoso(f)),
        _promoted,
    ),
    "credential_changes.promote": (
        MANAGE,
        "contoso",
        lambda f, who, _: credential_changes.promote(f.db, who, OWNER, _contoso(f), reason="tried by hand"),
        _staged,
    ),
    "credential_changes.reminders": (
        VIEW, "contoso", lambda f, who, _: credential_changes.reminders(f.db, who, OWNER, _contoso(f))
    ),
    "credential_changes.remove": (
        MANAGE,
        "contoso",
        lambda f, who, _: credential_changes.remove(f.db, who, OWNER, _contoso(f), CredentialSlot.STAGED),
        _staged,
    ),
    "credential_changes.roll_back": (
        MANAGE,
        "contoso",
        lambda f, who, _: credential_changes.roll_back(f.db, who, OWNER, _contoso(f)),
        _promoted,
    ),
    "credential_changes.start_check": (
        "provider.run", "contoso", lambda f, who, _: credential_changes.start_check(f.db, who, _contoso(f))
    ),
    "credential_changes.verify": (
        "provider.run", "contoso", lambda f, who, _: credential_changes.verify(f.db, who, OWNER, _contoso(f)), _staged
    ),
    "credential_expiry.expiring": (
        VIEW, "entrance", lambda f, who, _: credential_expiry.expiring(f.db, who, f.north)
    ),
    "credential_import.after_checks": (
        VIEW, "entrance", lambda f, who, _: credential_import.after_checks(f.db, who, f.north, ())
    ),
    "credential_import.unfinished": (
        VIEW, "entrance", lambda f, who, _: credential_import.unfinished(f.db, who, f.north, ())
    ),
    "credential_previews.preview_promote": (
        MANAGE, "contoso", lambda f, who, _: credential_previews.preview_promote(f.db, who, OWNER, _contoso(f)), _staged
    ),
    "credential_previews.preview_remove": (
        MANAGE,
        "contoso",
        lambda f, who, _: credential_previews.preview_remove(f.db, who, OWNER, _contoso(f), CredentialSlot.STAGED),
        _staged,
    ),
    "credential_previews.preview_roll_back": (
        MANAGE,
        "contoso",
        lambda f, who, _: credential_previews.preview_roll_back(f.db, who, OWNER, _contoso(f)),
        _promoted,
    ),
    "credential_previews.preview_store": (
        MANAGE, "contoso", lambda f, who, _: credential_previews.preview_store(f.db, who, OWNER, _contoso(f))
    ),
    "credentials.of_owner": (VIEW, "contoso", lambda f, who, _: credentials.of_owner(f.db, who, OWNER, _contoso(f))),
}  # fmt: skip

ONCE = {"credential_changes.confirm_removed", "credential_changes.remove"}

READS = {f"credential_previews.preview_{change}" for change in ("promote", "remove", "roll_back", "store")}

OWN = {
    "credential_import.start_check": "tells in its line why nothing was started: tests/storage/test_credential_import.py"
}
