"""Statement lines: what one customer's month is made of, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, case, func, select

from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod
from billing.errors import UnknownName
from billing.ledger.close.period_close import (
    ClosedMonth,
    as_recorded,
    closed_month,
)
from billing.ledger.known_months import refuse_unknown_month
from billing.ledger.queries.decided_calls import DecidedCall, decided_calls
from billing.ledger.queries.period_status import SyncStatus, sync_status
from billing.ledger.queries.price_uses import PriceUse, price_uses
from billing.ledger.queries.usage_totals import currency_of
from billing.ledger.registry import known_customers
from billing.ledger.schema.tables import (
    adoption,
    b2b_usage,
    call,
    meter_event,
    meter_opening,
    reconciliation_reading,
)

usage = b2b_usage.c
_IS_USAGE = usage.type == "api_usage"


@dataclass(frozen=True, slots=True)
class DayLine:
    """A day's calls as they were first billed."""

    day: date
    calls: int
    seconds: int
    minutes: int
    amount_micro: int


class Correction(NamedTuple):
    """One adjustment: of which call, and how it came to be in this month."""

    account: str
    call_id: str
    call_hour: datetime
    hour: datetime
    seconds: int | None
    minutes: int
    amount_micro: int
    posted_at: datetime
    corrects: int | None  # the row; None for a call that came late


class InvoiceTie(NamedTuple):
    """What the newest reconciliation read of a customer's month at Stripe."""

    read_at: datetime
    ledger_minutes: int
    stripe_minutes: int
    settled: bool
    invoiced_minutes: int | None
    invoice: str | None


class StripeShare(NamedTuple):
    """The minutes of a customer's month that one of Stripe's customers carries."""

    stripe_customer: str
    minutes: int


class OpeningShare(NamedTuple):
    """The minutes of a month that another program reported, before a cut-over."""

    before: datetime
    minutes: int


@dataclass(frozen=True, slots=True)
class CustomerMonth:
    """All that a statement tells of."""

    period: BillingPeriod
    customer: str
    stripe_customers: Sequence[StripeShare]
    currency: str | None
    days: Sequence[DayLine]
    corrections: Sequence[Correction]
    prices: Sequence[PriceUse]
    sync: SyncStatus
    invoice: InvoiceTie | None
    closed: ClosedMonth | None
    opening: OpeningShare | None = None
    decided: Sequence[DecidedCall] = ()

    @property
    def stripe_customer(self) -> str:
        """Stripe's name of the customer; all of them where its events carry several."""
        return ", ".join(share.stripe_customer for share in self.stripe_customers)


def customer_month(
    connection: Connection, period: BillingPeriod, customer: str
) -> CustomerMonth:
    """Return a customer's month; raises BadInput for an unknown customer or month."""
    stripe_customers = known_customers(connection)
    if customer not in stripe_customers:
        raise UnknownName("customer", customer, stripe_customers, "the ledger knows")
    refuse_unknown_month(connection, period)
    return CustomerMonth(
        period=period,
        customer=customer,
        stripe_customers=stripe_shares(connection, period, customer)
        or [StripeShare(stripe_customers[customer], 0)],
        currency=currency_of(connection, period),
        days=day_lines(connection, period, customer),
        corrections=corrections(connection, period, customer),
        prices=price_uses(connection, period, customer),
        sync=sync_status(connection, period, customer),
        invoice=invoice_tie(connection, period, customer),
        closed=closed_month(connection, period),
        opening=opening_share(connection, period, customer),
        decided=decided_calls(connection, period, customer),
    )


def opening_share(
    connection: Connection, period: BillingPeriod, customer: str
) -> OpeningShare | None:
    """Return what another program reported of a month; None where none was adopted."""
    event, opening = meter_event.c, meter_opening.c
    query = (
        select(func.max(adoption.c.from_hour), func.sum(opening.minutes))
        .select_from(
            meter_opening.join(meter_event, event.id == opening.event_id).join(
                adoption, adoption.c.id == opening.adoption_id
            )
        )
        .where(
            event.period == str(period),
            event.customer == customer,
            event.reason.is_distinct_from(FailReason.REPLACED.value),
            adoption.c.kind == "cut_over",
        )
    )
    before, minutes = connection.execute(query).one()
    return None if before is None else OpeningShare(before, int(minutes))


