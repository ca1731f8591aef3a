"""The comparison: one customer's sides, and a cause for every minute between them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from billing.domain.adoption import OpeningDifference
from billing.domain.break_causes import Cause
from billing.domain.breaks import (
    NOTHING,
    Break,
    CustomerFinding,
    MinuteBounds,
    is_settled,
)
from billing.domain.breaks_event import SentEvent
from billing.domain.breaks_meter import (
    CarryingEvent,
    MeterTotals,
    Unsynced,
    asks_for_own_minutes,
    find_meter_breaks,
    find_opening_breaks,
    find_sending_breaks,
    find_unknown_customer_breaks,
)
from billing.domain.breaks_source import CarriedCall, find_month_breaks
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge
from billing.domain.summary_lag import SummaryLook
from billing.ledger.pull.contradictions import ContradictingCall
from billing.ledger.reconcile.dated_back import DatedBack
from billing.ledger.reconcile.month_snapshot import MonthSnapshot
from billing.ledger.reconcile.synced_totals import MeterCustomer, SyncedTotal
from billing.pipeline.reconcile.meter_side import MeterReading
from billing.pipeline.reconcile.source_side import SourceSide

NamedCall = DatedBack | ContradictingCall


@dataclass(slots=True)
class CustomerComparison:
    """What the source claims of one customer's month, and the ledger holds of it."""

    name: str
    pamela_minutes: int = 0
    ledger_minutes: int = 0
    source_breaks: list[Break] = field(default_factory=list)
    carried: list[CarriedCall] = field(default_factory=list)
    synced: dict[MeterCustomer, SyncedTotal] = field(default_factory=dict)
    unsynced: list[tuple[MeterCustomer, Unsynced]] = field(default_factory=list)
    carrying: list[CarryingEvent] = field(default_factory=list)
    openings: list[OpeningDifference] = field(default_factory=list)

    @property
    def synced_minutes(self) -> int:
        """The minutes that are on the meter, as far as is known."""
        return sum(total.charge.minutes for total in self.synced.values())

    @property
    def stripe_customers(self) -> list[str]:
        """The Stripe customers that its events carry; without any, the settings'."""
        return sorted(each.stripe_customer for each in self.synced)

    @property
    def last_sent_at(self) -> datetime | None:
        """When anything of it was sent last."""
        sent = (total.last_sent_at for total in self.synced.values())
        return max((moment for moment in sent if moment), default=None)

    @property
    def bounds(self) -> MinuteBounds:
        """Between which totals Stripe's has to lie."""
        uncertain = (e.charge.minutes for _, e in self.unsynced if e.uncertain)
        return MinuteBounds.of(self.synced_minutes, uncertain)

    def differs_from(self, counted: Mapping[MeterCustomer, int | None]) -> bool:
        """Say whether the meter shows another total, or an outcome is uncertain."""
        return any(event.uncertain for _, event in self.unsynced) or any(
            counted[meter_customer] != total.charge.minutes
            for meter_customer, total in self.synced.items()
        )

    def breaks_before_the_meter(
        self, period: BillingPeriod, *, never_negative: bool
    ) -> list[Break]:
        """Give the breaks along the way from the source to the meter."""
        unsynced = []
        for meter_customer, event in self.unsynced:
            total = self.synced.get(meter_customer)
            counted = total.charge.minutes if total else 0
            held = event.holds_back(counted, never_negative=never_negative)
            unsynced.append(replace(event, held=held))
        unsynced.sort(key=lambda event: (event.hour, event.event or ""))
        return [
            *self.source_breaks,
            *find_month_breaks(self.carried, period),
            *find_sending_breaks(unsynced, self.carrying),
            *find_opening_breaks(self.openings),
        ]


def customer_comparisons(
    month: MonthSnapshot, sources: Mapping[str, SourceSide], names: Mapping[str, str]
) -> dict[str, CustomerComparison]:
    """Put together every customer's sides; `names` are those of the settings."""
    reader = _MonthReader({name: CustomerComparison(name=name) for name in names})
    for source in sources.values():
        reader.take_claims(source)
    reader.take_ledger(month)
    for name, customer in reader.customers.items():
        # What its events carry stays as it was, whoever the settings name today.
        if not customer.synced:
            stripe_customer = names.get(name) or month.stripe_customers[name]
            meter_customer = MeterCustomer(name, stripe_customer)
            customer.synced[meter_customer] = SyncedTotal(NOTHING, None)
    return dict(sorted(reader.customers.items()))


