"""Events with their calls: those on their way, carried to another month, or sent."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    select,
)

from billing.domain.breaks_event import SentEvent
from billing.domain.breaks_meter import CarryingEvent, Unsynced
from billing.domain.meter_event import EventState, FailReason, SendVerdict
from billing.domain.period import BillingPeriod, Window
from billing.domain.posting import Charge
from billing.ledger.reconcile.synced_totals import MeterCustomer
from billing.ledger.schema.tables import b2b_usage, meter_attempt, meter_event
from billing.ledger.sync.after_restore import was_forgotten
from billing.ledger.sync.attempts import EVENT

event, usage = meter_event.c, b2b_usage.c
MINUTE = timedelta(minutes=1)
# Not counted, as far as the ledger or a person can tell.
_DECIDED = frozenset(
    {
        FailReason.REJECTED,
        FailReason.EXPIRED,
        FailReason.REPLACED,
        FailReason.VOIDED,
    }
)


def unsynced(
    connection: Connection, period: BillingPeriod
) -> Iterator[tuple[MeterCustomer, Unsynced]]:
    """Give what is billed in a month and not known as counted, where it would go.

    What is not staged yet has no Stripe customer; its name is empty.
    """
    yield from _unstaged(connection, period)
    for row, calls in _by_event(connection, _not_synced(), _edges(period)):
        if row.reason != FailReason.REPLACED:
            yield (
                MeterCustomer(row.customer, row.stripe_customer),
                _unsynced(row, calls),
            )


def _edges(period: BillingPeriod) -> dict[str, datetime]:
    return {"start": period.start, "end": period.end}


@cache
def _not_synced() -> Select[Any]:
    last_detail = (
        select(meter_attempt.c.detail)
        .where(meter_attempt.c.event_id == event.id)
        .order_by(meter_attempt.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    # Few events among very many: this may not start from the month's events.
    return _with_calls(last_detail.label("last_detail")).where(
        event.timestamp >= bindparam("start"),
        event.timestamp < bindparam("end"),
        event.state != EventState.SYNCED.value,
    )


def _unsynced(row: Any, calls: tuple[str, ...]) -> Unsynced:
    reason = FailReason(row.reason) if row.reason else None
    return Unsynced(
        hour=row.hour,
        charge=Charge(row.minutes, row.amount_micro),
        calls=calls,
        event=row.identifier,
        state=EventState(row.state),
        reason=reason,
        attempted=row.last_sent_at is not None,
        uncertain=_is_uncertain(row),
        evidence=row.evidence or row.last_detail or None,
    )


def _is_uncertain(row: Any) -> bool:
    """Say whether an event that is not synced is perhaps counted."""
    if row.state == EventState.SYNCED or row.reason in _DECIDED:
        return False
    return row.first_unknown_at is not None or row.reason == FailReason.CANCELLING


def _unstaged(
    connection: Connection, period: BillingPeriod
) -> Iterator[tuple[MeterCustomer, Unsynced]]:
    rows = connection.execute(_unbound(), _edges(period))
    for (customer, hour), rows_of_hour in groupby(rows, lambda row: (row[0], row[1])):
        group = list(rows_of_hour)
        minutes = sum(int(row.minutes) for row in group)
        amount = sum(int(row.amount) for row in group)
        calls = tuple(row.call_id for row in group)
        yield (
            MeterCustomer(customer, ""),
            Unsynced(hour=hour, charge=Charge(minutes, amount), calls=calls),
        )


# Few rows among very many: this may not start from the month's rows.
@cache
def _unbound() -> Select[Any]:
    return (
        select(
            usage.customer,
            usage.hour,
            usage.call_id,
            func.sum(usage.billed_minutes).label("minutes"),
            func.sum(usage.amount_micro).label("amount"),
        )
        .where(
            usage.hour >= bindparam("start"),
            usage.hour < bindparam("end"),
            usage.meter_event_id.is_(None),
        )
        .group_by(usage.customer, usage.hour, usage.call_id)
        .order_by(usage.customer, usage.hour, usage.call_id)
    )


def carrying_events(
    connection: Connection, period: BillingPeriod
) -> Iterator[tuple[str, CarryingEvent]]:
    """Give, by customer, the events that carry rows out of a month, or into it."""
    month = str(period)
    for row, calls in _by_event(connection, _carrying(), {"month": month}):
        here = row.period == month
        yield (
            row.customer,
            CarryingEvent(
                event=row.identifier,
                hour=row.hour,
                charge=Charge(row.minutes, row.amount_micro),
                calls=calls,
                other_month=row.carries if here else row.period,
                here=here,
            ),
        )


@cache
def _carrying() -> Select[Any]:
    month: BindParameter[str] = bindparam("month")
    return _with_calls().where(
        event.carries.is_not(None),
        (event.period == month) | (event.carries == month),
        event.reason.is_distinct_from(FailReason.REPLACED.value),
    )


def sent_events(
    connection: Connection,
    period: BillingPeriod,
    hours: Collection[tuple[MeterCustomer, datetime]],
) -> dict[tuple[MeterCustomer, datetime], list[SentEvent]]:
    """Return the events of some hours that were ever sent, in their order."""
    query = _with_calls(_was_sent_again(), was_forgotten()).where(
        event.period == str(period),
        event.customer.in_({meter_customer.customer for meter_customer, _ in hours}),
        event.hour.in_({hour for _, hour in hours}),
        event.last_sent_at.is_not(None),
    )
    events: dict[tuple[MeterCustomer, datetime], list[SentEvent]] = defaultdict(list)
    for row, calls in _by_event(connection, query, {}):
        place = MeterCustomer(row.customer, row.stripe_customer), row.hour
        if place in hours:
            events[place].append(
                SentEvent(
                    identifier=row.identifier,
                    own_minute=Window(row.timestamp, row.timestamp + MINUTE),
                    charge=Charge(row.minutes, row.amount_micro),
                    calls=calls,
                    counted=row.state == EventState.SYNCED,
                    uncertain=_is_uncertain(row),
                    was_sent_again=bool(row.was_sent_again),
                    was_forgotten=bool(row.was_forgotten),
                )
            )
    return events


def _was_sent_again() -> ColumnElement[bool]:
    """Say of an event whether it was sent after a send whose outcome nobody knew.

    A restored ledger may not know of the first one; it armed the event again.
    """
    earlier, later = meter_attempt.alias("earlier").c, meter_attempt.alias("later").c
    unknown = earlier.verdict.is_(None) | (earlier.verdict == SendVerdict.UNKNOWN.value)
    resent = select(earlier.id).where(
        earlier.event_id == event.id,
        earlier.kind == EVENT,
        unknown,
        later.event_id == event.id,
        later.kind == EVENT,
        later.number > earlier.number,
    )
    return (event.rearmed_at.is_not(None) | resent.exists()).label("was_sent_again")


def _with_calls(*more: ColumnElement[Any]) -> Select[Any]:
    """Select events with a row for each usage row that they carry."""
    bound = usage.meter_event_id == event.id
    return (
        select(meter_event, *more, usage.call_id.label("call_id"))
        .select_from(meter_event.outerjoin(b2b_usage, bound))
        .order_by(event.hour, event.id, usage.call_id)
    )


def _by_event(
    connection: Connection, query: Select[Any], values: Mapping[str, object]
) -> Iterator[tuple[Any, tuple[str, ...]]]:
    all_rows = connection.execute(query, values)
    for _, rows in groupby(all_rows, lambda row: row.id):
        group = list(rows)
        calls = dict.fromkeys(row.call_id for row in group if row.call_id is not None)
        yield group[0], tuple(calls)
