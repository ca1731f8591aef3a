"""Cancelling: which event is taken back when an hour turns out to hold less."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

# Stripe cancels what it received in the past 24 hours; an hour is for skew.
CANCEL_WINDOW = timedelta(hours=23)


class SyncedEvent(NamedTuple):
    """An event that counts: its number, its minutes, and its earliest attempt."""

    id: int
    minutes: int
    first_sent_at: datetime


def choose_to_cancel(
    negative_minutes: int,
    events: Iterable[SyncedEvent],
    counted_minutes: int,
    now: datetime,
) -> SyncedEvent | None:
    """Return the event of an hour to cancel for a negative difference, if there is one.

    What is left of it is reported anew, so it must cover the difference; and the total
    of the month may not fall below zero meanwhile, for Stripe loses a negative total.
    """
    fitting = [
        event
        for event in events
        if event.minutes + negative_minutes >= 0
        and event.minutes <= counted_minutes
        and now - event.first_sent_at < CANCEL_WINDOW
    ]
    return min(fitting, key=lambda event: (event.minutes, event.id), default=None)


def may_cancel(first_sent_at: datetime, now: datetime) -> bool:
    """Say whether Stripe surely still takes the cancellation of an event."""
    return now - first_sent_at < CANCEL_WINDOW


def keeps_above_zero(minutes: int, counted_minutes: int) -> bool:
    """Say whether an event leaves the month's total at zero or more."""
    return minutes >= 0 or counted_minutes + minutes >= 0
