"""A second source is one file: it goes through the pull as the first one does."""

from datetime import timedelta

from billing.pipeline.pull.pull import PullOptions, pull_usage
from tests.pipeline.bench import MARCH, NOON, Bench, call
from tests.pipeline.pull.other_source import OtherSource

NOON_AS_MAIL = "Tue, 10 Mar 2026 12:00:00 +0000"


def other_call(call_id: str, **changes: object) -> dict[str, object]:
    """Return a record of a call of 61 seconds at noon, as the other source has it."""
    record: dict[str, object] = {
        "sid": call_id,
        "status": "completed",
        "date_created": NOON_AS_MAIL,
        "start_time": NOON_AS_MAIL,
        "end_time": "Tue, 10 Mar 2026 12:01:01 +0000",
        "duration": "61",
    }
    return record | changes


def test_a_source_with_other_names_goes_through_the_pull(bench: Bench) -> None:
    source = OtherSource(
        [
            other_call("CA1"),
            other_call("CA2", tags={"customer": "globex"}),
            other_call("CA3", tags={"customer": "nobody"}),
            other_call("CA4", status="no-answer", start_time=None, duration=None),
            other_call("CA5", status="in-progress", end_time=None, duration=None),
            other_call("CA6", duration="-1"),
            other_call("CA7", status="busy-ish"),
        ]
    )
    options = PullOptions(bench.clock, "tests")
    certificate = pull_usage(bench.ledger, source, bench.rules, MARCH, options=options)
    assert certificate.billed == 2
    assert certificate.not_billable == {"never_connected": 1, "underway": 1}
    assert certificate.quarantined == {
        "unknown_customer": 1,
        "negative_duration": 1,
        "unknown_status": 1,
    }
    assert bench.minutes() == {"acme": 2, "globex": 2}


def test_equal_calls_of_two_sources_are_one_extract(bench: Bench) -> None:
    options = PullOptions(bench.clock, "tests")
    bench.take(
        call("CA1", NOON, 61, ended_at=(NOON + timedelta(seconds=61)).isoformat())
    )
    source = OtherSource([other_call("CA1")])
    pull_usage(bench.ledger, source, bench.rules, MARCH, options=options)
    assert bench.rows("SELECT count(*) FROM call") == [(1,)]
    assert bench.minutes() == {"acme": 2}
