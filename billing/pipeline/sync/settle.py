"""Settle: an unknown outcome is decided by what the event's own minute holds."""

from collections.abc import Sequence

from billing.domain.meter_event import FailReason
from billing.domain.period import BillingPeriod
from billing.domain.settlement import (
    QUIET_TO_REPLACE,
    Finding,
    MinuteReading,
    may_rearm,
    settle,
)
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.sync import outbox, settlement
from billing.ledger.sync.outbox import Outgoing
from billing.pipeline.sync.context import CustomerWork


def settle_doubts(work: CustomerWork, events: Sequence[Outgoing]) -> int:
    """Read the minutes of uncertain events; returns how many were decided."""
    uncertain = [e for e in events if e.reason is FailReason.UNCERTAIN]
    return sum(_settle_one(work, doubtful) for doubtful in uncertain)


def read_own_minute(work: CustomerWork, event: Outgoing) -> list[MinuteReading] | None:
    """Read an event's own minute, keep it, and return all reads of it so far."""
    asked = event.event
    found = work.read_minutes(asked.stripe_customer, asked.own_minute)
    if found is None:
        return None
    now = work.sender.time.now()
    work.sender.writer.write(
        lambda connection: settlement.record_reading(connection, event, found, now)
    )
    with work.ledger.reading() as connection:
        return settlement.readings_of(connection, event.id)


def _settle_one(work: CustomerWork, doubtful: Outgoing) -> bool:
    readings = read_own_minute(work, doubtful)
    if readings is None:
        return False
    minutes = doubtful.event.minutes
    match settle(minutes, readings, doubtful.last_sent_at):
        case Finding.COUNTED:
            work.sender.writer.write(
                lambda connection: settlement.record_counted(
                    connection, work.actor, doubtful, minutes
                )
            )
            return True
        case Finding.ABSENT:
            return _conclude_absent(work, doubtful)
        case _:
            return False


def _conclude_absent(work: CustomerWork, absent: Outgoing) -> bool:
    """Arm it again, where it may still be sent as it is; else say that it is lost."""
    with work.ledger.reading() as connection:
        closed = closed_months(connection)
        readings = settlement.readings_of(connection, absent.id)
    write, actor = work.sender.writer.write, work.actor
    if BillingPeriod.of(absent.event.hour) in closed:
        # It would go out anew, in another month: only what is surely gone may.
        event, sent = absent.event, absent.last_sent_at
        found = settle(event.minutes, readings, sent, quiet=QUIET_TO_REPLACE)
        if found is not Finding.ABSENT:
            return False
        why = "its minute is empty, and its month is closed"
        write(lambda ledger: settlement.reject(ledger, actor, absent.id, why))
    elif not may_rearm(absent.event.timestamp, actor.at):
        write(lambda ledger: outbox.move_to_failed(ledger, absent, FailReason.EXPIRED))
    elif work.policy.rearm:
        write(lambda ledger: settlement.rearm(ledger, actor, absent))
    else:
        return False
    return True
