"""The page of a call: each part of its life as a table, in the order it happened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

from billing.domain.money import format_micro
from billing.domain.period import hour_of
from billing.domain.rating import amount_micro, billed_minutes
from billing.ledger.queries.call_trace import CallTrace, TracedEvent, TracedRow
from billing.reports.reconciliation.read_times import read_sentence
from billing.reports.sheets.cells import UNKNOWN, format_amount
from billing.reports.sheets.formatting import counted, format_time

_COMPARED = (
    "status",
    "created_at",
    "started_at",
    "ended_at",
    "duration_seconds",
    "source_minutes",
    "customer",
    "not_billable",
)


@dataclass(frozen=True, slots=True)
class PagePart:
    """One part of the page: a table, and sentences below it."""

    title: str
    headings: Sequence[str] = ()
    lines: Sequence[Sequence[str]] = ()
    sentences: Sequence[str] = field(default=())


def page_of(trace: CallTrace) -> Iterator[PagePart]:
    """Yield the parts of a call's page; what there is nothing of is left out."""
    if trace.revisions:
        yield _source(trace)
    if trace.set_aside:
        yield _quarantine(trace)
    if trace.decisions:
        yield _decisions(trace)
    if trace.revisions:
        yield PagePart("Rating", sentences=_rating(trace))
    if trace.rows:
        yield _usage(trace)
    for traced in trace.events:
        yield _event(traced)
    if trace.months:
        yield _months(trace)
    if trace.breaks:
        yield _breaks(trace)


def _source(trace: CallTrace) -> PagePart:
    headings = ["rev", "status", "started", "seconds", "read", "pull", "digest"]
    lines = [
        [
            str(revision.revision),
            revision.status,
            format_time(revision.started_at) or "never",
            _figure(revision.duration_seconds),
            format_time(revision.read_at) or "",
            str(revision.pull_id),
            revision.source_sha256,
        ]
        for revision in trace.revisions
    ]
    return PagePart("What Pamela said", headings, lines, list(_changes(trace)))


def _changes(trace: CallTrace) -> Iterator[str]:
    for older, newer in pairwise(trace.revisions):
        was, now = older._mapping, newer._mapping
        changed = [
            f"{name.replace('_', ' ')} {_text(was[name])} → {_text(now[name])}"
            for name in _COMPARED
            if was[name] != now[name]
        ]
        differences = "; ".join(changed) or "the customer it names"
        yield f"Revision {newer.revision} changed: {differences}."
    newest = trace.revisions[-1]
    if newest.minutes_gap:
        theirs = counted(newest.source_minutes, "billed minute")
        yield f"Pamela says {theirs}, which is not what the rule gives."


def _quarantine(trace: CallTrace) -> PagePart:
    headings = ["seen", "reason", "detail", "released"]
    lines = [
        [
            format_time(item.seen_at) or "",
            item.reason,
            item.detail,
            format_time(item.released_at) or "no: it waits to be understood",
        ]
        for item in trace.set_aside
    ]
    return PagePart("Set aside", headings, lines)


def _decisions(trace: CallTrace) -> PagePart:
    headings = ["rev", "decided", "by", "seconds", "why", "on what", "holds"]
    lines = [
        [
            str(decision.revision),
            format_time(decision.at) or "",
            decision.actor,
            "not billed" if decision.seconds is None else f"{decision.seconds:,}",
            decision.reason,
            decision.evidence,
            "yes" if decision.in_force else _after(trace, decision.revision),
        ]
        for decision in trace.decisions
    ]
    return PagePart("Decided by a person", headings, lines)


def _after(trace: CallTrace, number: int) -> str:
    """Say what came after a decision, and so holds in its place."""
    later = {decision.revision for decision in trace.decisions}
    if number + 1 in later:
        return "no: decided anew"
    return f"no: Pamela says revision {number + 1}"


def _rating(trace: CallTrace) -> list[str]:
    newest = trace.revisions[-1]
    if newest.not_billable:
        why = newest.not_billable.replace("_", " ")
        return [f"Not billable: {why} (status {newest.status})."]
    seconds = newest.duration_seconds
    minutes = billed_minutes(seconds)
    sentence = f"max(⌈{seconds} s / 60⌉, 1) = {minutes} min"
    priced = [traced.price for traced in trace.rows if traced.price is not None]
    if priced:
        price = priced[-1]
        amount = format_micro(amount_micro(minutes, price), price.currency)
        sentence += (
            f" at {price.per_minute} {price.currency} (the price from "
            f"{price.effective_from:%Y-%m-%d}) = {amount} {price.currency}"
        )
    hour = format_time(hour_of(newest.started_at))
    return [f"{sentence}, for {newest.customer} in the hour {hour}."]


