"""Reconciliation: the totals of one month, and the breaks between them.

The chain of a customer's month: Pamela → calls → billed rows → counted events →
Stripe's summary → the invoice. Differences are signed as the meter sees them: negative
means that Stripe holds fewer minutes than Pamela, positive means more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from billing.domain.break_causes import Cause
from billing.domain.break_groups import EXPLAINED, WAITING, known_amount
from billing.domain.break_kinds import Book
from billing.domain.posting import Charge
from billing.domain.summary_lag import SummaryLook

# Stripe gives no bound on how late a summary may be; these are this project's.
QUIET_BEFORE_READ = timedelta(hours=2)
BETWEEN_EQUAL_READS = timedelta(minutes=30)
NOTHING = Charge(0, 0)


@dataclass(frozen=True, slots=True)
class Break:
    """One finding: signed minutes and micro-units, its cause and where it is from."""

    cause: Cause
    minutes: int
    amount_micro: int
    calls: tuple[str, ...] = ()
    hour: datetime | None = None
    event: str | None = None  # the identifier of a meter event
    evidence: str | None = None

    @property
    def known_amount_micro(self) -> int | None:
        """The amount; None when nobody can price the minutes."""
        return known_amount(self.cause, self.minutes, self.amount_micro)


@dataclass(frozen=True, slots=True)
class MinuteBounds:
    """Between which totals Stripe's lies: what is counted, and what perhaps is."""

    lower: int
    upper: int

    @classmethod
    def of(cls, counted: int, uncertain: Iterable[int]) -> "MinuteBounds":
        """Spread out from what is counted, by each event of unknown outcome."""
        events = list(uncertain)
        less = sum(min(0, minutes) for minutes in events)
        return cls(counted + less, counted + sum(events) - less)

    @property
    def unknown_minutes(self) -> int:
        """How far apart they are."""
        return self.upper - self.lower

    def __contains__(self, minutes: int) -> bool:
        return self.lower <= minutes <= self.upper


class MeterVerdict(StrEnum):
    """What may be said of Stripe's figure."""

    EXACT = "exact"
    WAITING = "waiting"  # not known yet: neither right nor wrong
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class CustomerFinding:
    """One customer's totals in one period, and every break between them."""

    customer: str
    stripe_customer: str
    pamela_minutes: int
    ledger_minutes: int
    stripe_minutes: int
    settled: bool
    breaks: tuple[Break, ...] = field(default=())
    bounds: MinuteBounds | None = None  # None: nothing is uncertain
    invoiced_minutes: int | None = None  # None: no final invoice was read
    invoice: str | None = None
    look: SummaryLook | None = None  # None: Stripe does not know the customer

    @property
    def difference_minutes(self) -> int:
        """Stripe's minutes less Pamela's."""
        return self.stripe_minutes - self.pamela_minutes

    @property
    def invoice_difference(self) -> int | None:
        """The minutes invoiced less those on the meter; None without an invoice."""
        if self.invoiced_minutes is None:
            return None
        return self.invoiced_minutes - self.stripe_minutes

    @property
    def unexplained_minutes(self) -> int:
        """What the breaks do not add up to; zero when every minute has a cause."""
        return self.difference_minutes - self._explained(of_invoice=False)

    @property
    def unexplained_invoice_minutes(self) -> int:
        """The same of the invoice's difference."""
        return (self.invoice_difference or 0) - self._explained(of_invoice=True)

    @property
    def unknown_minutes(self) -> int:
        """The minutes of which nobody knows yet whether Stripe counted them."""
        return self.bounds.unknown_minutes if self.bounds else 0

    @property
    def verdict(self) -> MeterVerdict:
        """Say whether Stripe's figure is right, wrong, or not known yet."""
        causes = {item.cause for item in self.breaks if item.cause.book is Book.METER}
        if Cause.ABOVE_LEDGER in causes:
            return MeterVerdict.BREAK  # a lag can only ever show too little
        if not self.settled:
            return MeterVerdict.WAITING
        if causes - WAITING or (self.bounds and self.stripe_minutes not in self.bounds):
            return MeterVerdict.BREAK
        return (
            MeterVerdict.WAITING
            if causes or self.unknown_minutes
            else MeterVerdict.EXACT
        )

    @property
    def agrees(self) -> bool:
        """Whether the totals agree, but for what stands in another month for good."""
        return (
            self.verdict is MeterVerdict.EXACT
            and self.unexplained_minutes == self.unexplained_invoice_minutes == 0
            and all(item.cause in EXPLAINED for item in self.breaks)
        )

    def _explained(self, *, of_invoice: bool) -> int:
        return sum(
            item.minutes
            for item in self.breaks
            if (item.cause.book is Book.INVOICE) is of_invoice
        )


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


def less(charge: Charge) -> Charge:
    """Return a charge with its sign turned."""
    return Charge(-charge.minutes, -charge.amount_micro)


def priced(minutes: int, like: Charge) -> int:
    """Price minutes as other minutes were, in micro-units; zero without a model."""
    return minutes * (like.amount_micro // like.minutes) if like.minutes else 0
