"""Reconciling: what a finding comes to, and when a figure may be believed."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.break_causes import CAUSES, Cause
from billing.domain.break_groups import CARRIED, WAITING
from billing.domain.break_kinds import Book, Resolution
from billing.domain.breaks import (
    Break,
    CustomerFinding,
    MeterVerdict,
    MinuteBounds,
    is_settled,
    priced,
)
from billing.domain.meter_event import FailReason
from billing.domain.posting import Charge


def test_every_reason_of_a_failure_is_a_cause() -> None:
    # An event that was replaced has no call left.
    reasons = {reason.value for reason in FailReason} - {FailReason.REPLACED.value}
    assert reasons <= {cause.value for cause in Cause}


def test_every_cause_has_a_book_a_meaning_and_a_remedy_in_one_line() -> None:
    assert set(CAUSES) == set(Cause)
    for cause in Cause:
        assert cause.book in Book
        for words in (cause.meaning, cause.remedy):
            assert words
            assert "\n" not in words
    assert Resolution.STAYS in {cause.resolution for cause in Cause}
    assert not WAITING & CARRIED


@pytest.mark.parametrize(
    ("uncertain", "bounds", "inside", "outside"),
    [
        ([], MinuteBounds(10, 10), [10], [9, 11]),
        ([5], MinuteBounds(10, 15), [10, 12, 15], [9, 16]),
        ([-4], MinuteBounds(6, 10), [6, 10], [5, 11]),
        ([5, -4, 3], MinuteBounds(6, 18), [6, 18], [5, 19]),
    ],
)
def test_what_is_uncertain_spreads_the_bounds_to_its_own_side(
    uncertain: list[int], bounds: MinuteBounds, inside: list[int], outside: list[int]
) -> None:
    assert MinuteBounds.of(10, uncertain) == bounds
    assert bounds.unknown_minutes == sum(map(abs, uncertain))
    assert all(minutes in bounds for minutes in inside)
    assert not any(minutes in bounds for minutes in outside)


EXACT, WAIT, BREAK = MeterVerdict.EXACT, MeterVerdict.WAITING, MeterVerdict.BREAK


@pytest.mark.parametrize(
    ("stripe", "uncertain", "settled", "cause", "verdict"),
    [
        (10, [], True, None, EXACT),
        (10, [], False, None, WAIT),
        (10, [5], True, None, WAIT),
        (12, [5], True, Cause.COUNTED_UNRECORDED, WAIT),
        (15, [5], False, Cause.NOT_SETTLED, WAIT),
        (16, [5], False, Cause.ABOVE_LEDGER, BREAK),
        (16, [5], True, Cause.FOREIGN_EVENT, BREAK),
        (9, [], True, Cause.NOT_COUNTED, BREAK),
        (10, [], True, Cause.FOREIGN_EVENT, BREAK),  # hours that cancel out
        (10, [], True, Cause.REJECTED, EXACT),  # of another book
    ],
)
def test_inside_the_bounds_is_waiting_and_outside_is_a_break(
    stripe: int,
    uncertain: list[int],
    settled: bool,
    cause: Cause | None,
    verdict: MeterVerdict,
) -> None:
    breaks = (Break(cause=cause, minutes=stripe - 10, amount_micro=0),) if cause else ()
    bounds = MinuteBounds.of(10, uncertain)
    found = CustomerFinding(
        customer="a",
        stripe_customer="cus",
        pamela_minutes=10,
        ledger_minutes=10,
        stripe_minutes=stripe,
        settled=settled,
        breaks=breaks,
        bounds=bounds,
    )
    assert found.verdict is verdict
    assert found.agrees is (verdict is EXACT and not breaks)


def test_minutes_that_stand_in_another_month_for_good_are_no_disagreement() -> None:
    carried = Break(
        cause=Cause.BILLED_IN_LATER_MONTH,
        minutes=-2,
        amount_micro=-200_000,
        calls=("a",),
    )
    found = CustomerFinding(
        customer="acme",
        stripe_customer="cus_acme",
        pamela_minutes=10,
        ledger_minutes=8,
        stripe_minutes=8,
        settled=True,
    )
    assert not found.agrees
    with_its_cause = CustomerFinding(
        customer="acme",
        stripe_customer="cus_acme",
        pamela_minutes=10,
        ledger_minutes=8,
        stripe_minutes=8,
        settled=True,
        breaks=(carried,),
    )
    assert with_its_cause.agrees


def test_a_finding_knows_what_its_breaks_leave_unexplained() -> None:
    breaks = (
        Break(cause=Cause.LATE_CALL, minutes=-2, amount_micro=-200_000),
        Break(cause=Cause.FOREIGN_EVENT, minutes=1, amount_micro=0),
    )
    finding = CustomerFinding(
        customer="acme",
        stripe_customer="cus_acme",
        pamela_minutes=10,
        ledger_minutes=8,
        stripe_minutes=7,
        settled=True,
        breaks=breaks,
    )
    assert finding.difference_minutes == -3
    assert finding.unexplained_minutes == -2


@pytest.mark.parametrize(
    ("minutes", "like", "amount_micro"),
    [
        (3, Charge(2, 200_000), 300_000),
        (-3, Charge(2, 200_000), -300_000),
        (3, Charge(-2, -200_000), 300_000),
        (0, Charge(2, 200_000), 0),
        (3, Charge(0, 0), 0),
        (3, Charge(0, 200_000), 0),
    ],
)
def test_minutes_are_priced_as_others_were(
    minutes: int, like: Charge, amount_micro: int
) -> None:
    assert priced(minutes, like) == amount_micro


def hours_ago(hours: int, minutes: int = 0) -> datetime:
    return datetime(2026, 4, 1, tzinfo=UTC) - timedelta(hours=hours, minutes=minutes)


NOW = hours_ago(0)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("matches", "last_sent_at", "earlier_reads", "settled"),
    [
        (True, NOW, [], True),
        (True, None, [], True),
        (False, None, [], False),
        (False, None, [(hours_ago(0, 30), 7)], True),
        (False, None, [(hours_ago(0, 30) + TICK, 7)], False),
        (False, None, [(hours_ago(0, 30), 6)], False),
        (False, None, [(hours_ago(0, 40), 7), (hours_ago(0, 35), 6)], True),
        (False, hours_ago(1), [(hours_ago(0, 30), 7)], False),
        (False, hours_ago(2) + TICK, [(hours_ago(0, 30), 7)], False),
        (False, hours_ago(2), [(hours_ago(0, 30), 7)], False),
        (False, hours_ago(2, 30), [(hours_ago(0, 30), 7)], True),
        (False, hours_ago(2, 30) + TICK, [(hours_ago(0, 30), 7)], False),
        (False, hours_ago(9), [(hours_ago(8), 7)], False),
        (False, hours_ago(9), [(hours_ago(7), 7)], True),
        (False, hours_ago(9), [(hours_ago(10), 7), (hours_ago(0, 10), 7)], False),
        (False, hours_ago(9), [(hours_ago(3), 6), (hours_ago(1), 7)], True),
    ],
)
def test_a_read_that_differs_is_believed_after_two_quiet_hours_and_twice(
    matches: bool,
    last_sent_at: datetime | None,
    earlier_reads: list[tuple[datetime, int]],
    settled: bool,
) -> None:
    found = is_settled(
        matches=matches,
        read=7,
        earlier_reads=earlier_reads,
        last_sent_at=last_sent_at,
        now=NOW,
    )
    assert found is settled
