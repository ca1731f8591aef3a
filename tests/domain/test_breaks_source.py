"""Reconciling with the source: call by call, month by month, and at the edges."""

from datetime import datetime, timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_source import (
    CarriedCall,
    EdgeCall,
    OtherPlace,
    find_edge_calls,
    find_month_breaks,
    find_source_breaks,
    moved_to,
)
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from tests.domain.telling import NOON

TWO = Charge(2, 200_000)
THREE = Charge(3, 300_000)
NOTHING = Charge(0, 0)
MONTH = BillingPeriod.of(NOON)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("posted", "source", "breaks"),
    [
        ({}, {}, []),
        ({"a": TWO}, {"a": TWO}, []),
        (
            {},
            {"a": TWO},
            [
                Break(
                    cause=Cause.LATE_CALL,
                    minutes=-2,
                    amount_micro=-200_000,
                    calls=("a",),
                )
            ],
        ),
        (
            {"a": TWO},
            {},
            [
                Break(
                    cause=Cause.MISSING_AT_SOURCE,
                    minutes=2,
                    amount_micro=200_000,
                    calls=("a",),
                )
            ],
        ),
        (
            {"a": TWO},
            {"a": THREE},
            [
                Break(
                    cause=Cause.CHANGED_CALL,
                    minutes=-1,
                    amount_micro=-100_000,
                    calls=("a",),
                )
            ],
        ),
        (
            {"a": THREE},
            {"a": TWO},
            [
                Break(
                    cause=Cause.CHANGED_CALL,
                    minutes=1,
                    amount_micro=100_000,
                    calls=("a",),
                )
            ],
        ),
        (
            {"a": NOTHING},
            {"a": TWO},
            [
                Break(
                    cause=Cause.CHANGED_CALL,
                    minutes=-2,
                    amount_micro=-200_000,
                    calls=("a",),
                )
            ],
        ),
        (
            {"a": TWO},
            {"a": Charge(2, 250_000)},
            [
                Break(
                    cause=Cause.CHANGED_CALL,
                    minutes=0,
                    amount_micro=-50_000,
                    calls=("a",),
                )
            ],
        ),
        ({"a": NOTHING}, {}, []),
        ({}, {"a": NOTHING}, []),
        (
            {"b": TWO, "c": TWO},
            {"a": THREE, "c": TWO},
            [
                Break(
                    cause=Cause.LATE_CALL,
                    minutes=-3,
                    amount_micro=-300_000,
                    calls=("a",),
                ),
                Break(
                    cause=Cause.MISSING_AT_SOURCE,
                    minutes=2,
                    amount_micro=200_000,
                    calls=("b",),
                ),
            ],
        ),
    ],
)
def test_the_ledger_is_compared_with_the_source_call_by_call(
    posted: dict[str, Charge], source: dict[str, Charge], breaks: list[Break]
) -> None:
    assert find_source_breaks(posted, source) == breaks


def test_a_call_that_the_other_side_has_elsewhere_says_where() -> None:
    edge = OtherPlace(Cause.MONTH_EDGE, "it started before")
    found = find_source_breaks({"a": TWO}, {"b": THREE}, {"a": edge, "b": edge})
    assert found == [
        Break(
            cause=edge.cause,
            minutes=2,
            amount_micro=200_000,
            calls=("a",),
            evidence=edge.evidence,
        ),
        Break(
            cause=edge.cause,
            minutes=-3,
            amount_micro=-300_000,
            calls=("b",),
            evidence=edge.evidence,
        ),
    ]
    both = find_source_breaks({"a": TWO}, {"a": THREE}, {"a": edge})
    assert [item.cause for item in both] == [Cause.CHANGED_CALL]


@pytest.mark.parametrize(
    ("started_at", "cause"),
    [
        (MONTH.start - 5 * MINUTE, Cause.MONTH_EDGE),
        (MONTH.start - 6 * MINUTE, Cause.CHANGED_CALL),
        (MONTH.end, Cause.MONTH_EDGE),
        (MONTH.end + 5 * MINUTE, Cause.MONTH_EDGE),
        (NOON, Cause.CHANGED_CALL),
    ],
)
def test_only_what_two_clocks_may_differ_by_is_the_edge_of_the_month(
    started_at: datetime, cause: Cause
) -> None:
    assert moved_to(started_at, MONTH).cause is cause


@pytest.mark.parametrize(
    ("own", "billed_in", "breaks"),
    [
        (MONTH, MONTH, []),
        (MONTH.previous, MONTH.next, []),
        (MONTH, MONTH.next, [(Cause.BILLED_IN_LATER_MONTH, -2, -200_000)]),
        (MONTH.previous, MONTH, [(Cause.CORRECTS_EARLIER_MONTH, 2, 200_000)]),
    ],
)
def test_a_call_billed_in_another_month_is_missing_in_one_and_too_much_in_the_other(
    own: BillingPeriod, billed_in: BillingPeriod, breaks: list[tuple[Cause, int, int]]
) -> None:
    found = find_month_breaks([CarriedCall("a", own, billed_in, TWO)], MONTH)
    assert [(item.cause, item.minutes, item.amount_micro) for item in found] == breaks
    assert all(item.calls == ("a",) for item in found)


AT_EDGES = [
    EdgeCall("before", MONTH.start - MINUTE, 3),
    EdgeCall("first", MONTH.start, 4),
    EdgeCall("last", MONTH.end - MINUTE, 8),
    EdgeCall("after", MONTH.end, 16),
    EdgeCall("far", MONTH.end + timedelta(minutes=30), 100),
]


@pytest.mark.parametrize(
    ("difference", "calls"),
    [
        (4, ("first",)),  # we count it here, the source elsewhere
        (8, ("last",)),
        (-3, ("before",)),  # the source counts it here, we elsewhere
        (-16, ("after",)),
        (12, ("first", "last")),
        (5, ("before", "last")),
        (-100, ()),
        (7, ()),
    ],
)
def test_a_total_that_is_off_by_calls_at_the_edge_names_them(
    difference: int, calls: tuple[str, ...]
) -> None:
    assert find_edge_calls(difference, AT_EDGES, MONTH) == calls
