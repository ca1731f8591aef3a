"""Call traces: all that the ledger knows of one call, from source to invoice."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, case, func, or_, select

from billing.domain.break_causes import Cause
from billing.domain.rating import Price
from billing.ledger.pull.call_decisions import Decision, decisions
from billing.ledger.schema.tables import (
    account,
    adoption,
    b2b_usage,
    call,
    meter_attempt,
    meter_event,
    meter_opening,
    meter_reading,
    period_close,
    price,
    pull,
    quarantine,
    reconciliation_break,
    reconciliation_reading,
    reconciliation_run,
    reconciliation_source,
)

# How many neighbours of an unknown call are looked at, in either direction.
_NEIGHBOURS = 20

usage, event = b2b_usage.c, meter_event.c


class TracedRow(NamedTuple):
    """A row of usage, and the price it names."""

    row: Row[Any]
    price: Price | None


class TracedEvent(NamedTuple):
    """A meter event, its attempts, and what was read of its own minute."""

    event: Row[Any]
    attempts: Sequence[Row[Any]]
    readings: Sequence[Row[Any]]
    opening_before: datetime | None = None  # it counts for another program's minutes


@dataclass(frozen=True, slots=True)
class CallTrace:
    """One call as the ledger has it, each list oldest first."""

    account: str
    call_id: str
    revisions: Sequence[Row[Any]]  # of `call`, with read_at and scope of their pull
    set_aside: Sequence[Row[Any]]  # of `quarantine`
    decisions: Sequence[Decision]
    rows: Sequence[TracedRow]
    events: Sequence[TracedEvent]
    months: Sequence[Row[Any]]  # of `reconciliation_reading`, the newest of each month
    breaks: Sequence[Row[Any]]  # of `reconciliation_break`: its own and its hours'
    closed: dict[str, Row[Any]]  # of `period_close`, by month


def accounts_with(connection: Connection, call_id: str) -> list[str]:
    """Return the accounts that a call is known in."""
    known = select(call.c.account).where(
        call.c.account.in_(select(account.c.name)), call.c.call_id == call_id
    )
    aside = select(quarantine.c.account).where(quarantine.c.call_id == call_id)
    return sorted({*connection.scalars(known), *connection.scalars(aside)})


def neighbours_of(connection: Connection, call_id: str) -> list[str]:
    """Return the calls that stand nearest to a name, in the order of names."""
    names: set[str] = set()
    for name in connection.scalars(select(account.c.name)).all():
        ids = select(call.c.call_id).where(call.c.account == name).limit(_NEIGHBOURS)
        after = ids.where(call.c.call_id >= call_id).order_by(call.c.call_id)
        before = ids.where(call.c.call_id < call_id).order_by(call.c.call_id.desc())
        names |= {*connection.scalars(after), *connection.scalars(before)}
    aside = select(quarantine.c.call_id).order_by(quarantine.c.id.desc())
    return sorted({*names, *connection.scalars(aside.limit(1_000))})


def trace_call(connection: Connection, account_name: str, call_id: str) -> CallTrace:
    """Return all that the ledger knows of a call."""
    rows = _rows(connection, account_name, call_id)
    places = sorted({(traced.row.customer, traced.row.period) for traced in rows})
    months = {period for _, period in places}
    call_months = {f"{traced.row.call_hour:%Y-%m}" for traced in rows}
    return CallTrace(
        account=account_name,
        call_id=call_id,
        revisions=_revisions(connection, account_name, call_id),
        set_aside=connection.execute(
            select(quarantine)
            .where(
                quarantine.c.account == account_name, quarantine.c.call_id == call_id
            )
            .order_by(quarantine.c.id)
        ).all(),
        decisions=decisions(connection, account=account_name, call_id=call_id),
        rows=rows,
        events=_events(connection, rows),
        months=[
            reading
            for customer_month in places
            for reading in _newest_reading(connection, *customer_month)
        ],
        breaks=_breaks(connection, months | call_months, call_id, rows),
        closed=_closes(connection, months | call_months),
    )


def _revisions(
    connection: Connection, account_name: str, call_id: str
) -> Sequence[Row[Any]]:
    query = (
        select(call, pull.c.started_at.label("read_at"), pull.c.scope)
        .select_from(call.join(pull))
        .where(call.c.account == account_name, call.c.call_id == call_id)
        .order_by(call.c.revision)
    )
    return connection.execute(query).all()


def _rows(
    connection: Connection, account_name: str, call_id: str
) -> Sequence[TracedRow]:
    columns = price.c.effective_from, price.c.per_minute, price.c.currency
    listed = [column.label(f"price_{column.name}") for column in columns]
    query = (
        select(b2b_usage, *listed)
        .select_from(b2b_usage.outerjoin(price))
        .where(usage.account == account_name, usage.call_id == call_id)
        .order_by(usage.id)
    )
    return [
        TracedRow(
            row,
            Price(row.price_effective_from, row.price_per_minute, row.price_currency)
            if row.price_effective_from
            else None,
        )
        for row in connection.execute(query)
    ]


def _events(connection: Connection, rows: Sequence[TracedRow]) -> Sequence[TracedEvent]:
    """Return the events that carry the rows, and those that did before them."""
    numbers = {traced.row.meter_event_id for traced in rows}
    before = [
        (event.customer == customer)
        & (event.hour == hour)
        & (event.state != "synced")  # as the index of such events has it
        & (event.reason == "replaced")
        for customer, hour in {
            (traced.row.customer, traced.row.hour) for traced in rows
        }
    ]
    query = select(meter_event).where(or_(event.id.in_(numbers - {None}), *before))
    events = connection.execute(query.order_by(event.id + 0)).all()
    attempts = _by_event(connection, meter_attempt, [row.id for row in events])
    readings = _by_event(connection, meter_reading, [row.id for row in events])
    openings = _openings(connection, [row.id for row in events])
    return [
        TracedEvent(row, attempts[row.id], readings[row.id], openings.get(row.id))
        for row in events
    ]


def _openings(connection: Connection, events: Sequence[int]) -> dict[int, datetime]:
    """Return the cut-overs before which events stand for another's minutes."""
    query = (
        select(meter_opening.c.event_id, adoption.c.from_hour)
        .select_from(meter_opening.join(adoption))
        .where(meter_opening.c.event_id.in_(events), adoption.c.kind == "cut_over")
    )
    return {row.event_id: row.from_hour for row in connection.execute(query)}


