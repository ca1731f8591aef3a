"""Runs: every reconciliation is stored with its breaks, also when clean."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Table, func, insert, select

from billing.domain.break_groups import EXPLAINED, WAITING
from billing.domain.breaks import CustomerFinding
from billing.domain.period import BillingPeriod
from billing.ledger.audit import audit_log
from billing.ledger.audit.audit_log import Actor
from billing.ledger.reconcile.account_finding import AccountFinding
from billing.ledger.reconcile.break_cases import OwnedBreak, Run, track
from billing.ledger.reconcile.month_look import MonthLook
from billing.ledger.reconcile.summary_lags import (
    RECONCILED,
    looked_since,
    record_lags,
)
from billing.ledger.registry import customers_renamed
from billing.ledger.schema.tables import (
    reconciliation_break,
    reconciliation_reading,
    reconciliation_run,
    reconciliation_source,
)

# Two days of hourly runs; a settled reading is never older.
_READINGS_THAT_MATTER = 48


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
    unread: Mapping[str, str] = field(default_factory=dict)  # customers, and why
    invoices_unread: Mapping[str, str] = field(default_factory=dict)
    accounts_unread: Mapping[str, str] = field(default_factory=dict)
    acknowledged: frozenset[tuple[str, ...]] = frozenset()  # keys of breaks

    @property
    def calls_read_at(self) -> datetime | None:
        """As of when every account's calls were read whole; None before that."""
        return oldest(account.calls_read_at for account in self.accounts)

    @property
    def complete(self) -> bool:
        """Whether every account's month was read whole."""
        is_read = not self.accounts_unread
        return is_read and all(account.complete for account in self.accounts)

    @property
    def settled(self) -> bool:
        """Whether every reading may be believed and nothing is missing to judge."""
        is_whole = self.complete and not self.unread
        return is_whole and all(customer.settled for customer in self.customers)

    @property
    def left_out(self) -> dict[str, str]:
        """Who could not be read, of accounts, at the meter, or on invoices; and why."""
        return {**self.invoices_unread, **self.unread, **self.accounts_unread}

    @property
    def difference_minutes(self) -> int:
        """Stripe's minutes less Pamela's, over all customers."""
        return sum(customer.difference_minutes for customer in self.customers)

    @property
    def breaks(self) -> list[OwnedBreak]:
        """Every break of the month, of customers and then of accounts."""
        of_customers = [
            OwnedBreak(customer.customer, None, item)
            for customer in self.customers
            for item in customer.breaks
        ]
        return of_customers + [
            OwnedBreak(None, account.account, item)
            for account in self.accounts
            for item in account.breaks
        ]

    @property
    def needs_a_person(self) -> bool:
        """Whether nobody knows of a break yet that the next hours do not fix."""
        unknown = {
            owned.item.cause
            for owned in self.breaks
            if owned.key not in self.acknowledged
        }
        to_decide = unknown - WAITING - EXPLAINED
        return bool(to_decide or self.quarantined or self.left_out)

    @property
    def clean(self) -> bool:
        """Whether all three sides agree, minute by minute, and may be believed."""
        return (
            self.settled
            and not self.quarantined
            and all(customer.agrees for customer in self.customers)
            and all(account.agrees for account in self.accounts)
        )


