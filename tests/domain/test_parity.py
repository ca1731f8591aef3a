"""Parity: what a meter that another program feeds says of our rating."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.parity import (
    CustomerHours,
    CustomerParity,
    DayState,
    ParityCause,
    ParityVerdict,
    settled_day_at,
)
from billing.domain.parity_causes import find_parity
from billing.domain.rating import billed_minutes
from billing.domain.rounding_rule import OTHER_RULES, RoundingRule, TimedCall

DAY_ONE = datetime(2026, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONG_AFTER = DAY_ONE + timedelta(days=20)
LONG = (150, 61, 119, 45, 200)  # 3 + 2 + 2 + 1 + 4 minutes


def call(number: int, hour: int, seconds: int, minute: int = 0) -> TimedCall:
    at = DAY_ONE + hour * HOUR + timedelta(minutes=minute)
    return TimedCall(f"call_{number}", at, seconds, billed_minutes(seconds))


def hours_of(
    calls: Sequence[TimedCall],
    meter: Mapping[int, int],
    *,
    name: str = "acme",
    read_at: datetime = LONG_AFTER,
) -> CustomerHours:
    ours: Counter[datetime] = Counter()
    for each in calls:
        ours[each.hour] += each.minutes
    shown = {DAY_ONE + hour * HOUR: minutes for hour, minutes in meter.items()}
    return CustomerHours(
        customer=name, read_at=read_at, meter=shown, ours=ours, calls=calls
    )


def causes(customer: CustomerParity) -> dict[tuple[int, str], int]:
    """Return the minutes of each cause of each hour."""
    return {
        ((hour.hour - DAY_ONE) // HOUR, share.cause.value): share.minutes
        for day in customer.days
        for hour in day.hours
        for share in hour.shares
    }


def evidence(customer: CustomerParity) -> set[str]:
    return {share.evidence for day in customer.days for share in day.shares}


def test_where_both_sides_show_the_same_there_is_no_cause() -> None:
    calls = [call(n, 9 + n, seconds) for n, seconds in enumerate(LONG)]
    [customer] = find_parity([hours_of(calls, {9: 3, 10: 2, 11: 2, 12: 1, 13: 4})])
    assert causes(customer) == {}
    assert [day.state for day in customer.days] == [DayState.HOLDS]


@pytest.mark.parametrize("rule", OTHER_RULES, ids=str)
def test_another_rounding_is_named_by_a_rule_that_fits(rule: RoundingRule) -> None:
    seconds = [31, 95, 59, 5, 130, 61, 0, 27, 44, 89, 12, 185]
    calls = [call(n, n // 2 + 24 * (n // 6), each) for n, each in enumerate(seconds)]
    shown = {
        (hour - DAY_ONE) // HOUR: minutes
        for hour, minutes in rule.by_hour(calls).items()
    }
    [customer] = find_parity([hours_of(calls, shown)])
    assert {cause for _, cause in causes(customer)} <= {"rounding_rule", "other_hour"}
    assert customer.is_broken


@pytest.mark.parametrize(
    ("meter", "expected"),
    [
        ({9: 3, 10: 2, 11: 2, 12: 1, 13: 0}, {(13, "missing_calls"): -4}),
        ({9: 3, 10: 2, 11: 9, 12: 1, 13: 4}, {(11, "unknown_calls"): 7}),
        ({9: 3, 10: 2, 11: 4, 12: 1, 13: 4}, {(11, "unknown_calls"): 2}),
        ({9: 2, 10: 2, 11: 2, 12: 1, 13: 4}, {(9, "unexplained"): -1}),
        (
            {20: 12},
            {
                **{(9 + n, "other_hour"): -m for n, m in enumerate((3, 2, 2, 1, 4))},
                (20, "other_hour"): 12,
            },
        ),
        ({9: 3, 11: 4, 12: 1, 13: 5}, {(10, "other_hour"): -2, (11, "other_hour"): 2,
                                       (13, "unknown_calls"): 1}),
    ],
)  # fmt: skip
def test_each_difference_has_its_cause(
    meter: dict[int, int], expected: dict[tuple[int, str], int]
) -> None:
    calls = [call(n, 9 + n, seconds) for n, seconds in enumerate(LONG)]
    [customer] = find_parity([hours_of(calls, meter)])
    assert causes(customer) == expected


def test_missing_calls_are_named_the_fewest_that_make_the_difference() -> None:
    calls = [call(n, 9, seconds) for n, seconds in enumerate((60, 60, 170, 240))]
    [customer] = find_parity([hours_of(calls, {9: 9 - 5})])
    [share] = customer.days[0].shares
    assert (share.cause, share.minutes) == (ParityCause.MISSING_CALLS, -5)
    assert share.calls == ("call_0", "call_3")


@pytest.mark.parametrize(
    ("count", "others", "missing", "named"),
    [
        # calls of two minutes, seconds of others, what is missing, how many are named
        (200, (), 100, 20),  # fifty of them; the names are bounded
        (201, (), 100, None),  # too many to be searched for which
        (201, (), 402, 20),  # all of them need no search
        (201, (6_000,), 100, 1),  # nor does one alone
        (2, (6_000, 6_000), 100, 1),
        (2, (), 3, None),
        (3, (240,), 4, 1),  # the fewest
        (3, (240,), 6, 2),
        (3, (), 4, 2),  # none twice
    ],
)
def test_calls_are_named_where_some_make_the_difference(
    count: int, others: tuple[int, ...], missing: int, named: int | None
) -> None:
    calls = [call(n, 9, each) for n, each in enumerate((*[120] * count, *others))]
    shown = sum(each.minutes for each in calls) - missing
    [customer] = find_parity([hours_of(calls, {9: shown})])
    [share] = customer.days[0].shares
    cause = ParityCause.UNEXPLAINED if named is None else ParityCause.MISSING_CALLS
    assert (share.cause, share.minutes) == (cause, -missing)
    assert len(share.calls) == (named or 0)
    minutes = {each.call_id: each.minutes for each in calls}
    if named and named < 20:
        assert sum(minutes[name] for name in share.calls) == missing


def test_what_stands_there_twice_is_said_to_be_perhaps_reported_twice() -> None:
    [customer] = find_parity([hours_of([call(1, 9, 150)], {9: 6})])
    assert evidence(customer) == {"as much again as ours: perhaps reported twice"}


def test_a_call_that_is_dated_by_its_end_stands_in_the_next_hour() -> None:
    calls = [call(1, 9, 300, minute=58), call(2, 9, 60), call(3, 10, 60)]
    [customer] = find_parity([hours_of(calls, {9: 1, 10: 6, 12: 3})])
    assert causes(customer) == {
        (9, "other_hour"): -5,
        (10, "other_hour"): 5,
        (12, "unknown_calls"): 3,
    }
    assert "by the end of the call" in evidence(customer)


def test_minutes_at_another_customer_are_found_in_the_same_hour() -> None:
    acme = hours_of([call(1, 9, 300), call(2, 10, 60)], {10: 1})
    globex = hours_of([call(3, 9, 60)], {9: 6}, name="globex")
    for customer, minutes in zip(find_parity([acme, globex]), (-5, 5), strict=True):
        assert causes(customer) == {(9, "other_customer"): minutes}
        assert customer.is_broken


def test_what_is_younger_than_the_lag_allows_breaks_nothing() -> None:
    calls = [call(1, 9, 300), call(2, 14, 300)]
    read_at = DAY_ONE + timedelta(hours=16)
    [customer] = find_parity([hours_of(calls, {9: 5}, read_at=read_at)])
    assert causes(customer) == {(14, "not_arrived"): -5}
    assert [day.state for day in customer.days] == [DayState.YOUNG]
    assert not customer.is_broken


def test_an_empty_meter_is_no_evidence_of_a_rule() -> None:
    [customer] = find_parity([hours_of([call(1, 9, 30), call(2, 10, 30)], {})])
    assert {cause for _, cause in causes(customer)} == {"missing_calls"}


def verdict(*held: bool, name: str = "acme") -> CustomerParity:
    """Return a customer whose days, one after another, held parity or not."""
    calls = [call(n, 24 * n + 9, 60) for n in range(len(held))]
    shown = {24 * n + 9: 1 if holds else 0 for n, holds in enumerate(held)}
    [customer] = find_parity([hours_of(calls, shown, name=name)])
    return customer


@pytest.mark.parametrize(
    ("customers", "held", "broken"),
    [
        ([(True, True, True)], 3, []),
        ([(False, True, True)], 2, []),
        ([(True, True, False)], 0, ["c0"]),
        ([(True, True, True), (True, False, True)], 1, []),
        ([(True, True), (False,)], 0, ["c1"]),  # silent since: that proves nothing
        ([()], 0, []),
    ],
)
def test_parity_has_held_for_as_many_days_as_all_held_it(
    customers: list[tuple[bool, ...]], held: int, broken: list[str]
) -> None:
    each = [verdict(*days, name=f"c{n}") for n, days in enumerate(customers)]
    found = ParityVerdict(tuple(each))
    assert found.held_days == held
    assert [customer.customer for customer in found.broken] == broken


def test_a_customer_that_was_never_read_holds_no_parity() -> None:
    assert ParityVerdict((verdict(True),), unread=("globex",)).held_days == 0


@pytest.mark.parametrize(("until", "left"), [(10, 1), (11, 2), (None, 3), (9, 0)])
def test_hours_before_a_moment_are_those_of_both_sides_and_their_calls(
    until: int | None, left: int
) -> None:
    calls = [call(n, 9 + n, 60) for n in range(3)]
    hours = hours_of(calls, {9: 1, 10: 1, 11: 1})
    before = hours.before(None if until is None else DAY_ONE + until * HOUR)
    assert list(before.meter) == list(hours.meter)[:left]
    assert list(before.ours) == list(hours.ours)[:left]
    assert list(before.calls) == calls[:left]
    assert (before.customer, before.read_at) == (hours.customer, hours.read_at)


@pytest.mark.parametrize(
    ("now", "since"),
    [
        # A day has had the time to arrive six hours after its end.
        (timedelta(hours=6), timedelta(hours=6)),
        (timedelta(hours=12, minutes=34, seconds=56, microseconds=7), 6 * HOUR),
        (timedelta(hours=29, minutes=59), 6 * HOUR),
        (timedelta(hours=30), 30 * HOUR),
        (timedelta(hours=5, minutes=59), -18 * HOUR),
    ],
)
def test_a_day_is_settled_when_its_last_events_have_had_the_time_to_arrive(
    now: timedelta, since: timedelta
) -> None:
    assert settled_day_at(DAY_ONE + now) == DAY_ONE + since


SECONDS = st.integers(0, 400)
PLACES = st.tuples(st.integers(0, 60), st.integers(0, 59), SECONDS)
SHOWN = st.dictionaries(st.integers(0, 62), st.integers(-3, 40), max_size=30)


@given(
    st.lists(st.tuples(st.lists(PLACES, max_size=25), SHOWN), max_size=3),
    st.integers(0, 80),
    st.none() | st.sampled_from(OTHER_RULES),
)
def test_the_causes_of_an_hour_a_day_and_a_customer_add_up_to_its_difference(
    books: list[tuple[list[tuple[int, int, int]], dict[int, int]]],
    read: int,
    rule: RoundingRule | None,
) -> None:
    customers = []
    for number, (places, noise) in enumerate(books):
        calls = [call(n, h, s, minute) for n, (h, minute, s) in enumerate(places)]
        shown: Counter[int] = Counter()
        if rule is not None:
            for hour, minutes in rule.by_hour(calls).items():
                shown[(hour - DAY_ONE) // HOUR] += minutes
        shown.update(noise)
        read_at = DAY_ONE + read * HOUR
        customers.append(hours_of(calls, shown, name=f"c{number}", read_at=read_at))
    for hours, customer in zip(customers, find_parity(customers), strict=True):
        for day in customer.days:
            for part in day.hours:
                assert sum(share.minutes for share in part.shares) == part.difference
                assert all(share.minutes for share in part.shares)
            assert sum(share.minutes for share in day.shares) == day.difference
        total = sum(hours.meter.values()) - sum(hours.ours.values())
        assert sum(day.difference for day in customer.days) == total
