"""The laws of meter events, asked of the ledger: sums, names, resends, evidence."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Subquery, and_, case, func, or_, select

from billing.domain.event_laws import StoredEvent, Try, judge_identifier, judge_resends
from billing.domain.laws import Fault, Law
from billing.domain.metering import EventState, FailReason, Verdict
from billing.ledger.laws.scope import Scope, among, chunks
from billing.ledger.tables import b2b_usage, meter_attempt, meter_event, meter_reading

event, usage = meter_event.c, b2b_usage.c
attempt, reading = meter_attempt.c, meter_reading.c
_COUNTED = (Verdict.COUNTED.value, Verdict.DUPLICATE.value)


def sums(scope: Scope) -> Iterator[Fault]:
    """Add up the rows bound to each event: it reports just them, if it still does."""
    for part in scope.events():
        carried = _carried(part)
        held = carried.c
        rows, minutes, amount, misplaced = (
            func.coalesce(column, 0)
            for column in (held.rows, held.minutes, held.amount, held.misplaced)
        )
        differs = or_(
            rows != event.usage_rows,
            minutes != event.minutes,
            amount != event.amount_micro,
            misplaced > 0,
        )
        released = func.coalesce(event.reason, "") == FailReason.REPLACED.value
        query = (
            select(event.identifier, event.minutes, released, rows, minutes, misplaced)
            .select_from(
                meter_event.outerjoin(held.event.table, held.event == event.id)
            )
            .where(among(event.id, part), case((released, rows > 0), else_=differs))
            .order_by(event.id)
        )
        for name, due, is_released, count, found, elsewhere in scope.connection.execute(
            query
        ):
            words = f"event {name} reports {due} minutes, its rows hold {found}"
            if is_released:
                words = f"event {name} was replaced, and still carries {count} rows"
            elif elsewhere:
                words = f"event {name} carries {elsewhere} rows of another hour"
            yield Fault(Law.EVENTS, words)


def _carried(part: Sequence[int] | None) -> Subquery:
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
        .where(among(usage.meter_event_id, part))
        .group_by(usage.meter_event_id)
        .subquery()
    )


def identifiers(scope: Scope) -> Iterator[Fault]:
    """Make each event's name, minute and month anew from its parts."""
    columns = [event[name] for name in StoredEvent._fields]
    for part in scope.events():
        for row in scope.connection.execute(
            select(*columns).where(among(event.id, part))
        ):
            stored = StoredEvent._make(row)
            yield from judge_identifier(stored._replace(livemode=bool(row.livemode)))


def resends(scope: Scope) -> Iterator[Fault]:
    """Follow the attempts of every event that was sent more than once."""
    for part in scope.events():
        repeated = (
            select(attempt.event_id)
            .where(attempt.kind == "event", among(attempt.event_id, part))
            .group_by(attempt.event_id)
            .having(func.count() > 1)
        )
        for several in chunks(list(scope.connection.scalars(repeated))):
            yield from _late_resends(scope, several)


def _late_resends(scope: Scope, events: Sequence[int]) -> Iterator[Fault]:
    tries: dict[int, list[Try]] = defaultdict(list)
    columns = attempt.event_id, attempt.number, attempt.started_at, attempt.verdict
    made = select(*columns).where(attempt.event_id.in_(events), attempt.kind == "event")
    for number, *one in scope.connection.execute(
        made.order_by(attempt.event_id, attempt.number)
    ):
        tries[number].append(Try(*one))
    absent: dict[int, list[datetime]] = defaultdict(list)
    reads = select(reading.event_id, reading.read_at).where(
        reading.event_id.in_(events), reading.minutes == 0
    )
    for number, at in scope.connection.execute(reads):
        absent[number].append(at)
    names = select(event.id, event.identifier).where(event.id.in_(events))
    for number, identifier in scope.connection.execute(names):
        yield from judge_resends(identifier, tries[number], absent[number])


def evidence(scope: Scope) -> Iterator[Fault]:
    """Look for what shows that an event was counted, or that it never can be."""
    for part in scope.events():
        wrong = or_(
            and_(event.state == EventState.SYNCED.value, ~_is_shown()),
            and_(event.reason == FailReason.EXPIRED.value, _may_be_counted()),
        )
        columns = event.identifier, event.state, event.reason
        query = select(*columns).where(wrong, among(event.id, part))
        for name, state, reason in scope.connection.execute(query.order_by(event.id)):
            lack = (
                "nothing shows that it was counted"
                if state == EventState.SYNCED.value
                else "an attempt may have been counted"
            )
            said = f"{state}/{reason}" if reason else state
            yield Fault(Law.EVIDENCE, f"event {name} is {said}, and {lack}")


def _is_shown() -> ColumnElement[bool]:
    """Say whether something shows that an event counted; an empty one needs nothing."""
    of_event = select(attempt.id).where(attempt.event_id == event.id)
    nothing = and_(event.minutes == 0, ~of_event.exists())
    return event.evidence.is_not(None) & or_(nothing, _was_counted())


def _was_counted() -> ColumnElement[bool]:
    """Say whether an answer or a reading once showed an event."""
    answered = select(attempt.id).where(
        attempt.event_id == event.id,
        attempt.kind == "event",
        attempt.verdict.in_(_COUNTED),
    )
    read = select(reading.id).where(
        reading.event_id == event.id, reading.minutes == event.minutes
    )
    return or_(answered.exists(), read.exists())


def _may_be_counted() -> ColumnElement[bool]:
    """Say whether an attempt may count that was never read as absent."""
    unknown = or_(
        attempt.verdict.is_(None),
        attempt.verdict.in_([*_COUNTED, Verdict.UNKNOWN.value]),
    )
    sent = select(attempt.id).where(
        attempt.event_id == event.id, attempt.kind == "event", unknown
    )
    absent = select(reading.id).where(
        reading.event_id == event.id, reading.minutes == 0
    )
    return sent.exists() & ~absent.exists()


def totals(scope: Scope) -> Iterator[Fault]:
    """Add up what was reported of a customer's month: Stripe loses what is below 0.

    What counted and was rejected later still adds: it is sent anew, not a fault of
    ours. What was cancelled does not.
    """
    cancelled = select(attempt.id).where(
        attempt.event_id == event.id, attempt.kind == "cancel"
    )
    counted = or_(
        event.state == EventState.SYNCED.value, _was_counted() & ~cancelled.exists()
    )
    keys = event.livemode, event.meter, event.stripe_customer
    for part in scope.events():
        lessened = (
            select(event.customer, event.period)
            .where(among(event.id, part), event.minutes < 0, counted)
            .distinct()
        )
        for customer, period in scope.connection.execute(lessened).all():
            total = func.sum(event.minutes)
            query = (
                select(*keys, total)
                .where(event.customer == customer, event.period == period, counted)
                .group_by(*keys)
                .having(total < 0)
            )
            for *_, name, minutes in scope.connection.execute(query):
                words = f"{minutes} minutes are reported of {name} for {period}"
                yield Fault(Law.TOTALS, words)
