"""The whole catalogue of failures, row by row: which scenarios show a row, which reasons it is read as, which tests walk it.

A row without an entry, an entry with a reason or a test that is not there, and a scenario that none of its tests switches on: each fails
here. The rows themselves come from the project's reference, where that is beside the checkout; sections A to C are also in the simulator's
table.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from simulator.catalogue import SCENARIOS
from simulator.failure_rows import FAILURE_ROWS
from storage import reasons

TESTS = Path(__file__).parent
REFERENCE = TESTS.parents[1] / "shared" / "reference" / "failures.md"

MAP = "tasks/microsoft/test_failure_map.py"
SIGN_IN = f"{MAP}::test_each_sign_in_failure_has_its_reason"
GRAPH = f"{MAP}::test_each_graph_failure_has_its_reason"
AFTER_A_CHANGE = f"{MAP}::test_shortly_after_a_change_the_reason_is_that_it_is_propagating"
CHECK = "tasks/microsoft/check"
WAITING = f"{CHECK}/test_waiting.py"
CALLS = "tasks/microsoft/test_graph.py"
RETRIES = "tasks/microsoft/test_retries.py"
TRANSPORT = "tasks/microsoft/test_transport.py"
COMPLIANCE = "tasks/microsoft/test_compliance.py"
INVENTORY = "tasks/microsoft/test_inventory.py"
FAIRNESS = "tasks/microsoft/test_fairness.py"
ROAD = "tasks/test_whole_road.py"
BROWSER = "end_to_end/test_consent_in_a_browser.py"
ANSWERS = f"{BROWSER}::test_the_catalogue_of_answers_through_the_real_callback"


@dataclass(frozen=True, slots=True)
class Walk:
    """How a row is walked.

    Attributes:
        case: how the row begins.
        reasons: what it is read as; none where nothing fails.
        tests: what walks it.
        scenarios: what is switched on for it, where the simulator's own table does not say.
    """

    case: str
    reasons: tuple[str, ...]
    tests: tuple[str, ...]
    scenarios: tuple[str, ...] = ()


A = (
    Walk("7000215", ("secret_invalid",), (SIGN_IN, f"{CHECK}/test_verdicts.py::test_a_wrong_secret_blocks")),
    Walk("7000222", ("secret_expired",), (
        SIGN_IN, f"{ROAD}::test_an_expired_secret_blocks_and_one_sealed_for_another_key_is_our_own_fault")),
    Walk("(just rotated)", ("secret_propagating",), (
        AFTER_A_CHANGE, f"{WAITING}::test_a_secret_that_was_made_a_moment_ago_is_waited_for_until_microsoft_has_spread_it")),
    Walk("700016", ("app_not_found", "identity_propagating"), (SIGN_IN, AFTER_A_CHANGE)),
    Walk("7000229", ("app_not_found", "service_principal_missing"), (
        SIGN_IN, f"{MAP}::test_an_app_that_nobody_consented_to_is_told_by_its_newer_number_too")),
    Walk("65001", ("consent_required",), (SIGN_IN, AFTER_A_CHANGE)),
    Walk("7000112", ("app_disabled_in_tenant",), (SIGN_IN, f"{CHECK}/test_verdicts.py::test_a_disabled_application_is_told_apart")),
    Walk("500014", ("resource_disabled", "subscription_suspended"), (
        SIGN_IN, f"{CHECK}/test_verdicts.py::test_a_suspended_subscription_warns")),
    Walk("500011", ("resource_not_found",), (SIGN_IN,)),
    Walk("650052 / 650051", ("service_not_subscribed", "sp_conflict"), (SIGN_IN,)),
    Walk("650056 / 650057", ("app_misconfigured",), (SIGN_IN,)),
    Walk("90002", ("tenant_not_found",), (SIGN_IN, f"{CHECK}/test_who_answers.py::test_a_tenant_nobody_knows_blocks")),
    Walk("5000224", ("tenant_unavailable",), (SIGN_IN,)),
    Walk("900023 / 90019 / 50059", ("tenant_identifier_invalid",), (SIGN_IN,)),
    Walk("90038 / 900382 / 900432", ("wrong_cloud",), (SIGN_IN,)),
    Walk("53003, 530032, 50131", ("blocked_by_conditional_access",), (SIGN_IN,)),
    Walk("50105 / 501051", ("assignment_required",), (SIGN_IN,)),
    Walk("700027 / 50012", ("cert_not_registered", "cert_expired", "cert_signature_invalid", "cert_propagating"), (
        SIGN_IN, AFTER_A_CHANGE, "tasks/microsoft/test_sign_in.py::test_a_certificate_that_was_uploaded_a_moment_ago_is_propagating")),
    Walk("700024", ("clock_skew",), (SIGN_IN, f"{CHECK}/test_who_answers.py::test_a_clock_that_is_wrong_warns")),
    Walk("7000218", ("credential_missing",), (SIGN_IN,)),
    Walk("9002313 / 900144 / 90014", ("request_malformed",), (SIGN_IN,)),
    Walk("70011", ("scope_invalid",), (SIGN_IN,)),
    Walk("50194", ("app_not_multitenant",), (SIGN_IN,)),
    Walk("50196", ("auth_loop_throttled",), (SIGN_IN, f"{RETRIES}::test_a_sign_in_loop_is_not_made_worse")),
    Walk("90055", ("token_throttled",), (SIGN_IN, f"{RETRIES}::test_throttled_sign_in_is_repeated_and_not_early")),
    Walk("90033, 90006", ("identity_service_unavailable", "token_throttled"), (
        SIGN_IN, f"{RETRIES}::test_sign_in_that_was_down_is_asked_again_and_not_answered_from_memory",
        f"{CHECK}/test_verdicts.py::test_an_outage_of_sign_in_leaves_the_badge_alone")),
    Walk("token OK but no roles", ("no_roles_granted", "identity_propagating"), (
        f"{WAITING}::test_a_token_that_lacks_something_after_consent_is_waited_for",
        f"{CHECK}/test_who_answers.py::test_a_token_that_is_not_ours_is_told_apart")),
    Walk("token OK but no oid", ("identity_propagating",), (
        f"{WAITING}::test_a_token_that_lacks_something_after_consent_is_waited_for",)),
    Walk("unparseable body", (
        "response_unreadable", "response_too_large", "network_proxy", "network_interrupted", "network_tls", "network_dns",
        "network_connect", "network_timeout"), (
        SIGN_IN, f"{TRANSPORT}::test_an_untrusted_certificate_is_refused", f"{TRANSPORT}::test_a_name_nobody_knows_is_told_apart",
        f"{TRANSPORT}::test_a_refused_connection_is_told_apart", f"{TRANSPORT}::test_silence_is_a_timeout",
        f"{RETRIES}::test_an_answer_that_comes_late_counts_and_one_that_comes_too_late_is_asked_for_once_more",
        f"{ROAD}::test_tenants_that_hang_or_are_throttled_hold_up_no_other_one")),
)  # fmt: skip
B = (
    Walk("success", (), (ANSWERS,)),
    Walk("denied", ("consent_declined",), (ANSWERS,)),
    Walk("access_denied, 65004", (
        "consent_declined", "consent_admin_required", "consent_service_not_subscribed", "app_not_found",
        "consent_redirect_mismatch"), (
        ANSWERS, f"{BROWSER}::test_an_approval_whose_answer_never_came_back_is_found_by_a_check",
        "storage/test_consent_answers.py::test_each_error_has_its_reason")),
    Walk("wrong tenant consented", ("consent_wrong_tenant", "consent_wrong_account"), (
        ANSWERS, f"{BROWSER}::test_a_consent_in_another_tenant_is_refused_with_both_ids_for_us_only")),
    Walk("replay, missing/expired state", (
        "consent_state_unknown", "consent_state_used", "consent_state_expired", "consent_link_revoked"), (
        "storage/test_consent_answers.py::test_a_double_click_gives_the_same_answer_and_changes_nothing",
        "storage/test_consent_answers.py::test_a_used_state_takes_no_other_answer",
        "storage/test_consent_answers.py::test_an_unknown_state_is_refused_and_written_down_without_itself",
        "storage/test_consent_answers.py::test_a_late_answer_is_not_recorded_but_a_check_is_started_once",
        "storage/test_consent_answers.py::test_a_revoked_link_takes_no_answer",
        "tasks/test_consent_page.py::test_twenty_clicks_at_once_are_one_consent")),
    Walk("consent given but app set common", (), (
        "simulator/test_consent_page.py::test_version_1_answers_without_a_scope",
        "storage/test_consent_requests.py::test_a_link_asks_the_right_tenant_for_everything_the_registration_lists")),
)  # fmt: skip
C = (
    Walk("401 InvalidAuthenticationToken", ("token_expired",), (GRAPH, f"{CALLS}::test_a_token_called_expired_is_replaced_once")),
    Walk("401 InvalidAuthenticationToken", ("token_invalid",), (
        GRAPH, f"{CALLS}::test_a_token_that_is_never_accepted_is_not_replaced_for_ever")),
    Walk("401/403 Authorization_IdentityNotFound", ("service_principal_missing", "identity_propagating"), (
        GRAPH, AFTER_A_CHANGE, f"{WAITING}::test_a_fresh_consent_is_waited_for")),
    Walk("403 Authorization_RequestDenied", ("missing_permission",), (GRAPH, AFTER_A_CHANGE)),
    Walk("403 Forbidden (Intune)", ("missing_permission",), (GRAPH, f"{MAP}::test_intune_names_the_permissions_that_it_wants")),
    Walk("401 UnknownError with string-encoded", ("intune_forbidden",), (GRAPH,)),
    Walk("400/403 UnknownError with empty message", ("unknown_graph_error",), (
        GRAPH, f"{RETRIES}::test_an_unknown_error_is_asked_about_once_more")),
    Walk("403 UnknownError with inner", ("missing_permission",), (GRAPH, f"{MAP}::test_pim_names_the_permission_that_it_wants")),
    Walk("400 AadPremiumLicenseRequired", ("not_licensed_p2",), (GRAPH,)),
    Walk("403 Authentication_RequestFromNonPremium", ("not_licensed_p1", "not_licensed"), (GRAPH,)),
    Walk("400 BadRequest", ("not_licensed_intune",), (
        GRAPH, f"{ROAD}::test_a_tenant_without_intune_is_skipped_and_a_refusal_asks_for_a_check")),
    Walk("text AppLifecycle_", ("not_licensed", "not_provisioned"), (GRAPH,)),
    Walk("429 TooManyRequests + Retry-After", ("throttled",), (
        GRAPH, f"{RETRIES}::test_retry_after_is_read_in_every_form",
        f"{RETRIES}::test_a_call_is_repeated_when_microsoft_allows_it_and_not_before",
        f"{CHECK}/test_verdicts.py::test_an_absurd_throttle_ends_the_check_without_a_verdict")),
    Walk("429 without Retry-After", ("throttled",), (GRAPH, f"{RETRIES}::test_without_a_named_time_the_waits_grow")),
    Walk("200 $batch with some items", ("throttled", "service_unavailable", "data_incomplete"), (
        f"{CALLS}::test_a_batch_item_that_could_not_be_answered_is_asked_again_and_not_early",
        f"{CALLS}::test_a_batch_item_that_stays_unanswered_fails_alone", f"{CALLS}::test_a_batch_item_without_an_answer_says_so")),
    Walk("headers x-ms-throttle-limit-percentage", ("throttled",), (f"{RETRIES}::test_calls_slow_down_when_the_limit_is_near",)),
    Walk("503 ServiceNotAvailable", ("service_unavailable", "network_timeout"), (
        GRAPH, f"{TRANSPORT}::test_a_slow_answer_is_a_timeout",
        f"{RETRIES}::test_an_answer_that_comes_late_counts_and_one_that_comes_too_late_is_asked_for_once_more",
        f"{ROAD}::test_tenants_that_hang_or_are_throttled_hold_up_no_other_one")),
    Walk("400 Directory_ExpiredPageToken", ("page_token_expired",), (
        f"{CALLS}::test_a_listing_does_not_start_again_for_ever", f"{CALLS}::test_what_was_gathered_before_a_restart_is_void",
        f"{COMPLIANCE}::test_page_tokens_that_always_expire_leave_a_partial_snapshot")),
    Walk("nextLink repeats itself", ("paging_loop", "next_link_refused"), (
        f"{CALLS}::test_a_page_that_leads_to_itself_is_a_loop", f"{CALLS}::test_empty_pages_in_the_middle_do_not_end_a_listing",
        f"{CALLS}::test_the_token_is_never_sent_to_another_host",
        f"{COMPLIANCE}::test_a_list_that_moves_under_the_reader_is_read_to_its_end_and_counts_nobody_twice")),
    Walk("410/400 resyncRequired", ("resync_required",), (GRAPH,)),
    Walk("404 Request_ResourceNotFound", ("item_gone",), (
        GRAPH, f"{COMPLIANCE}::test_a_list_that_moves_under_the_reader_is_read_to_its_end_and_counts_nobody_twice")),
    Walk("400 Request_UnsupportedQuery", ("query_unsupported",), (GRAPH,)),
    Walk("403 insufficient_claims", ("claims_challenge",), (
        GRAPH, f"{CALLS}::test_a_claims_challenge_is_answered_once_with_its_claims")),
    Walk("200 but inconsistent", (
        "data_incomplete", "response_unreadable", "network_interrupted", "response_too_large"), (
        GRAPH, f"{COMPLIANCE}::test_devices_that_arrive_with_half_of_their_properties_make_it_incomplete",
        f"{COMPLIANCE}::test_states_that_no_metadata_knows_are_counted_as_other",
        f"{CHECK}/test_who_answers.py::test_an_organization_that_says_little_still_passes")),
    Walk("200 empty list", ("suspicious_empty",), (
        f"{INVENTORY}::test_a_listing_that_is_suddenly_empty_is_not_believed",
        "storage/test_inventory_publishing.py::test_a_listing_that_is_suddenly_empty_is_believed_at_the_second_time",
        "storage/test_compliance.py::test_suddenly_no_devices_is_not_believed_the_first_time")),
    Walk("Retry storms", ("throttled",), (
        f"{FAIRNESS}::test_a_storm_of_tenants_stays_within_what_the_process_may_send",
        f"{FAIRNESS}::test_a_refusal_of_the_whole_application_holds_back_its_other_tenants_and_no_other_application",
        f"{RETRIES}::test_a_throttled_call_is_never_repeated_early")),
)  # fmt: skip
D = (
    Walk("worker killed mid-run", ("attempts_exhausted",), (
        "tasks/test_processes.py::test_a_run_whose_worker_is_killed_is_taken_up_by_another_and_finishes",
        "tasks/test_processes.py::test_a_run_that_kills_every_worker_ends_as_lost",
        f"{ROAD}::test_a_killed_workers_check_is_taken_up_again")),
    Walk("queue lost the task", (), (
        "tasks/test_runs.py::test_losing_the_queue_loses_no_run", "tasks/test_runs.py::test_a_hint_that_was_lost_is_given_again")),
    Walk("same operation started twice", (), (
        "tasks/test_races.py::test_twenty_presses_at_the_same_moment_make_one_run",
        "tasks/test_runs.py::test_a_second_press_while_it_runs_opens_the_same_run")),
    Walk("cancel while pending", (), (
        "tasks/test_waits_and_cancels.py::test_a_queued_run_that_is_cancelled_never_begins",
        f"{ROAD}::test_a_cancel_during_a_real_retry_after_ends_the_run",
        "storage/test_run_protocol.py::test_cancelling_a_completed_run_is_a_conflict")),
    Walk("DB locked or down", (), (
        "tui/screens/test_frame.py::test_an_unreachable_database_is_said_and_comes_back",
        "tui/test_launch.py::test_quitting_does_not_wait_for_a_database_that_is_locked",
        "tasks/test_outages.py::test_a_result_waits_for_a_database_that_went_away")),
    Walk("encryption key missing or rotated", ("credential_undecryptable", "key_missing"), (
        f"{ROAD}::test_an_expired_secret_blocks_and_one_sealed_for_another_key_is_our_own_fault",
        f"{CHECK}/test_credentials.py::test_a_missing_key_is_our_own_fault",
        "tasks/test_review_sealed_after_rotation.py::test_what_was_sealed_for_the_key_before_is_resealed_by_the_next_rotation")),
    Walk("clock skew", ("clock_skew",), (
        f"{CHECK}/test_who_answers.py::test_a_clock_that_is_wrong_warns",
        f"{RETRIES}::test_a_date_is_held_against_the_answers_own_clock"), ("clock_skew",)),
    Walk("connection disabled or deleted", ("provider_connection_disabled", "superseded", "cancelled"), (
        f"{ROAD}::test_what_is_taken_away_while_checks_run_is_not_there_in_their_results",
        "tasks/test_runs.py::test_a_connection_that_was_disabled_meanwhile_blocks_the_run_at_its_claim")),
    Walk("role removed while form is open", (), (
        "tui/screens/test_form_conflicts.py::test_a_role_that_is_gone_refuses_the_save_and_keeps_the_draft",
        "storage/test_connection_edits.py::test_a_role_removed_while_the_form_is_open_refuses_the_save")),
    Walk("run finishes after a newer one", ("superseded",), (
        "storage/test_finishing.py::test_a_check_under_another_generation_writes_no_badge_and_a_fresh_one_follows",
        "storage/test_inventory_publishing.py::test_who_lost_the_run_stages_and_publishes_nothing",
        "storage/test_inventory_publishing.py::test_nothing_is_published_when_the_connection_became_another_one",
        "tasks/test_processes.py::test_a_frozen_worker_that_wakes_up_too_late_writes_nothing")),
    Walk("schedule interval shorter than run", (), (
        "storage/schedules/test_firing.py::test_what_runs_is_attached_to_what_is_busy_waited_for_and_what_is_blocked_noted",)),
    Walk("log lines containing secrets", (), (
        "tasks/test_logs.py::test_a_worker_process_with_secrets_everywhere_logs_none",
        "end_to_end/test_nothing_secret_leaks.py::test_no_secret_is_anywhere")),
)  # fmt: skip
BAD_INPUT = (
    Walk("empty page with nextLink", (), (f"{CALLS}::test_empty_pages_in_the_middle_do_not_end_a_listing",), ("paging_empty_pages",)),
    Walk("repeating nextLink", ("paging_loop",), (f"{CALLS}::test_a_page_that_leads_to_itself_is_a_loop",), ("paging_loop",)),
    Walk("nextLink to another host", ("next_link_refused",), (
        f"{CALLS}::test_the_token_is_never_sent_to_another_host",
        f"{CALLS}::test_a_link_that_is_not_on_the_graph_host_is_refused"), ("paging_foreign_host",)),
    Walk("expired page token in the middle", ("page_token_expired",), (
        f"{COMPLIANCE}::test_an_expired_page_token_voids_what_was_counted",
        f"{CALLS}::test_what_was_gathered_before_a_restart_is_void",
        f"{CALLS}::test_a_listing_does_not_start_again_for_ever"), ("page_token_expired",)),
    Walk("200 with half a body", ("response_unreadable",), (
        GRAPH, f"{COMPLIANCE}::test_half_a_body_is_never_half_a_count"), ("graph_truncated", "graph_closed")),
    Walk("Retry-After 0, negative, absurd, fractional, date, missing", ("throttled",), (
        GRAPH, f"{RETRIES}::test_retry_after_is_read_in_every_form",
        f"{RETRIES}::test_a_call_is_repeated_when_microsoft_allows_it_and_not_before"), (
        "throttled_zero", "throttled_negative", "throttled_absurd", "throttled_fraction", "throttled_date",
        "throttled_without_retry_after", "throttled_text")),
    Walk("device with unknown compliance state", (), (
        f"{COMPLIANCE}::test_states_that_no_metadata_knows_are_counted_as_other",
        f"{COMPLIANCE}::test_a_device_as_nobody_expects_it_is_counted_and_ends_nothing"), ("unknown_compliance_state",)),
    Walk("item deleted mid-scan", ("item_gone",), (
        GRAPH, f"{COMPLIANCE}::test_a_list_that_moves_under_the_reader_is_read_to_its_end_and_counts_nobody_twice"), (
        "item_deleted_mid_scan", "item_gone")),
    Walk("suddenly empty list", ("suspicious_empty",), (
        f"{INVENTORY}::test_a_listing_that_is_suddenly_empty_is_not_believed",), ("suspicious_empty",)),
    Walk("JSON nested deep or 200 MB", ("response_unreadable", "response_too_large"), (GRAPH, SIGN_IN), (
        "graph_deep", "graph_flood", "graph_huge", "token_deep", "token_flood", "token_huge")),
    Walk("HTML from a proxy", ("response_unreadable",), (GRAPH, SIGN_IN), ("graph_html", "token_html", "discovery_html")),
    Walk("clock skew", ("clock_skew",), (f"{CHECK}/test_who_answers.py::test_a_clock_that_is_wrong_warns",), ("clock_skew",)),
    Walk("connection disabled, deleted, credential removed while running", ("superseded", "provider_credential_missing"), (
        f"{ROAD}::test_what_is_taken_away_while_checks_run_is_not_there_in_their_results",)),
)  # fmt: skip
"""What arrives broken, whatever the row."""


def walks() -> Iterator[tuple[Walk, tuple[str, ...]]]:
    """Every entry with its scenarios: the simulator's own for its rows."""
    rows = [row for row in FAILURE_ROWS if row.section in "ABC"]
    for walk, row in zip((*A, *B, *C), rows, strict=True):
        yield walk, row.scenarios
    for walk in (*D, *BAD_INPUT):
        yield walk, walk.scenarios


