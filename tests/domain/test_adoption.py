"""Adoption: from which hour a meter is ours, and what stood there before."""

from datetime import datetime, timedelta

import pytest

from billing.domain.adoption import (
    HourlyReading,
    MeterSplit,
    OpeningDifference,
    arrived_at,
    hours_to_send_in,
    minutes_to_send,
    readable_at,
    split_month,
    why_not_from,
)
from billing.domain.breaks import QUIET_BEFORE_READ, MinuteBounds
from billing.domain.meter_contact import BETWEEN_CONTACTS
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from tests.domain.telling import NOON

H, TICK = timedelta(hours=1), timedelta(microseconds=1)
DAYS = 24 * H
MARCH = BillingPeriod(2026, 3)


@pytest.mark.parametrize(
    ("hour", "now", "why"),
    [
        (NOON, NOON, None),
        (NOON, NOON + 34 * DAYS, None),
        (NOON, NOON + 34 * DAYS + TICK, "more than 34 days ago"),
        (NOON, NOON - TICK, "in the future"),
        (NOON + TICK, NOON + H, "not a whole hour"),
    ],
)
def test_a_meter_is_taken_over_from_a_whole_hour_of_the_last_34_days(
    hour: datetime, now: datetime, why: str | None
) -> None:
    found = why_not_from(hour, now)
    assert found == why or (why is not None and why in str(found))


FROM = NOON + 10 * H


@pytest.mark.parametrize(
    ("hour", "shown", "bounds", "opening", "later", "unsettled"),
    [
        # Before the cut-over what is not ours is the other's.
        (FROM - H, 7, MinuteBounds(0, 0), 7, None, None),
        (FROM - H, 7, MinuteBounds(3, 3), 4, None, None),
        (FROM - H, 7, MinuteBounds(7, 7), None, None, None),
        (FROM - H, -2, MinuteBounds(0, 0), -2, None, None),
        # Ours that is not known, or not shown, has to be settled first.
        (FROM - H, 7, MinuteBounds(3, 8), None, None, 5),
        (FROM - H, 2, MinuteBounds(3, 3), None, None, 1),
        (FROM - H, 0, MinuteBounds(1, 1), None, None, 1),
        # From then on all that is above ours is somebody else's.
        (FROM, 7, MinuteBounds(0, 0), None, 7, None),
        (FROM, 7, MinuteBounds(3, 5), None, 2, None),
        (FROM, 5, MinuteBounds(3, 5), None, None, None),
        (FROM + H, 2, MinuteBounds(5, 5), None, None, None),
    ],
)
def test_what_a_month_shows_is_parted_into_theirs_and_ours(
    hour: datetime,
    shown: int,
    bounds: MinuteBounds,
    opening: int | None,
    later: int | None,
    unsettled: int | None,
) -> None:
    parts = [{} if each is None else {hour: each} for each in (opening, later)]
    waiting = {} if unsettled is None else {hour: unsettled}
    found = split_month({hour: shown}, {hour: bounds}, FROM)
    assert found == MeterSplit(parts[0], parts[1], waiting)


def test_an_hour_that_only_one_side_has_is_none_on_the_other() -> None:
    found = split_month({NOON: 4}, {NOON + H: MinuteBounds(2, 2)}, FROM)
    assert found == MeterSplit({NOON: 4}, {}, {NOON + H: 2})
    assert split_month({}, {}, FROM) == MeterSplit()


def reading(hours: int, *minutes: int) -> HourlyReading:
    """Tell what two hours before and one after the cut-over showed, hours later."""
    return HourlyReading(
        FROM + hours * H,
        {FROM + place * H: shown for place, shown in enumerate(minutes, -2)},
    )


def test_only_hours_before_the_cut_over_that_show_anything_are_an_opening() -> None:
    assert reading(1, 4, 0, 9).before(FROM) == {FROM - 2 * H: 4}


@pytest.mark.parametrize(
    ("readings", "since"),
    [
        ([reading(1, 4, 5, 0)], 1),
        ([reading(1, 4, 5, 0), reading(3, 4, 5, 0)], 1),
        ([reading(1, 4, 4, 0), reading(3, 4, 5, 0), reading(9, 4, 5, 0)], 3),
        ([reading(1, 4, 5, 0), reading(3, 4, 6, 0), reading(9, 4, 5, 0)], 9),
        # What is shown from the cut-over on is no part of the opening.
        ([reading(1, 4, 5, 0), reading(3, 4, 5, 8)], 1),
    ],
)
def test_nothing_is_in_flight_when_readings_have_stayed_alike(
    readings: list[HourlyReading], since: int
) -> None:
    assert arrived_at(readings, FROM) == FROM + since * H + BETWEEN_CONTACTS
    assert readable_at(NOON) == NOON + QUIET_BEFORE_READ


@pytest.mark.parametrize(
    ("difference", "left", "to_send"),
    [
        (5, 0, -5),
        (-5, 0, 5),
        (0, 0, 0),
        # A person has left some of it, all of it, or more than there is by now.
        (5, 2, -3),
        (-5, -2, 3),
        (5, 5, 0),
        (5, 9, 0),
        (-5, -9, 0),
        # What was left pointed the other way: it is no excuse for this.
        (5, -2, -5),
        (-5, 2, 5),
    ],
)
def test_what_a_person_has_left_of_a_difference_is_not_sent(
    difference: int, left: int, to_send: int
) -> None:
    assert minutes_to_send(difference, left) == to_send


@pytest.mark.parametrize(
    ("others", "from_hour", "first"),
    [
        # Ours, the oldest first; of an earlier month an empty one, the newest first.
        ({}, MARCH.end - 2 * H, MARCH.end - 2 * H),
        ({MARCH.end - 2 * H: 7}, MARCH.end - 2 * H, MARCH.end - 2 * H),
        ({}, MARCH.end, MARCH.end - H),
        ({MARCH.end - H: 7}, MARCH.end, MARCH.end - 2 * H),
        ({MARCH.end - H: 0}, MARCH.end, MARCH.end - H),
    ],
)
def test_a_difference_goes_where_no_other_program_reported(
    others: dict[datetime, int], from_hour: datetime, first: datetime
) -> None:
    now = MARCH.end + 2 * DAYS
    hours = hours_to_send_in(MARCH, from_hour, others, now)
    assert hours[0] == first
    assert all(hour in MARCH for hour in hours)


def test_a_difference_goes_into_hours_that_are_over_and_not_too_old() -> None:
    within = hours_to_send_in(MARCH, MARCH.end, {}, MARCH.start + 3 * H)
    assert within == [MARCH.start + 2 * H, MARCH.start + H, MARCH.start]
    late = MARCH.end + 34 * DAYS + 12 * H
    assert hours_to_send_in(MARCH, MARCH.end, {}, late - H) == [MARCH.end - H]
    assert hours_to_send_in(MARCH, MARCH.end, {}, late) == []


def test_a_difference_is_what_the_meter_shows_too_much() -> None:
    difference = OpeningDifference(
        customer="acme", period=MARCH, reported=Charge(9, 900), rated=Charge(7, 650)
    )
    assert (difference.minutes, difference.amount_micro) == (2, 250)
    assert "reported 9 minutes, and the rated calls come to 7" in difference.evidence
