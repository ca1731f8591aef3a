"""The three books of a month, as its last reconciliation found them."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from billing.domain.period import BillingPeriod
from billing.ledger.tables import (
    break_case,
    reconciliation_break,
    reconciliation_reading,
    reconciliation_run,
)

run, reading = reconciliation_run.c, reconciliation_reading.c
case, found = break_case.c, reconciliation_break.c


class OpenCase(NamedTuple):
    """A difference that is not resolved, and who knows of it."""

    case: int
    cause: str
    customer: str | None
    account: str | None
    minutes: int
    opened_at: datetime
    acknowledged_by: str | None
    reason: str | None


class ThreeBooks(NamedTuple):
    """The minutes of a month in each book; `invoiced` where invoices were read."""

    run: int
    at: datetime
    settled: bool
    complete: bool
    pamela_minutes: int
    ledger_minutes: int
    stripe_minutes: int
    invoiced_minutes: int | None
    difference_minutes: int
    breaks: int
    open_items: tuple[OpenCase, ...]


def three_books(connection: Connection, period: BillingPeriod) -> ThreeBooks | None:
    """Return what the last reconciliation of a month found; None if there was none."""
    query = select(reconciliation_run).where(run.period == str(period))
    last = connection.execute(query.order_by(run.id.desc()).limit(1)).first()
    if last is None:
        return None
    sums = [
        func.coalesce(func.sum(column), 0)
        for column in (
            reading.pamela_minutes,
            reading.ledger_minutes,
            reading.stripe_minutes,
        )
    ]
    books = select(*sums, func.sum(reading.invoiced_minutes))
    of_run = connection.execute(books.where(reading.run_id == last.id)).one()
    pamela, ledger, stripe, invoiced = tuple(of_run)
    return ThreeBooks(
        int(last.id),
        last.started_at,
        bool(last.settled),
        bool(last.complete),
        int(pamela),
        int(ledger),
        int(stripe),
        None if invoiced is None else int(invoiced),
        int(last.difference_minutes),
        int(last.breaks),
        _open_cases(connection, period),
    )


def _open_cases(connection: Connection, period: BillingPeriod) -> tuple[OpenCase, ...]:
    newest = (
        select(found.minutes)
        .where(found.case_id == case.id)
        .order_by(found.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(
            case.id,
            case.cause,
            case.customer,
            case.account,
            func.coalesce(newest, 0),
            case.opened_at,
            case.acknowledged_by,
            case.reason,
        )
        .where(case.period == str(period), case.resolved_at.is_(None))
        .order_by(case.id)
    )
    return tuple(OpenCase(*row) for row in connection.execute(query))
