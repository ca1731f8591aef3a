"""First contact: no first meeting with a meter is trusted."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billing.domain.break_causes import Cause
from billing.domain.meter_contact import FirstSendWait, Opening
from billing.ledger.audit.audit_log import Actor
from billing.ledger.database import Ledger, open_ledger
from billing.ledger.reconcile import case_list
from billing.ledger.sync.contact_context import state_sole_reporter
from billing.pipeline.sync.send import Outcome
from tests.pipeline.bench import APRIL, MARCH, NOON, START, Bench, call, of
from tests.pipeline.fakes import Killed, kill_after
from tests.pipeline.sync.contact.contacts import CONTACTS, openings, stranger

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def new(ledger: Ledger) -> Iterator[Bench]:
    """Give a new ledger of which nobody stated anything."""
    bench = Bench(ledger=ledger, sole_reporter=False)
    yield bench
    assert bench.meter.broken_rules == []


@pytest.fixture
def second(bench: Bench, sqlite_template: Path, tmp_path: Path) -> Iterator[Bench]:
    """Give another, empty ledger on the meter of the first, that is stated as sole."""
    file = shutil.copy(sqlite_template, tmp_path / "second.db")
    ledger = open_ledger(f"sqlite:///{file}")
    other = Bench(ledger=ledger, clock=bench.clock, source=bench.source)
    other.meter = bench.meter
    yield other
    ledger.close()


def acknowledge(bench: Bench) -> None:
    with bench.ledger.writing() as connection:
        for case in case_list.list_cases(connection, case_list.CaseFilter()):
            actor = Actor("a person", bench.clock.now())
            case_list.acknowledge(connection, actor, [case.number], "it is known")


def test_a_new_ledger_sends_after_two_equal_readings_a_day_apart(new: Bench) -> None:
    new.take(call("c", NOON, 300))
    report = new.sync()
    wait = FirstSendWait("acme", MARCH, START + DAY)
    assert (report.contact.waits, report.clean) == ([wait], True)
    assert report.outcomes == {Outcome.WAITING: 1}
    for _ in range(23):
        new.clock.advance(hours=1)
        assert new.sync().contact.waits == [wait]
    assert new.rows(CONTACTS) == [("acme", "2026-03", 0, 0, 0)]
    new.clock.advance(hours=1)
    assert new.sync().outcomes == {Outcome.SYNCED: 1}
    assert new.rows(CONTACTS) == [("acme", "2026-03", 0, 0, 0)] * 2
    new.take(call("d", NOON + HOUR, 60))
    assert new.sync().outcomes == {Outcome.SYNCED: 1}
    assert len(new.rows(CONTACTS)) == 2
    assert new.counted() == {"acme": 6}


def test_what_a_month_showed_is_durable_before_anything_is_sent_into_it(
    either_bench: Bench,
) -> None:
    bench, seen = either_bench, list[tuple[object, ...]]()
    bench.meter.watch = lambda _event: seen.extend(bench.rows(CONTACTS))
    bench.take(call("c", NOON, 300))
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}
    assert seen == [("acme", "2026-03", 0, 0, 0)]


def test_what_a_lagging_summary_shows_only_a_day_later_is_an_opening(
    new: Bench,
) -> None:
    stranger(new, 7)
    new.meter.hidden = {request.event.identifier for request in new.meter.counted}
    new.take(call("c", NOON, 300))
    assert openings(new) == []
    new.clock.advance(days=1)
    new.meter.hidden = set()
    assert openings(new) == [Opening("acme", MARCH, 7)]
    assert new.meter.requests == []


def test_a_second_ledger_on_the_meter_sends_nothing(
    bench: Bench, second: Bench
) -> None:
    bench.take(call("c", NOON, 300), call("g", NOON, 60, **of("globex")))
    bench.sync()
    sent = list(bench.meter.requests)
    bench.clock.advance(days=2)
    second.pull()
    for _ in range(3):
        report = second.sync()
        found = [Opening("acme", MARCH, 5), Opening("globex", MARCH, 1)]
        assert sorted(report.contact.openings) == found
        assert not report.clean
        second.clock.advance(hours=1)
    assert bench.meter.requests == sent


def test_a_statement_makes_one_reading_enough_and_the_meter_wins_over_it(
    bench: Bench,
) -> None:
    bench.take(call("c", NOON, 300))
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}
    assert bench.rows(CONTACTS) == [("acme", "2026-03", 0, 0, 0)]
    stranger(bench, 3)
    bench.clock.advance(days=21)
    stranger(bench, 4, APRIL.start)
    bench.source.calls.append(call("d", APRIL.start, 60))
    bench.pull(APRIL)
    assert openings(bench) == [Opening("acme", APRIL, 4)]


def test_a_person_states_it_or_takes_it_back_of_one_customer(new: Bench) -> None:
    def state(customer: str | None, *, withdrawn: bool) -> None:
        with new.ledger.writing() as connection:
            actor = Actor("a person", new.clock.now())
            state_sole_reporter(
                connection, actor, "asked", customer, withdrawn=withdrawn
            )

    state(None, withdrawn=False)
    state("globex", withdrawn=True)
    new.take(call("c", NOON, 300), call("g", NOON, 60, **of("globex")))
    report = new.sync()
    assert [wait.customer for wait in report.contact.waits] == ["globex"]
    assert new.counted() == {"acme": 5}
    query = "SELECT subject, reason FROM audit_event WHERE action = "
    query += "'meter.sole_reporter' ORDER BY id"
    assert new.rows(query) == [("all", "asked"), ("globex", "asked")]


def test_own_events_of_a_month_that_is_watched_are_its_contact(bench: Bench) -> None:
    """As an upgraded ledger has it: nobody stated anything."""
    bench.take(call("c", NOON, 300))
    bench.sync()
    with bench.ledger.writing() as connection:
        actor = Actor("a person", bench.clock.now())
        state_sole_reporter(connection, actor, "as before", withdrawn=True)
    bench.reconcile()
    bench.clock.advance(hours=20)
    bench.take(call("d", NOON + HOUR, 60))
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}
    assert len(bench.rows(CONTACTS)) == 1


def test_a_forgotten_ledger_reads_the_month_before_it_goes_on(
    bench: Bench,
) -> None:
    """It sent into the month once; meanwhile another ledger took over."""
    bench.take(call("c", NOON, 300))
    bench.sync()
    bench.reconcile()
    stranger(bench, 60, NOON + HOUR)
    bench.clock.advance(days=3)
    bench.take(call("d", NOON + HOUR, 3_600))
    assert openings(bench) == [Opening("acme", MARCH, 60)]
    assert len(bench.meter.requests) == 1


def test_a_known_customers_next_month_needs_no_request_once_it_was_reconciled(
    either_bench: Bench,
) -> None:
    bench = either_bench
    end = datetime(2026, 3, 31, 12, tzinfo=UTC)
    bench.clock.advance(days=20)
    bench.take(call("c", end - HOUR, 300))
    bench.sync()
    with bench.ledger.writing() as connection:
        actor = Actor("a person", bench.clock.now())
        state_sole_reporter(connection, actor, "not sure", withdrawn=True)
    bench.clock.advance(hours=13)
    bench.reconcile()
    bench.reconcile(APRIL)
    bench.source.calls.append(call("d", APRIL.start + HOUR / 2, 60))
    bench.clock.advance(hours=1)
    bench.pull(APRIL)
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}
    assert len(bench.rows(CONTACTS)) == 1


def test_a_known_customers_next_month_takes_one_request_where_nobody_read_it(
    bench: Bench,
) -> None:
    end = datetime(2026, 3, 31, 12, tzinfo=UTC)
    bench.clock.advance(days=20)
    bench.take(call("c", end - HOUR, 300))
    bench.sync()
    bench.reconcile()
    with bench.ledger.writing() as connection:
        actor = Actor("a person", bench.clock.now())
        state_sole_reporter(connection, actor, "not sure", withdrawn=True)
    bench.source.calls.append(call("d", APRIL.start + HOUR / 2, 60))
    bench.clock.advance(hours=14)
    bench.pull(APRIL)
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}
    assert bench.rows(CONTACTS)[1:] == [("acme", "2026-04", 0, 0, 0)]


def test_minutes_above_the_ledger_stop_sending_until_a_person_acknowledges_them(
    bench: Bench,
) -> None:
    bench.take(call("c", NOON, 300), call("g", NOON, 60, **of("globex")))
    bench.sync()
    stranger(bench, 3)
    assert bench.reconcile().needs_a_person
    bench.take(call("d", NOON + HOUR, 60), call("h", NOON + HOUR, 60, **of("globex")))
    report = bench.sync()
    (stop,) = report.contact.stops
    assert (stop.customer, stop.cause, stop.minutes) == (
        "acme",
        Cause.ABOVE_LEDGER,
        3,
    )
    assert not report.clean
    assert bench.counted() == {"acme": 8, "globex": 2}
    acknowledge(bench)
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}
    # By whichever name the same minutes go, they stay acknowledged.
    for hours in (1, 3, 1):
        bench.reconcile()
        bench.clock.advance(hours=hours)
        bench.take(call(f"e{hours}{bench.clock.now()}", NOON + hours * HOUR, 60))
        assert not bench.sync().contact.needs_a_person
    # A further rise stops it again.
    stranger(bench, 2)
    bench.reconcile()
    bench.take(call("last", NOON + 9 * HOUR, 60))
    (stop,) = bench.sync().contact.stops
    assert stop.minutes == 5


def test_sending_goes_on_by_itself_once_the_minutes_are_gone(bench: Bench) -> None:
    bench.take(call("c", NOON, 300))
    bench.sync()
    stranger(bench, 3)
    bench.reconcile()
    bench.take(call("d", NOON + HOUR, 60))
    assert bench.sync().contact.stops
    del bench.meter.counted[-1]
    bench.reconcile()
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}


def test_an_uncertain_event_can_be_ours(either_bench: Bench) -> None:
    bench = either_bench
    bench.meter.script = [kill_after]
    bench.take(call("c", NOON, 300))
    with pytest.raises(Killed):
        bench.sync()
    bench.meter.hidden = {request.event.identifier for request in bench.meter.counted}
    bench.clock.advance(days=2)
    bench.take(call("d", NOON + HOUR, 60))
    assert openings(bench) == []
    assert bench.rows(CONTACTS)[-1] == ("acme", "2026-03", 0, 0, 5)
