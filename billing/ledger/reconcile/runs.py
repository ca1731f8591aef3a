"""Findings: every reconciliation is kept with its breaks, also when clean."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, insert, select

from billing.domain.break_causes import CARRIED, WAITING, Cause
from billing.domain.breaks import Break, CustomerFinding
from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.reconcile.break_cases import OwnedBreak, Run, track
from billing.ledger.schema.tables import (
    reconciliation_break,
    reconciliation_reading,
    reconciliation_run,
)

# Two days of hourly runs; a settled reading is never older.
_READINGS_THAT_MATTER = 48


@dataclass(frozen=True, slots=True)
class AccountFinding:
    """What the source says in total of an account's month, against its calls."""

    account: str
    usage_minutes: int | None
    calls_minutes: int
    complete: bool
    edge_calls: tuple[str, ...] = ()  # at the month's edges, and all the difference

    @property
    def difference_minutes(self) -> int:
        """The minutes of the calls less the source's own total."""
        if self.usage_minutes is None:
            return 0
        return self.calls_minutes - self.usage_minutes

    @property
    def breaks(self) -> tuple[Break, ...]:
        """The difference with its cause; none when there is none."""
        off, edge = self.difference_minutes, self.edge_calls
        cause = Cause.MONTH_EDGE if edge else Cause.SOURCE_TOTAL_DIFFERS
        return (
            (Break(cause=cause, minutes=off, amount_micro=0, calls=edge),)
            if off
            else ()
        )


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One reconciliation of a month."""

    period: BillingPeriod
    started_at: datetime
    customers: tuple[CustomerFinding, ...]
    accounts: tuple[AccountFinding, ...]
    quarantined: int
    invoices_read: bool = False
    invoices_fault: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every account's month was read whole."""
        return all(account.complete for account in self.accounts)

    @property
    def settled(self) -> bool:
        """Whether every reading may be believed and nothing is missing to judge."""
        return self.complete and all(one.settled for one in self.customers)

    @property
    def difference_minutes(self) -> int:
        """Stripe's minutes less Pamela's, over all customers."""
        return sum(one.difference_minutes for one in self.customers)

    @property
    def breaks(self) -> list[OwnedBreak]:
        """Every break of the month, of customers and then of accounts."""
        found = [
            OwnedBreak(one.customer, None, item)
            for one in self.customers
            for item in one.breaks
        ]
        return found + [
            OwnedBreak(None, account.account, item)
            for account in self.accounts
            for item in account.breaks
        ]

    @property
    def needs_a_person(self) -> bool:
        """Whether a break is of a kind that the next hours do not mend."""
        causes = {found.item.cause for found in self.breaks}
        return bool(causes - WAITING - CARRIED) or bool(self.quarantined)

    @property
    def clean(self) -> bool:
        """Whether the three books agree, minute by minute, and may be believed."""
        return (
            self.settled
            and not self.quarantined
            and all(one.agrees for one in self.customers)
            and not any(account.difference_minutes for account in self.accounts)
        )


def invoices_read_at(connection: Connection, period: BillingPeriod) -> datetime | None:
    """Return when what was invoiced of a month was last read; None if never."""
    run = reconciliation_run.c
    query = select(run.started_at).where(run.period == str(period), run.invoices == 1)
    return connection.execute(query.order_by(run.id.desc()).limit(1)).scalar()


def earlier_readings(
    connection: Connection, period: BillingPeriod, customer: str
) -> list[tuple[datetime, int]]:
    """Return what the meter showed for a customer before: (when, minutes)."""
    reading = reconciliation_reading.c
    query = (
        select(reading.read_at, reading.stripe_minutes)
        .where(reading.period == str(period), reading.customer == customer)
        .order_by(reading.id.desc())
        .limit(_READINGS_THAT_MATTER)
    )
    return [(at, minutes) for at, minutes in connection.execute(query)]


def save(connection: Connection, found: Reconciliation, actor: Actor) -> int:
    """Keep a reconciliation with its readings and breaks; returns its number."""
    breaks = found.breaks
    run = insert(reconciliation_run).values(
        period=str(found.period),
        started_at=found.started_at,
        finished_at=actor.at,
        settled=int(found.settled),
        complete=int(found.complete),
        difference_minutes=found.difference_minutes,
        breaks=len(breaks),
        invoices=int(found.invoices_read),
    )
    made = connection.execute(run.returning(reconciliation_run.c.id))
    number = int(made.scalar_one())
    readings = [_reading(number, found, one) for one in found.customers]
    _insert(connection, reconciliation_reading, readings)
    now = Run(number, found.period, found.complete, found.invoices_read)
    cases = track(connection, now, breaks, actor)
    rows = [
        _row(number, one) | {"case_id": case}
        for one, case in zip(breaks, cases, strict=True)
    ]
    _insert(connection, reconciliation_break, rows)
    detail = {"run": number, "difference_minutes": found.difference_minutes}
    audit_log.record(connection, actor, "period.reconciled", str(found.period), detail)
    return number


def _reading(
    number: int, found: Reconciliation, one: CustomerFinding
) -> dict[str, object]:
    return {
        "run_id": number,
        "period": str(found.period),
        "customer": one.customer,
        "stripe_customer": one.stripe_customer,
        "pamela_minutes": one.pamela_minutes,
        "ledger_minutes": one.ledger_minutes,
        "stripe_minutes": one.stripe_minutes,
        "settled": int(one.settled),
        "read_at": found.started_at,
        "unknown_minutes": one.unknown_minutes,
        "invoiced_minutes": one.invoiced_minutes,
        "invoice": one.invoice,
    }


def _row(number: int, found: OwnedBreak) -> dict[str, object]:
    item = found.item
    return {
        "run_id": number,
        "customer": found.customer,
        "account": found.account,
        "cause": item.cause.value,
        "hour": item.hour,
        "minutes": item.minutes,
        "amount_micro": item.amount_micro,
        "calls": json.dumps(list(item.calls)),
        "event": item.event,
        "evidence": item.evidence,
    }


def _insert(
    connection: Connection, table: Table, rows: list[dict[str, object]]
) -> None:
    if rows:
        connection.execute(insert(table), rows)
