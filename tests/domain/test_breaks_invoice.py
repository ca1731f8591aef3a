"""Invoices: which lines are of a month, and why their minutes are not the meter's."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.break_causes import Cause
from billing.domain.breaks_invoice import (
    ArrivedEvent,
    InvoicedMonth,
    find_invoice_breaks,
    invoiced_month,
)
from billing.domain.period import BillingPeriod, Window
from billing.domain.posting import Charge
from billing.domain.stripe_invoice import InvoiceLine, StripeInvoice

MARCH = BillingPeriod(2026, 3)
H = timedelta(hours=1)
FINAL = datetime(2026, 4, 1, 3, tzinfo=UTC)


def invoice(
    start: datetime, end: datetime, minutes: int, *, final: bool = True
) -> StripeInvoice:
    line = InvoiceLine(
        price="price_1",
        quantity=minutes,
        window=Window(start, end),
        amount_minor=10 * minutes,
        currency="usd",
    )
    return StripeInvoice(
        name="in_1",
        status="paid" if final else "draft",
        final=final,
        created_at=end,
        finalized_at=FINAL,
        finalizes_at=None,
        lines=(line,),
    )


@pytest.mark.parametrize(
    ("start", "end", "final", "minutes"),
    [
        (MARCH.start, MARCH.end, True, 7),
        (MARCH.start + H, MARCH.end, True, 7),
        # Not final, not to the end, or reaching into another month.
        (MARCH.start, MARCH.end, False, None),
        (MARCH.start, MARCH.end - H, True, None),
        (MARCH.start - H, MARCH.end, True, None),
        (MARCH.start, MARCH.end + H, True, None),
        (MARCH.end, MARCH.next.end, True, None),
    ],
)
def test_a_line_is_of_the_month_that_it_lies_in(
    start: datetime, end: datetime, final: bool, minutes: int | None
) -> None:
    month = invoiced_month([invoice(start, end, 7, final=final)], MARCH)
    assert (month and month.minutes) == minutes
    assert month is None or (month.names, month.finalized_at) == (("in_1",), FINAL)


def test_lines_of_parts_of_a_month_add_up() -> None:
    middle = MARCH.start + 100 * H
    parts = [invoice(MARCH.start, middle, 3), invoice(middle, MARCH.end, 4)]
    months = [invoiced_month(parts, MARCH), invoiced_month(parts[1:], MARCH)]
    assert [month and month.minutes for month in months] == [7, 4]
    known = [month for month in months if month]
    assert InvoicedMonth.of(known) == InvoicedMonth(11, ("in_1",), FINAL)
    open_one = InvoicedMonth(2, ("in_0",), None)
    together = InvoicedMonth(13, ("in_0", "in_1"), FINAL)
    assert InvoicedMonth.of([open_one, *known]) == together
    assert InvoicedMonth.of([]) == InvoicedMonth(0, (), None)


@pytest.mark.parametrize(
    ("difference", "taken", "final", "found"),
    [
        (0, H, FINAL, []),
        (-5, H, FINAL, [(Cause.INVOICED_BEFORE_IT_ARRIVED, -5)]),
        (-5, 0 * H, FINAL, [(Cause.INVOICE_DIFFERS, -5)]),
        (-5, H, None, [(Cause.INVOICE_DIFFERS, -5)]),
        (
            -6,
            H,
            FINAL,
            [(Cause.INVOICED_BEFORE_IT_ARRIVED, -5), (Cause.INVOICE_DIFFERS, -1)],
        ),
        (2, -H, FINAL, [(Cause.INVOICE_DIFFERS, 2)]),
    ],
)
def test_what_was_taken_after_the_invoice_was_final_is_not_on_it(
    difference: int,
    taken: timedelta,
    final: datetime | None,
    found: list[tuple[Cause, int]],
) -> None:
    event = ArrivedEvent(
        identifier="name",
        hour=MARCH.start,
        charge=Charge(5, 500),
        calls=("c",),
        taken_at=FINAL + taken,
    )
    month = InvoicedMonth(7, ("in_1",), final)
    breaks = find_invoice_breaks(difference, month, [event])
    assert [(item.cause, item.minutes) for item in breaks] == found
    assert all("in_1" in str(item.evidence) for item in breaks)
