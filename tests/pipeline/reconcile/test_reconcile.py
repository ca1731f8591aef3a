"""Reconciliation: when books agree, when a figure may be believed, what is kept."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.errors import MeterUnavailable, SourceUnavailable
from billing.ledger.reconcile.runs import Reconciliation
from billing.pipeline.reconcile.reconcile import AFTER_PULL, BY_TOTALS
from billing.ports import SourceTotals
from tests.pipeline.bench import APRIL, MARCH, NOON, Bench, call, of
from tests.pipeline.fakes import Killed, ListedSource, StrictMeter, count, kill_after

FIRST = "test-stripe_minutes-cus_acme-20260310T12-0"


def synced(bench: Bench) -> None:
    """Bring two customers level in all three books."""
    bench.take(call("a", seconds=300), call("g", seconds=61, **of("globex")))
    bench.sync()


def totals(report: Reconciliation) -> dict[str, tuple[int, int, int]]:
    """Return each customer's minutes in the three books."""
    return {
        one.customer: (one.pamela_minutes, one.ledger_minutes, one.stripe_minutes)
        for one in report.customers
    }


def test_three_books_that_agree_are_clean_at_once(bench: Bench) -> None:
    synced(bench)
    report = bench.reconcile()
    assert totals(report) == {"acme": (5, 5, 5), "globex": (2, 2, 2)}
    assert (report.clean, report.settled, report.needs_a_person) == (True, True, False)
    assert report.difference_minutes == 0


def test_a_month_without_a_call_is_clean(bench: Bench) -> None:
    bench.pull()
    assert bench.reconcile().clean


def test_a_reading_that_differs_is_believed_when_it_stays_the_same(
    bench: Bench,
) -> None:
    synced(bench)
    bench.meter.hidden = {FIRST}
    steps = [
        # minutes after the send, and whether the reading is settled by then
        (0, False),
        (119, False),  # too soon after the last send to count as a reading
        (120, False),  # the first that counts
        (149, False),  # less than half an hour later
        (150, True),
        (200, True),
    ]
    now = 0
    for minutes, settled in steps:
        bench.clock.advance(minutes=minutes - now)
        now = minutes
        report = bench.reconcile()
        assert report.settled is settled, minutes
        causes = {item.cause for one in report.customers for item in one.breaks}
        assert causes == {Cause.NOT_COUNTED if settled else Cause.NOT_SETTLED}
        assert report.difference_minutes == -5
        assert report.needs_a_person is settled


@pytest.mark.parametrize("thorough", [False, True])
def test_minutes_of_somebody_else_do_not_stand_in_for_ours(
    bench: Bench, thorough: bool
) -> None:
    synced(bench)
    [ours] = [one for one in bench.meter.counted if one.event.identifier == FIRST]
    theirs = replace(ours.event, hour=NOON + timedelta(hours=1), sequence=9)
    bench.meter.counted.append(replace(ours, event=theirs))
    bench.clock.advance(hours=3)
    assert bench.reconcile().difference_minutes == 5
    bench.meter.hidden = {FIRST}
    report = bench.reconcile(depth=AFTER_PULL if thorough else BY_TOTALS)
    assert totals(report)["acme"] == (5, 5, 5)
    assert (report.settled, report.clean) == (False, False)
    bench.meter.hidden.clear()
    assert bench.reconcile().difference_minutes == 5


def test_a_reading_that_still_moves_is_not_settled(bench: Bench) -> None:
    bench.take(*(call(f"c{n}", NOON + n * timedelta(hours=1)) for n in range(4)))
    bench.sync()
    names = [request.event.identifier for request in bench.meter.requests]
    for shown in range(4):
        bench.clock.advance(hours=3)
        bench.meter.hidden = set(names[shown:])
        assert bench.reconcile().settled is False
    bench.meter.hidden = set()
    assert bench.reconcile().clean


def test_a_new_send_starts_the_wait_anew(bench: Bench) -> None:
    synced(bench)
    bench.meter.hidden = {FIRST}
    bench.clock.advance(hours=3)
    bench.reconcile()
    bench.clock.advance(hours=1)
    bench.take(call("b", NOON + timedelta(hours=1)))
    bench.sync()
    assert bench.reconcile().settled is False


def test_totals_that_agree_by_chance_are_not_settled_while_an_answer_is_missing(
    bench: Bench,
) -> None:
    bench.meter.script = [kill_after]
    bench.take(call("a", seconds=300))
    with pytest.raises(Killed):
        bench.sync()
    report = bench.reconcile()
    assert report.difference_minutes == 0
    assert (report.settled, report.clean) == (False, False)


def test_a_pull_that_failed_keeps_the_month_unsettled(bench: Bench) -> None:
    synced(bench)

    class Gone(ListedSource):
        def read_totals(self, period: object) -> SourceTotals:
            raise SourceUnavailable("main", "HTTP 503")

    steady, bench.source = bench.source, Gone()
    with pytest.raises(SourceUnavailable):
        bench.pull()
    bench.source = steady
    report = bench.reconcile()
    assert report.complete is False
    assert (report.settled, report.clean) == (False, False)
    bench.pull()
    assert bench.reconcile().clean


def test_a_month_that_was_never_pulled_is_not_settled(bench: Bench) -> None:
    assert bench.reconcile().settled is False


