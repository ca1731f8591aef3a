"""Re-rating: what a call would cost by another rule, and what rounding brings in."""

from dataclasses import dataclass

from billing.domain.rating import MICRO, SECONDS_PER_MINUTE, Price


@dataclass(frozen=True, slots=True)
class Rule:
    """How seconds are billed: every started step of them, and at least so many."""

    step: int = SECONDS_PER_MINUTE
    least: int = SECONDS_PER_MINUTE

    def __post_init__(self) -> None:
        if self.step < 1:
            raise ValueError(f"a step is a second at least, not {self.step}")
        if self.least < 0:
            raise ValueError(f"nobody is billed for less than nothing: {self.least}")

    def billed_seconds(self, seconds: int) -> int:
        """Return the seconds that are billed of a call."""
        return max(-(-seconds // self.step) * self.step, self.least)

    def __str__(self) -> str:
        step = "second" if self.step == 1 else f"{self.step} s"
        least = f"at least {self.least} s" if self.least else "no least charge"
        return f"per started {step}, {least}"


PRESENT = Rule()
UNFLOORED = Rule(least=0)


def seconds_amount_micro(seconds: int, price: Price) -> int:
    """Return what seconds cost in micro-units, halves up.

    Whole minutes cost exactly what they are billed at.
    """
    numerator, denominator = price.per_minute.as_integer_ratio()
    whole = denominator * SECONDS_PER_MINUTE
    return (2 * seconds * numerator * MICRO + whole) // (2 * whole)
