"""Reconciling with the source: Pamela's calls, those posted, and their months."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from operator import attrgetter
from typing import NamedTuple

from billing.domain.break_causes import Cause
from billing.domain.breaks import NOTHING, Break, less
from billing.domain.call import LONGEST_CALL_SECONDS, QuarantineReason
from billing.domain.period import BillingPeriod
from billing.domain.posting import Charge

# Two clocks that differ by no more may put a call into different months.
EDGE_TOLERANCE = timedelta(minutes=5)
# Of so many calls at an edge, the fewest that make up a difference are looked for.
MOST_EDGE_CALLS = 20
MOST_IN_ONE_DIFFERENCE = 3
MOST_OF_ONE_CALL = LONGEST_CALL_SECONDS // 60
_OURS = frozenset({QuarantineReason.UNKNOWN_CUSTOMER, QuarantineReason.NO_PRICE})


class OtherPlace(NamedTuple):
    """Where the other side has a call: why it is there, and in what words."""

    cause: Cause
    evidence: str


class EdgeCall(NamedTuple):
    """A call near the edge of a month, on whichever side."""

    call_id: str
    started_at: datetime
    minutes: int


class UnbilledCall(NamedTuple):
    """A call that the source's total may have, and that is not billed (yet)."""

    call_id: str
    minutes: int | None  # as the source states them
    evidence: str
    most: int = 0  # minutes that it may have come to by now


class CarriedCall(NamedTuple):
    """A call whose rows are billed in another month than its own."""

    call_id: str
    own_period: BillingPeriod
    billed_in: BillingPeriod
    charge: Charge

    def signed_in(self, period: BillingPeriod) -> int:
        """Return what a month's own calls have more (or less) than it bills."""
        sign = (self.own_period == period) - (self.billed_in == period)
        return sign * self.charge.minutes


def find_source_breaks(
    posted: Mapping[str, Charge],
    source: Mapping[str, Charge],
    other_places: Mapping[str, OtherPlace] | None = None,
) -> list[Break]:
    """Compare the ledger with the source, call by call, for one customer.

    `other_places` has the calls that one side has under another month or customer.
    """
    breaks = []
    for call_id in sorted({*posted, *source}):
        ours, theirs = posted.get(call_id), source.get(call_id)
        if ours == theirs:
            continue
        old, new = theirs or NOTHING, ours or NOTHING
        moved = (other_places or {}).get(call_id) if NOTHING in (old, new) else None
        if moved is not None:
            cause, evidence = moved
        else:
            cause, evidence = _cause_of(ours, theirs), None
        if new != old:
            charge = Charge(new[0] - old[0], new[1] - old[1])
            breaks.append(_break_of(call_id, cause, charge, evidence))
    return breaks


def moved_to(started_at: datetime, period: BillingPeriod) -> OtherPlace:
    """Say why a call is in another month than the other side's, by its own time."""
    edges = period.start, period.end
    near = any(abs(started_at - edge) <= EDGE_TOLERANCE for edge in edges)
    cause = Cause.MONTH_EDGE if near else Cause.CHANGED_CALL
    return OtherPlace(cause, f"Pamela says that it started at {started_at.isoformat()}")


def find_month_breaks(
    carried: Iterable[CarriedCall], period: BillingPeriod
) -> list[Break]:
    """Compare the calls of a month with what is billed in it, for one customer."""
    breaks = []
    for call_id, own, billed_in, charge in carried:
        if (own == period) is (billed_in == period):
            continue
        if own == period:
            cause, signed = Cause.BILLED_IN_LATER_MONTH, less(charge)
            evidence = f"billed in {billed_in}"
        else:
            cause, signed = Cause.CORRECTS_EARLIER_MONTH, charge
            evidence = f"a call of {own}"
        if signed != NOTHING:
            breaks.append(_break_of(call_id, cause, signed, evidence))
    return breaks


def explain_shortfall(
    shortfall: int,
    quarantined: Iterable[UnbilledCall],
    decided: Iterable[UnbilledCall],
    underway: Iterable[UnbilledCall],
) -> list[Break]:
    """Say how far unbilled calls account for what our calls have less than the total.

    No call accounts for more than is missing: the total may leave it out.
    """
    breaks: list[Break] = []
    left = shortfall
    unknown: dict[Cause, list[UnbilledCall]] = {}
    for cause, calls in (
        (Cause.QUARANTINED, quarantined),
        (Cause.DECIDED, decided),
        (Cause.CALL_UNDERWAY, underway),
    ):
        for call in sorted(calls, key=attrgetter("call_id")):
            if call.minutes is None:
                unknown.setdefault(cause, []).append(call)
            elif 0 < call.minutes <= left:
                breaks.append(_unbilled(cause, call.minutes, [call]))
                left -= call.minutes
    # Nobody knows what a broken record comes to, but that a call ends some time.
    broken = unknown.get(Cause.QUARANTINED, [])
    decided_on = unknown.get(Cause.DECIDED, [])
    not_over = unknown.get(Cause.CALL_UNDERWAY, [])
    if 0 < left <= len(broken) * MOST_OF_ONE_CALL:
        breaks.append(_unbilled(Cause.QUARANTINED, left, broken))
    elif 0 < left <= len(decided_on) * MOST_OF_ONE_CALL:
        breaks.append(_unbilled(Cause.DECIDED, left, decided_on))
    elif 0 < left <= sum(call.most for call in not_over):
        breaks.append(_unbilled(Cause.CALL_UNDERWAY, left, not_over))
    return breaks


def _unbilled(cause: Cause, minutes: int, calls: Sequence[UnbilledCall]) -> Break:
    return Break(
        cause=cause,
        minutes=-minutes,
        amount_micro=0,
        calls=tuple(call.call_id for call in calls),
        evidence="; ".join(dict.fromkeys(call.evidence for call in calls))[:1_000],
    )


def quarantine_evidence(reason: str, detail: str) -> str:
    """Say why a call is in quarantine, and whose it is to mend."""
    whose = "yours, in the settings" if reason in _OURS else "Pamela's"
    return f"{reason}: {detail} ({whose} to mend)"


def find_edge_calls(
    difference: int, calls: Sequence[EdgeCall], period: BillingPeriod
) -> tuple[str, ...]:
    """Name the fewest calls at the month's edges that make up a difference.

    `difference` is our minutes of the account's month less the source's own total, so
    a call of ours that the source counts in another month adds to it, and one that
    only the source counts here takes away.
    """
    near = [
        call
        for call in calls
        if any(
            abs(call.started_at - edge) <= EDGE_TOLERANCE
            for edge in (period.start, period.end)
        )
    ][:MOST_EDGE_CALLS]
    for count in range(1, MOST_IN_ONE_DIFFERENCE + 1):
        for chosen in combinations(near, count):
            signed = (
                call.minutes if call.started_at in period else -call.minutes
                for call in chosen
            )
            if sum(signed) == difference:
                return tuple(call.call_id for call in chosen)
    return ()


def _break_of(
    call_id: str, cause: Cause, charge: Charge, evidence: str | None
) -> Break:
    return Break(
        cause=cause,
        minutes=charge.minutes,
        amount_micro=charge.amount_micro,
        calls=(call_id,),
        evidence=evidence,
    )


def _cause_of(ours: Charge | None, theirs: Charge | None) -> Cause:
    if ours is None:
        return Cause.LATE_CALL
    return Cause.MISSING_AT_SOURCE if theirs is None else Cause.CHANGED_CALL
