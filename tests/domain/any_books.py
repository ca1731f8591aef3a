"""Any month of one customer, as property tests draw it, row by row."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from billing.domain.breaks import Break, CustomerFinding, MinuteBounds
from billing.domain.breaks_event import SentEvent
from billing.domain.breaks_meter import (
    CarryingEvent,
    MeterTotals,
    Unsynced,
    find_meter_breaks,
    find_sending_breaks,
    find_unknown_customer_breaks,
)
from billing.domain.breaks_source import (
    CarriedCall,
    OtherPlace,
    find_month_breaks,
    find_source_breaks,
    moved_to,
)
from billing.domain.meter_event import EventState, FailReason
from billing.domain.period import BillingPeriod, Window
from billing.domain.posting import Charge
from tests.domain.telling import NOON

MONTH = BillingPeriod.of(NOON)
CALLS = st.sampled_from("abcdef")
HOURS = st.integers(0, 3).map(lambda n: NOON + timedelta(hours=n))
MINUTES = st.integers(-60, 60)
CHARGES = MINUTES.map(lambda minutes: Charge(minutes, minutes * 100_000))
STATES: st.SearchStrategy[tuple[EventState | None, FailReason | None]] = (
    st.sampled_from(
        [(None, None), (EventState.PENDING, None), (EventState.SYNCED, None)]
    )
    | st.sampled_from(sorted(set(FailReason) - {FailReason.REPLACED})).map(
        lambda reason: (EventState.FAILED, reason)
    )
)
FINAL = datetime(2026, 4, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """A meter event as the tests build it: its rows, and what becomes of it."""

    number: int
    call_id: str
    hour: datetime
    charge: Charge
    state: tuple[EventState | None, FailReason | None]
    attempted: bool
    uncertain: bool
    shown: int | None
    carried: bool | None  # True: rows of another month; False: it stands in another

    @property
    def synced_here(self) -> bool:
        """Whether it counts as synced in this month."""
        return self.state[0] is EventState.SYNCED and self.carried is not False

    @property
    def unsynced(self) -> Unsynced:
        """Return what the ledger does not know as counted."""
        state, reason = self.state
        return Unsynced(
            hour=self.hour,
            charge=self.charge,
            calls=(self.call_id,),
            event=f"event {self.number}",
            state=state,
            reason=reason,
            attempted=self.attempted,
            uncertain=self.uncertain,
        )

    @property
    def sent(self) -> SentEvent:
        """Return it as an event whose own minute may have been read."""
        return SentEvent(
            identifier=f"event {self.number}",
            own_minute=Window(self.hour, self.hour + timedelta(minutes=1)),
            charge=self.charge,
            calls=(self.call_id,),
            counted=self.synced_here,
            uncertain=self.uncertain,
            shown=self.shown,
        )


@dataclass
class Books:
    """One customer's month in all its books, as the tests build it row by row."""

    source: dict[str, Charge]
    counted: dict[datetime, int] | None  # None: Stripe does not know the customer
    carried: list[CarriedCall]
    other_places: dict[str, OtherPlace]
    events: list[Event] = field(default_factory=list)
    posted: dict[str, Charge] = field(
        default_factory=lambda: defaultdict(lambda: Charge(0, 0))
    )

    @property
    def rows(self) -> int:
        """The minutes billed in the month."""
        return sum(
            event.charge.minutes for event in self.events if event.carried is not True
        )

    @property
    def calls(self) -> dict[str, Charge]:
        """What is posted of the month's calls, in whatever month it is billed."""
        posted: dict[str, Charge] = dict(self.posted)
        for call in self.carried:
            sign = (call.own_period == MONTH) - (call.billed_in == MONTH)
            had = posted.get(call.call_id, Charge(0, 0))
            minutes, amount = call.charge
            posted[call.call_id] = Charge(
                had[0] + sign * minutes, had[1] + sign * amount
            )
        return posted

    @property
    def synced(self) -> dict[datetime, Charge]:
        """What is known as counted, hour by hour."""
        hours: dict[datetime, Charge] = defaultdict(lambda: Charge(0, 0))
        for event in self.events:
            if event.synced_here:
                had, more = hours[event.hour], event.charge
                hours[event.hour] = Charge(had[0] + more[0], had[1] + more[1])
        return hours

    @property
    def unsynced(self) -> tuple[Unsynced, ...]:
        """What the ledger does not know as counted in the month."""
        return tuple(
            event.unsynced
            for event in self.events
            if event.carried is not False and not event.synced_here
        )

    def breaks(self, *, settled: bool) -> list[Break]:
        """Find the breaks between all of them."""
        carrying = [
            CarryingEvent(
                event=f"event {event.number}",
                hour=event.hour,
                charge=event.charge,
                calls=(event.call_id,),
                other_month="2026-04",
                here=event.carried,
            )
            for event in self.events
            if event.carried is not None
        ]
        events: dict[datetime, list[SentEvent]] = defaultdict(list)
        for event in self.events:
            if event.attempted and event.carried is not False:
                events[event.hour].append(event.sent)
        meter_totals = MeterTotals(
            synced=self.synced,
            counted=self.counted or {},
            unsynced=self.unsynced,
            events=events,
        )
        return [
            *find_source_breaks(self.calls, self.source, self.other_places),
            *find_month_breaks(self.carried, MONTH),
            *find_sending_breaks(self.unsynced, carrying),
            *(
                find_unknown_customer_breaks(self.synced)
                if self.counted is None
                else find_meter_breaks(meter_totals, settled=settled)
            ),
        ]

    def finding(self, *, settled: bool) -> CustomerFinding:
        """Find what a reconciliation would report."""
        uncertain = [e.charge.minutes for e in self.unsynced if e.uncertain]
        synced = sum(charge.minutes for charge in self.synced.values())
        return CustomerFinding(
            customer="acme",
            stripe_customer="cus_acme",
            pamela_minutes=sum(charge.minutes for charge in self.source.values()),
            ledger_minutes=self.rows,
            stripe_minutes=sum((self.counted or {}).values()),
            settled=settled,
            breaks=tuple(self.breaks(settled=settled)),
            bounds=MinuteBounds.of(synced, uncertain),
        )


