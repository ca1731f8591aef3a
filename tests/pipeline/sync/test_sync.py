"""A sync: what is staged, what each answer means, and what is never sent."""

from datetime import timedelta

import pytest

from billing.domain.meter_event import MeterEvent, SendAnswer, SendVerdict
from billing.ledger.audit import audit_log
from billing.ledger.schema.tables import account
from billing.pipeline.sync.send import Outcome
from tests.pipeline.bench import NOON, START, Bench, call, of
from tests.pipeline.fakes import (
    Reply,
    Request,
    StrictMeter,
    be_busy,
    count,
    lock_out,
    lose_answer,
    lose_request,
    refuse,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def duplicate(meter: StrictMeter, request: Request) -> SendAnswer:
    """Say that the identifier exists, as if it had been sent long before."""
    meter.counted.append(request)
    return SendAnswer(SendVerdict.DUPLICATE, 400, "req_9", "already exists")


@pytest.mark.parametrize(
    ("reply", "event", "outcome", "requests"),
    [
        (count, ("synced", "", 1), Outcome.SYNCED, 1),
        (duplicate, ("synced", "", 1), Outcome.SYNCED, 1),
        (refuse, ("failed", "rejected", 1), Outcome.REJECTED, 1),
        (be_busy, ("failed", "unanswered", 6), Outcome.UNANSWERED, 6),
        (lose_request, ("failed", "unanswered", 6), Outcome.UNANSWERED, 6),
        (lock_out, ("pending", "", 0), Outcome.WAITING, 1),
    ],
)
def test_every_answer_leads_to_its_state(
    bench: Bench, reply: Reply, event: object, outcome: Outcome, requests: int
) -> None:
    bench.meter.always = reply
    bench.take(call("c"))
    report = bench.sync()
    assert bench.events() == [event]
    assert dict(+report.outcomes) == {outcome: 1}
    assert len(bench.meter.requests) == requests
    assert report.clean is (outcome is Outcome.SYNCED)


def test_synced_always_names_its_evidence(bench: Bench) -> None:
    bench.meter.script = [count, lose_answer]
    bench.take(call("a"), call("b", NOON + HOUR))
    bench.sync()
    query = "SELECT evidence FROM meter_event ORDER BY id"
    assert bench.rows(query) == [("counted: req_1",), ("duplicate: req_1",)]


def test_every_attempt_is_kept_with_its_answer(bench: Bench) -> None:
    bench.meter.script = [lose_answer, be_busy]
    bench.take(call("c"))
    bench.sync()
    query = (
        "SELECT number, verdict, http_status, owner, idempotency_key "
        "FROM meter_attempt ORDER BY id"
    )
    key = "test-stripe_minutes-cus_acme-20260310T12-0"
    assert bench.rows(query) == [
        (1, "unknown", None, "tests", key),
        (2, "busy", 429, "tests", f"{key}:1"),
        (3, "duplicate", 400, "tests", f"{key}:2"),
    ]
    assert bench.counted() == {"acme": 1}


def test_an_hour_is_one_event_whatever_the_number_of_its_calls(bench: Bench) -> None:
    bench.take(
        *(call(f"a{n}", NOON + n * timedelta(seconds=7), 90) for n in range(100)),
        *(call(f"b{n}", NOON + HOUR) for n in range(3)),
        *(call(f"g{n}", **of("globex")) for n in range(2)),
    )
    assert bench.sync().staged == 3
    sent = sorted((r.event.customer, r.event.minutes) for r in bench.meter.requests)
    assert sent == [("acme", 3), ("acme", 200), ("globex", 2)]


def test_a_second_sync_sends_nothing(bench: Bench) -> None:
    bench.take(call("c"))
    bench.sync()
    report = bench.sync()
    assert (report.staged, dict(report.outcomes)) == (0, {})
    assert len(bench.meter.requests) == 1


def test_a_late_difference_is_an_event_with_a_minute_of_its_own(bench: Bench) -> None:
    bench.take(call("c", seconds=60))
    bench.sync()
    bench.source.change("c", duration_seconds=300)
    bench.pull()
    bench.sync()
    first, second = [request.event for request in bench.meter.requests]
    assert (first.minutes, first.timestamp) == (1, NOON)
    assert (second.minutes, second.timestamp) == (4, NOON + timedelta(minutes=1))
    assert second.identifier == "test-stripe_minutes-cus_acme-20260310T12-1"
    assert bench.counted() == {"acme": 5}


def test_more_usage_of_an_event_that_waits_is_another_event(bench: Bench) -> None:
    bench.meter.always = lose_request
    bench.take(call("a"))
    bench.sync()
    bench.take(call("b", seconds=120))
    bench.meter.always = count
    bench.sync()
    sent = [(e.event.sequence, e.event.minutes) for e in bench.meter.counted]
    assert sent == [(0, 1), (1, 2)]


def test_rows_that_cancel_out_are_done_without_a_request(bench: Bench) -> None:
    bench.take(call("c"))
    bench.source.change("c", started_at=None)
    bench.pull()
    assert bench.sync().staged == 1
    assert bench.meter.requests == []
    assert bench.events() == [("synced", "", 0)]


def test_an_hour_is_staged_once_it_is_over(bench: Bench) -> None:
    bench.clock.advance(minutes=30)
    bench.take(call("c", START + timedelta(minutes=5)))
    assert bench.sync().staged == 0
    bench.clock.advance(minutes=30)
    assert bench.sync().staged == 1
    assert bench.counted() == {"acme": 1}


def test_at_once_an_hour_is_staged_before_it_is_over(bench: Bench) -> None:
    bench.clock.advance(minutes=30)
    bench.take(call("a", START + timedelta(minutes=5)))
    bench.at_once = True
    assert bench.sync().outcomes == {Outcome.SYNCED: 1}
    bench.take(call("b", START + timedelta(minutes=20)))
    bench.sync()
    assert [e.event.sequence for e in bench.meter.counted] == [0, 1]


def test_an_event_whose_minute_is_to_come_waits(bench: Bench) -> None:
    bench.clock.advance(seconds=30)
    bench.at_once = True
    for number in range(7):
        bench.take(call(f"c{number}", START))
        report = bench.sync()
    # Half a minute into the hour, its minutes up to the fourth may be sent.
    assert report.outcomes == {Outcome.WAITING: 2}
    assert len(bench.meter.counted) == 5
    bench.clock.advance(hours=1)
    assert bench.sync().outcomes == {Outcome.SYNCED: 2}


def test_an_event_too_old_for_the_meter_expires_unsent(bench: Bench) -> None:
    bench.clock.advance(days=20)
    bench.take(call("old", NOON), call("new", START + 19 * DAY))
    bench.clock.advance(days=15)
    assert bench.sync().outcomes == {Outcome.EXPIRED: 1, Outcome.SYNCED: 1}
    assert bench.events()[0] == ("failed", "expired", 0)
    assert len(bench.meter.requests) == 1


def test_the_sixty_first_event_of_an_hour_is_for_a_person(bench: Bench) -> None:
    bench.source.calls.append(call("c", seconds=0))
    for minutes in range(1, 62):
        bench.source.change("c", duration_seconds=60 * minutes)
        bench.pull()
        report = bench.sync()
    assert report.full_hours == [("acme", NOON)]
    assert not report.clean
    assert len(bench.meter.counted) == 60
    assert bench.counted() == {"acme": 60}


def test_events_of_a_customer_unknown_to_the_meter_are_held_back(bench: Bench) -> None:
    bench.meter.missing = {"cus_acme"}
    bench.take(call("a"), call("g", **of("globex")))
    report = bench.sync()
    assert report.no_such_customer == ["acme"]
    assert report.outcomes == {Outcome.WAITING: 1, Outcome.SYNCED: 1}
    assert not report.clean
    assert bench.counted() == {"globex": 1}
    bench.meter.missing = set()
    bench.sync()
    assert bench.counted() == {"globex": 1, "acme": 1}


def test_a_customer_that_left_the_settings_is_not_staged(bench: Bench) -> None:
    bench.take(call("g", **of("globex")))
    del bench.stripe_customers["globex"]
    assert bench.sync().staged == 0
    assert bench.meter.requests == []


def test_an_event_in_flight_keeps_its_customer_when_the_settings_change(
    bench: Bench,
) -> None:
    bench.meter.always = lose_request
    bench.take(call("a"))
    bench.sync()
    bench.stripe_customers["acme"] = "cus_other"
    bench.meter.always = count
    bench.sync()
    assert bench.meter.counted[0].event.stripe_customer == "cus_acme"


def test_one_poisoned_customer_does_not_stop_the_others(bench: Bench) -> None:
    bench.meter.by_customer = {"acme": refuse}
    bench.take(
        *(call(f"a{n}", NOON + n * HOUR) for n in range(3)),
        *(call(f"g{n}", NOON + n * HOUR, **of("globex")) for n in range(3)),
    )
    report = bench.sync()
    assert report.outcomes == {Outcome.REJECTED: 3, Outcome.SYNCED: 3}
    assert bench.counted() == {"globex": 3}


def test_what_was_rejected_is_not_sent_again_by_itself(bench: Bench) -> None:
    bench.meter.always = refuse
    bench.take(call("c"))
    bench.sync()
    bench.meter.always = count
    bench.clock.advance(hours=1)
    assert dict(bench.sync().outcomes) == {}
    assert len(bench.meter.requests) == 1


def test_the_attempt_is_durable_and_no_transaction_is_open_while_it_is_sent(
    either_bench: Bench,
) -> None:
    bench = either_bench
    seen: list[tuple[object, ...]] = []

    def look(event: MeterEvent) -> None:
        query = (
            "SELECT e.identifier, a.number, a.owner, a.verdict FROM meter_attempt a "
            "JOIN meter_event e ON e.id = a.event_id WHERE e.identifier = :name "
            "ORDER BY a.number DESC LIMIT 1"
        )
        seen.extend(bench.rows(query, name=event.identifier))
        # A transaction that is open anywhere would make this wait, then fail.
        with bench.ledger.writing() as connection:
            audit_log.touch(connection, account, [])
            connection.exec_driver_sql("UPDATE account SET name = name")
        if not bench.ledger.on_sqlite:
            seen.extend(bench.rows(IDLE))

    bench.meter.watch = look
    bench.meter.script = [lose_request, lose_answer]
    bench.take(call("c"))
    bench.sync()
    name = "test-stripe_minutes-cus_acme-20260310T12-0"
    assert seen == [(name, number, "tests", None) for number in (1, 2, 3)]


IDLE = (
    "SELECT state, query FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
)
