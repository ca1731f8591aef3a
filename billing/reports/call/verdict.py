"""The verdict on a call: in one sentence, whether it is billed, and how far it came."""

from collections import defaultdict
from datetime import datetime

from billing.domain.meter_event import EventState, SendVerdict
from billing.domain.money import format_micro
from billing.ledger.queries.call_trace import CallTrace, TracedEvent
from billing.reports.sheets.formatting import format_time

_COUNTED = {SendVerdict.COUNTED.value, SendVerdict.DUPLICATE.value}
_COUNTED_BY_STRIPE = "counted by Stripe"
_WHY_NOT = {
    "underway": "not billed yet: it is not over",
    "never_connected": "not billed: it never connected, so it has no started_at",
    "before_first_period": "not billed: it began before first_period of the settings",
}
# What becomes of an event that failed, in words.
_FAILED = {
    "unanswered": "Stripe gave no answer yet, and the next run sends it again",
    "rejected": "Stripe refused it; fix the cause, then `sync --retry`",
    "uncertain": "perhaps counted; its own minute is read until that is settled",
    "expired": "too old for Stripe to take; invoice it by hand",
    "cancelling": "being taken back, to be reported anew",
    "voided": "a person decided that it is never reported",
}


def verdict_on(trace: CallTrace) -> str:
    """Say in one sentence whether a call is billed, and how far that has come."""
    aside = [item for item in trace.set_aside if item.released_at is None]
    if not trace.revisions:
        if not aside:
            return "not billed: it was set aside, and then released without a revision"
        item = aside[-1]
        return (
            f"not billed: it is in quarantine since {format_time(item.seen_at)}, "
            f"{item.reason}: {item.detail}"
        )
    newest = trace.revisions[-1]
    minutes = sum(traced.row.billed_minutes for traced in trace.rows)
    if newest.not_billable and not minutes:
        why = _WHY_NOT.get(newest.not_billable, f"not billed: {newest.not_billable}")
        taken_back = "; what was billed before is taken back" if trace.rows else ""
        sentence = f"{why} (status {newest.status}){taken_back}"
    else:
        sentence = f"billed: {_sum(trace, minutes)}{_carried(trace)}: "
        sentence += f"{_reported(trace)}{_invoiced(trace)}"
    if aside:
        sentence += f"; its newest record is in quarantine, {aside[-1].reason}"
    return sentence


def counted_at(traced: TracedEvent) -> datetime | None:
    """Return when Stripe, or a reading of it, said that an event counts."""
    for attempt in traced.attempts:
        if attempt.verdict in _COUNTED:
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


def _reported(trace: CallTrace) -> str:
    """Say how far the rows have come, each part of the minutes by itself."""
    events = {traced.event.id: traced for traced in trace.events}
    parts: dict[str, int] = defaultdict(int)
    for traced in trace.rows:
        stage = _stage(events.get(traced.row.meter_event_id))
        parts[stage] += traced.row.billed_minutes
    moments = [at for traced in trace.events if (at := counted_at(traced)) is not None]
    if _COUNTED_BY_STRIPE in parts and moments:
        # The last moment is told: until then not all of it was there.
        minutes = parts.pop(_COUNTED_BY_STRIPE)
        parts[f"{_COUNTED_BY_STRIPE} at {format_time(max(moments))}"] = minutes
    if len(parts) == 1:
        return next(iter(parts))
    return "; ".join(f"{minutes} {stage}" for stage, minutes in parts.items())


def _stage(traced: TracedEvent | None) -> str:
    if traced is None:
        return "to be reported by a sync, when the hour is over"
    event = traced.event
    if event.state == EventState.FAILED.value:
        return f"not counted by Stripe ({_FAILED.get(event.reason, event.reason)})"
    if event.state == EventState.PENDING.value:
        return "on the way to Stripe, and not answered yet"
    if traced.opening_before is not None:
        return (
            "counted by the opening of what another program reported before "
            f"{format_time(traced.opening_before)}, and not sent"
        )
    if not event.minutes:
        return "cancelled out within the hour, with nothing to report"
    return _COUNTED_BY_STRIPE


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


def _invoiced(trace: CallTrace) -> str:
    """Say which invoice shows the minutes, month by month where there are several."""
    minutes: dict[tuple[str, str], int] = defaultdict(int)
    for traced in trace.rows:
        minutes[traced.row.period, traced.row.customer] += traced.row.billed_minutes
    places = [place for place, held in minutes.items() if held]
    read = {(month.period, month.customer): month.invoice for month in trace.months}
    notes = [
        f"on invoice {read[place]}" if read[place] else "on no invoice yet"
        for place in places
        if place in read
    ]
    if len(places) == 1 or len(set(notes)) == 1:
        return "".join(f", {words}" for words in sorted(set(notes)))
    parts = zip([place for place in places if place in read], notes, strict=True)
    return "".join(
        f", {minutes[place]:+d} in {place[0]} {words}" for place, words in parts
    )
