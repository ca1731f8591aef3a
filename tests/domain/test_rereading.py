"""Rereading: a table of when a closed month was read, and when it is read again."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.period import BillingPeriod
from billing.domain.rereading import DueMonth, MonthReading, due_month, is_due

CLOSED = datetime(2026, 4, 3, 9, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
MARCH, FEBRUARY = BillingPeriod(2026, 3), BillingPeriod(2026, 2)


def reading(
    read_at: datetime = CLOSED,
    *,
    account: str = "main",
    period: BillingPeriod = MARCH,
    tried_at: datetime | None = None,
) -> MonthReading:
    """Tell when a month that was closed on the third of April was read."""
    return MonthReading(
        account=account,
        period=period,
        since=CLOSED,
        read_at=read_at,
        tried_at=tried_at or read_at,
    )


@pytest.mark.parametrize(
    ("read", "now", "due"),
    [
        # days after the close: when it was read last, the present, whether it is due
        (0 * DAY, 0 * DAY, False),
        (0 * DAY, DAY - SECOND, False),
        (0 * DAY, DAY, True),
        (DAY, DAY, False),
        (DAY, 7 * DAY - SECOND, False),
        (DAY, 7 * DAY, True),
        (7 * DAY - SECOND, 8 * DAY, True),
        (8 * DAY, 35 * DAY - SECOND, False),
        (8 * DAY, 35 * DAY, True),
        (36 * DAY, 90 * DAY - SECOND, False),
        (36 * DAY, 90 * DAY, True),
        (90 * DAY, 4_000 * DAY, False),  # and never again
        (0 * DAY, 4_000 * DAY, True),  # nobody was there: once is enough
    ],
)
def test_a_month_is_read_again_1_7_35_and_90_days_after_its_close(
    read: timedelta, now: timedelta, due: bool
) -> None:
    assert is_due(reading(CLOSED + read), CLOSED + now) is due


def test_nothing_is_due_where_nothing_was_read() -> None:
    assert due_month([], CLOSED + 90 * DAY) is None
    assert due_month([reading(CLOSED + DAY)], CLOSED + 2 * DAY) is None


def test_one_month_at_a_time_is_read_the_one_that_was_tried_the_longest_ago() -> None:
    readings = [
        reading(account="main"),
        reading(account="other", tried_at=CLOSED + DAY),
        reading(account="read", read_at=CLOSED + 2 * DAY),
        reading(period=FEBRUARY, tried_at=CLOSED + SECOND),
    ]
    now = CLOSED + 3 * DAY
    assert due_month(readings, now) == DueMonth(MARCH, frozenset({"main", "other"}))
    failed = [each._replace(tried_at=now) for each in readings[:3]]
    assert due_month([*failed, readings[3]], now) == DueMonth(
        FEBRUARY, frozenset({"main"})
    )