def test_a_total_of_the_source_that_its_calls_do_not_bear_out_is_shown(
    bench: Bench,
) -> None:
    synced(bench)
    bench.source.minutes = 9
    report = bench.reconcile()
    account = report.accounts[0]
    assert (account.usage_minutes, account.calls_minutes) == (9, 7)
    assert account.difference_minutes == -2
    assert (report.clean, report.needs_a_person) == (False, True)
    assert report.difference_minutes == 0
    kept = "SELECT account, customer, cause, minutes FROM reconciliation_break"
    assert bench.rows(kept) == [("main", None, "source_total_differs", -2)]


def test_a_source_without_totals_is_taken_at_its_calls(bench: Bench) -> None:
    bench.source.silent_totals = True
    synced(bench)
    report = bench.reconcile()
    assert report.accounts[0].usage_minutes is None
    assert report.clean


def test_a_source_that_moves_while_it_is_compared_is_no_difference(
    bench: Bench,
) -> None:
    synced(bench)

    class Moving(ListedSource):
        def read_totals(self, period: object) -> SourceTotals:
            minutes, self.minutes = self.minutes, 7
            return SourceTotals(None, minutes)

    moving = Moving()
    moving.calls, moving.minutes = bench.source.calls, 8
    bench.source = moving
    assert bench.reconcile().accounts[0].difference_minutes == 0


def test_a_book_that_cannot_be_read_gives_no_figure(bench: Bench) -> None:
    synced(bench)

    class Down(StrictMeter):
        def read_total(self, stripe_customer: str, window: object) -> int:
            raise MeterUnavailable("HTTP 503")

    bench.meter = Down(bench.clock)
    with pytest.raises(MeterUnavailable):
        bench.reconcile()
    assert bench.rows("SELECT count(*) FROM reconciliation_run") == [(0,)]


def test_every_run_is_kept_with_its_readings_and_breaks(bench: Bench) -> None:
    synced(bench)
    bench.reconcile()
    bench.source.calls.append(call("late", NOON, 90))
    bench.clock.advance(minutes=1)
    bench.reconcile()
    runs = "SELECT period, settled, complete, difference_minutes, breaks "
    runs += "FROM reconciliation_run ORDER BY id"
    assert bench.rows(runs) == [("2026-03", 1, 1, 0, 0), ("2026-03", 1, 1, -2, 1)]
    readings = "SELECT run_id, customer, pamela_minutes, ledger_minutes, "
    readings += "stripe_minutes, settled FROM reconciliation_reading ORDER BY id"
    assert bench.rows(readings) == [
        (1, "acme", 5, 5, 5, 1),
        (1, "globex", 2, 2, 2, 1),
        (2, "acme", 7, 5, 5, 1),
        (2, "globex", 2, 2, 2, 1),
    ]
    breaks = "SELECT run_id, customer, cause, minutes, calls FROM reconciliation_break"
    assert bench.rows(breaks) == [(2, "acme", "late_call", -2, json.dumps(["late"]))]


def test_months_do_not_mix(bench: Bench) -> None:
    bench.clock.advance(days=25)
    bench.source.calls += [
        call("march", MARCH.end - timedelta(microseconds=1), 300),
        call("april", APRIL.start, 61),
    ]
    bench.pull(MARCH)
    bench.pull(APRIL)
    bench.sync()
    assert totals(bench.reconcile(MARCH))["acme"] == (5, 5, 5)
    assert totals(bench.reconcile(APRIL))["acme"] == (2, 2, 2)


def test_a_customer_that_left_the_settings_is_still_accounted_for(
    bench: Bench,
) -> None:
    synced(bench)
    del bench.stripe_customers["globex"]
    report = bench.reconcile()
    assert totals(report) == {"acme": (5, 5, 5), "globex": (2, 2, 2)}
    assert report.clean


def test_an_account_that_left_the_settings_is_not_taken_as_read(bench: Bench) -> None:
    synced(bench)
    terms = bench.reconcile_options()
    bench.source = ListedSource("other")
    other = bench.reconcile_options()
    assert [source.account for source, _ in terms.sources] == ["main"]
    assert [source.account for source, _ in other.sources] == ["other"]
    report = bench.reconcile()
    complete = {account.account: account.complete for account in report.accounts}
    assert complete == {"other": False, "main": False}
    assert totals(report)["acme"] == (5, 5, 5)


def test_a_cycle_ends_at_zero_and_the_next_one_finds_nothing_to_do(
    either_bench: Bench,
) -> None:
    bench = either_bench
    bench.source.calls += [
        call(f"c{n}", NOON + n * timedelta(minutes=7), 31 * n, **of(customer))
        for customer in bench.customers
        for n in range(1, 40)
    ]
    for record in bench.source.calls:
        record["id"] = f"{record['id']}-{record['metadata']}"
    bench.clock.advance(days=1)
    for attempt in range(3):
        report = bench.cycle()
        assert not report.failed
        assert report.reconciliations[0].clean
        assert report.reconciliations[0].difference_minutes == 0
        assert (report.sync is not None and report.sync.staged > 0) is (attempt == 0)
        bench.clock.advance(hours=1)
    assert bench.counted() == bench.minutes()
    assert all(request.key for request in bench.meter.requests)
    assert bench.meter.always is count
