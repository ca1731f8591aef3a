"""Rating: which calls are billed, for how many minutes, at which price."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from billing.domain.call import Call, NotBillable

SECONDS_PER_MINUTE = 60
MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """A price per minute, in units of its currency, and the date it holds from."""

    effective_from: datetime
    per_minute: Decimal
    currency: str = "usd"

    def __post_init__(self) -> None:
        if not isinstance(self.per_minute, Decimal):
            raise TypeError(f"a price is a Decimal, got {self.per_minute!r}")
        if not self.per_minute.is_finite() or self.per_minute < 0:
            raise ValueError(f"a price is finite and not negative: {self.per_minute}")
        if self.effective_from.tzinfo is None:
            raise ValueError(f"a price holds from an aware time: {self.effective_from}")


class NoPrice(LookupError):
    """No price holds at a moment."""

    def __init__(self, moment: datetime) -> None:
        super().__init__(
            f"no price holds at {moment.isoformat()}; add one with an earlier date"
        )
        self.moment = moment


class PriceList:
    """Prices in the order of their dates; each holds until the next begins."""

    def __init__(self, prices: Iterable[Price]) -> None:
        """Sort the prices; raises ValueError for two of one date or two currencies."""
        self.prices = sorted(prices, key=lambda price: price.effective_from)
        self._dates = [price.effective_from for price in self.prices]
        if len(set(self._dates)) < len(self._dates):
            raise ValueError("two prices hold from the same date")
        if len({price.currency for price in self.prices}) > 1:
            raise ValueError("prices are in more than one currency")

    def at(self, moment: datetime) -> Price:
        """Return the price that holds at a moment; raises NoPrice."""
        position = bisect_right(self._dates, moment)
        if position == 0:
            raise NoPrice(moment)
        return self.prices[position - 1]

    @property
    def currency(self) -> str:
        """The currency of the list."""
        return self.prices[0].currency if self.prices else "usd"


def billed_minutes(duration_seconds: int) -> int:
    """Return the minutes billed: every started one, and at least one."""
    return max(-(-duration_seconds // SECONDS_PER_MINUTE), 1)


def amount_micro(minutes: int, price: Price) -> int:
    """Return the amount in micro-units. The only rounding in the system."""
    exact = minutes * price.per_minute * MICRO
    # Half up in Decimal is away from zero, so a reversal cancels to the unit.
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def why_not_billable(call: Call) -> NotBillable | None:
    """Say why a call is not billed; None when it is: over, and once connected."""
    if not call.terminal:
        return NotBillable.UNDERWAY
    if call.started_at is None:
        by_person = NotBillable.BY_DECISION
        return by_person if call.decided else NotBillable.NEVER_CONNECTED
    return None
