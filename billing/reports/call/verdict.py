"""The verdict on a call: in one sentence, whether it is billed, and how far it came."""

from collections import defaultdict
from datetime import datetime

from billing.domain.break_causes import Cause
from billing.domain.meter_event import COUNTED_VERDICTS, EventState, FailReason
from billing.domain.money import format_micro
from billing.ledger.queries.call_trace import CallTrace, TracedEvent, TracedRow
from billing.reports.call.standing import Standing
from billing.reports.sheets.formatting import format_time

# What a break of a whole hour says of each event in it: nobody knows which is meant.
_OF_HOURS = {
    Cause.NOT_SETTLED: Cause.NOT_SETTLED,
    Cause.NOT_COUNTED: Cause.NOT_SETTLED,
    Cause.UNKNOWN_CUSTOMER: Cause.UNKNOWN_CUSTOMER,
}
_WHY_NOT = {
    "underway": "not billed yet: it is not over",
    "never_connected": "not billed: it never connected, so it has no started_at",
    "before_first_period": "not billed: it began before first_period of the settings",
}


def verdict_on(trace: CallTrace) -> str:
    """Say in one sentence whether a call is billed, and how far that has come."""
    decided = max((each.quarantine_id or 0 for each in trace.decisions), default=0)
    held = [item for item in trace.set_aside if item.released_at is None]
    aside = [item for item in held if item.id > decided]
    if not trace.revisions:
        if not aside:
            return "not billed: it was set aside, and then released without a revision"
        item = aside[-1]
        return (
            f"not billed: it is in quarantine since {format_time(item.seen_at)}, "
            f"{item.reason}: {item.detail}"
        )
    newest, decision = trace.revisions[-1], _decision(trace)
    minutes = sum(traced.row.billed_minutes for traced in trace.rows)
    if newest.not_billable and not minutes:
        why = _WHY_NOT.get(newest.not_billable, f"not billed: {newest.not_billable}")
        why = f"{why} (status {newest.status})"
        if decision is not None:
            why = f"not billed: {decision}"
        taken_back = "; what was billed before is taken back" if trace.rows else ""
        sentence = f"{why}{taken_back}"
    else:
        by_whom = "" if decision is None else f" ({decision})"
        sentence = f"billed: {_sum(trace, minutes)}{by_whom}{_carried(trace)}: "
        sentence += ". ".join(_standings(trace))
    if aside:
        sentence += f"; its newest record is in quarantine, {aside[-1].reason}"
    return sentence


def _decision(trace: CallTrace) -> str | None:
    """Say who decided what a call comes to, and why; None where nobody did."""
    held = [decision for decision in trace.decisions if decision.in_force]
    if not held:
        return None
    decision = held[-1]
    return (
        f"{decision.actor} decided so at {format_time(decision.at)}: {decision.reason}"
    )


def counted_at(traced: TracedEvent) -> datetime | None:
    """Return when Stripe, or a reading of it, said that an event counts."""
    for attempt in traced.attempts:
        if attempt.verdict in COUNTED_VERDICTS:
            answered: datetime | None = attempt.answered_at
            return answered
    for read in traced.readings:
        if read.minutes == traced.event.minutes:
            at: datetime | None = read.read_at
            return at
    return None


def _sum(trace: CallTrace, minutes: int) -> str:
    amount = sum(traced.row.amount_micro for traced in trace.rows)
    currency = trace.rows[0].row.currency if trace.rows else ""
    total = f"{format_micro(amount, currency)} {currency}"
    if currency == "usd":
        total = f"${format_micro(amount, currency)}"
    unit = "minute" if minutes == 1 else "minutes"
    return f"{minutes} {unit}, {total}"


def _standings(trace: CallTrace) -> list[str]:
    """Say how far the rows have come, a sentence for each part of the minutes."""
    events = {traced.event.id: traced for traced in trace.events}
    minutes: dict[Standing, int] = defaultdict(int)
    moments: dict[Standing, datetime] = {}
    for traced in trace.rows:
        event = events.get(traced.row.meter_event_id)
        standing = _standing(trace, traced, event)
        minutes[standing] += traced.row.billed_minutes
        at = None if event is None else counted_at(event)
        if at is not None:
            # The last moment is told: until then not all of it was there.
            moments[standing] = max(at, moments.get(standing, at))
    told = {standing: held for standing, held in minutes.items() if held} or minutes
    sentences = {
        standing.sentence(format_time(moments.get(standing))): held
        for standing, held in told.items()
    }
    if len(sentences) == 1:
        return list(sentences)
    return [f"{held} {words}" for words, held in sentences.items()]


def _standing(
    trace: CallTrace, traced: TracedRow, event: TracedEvent | None
) -> Standing:
    place = traced.row.period, traced.row.customer
    read = {(month.period, month.customer): month for month in trace.months}.get(place)
    looked, invoice = read is not None, read.invoice if read else None
    if event is None:
        return Standing(state=None, looked_for_invoice=looked, invoice=invoice)
    at = counted_at(event)
    return Standing(
        state=EventState(event.event.state),
        reason=FailReason(event.event.reason) if event.event.reason else None,
        causes=_causes(trace, traced, event),
        opening_before=format_time(event.opening_before),
        cancelled_out=not event.event.minutes,
        looked_for_invoice=looked,
        invoice=invoice,
        invoice_read_before=bool(invoice and read and at and read.read_at < at),
    )


def _causes(
    trace: CallTrace, traced: TracedRow, event: TracedEvent
) -> frozenset[Cause]:
    """Return why Stripe's figures differ for an event, as last found."""
    place = traced.row.customer, traced.row.period
    of_event = [e for e in trace.breaks if e.event == event.event.identifier]
    unnamed = [e for e in trace.breaks if e.event is None]
    of_hour = [e for e in unnamed if e.hour == event.event.hour]
    of_month = [
        e for e in unnamed if e.hour is None and (e.customer, e.period) == place
    ]
    found = {Cause(each.cause) for each in (*of_event, *of_month)}
    around = {Cause(each.cause) for each in of_hour} & _OF_HOURS.keys()
    return frozenset(found | {_OF_HOURS[cause] for cause in around})


def _carried(trace: CallTrace) -> str:
    """Say which minutes stand in a later month, because their own is closed."""
    carried = [
        traced.row for traced in trace.rows if traced.row.hour != traced.row.call_hour
    ]
    parts: dict[tuple[str, str], int] = defaultdict(int)
    for row in carried:
        parts[row.period, f"{row.call_hour:%Y-%m}"] += row.billed_minutes
    return "".join(
        f", {minutes} of it in {period} as {month} is closed"
        for (period, month), minutes in parts.items()
    )
