"""Findings: every reconciliation is kept with its breaks, also when clean."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, insert, select

from billing.domain.period import BillingPeriod
from billing.domain.reconciling import WAITING, Break, CustomerFinding
from billing.ledger import audit
from billing.ledger.audit import Actor
from billing.ledger.tables import (
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

    @property
    def difference_minutes(self) -> int:
        """The minutes of the calls less the source's own total."""
        if self.usage_minutes is None:
            return 0
        return self.calls_minutes - self.usage_minutes


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One reconciliation of a month."""

    period: BillingPeriod
    started_at: datetime
    customers: tuple[CustomerFinding, ...]
    accounts: tuple[AccountFinding, ...]
    quarantined: int

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
    def needs_a_person(self) -> bool:
        """Whether a break is of a kind that the next hours do not mend."""
        causes = {item.cause for one in self.customers for item in one.breaks}
        off = any(account.difference_minutes for account in self.accounts)
        return bool(causes - WAITING) or off or bool(self.quarantined)

    @property
    def clean(self) -> bool:
        """Whether the three books agree, minute by minute, and may be believed."""
        return (
            self.settled
            and not self.quarantined
            and not any(one.breaks or one.difference_minutes for one in self.customers)
            and not any(account.difference_minutes for account in self.accounts)
        )


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
    breaks = [(one.customer, item) for one in found.customers for item in one.breaks]
    off = [account for account in found.accounts if account.difference_minutes]
    run = insert(reconciliation_run).values(
        period=str(found.period),
        started_at=found.started_at,
        finished_at=actor.at,
        settled=int(found.settled),
        complete=int(found.complete),
        difference_minutes=found.difference_minutes,
        breaks=len(breaks) + len(off),
    )
    made = connection.execute(run.returning(reconciliation_run.c.id))
    number = int(made.scalar_one())
    readings = [_reading(number, found, one) for one in found.customers]
    _insert(connection, reconciliation_reading, readings)
    rows = [_row(number, item, customer=customer) for customer, item in breaks]
    rows += [
        {
            "run_id": number,
            "customer": None,
            "account": account.account,
            "cause": "source_total_differs",
            "hour": None,
            "minutes": account.difference_minutes,
            "amount_micro": 0,
            "calls": "[]",
        }
        for account in off
    ]
    _insert(connection, reconciliation_break, rows)
    detail = {"run": number, "difference_minutes": found.difference_minutes}
    audit.record(connection, actor, "period.reconciled", str(found.period), detail)
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
    }


def _row(number: int, item: Break, *, customer: str) -> dict[str, object]:
    return {
        "run_id": number,
        "customer": customer,
        "account": None,
        "cause": item.cause.value,
        "hour": item.hour,
        "minutes": item.minutes,
        "amount_micro": item.amount_micro,
        "calls": json.dumps(list(item.calls)),
    }


def _insert(
    connection: Connection, table: Table, rows: list[dict[str, object]]
) -> None:
    if rows:
        connection.execute(insert(table), rows)
