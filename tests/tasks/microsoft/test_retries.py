"""Waiting and asking again: never earlier than Microsoft said, never for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.providers.base import RunStopped
from tasks.providers.microsoft import contracts
from tasks.providers.microsoft.errors import MicrosoftFailure, retry_after
from tasks.providers.microsoft.patience import HELD_WAIT, MOST_DEFERRALS, Patience
from tasks.providers.microsoft.settings import MicrosoftSettings

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("10", 10.0),
        ("2.128", 2.128),
        ("0", 0.0),
        ("-5", 0.0),
        ("+7", 7.0),
        ("99999999", 99999999.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("١٢", None),
        ("9" * 400, None),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30.0),
        (format_datetime(NOW - timedelta(seconds=30), usegmt=True), 0.0),
        ("Sun, 99 Nov 2026 08:49:37 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_form(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_a_missing_retry_after_is_no_retry_after() -> None:
    assert retry_after({}, NOW) is None


def test_a_date_is_held_against_the_answers_own_clock() -> None:
    headers = {
        "retry-after": format_datetime(NOW + timedelta(hours=1, seconds=20), usegmt=True),
        "date": format_datetime(NOW + timedelta(hours=1), usegmt=True),
    }
    assert retry_after(headers, NOW) == 20.0


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_is_strange_enough_to_break_the_reading(value: str, date: str) -> None:
    seconds = retry_after({"retry-after": value, "date": date}, NOW)
    assert seconds is None or 0 <= seconds < float("inf")


@given(st.floats(min_value=0, max_value=590), st.integers(0, 3), st.floats(0, 1))
def test_a_throttled_call_is_never_repeated_early(asked: float, repeats: int, jitter: float) -> None:
    patience = Patience(None, MicrosoftSettings(), lambda: jitter, 0)  # type: ignore[arg-type]
    delay = patience.delay(MicrosoftFailure("throttled", retry_after=asked), repeats)
    assert delay is not None
    assert delay >= asked
    assert delay > 0


@given(st.floats(min_value=0, max_value=1e9), st.integers(0, 10), st.integers(0, 20))
def test_every_wait_has_an_end(asked: float, repeats: int, deferrals: int) -> None:
    settings = MicrosoftSettings()
    patience = Patience(None, settings, lambda: 1.0, deferrals)  # type: ignore[arg-type]
    for reason in ("throttled", "token_throttled", "service_unavailable", "network_timeout", "unknown_graph_error"):
        delay = patience.delay(MicrosoftFailure(reason, retry_after=asked), repeats)
        longest = settings.longest_wait if "throttled" in reason and deferrals < MOST_DEFERRALS else HELD_WAIT
        assert delay is None or delay <= longest


def test_without_a_named_time_the_waits_grow(tenant: Any, gateway: Any, target_for: Any, reporter: Any) -> None:
    tenant.scenarios("throttled_without_retry_after")
    with pytest.raises(MicrosoftFailure):
        gateway.session(target_for(tenant), reporter).get(contracts.ORGANIZATION)
    assert [seconds for seconds, _, _ in reporter.waits] == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("scenario", "least"),
    [
        ("throttled", 10.0),
        ("throttled_fraction", 2.128),
        ("throttled_date", 8.9),
        ("throttled_zero", 0.5),
        ("throttled_negative", 0.5),
        ("throttled_text", 0.5),
        ("throttled_directory", 10.0),
        ("service_unavailable_retry_after", 5.0),
    ],
)
def test_a_call_is_repeated_when_microsoft_allows_it_and_not_before(
    tenant: Any, gateway: Any, target_for: Any, reporter: Any, scenario: str, least: float
) -> None:
    tenant.script({"where": "graph"}, [scenario, scenario])
    body = gateway.session(target_for(tenant), reporter).get(contracts.ORGANIZATION)
    assert body["value"][0]["id"] == tenant.id
    assert len(reporter.waits) == 2
    assert all(seconds >= least for seconds, _, _ in reporter.waits)
    assert tenant.early_retries() == []


def test_a_repeated_call_carries_a_new_id(tenant: Any, gateway: Any, target_for: Any, reporter: Any) -> None:
    tenant.script({"where": "graph"}, ["throttled_zero"])
    gateway.session(target_for(tenant), reporter).get(contracts.ORGANIZATION)
    ids = [r["client_request_id"] for r in tenant.requests("/v1.0/organization")]
    assert len(ids) == 2
    assert len(set(ids)) == 2


def test_a_call_is_repeated_so_often_and_no_more(tenant: Any, new_gateway: Any, target_for: Any, reporter: Any) -> None:
    tenant.scenarios("internal_error")
    with pytest.raises(MicrosoftFailure):
        new_gateway(short_retries=2).session(target_for(tenant), reporter).get(contracts.ORGANIZATION)
    assert len(tenant.requests("/v1.0/organization")) == 3


def test_what_cannot_help_is_not_repeated(tenant: Any, gateway: Any, target_for: Any, reporter: Any) -> None:
    tenant.scenarios("request_denied")
    with pytest.raises(MicrosoftFailure):
        gateway.session(target_for(tenant), reporter).get(contracts.ORGANIZATION)
    assert len(tenant.requests("/v1.0/organization")) == 1
    assert reporter.waits == []


def test_an_unknown_error_is_asked_about_once_more(tenant: Any, gateway: Any, target_for: Any, reporter: Any) -> None:
    tenant.scenarios("unknown_error")
    with pytest.raises(MicrosoftFailure):
        gateway.session(target_for(tenant), reporter).get(contracts.ROLE_DEFINITIONS)
    assert len(tenant.requests("roleDefinitions")) == 2


def test_throttled_sign_in_is_repeated_and_not_early(tenant: Any, gateway: Any, target_for: Any, reporter: Any) -> None:
    tenant.script({"where": "token"}, ["token_throttled", "token_throttled"])
    gateway.session(target_for(tenant), reporter).get(contracts.ORGANIZATION)
    assert [reason for _, reason, _ in reporter.waits] == ["token_throttled"] * 2
    assert tenant.early_retries() == []


def test_sign_in_that_was_down_is_asked_again_and_not_answered_from_memory(
    tenant: Any, gateway: Any, target_for: Any, reporter: Any
) -> None:
    tenant.script({"where": "token"}, ["directory_unavailable", "directory_unavailable"])
    gateway.session(target_for(tenant), reporter).get(contracts.ORGANIZATION)
    assert [r["status"] for r in tenant.requests("/oauth2/v2.0/token")] == [503, 503, 200]


def test_a_sign_in_loop_is_not_made_worse(tenant: Any, gateway: Any, target_for: Any, reporter: Any) -> None:
    tenant.scenarios("auth_loop")
    with pytest.raises(MicrosoftFailure):
        gateway.session(target_for(tenant), reporter).get(contracts.ORGANIZATION)
    assert len(tenant.requests("/oauth2/v2.0/token")) == 1


def test_a_cancelled_wait_makes_no_further_call(tenant: Any, gateway: Any, target_for: Any, new_reporter: Any) -> None:
    tenant.scenarios("throttled")
    with pytest.raises(RunStopped):
        gateway.session(target_for(tenant), new_reporter(stop_in_wait=True)).get(contracts.ORGANIZATION)
    assert len(tenant.requests("/v1.0/organization")) == 1


def test_calls_slow_down_when_the_limit_is_near(tenant: Any, gateway: Any, target_for: Any, reporter: Any) -> None:
    tenant.scenarios("throttle_warning")
    session = gateway.session(target_for(tenant), reporter)
    session.get(contracts.ORGANIZATION)
    assert reporter.waits == []
    session.get(contracts.ORGANIZATION)
    (waited,) = reporter.waits
    assert 0 < waited[0] <= 5
    assert waited[1] == "throttled"


def test_an_answer_that_comes_late_counts_and_one_that_comes_too_late_is_asked_for_once_more(
    tenant: Any, new_gateway: Any, target_for: Any, reporter: Any
) -> None:
    gateway = new_gateway()
    tenant.scenarios({"name": "token_slow", "seconds": 0.05}, {"name": "graph_slow", "seconds": 0.05})
    assert gateway.session(target_for(tenant), reporter).get(contracts.ORGANIZATION)["value"]
    assert reporter.waits == []
    gateway.transport._client.timeout = 0.2  # from here on only what never answers is asked
    tenant.scenarios({"name": "slow", "seconds": 3600.0})
    with pytest.raises(MicrosoftFailure) as failed:
        gateway.session(target_for(tenant), reporter).get(contracts.ORGANIZATION)
    assert failed.value.reason_code == "network_timeout"
    assert [reason for _, reason, _ in reporter.waits] == ["network_timeout"]