def cases_of_section_d() -> list[str]:
    """The items of the sentence that section D is."""
    found = re.search(r"^### D\..*?\n(.*?)(?=^### )", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return [item.strip() for item in found[1].strip().split("; ")]


@pytest.mark.parametrize("section", ["A", "B", "C"])
def test_every_row_that_the_simulator_shows_has_its_entry(section: str) -> None:
    entries = [walk.case for walk in {"A": A, "B": B, "C": C}[section]]
    rows = [row.case for row in FAILURE_ROWS if row.section == section]
    assert len(entries) == len(rows)
    assert [(row, entry) for row, entry in zip(rows, entries, strict=True) if not row.startswith(entry)] == []


@pytest.mark.skipif(not REFERENCE.exists(), reason="the catalogue of failures is not beside this checkout")
def test_every_case_of_section_d_has_its_entry() -> None:
    cases = cases_of_section_d()
    assert len(cases) == len(D) >= 12
    assert [(case, walk.case) for case, walk in zip(cases, D, strict=True) if not case.startswith(walk.case)] == []


def test_every_reason_is_in_the_catalog_and_every_scenario_in_the_simulator() -> None:
    for walk, scenarios in walks():
        assert set(walk.reasons) <= set(reasons.catalog()), walk
        assert set(scenarios) <= set(SCENARIOS), walk


def test_every_test_is_there_and_between_them_they_name_each_reason_and_switch_on_each_scenario() -> None:
    for walk, scenarios in walks():
        assert walk.tests, walk
        missing = [test for test in walk.tests if test.partition("::")[2] not in _tests_of(test.partition("::")[0])]
        assert missing == [], walk.case
        said = [_tests_of(test.partition("::")[0])[test.partition("::")[2]] for test in walk.tests]
        unnamed = set(walk.reasons).difference(*(names for names, _ in said))
        unwalked = set(scenarios).difference(*(switched for _, switched in said))
        assert (walk.case, unnamed, unwalked) == (walk.case, set(), set())


def test_what_only_an_assertion_names_does_not_count_as_switched_on() -> None:
    """The control: a reason often has its scenario's name."""
    tree = ast.parse('def test_it(t):\n    t.scenarios("slow")\n    assert t.reason == "clock_skew"\n')
    assert _words(tree, {}) == {"slow", "clock_skew"}
    assert _words(tree, {}, asserted=False) == {"slow"}


@cache
def _tests_of(file: str) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Each test of a file: all words in it, and those outside its assertions, with what it uses of the module's constants and helpers."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    used: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else (node.target,):
                if isinstance(target, ast.Name):
                    used[target.id] = node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("test_"):
            used[node.name] = node
    return {
        node.name: (frozenset(_words(node, used)), frozenset(_words(node, used, asserted=False)))
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def _words(node: ast.AST, used: dict[str, ast.AST], *, asserted: bool = True) -> set[str]:
    """The strings of a piece of code, and of what it uses by name."""
    if isinstance(node, ast.Assert) and not asserted:
        return set()
    found: set[str] = set()
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        found.add(node.value)
    if isinstance(node, ast.Name) and node.id in used:
        rest = {name: place for name, place in used.items() if name != node.id}
        found |= _words(used[node.id], rest, asserted=asserted)
    for child in ast.iter_child_nodes(node):
        found |= _words(child, used, asserted=asserted)
    return found
