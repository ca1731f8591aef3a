"""Meter events checked in the ledger: sums, names, resends, evidence."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
)

from billing.domain.event_invariants import (
    StoredEvent,
    Try,
    judge_identifier,
    judge_resends,
)
from billing.domain.invariants import Invariant, Violation
from billing.domain.meter_event import (
    COUNTED_VERDICTS,
    EventState,
    FailReason,
    SendVerdict,
)
from billing.ledger.integrity.scope import Scope, among, chunks
from billing.ledger.schema.tables import (
    b2b_usage,
    meter_attempt,
    meter_event,
    meter_opening,
    meter_reading,
)

event, usage = meter_event.c, b2b_usage.c
attempt, reading = meter_attempt.c, meter_reading.c
opening = meter_opening.c


def sums(scope: Scope) -> Iterator[Violation]:
    """Add up the rows bound to each event: it reports just them, if it still does."""
    query = _unlike_their_rows(whole=scope.whole)
    for part in scope.events():
        for row in scope.connection.execute(query, part):
            name, reported, is_released, count, held, misplaced = row
            words = f"event {name} reports {reported} minutes, its rows hold {held}"
            if is_released:
                words = f"event {name} was replaced, and still carries {count} rows"
            elif misplaced:
                words = f"event {name} carries {misplaced} rows of another hour"
            yield Violation(Invariant.EVENTS, words)


@cache
def _unlike_their_rows(*, whole: bool) -> Select[Any]:
    carried = _carried(whole=whole)
    sums_of = carried.c
    rows, minutes, amount, misplaced = (
        func.coalesce(column, 0)
        for column in (sums_of.rows, sums_of.minutes, sums_of.amount, sums_of.misplaced)
    )
    # What an opening counts is as much as stood there, whatever its rows come to.
    stands = select(opening.id).where(opening.event_id == event.id).exists()
    differs = or_(
        rows != event.usage_rows,
        (minutes != event.minutes) & ~stands,
        (amount != event.amount_micro) & ~stands,
        misplaced > 0,
    )
    released = func.coalesce(event.reason, "") == FailReason.REPLACED.value
    return (
        select(event.identifier, event.minutes, released, rows, minutes, misplaced)
        .select_from(meter_event.outerjoin(carried, sums_of.event == event.id))
        .where(among(event.id, whole=whole), case((released, rows > 0), else_=differs))
        .order_by(event.id)
    )


def _carried(*, whole: bool) -> Subquery:
    misplaced = or_(
        usage.customer != event.customer,
        case(
            (event.carries.is_not(None), usage.period != event.carries),
            else_=usage.hour != event.hour,
        ),
    )
    return (
        select(
            usage.meter_event_id.label("event"),
            func.count().label("rows"),
            func.sum(usage.billed_minutes).label("minutes"),
            func.sum(usage.amount_micro).label("amount"),
            func.sum(case((misplaced, 1), else_=0)).label("misplaced"),
        )
        .select_from(b2b_usage.join(meter_event))
        .where(among(usage.meter_event_id, whole=whole))
        .group_by(usage.meter_event_id)
        .subquery()
    )


def identifiers(scope: Scope) -> Iterator[Violation]:
    """Make each event's name, minute and month anew from its parts."""
    for part in scope.events():
        for row in scope.connection.execute(_names(whole=scope.whole), part):
            stored = StoredEvent(**row._mapping)
            yield from judge_identifier(stored._replace(livemode=bool(row.livemode)))


@cache
def _names(*, whole: bool) -> Select[Any]:
    columns = [event[name] for name in StoredEvent._fields]
    return select(*columns).where(among(event.id, whole=whole))


def resends(scope: Scope) -> Iterator[Violation]:
    """Follow the attempts of every event that was sent more than once."""
    repeated = _repeated(whole=scope.whole)
    for part in scope.events():
        for several in chunks(list(scope.connection.scalars(repeated, part))):
            yield from _late_resends(scope, several)


@cache
def _repeated(*, whole: bool) -> Select[Any]:
    return (
        select(attempt.event_id)
        .where(attempt.kind == "event", among(attempt.event_id, whole=whole))
        .group_by(attempt.event_id)
        .having(func.count() > 1)
    )


def _late_resends(scope: Scope, events: Sequence[int]) -> Iterator[Violation]:
    tries: dict[int, list[Try]] = defaultdict(list)
    columns = attempt.event_id, attempt.number, attempt.started_at, attempt.verdict
    query = select(*columns).where(
        attempt.event_id.in_(events), attempt.kind == "event"
    )
    for number, *columns_of_try in scope.connection.execute(
        query.order_by(attempt.event_id, attempt.number)
    ):
        tries[number].append(Try(*columns_of_try))
    absent: dict[int, list[datetime]] = defaultdict(list)
    absent_reads = select(reading.event_id, reading.read_at).where(
        reading.event_id.in_(events), reading.minutes == 0
    )
    for number, at in scope.connection.execute(absent_reads):
        absent[number].append(at)
    names = select(event.id, event.identifier).where(event.id.in_(events))
    for number, identifier in scope.connection.execute(names):
        yield from judge_resends(identifier, tries[number], absent[number])


