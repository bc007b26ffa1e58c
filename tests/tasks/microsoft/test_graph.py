"""Graph calls: paging, host pinning, tokens that go bad, batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tasks.providers.microsoft import contracts, graph
from tasks.providers.microsoft.batch import BatchRequest, run_batch
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.graph import MOST_RESTARTS, GraphSession

DEVICES = contracts.MANAGED_DEVICES
SMALL_PAGES = replace(DEVICES, page_size=7)


@pytest.fixture
def session_for(gateway: Any, target_for: Any, reporter: Any) -> Callable[..., GraphSession]:
    def make(tenant: Any, **changes: Any) -> GraphSession:
        session: GraphSession = gateway.session(target_for(tenant, **changes), reporter)
        return session

    return make


def test_a_listing_is_read_to_its_end(new_tenant: Any, session_for: Any) -> None:
    tenant = new_tenant(devices=30)
    pages = list(session_for(tenant).pages(SMALL_PAGES))
    assert [len(page.items) for page in pages] == [7, 7, 7, 7, 2]
    assert [page.number for page in pages] == [1, 2, 3, 4, 5]
    assert len({item["id"] for page in pages for item in page.items}) == 30
    assert {page.restarts for page in pages} == {0}


def test_only_the_properties_of_the_contract_are_asked_for(new_tenant: Any, session_for: Any) -> None:
    (page,) = session_for(new_tenant(devices=2)).pages(DEVICES)
    assert {key for item in page.items for key in item if not key.startswith("@")} == set(DEVICES.select)


def test_empty_pages_in_the_middle_do_not_end_a_listing(new_tenant: Any, session_for: Any) -> None:
    tenant = new_tenant(devices=20)
    tenant.scenarios("paging_empty_pages")
    session = session_for(tenant)
    assert [] in [page.items for page in session.pages(SMALL_PAGES)]
    assert len(session.items(SMALL_PAGES)) == 20


def test_a_page_that_leads_to_itself_is_a_loop(new_tenant: Any, session_for: Any) -> None:
    tenant = new_tenant(devices=20)
    tenant.scenarios("paging_loop")
    with pytest.raises(MicrosoftFailure) as failed:
        session_for(tenant).items(SMALL_PAGES)
    assert failed.value.reason_code == "paging_loop"
    assert len(tenant.requests("managedDevices")) < 6


@pytest.mark.parametrize(
    ("items", "links", "read"),
    [([{"id": "a"}], "0123456789", 2), ([], "0123456789", 4), ([], "0000000000", 2), ([], "0101010101", 3)],
    ids=["one page under new links", "empty pages without an end", "a link to itself", "two that lead to each other"],
)
def test_a_listing_that_leads_on_for_ever_is_a_loop(
    tenant: Any,
    session_for: Any,
    simulator: Any,
    monkeypatch: pytest.MonkeyPatch,
    items: list[Any],
    links: str,
    read: int,
) -> None:
    monkeypatch.setattr(graph, "MOST_EMPTY_PAGES", 3)
    url = f"{simulator.endpoints['clouds']['global']['graph']}/v1.0{DEVICES.path}?n="
    bodies = [{"value": items, "@odata.nextLink": f"{url}{number}"} for number in links]
    tenant.script({"where": "graph"}, [{"status": 200, "body": body} for body in bodies])
    with pytest.raises(MicrosoftFailure) as failed:
        session_for(tenant).items(DEVICES)
    assert failed.value.reason_code == "paging_loop"
    assert len(tenant.requests("managedDevices")) == read


def test_the_token_is_never_sent_to_another_host(new_tenant: Any, session_for: Any) -> None:
    tenant = new_tenant(devices=20)
    tenant.scenarios("paging_foreign_host")
    with pytest.raises(MicrosoftFailure) as failed:
        session_for(tenant).items(SMALL_PAGES)
    assert failed.value.reason_code == "next_link_refused"
    assert len(tenant.requests("managedDevices")) == 1


@pytest.mark.parametrize(
    "link",
    [
        "http://{graph}/v1.0/x",
        "https://{graph}@evil.example/v1.0/x",
        "https://evil.example/v1.0/x",
        "https://{host}:1/v1.0/x",
        "https://{host}/v1.0/x",
        "//evil.example/x",
        "/v1.0/x",
        "",
        "https://[broken",
        7,
        ["https://{graph}/v1.0/x"],
        "https://{graph}/v1.0/" + "x" * 20_000,
    ],
)
def test_a_link_that_is_not_on_the_graph_host_is_refused(
    tenant: Any, session_for: Any, simulator: Any, link: Any
) -> None:
    host = simulator.endpoints["clouds"]["global"]["graph"].removeprefix("https://")
    if isinstance(link, str):
        link = link.replace("{graph}", host).replace("{host}", host.split(":")[0])
    tenant.script({"where": "graph"}, [{"status": 200, "body": {"value": [], "@odata.nextLink": link}}])
    with pytest.raises(MicrosoftFailure) as failed:
        session_for(tenant).items(DEVICES)
    assert failed.value.reason_code == "next_link_refused"
    assert len(tenant.requests("/v1.0/")) == 1


def test_an_expired_page_token_starts_the_listing_again(new_tenant: Any, session_for: Any) -> None:
    tenant = new_tenant(devices=20)
    tenant.script(
        {"where": "graph", "path": "/deviceManagement/*"},
        ["fine", {"status": 400, "code": "Directory_ExpiredPageToken"}],
    )
    pages = list(session_for(tenant).pages(SMALL_PAGES))
    assert [(page.restarts, page.number) for page in pages] == [(0, 1), (1, 1), (1, 2), (1, 3)]


def test_what_was_gathered_before_a_restart_is_void(new_tenant: Any, session_for: Any) -> None:
    tenant = new_tenant(devices=20)
    tenant.script(
        {"where": "graph", "path": "/deviceManagement/*"},
        ["fine", {"status": 400, "code": "Directory_ExpiredPageToken"}],
    )
    items = session_for(tenant).items(SMALL_PAGES)
    assert len(items) == len({item["id"] for item in items}) == 20


def test_a_listing_does_not_start_again_for_ever(new_tenant: Any, session_for: Any) -> None:
    tenant = new_tenant(devices=20)
    tenant.scenarios("page_token_expired")
    with pytest.raises(MicrosoftFailure) as failed:
        session_for(tenant).items(SMALL_PAGES)
    assert failed.value.reason_code == "page_token_expired"
    assert len(tenant.requests("managedDevices")) == 2 * (MOST_RESTARTS + 1)


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": {}}, {"value": [1]}])
def test_a_page_that_is_no_list_of_objects_is_incomplete(tenant: Any, session_for: Any, body: Any) -> None:
    tenant.script({"where": "graph"}, [{"status": 200, "body": body}])
    with pytest.raises(MicrosoftFailure) as failed:
        session_for(tenant).items(DEVICES)
    assert failed.value.reason_code == "data_incomplete"


def test_a_compressed_answer_is_read(tenant: Any, session_for: Any) -> None:
    tenant.scenarios("graph_gzip")
    assert session_for(tenant).get(contracts.ORGANIZATION)["value"]


def test_a_token_called_expired_is_replaced_once(tenant: Any, session_for: Any, reporter: Any) -> None:
    tenant.script({"where": "graph"}, ["graph_token_expired"])
    assert session_for(tenant).get(contracts.ORGANIZATION)["value"]
    assert len(tenant.requests("/oauth2/v2.0/token")) == 2
    assert reporter.waits == []


def test_a_token_that_is_never_accepted_is_not_replaced_for_ever(tenant: Any, session_for: Any) -> None:
    tenant.scenarios("graph_token_invalid")
    with pytest.raises(MicrosoftFailure):
        session_for(tenant).get(contracts.ORGANIZATION)
    assert len(tenant.requests("/oauth2/v2.0/token")) == 2


def test_a_claims_challenge_is_answered_once_with_its_claims(tenant: Any, session_for: Any) -> None:
    tenant.scenarios("claims_challenge")
    session = session_for(tenant)
    assert session.get(contracts.ORGANIZATION)["value"]
    assert session.get(contracts.ORGANIZATION)["value"]
    assert len(tenant.requests("/oauth2/v2.0/token")) == 2
    assert [r["status"] for r in tenant.requests("/v1.0/organization")] == [401, 200, 200]


def test_a_permission_that_was_granted_meanwhile_is_seen(
    new_tenant: Any, gateway: Any, target_for: Any, reporter: Any
) -> None:
    tenant = new_tenant(permissions=["User.Read.All"])
    target = target_for(tenant)
    with pytest.raises(MicrosoftFailure):
        gateway.session(target, reporter).get(contracts.ROLE_DEFINITIONS)
    tenant.change_app(granted_roles=["RoleManagement.Read.Directory"])
    assert gateway.session(target, reporter).get(contracts.ROLE_DEFINITIONS)["value"]


def test_every_call_asks_first_whether_the_run_may_go_on(new_tenant: Any, session_for: Any, reporter: Any) -> None:
    session = session_for(new_tenant(devices=20))
    session.get(contracts.ORGANIZATION)
    before = reporter.checks
    pages = len(list(session.pages(SMALL_PAGES)))
    assert reporter.checks - before >= pages


def test_a_batch_answers_each_request_in_order(new_tenant: Any, session_for: Any) -> None:
    tenant = new_tenant(devices=3)
    requests = [BatchRequest(contracts.ORGANIZATION), BatchRequest(DEVICES.probe())] * 15
    outcomes = run_batch(session_for(tenant), requests)
    assert len(outcomes) == 30
    assert all(outcome.failure is None for outcome in outcomes)
    assert outcomes[0].body is not None
    assert outcomes[0].body["value"][0]["id"] == tenant.id
    assert outcomes[1].body is not None
    assert len(outcomes[1].body["value"]) == 1
    assert len(tenant.requests("$batch")) == 2


BATCH_ITEMS = [("batch_item_throttled", "throttled", 3.0), ("batch_item_unavailable", "service_unavailable", 0.0)]


@pytest.mark.parametrize(("scenario", "reason", "least"), BATCH_ITEMS)
def test_a_batch_item_that_could_not_be_answered_is_asked_again_and_not_early(
    tenant: Any, session_for: Any, reporter: Any, scenario: str, reason: str, least: float
) -> None:
    tenant.script({"where": "graph", "path": "/organization*"}, [scenario])
    outcomes = run_batch(session_for(tenant), [BatchRequest(contracts.ORGANIZATION), BatchRequest(DEVICES.probe())])
    assert all(outcome.failure is None for outcome in outcomes)
    assert [(seconds >= least, said) for seconds, said, _ in reporter.waits] == [(True, reason)]
    assert tenant.early_retries() == []
    assert len(tenant.requests("managedDevices")) == 1


@pytest.mark.parametrize(("scenario", "reason", "least"), BATCH_ITEMS)
def test_a_batch_item_that_stays_unanswered_fails_alone(
    tenant: Any, session_for: Any, scenario: str, reason: str, least: float
) -> None:
    tenant.scenarios({"name": scenario, "path": "/organization*"})
    outcomes = run_batch(session_for(tenant), [BatchRequest(contracts.ORGANIZATION), BatchRequest(DEVICES.probe())])
    assert outcomes[0].failure is not None
    assert outcomes[0].failure.reason_code == reason
    assert outcomes[1].failure is None


def test_a_batch_item_without_an_answer_says_so(tenant: Any, session_for: Any) -> None:
    tenant.scenarios({"name": "batch_item_missing", "path": "/organization*"})
    outcomes = run_batch(session_for(tenant), [BatchRequest(contracts.ORGANIZATION), BatchRequest(DEVICES.probe())])
    assert [o.failure.reason_code if o.failure else None for o in outcomes] == ["data_incomplete", None]


def test_a_denied_batch_item_keeps_its_reason(new_tenant: Any, session_for: Any) -> None:
    tenant = new_tenant(permissions=["Organization.Read.All"])
    outcomes = run_batch(session_for(tenant), [BatchRequest(contracts.ORGANIZATION), BatchRequest(DEVICES.probe())])
    assert outcomes[0].failure is None
    assert outcomes[1].failure is not None
    assert outcomes[1].failure.reason_code == "missing_permission"


def test_ids_are_escaped() -> None:
    url = contracts.APPLICATION.url("https://graph", client_id="a') or x & $top=9")
    assert "/applications(appId='a%27%27%29%20or%20x%20%26%20%24top%3D9')?" in url
    url = contracts.APP_ROLE_ASSIGNMENTS.url("https://graph", principal_id="../../users?x=/")
    assert "/servicePrincipals/..%2F..%2Fusers%3Fx%3D%2F/appRoleAssignments" in url
