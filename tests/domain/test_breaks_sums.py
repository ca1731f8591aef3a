"""Reconciling any books: the breaks add up exactly to the difference."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.break_kinds import Book
from billing.domain.breaks_invoice import ArrivedEvent, InvoicedMonth, with_invoice
from billing.domain.meter_event import EventState
from billing.domain.posting import Charge
from tests.domain.any_books import (
    CALLS,
    CHARGES,
    FINAL,
    HOURS,
    MINUTES,
    Books,
    Event,
    all_books,
)


@given(all_books(), st.booleans())
def test_the_breaks_add_up_to_the_difference(books: Books, settled: bool) -> None:
    finding = books.finding(settled=settled)
    explained = sum(item.minutes for item in finding.breaks)
    assert explained == finding.stripe_minutes - finding.pamela_minutes
    assert finding.unexplained_minutes == 0


@given(all_books())
def test_every_book_explains_its_own_step(books: Books) -> None:
    synced = sum(charge.minutes for charge in books.synced.values())
    stations = [
        sum(charge.minutes for charge in books.source.values()),
        sum(charge.minutes for charge in books.calls.values()),
        books.rows,
        synced,
        sum((books.counted or {}).values()),
    ]
    steps: dict[Book, int] = defaultdict(int)
    for item in books.breaks(settled=True):
        steps[item.cause.book] += item.minutes
    taken = [after - before for before, after in pairwise(stations)]
    assert [steps[book] for book in Book if book is not Book.INVOICE] == taken


@given(
    all_books(),
    MINUTES,
    st.lists(st.tuples(HOURS, CHARGES, st.integers(-2, 2)), max_size=4),
)
def test_the_breaks_of_the_invoice_add_up_to_its_difference(
    books: Books, minutes: int, arrivals: list[tuple[datetime, Charge, int]]
) -> None:
    arrived = [
        ArrivedEvent(
            identifier="event",
            hour=hour,
            charge=charge,
            calls=("a",),
            taken_at=FINAL + timedelta(hours=late),
        )
        for hour, charge, late in arrivals
    ]
    month = InvoicedMonth(minutes, ("in_1",), FINAL)
    finding = with_invoice(books.finding(settled=True), month, arrived)
    invoiced = [item for item in finding.breaks if item.cause.book is Book.INVOICE]
    difference = minutes - finding.stripe_minutes
    assert finding.invoice_difference == difference
    assert sum(item.minutes for item in invoiced) == difference
    assert finding.unexplained_minutes == finding.unexplained_invoice_minutes == 0


@given(all_books(), st.booleans())
def test_no_break_is_empty_unless_a_row_is_on_its_way(
    books: Books, settled: bool
) -> None:
    for item in books.breaks(settled=settled):
        if item.cause.book in {Book.SOURCE, Book.MONTHS, Book.METER}:
            assert item.minutes or item.amount_micro


@given(st.lists(st.tuples(CALLS, HOURS, CHARGES), max_size=10))
def test_books_that_agree_have_no_breaks(
    rows: list[tuple[str, datetime, Charge]],
) -> None:
    synced = (EventState.SYNCED, None)
    events = [
        Event(
            number=number,
            call_id=call_id,
            hour=hour,
            charge=charge,
            state=synced,
            attempted=True,
            uncertain=False,
            shown=charge.minutes,
            carried=None,
        )
        for number, (call_id, hour, charge) in enumerate(rows)
    ]
    books = Books(source={}, counted={}, carried=[], other_places={}, events=events)
    for event in events:
        had, more = books.posted[event.call_id], event.charge
        books.posted[event.call_id] = Charge(had[0] + more[0], had[1] + more[1])
    books.source = dict(books.posted)
    books.counted = {hour: charge.minutes for hour, charge in books.synced.items()}
    assert books.breaks(settled=True) == []
    assert books.finding(settled=True).agrees
    assert replace(books.finding(settled=True), settled=False).agrees is False
