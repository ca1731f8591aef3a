"""Outages and company: many customers, many threads, and two syncs at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import sleep

import pytest

from billing.domain.meter_event import MeterEvent, SendAnswer
from billing.domain.sender_count import AT_FIRST as SENDERS
from billing.errors import LedgerFault
from billing.ledger.database import Ledger, open_ledger
from billing.pipeline.circuit_breaker import AN_OUTAGE
from billing.pipeline.sync.send import Outcome
from tests.pipeline.bench import NOON, START, Bench, call, of
from tests.pipeline.fakes import (
    Reply,
    Request,
    StrictMeter,
    count,
    find_nobody,
    lose_request,
)
from tests.waiting import LONGEST_WAIT_SECONDS, wait_until

FIFTY = tuple(f"c{number}" for number in range(50))
HOUR = timedelta(hours=1)
ONE_BACKOFF = timedelta(seconds=1 + 2 + 4 + 8 + 16)


def crowded(ledger: Ledger, names: tuple[str, ...] = FIFTY, hours: int = 2) -> Bench:
    """Return a bench whose customers all have something to send."""
    bench = Bench(ledger=ledger, customers=names)
    bench.take(
        *(
            call(f"{name}-{hour}", NOON + hour * HOUR, **of(name))
            for name in names
            for hour in range(hours)
        )
    )
    return bench


def wait_in_company(bench: Bench) -> None:
    """Let no wait end before two threads have begun one: a sleep here takes no time.

    In the seconds that it stands for, the others would have met the same outage.
    """
    waiting: set[int] = set()

    def wait(_seconds: float) -> None:
        waiting.add(threading.get_ident())
        wait_until(lambda: len(waiting) >= AN_OUTAGE)

    bench.clock.on_sleep = wait


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(lose_request, "connection reset"), (find_nobody, "connection refused")],
)
def test_an_outage_costs_one_backoff_not_one_for_each_customer(
    sqlite_ledger: Ledger, reply: Reply, reason: str
) -> None:
    bench = crowded(sqlite_ledger)
    bench.meter.always = reply
    wait_in_company(bench)
    began = bench.clock.latest
    report = bench.sync()
    assert bench.clock.latest - began <= ONE_BACKOFF
    assert report.stopped_because == reason
    assert not report.clean
    states = [state for state, *_ in bench.events()]
    assert states.count("pending") >= len(states) - SENDERS
    asked = {request.event.customer for request in bench.meter.requests}
    assert len(asked) <= SENDERS
    assert sum(report.outcomes.values()) == len(states)


def test_after_an_outage_the_next_run_sends_everything_once(
    sqlite_ledger: Ledger,
) -> None:
    bench = crowded(sqlite_ledger)
    bench.meter.always = lose_request
    bench.sync()
    bench.clock.advance(hours=1)
    bench.meter.always = count
    assert bench.sync().clean
    assert bench.counted() == dict.fromkeys(FIFTY, 2)
    assert {state for state, *_ in bench.events()} == {"synced"}
    assert bench.meter.broken_rules == []


def test_one_customer_whose_events_go_unanswered_is_no_outage(
    sqlite_ledger: Ledger,
) -> None:
    bench = crowded(sqlite_ledger)
    bench.meter.by_customer = {"c7": lose_request}
    report = bench.sync()
    assert report.stopped_because is None
    assert report.outcomes[Outcome.UNANSWERED] == 1
    assert bench.counted() == dict.fromkeys(set(FIFTY) - {"c7"}, 2)


def lose_first_requests(customers: int) -> Reply:
    """Lose the first request of each of so many customers."""
    lost: set[str] = set()

    def reply(meter: StrictMeter, request: Request) -> SendAnswer:
        customer = request.event.customer
        if customer in lost or len(lost) == customers:
            return count(meter, request)
        lost.add(customer)
        return lose_request(meter, request)

    return reply


def test_an_outage_that_passes_stops_nobody(sqlite_ledger: Ledger) -> None:
    bench = crowded(sqlite_ledger)
    bench.meter.always = lose_first_requests(12)
    assert bench.sync().clean
    assert bench.counted() == dict.fromkeys(FIFTY, 2)


def test_nobody_waits_for_customers_that_were_too_old_to_go_on(
    sqlite_ledger: Ledger,
) -> None:
    bench = crowded(sqlite_ledger)
    bench.clock.on_sleep = lambda _: _sleep_a_day(bench)
    bench.meter.script = [lose_request] * 4
    report = bench.sync()
    assert report.stopped_because is None
    assert sum(report.outcomes.values()) == 100
    assert bench.meter.broken_rules == []


def _sleep_a_day(bench: Bench) -> None:
    on_sleep, bench.clock.on_sleep = bench.clock.on_sleep, lambda _: None
    bench.clock.sleep(24 * 3600)
    bench.clock.on_sleep = on_sleep


def test_a_fault_of_the_ledger_ends_the_sync_and_leaves_nobody_waiting(
    sqlite_ledger: Ledger,
) -> None:
    bench = crowded(sqlite_ledger)

    def break_ledger(meter: StrictMeter, request: Request) -> SendAnswer:
        with sqlite_ledger.writing() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER IF NOT EXISTS full BEFORE UPDATE ON meter_attempt "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        return lose_request(meter, request)

    bench.meter.always = break_ledger
    with pytest.raises(LedgerFault, match="full"):
        bench.sync()
    with sqlite_ledger.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    bench.meter.always = count
    bench.clock.advance(hours=1)
    assert bench.sync().clean
    assert bench.counted() == dict.fromkeys(FIFTY, 2)


def test_a_customer_has_one_request_in_flight_at_a_time(sqlite_ledger: Ledger) -> None:
    names = tuple(f"c{number}" for number in range(SENDERS))
    bench = crowded(sqlite_ledger, names, hours=4)
    together = threading.Barrier(2)

    def meet(event: MeterEvent) -> None:
        if event.hour == NOON:
            # Different customers do go side by side.
            together.wait(LONGEST_WAIT_SECONDS)

    bench.meter.watch = meet
    assert bench.sync().clean
    assert bench.meter.broken_rules == []
    for name in names:
        mine = [r.event for r in bench.meter.requests if r.event.customer == name]
        assert [event.hour for event in mine] == [NOON + n * HOUR for n in range(4)]


def test_two_syncs_at_once_never_send_for_one_customer_together(
    migrated_postgres_url: str,
) -> None:
    ledgers = [open_ledger(migrated_postgres_url) for _ in range(2)]
    names = tuple(f"c{number}" for number in range(12))
    first = crowded(ledgers[0], names, hours=4)
    second = Bench(ledger=ledgers[1], customers=names)
    second.meter = first.meter
    first.meter.watch = lambda _event: sleep(0.002)
    try:
        for _ in range(3):
            with ThreadPoolExecutor(2) as pool:
                reports = list(pool.map(lambda one: one.sync(), (first, second)))
            assert all(report.clean for report in reports)
        assert first.meter.broken_rules == []
        assert len(first.meter.counted) == len(first.meter.requests) == 48
        assert first.counted() == dict.fromkeys(names, 4)
        assert any(report.locked_by_another for report in reports) or first.sync().clean
    finally:
        for ledger in ledgers:
            ledger.close()


def test_a_customer_that_another_process_works_on_is_left_to_it(
    migrated_postgres_url: str,
) -> None:
    ledgers = [open_ledger(migrated_postgres_url) for _ in range(2)]
    first, second = (
        crowded(ledgers[0], ("acme",), hours=1),
        Bench(ledger=ledgers[1], customers=("acme",)),
    )
    met: list[list[str]] = []
    first.meter.watch = lambda _event: met.append(second.sync().locked_by_another)
    try:
        assert first.sync().outcomes == {Outcome.SYNCED: 1}
        assert met == [["acme"]]
        assert second.meter.requests == []
    finally:
        for ledger in ledgers:
            ledger.close()


def test_a_stop_lets_the_present_request_end_and_sends_no_other(
    sqlite_ledger: Ledger,
) -> None:
    bench = crowded(sqlite_ledger, ("acme",), hours=5)
    bench.stopping = lambda: len(bench.meter.requests) >= 2
    report = bench.sync()
    assert report.outcomes == {Outcome.SYNCED: 2, Outcome.WAITING: 3}
    assert bench.clock.now() == START
    bench.stopping = lambda: False
    assert bench.sync().outcomes == {Outcome.SYNCED: 3}
