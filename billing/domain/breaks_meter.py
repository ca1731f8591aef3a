"""Reconciling with the meter: what was sent, what is known of it, what Stripe shows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.adoption import OpeningDifference
from billing.domain.break_causes import Cause
from billing.domain.break_groups import TOO_MUCH
from billing.domain.breaks import NOTHING, Break, less, priced
from billing.domain.breaks_event import SentEvent, gaps_of
from billing.domain.meter_event import EventState, FailReason
from billing.domain.posting import Charge

_OF_NO_EVENT = {Cause.COUNTED_UNRECORDED, *TOO_MUCH}


@dataclass(frozen=True, slots=True)
class Unsynced:
    """Minutes that the ledger does not know as counted: an event's, or not staged."""

    hour: datetime
    charge: Charge
    calls: tuple[str, ...]
    event: str | None = None  # its identifier; None: not staged yet
    state: EventState | None = None
    reason: FailReason | None = None
    attempted: bool = False  # sent at least once
    uncertain: bool = False  # sent with an outcome that is not known: perhaps counted
    held: bool = False  # minutes less that may not be sent as things are
    evidence: str | None = None

    def holds_back(self, counted: int, *, never_negative: bool) -> bool:
        """Say whether it may not be sent: it would take what is counted below zero."""
        if self.state is not EventState.PENDING or self.attempted:
            return False
        minutes = self.charge.minutes
        return minutes < 0 and (never_negative or counted + minutes < 0)


@dataclass(frozen=True, slots=True)
class CarryingEvent:
    """An event that stands in a later month than the rows that it carries."""

    event: str
    hour: datetime
    charge: Charge
    calls: tuple[str, ...]
    other_month: str
    here: bool  # whether the event, rather than its rows, is of the month looked at


@dataclass(frozen=True, slots=True)
class MeterTotals:
    """What the ledger holds as synced, and what the meter shows, hour by hour."""

    synced: Mapping[datetime, Charge]
    counted: Mapping[datetime, int]
    unsynced: tuple[Unsynced, ...] = ()
    events: Mapping[datetime, Sequence[SentEvent]] = field(default_factory=dict)
    most: Mapping[datetime, int] = field(default_factory=dict)

    def can_be_ours(self, hour: datetime, residue: int) -> bool:
        """Say whether so much more than is synced may come from this ledger.

        `most` is the most that an hour can hold of ours: all that may count, and what
        takes minutes back not counted, where its arrival may be shown late.
        """
        uncertain = [
            event.charge.minutes
            for event in self.unsynced
            if event.hour == hour and event.uncertain
        ]
        more = sum(max(0, minutes) for minutes in uncertain)
        synced = self.synced.get(hour, NOTHING).minutes
        return residue <= max(more, self.most.get(hour, synced) - synced)

    def residues(self) -> Iterator[tuple[datetime, int]]:
        """Give the hours in which the meter shows more or less than is synced."""
        for hour in sorted({*self.synced, *self.counted}):
            synced = self.synced.get(hour, NOTHING)
            residue = self.counted.get(hour, 0) - synced.minutes
            if residue:
                yield hour, residue


def find_sending_breaks(
    unsynced: Iterable[Unsynced], carrying: Iterable[CarryingEvent] = ()
) -> list[Break]:
    """Compare what is billed with what is known as counted, for one customer."""
    breaks = []
    for event in carrying:
        if event.here:
            cause, charge = Cause.CARRIES_EARLIER_MONTH, event.charge
        else:
            cause, charge = Cause.SENT_IN_LATER_MONTH, less(event.charge)
        breaks.append(
            Break(
                cause=cause,
                minutes=charge.minutes,
                amount_micro=charge.amount_micro,
                calls=event.calls,
                hour=event.hour,
                event=event.event,
                evidence=f"the other month is {event.other_month}",
            )
        )
    return [*breaks, *map(_waiting_break, unsynced)]


def find_opening_breaks(differences: Iterable[OpeningDifference]) -> list[Break]:
    """Compare what another program reported before a cut-over with our rated calls."""
    return [
        Break(
            cause=Cause.OPENING_DIFFERS,
            minutes=difference.minutes,
            amount_micro=difference.amount_micro,
            hour=difference.hours[0] if len(difference.hours) == 1 else None,
            evidence=difference.evidence,
        )
        for difference in differences
        if difference.minutes or difference.amount_micro
    ]


def find_meter_breaks(meter_totals: MeterTotals, *, settled: bool) -> list[Break]:
    """Compare what is known as counted with the meter, hour by hour."""
    breaks: list[Break] = []
    for hour, residue in meter_totals.residues():
        named = [
            _event_break(event, hour, cause, minutes)
            for event in meter_totals.events.get(hour, ())
            for cause, minutes in gaps_of(event)
            # Till the meter is settled what is not shown may only be late.
            if settled or cause is Cause.COUNTED_TWICE
        ]
        breaks += named
        rest = residue - sum(item.minutes for item in named)
        if rest:
            breaks.append(_rest_break(meter_totals, hour, rest, settled=settled))
    return breaks


