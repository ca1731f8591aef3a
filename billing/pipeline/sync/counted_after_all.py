"""Counted after all: what was refused is looked for at the meter before it goes anew.

It goes under another name, which nothing guards: its minute has the last word.
"""

from collections.abc import Iterable
from datetime import datetime

from billing.domain.meter_event import FailReason
from billing.errors import NoSuchCustomer
from billing.ledger.database import Ledger
from billing.ledger.sync import settlement
from billing.ledger.sync.outbox import OpenEvent
from billing.pipeline.sync.context import SyncContext
from billing.pipeline.sync.settle import read_own_minute
from billing.ports import Meter


def shown_of_refused(
    ledger: Ledger, meter: Meter, refused: Iterable[OpenEvent], now: datetime
) -> list[OpenEvent]:
    """Return the refused events that their own minute may hold; raises MeterFault.

    What it holds is kept as evidence. Nobody is invoiced for an unknown customer.
    """
    shown = []
    for each in refused:
        event = each.event
        try:
            minutes = meter.read_total(event.stripe_customer, event.own_minute)
        except NoSuchCustomer:
            continue
        # What is less than the event is somebody else's.
        if minutes and abs(minutes) >= abs(event.minutes):
            shown.append((each, minutes))
    if shown:
        with ledger.writing() as connection:
            for each, minutes in shown:
                settlement.record_reading(connection, each, minutes, now)
    return [each for each, _ in shown]


def kept_at_their_address(
    context: SyncContext, events: Iterable[OpenEvent]
) -> frozenset[int]:
    """Return the refused events that stay as they are, addressed to somebody else.

    Those are what the meter shows, and all while nothing is to be read.
    """
    to, kept = context.to, set()
    for each in events:
        is_elsewhere = each.event.stripe_customer != to.stripe_customer
        is_of_this_mode = each.event.livemode == to.livemode
        if each.reason is FailReason.REJECTED and is_elsewhere and is_of_this_mode:
            readings = read_own_minute(context, each)
            is_shown = readings is not None and readings[-1].minutes != 0
            if is_shown or context.sender.breaker.stopped:
                kept.add(each.id)
    return frozenset(kept)
