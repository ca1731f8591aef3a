"""Reconciliation: each cause made to happen, and every minute of it accounted for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.metering import Answer, FailReason, Verdict
from billing.domain.reconciling import Break, Cause, CustomerFinding
from billing.ledger import outbox
from billing.ledger.findings import Reconciliation
from tests.pipeline.bench import NOON, START, Bench, call, of
from tests.pipeline.fakes import (
    Killed,
    Reply,
    Request,
    StrictMeter,
    count,
    kill_after,
    lock_out,
    lose_answer,
    lose_request,
    refuse,
)

HOUR = timedelta(hours=1)
PRICE_MICRO = 100_000


def take_and_sync(bench: Bench, reply: Reply = count) -> None:
    """Pull one call of five minutes and send it, with this reply."""
    bench.take(call("c", seconds=300))
    bench.meter.always = reply
    try:
        bench.sync()
    except Killed:
        bench.clock.advance(seconds=1)
    bench.meter.always = count


def found_of(bench: Bench) -> CustomerFinding:
    """Reconcile, and return what was found of acme."""
    report = bench.reconcile()
    adds_up(report)
    return next(one for one in report.customers if one.customer == "acme")


def adds_up(report: Reconciliation) -> None:
    """Check that the breaks of each customer are its difference, to the minute."""
    for one in report.customers:
        explained = sum(item.minutes for item in one.breaks)
        assert explained == one.difference_minutes, one
        assert one.unexplained_minutes == 0


def settle(bench: Bench) -> None:
    """Read twice, long after the last send and far enough apart."""
    for _ in range(2):
        bench.clock.advance(hours=2, minutes=1)
        adds_up(bench.reconcile())
        bench.clock.advance(minutes=31)


def late_call(bench: Bench) -> None:
    take_and_sync(bench)
    bench.source.calls.append(call("late", NOON + HOUR, 120))


def changed_call(bench: Bench) -> None:
    take_and_sync(bench)
    bench.source.change("c", duration_seconds=420)


def missing_at_source(bench: Bench) -> None:
    take_and_sync(bench)
    bench.source.remove("c")


def source_minutes_differ(bench: Bench) -> None:
    bench.source.calls.append(call("gap", seconds=300, billed_minutes=7))
    bench.pull()
    bench.sync()


def not_staged(bench: Bench) -> None:
    bench.take(call("c", START - timedelta(minutes=1), 300))


def in_flight(bench: Bench) -> None:
    take_and_sync(bench, lock_out)


def unanswered(bench: Bench) -> None:
    take_and_sync(bench, lose_request)


def rejected(bench: Bench) -> None:
    take_and_sync(bench, refuse)


def uncertain(bench: Bench) -> None:
    take_and_sync(bench, lose_request)
    bench.clock.advance(hours=24)
    bench.sync()


def expired(bench: Bench) -> None:
    bench.take(call("c", seconds=300))
    bench.clock.advance(days=40)
    bench.sync()


def fail(bench: Bench, reason: FailReason) -> None:
    take_and_sync(bench, lock_out)
    with bench.ledger.writing() as connection:
        event = outbox.event_numbered(connection, 1)
        outbox.move_to_failed(connection, event, reason)


def cancelling(bench: Bench) -> None:
    fail(bench, FailReason.CANCELLING)


def voided(bench: Bench) -> None:
    fail(bench, FailReason.VOIDED)


def counted_unrecorded(bench: Bench) -> None:
    take_and_sync(bench, kill_after)


def not_settled(bench: Bench) -> None:
    take_and_sync(bench)
    bench.meter.hidden = {"test-stripe_minutes-cus_acme-20260310T12-0"}


def unknown_customer(bench: Bench) -> None:
    take_and_sync(bench)
    bench.meter.missing = {"cus_acme"}


def not_counted(bench: Bench) -> None:
    not_settled(bench)
    settle(bench)


def foreign_event(bench: Bench) -> None:
    take_and_sync(bench)
    request = bench.meter.requests[0]
    stranger = replace(request.event, sequence=9, minutes=3)
    bench.meter.counted.append(Request(stranger, "k", request.at))
    settle(bench)


CASES: dict[Cause, tuple[Callable[[Bench], None], int]] = {
    Cause.LATE_CALL: (late_call, -2),
    Cause.CHANGED_CALL: (changed_call, -2),
    Cause.MISSING_AT_SOURCE: (missing_at_source, 5),
    Cause.SOURCE_MINUTES_DIFFER: (source_minutes_differ, -2),
    Cause.NOT_STAGED: (not_staged, -5),
    Cause.IN_FLIGHT: (in_flight, -5),
    Cause.UNANSWERED: (unanswered, -5),
    Cause.REJECTED: (rejected, -5),
    Cause.UNCERTAIN: (uncertain, -5),
    Cause.EXPIRED: (expired, -5),
    Cause.CANCELLING: (cancelling, -5),
    Cause.VOIDED: (voided, -5),
    Cause.COUNTED_UNRECORDED: (counted_unrecorded, 5),
    Cause.NOT_SETTLED: (not_settled, -5),
    Cause.UNKNOWN_CUSTOMER: (unknown_customer, -5),
    Cause.NOT_COUNTED: (not_counted, -5),
    Cause.FOREIGN_EVENT: (foreign_event, 3),
}


def test_every_cause_of_the_closed_list_is_made_to_happen() -> None:
    assert set(CASES) == set(Cause)


@pytest.mark.parametrize("cause", CASES)
def test_a_difference_has_its_cause_and_all_its_minutes(
    bench: Bench, cause: Cause
) -> None:
    arrange, minutes = CASES[cause]
    arrange(bench)
    found = found_of(bench)
    breaks = {item.cause: item for item in found.breaks}
    assert breaks[cause].minutes == minutes
    if cause is not Cause.SOURCE_MINUTES_DIFFER:
        assert breaks[cause].amount_micro == minutes * PRICE_MICRO
    expected = {cause} | (
        {Cause.IN_FLIGHT} if cause is Cause.COUNTED_UNRECORDED else set()
    )
    assert set(breaks) == expected


@pytest.mark.parametrize(
    ("cause", "name"),
    [
        (Cause.LATE_CALL, "late"),
        (Cause.CHANGED_CALL, "c"),
        (Cause.MISSING_AT_SOURCE, "c"),
        (Cause.SOURCE_MINUTES_DIFFER, "gap"),
        (Cause.NOT_STAGED, "c"),
        (Cause.UNANSWERED, "c"),
        (Cause.REJECTED, "c"),
    ],
)
def test_a_difference_is_followed_down_to_its_calls(
    bench: Bench, cause: Cause, name: str
) -> None:
    CASES[cause][0](bench)
    assert [item.calls for item in found_of(bench).breaks] == [(name,)]


@pytest.mark.parametrize("cause", [Cause.NOT_COUNTED, Cause.FOREIGN_EVENT])
def test_a_difference_at_the_meter_names_its_hour(bench: Bench, cause: Cause) -> None:
    CASES[cause][0](bench)
    assert [item.hour for item in found_of(bench).breaks] == [NOON]


def test_what_is_lost_in_one_hour_does_not_hide_in_another(bench: Bench) -> None:
    bench.take(call("a", NOON, 300), call("b", NOON + HOUR, 300))
    bench.sync()
    bench.meter.hidden = {"test-stripe_minutes-cus_acme-20260310T12-0"}
    request = bench.meter.requests[1]
    stranger = replace(request.event, sequence=9, minutes=2)
    bench.meter.counted.append(Request(stranger, "k", request.at))
    settle(bench)
    found = {item.hour: (item.cause, item.minutes) for item in found_of(bench).breaks}
    assert found == {
        NOON: (Cause.NOT_COUNTED, -5),
        NOON + HOUR: (Cause.FOREIGN_EVENT, 2),
    }


def duplicate_of_nothing(meter: StrictMeter, request: Request) -> Answer:
    """Claim that an event exists which never counted."""
    return Answer(Verdict.DUPLICATE, 400, "req_1", "already exists")


def test_many_causes_at_once_still_add_up(bench: Bench) -> None:
    bench.meter.script = [count, refuse, duplicate_of_nothing]
    bench.meter.script += [lose_answer] * 6  # the first of them counts it
    bench.take(
        *(call(f"a{n}", NOON + n * HOUR, 60 + 61 * n) for n in range(7)),
        call("gap", NOON, 90, billed_minutes=9),
    )
    bench.sync()
    bench.take(call("more", NOON, 600), call("g", **of("globex")))
    bench.source.change("a3", duration_seconds=1_000)
    bench.source.remove("a4")
    bench.source.calls.append(call("late", NOON + 9 * HOUR, 90))
    bench.source.change("gap", started_at=(NOON + HOUR).isoformat())
    for _ in range(3):
        adds_up(bench.reconcile())
        bench.clock.advance(hours=3)
    causes = {item.cause for item in found_of(bench).breaks}
    assert causes >= {Cause.REJECTED, Cause.LATE_CALL, Cause.NOT_COUNTED}


def test_the_breaks_that_wait_mend_themselves_and_the_others_ask_for_a_person(
    bench: Bench,
) -> None:
    late_call(bench)
    bench.take(call("recent", START - timedelta(minutes=1), 300))
    assert bench.reconcile().needs_a_person is False
    bench.clock.advance(hours=1)
    assert bench.cycle().reconciliations[0].clean
    bench.take(call("x", NOON - HOUR))
    bench.meter.always = refuse
    bench.sync()
    assert bench.reconcile().needs_a_person is True


def amount_of(breaks: tuple[Break, ...]) -> int:
    """Add up what the breaks are worth."""
    return sum(item.amount_micro for item in breaks)


def test_breaks_are_worth_what_their_minutes_are(bench: Bench) -> None:
    late_call(bench)
    changed = found_of(bench)
    assert amount_of(changed.breaks) == changed.difference_minutes * PRICE_MICRO