def stripe_shares(
    connection: Connection, period: BillingPeriod, customer: str
) -> list[StripeShare]:
    """Return the Stripe customers that a month's events carry, whoever is named now."""
    event = meter_event.c
    counted = case((event.state == EventState.SYNCED.value, event.minutes), else_=0)
    query = (
        select(event.stripe_customer, func.sum(counted).label("minutes"))
        .where(event.period == str(period), event.customer == customer)
        .group_by(event.stripe_customer)
        .order_by(event.stripe_customer)
    )
    return [
        StripeShare(row.stripe_customer, int(row.minutes))
        for row in connection.execute(query)
    ]


def billed_customers(connection: Connection, period: BillingPeriod) -> list[str]:
    """Return the customers that a month has rows of; raises BadInput for no month."""
    refuse_unknown_month(connection, period)
    query = select(usage.customer).where(usage.period == str(period)).distinct()
    return sorted(connection.scalars(query))


def day_lines(
    connection: Connection, period: BillingPeriod, customer: str
) -> list[DayLine]:
    """Return the days of a customer's month on which calls were billed."""
    sums = (
        func.count(),
        func.coalesce(func.sum(call.c.duration_seconds), 0),
        func.sum(usage.billed_minutes),
        func.sum(usage.amount_micro),
    )
    query = (
        select(usage.hour, *sums)
        .select_from(_with_calls(connection, period))
        .where(_of(period, customer), _IS_USAGE)
        .group_by(usage.hour)
        .order_by(usage.hour)
    )
    days: dict[date, list[int]] = {}
    for hour, *figures in connection.execute(query):
        sums_of_day = days.setdefault(hour.date(), [0, 0, 0, 0])
        for at, figure in enumerate(figures):
            sums_of_day[at] += int(figure)
    return [DayLine(day, *figures) for day, figures in days.items()]


def corrections(
    connection: Connection, period: BillingPeriod, customer: str
) -> list[Correction]:
    """Return the adjustments of a customer's month, in the order they were made."""
    columns = (
        usage.account,
        usage.call_id,
        usage.call_hour,
        usage.hour,
        call.c.duration_seconds.label("seconds"),
        usage.billed_minutes.label("minutes"),
        usage.amount_micro,
        usage.posted_at,
        usage.corrects,
    )
    query = (
        select(*columns)
        .select_from(_with_calls(connection, period))
        .where(_of(period, customer), ~_IS_USAGE)
        .order_by(usage.id)
    )
    return [Correction(**row._mapping) for row in connection.execute(query)]


def invoice_tie(
    connection: Connection, period: BillingPeriod, customer: str
) -> InvoiceTie | None:
    """Return what was last read at Stripe; None before the first reconciliation."""
    reading = reconciliation_reading.c
    query = select(
        reading.read_at,
        reading.ledger_minutes,
        reading.stripe_minutes,
        reading.settled,
        reading.invoiced_minutes,
        reading.invoice,
    ).where(reading.period == str(period), reading.customer == customer)
    row = connection.execute(query.order_by(reading.id.desc()).limit(1)).first()
    if row is None:
        return None
    return InvoiceTie(**row._mapping)._replace(settled=bool(row.settled))


def _with_calls(connection: Connection, period: BillingPeriod) -> FromClause:
    """Join each row of a month with the revision of its call that it stands for."""
    return b2b_usage.outerjoin(call, as_recorded(connection, period))


def _of(period: BillingPeriod, customer: str) -> ColumnElement[bool]:
    return (usage.period == str(period)) & (usage.customer == customer)
