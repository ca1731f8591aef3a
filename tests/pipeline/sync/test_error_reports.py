"""Rejections: what Stripe took and refused later is found, though it names a sample."""

from datetime import timedelta

import pytest

from billing.domain.error_report import RejectionReport
from billing.domain.period import Window
from tests.pipeline.bench import NOON, Bench, call
from tests.pipeline.fakes import lose_answer, lose_request

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
NOT_FOUND = ("meter_event_customer_not_found",)


def report(bench: Bench, *names: str, count: int, name: str = "evt_1") -> None:
    """Let Stripe report errors among what it received just now."""
    at = bench.clock.true()
    window = Window(at - 10 * SECOND, at)
    bench.meter.reports.append(
        RejectionReport(
            name=name,
            created_at=at,
            window=window,
            error_count=count,
            codes=NOT_FOUND,
            identifiers=names,
        )
    )


def lose(bench: Bench, *numbers: int) -> None:
    """Let Stripe drop some of what it took."""
    gone = {bench.meter.requests[number].event.identifier for number in numbers}
    bench.meter.counted = [
        one for one in bench.meter.counted if one.event.identifier not in gone
    ]


def name_of(bench: Bench, number: int) -> str:
    return bench.meter.requests[number].event.identifier


def three_events(bench: Bench) -> None:
    bench.take(*(call(f"c{n}", NOON + n * HOUR, 60 * (n + 1)) for n in range(3)))
    bench.sync()


def states(bench: Bench) -> list[str]:
    return [reason or state for state, reason, _ in bench.events()]


def prove_absent(bench: Bench) -> None:
    """Look so late, and again so much later, that an empty minute is proof."""
    for hours in (72, 24):
        bench.clock.advance(hours=hours)
        bench.sync()


def settled(bench: Bench) -> int:
    query = "SELECT count(*) FROM error_report WHERE settled_at IS NOT NULL"
    return int(bench.rows(query)[0][0])


@pytest.mark.parametrize("by_key", [False, True])
def test_a_named_event_that_is_absent_is_rejected_at_once(
    either_bench: Bench, by_key: bool
) -> None:
    bench = either_bench
    three_events(bench)
    lose(bench, 1)
    names = [
        one.key if by_key else one.event.identifier for one in bench.meter.requests
    ]
    report(bench, names[1], count=1)
    found = bench.sync()
    assert (found.rejected, found.clean) == (1, False)
    assert states(bench) == ["synced", "rejected", "synced"]
    assert settled(bench) == 1


def test_events_that_no_sample_names_are_found_by_their_minutes(bench: Bench) -> None:
    three_events(bench)
    lose(bench, 0, 2)
    report(bench, name_of(bench, 2), count=2)
    bench.sync()
    assert states(bench) == ["synced", "synced", "rejected"]
    assert settled(bench) == 0
    prove_absent(bench)
    assert states(bench) == ["rejected", "synced", "rejected"]
    assert settled(bench) == 1


def test_a_report_about_what_counts_after_all_changes_nothing(bench: Bench) -> None:
    three_events(bench)
    report(bench, name_of(bench, 0), count=1)
    assert bench.sync().rejected == 0
    assert states(bench) == ["synced"] * 3
    assert settled(bench) == 1


def test_a_report_is_read_once_and_one_of_strangers_does_no_harm(bench: Bench) -> None:
    three_events(bench)
    bench.clock.advance(hours=5)
    report(bench, "theirs-1", count=1, name="evt_2")
    for _ in range(3):
        assert bench.sync().rejected == 0
        bench.clock.advance(minutes=10)
    assert bench.rows("SELECT name FROM error_report") == [("evt_2",)]
    assert settled(bench) == 1


def test_refused_events_are_sent_anew_under_new_names_when_a_person_says_so(
    bench: Bench,
) -> None:
    three_events(bench)
    lose(bench, 1)
    report(bench, name_of(bench, 1), count=1)
    bench.sync()
    bench.clock.advance(hours=1)
    assert bench.sync().outcomes == {}
    assert bench.retry() == 1
    bench.sync()
    assert states(bench) == ["synced", "replaced", "synced", "synced"]
    assert name_of(bench, 3) == f"{name_of(bench, 1)[:-1]}1"
    assert bench.counted() == {"acme": 6}


def test_a_fixed_customer_is_sent_anew_by_itself(bench: Bench) -> None:
    three_events(bench)
    lose(bench, 0, 1, 2)
    report(bench, *(name_of(bench, n) for n in range(3)), count=3)
    bench.sync()
    bench.stripe_customers["acme"] = "cus_acme2"
    bench.sync()
    assert states(bench) == [*["replaced"] * 3, *["synced"] * 3]
    assert {one.event.stripe_customer for one in bench.meter.counted} == {"cus_acme2"}
    assert bench.counted() == {"acme": 6}


