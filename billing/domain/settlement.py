"""Settling: what reads of an event's own minute say of an outcome that is unknown.

Every event has a minute of its own, so a summary over that minute is this one event.
Its value there is proof at once. Silence is proof only where it has lasted: a summary
may be late, and Stripe gives no bound, so how late is measured (`summary_lag`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from billing.domain.meter_event import may_resend
from billing.domain.summary_lag import LagsMeasured, longest_lag_to_expect

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


class SilenceRule(NamedTuple):
    """How long a minute has to say the same before it is believed."""

    after_send: timedelta  # no earlier read counts
    between_reads: timedelta  # two reads so far apart, and all between, agree


# Stripe still knows the identifier: should the event count, a resend is refused there.
WHILE_REMEMBERED = SilenceRule(timedelta(hours=2), timedelta(minutes=30))
BETWEEN_PROVING_READS = timedelta(hours=24)


def proof_of_absence(lags: LagsMeasured, now: datetime) -> SilenceRule:
    """Return the rule where nothing but the reads guards against counting twice."""
    after_send = max(longest_lag_to_expect(lags, now), WHILE_REMEMBERED.after_send)
    return SilenceRule(after_send, BETWEEN_PROVING_READS)


def rule_before_resend(
    first_unknown_at: datetime | None, lags: LagsMeasured, now: datetime
) -> SilenceRule:
    """Return the rule for an event that would be sent again under its own name."""
    is_remembered = first_unknown_at is not None and may_resend(first_unknown_at, now)
    return WHILE_REMEMBERED if is_remembered else proof_of_absence(lags, now)


def settle(
    minutes: int,
    readings: Sequence[MinuteReading],
    last_touched_at: datetime | None,
    rule: SilenceRule,
    *,
    was_sent_again: bool = False,
) -> SettleVerdict:
    """Say whether an event of so many minutes counts; `readings` by their time.

    Of an event that was sent again, a multiple of its value is its own as well.
    """
    if not readings:
        return SettleVerdict.OPEN
    newest = readings[-1].minutes
    if newest == minutes or (was_sent_again and is_multiple(newest, minutes)):
        return SettleVerdict.COUNTED
    if newest != 0:
        return SettleVerdict.CONTRADICTS
    firm = _is_firm(readings, last_touched_at, rule)
    return SettleVerdict.ABSENT if firm else SettleVerdict.OPEN


def settle_cancel(
    minutes: int,
    readings: Sequence[MinuteReading],
    last_touched_at: datetime | None,
    rule: SilenceRule,
) -> SettleVerdict:
    """Say whether a cancelled event still counts: either answer has to be firm."""
    if not readings or not _is_firm(readings, last_touched_at, rule):
        return SettleVerdict.OPEN
    return settle(minutes, readings, last_touched_at, rule)


def provable_at(
    readings: Sequence[MinuteReading],
    last_touched_at: datetime | None,
    rule: SilenceRule,
    now: datetime,
) -> datetime:
    """Return when an absence is proved at the earliest, if nothing shows up."""
    quiet_since = last_touched_at and last_touched_at + rule.after_send
    begun_at = None
    for reading in reversed(readings):
        if reading.minutes or (quiet_since is not None and reading.at < quiet_since):
            break
        begun_at = reading.at
    if begun_at is None:
        begun_at = now if quiet_since is None else max(now, quiet_since)
    return begun_at + rule.between_reads


def is_multiple(shown: int, minutes: int) -> bool:
    """Say whether a minute shows an event's value twice or more often."""
    return minutes != 0 and shown % minutes == 0 and shown // minutes > 1


def _is_firm(
    readings: Sequence[MinuteReading],
    last_touched_at: datetime | None,
    rule: SilenceRule,
) -> bool:
    """Say whether the newest value has stood long enough to be believed."""
    newest = readings[-1]
    since = last_touched_at and last_touched_at + rule.after_send
    for at, value in reversed(readings):
        if value != newest.minutes or (since is not None and at < since):
            return False
        if newest.at - at >= rule.between_reads:
            return True
    return False


def proof_is_stale(
    rearmed_at: datetime | None, last_sent_at: datetime | None, now: datetime
) -> bool:
    """Say whether what was proved absent was not sent soon enough after the proof."""
    if rearmed_at is None or (last_sent_at is not None and last_sent_at > rearmed_at):
        return False
    return now - rearmed_at > REARMED_FOR


def may_requeue(timestamp: datetime, now: datetime) -> bool:
    """Say whether an event that does not count may still be sent."""
    return now - timestamp < OLDEST_TO_REARM
