"""Reconciling any books: the breaks add up exactly to the difference."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.metering import EventState, FailReason
from billing.domain.posting import Charge
from billing.domain.reconciling import (
    Break,
    CustomerFinding,
    MeterBook,
    UnsyncedCall,
    find_meter_breaks,
    find_source_breaks,
)
from tests.domain.telling import NOON

CALLS = st.sampled_from("abcdef")
HOURS = st.integers(0, 3).map(lambda n: NOON + timedelta(hours=n))
CHARGES = st.integers(-60, 60).map(lambda minutes: Charge(minutes, minutes * 100_000))
STATES: st.SearchStrategy[tuple[EventState | None, FailReason | None]] = (
    st.sampled_from(
        [(None, None), (EventState.PENDING, None), (EventState.SYNCED, None)]
    )
    # An event that was replaced has no call left.
    | st.sampled_from(sorted({*FailReason} - {FailReason.REPLACED})).map(
        lambda reason: (EventState.FAILED, reason)
    )
)


@dataclass
class Books:
    """One customer's month in three books, as the tests build it row by row."""

    source: dict[str, Charge]
    counted: dict[datetime, int]
    posted: dict[str, Charge] = field(
        default_factory=lambda: defaultdict(lambda: Charge(0, 0))
    )
    synced: dict[datetime, Charge] = field(
        default_factory=lambda: defaultdict(lambda: Charge(0, 0))
    )
    unsynced: list[UnsyncedCall] = field(default_factory=list)

    def post(
        self,
        call_id: str,
        hour: datetime,
        charge: Charge,
        state: tuple[EventState | None, FailReason | None],
        attempted: bool,
    ) -> None:
        """Add a usage row whose event is in a state."""
        self.posted[call_id] = added(self.posted[call_id], charge)
        if state[0] is EventState.SYNCED:
            self.synced[hour] = added(self.synced[hour], charge)
        else:
            row = UnsyncedCall(call_id, hour, charge, *state, attempted)
            self.unsynced.append(row)

    def breaks(self, *, settled: bool) -> list[Break]:
        """Find the breaks between all three."""
        book = MeterBook(self.synced, self.counted, tuple(self.unsynced))
        return [
            *find_source_breaks(self.posted, self.source),
            *find_meter_breaks(book, settled=settled),
        ]

    def finding(self, *, settled: bool) -> CustomerFinding:
        """Find what a reconciliation would report."""
        return CustomerFinding(
            *("acme", "cus_acme"),
            pamela_minutes=sum(charge.minutes for charge in self.source.values()),
            ledger_minutes=sum(charge.minutes for charge in self.posted.values()),
            stripe_minutes=sum(self.counted.values()),
            settled=settled,
            breaks=tuple(self.breaks(settled=settled)),
        )


def added(one: Charge, other: Charge) -> Charge:
    return Charge(one.minutes + other.minutes, one.amount_micro + other.amount_micro)


@st.composite
def all_books(draw: st.DrawFn) -> Books:
    """Build any books: rows in every state, and whatever the others say."""
    books = Books(
        source=draw(st.dictionaries(CALLS, CHARGES)),
        counted=draw(st.dictionaries(HOURS, st.integers(-60, 60))),
    )
    rows = st.tuples(CALLS, HOURS, CHARGES, STATES, st.booleans())
    for row in draw(st.lists(rows, max_size=10)):
        books.post(*row)
    return books


@given(all_books(), st.booleans())
def test_the_breaks_add_up_to_the_difference(books: Books, settled: bool) -> None:
    finding = books.finding(settled=settled)
    explained = sum(item.minutes for item in finding.breaks)
    assert explained == finding.stripe_minutes - finding.pamela_minutes
    assert finding.unexplained_minutes == 0


@given(all_books(), st.booleans())
def test_no_break_is_empty_unless_a_row_is_on_its_way(
    books: Books, settled: bool
) -> None:
    waiting = {call.call_id for call in books.unsynced}
    for item in books.breaks(settled=settled):
        assert item.minutes or item.amount_micro or set(item.calls) <= waiting


@given(st.lists(st.tuples(CALLS, HOURS, CHARGES), max_size=10))
def test_books_that_agree_have_no_breaks(
    rows: list[tuple[str, datetime, Charge]],
) -> None:
    books = Books(source={}, counted={})
    for call_id, hour, charge in rows:
        books.post(call_id, hour, charge, (EventState.SYNCED, None), attempted=True)
    books.source = dict(books.posted)
    books.counted = {hour: charge.minutes for hour, charge in books.synced.items()}
    assert books.breaks(settled=True) == []
