"""Writing drafts: in the order they come, the latest word of each form, waited for but not for ever."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from atlas_tui.screens.form_drafts import DraftKeeper, DraftKey
from storage import drafts
from storage.errors import AtlasError, DatabaseBusy


@pytest.fixture
def told() -> list[AtlasError]:
    return []


@pytest.fixture
def keeper(told: list[AtlasError]) -> DraftKeeper:
    return DraftKeeper(told.append)


def stored(fleet: Any) -> dict[str, str]:
    found = drafts.mine(fleet.db, fleet.people["dana"], fleet.workspace)
    return {draft.subject: draft.document["name"] for draft in found}


def test_the_latest_of_one_form_is_what_is_kept(north: Any, keeper: DraftKeeper) -> None:
    session, key = north.session(), DraftKey("tenant.edit", "tenant:1", north.workspace)
    for text in ("a", "ab", "abc"):
        keeper.keep(session, key, {"name": text})
    keeper.keep(session, DraftKey("tenant.edit", "tenant:2", north.workspace), {"name": "other"})
    assert keeper.flush(10)
    assert stored(north) == {"tenant:1": "abc", "tenant:2": "other"}


def test_a_draft_that_was_discarded_last_is_gone(north: Any, keeper: DraftKeeper) -> None:
    session, key = north.session(), DraftKey("tenant.edit", "tenant:1", north.workspace)
    keeper.keep(session, key, {"name": "a"})
    keeper.discard(session, key)
    assert keeper.flush(10)
    assert stored(north) == {}
    keeper.keep(session, key, {"name": "a"})
    keeper.flush(10)
    keeper.keep(session, key, {})
    keeper.flush(10)
    assert stored(north) == {}, "an empty one is none"


def test_a_database_that_does_not_answer_is_not_waited_for_and_what_came_meanwhile_is_written_after(
    north: Any, keeper: DraftKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, real = threading.Event(), drafts.save

    def slow(*args: Any) -> Any:
        goes_on.wait(20)
        return real(*args)

    monkeypatch.setattr(drafts, "save", slow)
    key = DraftKey("tenant.edit", "tenant:1", north.workspace)
    keeper.keep(north.session(), key, {"name": "a"})
    keeper.keep(north.session(), key, {"name": "ab"})
    assert not keeper.flush(0.05)
    goes_on.set()
    assert keeper.flush(10)
    assert stored(north) == {"tenant:1": "ab"}


def test_a_draft_that_could_not_be_written_is_told_and_the_next_one_is_written(
    north: Any, keeper: DraftKeeper, told: list[AtlasError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*args: Any) -> Any:
        raise DatabaseBusy("The database is locked.")

    key = DraftKey("tenant.edit", "tenant:1", north.workspace)
    with monkeypatch.context() as patch:
        patch.setattr(drafts, "save", busy)
        keeper.keep(north.session(), key, {"name": "a"})
        keeper.flush(10)
    assert [str(error) for error in told] == ["The database is locked."]
    keeper.keep(north.session(), key, {"name": "ab"})
    keeper.flush(10)
    assert stored(north) == {"tenant:1": "ab"}
