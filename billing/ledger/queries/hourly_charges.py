"""Hourly charges: a month by customer, account and hour, corrections apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select

from billing.domain.period import BillingPeriod
from billing.ledger.registry import known_customers
from billing.ledger.schema.tables import (
    b2b_usage,
    meter_event,
    reconciliation_reading,
)
from billing.ledger.schema.usage_joins import called_between

usage = b2b_usage.c


class HourlyCharge(NamedTuple):
    """What an account's customer used in an hour; `corrects` another month or not."""

    customer: str
    account: str
    hour: datetime
    corrects: bool
    currency: str
    minutes: int
    amount_micro: int


class InvoiceReading(NamedTuple):
    """What was last read of a customer's invoice of a month."""

    invoice: str | None
    minutes: int | None


def hourly_charges(connection: Connection, period: BillingPeriod) -> list[HourlyCharge]:
    """Return a month's charges in their order; hours that come to nothing are none."""
    own = called_between(period.start, period.end)
    corrects = case((own, 0), else_=1)
    keys = usage.customer, usage.account, usage.call_hour, corrects, usage.currency
    sums = func.sum(usage.billed_minutes), func.sum(usage.amount_micro)
    query = select(*keys, *sums).where(usage.period == str(period)).group_by(*keys)
    charges = [
        HourlyCharge(
            customer=customer,
            account=account,
            hour=hour,
            corrects=bool(carried),
            currency=currency,
            minutes=int(minutes),
            amount_micro=int(amount),
        )
        for customer, account, hour, carried, currency, minutes, amount in (
            connection.execute(query)
        )
        if minutes or amount
    ]
    # By their code points, as databases of different languages would not.
    return sorted(charges)


@dataclass(frozen=True, slots=True)
class CarriedBy:
    """Which of Stripe's customers carries a month's hours, as its events say."""

    by_hour: Mapping[tuple[str, datetime], str]
    by_customer: Mapping[str, str]  # the newest; before the first event, the registered

    def of(self, charge: HourlyCharge) -> str:
        """Return the Stripe customer that carries a charge, or will."""
        newest = self.by_customer[charge.customer]
        return self.by_hour.get((charge.customer, charge.hour), newest)


def carried_by(connection: Connection, period: BillingPeriod) -> CarriedBy:
    """Return who carries a month's hours, whoever the settings name today."""
    event = meter_event.c
    query = select(event.customer, event.hour, event.stripe_customer)
    query = query.where(event.period == str(period)).order_by(event.id)
    by_customer, by_hour = known_customers(connection), {}
    for row in connection.execute(query):
        by_hour[row.customer, row.hour] = row.stripe_customer
        by_customer[row.customer] = row.stripe_customer
    return CarriedBy(by_hour, by_customer)


def invoice_readings(
    connection: Connection, period: BillingPeriod
) -> dict[str, InvoiceReading]:
    """Return, by customer, the newest invoice that was read of a month."""
    reading = reconciliation_reading.c
    query = (
        select(reading.customer, reading.invoice, reading.invoiced_minutes)
        .where(reading.period == str(period), reading.invoice.is_not(None))
        .order_by(reading.id)
    )
    rows = connection.execute(query)
    return {
        row.customer: InvoiceReading(row.invoice, row.invoiced_minutes) for row in rows
    }