def test_what_waits_untried_follows_its_customer_and_what_was_tried_does_not(
    bench: Bench,
) -> None:
    bench.meter.missing = {"cus_acme"}
    bench.take(call("c"))
    bench.sync()
    bench.stripe_customers["acme"] = "cus_acme2"
    bench.sync()
    assert states(bench) == ["replaced", "synced"]
    assert [one.event.stripe_customer for one in bench.meter.requests] == ["cus_acme2"]


def test_a_report_that_comes_before_the_answer_waits_for_it(bench: Bench) -> None:
    bench.take(call("c"))
    bench.meter.script = [lose_answer, *[lose_request] * 5]
    bench.sync()
    report(bench, name_of(bench, 0), count=2)
    lose(bench, 0)
    bench.settle_only = True
    bench.sync()
    assert settled(bench) == 0
    bench.settle_only = False
    bench.sync()
    bench.clock.advance(minutes=1)
    assert bench.sync().rejected == 1


def test_what_no_report_tells_of_is_found_once_a_summary_is_short_of_it(
    bench: Bench,
) -> None:
    three_events(bench)
    lose(bench, 1)
    for _ in range(2):
        bench.clock.advance(hours=3)
        bench.reconcile()
    bench.clock.advance(hours=24)
    bench.sync()
    assert states(bench) == ["synced"] * 3
    prove_absent(bench)
    assert states(bench) == ["synced", "rejected", "synced"]
    assert bench.retry() == 1
    bench.sync()
    assert bench.counted() == {"acme": 6}


def test_a_suspect_that_lags_behind_is_no_error_while_others_may_be(
    bench: Bench,
) -> None:
    three_events(bench)
    lose(bench, 0)
    bench.meter.hidden = {name_of(bench, 2)}
    report(bench, count=1)
    for _ in range(4):
        bench.sync()
        bench.clock.advance(hours=2)
    assert states(bench) == ["synced"] * 3
    bench.meter.hidden.clear()
    prove_absent(bench)
    assert states(bench) == ["rejected", "synced", "synced"]


def test_a_suspect_that_lags_behind_is_no_error_that_names_what_waits(
    bench: Bench,
) -> None:
    bench.take(call("c0", NOON, 60))
    bench.sync()
    bench.take(call("c1", NOON + HOUR, 60))
    bench.meter.script = [lose_answer, *[lose_request] * 5]
    bench.sync()
    lose(bench, 1)
    bench.meter.hidden = {name_of(bench, 0)}
    report(bench, name_of(bench, 1), count=1)
    bench.settle_only = True
    for _ in range(4):
        assert bench.sync().rejected == 0
        bench.clock.advance(hours=2)
    assert states(bench)[0] == "synced"


def test_a_report_that_names_what_left_again_since_is_no_proof(bench: Bench) -> None:
    # Stripe drops it, which nobody is told in time; proved absent, it goes out again.
    bench.take(call("c"))
    bench.meter.script = [lose_answer, *[lose_request] * 5]
    bench.sync()
    report(bench, name_of(bench, 0), count=1)
    lose(bench, 0)
    prove_absent(bench)
    assert states(bench) == ["synced"]
    bench.meter.hidden = {name_of(bench, 0)}
    for _ in range(3):
        assert bench.sync().rejected == 0
        bench.clock.advance(hours=2)
    bench.meter.hidden.clear()
    bench.sync()
    assert (states(bench), settled(bench)) == (["synced"], 1)
    assert bench.counted() == {"acme": 1}


@pytest.mark.parametrize("names", [("theirs-1",), ()])
def test_an_error_of_somebody_else_is_none_of_what_lags_whatever_was_stated(
    bench: Bench, names: tuple[str, ...]
) -> None:
    bench.take(call("c0", NOON, 60))
    bench.sync()
    bench.meter.hidden = {name_of(bench, 0)}
    report(bench, *names, count=1)
    for _ in range(4):
        assert bench.sync().rejected == 0
        bench.clock.advance(hours=2)
    bench.meter.hidden.clear()
    bench.sync()
    assert states(bench) == ["synced"]
    assert settled(bench) == 1


def test_a_request_that_left_long_after_it_was_written_down_is_suspect(
    bench: Bench,
) -> None:
    # A machine that sleeps between the two wakes up, and sends.
    bench.meter.watch = lambda _event: bench.clock.advance(hours=15)
    bench.take(call("c0", NOON, 60))
    bench.sync()
    lose(bench, 0)
    report(bench, count=1)
    bench.sync()
    query = "SELECT count(*) FROM meter_reading"
    assert bench.rows(query) == [(1,)]