def _by_event(
    connection: Connection, table: Table, events: Sequence[int]
) -> dict[int, list[Row[Any]]]:
    rows_of_event: dict[int, list[Row[Any]]] = defaultdict(list)
    query = select(table).where(table.c.event_id.in_(events)).order_by(table.c.id)
    for row in connection.execute(query):
        rows_of_event[row.event_id].append(row)
    return rows_of_event


def _newest_reading(
    connection: Connection, customer: str, period: str
) -> Sequence[Row[Any]]:
    reading = reconciliation_reading.c
    source = reconciliation_source.c
    # As of when all of Pamela's calls were read; None where an account's never were.
    moment = source.calls_read_at
    calls_read_at = case((func.count() == func.count(moment), func.min(moment)))
    oldest = select(calls_read_at).where(source.run_id == reading.run_id)
    query = select(
        reconciliation_reading, oldest.scalar_subquery().label("calls_read_at")
    ).where(reading.period == period, reading.customer == customer)
    return connection.execute(query.order_by(reading.id.desc()).limit(1)).all()


def _breaks(
    connection: Connection,
    periods: Iterable[str],
    call_id: str,
    rows: Sequence[TracedRow],
) -> Sequence[Row[Any]]:
    """Return breaks that name the call, and those of its hours and its invoice."""
    run, found = reconciliation_run.c, reconciliation_break.c
    customers = {traced.row.customer for traced in rows}
    around = found.hour.in_({traced.row.hour for traced in rows}) | (
        found.cause == Cause.INVOICE_DIFFERS.value
    )
    newest = (
        select(func.max(run.id)).where(run.period.in_(periods)).group_by(run.period)
    )
    query = (
        select(reconciliation_break, run.period, run.finished_at)
        .select_from(reconciliation_break.join(reconciliation_run))
        .where(
            found.run_id.in_(newest),
            found.calls.contains(f'"{call_id}"', autoescape=True)
            | (found.event.is_(None) & found.customer.in_(customers) & around),
        )
        .order_by(found.id)
    )
    return connection.execute(query).all()


def _closes(connection: Connection, periods: Iterable[str]) -> dict[str, Row[Any]]:
    query = select(period_close).where(period_close.c.period.in_(periods))
    return {row.period: row for row in connection.execute(query)}