@dataclass(frozen=True, slots=True)
class _MonthReader:
    """The sides of all customers, while they are filled."""

    customers: dict[str, CustomerComparison]

    def of(self, customer: str) -> CustomerComparison:
        """Return a customer's sides, also of one that left the settings."""
        return self.customers.setdefault(customer, CustomerComparison(name=customer))

    def take_claims(self, source: SourceSide) -> None:
        """Take in what an account's source claims."""
        for customer, minutes in source.minutes.items():
            self.of(customer).pamela_minutes += minutes
        for customer, breaks in source.breaks.items():
            self.of(customer).source_breaks += breaks

    def take_ledger(self, month: MonthSnapshot) -> None:
        """Take in what the ledger holds."""
        for total in month.totals:
            self.of(total.customer).ledger_minutes += total.minutes
        self._name_calls(Cause.BEFORE_FIRST_PERIOD, month.dated_back)
        self._name_calls(Cause.TIMES_CONTRADICT, month.contradicting)
        for row in month.carried:
            self.of(row.customer).carried.append(row.carried)
        for meter_customer, synced in month.synced.items():
            self.of(meter_customer.customer).synced[meter_customer] = synced
        for meter_customer, unsynced in month.unsynced:
            self.of(meter_customer.customer).unsynced.append((meter_customer, unsynced))
        for customer, event in month.carrying:
            self.of(customer).carrying.append(event)
        for difference in month.openings:
            self.of(difference.customer).openings.append(difference)

    def _name_calls(self, cause: Cause, calls: Iterable[NamedCall]) -> None:
        """Name calls whose minutes are the same on both sides, and in question."""
        for each in calls:
            named = Break(
                cause=cause,
                minutes=0,
                amount_micro=0,
                calls=(each.call_id,),
                evidence=each.evidence,
            )
            self.of(each.customer).source_breaks.append(named)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One customer's sides, with what Stripe shows, at one moment."""

    customer: CustomerComparison
    month: MonthSnapshot
    shown: MeterReading
    now: datetime

    @property
    def settled(self) -> bool:
        """Whether Stripe's figure may be believed."""
        unknown = {
            meter_customer
            for meter_customer, total in self.shown.totals.items()
            if total is None
        }
        if unknown == self.customer.synced.keys():
            return True
        expected = sum(
            total.charge.minutes
            for meter_customer, total in self.customer.synced.items()
            if meter_customer not in unknown
        )
        uncertain = any(event.uncertain for _, event in self.customer.unsynced)
        is_equal = self.shown.minutes == expected and not uncertain
        return is_settled(
            matches=is_equal and not self._hours_that_differ(),
            read=self.shown.minutes,
            earlier_reads=self.month.readings.get(self.customer.name, ()),
            last_sent_at=self.customer.last_sent_at,
            now=self.now,
        )

    def asks_for(self) -> list[tuple[MeterCustomer, SentEvent]]:
        """Return the events whose own minutes would name what is missing."""
        settled = self.settled
        return [
            (meter_customer, event)
            for meter_customer in self.shown.hours
            for hour, residue in self._meter_totals(meter_customer, {}).residues()
            for events in [self.month.events.get((meter_customer, hour), ())]
            if asks_for_own_minutes(residue, events, settled=settled)
            for event in events
        ]

    def finding(
        self,
        stripe_customer: str,
        events: Mapping[str, SentEvent],
        *,
        never_negative: bool,
    ) -> CustomerFinding:
        """Return what was found; `events` are those whose own minutes were read."""
        return CustomerFinding(
            customer=self.customer.name,
            stripe_customer=stripe_customer,
            pamela_minutes=self.customer.pamela_minutes,
            ledger_minutes=self.customer.ledger_minutes,
            stripe_minutes=self.shown.minutes,
            settled=self.settled,
            breaks=(
                *self.customer.breaks_before_the_meter(
                    self.month.period, never_negative=never_negative
                ),
                *self._meter_breaks(events),
            ),
            bounds=self.customer.bounds,
            look=self._look(events),
        )

    def _look(self, events: Mapping[str, SentEvent]) -> SummaryLook | None:
        """Say which of its events the meter's summaries show."""
        if None in self.shown.totals.values():
            return None
        residues = self._hours_that_differ()
        shown = {each.identifier for each in events.values() if each.is_shown_whole}
        doubled = {each.identifier for each in events.values() if each.is_doubled}
        return SummaryLook(residues, frozenset(shown), frozenset(doubled))

    def _hours_that_differ(self) -> dict[tuple[str, datetime], int]:
        """Return where, of the hours that were read, more or less is shown."""
        return {
            (meter_customer.stripe_customer, hour): residue
            for meter_customer in self.shown.hours
            for hour, residue in self._meter_totals(meter_customer, {}).residues()
        }

    def _meter_breaks(self, events: Mapping[str, SentEvent]) -> list[Break]:
        breaks: list[Break] = []
        for meter_customer in self.customer.synced:
            if self.shown.totals.get(meter_customer, 0) is None:
                synced = self.month.hours.get(meter_customer, {})
                breaks += find_unknown_customer_breaks(synced)
            elif self.shown.hours:
                meter_totals = self._meter_totals(meter_customer, events)
                breaks += find_meter_breaks(meter_totals, settled=self.settled)
        return breaks

    def _meter_totals(
        self, meter_customer: MeterCustomer, events: Mapping[str, SentEvent]
    ) -> MeterTotals:
        synced: Mapping[datetime, Charge] = self.month.hours.get(meter_customer, {})
        # A customer that was not there when the meter was read has shown nothing yet.
        counted = self.shown.hours.get(meter_customer, {})
        by_hour: dict[datetime, Sequence[SentEvent]] = defaultdict(list)
        for hour in {*synced, *counted}:
            sent = self.month.events.get((meter_customer, hour), ())
            by_hour[hour] = [events.get(event.identifier, event) for event in sent]
        unsynced = tuple(
            event for name, event in self.customer.unsynced if name == meter_customer
        )
        return MeterTotals(
            synced=synced,
            counted=counted,
            unsynced=unsynced,
            events=by_hour,
            most=self.month.most.get(meter_customer.stripe_customer, {}),
        )
