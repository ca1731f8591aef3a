"""Settle: an unknown outcome is decided by what the event's own minute holds."""

from collections.abc import Sequence

from billing.domain.meter_event import FailReason
from billing.domain.period import BillingPeriod
from billing.domain.settlement import (
    QUIET_TO_REPLACE,
    MinuteReading,
    SettleVerdict,
    may_requeue,
    settle,
)
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.sync import outbox, settlement
from billing.ledger.sync.outbox import OpenEvent
from billing.pipeline.sync.context import SyncContext


def settle_uncertain(context: SyncContext, events: Sequence[OpenEvent]) -> int:
    """Read the minutes of uncertain events; returns how many were decided."""
    uncertain = [e for e in events if e.reason is FailReason.UNCERTAIN]
    return sum(_settle_one(context, uncertain) for uncertain in uncertain)


def read_own_minute(
    context: SyncContext, event: OpenEvent
) -> list[MinuteReading] | None:
    """Read an event's own minute, keep it, and return all reads of it so far."""
    asked = event.event
    found = context.read_minutes(asked.stripe_customer, asked.own_minute)
    if found is None:
        return None
    now = context.sender.time.now()
    context.sender.writer.write(
        lambda connection: settlement.record_reading(connection, event, found, now)
    )
    with context.ledger.reading() as connection:
        return settlement.readings_of(connection, event.id)


def _settle_one(context: SyncContext, uncertain: OpenEvent) -> bool:
    readings = read_own_minute(context, uncertain)
    if readings is None:
        return False
    minutes = uncertain.event.minutes
    match settle(minutes, readings, uncertain.last_sent_at):
        case SettleVerdict.COUNTED:
            context.sender.writer.write(
                lambda connection: settlement.record_counted(
                    connection, context.actor, uncertain, minutes
                )
            )
            return True
        case SettleVerdict.ABSENT:
            return _conclude_absent(context, uncertain)
        case _:
            return False


def _conclude_absent(context: SyncContext, absent: OpenEvent) -> bool:
    """Arm it again, where it may still be sent as it is; else say that it is lost."""
    with context.ledger.reading() as connection:
        closed = closed_months(connection)
        readings = settlement.readings_of(connection, absent.id)
    write, actor = context.sender.writer.write, context.actor
    if BillingPeriod.of(absent.event.hour) in closed:
        # It would go out anew, in another month: only what is surely gone may.
        event, sent = absent.event, absent.last_sent_at
        found = settle(event.minutes, readings, sent, quiet=QUIET_TO_REPLACE)
        if found is not SettleVerdict.ABSENT:
            return False
        why = "its minute is empty, and its month is closed"
        write(lambda ledger: settlement.reject(ledger, actor, absent.id, why))
    elif not may_requeue(absent.event.timestamp, actor.at):
        write(lambda ledger: outbox.move_to_failed(ledger, absent, FailReason.EXPIRED))
    elif context.policy.rearm:
        write(lambda ledger: settlement.requeue_absent(ledger, actor, absent))
    else:
        return False
    return True
