"""Settling: what reads of an event's own minute say of an outcome that is unknown.

Every event has a minute of its own, so a summary over that minute is this one event.
Stripe gives no bound on how late a summary may be: silence is believed when two reads
agree, half an hour apart, and hours after the last send.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

QUIET_AFTER_SEND = timedelta(hours=2)
# For what would go out anew under another identifier, which no memory guards.
QUIET_TO_REPLACE = timedelta(hours=24)
BETWEEN_READS = timedelta(minutes=30)
# Sent again only while Stripe surely takes the timestamp, and soon after the proof.
OLDEST_TO_REARM = timedelta(days=34)
REARMED_FOR = timedelta(hours=1)


class MinuteReading(NamedTuple):
    """What an event's own minute held at a moment."""

    at: datetime
    minutes: int


class SettleVerdict(StrEnum):
    """What the reads of an event's own minute prove."""

    COUNTED = "counted"
    ABSENT = "absent"
    OPEN = "open"  # nothing yet: read again later
    CONTRADICTS = "contradicts"  # neither the event nor nothing: for a person


def settle(
    minutes: int,
    readings: Sequence[MinuteReading],
    last_touched_at: datetime | None,
    *,
    quiet: timedelta = QUIET_AFTER_SEND,
) -> SettleVerdict:
    """Say whether an event of so many minutes counts; `readings` by their time.

    Its value is proof at once. Nothing is proof only when it was read twice, half an
    hour apart, and both so long after the last send.
    """
    if not readings:
        return SettleVerdict.OPEN
    newest = readings[-1].minutes
    if newest == minutes:
        return SettleVerdict.COUNTED
    if newest != 0:
        return SettleVerdict.CONTRADICTS
    firm = _is_firm(readings, last_touched_at, quiet)
    return SettleVerdict.ABSENT if firm else SettleVerdict.OPEN


def settle_cancel(
    minutes: int,
    readings: Sequence[MinuteReading],
    last_touched_at: datetime | None,
) -> SettleVerdict:
    """Say whether a cancelled event still counts: either answer has to be firm."""
    if not readings or not _is_firm(readings, last_touched_at, QUIET_TO_REPLACE):
        return SettleVerdict.OPEN
    return settle(minutes, readings, last_touched_at)


def _is_firm(
    readings: Sequence[MinuteReading],
    last_touched_at: datetime | None,
    quiet: timedelta,
) -> bool:
    """Say whether the newest value has stood long enough to be believed."""
    newest = readings[-1]
    since = last_touched_at and last_touched_at + quiet
    for at, value in reversed(readings):
        if value != newest.minutes or (since is not None and at < since):
            return False
        if newest.at - at >= BETWEEN_READS:
            return True
    return False


def may_requeue(timestamp: datetime, now: datetime) -> bool:
    """Say whether an event that does not count may still be sent."""
    return now - timestamp < OLDEST_TO_REARM
