"""Month snapshot: all that one consistent state of the ledger holds of a month."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from billing.domain.adoption import OpeningDifference
from billing.domain.breaks_event import SentEvent
from billing.domain.breaks_invoice import ArrivedEvent
from billing.domain.breaks_meter import CarryingEvent, MeterTotals, Unsynced
from billing.domain.breaks_source import EdgeCall
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.ledger import registry
from billing.ledger.adopt.opening_differences import opening_differences
from billing.ledger.pull.contradictions import (
    ContradictingCall,
    contradicting_calls,
)
from billing.ledger.reconcile import (
    events_with_calls,
    late_events,
    ledger_totals,
    runs,
    synced_totals,
)
from billing.ledger.reconcile.break_cases import customers_above
from billing.ledger.reconcile.dated_back import DatedBack, dated_back
from billing.ledger.reconcile.ledger_totals import CarriedRow, LedgerTotal, SourceGap
from billing.ledger.reconcile.synced_totals import MeterCustomer, SyncedTotal
from billing.ledger.sync.meter_bounds import most_by_hour

Hours = Mapping[MeterCustomer, Mapping[datetime, int]]
Place = tuple[MeterCustomer, datetime]


@dataclass(frozen=True, slots=True)
class DetailRequest:
    """What is read in detail, because it was found to differ."""

    calls: Mapping[str, Collection[str]] = field(default_factory=dict)  # by account
    counted: Hours = field(default_factory=dict)  # what the meter showed
    finals: Mapping[str, datetime] = field(default_factory=dict)  # by customer
    counted_at: datetime | None = None


NO_DETAIL = DetailRequest()


@dataclass(frozen=True, slots=True)
class AccountCalls:
    """An account's calls of a month, one by one."""

    posted: Mapping[str, Mapping[str, Charge]]  # by customer and call
    months: Mapping[str, BillingPeriod]  # of calls that are posted in another month
    at_edges: Sequence[EdgeCall]


@dataclass(frozen=True, slots=True)
class MonthSnapshot:
    """What the ledger holds of a month; the detail only where it was asked for."""

    period: BillingPeriod
    stripe_customers: Mapping[str, str]
    totals: Sequence[LedgerTotal]
    carried: Sequence[CarriedRow]
    gaps: Sequence[SourceGap]
    dated_back: Sequence[DatedBack]
    contradicting: Sequence[ContradictingCall]
    synced: Mapping[MeterCustomer, SyncedTotal]
    unsynced: Sequence[tuple[MeterCustomer, Unsynced]]
    carrying: Sequence[tuple[str, CarryingEvent]]
    openings: Sequence[OpeningDifference]
    calls: Mapping[str, AccountCalls]
    hours: Mapping[MeterCustomer, Mapping[datetime, Charge]]
    events: Mapping[Place, Sequence[SentEvent]]
    readings: Mapping[str, Sequence[tuple[datetime, int]]]
    arrived: Mapping[str, Sequence[ArrivedEvent]]
    most: Mapping[str, Mapping[datetime, int]]  # by Stripe's customers
    above: Collection[str]  # customers whose meter has shown more than is billed


def read_month(
    connection: Connection, period: BillingPeriod, detail: DetailRequest
) -> MonthSnapshot:
    """Read a month in a few queries, whatever the number of customers."""
    customers = {meter_customer.customer for meter_customer in detail.counted}
    hours = (
        synced_totals.synced_hours(connection, period, customers) if customers else {}
    )
    places = set(_places_that_differ(detail.counted, hours))
    return MonthSnapshot(
        period=period,
        stripe_customers=registry.known_customers(connection),
        totals=ledger_totals.account_totals(connection, period),
        carried=ledger_totals.carried_calls(connection, period),
        gaps=ledger_totals.source_gaps(connection, period),
        dated_back=dated_back(connection, period),
        contradicting=contradicting_calls(connection, period),
        synced=synced_totals.synced_totals(connection, period),
        unsynced=list(events_with_calls.unsynced(connection, period)),
        carrying=list(events_with_calls.carrying_events(connection, period)),
        openings=opening_differences(connection, period),
        calls={
            account: _account_calls(connection, period, account, calls)
            for account, calls in detail.calls.items()
        },
        hours=hours,
        events=events_with_calls.sent_events(connection, period, places)
        if places
        else {},
        readings={
            name: runs.earlier_readings(connection, period, name) for name in customers
        },
        arrived=late_events.arrived_after(connection, period, detail.finals),
        most=_most_by_hour(connection, period, detail),
        above=customers_above(connection, period),
    )


def _most_by_hour(
    connection: Connection, period: BillingPeriod, detail: DetailRequest
) -> Mapping[str, Mapping[datetime, int]]:
    if detail.counted_at is None:
        return {}
    names = {each.stripe_customer for each in detail.counted}
    return most_by_hour(connection, period, names, detail.counted_at)


def _places_that_differ(
    counted: Hours, synced: Mapping[MeterCustomer, Mapping[datetime, Charge]]
) -> list[Place]:
    return [
        (meter_customer, hour)
        for meter_customer, hours in counted.items()
        for hour, _ in MeterTotals(
            synced=synced.get(meter_customer, {}), counted=hours
        ).residues()
    ]


def _account_calls(
    connection: Connection,
    period: BillingPeriod,
    account: str,
    calls: Collection[str],
) -> AccountCalls:
    posted = ledger_totals.posted_calls(connection, period, account)
    in_other_months = set(calls).difference(*posted.values())
    return AccountCalls(
        posted=posted,
        months=ledger_totals.months_of_calls(connection, account, in_other_months),
        at_edges=ledger_totals.edge_calls(connection, period, account),
    )
