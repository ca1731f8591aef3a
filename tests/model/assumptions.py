"""The assumptions: what is believed of the other side, each under its name."""

from enum import Enum
from typing import NamedTuple


class Assumption(Enum):
    """What is believed; the model is run with each of them broken, too."""

    IDENTIFIER_IS_REMEMBERED = (
        "an identifier is refused for at least 24 h after the event was received"
    )
    ARRIVES_IN_TIME = "a request arrives within an hour of leaving, or never"
    SHOWN_IN_TIME = "a summary shows a change within the longest lag that is waited for"
    STAYS_SHOWN = "what a summary has shown it goes on showing"
    MINUTE_IS_EXACT = "a summary over an event's own minute is that event alone"
    TAKEN_IS_COUNTED = "what is answered as taken, now or before, was received"
    REFUSED_IS_NOT_COUNTED = "what is refused, or asked to slow down, is not received"
    CANCELLED_IS_GONE = "what is answered as cancelled no longer counts"
    CANCEL_WORKS = "a cancellation within 24 h of the receipt is obeyed"
    REJECTION_IS_REPORTED = "what is rejected later stands in an error report"
    REPORT_IS_TRUE = "what an error report names did not count when the report was made"
    CORRECTED_IS_NOT_REJECTED = "what a negative event corrects was not rejected unseen"
    CLOCK_IS_RIGHT = "this machine's clock is right to within minutes"
    COMMIT_LASTS = "what was committed is not lost without notice"


class Invariant(Enum):
    """What has to hold in every state."""

    NEVER_COUNTED_TWICE = "no minutes count twice"
    SYNCED_MEANS_COUNTED = "what is synced counts, unless it was rejected later"
    NEVER_BELOW_ZERO = "no total falls below zero"
    NOTHING_STUCK = "in fair weather all comes to an end, or to a person"


class Bounds(NamedTuple):
    """Every length of time that decides something; by the product or by Stripe."""

    # Stripe's
    wire: int  # ARRIVES_IN_TIME
    memory: int  # IDENTIFIER_IS_REMEMBERED
    lag: int  # SHOWN_IN_TIME
    cancel_taken: int  # CANCEL_WORKS
    taken: int  # no older timestamp is taken
    # The product's
    resend: int
    remembered_quiet: int  # the rule while the identifier is remembered
    remembered_between: int
    proof_quiet: int  # the rule where only the reads are proof
    proof_between: int
    rearmed: int
    cancel: int
    oldest: int  # no older timestamp is sent
    oldest_to_rearm: int
    tries: int


# A step of the search is about twelve hours. What matters of a bound is its order among
# the others, and what they add up to: resend + wire <= memory <= proof_between < lag.
# What is shorter than a step takes one, and 34 and 35 days are brought near.
UNMEASURED = Bounds(
    wire=1,  # an hour
    memory=3,  # 24 h
    lag=4,  # 72 h, and as long is waited
    cancel_taken=3,  # 24 h
    taken=22,  # 35 days
    resend=2,  # 23 h
    remembered_quiet=1,  # 2 h
    remembered_between=0,  # 30 min: within a step
    proof_quiet=4,  # 72 h, while the lags are not measured
    proof_between=3,  # 24 h
    rearmed=1,  # an hour
    cancel=2,  # 23 h
    oldest=21,  # 34 days and 12 h
    oldest_to_rearm=20,  # 34 days
    tries=1,  # six: whoever has used them up is given new ones
)
# Lags that were measured for 35 days, the longest of them short.
MEASURED = UNMEASURED._replace(lag=1, proof_quiet=1)


class Rules(NamedTuple):
    """What holds in a run: the bounds, and which assumptions are broken."""

    bounds: Bounds
    broken: frozenset[Assumption] = frozenset()

    def holds(self, assumption: Assumption) -> bool:
        """Say whether an assumption holds."""
        return assumption not in self.broken

    def may_be_younger(self, now: int, at: int | None, bound: int) -> bool:
        """Say whether the product may believe that less time has passed."""
        is_younger = at is None or now - at < bound
        return is_younger or not self.holds(Assumption.CLOCK_IS_RIGHT)

    def may_be_older(self, now: int, at: int | None, bound: int) -> bool:
        """Say whether the product may believe that so much time has passed."""
        if at is None:
            return False
        return now - at >= bound or not self.holds(Assumption.CLOCK_IS_RIGHT)