def find_unknown_customer_breaks(synced: Mapping[datetime, Charge]) -> list[Break]:
    """Say what is lost when Stripe does not know the customer: everything."""
    return [
        Break(
            cause=Cause.UNKNOWN_CUSTOMER,
            minutes=-charge.minutes,
            amount_micro=-charge.amount_micro,
            hour=hour,
        )
        for hour, charge in sorted(synced.items())
        if charge != NOTHING
    ]


def asks_for_own_minutes(
    residue: int, events: Sequence[SentEvent], *, settled: bool
) -> bool:
    """Say whether an hour's events have to be read one by one to name one of them.

    What is too much is named at once where one of them may be counted twice.
    """
    if not settled:
        return any(_may_be_doubled(event, residue) for event in events)
    return bool(events) and _only_one_missing(residue, events) is None


def _waiting_break(waiting: Unsynced) -> Break:
    return Break(
        cause=_cause_of(waiting),
        minutes=-waiting.charge.minutes,
        amount_micro=-waiting.charge.amount_micro,
        calls=waiting.calls,
        hour=waiting.hour,
        event=waiting.event,
        evidence=waiting.evidence,
    )


def _cause_of(waiting: Unsynced) -> Cause:
    if waiting.state is None:
        return Cause.NOT_STAGED
    if waiting.state is EventState.FAILED and waiting.reason is not None:
        return Cause(waiting.reason.value)
    return Cause.HELD if waiting.held else Cause.IN_FLIGHT


def _event_break(event: SentEvent, hour: datetime, cause: Cause, minutes: int) -> Break:
    shown, whole = event.shown, event.charge.minutes
    return Break(
        cause=cause,
        minutes=minutes,
        amount_micro=priced(minutes, event.charge),
        calls=event.calls,
        hour=hour,
        event=event.identifier,
        evidence=f"event {event.identifier}: its minute shows {shown} of {whole}",
    )


def _rest_break(
    meter_totals: MeterTotals, hour: datetime, rest: int, *, settled: bool
) -> Break:
    """Say what remains of an hour's residue once its events were looked at."""
    events = meter_totals.events.get(hour, ())
    cause = _rest_cause(meter_totals, hour, rest, settled=settled)
    amount = _amount_of(rest, hour, meter_totals)
    only_event = _only_one_missing(rest, events)
    if only_event is None or cause in _OF_NO_EVENT:
        return Break(cause=cause, minutes=rest, amount_micro=amount, hour=hour)
    minutes = only_event.charge.minutes
    evidence = f"event {only_event.identifier}: its hour shows 0 of {minutes}"
    return Break(
        cause=cause,
        minutes=rest,
        amount_micro=amount,
        calls=only_event.calls,
        hour=hour,
        event=only_event.identifier,
        evidence=evidence,
    )


def _rest_cause(
    meter_totals: MeterTotals, hour: datetime, rest: int, *, settled: bool
) -> Cause:
    events = meter_totals.events.get(hour, ())
    read = bool(events) and all(event.is_told for event in events)
    uncertain = [
        waiting.charge.minutes
        for waiting in meter_totals.unsynced
        if waiting.hour == hour and waiting.uncertain
    ]
    if uncertain and not read and _lies_within(rest, uncertain):
        return Cause.COUNTED_UNRECORDED
    if not settled:
        is_possible = meter_totals.can_be_ours(hour, rest)
        return Cause.NOT_SETTLED if is_possible else Cause.ABOVE_LEDGER
    # Only where no event of ours can explain it is it somebody else's.
    unread = [event for event in events if not event.is_told]
    synced = meter_totals.synced.get(hour, NOTHING).minutes
    unnamed = synced - sum(event.expected for event in events)
    may_lack = [-unnamed, *(-event.expected for event in unread)]
    late = [event.charge.minutes for event in unread if not event.counted]
    may_be_doubled = any(_may_be_doubled(event, rest) for event in unread)
    if _lies_within(rest, may_lack) and not may_be_doubled:
        return Cause.NOT_COUNTED
    is_ours = may_be_doubled or _lies_within(rest, late)
    return Cause.ABOVE_LEDGER if is_ours else Cause.FOREIGN_EVENT


def _may_be_doubled(event: SentEvent, residue: int) -> bool:
    return event.was_sent_again and residue * event.charge.minutes > 0


def _lies_within(minutes: int, parts: Sequence[int]) -> bool:
    low = sum(min(0, part) for part in parts)
    return low <= minutes <= sum(parts) - low


def _only_one_missing(residue: int, events: Sequence[SentEvent]) -> SentEvent | None:
    """Return the hour's only event, when just its minutes are missing."""
    if len(events) == 1 and events[0].counted and events[0].shown is None:
        return events[0] if residue == -events[0].charge.minutes else None
    return None


def _amount_of(minutes: int, hour: datetime, meter_totals: MeterTotals) -> int:
    """Price a residue as the hour's own minutes were priced, else leave it at zero."""
    charges = [
        waiting.charge for waiting in meter_totals.unsynced if waiting.hour == hour
    ]
    charges += [charge for at, charge in meter_totals.synced.items() if at == hour]
    like = next((charge for charge in charges if charge.minutes), None)
    return priced(minutes, like) if like else 0
