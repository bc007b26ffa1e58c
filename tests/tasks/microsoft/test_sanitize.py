"""What may leave: text, evidence, names of permissions; and reading licences from any answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.failures import FORBIDDEN_TEXT
from tasks.providers.microsoft import licences, sanitize


@given(st.text(max_size=2000))
def test_text_is_one_printable_short_line(value: str) -> None:
    cleaned = sanitize.text(value)
    assert len(cleaned) <= sanitize.EVIDENCE_LIMIT
    assert cleaned.isprintable()
    assert not [word for word in FORBIDDEN_TEXT if word in cleaned]


@pytest.mark.parametrize("word", FORBIDDEN_TEXT)
def test_text_with_a_forbidden_word_is_withheld(word: str) -> None:
    assert sanitize.text(f"x {word}abc y") == "(withheld)"


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("Contoso \x1b[31mGmbH\x07", "Contoso [31mGmbH"),
        ("a\r\nb\tc", "a b c"),
        ("株式会社コントソ", "株式会社コントソ"),
        ("safe\u202egnp", "safegnp"),
        ("[bold]x[/]", "[bold]x[/]"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJ0aWQiOiJ4In0.sig", "(withheld)"),
        (None, ""),
        (7, ""),
        ("x" * 10_240, "x" * 199 + "…"),
    ],
)
def test_text_is_cleaned(value: Any, cleaned: str) -> None:
    assert sanitize.text(value) == cleaned


@given(
    st.dictionaries(
        st.text(max_size=50), st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text()))
    )
)
def test_evidence_is_small_and_plain(values: dict[str, object]) -> None:
    for key, value in sanitize.evidence(values).items():
        assert key in values
        assert value is None or isinstance(value, (bool, int, str, tuple))


def test_permission_names_are_picked_out_and_nothing_else() -> None:
    found = sanitize.permission_names(
        "must have one of: DeviceManagementApps.Read.All, DeviceManagementApps.Read.All, RoleManagement.Read.Directory - "
        "Url: https://fef.msub03.manage.microsoft.com/X.Read?y Some.Other.Name " + "A" * 100 + ".Read.All"
    )
    assert found == ("DeviceManagementApps.Read.All", "RoleManagement.Read.Directory")


@pytest.mark.parametrize("value", [None, "", "x", "../x", 7, "00000000-0000-0000-0000-00000000000g"])
def test_what_is_no_guid_is_empty(value: object) -> None:
    assert sanitize.guid(value) == ""


def _sku(status: str, *plans: tuple[str, str]) -> dict[str, Any]:
    return {
        "capabilityStatus": status,
        "servicePlans": [{"servicePlanName": name, "provisioningStatus": plan_status} for name, plan_status in plans],
    }


@pytest.mark.parametrize(
    ("skus", "enabled", "suspended"),
    [
        ([_sku("Enabled", ("INTUNE_A", "Success"))], {"intune"}, set()),
        ([_sku("Enabled", ("INTUNE_A_GOV", "Success"))], {"intune"}, set()),
        ([_sku("Warning", ("AAD_PREMIUM", "Success"))], {"p1"}, set()),
        ([_sku("Enabled", ("AAD_PREMIUM_P2", "Success"))], {"p1", "p2"}, set()),
        ([_sku("Enabled", ("INTUNE_A", "Disabled"))], set(), set()),
        ([_sku("Suspended", ("INTUNE_A", "Disabled"))], set(), {"intune"}),
        ([_sku("Suspended", ("INTUNE_A", "x")), _sku("Enabled", ("intune_a", "Success"))], {"intune"}, set()),
        ([_sku("Deleted", ("INTUNE_A", "Success"))], set(), set()),
        ([None, 7, {}, {"capabilityStatus": "Enabled", "servicePlans": [None, {}]}], set(), set()),
        (None, set(), set()),
    ],
)
def test_licences_are_read_from_subscriptions(skus: Any, enabled: set[str], suspended: set[str]) -> None:
    found = licences.read({"value": skus})
    assert (found.enabled, found.suspended) == (enabled, suspended)
