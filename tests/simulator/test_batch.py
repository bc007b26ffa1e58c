"""``$batch``: each item stands for itself, and the batch has rules of its own."""

from __future__ import annotations

from typing import Any

import pytest


def _send(microsoft: Any, customer: Any, body: Any, token: str | None = None) -> Any:
    bearer = {"Authorization": f"Bearer {token or microsoft.token(customer)}"}
    return microsoft.http.post(f"{microsoft.graph()}/v1.0/$batch", json=body, headers=bearer)


def _item(number: int, url: str = "/organization?$select=id", **more: Any) -> dict[str, Any]:
    return {"id": str(number), "method": "GET", "url": url, **more}


def test_items_are_answered_one_by_one(microsoft: Any, customer: Any) -> None:
    found = microsoft.batch(
        customer, microsoft.token(customer), ["/organization?$select=id", "/nonsense", "/subscribedSkus"]
    )
    assert [(item["id"], item["status"]) for item in found] == [("0", 200), ("1", 400), ("2", 200)]
    assert found[0]["body"]["value"] == [{"id": customer.id}]
    assert found[1]["body"]["error"]["code"] == "BadRequest"
    assert found[0]["headers"]["Content-Type"].startswith("application/json")


def test_what_depends_on_a_failed_item_is_424(microsoft: Any, customer: Any) -> None:
    items = [_item(1), _item(2, "/nonsense", dependsOn=["1"]), _item(3, dependsOn=["2"]), _item(4, dependsOn=["3"]),
             _item(5, dependsOn=["1"])]  # fmt: skip
    answer = _send(microsoft, customer, {"requests": items}).json()["responses"]
    assert [item["id"] for item in answer] == ["5", "4", "3", "2", "1"], "in whatever order"
    assert [item["status"] for item in reversed(answer)] == [200, 400, 424, 424, 200]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"requests": []},
        {"requests": "x"},
        {"requests": [_item(n) for n in range(21)]},
        {"requests": [_item(1), _item(1)]},
        {"requests": [_item(1) | {"id": "a"}, _item(1) | {"id": "A"}]},
        {"requests": [_item(1, body={})]},
        {"requests": [{"id": "1"}]},
        {"requests": [_item(1, dependsOn=["9"])]},
        {"requests": [_item(1, dependsOn=["2"]), _item(2)]},
        {"requests": [_item(1, dependsOn=3)]},
        {"requests": [_item(1, headers="x")]},
        {"requests": [_item(1, "http://[")]},
    ],
)
def test_a_batch_that_breaks_the_rules_is_400(microsoft: Any, customer: Any, body: Any) -> None:
    answer = _send(microsoft, customer, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def test_twenty_items_are_allowed(microsoft: Any, customer: Any) -> None:
    assert len(_send(microsoft, customer, {"requests": [_item(n) for n in range(20)]}).json()["responses"]) == 20


def test_a_batch_without_a_token_is_401(microsoft: Any, customer: Any) -> None:
    assert _send(microsoft, customer, {"requests": [_item(1)]}, token="nonsense").status_code == 401


def test_items_are_in_the_log(microsoft: Any, customer: Any) -> None:
    microsoft.batch(customer, microsoft.token(customer), ["/organization", "/subscribedSkus"])
    inner = [(r["path"], r["status"]) for r in microsoft.requests(customer) if r["batch"]]
    assert inner == [("/v1.0/organization", 200), ("/v1.0/subscribedSkus", 200)]


@pytest.mark.parametrize(
    ("scenario", "status"), [("service_unavailable", 503), ("claims_challenge", 401), ("graph_html", 200)]
)
def test_a_batch_as_a_whole_can_fail_like_any_request(
    microsoft: Any, customer: Any, scenario: str, status: int
) -> None:
    microsoft.change(customer, scenarios=[scenario])
    answer = _send(microsoft, customer, {"requests": [_item(1)]})
    assert answer.status_code == status
    assert "responses" not in answer.text
