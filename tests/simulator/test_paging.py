"""Pages: opaque links, bound tokens, and the oddities that scenarios switch on."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.odata import Query
from simulator.paging import TOKEN_LIFETIME, PageTokenExpired, PageTokenInvalid, Position, binding, issue, read

DEVICES = "/deviceManagement/managedDevices"
_KEY = b"k" * 32


APPS = "/servicePrincipals"
"""Five in every tenant: Graph's, the test's and three of other vendors."""


def pages(microsoft: Any, customer: Any, path: str, limit: int = 50, **headers: str) -> list[dict[str, Any]]:
    """Follow next links; fails when there are more than ``limit`` pages."""
    token, found, link = microsoft.token(customer), [], path
    while link:
        page = microsoft.get(customer, link, token=token, **headers)
        assert page.status_code == 200, page.text
        found.append(page.json())
        link = found[-1].get("@odata.nextLink")
        assert len(found) <= limit
    return found


@pytest.mark.parametrize(
    ("devices", "query", "sizes"),
    [(0, "", [0]), (25, "", [25]), (1000, "", [1000]), (2500, "", [1000, 1000, 500]), (25, "?$top=10", [10, 10, 5]),
     (1200, "?$top=5000", [1000, 200])],
)  # fmt: skip
def test_devices_come_in_pages_of_a_thousand_or_of_top(
    microsoft: Any, devices: int, query: str, sizes: list[int]
) -> None:
    customer = microsoft.customer(devices=devices)
    found = pages(microsoft, customer, DEVICES + query)
    assert [len(page["value"]) for page in found] == sizes
    assert [page["@odata.count"] for page in found] == sizes, "managedDevices counts the page, not the whole"
    assert len({row["id"] for page in found for row in page["value"]}) == devices


def test_a_next_link_keeps_the_query_and_stays_on_the_graph_host(microsoft: Any) -> None:
    customer = microsoft.customer(devices=30)
    found = pages(microsoft, customer, f"{DEVICES}?$select=id,complianceState&$top=10")
    assert all(set(row) == {"id", "complianceState"} for page in found for row in page["value"])
    link = urlsplit(found[0]["@odata.nextLink"])
    assert f"https://{link.netloc}" == microsoft.graph()
    assert set(parse_qs(link.query)) == {"$select", "$top", "$skiptoken"}


def test_directory_lists_come_in_hundreds_and_count_once_when_asked(microsoft: Any, customer: Any) -> None:
    found = pages(microsoft, customer, f"{APPS}?$top=2&$count=true", ConsistencyLevel="eventual")
    assert [len(page["value"]) for page in found] == [2, 2, 1]
    assert [page.get("@odata.count") for page in found] == [5, None, None]


def test_a_page_size_the_directory_does_not_know_is_refused_and_intune_gives_its_largest(
    microsoft: Any, customer: Any
) -> None:
    token = microsoft.token(customer)
    for path, size, said in (
        (APPS, 1000, "Invalid page size specified: '1000'. Must be between 1 and 999 inclusive."),
        ("/roleManagement/directory/roleDefinitions", 1, "This resource requires a minimum page size of 20."),
        ("/roleManagement/directory/roleDefinitions", 20, "Invalid/unsupported query request."),
    ):
        answer = microsoft.get(customer, f"{path}?$top={size}", token=token)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["message"]) == (400, "Request_UnsupportedQuery", said)
    assert microsoft.get(customer, f"{DEVICES}?$top=5000", token=token).status_code == 200
    assert microsoft.get(customer, f"{APPS}?$top=999", token=token).status_code == 200


def test_empty_pages_still_lead_to_everything(microsoft: Any) -> None:
    customer = microsoft.customer(devices=25, scenarios=["paging_empty_pages"])
    found = pages(microsoft, customer, f"{DEVICES}?$top=10")
    assert [len(page["value"]) for page in found] == [10, 0, 10, 0, 5]


def test_a_looping_next_link_never_ends(microsoft: Any) -> None:
    customer = microsoft.customer(devices=25, scenarios=["paging_loop"])
    token = microsoft.token(customer)
    first = microsoft.get(customer, f"{DEVICES}?$top=10", token=token).json()
    second = microsoft.get(customer, first["@odata.nextLink"], token=token).json()
    assert second["@odata.nextLink"] == first["@odata.nextLink"]


def test_a_foreign_next_link_names_another_host(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=[{"name": "paging_foreign_host", "url": "https://evil.example"}])
    page = microsoft.get(customer, f"{DEVICES}?$top=10").json()
    assert page["@odata.nextLink"].startswith("https://evil.example/v1.0/deviceManagement/managedDevices?")


def test_a_page_token_can_expire_early_in_the_directory_and_in_intune(microsoft: Any) -> None:
    customer = microsoft.customer(scenarios=["page_token_expired"])
    token = microsoft.token(customer)
    for path, code in (
        (APPS, "Directory_ExpiredPageToken"),
        (DEVICES, "BadRequest"),
    ):
        link = microsoft.get(customer, f"{path}?$top=4", token=token).json()["@odata.nextLink"]
        answer = microsoft.get(customer, link, token=token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize("change", ["token", "query", "tenant"])
def test_a_page_token_belongs_to_its_query_and_tenant(microsoft: Any, change: str) -> None:
    customer = microsoft.customer(devices=30)
    link = microsoft.get(customer, f"{DEVICES}?$top=10").json()["@odata.nextLink"]
    if change == "token":
        link = link[:-3] + ("AAA" if not link.endswith("AAA") else "BBB")
    elif change == "query":
        link = link.replace("$top=10", "$top=11")
    else:
        customer = microsoft.customer(devices=30)
    answer = microsoft.get(customer, link)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Request_BadRequest")


def test_page_tokens_expire_with_the_clock(microsoft: Any, start_simulator: Any, tmp_path: Any) -> None:
    process = start_simulator("serve", "--directory", str(tmp_path), "--exit-with-stdin")
    own = type(microsoft)(json.loads(process.stdout.readline()))
    customer = own.customer()
    path = f"{APPS}?$top=4"
    link = own.get(customer, path).json()["@odata.nextLink"]
    own.control("POST", "/clock", {"seconds": TOKEN_LIFETIME + 1})
    assert own.get(customer, link).json()["error"]["code"] == "Directory_ExpiredPageToken"
    assert own.get(customer, path).status_code == 200
    own.http.close()


_positions = st.builds(Position, st.integers(0, 10**9), st.booleans())
_moments = st.floats(0, 2**33, allow_nan=False)


@given(_positions, st.text(), _moments, st.floats(0, TOKEN_LIFETIME - 1))
def test_a_token_gives_back_its_position_while_it_lives(position: Position, bound: str, now: float, age: float) -> None:
    assert read(issue(position, bound, _KEY, now), bound, _KEY, now + age) == position


@given(_positions, _moments)
def test_an_old_token_is_expired(position: Position, now: float) -> None:
    with pytest.raises(PageTokenExpired):
        read(issue(position, "q", _KEY, now), "q", _KEY, now + TOKEN_LIFETIME + 1)


@given(_positions, st.text(min_size=1), st.binary(min_size=32, max_size=32).filter(lambda key: key != _KEY))
def test_a_token_for_another_query_or_by_another_key_is_invalid(position: Position, other: str, key: bytes) -> None:
    token = issue(position, "", _KEY, 0)
    for bound, signer in ((other, _KEY), ("", key)):
        with pytest.raises(PageTokenInvalid):
            read(token, bound, signer, 0)


@given(st.text(max_size=200))
def test_no_text_is_taken_for_a_token(text: str) -> None:
    with pytest.raises(PageTokenInvalid):
        read(text, "q", _KEY, 0)


@given(st.lists(st.tuples(st.sampled_from(["$top", "$select", "$filter"]), st.text()), unique_by=lambda pair: pair[0]))
def test_a_binding_does_not_depend_on_the_order_of_options(options: list[tuple[str, str]]) -> None:
    forward, backward = Query(original=options), Query(original=options[::-1])
    assert binding("t", "/A", forward) == binding("t", "/a", backward)
    assert binding("t", "/a", forward) != binding("u", "/a", forward)


def test_a_page_token_can_expire_once_so_that_starting_again_works(microsoft: Any) -> None:
    scenario = {"name": "page_token_expired", "times": 1, "path": "/serviceprincipals"}
    customer = microsoft.customer(scenarios=[scenario])
    token, path = microsoft.token(customer), f"{APPS}?$top=4"
    for expected in (400, 200):
        link = microsoft.get(customer, path, token=token).json()["@odata.nextLink"]
        assert microsoft.get(customer, link, token=token).status_code == expected
    devices = microsoft.get(customer, f"{DEVICES}?$top=15", token=token).json()["@odata.nextLink"]
    assert microsoft.get(customer, devices, token=token).status_code == 200, "another path is left alone"
