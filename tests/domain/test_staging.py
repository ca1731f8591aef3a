"""Staging: the rows of an hour become one event with just the difference."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.period import BillingPeriod
from billing.domain.staging import (
    MeterDestination,
    StagingPlan,
    UnstagedRow,
    place_rows,
    plan_events,
)
from tests.domain.telling import NOON

HOUR = timedelta(hours=1)
ONE, TWO, THREE = NOON, NOON + HOUR, NOON + 2 * HOUR
LONG_AFTER = NOON + timedelta(days=2)
ACME = MeterDestination(
    customer="acme",
    stripe_customer="cus_acme",
    meter="stripe_minutes",
    livemode=False,
)

HOURS = st.sampled_from([ONE, TWO, THREE])
ROWS = st.lists(
    st.tuples(HOURS, st.integers(-1440, 1440), st.integers(-(10**9), 10**9)),
    max_size=20,
).map(lambda rows: [UnstagedRow(n, *row) for n, row in enumerate(rows, 1)])
STAGED = st.dictionaries(HOURS, st.integers(0, 61))


def plan_of(
    rows: list[UnstagedRow],
    to: MeterDestination,
    staged: dict[datetime, int],
    now: datetime,
    *,
    at_once: bool = False,
) -> StagingPlan:
    """Plan the events of rows while every month is open."""
    places = place_rows(rows, (), now)
    return plan_events(places, to, staged, now, at_once=at_once)


def row(number: int, hour: datetime, minutes: int) -> UnstagedRow:
    return UnstagedRow(number, hour, minutes, minutes * 100_000)


def test_an_event_carries_the_rows_of_its_hour() -> None:
    rows = [row(1, TWO, 3), row(2, ONE, 1), row(3, TWO, 4), row(4, ONE, -1)]
    plan = plan_of(rows, ACME, {}, LONG_AFTER)
    first, second = plan.events
    assert (first.event.hour, first.event.minutes, first.rows) == (ONE, 0, (2, 4))
    assert (second.event.hour, second.event.minutes, second.rows) == (TWO, 7, (1, 3))
    assert (first.amount_micro, second.amount_micro) == (0, 700_000)
    assert (first.event.sequence, second.event.sequence) == (0, 0)
    assert plan.full_hours == ()


def test_an_event_goes_to_the_customer_of_its_rows() -> None:
    (planned,) = plan_of([row(1, ONE, 3)], ACME, {}, LONG_AFTER).events
    event = planned.event
    assert (event.customer, event.stripe_customer) == ("acme", "cus_acme")
    assert (event.meter, event.livemode) == ("stripe_minutes", False)


@pytest.mark.parametrize(("staged", "minute"), [(0, 0), (1, 1), (17, 17), (59, 59)])
def test_late_minutes_of_an_hour_take_its_next_sequence(
    staged: int, minute: int
) -> None:
    (planned,) = plan_of([row(9, ONE, 2)], ACME, {ONE: staged}, LONG_AFTER).events
    assert planned.event.sequence == staged
    assert planned.event.timestamp == ONE + timedelta(minutes=minute)
    assert planned.event.minutes == 2


@pytest.mark.parametrize(
    ("now", "at_once", "hours"),
    [
        (TWO, False, [ONE]),
        (TWO - timedelta(microseconds=1), False, []),
        (TWO + timedelta(minutes=30), False, [ONE]),
        (THREE, False, [ONE, TWO]),
        (ONE, True, [ONE, TWO]),
    ],
)
def test_an_hour_waits_until_it_is_over_unless_asked(
    now: datetime, at_once: bool, hours: list[datetime]
) -> None:
    rows = [row(1, ONE, 3), row(2, TWO, 4)]
    plan = plan_of(rows, ACME, {}, now, at_once=at_once)
    assert [planned.event.hour for planned in plan.events] == hours
    unasked = plan_events(place_rows(rows, (), now), ACME, {}, now)
    assert unasked == plan_of(rows, ACME, {}, now, at_once=False)


@pytest.mark.parametrize("staged", [60, 61])
def test_a_full_hour_is_shown_and_not_sent(staged: int) -> None:
    rows = [row(1, ONE, 3), row(2, TWO, 4)]
    plan = plan_of(rows, ACME, {ONE: staged}, LONG_AFTER)
    assert plan.full_hours == (ONE,)
    assert [planned.rows for planned in plan.events] == [(2,)]


def test_nothing_waiting_plans_nothing() -> None:
    plan = plan_of([], ACME, {ONE: 3}, LONG_AFTER)
    assert (plan.events, plan.full_hours) == ((), ())


@given(ROWS, STAGED, st.sampled_from([ONE, TWO, THREE, LONG_AFTER]), st.booleans())
def test_each_row_goes_into_one_event_or_waits(
    rows: list[UnstagedRow], staged: dict[datetime, int], now: datetime, at_once: bool
) -> None:
    plan = plan_of(rows, ACME, staged, now, at_once=at_once)
    carried = Counter(number for planned in plan.events for number in planned.rows)
    waits = {
        r.id
        for r in rows
        if staged.get(r.hour, 0) >= 60 or not (at_once or r.hour + HOUR <= now)
    }
    assert carried == Counter(r.id for r in rows if r.id not in waits)
    by_id = {r.id: r for r in rows}
    for planned in plan.events:
        mine = [by_id[number] for number in planned.rows]
        assert {r.hour for r in mine} == {planned.event.hour}
        assert planned.event.minutes == sum(r.minutes for r in mine)
        assert planned.amount_micro == sum(r.amount_micro for r in mine)


def test_what_closed_months_left_goes_on_in_the_newest_hour_each_on_its_own() -> None:
    march, april = BillingPeriod(2026, 3), BillingPeriod(2026, 4)
    now = april.end + HOUR
    rows = [row(1, march.start, 3), row(2, april.start, 4), row(3, march.start, 5)]
    places = place_rows([*rows, row(4, april.end, 6)], {march, april}, now)
    plan = plan_events(places, ACME, {april.end: 7}, now)
    told = [(each.carries, each.event.sequence, each.rows) for each in plan.events]
    assert told == [(march, 7, (1, 3)), (april, 8, (2,)), (None, 9, (4,))]
    assert {each.event.hour for each in plan.events} == {april.end}


def test_an_hour_is_full_when_what_closed_months_left_took_its_last_minute() -> None:
    march, april = BillingPeriod(2026, 3), BillingPeriod(2026, 4)
    now = april.end + HOUR
    places = place_rows(
        [row(1, march.start, 3), row(2, april.start, 4)], {march, april}, now
    )
    plan = plan_events(places, ACME, {april.end: 59}, now)
    assert [each.rows for each in plan.events] == [(1,)]
    assert plan.full_hours == (april.end,)


def test_a_customer_has_its_name_and_those_that_it_had() -> None:
    renamed = replace(ACME, other_names=frozenset({"acme inc", "acme"}))
    assert ACME.names == {"acme"}
    assert renamed.names == {"acme", "acme inc"}
