"""Rereading: which month that is over for good is read whole again, and when."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from billing.domain.period import BillingPeriod

# So long after its close: what moves within an account's total shows nowhere else.
READ_AGAIN_AFTER = tuple(timedelta(days=days) for days in (1, 7, 35, 90))


class MonthReading(NamedTuple):
    """How an account's month was read whole: last, and last tried."""

    account: str
    period: BillingPeriod
    since: datetime  # its close, or its end while nobody has closed it
    read_at: datetime
    tried_at: datetime


class DueMonth(NamedTuple):
    """A month that is to be read again, and the accounts whose turn it is."""

    period: BillingPeriod
    accounts: frozenset[str]


def is_due(reading: MonthReading, now: datetime) -> bool:
    """Say whether a month was not read since it last became due."""
    became_due = [reading.since + age for age in READ_AGAIN_AFTER]
    passed = [moment for moment in became_due if moment <= now]
    return bool(passed) and reading.read_at < passed[-1]


def due_month(readings: Iterable[MonthReading], now: datetime) -> DueMonth | None:
    """Return the month whose turn it is: the one that was tried the longest ago.

    One at a time, so that no hour reads years; what fails lets the others go first.
    """
    due = [reading for reading in readings if is_due(reading, now)]
    if not due:
        return None
    period = min(due, key=lambda each: (each.tried_at, each.period)).period
    return DueMonth(
        period, frozenset(each.account for each in due if each.period == period)
    )
