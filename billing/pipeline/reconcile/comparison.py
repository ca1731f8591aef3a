"""The comparison: one customer's books side by side, and a cause for every minute."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from billing.domain.breaks import (
    NOTHING,
    Break,
    CustomerFinding,
    MinuteBounds,
    is_settled,
)
from billing.domain.breaks_meter import (
    CarryingEvent,
    MeterTotals,
    SentEvent,
    Unsynced,
    asks_for_own_minutes,
    find_meter_breaks,
    find_sending_breaks,
    find_unknown_customer_breaks,
)
from billing.domain.breaks_source import CarriedCall, find_month_breaks
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.ledger.reconcile.month_snapshot import MonthSnapshot
from billing.ledger.reconcile.synced_totals import MeterCustomer, SyncedTotal
from billing.pipeline.reconcile.source_side import SourceSide


@dataclass(slots=True)
class CustomerComparison:
    """What the source claims of one customer's month, and the ledger holds of it."""

    customer: str
    pamela_minutes: int = 0
    ledger_minutes: int = 0
    source_breaks: list[Break] = field(default_factory=list)
    carried: list[CarriedCall] = field(default_factory=list)
    synced: dict[MeterCustomer, SyncedTotal] = field(default_factory=dict)
    unsynced: list[tuple[MeterCustomer, Unsynced]] = field(default_factory=list)
    carrying: list[CarryingEvent] = field(default_factory=list)

    @property
    def synced_minutes(self) -> int:
        """The minutes that are on the meter, as far as is known."""
        return sum(total.charge.minutes for total in self.synced.values())

    @property
    def last_sent_at(self) -> datetime | None:
        """When anything of it was sent last."""
        sent = (total.last_sent_at for total in self.synced.values())
        return max((moment for moment in sent if moment), default=None)

    @property
    def bounds(self) -> MinuteBounds:
        """Between which totals Stripe's has to lie."""
        uncertain = (one.charge.minutes for _, one in self.unsynced if one.uncertain)
        return MinuteBounds.of(self.synced_minutes, uncertain)

    def differs_from(self, counted: Mapping[MeterCustomer, int | None]) -> bool:
        """Say whether the meter shows another total, or something is in doubt."""
        return any(one.uncertain for _, one in self.unsynced) or any(
            counted[home] != total.charge.minutes for home, total in self.synced.items()
        )

    def breaks_before_the_meter(
        self, period: BillingPeriod, *, never_negative: bool
    ) -> list[Break]:
        """Give the breaks along the way from the source to the meter."""
        unsynced = []
        for home, one in self.unsynced:
            total = self.synced.get(home)
            counted = total.charge.minutes if total else 0
            held = one.holds_back(counted, never_negative=never_negative)
            unsynced.append(replace(one, held=held))
        unsynced.sort(key=lambda one: (one.hour, one.event or ""))
        return [
            *self.source_breaks,
            *find_month_breaks(self.carried, period),
            *find_sending_breaks(unsynced, self.carrying),
        ]


@dataclass(frozen=True, slots=True)
class MeterReading:
    """What Stripe shows of one customer: totals, and hours where those were read."""

    totals: Mapping[MeterCustomer, int | None]  # None: Stripe does not know it
    hours: Mapping[MeterCustomer, Mapping[datetime, int]]

    @classmethod
    def of(
        cls,
        homes: Collection[MeterCustomer],
        totals: Mapping[MeterCustomer, int | None],
        hours: Mapping[MeterCustomer, Mapping[datetime, int]],
    ) -> "MeterReading":
        """Take out what was read of one customer."""
        return cls(
            {home: totals[home] for home in homes},
            {home: hours[home] for home in homes if home in hours},
        )

    @property
    def minutes(self) -> int:
        """The minutes on the meter."""
        return sum(
            sum(self.hours[home].values()) if home in self.hours else total or 0
            for home, total in self.totals.items()
        )


def customer_comparisons(
    month: MonthSnapshot, sources: Mapping[str, SourceSide], names: Mapping[str, str]
) -> dict[str, CustomerComparison]:
    """Put together every customer's books; `names` are those of the settings."""
    found = _MonthReader({name: CustomerComparison(customer=name) for name in names})
    for source in sources.values():
        found.take_claims(source)
    found.take_ledger(month)
    for name, book in found.books.items():
        home = MeterCustomer(name, names.get(name) or month.stripe_customers[name])
        book.synced.setdefault(home, SyncedTotal(NOTHING, None))
    return dict(sorted(found.books.items()))


