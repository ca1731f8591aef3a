"""The totals of a month on all three sides, as its last reconciliation found them."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from billing.domain.period import BillingPeriod
from billing.ledger.reconcile.case_list import Case, CaseFilter, list_cases
from billing.ledger.schema.tables import reconciliation_reading, reconciliation_run

run, reading = reconciliation_run.c, reconciliation_reading.c


class RunTotals(NamedTuple):
    """The minutes of a month on each side; `invoiced` where invoices were read."""

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
    open_items: tuple[Case, ...]


def run_totals(connection: Connection, period: BillingPeriod) -> RunTotals | None:
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
    query = select(*sums, func.sum(reading.invoiced_minutes))
    of_run = connection.execute(query.where(reading.run_id == last.id)).one()
    pamela, ledger, stripe, invoiced = tuple(of_run)
    return RunTotals(
        run=int(last.id),
        at=last.started_at,
        settled=bool(last.settled),
        complete=bool(last.complete),
        pamela_minutes=int(pamela),
        ledger_minutes=int(ledger),
        stripe_minutes=int(stripe),
        invoiced_minutes=None if invoiced is None else int(invoiced),
        difference_minutes=int(last.difference_minutes),
        breaks=int(last.breaks),
        open_items=tuple(list_cases(connection, CaseFilter(period=period))),
    )
