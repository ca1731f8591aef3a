"""The journal: a month as balanced entries for the books, one for each customer.

What Stripe is known to have counted is receivable, the rest of what was used is not
billed yet; against both stand the revenue of the month and, month by month, the
adjustments of earlier ones. A debit is positive, and every entry adds up to zero.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from billing.domain.money import minor_per_unit
from billing.domain.period import BillingPeriod
from billing.domain.rating import MICRO


class Role(StrEnum):
    """What an account of the books is for."""

    RECEIVABLE = "receivable"
    UNBILLED = "unbilled"
    REVENUE = "revenue"
    ADJUSTMENTS = "adjustments"
    ROUNDING = "rounding"


class JournalLine(NamedTuple):
    """Usage of a customer's month that has one place in the books.

    `corrects` is the month of the calls, where it is another one than it is billed in.
    """

    customer: str
    currency: str
    corrects: BillingPeriod | None
    counted: bool
    rows: int
    minutes: int
    amount_micro: int


class Leg(NamedTuple):
    """One side of an entry; a debit is positive."""

    role: Role
    amount_micro: int
    corrects: BillingPeriod | None = None

    @property
    def corrected(self) -> str | None:
        """The month that it corrects, in words; None for the entry's own."""
        return None if self.corrects is None else str(self.corrects)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A customer's month in the books."""

    period: BillingPeriod
    customer: str
    currency: str
    rows: int
    minutes: int
    legs: tuple[Leg, ...]

    @property
    def amount_micro(self) -> int:
        """What the customer is billed for the month."""
        owed = (Role.RECEIVABLE, Role.UNBILLED)
        return sum(leg.amount_micro for leg in self.legs if leg.role in owed)


def make_entries(
    period: BillingPeriod, lines: Iterable[JournalLine]
) -> list[JournalEntry]:
    """Return a month's entries, by customer and currency, each adding up to zero."""
    groups: dict[tuple[str, str], list[JournalLine]] = defaultdict(list)
    for line in lines:
        groups[line.customer, line.currency].append(line)
    return [
        JournalEntry(
            period=period,
            customer=customer,
            currency=currency,
            rows=sum(line.rows for line in group),
            minutes=sum(line.minutes for line in group),
            legs=tuple(_legs(group)),
        )
        for (customer, currency), group in sorted(groups.items())
    ]


def _legs(group: Iterable[JournalLine]) -> list[Leg]:
    sums: dict[tuple[Role, BillingPeriod | None], int] = defaultdict(int)
    for line in group:
        owed = Role.RECEIVABLE if line.counted else Role.UNBILLED
        sums[owed, None] += line.amount_micro
        earned = Role.REVENUE if line.corrects is None else Role.ADJUSTMENTS
        sums[earned, line.corrects] -= line.amount_micro
    order = list(Role)
    keys = sorted(sums, key=lambda key: (order.index(key[0]), str(key[1] or "")))
    return [Leg(role, sums[role, month], month) for role, month in keys]


def in_minor_units(entry: JournalEntry) -> JournalEntry:
    """Return an entry in whole cents; what that leaves over is a leg of its own.

    Programs for the books take no smaller amounts. Halves go away from zero.
    """
    step = MICRO // minor_per_unit(entry.currency)
    legs = [
        leg._replace(amount_micro=_whole(leg.amount_micro, step)) for leg in entry.legs
    ]
    over = -sum(leg.amount_micro for leg in legs)
    if over:
        legs.append(Leg(Role.ROUNDING, over))
    return JournalEntry(
        period=entry.period,
        customer=entry.customer,
        currency=entry.currency,
        rows=entry.rows,
        minutes=entry.minutes,
        legs=tuple(legs),
    )


def _whole(amount_micro: int, step: int) -> int:
    whole = (abs(amount_micro) + step // 2) // step * step
    return -whole if amount_micro < 0 else whole
