"""The 32 known defects of the official SDK 1.2.0, each with the tests of ours."""

import ast
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# The defect, what is wrong in the official SDK, and where ours is shown to be right.
DEFECTS = [
    (
        "D1",
        "cannot be imported on a clean Python 3.11: a dependency is missing",
        "test_clean_install::test_the_wheel_s_client_works_with_only_what_the_client_needs",
    ),
    (
        "D2",
        "its webhook handler answers 500 to everything under FastAPI",
        "test_web_apps::test_what_is_signed_reaches_the_handler_sync_or_async",
    ),
    (
        "D3",
        "its handler cannot be used as a route the way it is documented",
        "test_web_apps::test_what_is_signed_reaches_the_handler_sync_or_async",
    ),
    (
        "D4",
        "a forged webhook is no 401 outside Flask",
        "test_web_apps::test_what_is_forged_gets_401_and_reaches_nobody",
    ),
    (
        "D5",
        "handlers that are not async raise TypeError",
        "test_web_apps::test_what_is_signed_reaches_the_handler_sync_or_async",
    ),
    (
        "D6",
        "raw bodies are serialised again, so true signatures fail",
        "test_signatures::test_raw_bytes_count_first_then_their_canonical_form",
    ),
    (
        "D7",
        "bytes and lists raise AttributeError",
        "test_signatures::test_raw_bytes_count_first_then_their_canonical_form",
    ),
    (
        "D8",
        "a signature that is not ASCII raises; upper-case hex is refused",
        "test_signatures::test_a_hostile_signature_is_false_and_no_error",
        "test_signatures::test_a_signature_counts_however_its_hex_is_written",
    ),
    (
        "D9",
        "no rotation of secrets, nothing against replays",
        "test_signatures::test_several_secrets_are_all_good_while_one_replaces_the_other",
        "test_webhook_events::test_an_old_event_shows_and_so_does_one_that_comes_again",
    ),
    (
        "D10",
        "arguments that are no object become {}, a null id 'None'",
        "test_webhook_events::test_what_asks_for_no_tool_is_a_validation_error",
    ),
    (
        "D11",
        "5xx on GET and DELETE ends in a foreign RetryError",
        "test_retries::test_the_last_failure_is_raised_as_it_is",
        "test_errors::test_a_status_decides_the_class",
    ),
    (
        "D12",
        "hidden sleeps of up to six hours on 429; no jitter, no setting",
        "test_retries::test_the_server_s_own_wait_is_kept_up_to_the_limit",
        "test_retries::test_no_policy_can_wait_longer_than_a_minute",
    ),
    (
        "D13",
        "connection faults and time-outs leak as foreign errors",
        "test_errors::test_no_error_of_the_transport_leaks",
        "test_async::test_hostile_servers_get_the_errors_of_the_blocking_client",
    ),
    (
        "D14",
        "after a fault nobody can say whether a POST may have arrived",
        "test_retries::test_a_change_that_may_have_arrived_is_never_sent_again",
        "test_retries::test_a_change_that_certainly_never_left_is_sent_again",
    ),
    (
        "D15",
        "one fixed time-out a try, none in all",
        "test_wire::test_an_answer_that_drips_ends_at_the_total_time",
        "test_wire::test_silence_ends_at_the_time_of_one_step",
        "test_retries::test_no_attempt_begins_after_the_deadline",
    ),
    (
        "D16",
        "detail.error as a text raises AttributeError",
        "test_errors::test_every_known_shape_of_an_error_is_read",
    ),
    (
        "D17",
        "the message inside a top-level error is ignored",
        "test_errors::test_every_known_shape_of_an_error_is_read",
    ),
    (
        "D18",
        "the list of a 422 becomes the message",
        "test_errors::test_every_known_shape_of_an_error_is_read",
    ),
    (
        "D19",
        "204 and what is no JSON raise a foreign error",
        "test_changes::test_a_tool_is_deleted_with_or_without_words",
        "test_errors::test_neither_a_redirect_nor_an_empty_answer_is_a_result",
    ),
    (
        "D20",
        "ids are not quoted and reach other endpoints",
        "test_requests::test_an_id_stays_one_segment_of_the_path",
        "test_changes::test_an_id_that_names_nothing_is_refused",
    ),
    (
        "D21",
        "what is given and empty is dropped; nothing is checked",
        "test_changes::test_what_is_given_is_sent_even_when_it_is_empty",
        "test_changes::test_an_argument_that_cannot_be_right_is_never_sent",
        "test_requests::test_an_argument_that_cannot_be_right_is_never_sent",
    ),
    (
        "D22",
        "an empty key, a URL with a slash too many, and http are taken",
        "test_construction::test_a_key_that_no_header_can_carry_is_a_value_error",
        "test_construction::test_a_base_url_is_kept_without_its_trailing_slash",
        "test_construction::test_a_key_goes_nowhere_without_tls_or_to_a_dubious_address",
    ),
    (
        "D23",
        "an entry in .netrc replaces the key",
        "test_wire::test_the_environment_s_proxies_and_netrc_are_not_used",
    ),
    (
        "D24",
        "redirects are followed; a POST becomes a GET",
        "test_wire::test_the_key_does_not_follow_a_redirect",
    ),
    (
        "D25",
        "one page only; by hand, calls are lost when the list moves",
        "test_pages::test_calls_that_vanish_while_reading_take_no_other_with_them",
        "test_pages::test_calls_that_arrive_while_reading_neither_repeat_nor_hide_any",
    ),
    (
        "D26",
        "no async, no close, a fixed pool",
        "test_async::test_every_method_asks_what_the_blocking_one_asks",
        "test_wire::test_eight_threads_read_pages_at_once_over_one_client",
        "test_requests::test_a_closed_client_sends_nothing",
    ),
    (
        "D27",
        "an anonymous User-Agent; errors without headers or request id",
        "test_requests::test_every_request_carries_the_key_and_says_who_asks",
        "test_errors::test_an_error_keeps_the_headers_and_the_request_s_id",
        "test_errors::test_the_time_to_wait_comes_from_the_header_then_from_the_body",
    ),
    (
        "D28",
        "register_tool refuses the documented timeout_seconds",
        "test_changes::test_a_tool_s_time_out_may_be_given_in_either_unit",
    ),
    (
        "D29",
        "list_tools refuses {'items': []}, and without a status",
        "test_changes::test_tools_are_read_in_every_known_shape",
        "test_changes::test_tools_in_no_known_shape_are_refused_with_their_status",
    ),
    (
        "D30",
        "its words promise errors that it does not raise",
        "test_defects::test_no_docstring_promises_a_foreign_error",
    ),
    (
        "D31",
        "its import name is another package's, and nobody says so",
        "test_neighbours::test_importing_says_once_that_there_is_another",
    ),
    (
        "D32",
        "no partner API",
        "test_partner::test_each_partner_endpoint_is_asked_as_documented",
    ),
]


@cache
def named_in(module: str) -> set[str]:
    tree = ast.parse((HERE / f"{module}.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", DEFECTS, ids=lambda row: row[0])
def test_each_defect_names_tests_that_there_are(row: tuple[str, ...]) -> None:
    _, wrong, *shown = row
    assert wrong
    assert shown
    for name in shown:
        module, test = name.split("::")
        assert test in named_in(module), name


def test_every_defect_is_in_the_table_once() -> None:
    assert [row[0] for row in DEFECTS] == [f"D{number}" for number in range(1, 33)]


def test_no_docstring_promises_a_foreign_error() -> None:
    import pamela

    clients = [pamela.PamelaClient, pamela.AsyncPamelaClient]
    for client in clients:
        for name, method in vars(client).items():
            words = method.__doc__ or ""
            assert name.startswith("_") or words
            assert "HTTPError" not in words
            assert "requests." not in words
