"""The tests that the system these rules come from had, each with its counterparts here, by behaviour.

The list is checked: a counterpart that is renamed or removed fails here, so that no behaviour is left without its test.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

COUNTERPARTS: dict[str, tuple[str, ...]] = {
    "connection authorization": (
        "storage/test_role_table.py::test_everybody_gets_what_the_rule_says",
        "storage/test_role_table.py::test_what_does_not_exist_reads_like_what_one_may_not_see",
        "storage/test_role_table.py::test_every_function_that_takes_a_principal_is_asked_by_everybody",
    ),
    "capability matrix: operators run and do not manage, readonly only views": (
        "storage/test_role_table.py::test_the_roles_are_those_of_the_rule",
        "storage/test_role_table.py::test_a_refused_change_is_written_down",
    ),
    "credential encryption and non-disclosure": (
        "headless/test_credentials.py::test_a_secret_from_standard_input_is_sealed",
        "headless/test_credentials.py::test_a_typed_secret_is_not_shown",
        "end_to_end/test_nothing_secret_leaks.py::test_no_secret_is_anywhere",
        "end_to_end/test_nothing_secret_leaks.py::test_the_search_finds_what_is_planted",
    ),
    "credential leak guard": (
        "end_to_end/test_nothing_secret_leaks.py::test_no_stored_failure_and_no_log_holds_a_telling_word",
        "storage/test_failures.py::test_no_forbidden_word_and_no_control_character_survives",
        "tasks/test_logs.py::test_a_worker_process_with_secrets_everywhere_logs_none",
        "test_guards.py::test_the_forbidden_words_are_those_of_the_rule",
    ),
    "every page is rendered from the database alone": (
        "tui/test_launch.py::test_the_whole_dashboard_runs_with_sockets_forbidden_and_without_heavy_libraries",
        "tui/test_launch.py::test_the_socket_guard_of_the_test_above_bites",
        "test_doors.py::test_loading_the_whole_dashboard_loads_no_other_room_and_no_network",
    ),
    "enable and disable with contradictions": (
        "storage/test_connection_dimensions.py::test_disabled_granted_and_healthy_at_once_stays_so_through_everything_that_is_refused",
        "headless/test_setting_up.py::test_a_connection_is_disabled_and_enabled_and_keeps_its_badges",
        "tui/test_badges.py::test_contradictions_are_shown_as_they_are",
    ),
    "consent audit": (
        "storage/test_consent_requests.py::test_a_link_changes_no_badge_and_is_audited_without_its_state",
        "storage/test_role_table.py::test_whatever_changes_something_is_told_in_the_audit_trail",
    ),
    "consent revocation audit": (
        "storage/test_finishing.py::test_a_healthy_connection_is_revoked_by_two_answers_five_minutes_apart",
        "storage/test_connection_removal.py::test_revoking_changes_consent_alone_and_says_what_it_cannot_do",
    ),
    "verification audit": (
        "storage/test_audit.py::test_every_verification_result_is_told_with_its_verdict_and_reason",
    ),
    "list authorization": (
        "storage/test_memberships.py::test_lists_show_a_scoped_member_only_what_is_in_scope",
        "storage/test_memberships.py::test_runs_outside_the_scope_are_neither_listed_nor_counted",
        "tui/screens/test_connections.py::test_other_peoples_workspaces_do_not_exist",
    ),
    "start surface: no Graph in the screens, a run is made, a job given out, the context contract kept": (
        "storage/test_start_gate.py::test_a_start_makes_one_queued_run_and_one_audit_entry",
        "storage/test_start_gate.py::test_the_context_always_holds_its_contract",
        "tui/test_launch.py::test_the_whole_dashboard_runs_with_sockets_forbidden_and_without_heavy_libraries",
        "tasks/test_whole_road.py::test_a_healthy_connection_becomes_healthy",
    ),
    "check job: success and categorised failures": (
        "end_to_end/test_shown_by.py::test_a_healthy_connection_is_checked_and_its_report_is_there",
        "end_to_end/test_shown_by.py::test_other_faults_have_reasons_of_their_own",
        "end_to_end/test_shown_by.py::test_an_outage_fails_the_run_leaves_the_badges_and_queues_another_try",
    ),
    "the check writes its report": (
        "end_to_end/test_shown_by.py::test_a_healthy_connection_is_checked_and_its_report_is_there",
    ),
    "concurrency: one run, and a busy scope": (
        "storage/test_races.py::test_twenty_starts_on_one_connection_make_one_run",
        "storage/test_start_gate.py::test_a_second_press_opens_the_same_run",
        "storage/test_start_gate.py::test_another_operation_is_named_and_may_be_followed",
    ),
    "compliance summary counts": (
        "test_guards.py::test_no_summary_key_is_outside_the_catalog",
        "storage/test_leases.py::test_summary_counts_come_out_in_the_catalogs_order",
        "storage/test_compliance.py::test_a_snapshot_is_kept_with_its_run",
        "tasks/microsoft/test_compliance.py::test_every_device_is_counted_once_by_state_and_platform",
    ),
    "onboarding takes the platform app by default": (
        "storage/test_onboarding.py::test_a_platform_connection_needs_no_credential_of_its_own",
        "end_to_end/test_first_tenant.py::test_with_the_workspaces_platform_app_and_a_consent_that_comes_later",
    ),
    "onboarding wizard": (
        "storage/test_onboarding.py::test_a_tenant_walks_all_seven_steps",
        "storage/test_onboarding.py::test_a_verification_that_did_not_succeed_is_not_done",
        "headless/test_onboarding.py::test_onboarding_says_where_it_stands_and_the_next_command_works",
    ),
    "tenant call to action": (
        "storage/test_tenant_goodbye.py::test_the_page_tells_what_a_tenant_is_and_what_is_missing",
        "headless/test_tenants.py::test_a_tenant_without_a_connection_says_what_to_do",
    ),
    "global search scope": (
        "storage/test_tenant_search.py::test_connections_are_not_found_globally_by_anything_of_theirs",
        "storage/test_tenant_search.py::test_everybody_finds_what_their_memberships_reach",
    ),
    "tenant scoping": (
        "storage/test_role_table.py::test_everybody_gets_what_the_rule_says",
        "storage/test_memberships.py::test_a_tag_added_to_a_tenant_lets_its_people_in_and_taking_it_away_shuts_them_out",
        "headless/test_setting_up.py::test_a_member_of_a_tag_sees_nothing_else",
    ),
    "the admin roles scan is gated on lifecycle and consent": (
        "storage/test_roles.py::test_a_scan_is_gated_on_lifecycle_and_consent",
        "storage/test_start_gate.py::test_the_matrix",
        "storage/test_start_gate.py::test_what_the_preview_promises_the_start_does",
    ),
    "badge mappings": (
        "tui/test_badges.py::test_a_badge_is_a_glyph_and_a_word_of_fixed_width",
        "tui/test_badges.py::test_no_two_states_of_one_dimension_read_the_same_without_colour",
    ),
    "connection classifier": (
        "storage/migrations/test_rows_come_along.py::test_the_connection_type_follows_from_client_id_and_credential",
        "storage/migrations/test_rows_come_along.py::test_a_platform_app_of_another_cloud_or_workspace_claims_no_connection",
    ),
    "residual guard against the removed columns and badges": (
        "test_guards.py::test_no_runtime_file_names_the_dropped_columns_or_a_combined_status",
        "test_guards.py::test_no_table_has_a_dropped_column_or_a_combined_status",
        "tui/test_badges.py::test_nothing_in_the_face_names_a_combined_state",
    ),
    "operation catalog coverage": (
        "test_guards.py::test_the_catalog_is_the_rule",
        "storage/test_start_gate.py::test_an_unknown_operation_is_refused",
    ),
    "operation links": (
        "tui/screens/test_starting.py::test_a_failed_run_is_retried_as_a_new_one_that_remembers_it",
        "tui/screens/test_links.py::test_l_leads_from_a_connection_to_its_runs_and_from_a_run_to_its_connection",
    ),
}


@cache
def _tests_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


@pytest.mark.parametrize("behaviour", COUNTERPARTS)
def test_a_behaviour_of_the_old_system_has_its_counterpart(behaviour: str) -> None:
    assert COUNTERPARTS[behaviour]
    for test in COUNTERPARTS[behaviour]:
        file, _, name = test.partition("::")
        assert name in _tests_in(file), f"{behaviour}: there is no {test}"