def _usage(trace: CallTrace) -> PagePart:
    headings = [
        "row",
        "type",
        "customer",
        "hour",
        "minutes",
        "amount",
        "rev",
        "corrects",
        "event",
    ]
    lines = [_usage_line(traced) for traced in trace.rows]
    carried = [
        traced.row for traced in trace.rows if traced.row.hour != traced.row.call_hour
    ]
    sentences = [_carried_sentence(trace, row) for row in carried]
    return PagePart("Rows of usage", headings, lines, sentences)


def _usage_line(traced: TracedRow) -> list[str]:
    row = traced.row
    return [
        str(row.id),
        row.type,
        row.customer,
        f"{row.hour:%Y-%m-%dT%HZ}",
        _figure(row.billed_minutes),
        format_amount(row.amount_micro, row.currency),
        str(row.call_revision),
        "" if row.corrects is None else str(row.corrects),
        "not queued" if row.meter_event_id is None else str(row.meter_event_id),
    ]


def _carried_sentence(trace: CallTrace, row: Any) -> str:
    month = f"{row.call_hour:%Y-%m}"
    closed = trace.closed.get(month)
    when = f", closed {format_time(closed.closed_at)}" if closed else ""
    what = "corrects" if row.corrects else "comes late for"
    hour = format_time(row.call_hour)
    return f"Row {row.id} {what} {hour} of {month}{when}; it is billed in {row.period}."


def _event(traced: TracedEvent) -> PagePart:
    event = traced.event
    state = f"{event.state} ({event.reason})" if event.reason else event.state
    minutes, rows = counted(event.minutes, "minute"), counted(event.usage_rows, "row")
    what = f"{minutes} of {rows}, for {event.stripe_customer}"
    sentences = [
        f"{event.identifier}: {state}; {what} at {format_time(event.timestamp)}."
    ]
    if event.evidence:
        sentences.append(f"Evidence: {event.evidence}.")
    if event.carries:
        sentences.append(f"It carries usage of {event.carries}, which is closed.")
    sentences += [
        f"Its own minute held {reading.minutes:,} at {format_time(reading.read_at)}."
        for reading in traced.readings
    ]
    answered = (attempt for attempt in traced.attempts if attempt.detail)
    for detail, tries in groupby(answered, key=lambda attempt: attempt.detail):
        numbers = [str(attempt.number) for attempt in tries]
        sentences.append(f"{_tries(numbers)}: {detail}")
    headings = ["try", "kind", "sent", "answered", "verdict", "HTTP", "request"]
    lines = [
        [
            str(attempt.number),
            attempt.kind,
            format_time(attempt.started_at) or "",
            format_time(attempt.answered_at) or "never",
            attempt.verdict or "unknown",
            _text(attempt.http_status or UNKNOWN),
            attempt.request_id or "",
        ]
        for attempt in traced.attempts
    ]
    return PagePart(f"Meter event {event.id}", headings, lines, sentences)


def _tries(numbers: list[str]) -> str:
    first, *more = numbers
    return f"Tries {first} to {more[-1]}" if more else f"Try {first}"


def _months(trace: CallTrace) -> PagePart:
    headings = [
        "month",
        "customer",
        "Pamela",
        "ledger",
        "Stripe",
        "settled",
        "invoiced",
        "invoice",
    ]
    lines = [
        [
            month.period,
            month.customer,
            _figure(month.pamela_minutes),
            _figure(month.ledger_minutes),
            _figure(month.stripe_minutes),
            "yes" if month.settled else "not yet",
            _figure(month.invoiced_minutes),
            month.invoice or "none yet",
        ]
        for month in trace.months
    ]
    sentences = [
        f"{month.period}: {read_sentence([month.calls_read_at], month.read_at)}"
        for month in trace.months
    ]
    return PagePart(
        "The customer's month in minutes, as last read", headings, lines, sentences
    )


def _breaks(trace: CallTrace) -> PagePart:
    headings = ["month", "cause", "minutes", "found", "evidence"]
    lines = [
        [
            item.period,
            item.cause,
            f"{item.minutes:+,d}",
            format_time(item.finished_at) or "",
            item.evidence or "",
        ]
        for item in trace.breaks
    ]
    return PagePart("Breaks of this call, its hour or its invoice", headings, lines)


def _figure(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _text(value: object) -> str:
    if value is None:
        return "none"
    return str(format_time(value)) if isinstance(value, datetime) else str(value)