@dataclass(frozen=True, slots=True)
class _MonthReader:
    """The books of all customers, while they are filled."""

    books: dict[str, CustomerComparison]

    def of(self, customer: str) -> CustomerComparison:
        """Return a customer's book, also of one that left the settings."""
        return self.books.setdefault(customer, CustomerComparison(customer=customer))

    def take_claims(self, source: SourceSide) -> None:
        """Take in what an account's source claims."""
        for customer, minutes in source.minutes.items():
            self.of(customer).pamela_minutes += minutes
        for customer, breaks in source.breaks.items():
            self.of(customer).source_breaks += breaks

    def take_ledger(self, month: MonthSnapshot) -> None:
        """Take in what the ledger holds."""
        for held in month.totals:
            self.of(held.customer).ledger_minutes += held.minutes
        for row in month.carried:
            self.of(row.customer).carried.append(row.carried)
        for home, total in month.synced.items():
            self.of(home.customer).synced[home] = total
        for home, waits in month.unsynced:
            self.of(home.customer).unsynced.append((home, waits))
        for customer, event in month.carrying:
            self.of(customer).carrying.append(event)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One customer's books, with what Stripe shows, at one moment."""

    book: CustomerComparison
    month: MonthSnapshot
    shown: MeterReading
    now: datetime

    @property
    def settled(self) -> bool:
        """Whether Stripe's figure may be believed."""
        unknown = {home for home, total in self.shown.totals.items() if total is None}
        if unknown == self.book.synced.keys():
            return True
        expected = sum(
            total.charge.minutes
            for home, total in self.book.synced.items()
            if home not in unknown
        )
        in_doubt = any(one.uncertain for _, one in self.book.unsynced)
        return is_settled(
            matches=self.shown.minutes == expected and not in_doubt,
            read=self.shown.minutes,
            earlier_reads=self.month.readings.get(self.book.customer, ()),
            last_sent_at=self.book.last_sent_at,
            now=self.now,
        )

    def asks_for(self) -> list[tuple[MeterCustomer, SentEvent]]:
        """Return the events whose own minutes would name what is missing."""
        if not self.settled:
            return []
        return [
            (home, event)
            for home in self.shown.hours
            for hour, residue in self._meter_book(home, {}).residues()
            for events in [self.month.events.get((home, hour), ())]
            if asks_for_own_minutes(residue, events)
            for event in events
        ]

    def finding(
        self,
        stripe_customer: str,
        read: Mapping[str, SentEvent],
        *,
        never_negative: bool,
    ) -> CustomerFinding:
        """Return what was found; `read` are events with what their minutes show."""
        return CustomerFinding(
            customer=self.book.customer,
            stripe_customer=stripe_customer,
            pamela_minutes=self.book.pamela_minutes,
            ledger_minutes=self.book.ledger_minutes,
            stripe_minutes=self.shown.minutes,
            settled=self.settled,
            breaks=(
                *self.book.breaks_before_the_meter(
                    self.month.period, never_negative=never_negative
                ),
                *self._meter_breaks(read),
            ),
            bounds=self.book.bounds,
        )

    def _meter_breaks(self, read: Mapping[str, SentEvent]) -> list[Break]:
        breaks: list[Break] = []
        for home in self.book.synced:
            if self.shown.totals.get(home, 0) is None:
                synced = self.month.hours.get(home, {})
                breaks += find_unknown_customer_breaks(synced)
            elif self.shown.hours:
                book = self._meter_book(home, read)
                breaks += find_meter_breaks(book, settled=self.settled)
        return breaks

    def _meter_book(
        self, home: MeterCustomer, read: Mapping[str, SentEvent]
    ) -> MeterTotals:
        synced: Mapping[datetime, Charge] = self.month.hours.get(home, {})
        # A home that was not there when the meter was read has shown nothing yet.
        counted = self.shown.hours.get(home, {})
        events: dict[datetime, Sequence[SentEvent]] = defaultdict(list)
        for hour in {*synced, *counted}:
            known = self.month.events.get((home, hour), ())
            events[hour] = [read.get(event.identifier, event) for event in known]
        unsynced = tuple(one for place, one in self.book.unsynced if place == home)
        return MeterTotals(synced, counted, unsynced, events)
