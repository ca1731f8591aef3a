"""Opening differences: what another program reported, against our rated calls."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from billing.domain.adoption import (
    Adoption,
    AdoptionKind,
    OpeningDifference,
    hours_to_send_in,
    minutes_to_send,
)
from billing.domain.breaks import NOTHING, priced
from billing.domain.cancellation import keeps_above_zero
from billing.domain.meter_event import MOST_EVENTS_PER_HOUR, FailReason
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.domain.staging import PlannedEvent
from billing.errors import BadInput
from billing.ledger.adopt.decisions import AdoptionDecision, record_decision
from billing.ledger.audit.audit_log import Actor
from billing.ledger.schema.closed_months import closed_months
from billing.ledger.schema.tables import adoption, b2b_usage, meter_event, meter_opening
from billing.ledger.sync.adoptions import bind_openings
from billing.ledger.sync.after_restore import mark_staged_uncertain
from billing.ledger.sync.event_rows import add_events, next_sequences
from billing.ledger.sync.settlement import counted_minutes

event, usage, column = meter_event.c, b2b_usage.c, adoption.c
Hours = dict[str, dict[datetime, Charge]]


def opening_differences(
    connection: Connection, period: BillingPeriod
) -> list[OpeningDifference]:
    """Return the customers of a month whose opening is not what our calls come to.

    The other may report a day at once, so hours alone say nothing: the month does.
    """
    keys = event.customer, event.hour
    of_month = (event.period == str(period)) & event.reason.is_distinct_from(
        FailReason.REPLACED.value
    )
    openings = meter_opening.join(meter_event)
    carried = openings.join(b2b_usage, usage.meter_event_id == event.id)
    minutes, amount = func.sum(event.minutes), func.sum(event.amount_micro)
    reported = select(*keys, minutes, amount).select_from(openings).where(of_month)
    minutes, amount = func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    rated = select(*keys, minutes, amount).select_from(carried).where(of_month)
    reported_hours = _hours(connection, reported.group_by(*keys))
    rated_hours = _hours(connection, rated.group_by(*keys))
    differences = []
    for customer, hours in sorted(reported_hours.items()):
        calls = rated_hours.get(customer, {})
        difference = OpeningDifference(
            customer=customer,
            period=period,
            reported=_total(hours.values()),
            rated=_total(calls.values()),
            hours=tuple(
                hour
                for hour in sorted(hours)
                if hours[hour].minutes != calls.get(hour, NOTHING).minutes
            ),
        )
        if difference.minutes:
            differences.append(difference)
    return differences


def _hours(connection: Connection, query: Select[Any]) -> Hours:
    hours: Hours = defaultdict(dict)
    for customer, hour, minutes, amount in connection.execute(query):
        hours[customer][hour] = Charge(int(minutes), int(amount))
    return hours


def _total(charges: Iterable[Charge]) -> Charge:
    charges = list(charges)
    return Charge(
        sum(charge.minutes for charge in charges),
        sum(charge.amount_micro for charge in charges),
    )


def differences_of(
    connection: Connection, adopted: Adoption
) -> list[OpeningDifference]:
    """Return an adopted customer's differences in the months that are open."""
    of_customer = (
        select(event.period)
        .select_from(meter_opening.join(meter_event))
        .where(event.customer == adopted.customer)
    )
    closed = closed_months(connection)
    months = {*map(BillingPeriod.parse, connection.scalars(of_customer.distinct()))}
    return [
        difference
        for period in sorted(months - closed)
        for difference in opening_differences(connection, period)
        if difference.customer == adopted.customer
    ]


def send_difference(
    connection: Connection,
    actor: Actor,
    adopted: Adoption,
    difference: OpeningDifference,
    *,
    reason: str,
    may_lessen: bool,
) -> datetime | None:
    """Queue an event of what the opening lacks, or has too much; returns its hour.

    What a person has left is not sent: None where that is all of it. Raises BadInput
    where no hour can take it, or where Stripe would lose it.
    """
    period = difference.period
    left = _left_minutes(connection, adopted, period)
    minutes = minutes_to_send(difference.minutes, left)
    if not minutes:
        return None
    _refuse_below_zero(connection, adopted, period, minutes, may_lessen=may_lessen)
    kind = AdoptionKind.SEND_DIFFERENCE
    decision = replace(
        AdoptionDecision.of(adopted, kind, reason),
        period=period,
        minutes=difference.minutes,
    )
    number = record_decision(connection, actor, decision)
    others = _others(connection, adopted, period)
    hours = hours_to_send_in(period, adopted.from_hour, others, actor.at)
    sequences = next_sequences(connection, decision.to, hours)
    free = [hour for hour in hours if sequences.get(hour, 0) < MOST_EVENTS_PER_HOUR]
    if not free:
        raise _by_hand(adopted, period, minutes, "no hour of it can take them")
    event_to_be = decision.to.event(free[0], sequences.get(free[0], 0), minutes)
    amount = -difference.amount_micro
    if minutes != -difference.minutes:
        amount = priced(minutes, difference.rated)
    plan = PlannedEvent(event_to_be, amount, ())
    made = add_events(connection, [plan], actor.at)
    bind_openings(connection, number, [plan], made, read_at=None, stood=False)
    mark_staged_uncertain(connection, adopted.customer)
    return free[0]


def _refuse_below_zero(
    connection: Connection,
    adopted: Adoption,
    period: BillingPeriod,
    minutes: int,
    *,
    may_lessen: bool,
) -> None:
    if minutes >= 0:
        return
    if not may_lessen:
        why = '[stripe] negative = "hold" sends nothing below zero'
        raise _by_hand(adopted, period, minutes, why)
    counted = counted_minutes(connection, period, adopted.stripe_customer)
    if not keeps_above_zero(minutes, counted):
        why = f"only {counted} stand at the meter, and Stripe loses what is below zero"
        raise _by_hand(adopted, period, minutes, why)


def _by_hand(
    adopted: Adoption, period: BillingPeriod, minutes: int, why: str
) -> BadInput:
    verb = "credit" if minutes < 0 else "bill"
    return BadInput(
        f"{minutes:+} minutes of {adopted.customer} cannot be sent in {period}: {why}; "
        f"{verb} them by hand, then `adopt --difference leave --customer "
        f"{adopted.customer} --reason TEXT`"
    )


def _left_minutes(
    connection: Connection, adopted: Adoption, period: BillingPeriod
) -> int:
    """Return the difference of a month that a person has left as it is, last."""
    query = select(column.minutes).where(
        column.customer == adopted.customer,
        column.id > adopted.id,
        column.kind == AdoptionKind.LEAVE_DIFFERENCE.value,
        column.period == str(period),
    )
    left = connection.execute(query.order_by(column.id.desc()).limit(1)).scalar()
    return left or 0


def _others(
    connection: Connection, adopted: Adoption, period: BillingPeriod
) -> dict[datetime, int]:
    """Return what another program's minutes stand in of a month's hours."""
    query = (
        select(event.hour, func.max(func.abs(meter_opening.c.minutes)))
        .select_from(meter_opening.join(meter_event))
        .where(
            event.period == str(period),
            event.stripe_customer == adopted.stripe_customer,
        )
        .group_by(event.hour)
    )
    return {hour: int(minutes) for hour, minutes in connection.execute(query)}
