"""The filter line: whatever is typed, it is read or refused by name."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import connections, runs, tenants
from storage.capabilities import Role
from storage.connections import ConnectionQuery
from storage.errors import Conflict, InvalidInput, NotFound
from storage.filters import MAX_LENGTH, fold, like, read_filter, read_span
from storage.pages import Place

KEYS: dict[str, Any] = {"consent": {"granted", "failed"}, "tenant": None}


@pytest.mark.parametrize(
    ("text", "words", "not_words", "values", "not_values"),
    [
        ("", (), (), {}, {}),
        ("  contoso  Ltd ", ("contoso", "ltd"), (), {}, {}),
        ("!Demo contoso", ("contoso",), ("demo",), {}, {}),
        ('"two words" !"not these"', ("two words",), ("not these",), {}, {}),
        ("consent:granted", (), (), {"consent": ("granted",)}, {}),
        ("CONSENT:Granted,FAILED", (), (), {"consent": ("granted", "failed")}, {}),
        ("consent:granted consent:failed", (), (), {"consent": ("granted", "failed")}, {}),
        ("!consent:failed", (), (), {}, {"consent": ("failed",)}),
        ('tenant:"Contoso, Ltd"', (), (), {"tenant": ("contoso, ltd",)}, {}),
        ('"consent:granted"', ("consent:granted",), (), {}, {}),
        ("ＣＯＮＴＯＳＯ Straße", ("contoso", "strasse"), (), {}, {}),
        ("漢字", ("漢字",), (), {}, {}),
        ("!", ("!",), (), {}, {}),
        ('""', (), (), {}, {}),
    ],
)
def test_what_is_read(text: str, words: Any, not_words: Any, values: Any, not_values: Any) -> None:
    found = read_filter(text, KEYS)
    assert (found.words, found.not_words) == (words, not_words)
    assert (dict(found.values), dict(found.not_values)) == (values, not_values)
    assert found.is_empty == (not (words or not_words or values or not_values))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("color:red", "color:"),
        ("!status:queued", "status:"),
        ("consent:maybe", "consent:maybe"),
        ("consent:granted,maybe", "consent:maybe"),
        ("consent:,", "consent:"),
        ('tenant:""', "tenant:"),
        ("a" * (MAX_LENGTH + 1), "longer"),
        ("nul\0byte", "character"),
        ("escape\x1b[31m", "character"),
        ("half\ud800", "character"),
    ],
)
def test_what_is_refused_is_named(text: str, named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_filter(text, KEYS)
    assert named in caught.value.message


@given(st.text(max_size=MAX_LENGTH + 20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read_filter(text, KEYS)
    except InvalidInput:
        return
    for word in (*found.words, *found.not_words):
        assert word == fold(word) or fold(fold(word)) == fold(word)
        assert word
    for values in (*found.values.values(), *found.not_values.values()):
        assert values


NASTY = st.text(
    st.sampled_from(list("abz019#%_\\'\"!:,; -漢字ßİ²①𐩀é[]()*?\0\x1b\x7f\ud800")), max_size=30
) | st.sampled_from(
    [
        "#1",
        "#" + "9" * 30,
        "9" * 400,
        "𐩀",
        "#²",
        "since:1h",
        "since:99999w",
        "since:90000w",
        "since:,",
        "since:x",
        "by:,",
        "consent:,",
        "tenant:,",
        "tag:,",
        "!problems:yes",
        "!tag:gold",
        "status:queued outcome:failed",
        "reason:secret_expired !reason:throttled",
        "x" * 500,
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=NASTY)
def test_no_list_falls_over_whatever_is_typed(fleet: Any, text: str) -> None:
    db, who, north = fleet.db, fleet.dana, fleet.north
    for call in (
        lambda: connections.page(db, who, ConnectionQuery(north, text), Place.first()),
        lambda: runs.page(db, who, runs.RunQuery(north, text), Place.first()),
        lambda: tenants.page(db, who, tenants.TenantQuery(north, text), Place.first()),
    ):
        try:
            call()
        except InvalidInput:
            continue
    with contextlib.suppress(NotFound, Conflict, InvalidInput):
        connections.find_by_name(db, who, north, text)


def names(fleet: Any, text: str) -> set[str]:
    found = connections.page(fleet.db, fleet.dana, ConnectionQuery(fleet.north, text), Place.first(), 500)
    assert found.total == len(found.rows)
    return {row.tenant_name for row in found.rows}


def test_wildcards_and_brackets_are_only_characters(fleet: Any) -> None:
    odd = ["100% Ltd", "a_b Ltd", "back\\slash", "[/red] bold", "O'Brien", "漢字株式会社", 'say "hi"', "Straße"]
    for number, name in enumerate(odd):
        fleet.add_connection(f"odd{number}", name=name, primary_domain=f"odd{number}.example")
    assert names(fleet, "%") == {"100% Ltd"}
    assert names(fleet, "_") == {"a_b Ltd"}
    assert names(fleet, "\\") == {"back\\slash"}
    assert names(fleet, "[/red]") == {"[/red] bold"}
    assert names(fleet, "o'brien") == {"O'Brien"}
    assert names(fleet, "字株") == {"漢字株式会社"}
    assert names(fleet, "STRASSE") == {"Straße"}
    assert names(fleet, "ltd !%") == {"a_b Ltd"}
    assert names(fleet, 'tenant:"a_b ltd"') == {"a_b Ltd"}
    assert names(fleet, "odd3.example") == {"[/red] bold"}


def test_each_key_of_the_connections_list_does_what_it_says(fleet: Any) -> None:
    fleet.set_connection(fleet.connection["contoso"], is_enabled=False)
    fleet.set_connection(fleet.connection["fabrikam"], verification_status="blocked", last_reason_code="secret_expired")
    everything = {"Contoso", "Fabrikam", "Wingtip"}
    for text, expected in (
        ("lifecycle:disabled", {"Contoso"}),
        ("lifecycle:enabled", {"Fabrikam", "Wingtip"}),
        ("verification:blocked", {"Fabrikam"}),
        ("!verification:blocked", {"Contoso", "Wingtip"}),
        ("consent:granted", everything),
        ("!consent:granted", set()),
        ("reason:secret_expired", {"Fabrikam"}),
        ("!reason:secret_expired", {"Contoso", "Wingtip"}),
        ("type:platform", {"Wingtip"}),
        ("type:dedicated,platform", everything),
        ("cloud:global", everything),
        ("cloud:china", set()),
        ("tenant:fabri,wing", {"Fabrikam", "Wingtip"}),
        ("problems:yes", {"Contoso", "Fabrikam"}),
        ("!problems:yes", {"Wingtip"}),
        (str(fleet.truth(fleet.connection["fabrikam"]).entra_tenant_id).upper(), {"Fabrikam"}),
    ):
        assert names(fleet, text) == expected, text


def test_each_key_of_the_tenants_list_does_what_it_says(fleet: Any) -> None:
    from storage.states import Cloud, TenantLifecycle

    fleet.add_tenant("draft", lifecycle=TenantLifecycle.DRAFT)
    fleet.add_tenant("gov", cloud=Cloud.USGOV)

    def found(text: str) -> set[str]:
        page = tenants.page(fleet.db, fleet.dana, tenants.TenantQuery(fleet.north, text), Place.first())
        return {row.name for row in page.rows}

    shown = {"Contoso", "Fabrikam", "Wingtip", "Gov"}
    for text, expected in (
        ("", shown),
        ("archived:yes", shown | {"Draft"}),
        ("lifecycle:draft", {"Draft"}),  # a list that was asked for drafts alone shows them; global search does not
        ("!lifecycle:active archived:yes", {"Draft"}),
        ("tag:gold", {"Contoso"}),
        ("!tag:gold", shown - {"Contoso"}),
        ("cloud:usgov", {"Gov"}),
        ("!cloud:usgov", shown - {"Gov"}),
        ("!fab", shown - {"Fabrikam"}),
    ):
        assert found(text) == expected, text


def test_each_key_of_the_runs_list_does_what_it_says(fleet: Any) -> None:
    fleet.people["Omar.Capital"] = fleet.add_member("Omar.Capital", Role.OPERATOR)
    done = fleet.check(fleet.connection["contoso"]).id
    failed = fleet.check(fleet.connection["wingtip"], fleet.failing_report("secret_expired")).id
    fleet.clock.advance(hours=2)
    queued = fleet.start(fleet.connection["fabrikam"], "inventory.sync", by="Omar.Capital").run.id

    def found(text: str) -> set[int]:
        page = runs.page(fleet.db, fleet.dana, runs.RunQuery(fleet.north, text), Place.first())
        return {row.id for row in page.rows}

    for text, expected in (
        ("", {done, failed, queued}),
        ("since:1h", {queued}),
        ("!since:1h", {done, failed}),
        ("since:99999w", {done, failed, queued}),
        ("since:90000w", {done, failed, queued}),
        ("status:queued", {queued}),
        ("outcome:succeeded", {done}),
        ("!outcome:succeeded", {failed, queued}),
        ("reason:secret_expired", {failed}),
        ("type:inventory", {queued}),
        ("by:omar.capital", {queued}),
        ("by:dana", {done, failed}),
        ("cause:person", {done, failed, queued}),
        ("tenant:contoso", {done}),
        (f"#{done}", {done}),
        ("wingtip", {failed}),
        ("!wingtip", {done, queued}),
    ):
        assert found(text) == expected, text


def test_spans_of_time() -> None:
    assert [read_span(text) for text in ("30m", "1h", "2d", "1w")] == [
        timedelta(minutes=30),
        timedelta(hours=1),
        timedelta(days=2),
        timedelta(weeks=1),
    ]
    for text in ("", "h", "1", "1y", "-1h", "1.5h", "999999h", "1h2m", "٣h"):
        with pytest.raises(InvalidInput, match="since"):
            read_span(text)


def test_a_like_pattern_matches_its_word_alone() -> None:
    assert like("100%_\\") == "%100\\%\\_\\\\%"
