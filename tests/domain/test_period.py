"""Billing periods: which month a moment belongs to."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.period import (
    EARLIEST,
    HOUR,
    LATEST,
    BillingPeriod,
    Month,
    RelativePeriod,
    Window,
    as_utc,
    cycle_months,
    hour_of,
    period_at,
)

MONTHS = st.builds(BillingPeriod, st.integers(1970, 9997), st.integers(1, 12))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("text", ["1970-01", "2026-03", "2028-02", "2026-12"])
def test_a_period_is_written_as_it_is_read(text: str) -> None:
    assert str(BillingPeriod.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "202603",
        "2026-3",
        "26-03",
        "2026/03",
        "2026-03-01",
        "2026-00",
        "2026-13",
        "2026-99",
        "+026-03",
        "-026-03",
        "2026--3",
        " 2026-03",
        "2026-03 ",
        "2026-03\n",
        "2026-03\x00",
        "2026-0x3",
        "\u0662\u0660\u0662\u0666-\u0660\u0663",
        "\uff12026-03",
        "2026-0\xb3",
        "2026\u201003",
        "2026\u221203",
        "0000-01",
        "1969-12",
        "9999-01",
    ],
)
def test_anything_else_is_not_a_period(text: str) -> None:
    with pytest.raises(ValueError, match=r"YYYY-MM|no such month"):
        BillingPeriod.parse(text)


@pytest.mark.parametrize(("year", "month"), [(2026, 0), (2026, 13), (0, 1), (1969, 12)])
def test_a_month_that_does_not_exist_cannot_be_made(year: int, month: int) -> None:
    with pytest.raises(ValueError, match="no such month"):
        BillingPeriod(year, month)


@pytest.mark.parametrize(
    ("moment", "period"),
    [
        ("2026-02-28T23:59:59.999999+00:00", "2026-02"),
        ("2026-03-01T00:00:00+00:00", "2026-03"),
        ("2026-03-31T23:59:59.999999+00:00", "2026-03"),
        ("2026-12-31T23:59:59.999999+00:00", "2026-12"),
        ("2027-01-01T00:00:00+00:00", "2027-01"),
        ("2028-02-29T23:59:59.999999+00:00", "2028-02"),
        ("2028-03-01T00:00:00+00:00", "2028-03"),
        ("2026-03-01T13:59:59.999999+14:00", "2026-02"),
        ("2026-03-01T14:00:00+14:00", "2026-03"),
        ("2026-02-28T11:59:59.999999-12:00", "2026-02"),
        ("2026-02-28T12:00:00-12:00", "2026-03"),
        ("2026-03-01T05:44:59+05:45", "2026-02"),
        ("1970-01-01T00:00:00+00:00", "1970-01"),
    ],
)
def test_a_moment_belongs_to_its_utc_month(moment: str, period: str) -> None:
    found = BillingPeriod.of(at(moment))
    assert str(found) == period
    assert at(moment) in found
    assert at(moment) not in found.next


def test_a_time_without_a_zone_cannot_be_placed() -> None:
    naive = at("2026-03-01T00:00:00")
    with pytest.raises(ValueError, match="without a zone"):
        BillingPeriod.of(naive)
    with pytest.raises(ValueError, match="without a zone"):
        hour_of(naive)


@pytest.mark.parametrize(
    ("moment", "hour"),
    [
        ("2026-03-10T10:00:00+00:00", "2026-03-10T10:00:00+00:00"),
        ("2026-03-10T10:59:59.999999+00:00", "2026-03-10T10:00:00+00:00"),
        ("2026-03-10T11:00:00+00:00", "2026-03-10T11:00:00+00:00"),
        ("2026-03-10T10:15:00+05:30", "2026-03-10T04:00:00+00:00"),
        ("2026-03-01T00:10:00+05:45", "2026-02-28T18:00:00+00:00"),
    ],
)
def test_an_hour_is_an_hour_of_utc(moment: str, hour: str) -> None:
    assert hour_of(at(moment)) == at(hour)
    assert hour_of(at(moment)).tzinfo is UTC
    assert at(hour) <= at(moment) < at(hour) + HOUR
    assert hour_of(at(hour) + HOUR - timedelta(microseconds=1)) == at(hour)


@pytest.mark.parametrize("zone", ["+00:00", "+05:45", "-12:00"])
def test_the_same_moment_is_told_in_utc(zone: str) -> None:
    moment = at(f"2026-03-10T10:20:30{zone}")
    assert as_utc(moment) == moment
    assert as_utc(moment).tzinfo is UTC


@pytest.mark.parametrize(
    ("month", "period"),
    [
        (RelativePeriod.THIS, "2026-01"),
        (RelativePeriod.LAST, "2025-12"),
        (BillingPeriod(2026, 7), "2026-07"),
    ],
)
def test_a_month_may_depend_on_what_time_it_is(month: Month, period: str) -> None:
    now = at("2026-01-31T23:59:59.999999+00:00")
    assert str(period_at(month, now)) == period


@pytest.mark.parametrize(
    ("first", "months"),
    [
        ("2025-11", ["2025-12", "2026-01"]),
        ("2025-12", ["2025-12", "2026-01"]),
        ("2026-01", ["2026-01"]),
        ("2026-02", []),
    ],
)
def test_a_cycle_works_on_two_months_but_on_none_before_the_first(
    first: str, months: list[str]
) -> None:
    now = at("2026-01-01T00:00:00+00:00")
    found = cycle_months(now, BillingPeriod.parse(first))
    assert [str(month) for month in found] == months


@given(MONTHS)
def test_a_month_ends_where_the_next_begins(period: BillingPeriod) -> None:
    assert period.end == period.next.start
    assert period.next.previous == period
    assert period.start in period
    assert period.start - timedelta(microseconds=1) not in period
    assert period.end not in period


def test_no_month_is_before_the_earliest_or_after_the_latest() -> None:
    assert (str(EARLIEST), str(LATEST)) == ("1970-01", "9998-12")
    for beyond in ("previous", "next"):
        with pytest.raises(ValueError, match="no such month"):
            getattr(EARLIEST if beyond == "previous" else LATEST, beyond)


def test_the_last_month_has_an_end_too() -> None:
    assert BillingPeriod(9998, 12).end == datetime(9999, 1, 1, tzinfo=UTC)


@given(MONTHS, MONTHS)
def test_periods_sort_as_time_passes(one: BillingPeriod, other: BillingPeriod) -> None:
    assert (one < other) == (one.start < other.start) == (str(one) < str(other))


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2026-03-01T00:00", "2026-03-01T00:00", 0),
        ("2026-03-02T00:00", "2026-03-01T00:00", 0),
        ("2026-03-01T10:00", "2026-03-01T11:00", 1),
        ("2026-03-01T10:00", "2026-03-02T00:00", 1),
        ("2026-03-01T10:00", "2026-03-02T00:01", 2),
        ("2026-02-01T00:00", "2026-03-01T00:00", 28),
        ("2028-02-01T00:00", "2028-03-01T00:00", 29),
        ("2026-12-01T00:00", "2027-01-01T00:00", 31),
    ],
)
def test_a_window_is_cut_at_midnights(start: str, end: str, days: int) -> None:
    window = Window(at(f"{start}:00+00:00"), at(f"{end}:00+00:00"))
    cut = list(window.days())
    assert len(cut) == days
    for one, following in pairwise(cut):
        assert one.end == following.start
        assert one.end.time() == time()
    if cut:
        assert (cut[0].start, cut[-1].end) == (window.start, window.end)


@pytest.mark.parametrize(
    ("start", "end", "together"),
    [(0, 1, False), (0, 3, True), (2, 4, True), (3, 4, True), (5, 6, False)],
)
def test_windows_overlap_when_they_have_a_moment_in_common(
    start: int, end: int, together: bool
) -> None:
    noon = at("2026-03-10T12:00:00+00:00")
    one, other = (
        Window(noon + timedelta(hours=a), noon + timedelta(hours=b))
        for a, b in ((1, 5), (start, end))
    )
    assert one.overlaps(other) is other.overlaps(one) is together
