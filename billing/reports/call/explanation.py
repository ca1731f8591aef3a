"""The explanation of a call: found by its id, as a document, with its verdict."""

from typing import Any

from billing.domain.money import format_micro
from billing.domain.suggestion import did_you_mean
from billing.errors import BadInput
from billing.ledger.database import Ledger
from billing.ledger.queries.call_trace import (
    CallTrace,
    TracedEvent,
    TracedRow,
    accounts_with,
    neighbours_of,
    trace_call,
)
from billing.reports.call.quarantine_list import decision_document
from billing.reports.call.verdict import counted_at, verdict_on
from billing.reports.sheets.formatting import Document, format_time


def read_trace(ledger: Ledger, call_id: str, account: str | None) -> CallTrace:
    """Return all that is known of a call; raises BadInput or LedgerFault."""
    with ledger.reading() as connection:
        accounts = accounts_with(connection, call_id)
        if not accounts:
            hint = did_you_mean(call_id, neighbours_of(connection, call_id))
            raise BadInput(f"the ledger knows no call {call_id!a}{hint}")
        if account is not None and account not in accounts:
            names = ", ".join(accounts)
            raise BadInput(f"account {account} has no call {call_id}; {names} has one")
        if account is None and len(accounts) > 1:
            names = ", ".join(accounts)
            raise BadInput(
                f"several accounts have a call {call_id}; give --account, "
                f"one of {names}"
            )
        return trace_call(connection, account or accounts[0], call_id)


def explanation_document(trace: CallTrace) -> Document:
    """Return the whole life of a call with stable names."""
    return {
        "account": trace.account,
        "call": trace.call_id,
        "verdict": verdict_on(trace),
        "revisions": [_fields(revision) for revision in trace.revisions],
        "quarantine": [_fields(item) for item in trace.set_aside],
        "decisions": [decision_document(each) for each in trace.decisions],
        "usage": [_usage(traced) for traced in trace.rows],
        "events": [_event(traced) for traced in trace.events],
        "months": [_fields(month) for month in trace.months],
        "breaks": [_fields(item) for item in trace.breaks],
        "closed": [_fields(closed) for closed in trace.closed.values()],
    }


def _usage(traced: TracedRow) -> Document:
    fields, price = _fields(traced.row), traced.price
    for name in ("price_effective_from", "price_per_minute", "price_currency"):
        del fields[name]
    row = traced.row
    fields["amount"] = format_micro(row.amount_micro, row.currency)
    fields["price"] = price and {
        "effective_from": format_time(price.effective_from),
        "per_minute": f"{price.per_minute:f}",
        "currency": price.currency,
    }
    return fields


def _event(traced: TracedEvent) -> Document:
    return {
        **_fields(traced.event),
        "counted_at": format_time(counted_at(traced)),
        "attempts": [_fields(attempt) for attempt in traced.attempts],
        "readings": [_fields(reading) for reading in traced.readings],
    }


def _fields(row: Any) -> Document:
    """Return a row's columns by name; times stand in UTC to the second."""
    return {
        name: format_time(value) if hasattr(value, "tzinfo") else value
        for name, value in row._mapping.items()
    }
