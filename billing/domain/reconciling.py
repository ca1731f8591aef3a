"""Reconciliation: three books of one month, and the breaks between them.

Differences are signed as the meter sees them: negative means that Stripe holds fewer
minutes than Pamela, positive means more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from billing.domain.metering import EventState, FailReason
from billing.domain.posting import Charge

# Stripe gives no bound on how late a summary may be; these are this project's.
QUIET_BEFORE_READ = timedelta(hours=2)
BETWEEN_EQUAL_READS = timedelta(minutes=30)


class Cause(StrEnum):
    """Why two books differ; the list is closed."""

    LATE_CALL = "late_call"  # the source has it, the ledger does not yet
    CHANGED_CALL = "changed_call"  # the source now says something else
    MISSING_AT_SOURCE = "missing_at_source"  # billed, and gone from the source
    SOURCE_MINUTES_DIFFER = "source_minutes_differ"  # its minutes are not by the rule
    NOT_STAGED = "not_staged"  # its hour is not over, or awaits the next run
    IN_FLIGHT = "in_flight"  # staged, and not yet answered
    UNANSWERED = "unanswered"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    VOIDED = "voided"
    COUNTED_UNRECORDED = "counted_unrecorded"  # counted, its answer was lost
    NOT_SETTLED = "not_settled"  # the summary may still be catching up
    UNKNOWN_CUSTOMER = "unknown_customer"  # Stripe does not know the customer
    NOT_COUNTED = "not_counted"  # answered as taken, and not on the meter
    FOREIGN_EVENT = "foreign_event"  # on the meter, and not from this ledger


# What the next hours bring by themselves; anything else needs a person.
WAITING = frozenset(
    {
        Cause.LATE_CALL,
        Cause.CHANGED_CALL,
        Cause.NOT_STAGED,
        Cause.IN_FLIGHT,
        Cause.UNANSWERED,
        Cause.COUNTED_UNRECORDED,
        Cause.NOT_SETTLED,
    }
)


@dataclass(frozen=True, slots=True)
class Break:
    """One finding: signed minutes and micro-units, its cause and its calls."""

    cause: Cause
    minutes: int
    amount_micro: int
    calls: tuple[str, ...] = ()
    hour: datetime | None = None


@dataclass(frozen=True, slots=True)
class UnsyncedCall:
    """A call's minutes in an hour that the ledger does not know as synced."""

    call_id: str
    hour: datetime
    charge: Charge
    state: EventState | None  # None: not staged yet
    reason: FailReason | None = None
    attempted: bool = False


@dataclass(frozen=True, slots=True)
class MeterBook:
    """What the ledger holds as synced, and what the meter shows, hour by hour."""

    synced: Mapping[datetime, Charge]
    counted: Mapping[datetime, int] | None  # None: the totals agree
    unsynced: tuple[UnsyncedCall, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomerFinding:
    """One customer's books in one period, and every break between them."""

    customer: str
    stripe_customer: str
    pamela_minutes: int
    ledger_minutes: int
    stripe_minutes: int
    settled: bool
    breaks: tuple[Break, ...] = field(default=())

    @property
    def difference_minutes(self) -> int:
        """Stripe's minutes less Pamela's."""
        return self.stripe_minutes - self.pamela_minutes

    @property
    def unexplained_minutes(self) -> int:
        """What the breaks do not add up to; zero when every minute has a cause."""
        return self.difference_minutes - sum(item.minutes for item in self.breaks)


def is_settled(
    *,
    matches: bool,
    read: int,
    earlier_reads: Iterable[tuple[datetime, int]],
    last_sent_at: datetime | None,
    now: datetime,
) -> bool:
    """Say whether a summary may be believed.

    A read that matches the ledger is settled. One that does not is believed only two
    hours after the last send, and when a read half an hour older said the same.
    """
    if matches:
        return True
    quiet_since = last_sent_at and last_sent_at + QUIET_BEFORE_READ
    return any(
        value == read
        and at <= now - BETWEEN_EQUAL_READS
        and (quiet_since is None or at >= quiet_since)
        for at, value in earlier_reads
    )


def find_source_breaks(
    posted: Mapping[str, Charge], source: Mapping[str, Charge]
) -> list[Break]:
    """Compare the ledger with the source, call by call, for one customer."""
    breaks = []
    for call_id in sorted({*posted, *source}):
        ours, theirs = posted.get(call_id), source.get(call_id)
        if ours == theirs:
            continue
        if ours is None:
            cause = Cause.LATE_CALL
        elif theirs is None:
            cause = Cause.MISSING_AT_SOURCE
        else:
            cause = Cause.CHANGED_CALL
        old, new = theirs or Charge(0, 0), ours or Charge(0, 0)
        if new.minutes != old.minutes or new.amount_micro != old.amount_micro:
            breaks.append(
                Break(cause, new[0] - old[0], new[1] - old[1], calls=(call_id,))
            )
    return breaks


def find_meter_breaks(book: MeterBook, *, settled: bool) -> list[Break]:
    """Compare the ledger with the meter, hour by hour, for one customer."""
    breaks = [_unsynced_break(call) for call in book.unsynced]
    if book.counted is None:
        return breaks
    for hour in sorted({*book.synced, *book.counted}):
        synced = book.synced.get(hour, Charge(0, 0))
        residue = book.counted.get(hour, 0) - synced.minutes
        if residue:
            cause = _residue_cause(book, hour, residue, settled=settled)
            amount = _amount_of(residue, hour, book)
            breaks.append(Break(cause, residue, amount, hour=hour))
    return breaks


def find_unknown_customer_breaks(
    synced: Mapping[datetime, Charge], unsynced: Iterable[UnsyncedCall]
) -> list[Break]:
    """Say what is lost when Stripe does not know the customer: everything."""
    breaks = [_unsynced_break(call) for call in unsynced]
    for hour, (minutes, amount) in sorted(synced.items()):
        breaks.append(Break(Cause.UNKNOWN_CUSTOMER, -minutes, -amount, hour=hour))
    return breaks


def _unsynced_break(call: UnsyncedCall) -> Break:
    if call.state is None:
        cause = Cause.NOT_STAGED
    elif call.state is EventState.FAILED and call.reason is not None:
        cause = Cause(call.reason.value)
    else:
        cause = Cause.IN_FLIGHT
    minutes, amount = call.charge
    return Break(cause, -minutes, -amount, calls=(call.call_id,), hour=call.hour)


def _residue_cause(
    book: MeterBook, hour: datetime, residue: int, *, settled: bool
) -> Cause:
    attempted = sum(
        call.charge.minutes
        for call in book.unsynced
        if call.hour == hour and call.attempted
    )
    if attempted and min(0, attempted) <= residue <= max(0, attempted):
        return Cause.COUNTED_UNRECORDED
    if not settled:
        return Cause.NOT_SETTLED
    return Cause.NOT_COUNTED if residue < 0 else Cause.FOREIGN_EVENT


def _amount_of(minutes: int, hour: datetime, book: MeterBook) -> int:
    """Price a residue as the hour's own minutes were priced, else leave it at zero."""
    charges = [call.charge for call in book.unsynced if call.hour == hour]
    charges += [charge for at, charge in book.synced.items() if at == hour]
    for priced in charges:
        if priced.minutes:
            return minutes * (priced.amount_micro // priced.minutes)
    return 0
