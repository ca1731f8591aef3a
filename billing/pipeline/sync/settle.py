"""Settle: an unknown outcome is decided by what the event's own minute holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from billing.domain.meter_event import FailReason
from billing.domain.period import BillingPeriod
from billing.domain.settlement import (
    MinuteReading,
    SettleVerdict,
    SilenceRule,
    may_requeue,
    proof_of_absence,
    rule_before_resend,
    settle,
)
from billing.domain.summary_lag import LagsMeasured
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.sync import outbox, settlement
from billing.ledger.sync.outbox import OpenEvent
from billing.pipeline.sync.context import SyncContext


class Settled(NamedTuple):
    """How many uncertain events were decided, and so many of them queued again."""

    decided: int = 0
    requeued: int = 0


NOTHING_SETTLED = Settled()


def settle_uncertain(context: SyncContext, events: Sequence[OpenEvent]) -> Settled:
    """Read the minutes of uncertain events, and decide what they prove."""
    uncertain = [e for e in events if e.reason is FailReason.UNCERTAIN]
    if not uncertain:
        return NOTHING_SETTLED
    lags = context.lags()
    each = [_settle_one(context, event, lags) for event in uncertain]
    return Settled(
        decided=sum(one.decided for one in each),
        requeued=sum(one.requeued for one in each),
    )


def read_own_minute(
    context: SyncContext, event: OpenEvent
) -> list[MinuteReading] | None:
    """Read an event's own minute, keep it, and return all reads of it so far."""
    # Asked before: a process that is frozen after it read has read no later than this.
    now = context.sender.time.now()
    minutes = context.read_minutes(event.event.stripe_customer, event.event.own_minute)
    if minutes is None:
        return None
    context.sender.writer.write(
        lambda connection: settlement.record_reading(connection, event, minutes, now)
    )
    with context.ledger.reading() as connection:
        return settlement.readings_of(connection, event.id)


def _settle_one(
    context: SyncContext, uncertain: OpenEvent, lags: LagsMeasured
) -> Settled:
    readings = read_own_minute(context, uncertain)
    if readings is None:
        return NOTHING_SETTLED
    with context.ledger.reading() as connection:
        closed = closed_months(connection)
    is_closed = BillingPeriod.of(uncertain.event.hour) in closed
    actor = context.actor  # at one moment: what is proved then is concluded as of then
    verdict = settle(
        uncertain.event.minutes,
        readings,
        uncertain.last_sent_at,
        _rule(uncertain, lags, actor.at, is_closed=is_closed),
        was_sent_again=uncertain.was_sent_again,
    )
    match verdict:
        case SettleVerdict.COUNTED:
            shown = readings[-1].minutes
            context.sender.writer.write(
                lambda connection: settlement.record_counted(
                    connection, actor, uncertain, shown
                )
            )
            return Settled(decided=1)
        case SettleVerdict.ABSENT:
            return _conclude_absent(context, actor, uncertain, is_closed=is_closed)
        case _:
            return NOTHING_SETTLED


def _rule(
    uncertain: OpenEvent, lags: LagsMeasured, now: datetime, *, is_closed: bool
) -> SilenceRule:
    """Return how long its minute has to be empty, by what would guard its next send.

    In a closed month, and when it is too old to go out again as it is, whoever bills
    it then does so under another name, which no memory of Stripe's guards.
    """
    if is_closed or not may_requeue(uncertain.event.timestamp, now):
        return proof_of_absence(lags, now)
    return rule_before_resend(uncertain.first_unknown_at, lags, now)


def _conclude_absent(
    context: SyncContext, actor: Actor, absent: OpenEvent, *, is_closed: bool
) -> Settled:
    """Requeue it, where it may still be sent as it is; else say that it is lost."""
    write = context.sender.writer.write
    if is_closed:
        # It goes out anew, in another month.
        why = "its minute is empty, and its month is closed"
        write(lambda ledger: settlement.reject(ledger, actor, absent, why))
    elif not may_requeue(absent.event.timestamp, actor.at):
        write(lambda ledger: outbox.move_to_failed(ledger, absent, FailReason.EXPIRED))
    elif context.policy.rearm:
        write(lambda ledger: settlement.requeue_absent(ledger, actor, absent))
        return Settled(decided=1, requeued=1)
    else:
        return NOTHING_SETTLED
    return Settled(decided=1)