def evidence(scope: Scope) -> Iterator[Violation]:
    """Look for what shows that an event was counted, or that it never can be."""
    query = _lacking(whole=scope.whole)
    for part in scope.events():
        for name, state, reason in scope.connection.execute(query, part):
            lack = (
                "nothing shows that it was counted"
                if state == EventState.SYNCED.value
                else "an attempt may have been counted"
            )
            status = f"{state}/{reason}" if reason else state
            yield Violation(Invariant.EVIDENCE, f"event {name} is {status}, and {lack}")


@cache
def _lacking(*, whole: bool) -> Select[Any]:
    wrong = or_(
        and_(event.state == EventState.SYNCED.value, ~_is_shown()),
        and_(event.reason == FailReason.EXPIRED.value, _may_be_counted()),
    )
    columns = event.identifier, event.state, event.reason
    query = select(*columns).where(wrong, among(event.id, whole=whole))
    return query.order_by(event.id)


def _is_shown() -> ColumnElement[bool]:
    """Say whether something shows that an event counted; an empty one needs nothing."""
    of_event = select(attempt.id).where(attempt.event_id == event.id)
    nothing = and_(event.minutes == 0, ~of_event.exists())
    stood = select(opening.id).where(
        opening.event_id == event.id, opening.minutes == event.minutes
    )
    is_shown = or_(nothing, stood.exists(), _was_counted())
    return event.evidence.is_not(None) & is_shown


def _was_counted() -> ColumnElement[bool]:
    """Say whether an answer or a reading once showed an event."""
    answered = select(attempt.id).where(
        attempt.event_id == event.id,
        attempt.kind == "event",
        attempt.verdict.in_(COUNTED_VERDICTS),
    )
    read = select(reading.id).where(
        reading.event_id == event.id,
        or_(reading.minutes == event.minutes, _is_multiple()),
    )
    return or_(answered.exists(), read.exists())


def _is_multiple() -> ColumnElement[bool]:
    """Say whether a reading shows what was sent again more than once."""
    tries = select(func.count()).where(attempt.event_id == event.id)
    several = tries.correlate(meter_event).scalar_subquery() > 1
    return and_(
        or_(event.rearmed_at.is_not(None), several),
        reading.minutes != 0,
        (reading.minutes > 0) == (event.minutes > 0),
        reading.minutes % func.nullif(event.minutes, 0) == 0,
    )


def _may_be_counted() -> ColumnElement[bool]:
    """Say whether an attempt may count that was never read as absent."""
    unknown = or_(
        attempt.verdict.is_(None),
        attempt.verdict.in_([*COUNTED_VERDICTS, SendVerdict.UNKNOWN.value]),
    )
    sent = select(attempt.id).where(
        attempt.event_id == event.id, attempt.kind == "event", unknown
    )
    absent = select(reading.id).where(
        reading.event_id == event.id, reading.minutes == 0
    )
    return sent.exists() & ~absent.exists()


def totals(scope: Scope) -> Iterator[Violation]:
    """Add up what was reported of a customer's month: Stripe loses what is below 0.

    What counted and was rejected later still adds: it is sent anew, not a fault of
    ours. What was cancelled does not.
    """
    for part in scope.events():
        lessened = scope.connection.execute(_lessened(whole=scope.whole), part).all()
        for customer, period in lessened:
            values = {"customer": customer, "month": period}
            for *_, name, minutes in scope.connection.execute(_below_zero(), values):
                words = f"{minutes} minutes are reported of {name} for {period}"
                yield Violation(Invariant.TOTALS, words)


@cache
def _lessened(*, whole: bool) -> Select[Any]:
    lessens = among(event.id, whole=whole), event.minutes < 0, _still_counts()
    return select(event.customer, event.period).where(*lessens).distinct()


@cache
def _below_zero() -> Select[Any]:
    keys, total = (
        (event.livemode, event.meter, event.stripe_customer),
        func.sum(event.minutes),
    )
    return (
        select(*keys, total)
        .where(
            event.customer == bindparam("customer"),
            event.period == bindparam("month"),
            _still_counts(),
        )
        .group_by(*keys)
        .having(total < 0)
    )


def _still_counts() -> ColumnElement[bool]:
    cancelled = select(attempt.id).where(
        attempt.event_id == event.id, attempt.kind == "cancel"
    )
    return or_(
        event.state == EventState.SYNCED.value, _was_counted() & ~cancelled.exists()
    )