def events_of(draw: st.DrawFn) -> list[Event]:
    """Draw events in every state; what is carried is an event, not unstaged rows."""
    kinds = st.sampled_from([None, None, None, True, False])
    events = st.builds(
        Event,
        number=st.just(0),
        call_id=CALLS,
        hour=HOURS,
        charge=CHARGES,
        state=STATES,
        attempted=st.booleans(),
        uncertain=st.booleans(),
        shown=st.none() | MINUTES,
        carried=kinds,
    )
    return [
        replace(event, number=number, carried=event.carried if event.state[0] else None)
        for number, event in enumerate(draw(st.lists(events, max_size=10)))
    ]


@st.composite
def all_books(draw: st.DrawFn) -> Books:
    """Draw any books: rows in every state, and whatever the others say."""
    months = st.sampled_from([MONTH.previous, MONTH, MONTH.next])
    carried = st.builds(CarriedCall, CALLS, months, months, CHARGES)
    moved = HOURS.map(lambda hour: moved_to(hour, MONTH))
    books = Books(
        source=draw(st.dictionaries(CALLS, CHARGES)),
        counted=draw(st.none() | st.dictionaries(HOURS, MINUTES)),
        carried=draw(st.lists(carried, max_size=3)),
        other_places=draw(st.dictionaries(CALLS, moved)),
        events=events_of(draw),
    )
    for event in books.events:
        if event.carried is not True:
            had, more = books.posted[event.call_id], event.charge
            total = Charge(had[0] + more[0], had[1] + more[1])
            books.posted[event.call_id] = total
    return books