def oldest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the earliest moment; None where one is unknown, or there is none."""
    each = list(moments)
    known = [moment for moment in each if moment is not None]
    return min(known) if known and len(known) == len(each) else None


def last_started(connection: Connection, period: BillingPeriod) -> datetime | None:
    """Return when the newest reconciliation of a month began; None without one."""
    run = reconciliation_run.c
    query = select(func.max(run.started_at)).where(run.period == str(period))
    newest: datetime | None = connection.execute(query).scalar_one()
    return newest


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


def save(connection: Connection, reconciliation: Reconciliation, actor: Actor) -> int:
    """Store a reconciliation with its readings and breaks; returns its number."""
    breaks = reconciliation.breaks
    record_lags(connection, _look(connection, reconciliation, actor.at))
    query = insert(reconciliation_run).values(
        period=str(reconciliation.period),
        started_at=reconciliation.started_at,
        finished_at=actor.at,
        settled=int(reconciliation.settled),
        complete=int(reconciliation.complete),
        difference_minutes=reconciliation.difference_minutes,
        breaks=len(breaks),
        invoices=int(reconciliation.invoices_read),
    )
    result = connection.execute(query.returning(reconciliation_run.c.id))
    number = int(result.scalar_one())
    readings = [
        _reading(number, reconciliation, finding)
        for finding in reconciliation.customers
    ]
    _insert(connection, reconciliation_reading, readings)
    sources = [_source(number, account) for account in reconciliation.accounts]
    _insert(connection, reconciliation_source, sources)
    run = Run(
        number,
        reconciliation.period,
        reconciliation.complete,
        reconciliation.invoices_read,
        unread=frozenset(reconciliation.unread),
        invoices_unread=frozenset(reconciliation.invoices_unread),
    )
    cases = track(connection, run, breaks, actor)
    rows = [
        _row(number, owned) | {"case_id": case}
        for owned, case in zip(breaks, cases, strict=True)
    ]
    _insert(connection, reconciliation_break, rows)
    detail: dict[str, object] = {
        "run": number,
        "difference_minutes": reconciliation.difference_minutes,
    }
    if reconciliation.left_out:
        # Names alone: why is in the words of others, and a trail keeps all for ever.
        detail["left_out"] = sorted(reconciliation.left_out)
    audit_log.record(connection, actor, RECONCILED, str(reconciliation.period), detail)
    return number


def _look(
    connection: Connection, reconciliation: Reconciliation, now: datetime
) -> MonthLook:
    looks = {each.customer: each.look for each in reconciliation.customers if each.look}
    return MonthLook(
        period=reconciliation.period,
        started_at=reconciliation.started_at,
        ended_at=now,
        earlier_at=_earlier_looks(connection, reconciliation.period, looks),
        customers=looks,
    )


def _earlier_looks(
    connection: Connection, period: BillingPeriod, customers: Iterable[str]
) -> dict[str, datetime]:
    """Return when each customer was last looked at; one may have been unreadable."""
    since = looked_since(connection)
    if since is None:
        return {}
    run, reading = reconciliation_run.c, reconciliation_reading.c
    looked = (
        select(reading.customer, run.started_at)
        .join(reconciliation_run, run.id == reading.run_id)
        .where(reading.period == str(period), run.finished_at >= since)
    )
    newest = select(func.max(run.id)).where(run.period == str(period))
    of_newest = looked.where(reading.run_id == newest.scalar_subquery())
    found: dict[str, datetime] = {}
    found.update(tuple(row) for row in connection.execute(of_newest))
    others = [customer for customer in customers if customer not in found]
    renamed = customers_renamed(connection) if others else {}
    for customer in others:
        own = looked.where(reading.customer.in_(renamed.get(customer, {customer})))
        row = connection.execute(own.order_by(reading.id.desc()).limit(1)).first()
        if row is not None:
            found[customer] = row.started_at
    return found


def _reading(
    number: int, reconciliation: Reconciliation, finding: CustomerFinding
) -> dict[str, object]:
    return {
        "run_id": number,
        "period": str(reconciliation.period),
        "customer": finding.customer,
        "stripe_customer": finding.stripe_customer,
        "pamela_minutes": finding.pamela_minutes,
        "ledger_minutes": finding.ledger_minutes,
        "stripe_minutes": finding.stripe_minutes,
        "settled": int(finding.settled),
        "read_at": reconciliation.started_at,
        "unknown_minutes": finding.unknown_minutes,
        "invoiced_minutes": finding.invoiced_minutes,
        "invoice": finding.invoice,
    }


def _source(number: int, account: AccountFinding) -> dict[str, object]:
    return {
        "run_id": number,
        "account": account.account,
        "calls_minutes": account.calls_minutes,
        "calls_read_at": account.calls_read_at,
        "usage_minutes": account.usage_minutes,
        "usage_read_at": account.usage_read_at,
    }


def _row(number: int, owned: OwnedBreak) -> dict[str, object]:
    item = owned.item
    return {
        "run_id": number,
        "customer": owned.customer,
        "account": owned.account,
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
