"""Divided reconciliations: of several processes one reads the meter for a month."""

from datetime import datetime, timedelta

from billing.domain.period import BillingPeriod
from billing.errors import BillingError
from billing.ledger.database import Ledger
from billing.ledger.locking.locks import try_lock
from billing.ledger.reconcile import runs
from billing.ledger.reconcile.runs import Reconciliation
from billing.pipeline.concurrency import Progress
from billing.pipeline.cycle_report import DoneElsewhere
from billing.pipeline.reconcile.reconcile import (
    Depth,
    ReconcileOptions,
    reconcile_period,
)
from billing.ports import Meter

# What was begun later than that is of a clock that is ahead of ours.
A_CYCLE = timedelta(hours=1)
INVOICES_EVERY = timedelta(hours=24)


def reconcile_divided(
    ledger: Ledger,
    meter: Meter,
    options: ReconcileOptions,
    period: BillingPeriod,
    *,
    began: datetime,
    progress: Progress,
) -> Reconciliation | DoneElsewhere | BillingError:
    """Reconcile a month, unless another process does, or has since we `began`.

    Each would find the same, at so many times the reads.
    """
    try:
        with try_lock(ledger, f"reconcile:{period}") as hold:
            if hold is None or _reconciled_since(ledger, period, began):
                return DoneElsewhere(period)
            return reconcile_period(
                ledger,
                meter,
                options,
                period,
                depth=_depth(ledger, period, options.clock.now()),
                progress=progress,
            )
    except BillingError as fault:
        return fault


def _reconciled_since(ledger: Ledger, period: BillingPeriod, moment: datetime) -> bool:
    with ledger.reading() as connection:
        newest = runs.last_started(connection, period)
    return newest is not None and moment < newest <= moment + A_CYCLE


def _depth(ledger: Ledger, period: BillingPeriod, now: datetime) -> Depth:
    """Read once a day, too, what was invoiced of a month that is over."""
    with ledger.reading() as connection:
        read_at = runs.invoices_read_at(connection, period)
    return Depth(invoices=read_at is None or now - read_at >= INVOICES_EVERY)
