"""Invariants of one call: its revisions, and the rows that bill it."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from billing.domain.call import Call
from billing.domain.invariants import Invariant, Violation, Violations
from billing.domain.period import BillingPeriod, hour_of
from billing.domain.posting import Charge, Slot, UsageType, charge_call
from billing.domain.rating import NoPrice, PriceList, why_not_billable

_NOTHING = Charge(0, 0)


class RatedRevision(NamedTuple):
    """What the source once said of a call; `call` has no customer key."""

    number: int
    call: Call
    customer: str | None
    extract_sha256: str
    before_first_period: bool = False

    @property
    def month(self) -> BillingPeriod | None:
        """The month that it says the call is of."""
        placed_at = self.call.placed_at
        return BillingPeriod.of(placed_at) if placed_at else None


class UsageRow(NamedTuple):
    """A row of usage that bills a call, or corrects it."""

    id: int
    type: UsageType
    customer: str
    revision: int
    period: str
    hour: datetime
    call_hour: datetime
    minutes: int
    amount_micro: int
    currency: str
    priced_from: datetime | None
    corrects: int | None

    @property
    def slot(self) -> Slot:
        """Where the row counts, whatever month it is posted in."""
        return Slot(self.customer, self.call_hour)

    @property
    def carried(self) -> bool:
        """Whether the row stands in another hour than its call."""
        return self.hour != self.call_hour


class CallHistory(NamedTuple):
    """All that the ledger holds of one call, oldest first."""

    account: str
    call_id: str
    revisions: Sequence[RatedRevision]
    rows: Sequence[UsageRow]

    @property
    def name(self) -> str:
        """How people know which call it is."""
        return f"call {self.call_id} of {self.account}"


def judge_call(
    history: CallHistory, prices: PriceList, closed: Collection[BillingPeriod]
) -> Violations:
    """Find the invariants that a call violates, by rating every revision of it anew."""
    yield from _revisions(history)
    yield from _extracts(history)
    yield from _sources(history)
    yield from _sums(history, prices)
    yield from _places(history, closed)
    yield from _corrections(history)


def _revisions(history: CallHistory) -> Violations:
    numbers = [revision.number for revision in history.revisions]
    if numbers != list(range(1, len(numbers) + 1)):
        words = f"{history.name} has the revisions {numbers}, not 1 to {len(numbers)}"
        yield Violation(Invariant.REVISIONS, words)
    for older, newer in pairwise(history.revisions):
        if older.extract_sha256 == newer.extract_sha256:
            words = f"revision {newer.number} of {history.name} says nothing new"
            yield Violation(Invariant.REVISIONS, words)
    yield from _dated_back(history)


def _dated_back(history: CallHistory) -> Violations:
    """Only a call that was in a later month till then is before the first one."""
    before: RatedRevision | None = None
    for revision in history.revisions:
        if revision.before_first_period:
            month, was = revision.month, before.month if before else None
            if month is None or was is None or was <= month:
                words = f"revision {revision.number} of {history.name} is not billed"
                reason = f"{words} as before the first month, and is of none before"
                yield Violation(Invariant.REVISIONS, reason)
        before = revision


def _extracts(history: CallHistory) -> Violations:
    for revision in history.revisions:
        # The key is not kept; a billed call had its customer's, or none at all.
        keys = {None, "", revision.customer}
        if revision.customer is None:
            continue
        digests = {revision.call._replace(customer_key=key).digest() for key in keys}
        if revision.extract_sha256 not in digests:
            words = (
                f"revision {revision.number} of {history.name} is not as it was read"
            )
            yield Violation(Invariant.EXTRACTS, words)


def _sources(history: CallHistory) -> Violations:
    numbers = {revision.number for revision in history.revisions}
    for row in history.rows:
        if row.revision not in numbers:
            words = f"row {row.id} bills revision {row.revision} of {history.name}"
            yield Violation(Invariant.SOURCES, f"{words}, which is not kept")


def _sums(history: CallHistory, prices: PriceList) -> Violations:
    """Rate each revision; up to it, the rows of the call are just that."""
    for revision in history.revisions:
        newest = revision is history.revisions[-1]
        try:
            due = _due(revision, prices)
        except (NoPrice, ValueError) as fault:
            yield Violation(Invariant.CONSERVATION, f"{history.name}: {fault}")
            return
        rows = [r for r in history.rows if newest or r.revision <= revision.number]
        posted: dict[Slot, Charge] = defaultdict(lambda: _NOTHING)
        for row in rows:
            before = posted[row.slot]
            posted[row.slot] = Charge(
                before.minutes + row.minutes, before.amount_micro + row.amount_micro
            )
        yield from _differences(history, revision, due, posted, newest=newest)
        yield from _prices(history, revision, prices)


def _due(revision: RatedRevision, prices: PriceList) -> dict[Slot, Charge]:
    if revision.before_first_period or why_not_billable(revision.call) is not None:
        return {}
    if revision.customer is None:
        raise ValueError("it is billable, and no customer is named")
    due = charge_call(revision.call, revision.customer, prices)
    return dict([due]) if due else {}


def _differences(
    history: CallHistory,
    revision: RatedRevision,
    due: dict[Slot, Charge],
    posted: dict[Slot, Charge],
    *,
    newest: bool,
) -> Violations:
    wrong = [
        slot
        for slot in sorted({*due, *posted})
        if due.get(slot, _NOTHING) != posted.get(slot, _NOTHING)
    ]
    if not wrong:
        return
    # The right sum in the wrong place is another fault than a wrong sum.
    moved = _total(due) == _total(posted)
    of_sum = Invariant.CONSERVATION if newest else Invariant.CORRECTIONS
    for slot in wrong:
        wanted, held = due.get(slot, _NOTHING), posted.get(slot, _NOTHING)
        yield Violation(
            Invariant.ATTRIBUTION if moved else of_sum,
            f"{history.name}, revision {revision.number}, is {_format(wanted)} for "
            f"{slot.customer} in {slot.hour:%Y-%m-%dT%H}Z; its rows "
            f"({_numbers(history, slot)}) hold {_format(held)}",
        )


def _total(charges: dict[Slot, Charge]) -> tuple[int, int]:
    values = charges.values()
    minutes = sum(charge.minutes for charge in values)
    return minutes, sum(charge.amount_micro for charge in values)


def _format(charge: Charge) -> str:
    return f"{charge.minutes} minutes and {charge.amount_micro} micro-units"


def _numbers(history: CallHistory, slot: Slot) -> str:
    numbers = [str(row.id) for row in history.rows if row.slot == slot]
    return ", ".join(numbers) or "none"


def _prices(
    history: CallHistory, revision: RatedRevision, prices: PriceList
) -> Violations:
    started_at = revision.call.started_at
    for row in history.rows:
        if row.revision != revision.number or row.type is not UsageType.API_USAGE:
            continue
        price = prices.at(started_at) if started_at else None
        listed = price and price.effective_from
        if row.priced_from != listed or row.currency != prices.currency:
            words = f"row {row.id} of {history.name} has not the price of its date"
            yield Violation(Invariant.CONSERVATION, words)


def _places(history: CallHistory, closed: Collection[BillingPeriod]) -> Violations:
    for row in history.rows:
        posted_in = BillingPeriod.of(row.hour)
        if row.hour != hour_of(row.hour) or row.period != str(posted_in):
            words = f"row {row.id} of {history.name} is not in the month of its hour"
            yield Violation(Invariant.ATTRIBUTION, words)
        elif row.carried and not _rightly_carried(row, posted_in, closed):
            words = f"row {row.id} of {history.name} stands in {posted_in}, not in"
            yield Violation(
                Invariant.ATTRIBUTION, f"{words} the first open month after its call's"
            )


def _rightly_carried(
    row: UsageRow, posted_in: BillingPeriod, closed: Collection[BillingPeriod]
) -> bool:
    """Say whether all months from the call's to the row's were closed."""
    month = BillingPeriod.of(row.call_hour)
    if posted_in <= month:
        return False
    while month < posted_in:
        if month not in closed:
            return False
        month = month.next
    return True


def _corrections(history: CallHistory) -> Violations:
    earlier: set[int] = set()
    for row in history.rows:
        if not earlier:
            right = row.corrects is None
        else:
            right = row.type is UsageType.ADJUSTMENT and row.corrects in earlier
        if not right:
            named = "nothing" if row.corrects is None else f"row {row.corrects}"
            words = f"row {row.id} of {history.name} corrects {named}"
            wanted = "an earlier row of it" if earlier else "nothing: it is the first"
            yield Violation(
                Invariant.CORRECTIONS, f"{words}, and should correct {wanted}"
            )
        earlier.add(row.id)
