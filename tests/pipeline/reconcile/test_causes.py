"""Reconciliation: each cause made to happen, and every minute of it accounted for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break, CustomerFinding
from billing.domain.meter_event import SendAnswer, SendVerdict
from billing.domain.period import BillingPeriod
from billing.ledger.audit.audit_log import Actor
from billing.ledger.reconcile.case_list import CaseFilter, acknowledge, list_cases
from billing.pipeline.reconcile.reconcile import BY_TOTALS, Depth
from tests.pipeline.bench import MARCH, NOON, START, Bench, call, of
from tests.pipeline.cause_cases import CASES
from tests.pipeline.fakes import Request, StrictMeter, count, lose_answer, refuse
from tests.pipeline.mishaps import (
    HOUR,
    PRICE_MICRO,
    adds_up,
    late_call,
    settle,
)

OF_ACCOUNTS = {
    Cause.SOURCE_TOTAL_DIFFERS,
    Cause.QUARANTINED,
    Cause.CALL_UNDERWAY,
    Cause.CALL_IN_TWO_ACCOUNTS,
    Cause.DECIDED,  # made to happen where a person decides
}


def found_of(
    bench: Bench, month: BillingPeriod = MARCH, depth: Depth = BY_TOTALS
) -> CustomerFinding:
    """Reconcile, and return what was found of acme."""
    report = bench.reconcile(month, depth)
    adds_up(report)
    return next(one for one in report.customers if one.customer == "acme")


def test_every_cause_of_the_closed_list_is_made_to_happen() -> None:
    # The others are an account's, not a customer's.
    assert {*CASES, *OF_ACCOUNTS} == set(Cause)


@pytest.mark.parametrize("cause", CASES)
def test_a_difference_has_its_cause_and_all_its_minutes(
    bench: Bench, cause: Cause
) -> None:
    case = CASES[cause]
    case.arrange(bench)
    found = found_of(bench, case.month, case.depth)
    breaks = {item.cause: item for item in found.breaks}
    assert breaks[cause].minutes == case.minutes
    if cause not in {Cause.SOURCE_MINUTES_DIFFER, Cause.INVOICE_DIFFERS}:
        assert breaks[cause].amount_micro == case.minutes * PRICE_MICRO
    assert set(breaks) == {cause, case.beside} - {None}


@pytest.mark.parametrize(
    "cause",
    [
        Cause.BILLED_IN_LATER_MONTH,
        Cause.CORRECTS_EARLIER_MONTH,
        Cause.SENT_IN_LATER_MONTH,
        Cause.CARRIES_EARLIER_MONTH,
        Cause.COUNTED_AFTER_ALL,
        Cause.INVOICED_BEFORE_IT_ARRIVED,
    ],
)
def test_both_databases_tell_the_same_causes(either_bench: Bench, cause: Cause) -> None:
    test_a_difference_has_its_cause_and_all_its_minutes(either_bench, cause)


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
    CASES[cause].arrange(bench)
    assert [item.calls for item in found_of(bench).breaks] == [(name,)]


@pytest.mark.parametrize("cause", [Cause.NOT_COUNTED, Cause.FOREIGN_EVENT])
def test_a_difference_at_the_meter_names_its_hour(bench: Bench, cause: Cause) -> None:
    CASES[cause].arrange(bench)
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


def test_a_cancellation_is_waited_for_like_a_send(bench: Bench) -> None:
    bench.take(call("a", NOON, 300), call("b", NOON, 120))
    bench.sync()
    settle(bench)
    event = bench.meter.counted[0]
    bench.source.change("b", duration_seconds=0, started_at=None)
    bench.take()
    bench.sync()
    assert bench.meter.cancels
    # Until the summary knows of it, it goes on showing what it showed before.
    bench.meter.counted.append(event)
    found = found_of(bench)
    assert not found.settled
    assert {item.cause for item in found.breaks} == {Cause.NOT_SETTLED}


def duplicate_of_nothing(meter: StrictMeter, request: Request) -> SendAnswer:
    """Claim that an event exists which never counted."""
    return SendAnswer(SendVerdict.DUPLICATE, 400, "req_1", "already exists")


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


def test_the_breaks_that_wait_heal_themselves_and_the_others_ask_for_a_person(
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


def test_who_is_asked_once_and_answers_is_asked_again_when_the_minutes_change(
    bench: Bench,
) -> None:
    bench.meter.always = refuse
    bench.take(call("x"))
    bench.sync()
    assert bench.reconcile().needs_a_person
    with bench.ledger.writing() as connection:
        actor = Actor("ada", bench.clock.now())
        for case in list_cases(connection, CaseFilter(period=MARCH)):
            acknowledge(connection, actor, [case.number], "known")
    assert not bench.reconcile().needs_a_person
    assert not bench.reconcile().clean
    bench.take(call("y", NOON + HOUR, 300))
    bench.sync()
    assert bench.reconcile().needs_a_person


def amount_of(breaks: tuple[Break, ...]) -> int:
    """Add up what the breaks are worth."""
    return sum(item.amount_micro for item in breaks)


def test_breaks_are_worth_what_their_minutes_are(bench: Bench) -> None:
    late_call(bench)
    changed = found_of(bench)
    assert amount_of(changed.breaks) == changed.difference_minutes * PRICE_MICRO
