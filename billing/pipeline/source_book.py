"""The source's book: what Pamela says of a month, by customer, down to the calls."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from billing.domain.period import BillingPeriod, Window
from billing.domain.posting import Charge
from billing.domain.reconciling import Break, Cause, find_source_breaks
from billing.ledger import books
from billing.ledger.books import SourceGap
from billing.ledger.calls import Reading
from billing.ledger.database import Ledger
from billing.pipeline.book import AccountBook
from billing.pipeline.crew import Crew
from billing.pipeline.days import read_day
from billing.pipeline.pull import MARGIN, READERS
from billing.ports import UsageSource


@dataclass(slots=True)
class SourceBook:
    """One account's month: minutes by customer, and how the ledger differs."""

    usage_minutes: int | None = None
    minutes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    breaks: dict[str, list[Break]] = field(default_factory=lambda: defaultdict(list))

    @property
    def calls_minutes(self) -> int:
        """The minutes of all calls, as the source states them."""
        return sum(self.minutes.values())

    def add_gap(self, gap: SourceGap) -> None:
        """Count a call whose minutes at the source are not by the rule."""
        self.minutes[gap.customer] += gap.minutes
        found = Break(Cause.SOURCE_MINUTES_DIFFER, -gap.minutes, 0, (gap.call_id,))
        self.breaks[gap.customer].append(found)


def read_source_book(
    ledger: Ledger,
    source: UsageSource,
    rules: AccountBook,
    pulled: SourceBook,
    *,
    period: BillingPeriod,
    now: datetime,
    crew: Crew,
) -> SourceBook:
    """Read an account's book; raises SourceFault.

    When the source's own total equals what was pulled, what was pulled is the book.
    When it does not, every call of the month is read again and compared.
    """
    pulled.usage_minutes = source.read_totals(period).billed_minutes
    if pulled.usage_minutes in {None, pulled.calls_minutes}:
        return pulled
    fresh = _read_again(ledger, source, rules, _When(period, now, crew))
    # The month may move while it is read: either total may be the matching one.
    after = source.read_totals(period).billed_minutes
    moved = fresh.calls_minutes == pulled.usage_minutes
    fresh.usage_minutes = pulled.usage_minutes if moved else after
    return fresh


def pulled_books(ledger: Ledger, period: BillingPeriod) -> defaultdict[str, SourceBook]:
    """Return each account's book as the last pull left it; empty without one."""
    pulled: defaultdict[str, SourceBook] = defaultdict(SourceBook)
    with ledger.reading() as connection:
        # This sums the whole month, so it is asked once for all accounts.
        held = books.holdings(connection, period)
        gaps = books.source_gaps(connection, period)
    for holding in held:
        pulled[holding.account].minutes[holding.customer] += holding.minutes
    for gap in gaps:
        pulled[gap.account].add_gap(gap)
    return pulled


@dataclass(frozen=True, slots=True)
class _When:
    """Which month is read again, when, and by whom."""

    period: BillingPeriod
    now: datetime
    crew: Crew


def _read_again(
    ledger: Ledger,
    source: UsageSource,
    rules: AccountBook,
    when: _When,
) -> SourceBook:
    book, period = SourceBook(), when.period
    charges: dict[str, dict[str, Charge]] = defaultdict(dict)
    for reading in _readings(source, rules, when):
        if reading.due is not None:
            slot, charge = reading.due
            charges[slot.customer][reading.call.call_id] = charge
            book.minutes[slot.customer] += charge.minutes
            if reading.minutes_gap:
                name = reading.call.call_id
                gap = reading.minutes_gap
                book.add_gap(SourceGap(source.account, slot.customer, name, gap))
    with ledger.reading() as connection:
        posted = books.posted_calls(connection, period, source.account)
    for customer in sorted({*posted, *charges}):
        ours, theirs = posted.get(customer, {}), charges.get(customer, {})
        book.breaks[customer] += find_source_breaks(ours, theirs)
    return book


def _readings(
    source: UsageSource,
    rules: AccountBook,
    when: _When,
) -> Sequence[Reading]:
    period, now = when.period, when.now
    window = Window(period.start - MARGIN, min(period.end + MARGIN, now))
    with when.crew.pool(READERS, "compare") as pool:
        days = pool.map(
            lambda day: read_day(source, rules, day, period, now), window.days()
        )
        latest = {
            reading.call.call_id: reading for day in days for reading in day.readings
        }
    return [reading for reading in latest.values() if reading.period == period]
