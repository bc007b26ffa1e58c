"""A registered redirect URI covers itself, and on a loopback address every port."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.redirects import is_registered

_LOCALHOST = "http://localhost/MyApp"


@pytest.mark.parametrize(
    ("registered", "asked"),
    [
        # The four addresses of Microsoft's own example.
        (_LOCALHOST, "http://localhost/MyApp"),
        (_LOCALHOST, "http://localhost:1234/MyApp"),
        (_LOCALHOST, "http://localhost:5000/MyApp"),
        (_LOCALHOST, "http://localhost:8080/MyApp"),
        ("http://localhost:5000/MyApp", _LOCALHOST),
        ("http://127.0.0.1/MyApp", "http://127.0.0.1:49152/MyApp"),
        ("https://atlas.example/consent", "https://atlas.example/consent"),
        ("https://atlas.example:8443/consent?a=b", "https://atlas.example:8443/consent?a=b"),
    ],
)
def test_the_same_address_and_any_port_of_a_loopback_one(registered: str, asked: str) -> None:
    assert is_registered(["https://other.example/", registered], asked)


@pytest.mark.parametrize(
    ("registered", "asked"),
    [
        (_LOCALHOST, "https://localhost:1234/MyApp"),
        (_LOCALHOST, "http://localhost:1234/myapp"),
        (_LOCALHOST, "http://localhost:1234/MyApp/"),
        (_LOCALHOST, "http://localhost:1234/MyApp?x=1"),
        (_LOCALHOST, "http://127.0.0.1:1234/MyApp"),
        (_LOCALHOST, "http://localhost.evil.example/MyApp"),
        (_LOCALHOST, "http://localhost:1234@evil.example/MyApp"),
        (_LOCALHOST, "http://someone@localhost/MyApp"),
        (_LOCALHOST, "http://localhost:99999/MyApp"),
        (_LOCALHOST, "http://[localhost/MyApp"),
        (_LOCALHOST, ""),
        ("http://[::1]/MyApp", "http://[::1]:1234/MyApp"),
        ("https://atlas.example/consent", "https://atlas.example:8443/consent"),
        ("https://atlas.example/consent", "https://atlas.example/Consent"),
    ],
)
def test_every_other_difference_counts(registered: str, asked: str) -> None:
    assert not is_registered([registered], asked)


@given(st.text())
def test_whatever_is_asked_for_is_answered(asked: str) -> None:
    assert not is_registered([_LOCALHOST], f"{asked}\x00")
