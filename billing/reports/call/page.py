"""The page of a call: each part of its life as a table, in the order it happened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from billing.domain.money import format_micro
from billing.domain.period import hour_of
from billing.domain.rating import amount_micro, billed_minutes
from billing.ledger.queries.call_trace import CallTrace, TracedEvent, TracedRow
from billing.reports.sheets.formatting import spell

_DIGEST = 12
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
            str(one.revision),
            one.status,
            spell(one.started_at) or "never",
            _text(one.duration_seconds),
            spell(one.read_at) or "",
            str(one.pull_id),
            f"{one.source_sha256[:_DIGEST]}…",
        ]
        for one in trace.revisions
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
        said = "; ".join(changed) or "the customer it names"
        yield f"Revision {newer.revision} changed: {said}."
    newest = trace.revisions[-1]
    if newest.minutes_gap:
        theirs = newest.source_minutes
        yield f"Pamela says {theirs} billed minutes, which is not what the rule gives."


def _quarantine(trace: CallTrace) -> PagePart:
    headings = ["seen", "reason", "detail", "released"]
    lines = [
        [
            spell(one.seen_at) or "",
            one.reason,
            one.detail,
            spell(one.released_at) or "no: it waits to be understood",
        ]
        for one in trace.set_aside
    ]
    return PagePart("Set aside", headings, lines)


def _rating(trace: CallTrace) -> list[str]:
    newest = trace.revisions[-1]
    if newest.not_billable:
        why = newest.not_billable.replace("_", " ")
        return [f"Not billable: {why} (status {newest.status})."]
    seconds = newest.duration_seconds
    minutes = billed_minutes(seconds)
    said = f"max(⌈{seconds} s / 60⌉, 1) = {minutes} min"
    priced = [one.price for one in trace.rows if one.price is not None]
    if priced:
        price = priced[-1]
        amount = format_micro(amount_micro(minutes, price), price.currency)
        said += (
            f" at {price.per_minute} {price.currency} (the price from "
            f"{price.effective_from:%Y-%m-%d}) = {amount} {price.currency}"
        )
    hour = spell(hour_of(newest.started_at))
    return [f"{said}, for {newest.customer} in the hour {hour}."]


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
    lines = [_usage_line(one) for one in trace.rows]
    carried = [one.row for one in trace.rows if one.row.hour != one.row.call_hour]
    said = [_carried_sentence(trace, row) for row in carried]
    return PagePart("Rows of usage", headings, lines, said)


def _usage_line(traced: TracedRow) -> list[str]:
    row = traced.row
    return [
        str(row.id),
        row.type,
        row.customer,
        f"{row.hour:%Y-%m-%dT%HZ}",
        str(row.billed_minutes),
        format_micro(row.amount_micro, row.currency),
        str(row.call_revision),
        "" if row.corrects is None else str(row.corrects),
        "not queued" if row.meter_event_id is None else str(row.meter_event_id),
    ]


def _carried_sentence(trace: CallTrace, row: Any) -> str:
    month = f"{row.call_hour:%Y-%m}"
    closed = trace.closed.get(month)
    when = f", closed {spell(closed.closed_at)}" if closed else ""
    what = "corrects" if row.corrects else "comes late for"
    hour = spell(row.call_hour)
    return f"Row {row.id} {what} {hour} of {month}{when}; it is billed in {row.period}."


def _event(traced: TracedEvent) -> PagePart:
    event = traced.event
    state = f"{event.state} ({event.reason})" if event.reason else event.state
    rows = "1 row" if event.usage_rows == 1 else f"{event.usage_rows} rows"
    what = f"{event.minutes} minutes of {rows}, for {event.stripe_customer}"
    said = [f"{event.identifier}: {state}; {what} at {spell(event.timestamp)}."]
    if event.evidence:
        said.append(f"Evidence: {event.evidence}.")
    if event.carries:
        said.append(f"It carries usage of {event.carries}, which is closed.")
    said += [
        f"Its minute held {one.minutes} at {spell(one.read_at)}."
        for one in traced.readings
    ]
    said += [f"Try {one.number}: {one.detail}" for one in traced.attempts if one.detail]
    headings = ["try", "kind", "sent", "answered", "verdict", "HTTP", "request"]
    lines = [
        [
            str(one.number),
            one.kind,
            spell(one.started_at) or "",
            spell(one.answered_at) or "never",
            one.verdict or "unknown",
            _text(one.http_status),
            one.request_id or "",
        ]
        for one in traced.attempts
    ]
    return PagePart(f"Meter event {event.id}", headings, lines, said)


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
            one.period,
            one.customer,
            str(one.pamela_minutes),
            str(one.ledger_minutes),
            str(one.stripe_minutes),
            "yes" if one.settled else "not yet",
            _text(one.invoiced_minutes),
            one.invoice or "none yet",
        ]
        for one in trace.months
    ]
    said = [f"{one.period} was read at {spell(one.read_at)}." for one in trace.months]
    return PagePart(
        "The customer's month in minutes, as last read", headings, lines, said
    )


def _breaks(trace: CallTrace) -> PagePart:
    headings = ["month", "cause", "minutes", "found", "evidence"]
    lines = [
        [
            one.period,
            one.cause,
            str(one.minutes),
            spell(one.finished_at) or "",
            one.evidence or "",
        ]
        for one in trace.breaks
    ]
    return PagePart("Breaks that name this call", headings, lines)


def _text(value: object) -> str:
    if value is None:
        return "none"
    return str(spell(value)) if isinstance(value, datetime) else str(value)
