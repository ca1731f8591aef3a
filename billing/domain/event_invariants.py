"""Invariants of one meter event: what it is called, and when it was sent again."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from billing.domain.invariants import Invariant, Violation, Violations
from billing.domain.meter_event import (
    COUNTED_VERDICTS,
    RESEND_WINDOW,
    MeterEvent,
    SendVerdict,
)
from billing.domain.period import BillingPeriod

READS_THAT_SETTLE = 2


class StoredEvent(NamedTuple):
    """A meter event's frozen parts, as they are stored."""

    customer: str
    stripe_customer: str
    meter: str
    livemode: bool
    hour: datetime
    sequence: int
    minutes: int
    identifier: str
    timestamp: datetime
    period: str


class Try(NamedTuple):
    """One attempt to send an event: when it began, and what came of it."""

    number: int
    started_at: datetime
    verdict: str | None


def judge_identifier(stored: StoredEvent) -> Violations:
    """Make the event anew from its parts; it has the same name, minute and month."""
    try:
        event = MeterEvent(
            customer=stored.customer,
            stripe_customer=stored.stripe_customer,
            meter=stored.meter,
            livemode=stored.livemode,
            hour=stored.hour,
            sequence=stored.sequence,
            minutes=stored.minutes,
        )
    except ValueError as fault:
        yield Violation(Invariant.IDENTIFIERS, f"event {stored.identifier}: {fault}")
        return
    made = event.identifier, event.timestamp, str(BillingPeriod.of(event.hour))
    if made != (stored.identifier, stored.timestamp, stored.period):
        words = f"event {stored.identifier} is not {event.identifier}, in its minute"
        yield Violation(Invariant.IDENTIFIERS, f"{words} and month, as its parts say")


def judge_resends(
    identifier: str, tries: Sequence[Try], absent: Sequence[datetime]
) -> Violations:
    """Find what was resent too late; `absent` are the reads that did not find it.

    Two of them between attempts settle the earlier attempt.
    """
    first = previous = None
    for attempt in tries:
        reads = [
            at for at in absent if previous and previous < at <= attempt.started_at
        ]
        if len(reads) >= READS_THAT_SETTLE:
            first = None
        previous = attempt.started_at
        if attempt.verdict == SendVerdict.UNSENT:
            continue
        if first is not None and attempt.started_at - first >= RESEND_WINDOW:
            began = f"{attempt.started_at:%Y-%m-%dT%H:%M:%SZ}"
            yield Violation(
                Invariant.RESENDS,
                f"attempt {attempt.number} of event {identifier} began at {began}, "
                "23 hours or more after "
                f"the one of unknown outcome at {first:%Y-%m-%dT%H:%M:%SZ}",
            )
        if first is None and attempt.verdict in {None, SendVerdict.UNKNOWN.value}:
            first = attempt.started_at


def judge_counted(
    identifier: str, last: Try, rearmed_at: datetime | None
) -> Violations:
    """Find what waits to be sent, or is sent, after an answer that it was counted.

    `last` is its newest attempt; what was re-queued since may be sent again.
    """
    was_requeued = rearmed_at is not None and rearmed_at > last.started_at
    if last.verdict in COUNTED_VERDICTS and not was_requeued:
        words = f"event {identifier} was counted by attempt {last.number}"
        yield Violation(Invariant.COUNTED, f"{words}, and is to be sent again")
