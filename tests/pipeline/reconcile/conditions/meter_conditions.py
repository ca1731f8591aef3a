"""Conditions of what the ledger and Stripe's meter, or an invoice, differ by."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from billing.domain.break_causes import Cause
from billing.domain.breaks import Break
from billing.domain.breaks_invoice import (
    ArrivedEvent,
    InvoicedMonth,
    find_invoice_breaks,
)
from billing.domain.breaks_meter import (
    MeterTotals,
    Unsynced,
    find_meter_breaks,
    find_unknown_customer_breaks,
)
from billing.domain.period import BillingPeriod
from tests.domain.telling import NOON
from tests.domain.test_breaks_meter import sent
from tests.pipeline.reconcile.conditions.condition import (
    NONE,
    Condition,
    charge,
    only,
)

MARCH = BillingPeriod.of(NOON)
FINAL = MARCH.end + timedelta(hours=1)


def of_a_stranger(synced: int) -> list[Break]:
    """Look for so many minutes of a customer that Stripe does not know."""
    return find_unknown_customer_breaks({NOON: charge(synced)})


def of_an_event(
    *,
    minutes: int = 5,
    counted: bool = True,
    uncertain: bool = False,
    again: bool = False,
    own: int | None = None,
    shown: int = 5,
    settled: bool = True,
    others: tuple[int, ...] = (),
) -> list[Break]:
    """Look at an hour with one event of ours, and others whose minutes are not read.

    `own` is what its own minute shows, and `shown` what the hour does.
    """
    event = sent(
        "x",
        charge(minutes),
        counted=counted,
        uncertain=uncertain,
        again=again,
        shown=own,
    )
    unsynced = Unsynced(
        hour=NOON, charge=charge(minutes), calls=("a",), uncertain=uncertain
    )
    more = [sent(f"other{number}", charge(held)) for number, held in enumerate(others)]
    totals = MeterTotals(
        synced={NOON: charge(sum(others) + (minutes if counted else 0))},
        counted={NOON: shown},
        unsynced=() if counted else (unsynced,),
        events={NOON: [event, *more]},
    )
    return find_meter_breaks(totals, settled=settled)


def of_an_invoice(
    invoiced: int, meter: int = 5, taken_at: datetime | None = None
) -> list[Break]:
    """Compare a final invoice with the meter, of which five minutes came at a time."""
    arrived: Iterable[ArrivedEvent] = [
        ArrivedEvent(
            identifier="x",
            hour=NOON,
            charge=charge(5),
            calls=("a",),
            taken_at=moment,
        )
        for moment in ([] if taken_at is None else [taken_at])
    ]
    month = InvoicedMonth(invoiced, ("in_1",), FINAL)
    return find_invoice_breaks(invoiced - meter, month, arrived)


FOREIGN, ABOVE = only(Cause.FOREIGN_EVENT), only(Cause.ABOVE_LEDGER)
LATE = FINAL + timedelta(minutes=1)
METER_CONDITIONS = {
    Cause.COUNTED_UNRECORDED: Condition(
        of_an_event,
        {"counted": False, "uncertain": True, "own": 5},
        [
            ({"own": 0, "shown": 0}, NONE),
            ({"uncertain": False}, only(Cause.COUNTED_AFTER_ALL)),
            ({"own": 3, "shown": 3}, FOREIGN),  # an event counts whole, or not
            ({"own": -5, "shown": -5}, FOREIGN),
            ({"counted": True}, NONE),
        ],
    ),
    Cause.COUNTED_AFTER_ALL: Condition(
        of_an_event,
        {"counted": False, "own": 5},
        [
            ({"own": 0, "shown": 0}, NONE),
            ({"uncertain": True}, only(Cause.COUNTED_UNRECORDED)),
            ({"own": 3, "shown": 3}, FOREIGN),
            ({"own": 0}, FOREIGN),  # it stands in another minute of the hour
            ({"own": None}, ABOVE),  # its minute was not read: it may be ours
        ],
    ),
    Cause.NOT_SETTLED: Condition(
        of_an_event,
        {"shown": 0, "settled": False},
        [
            ({"shown": 5}, NONE),
            ({"settled": True}, only(Cause.NOT_COUNTED)),
            ({"shown": 6}, ABOVE),  # a lag can only ever show too little
        ],
    ),
    Cause.UNKNOWN_CUSTOMER: Condition(
        of_a_stranger, {"synced": 5}, [({"synced": 0}, NONE)]
    ),
    Cause.NOT_COUNTED: Condition(
        of_an_event,
        {"shown": 0},
        [
            ({"shown": 5}, NONE),
            ({"settled": False}, only(Cause.NOT_SETTLED)),
            ({"shown": -1}, FOREIGN),  # all of ours missing is zero, and not below
            ({"own": 5}, FOREIGN),  # it is there: somebody takes minutes off the hour
        ],
    ),
    Cause.ABOVE_LEDGER: Condition(
        of_an_event,
        {"again": True, "own": 12, "shown": 12},
        [
            ({"again": False}, FOREIGN),
            ({"own": 10, "shown": 10}, only(Cause.COUNTED_TWICE)),
            ({"own": 9, "shown": 9}, FOREIGN),  # not twice in it, however it came
            ({"own": 5, "shown": 5}, NONE),
        ],
    ),
    Cause.COUNTED_TWICE: Condition(
        of_an_event,
        {"again": True, "own": 10, "shown": 10},
        [
            ({"again": False}, FOREIGN),  # sent once, it cannot count twice
            ({"own": 5, "shown": 5}, NONE),
            ({"own": 5}, FOREIGN),  # its own minute has it once
            ({"own": 9, "shown": 9}, FOREIGN),
            ({"own": 11, "shown": 11}, ABOVE),
            ({"own": None}, ABOVE),  # its own minute was not read
            ({"minutes": -5, "own": -5, "shown": 5}, FOREIGN),
        ],
    ),
    Cause.FOREIGN_EVENT: Condition(
        of_an_event,
        {"own": 5, "shown": 8},
        [
            ({"shown": 5}, NONE),
            ({"own": None, "again": True}, ABOVE),
            ({"own": None, "settled": False}, ABOVE),
            ({"own": 10, "shown": 10, "again": True}, only(Cause.COUNTED_TWICE)),
            # One of ours that takes minutes back may be what is not there.
            ({"own": None, "others": (-3,), "shown": 5}, only(Cause.NOT_COUNTED)),
            ({"own": 5, "others": (-3,), "shown": 5}, only(Cause.NOT_COUNTED)),
            # One that is not known as counted may be what is there.
            ({"own": None, "counted": False, "shown": 5}, ABOVE),
        ],
    ),
}
INVOICE_CONDITIONS = {
    Cause.INVOICED_BEFORE_IT_ARRIVED: Condition(
        of_an_invoice,
        {"invoiced": 0, "taken_at": LATE},
        [
            ({"invoiced": 5}, NONE),
            ({"taken_at": FINAL}, only(Cause.INVOICE_DIFFERS)),
            ({"taken_at": None}, only(Cause.INVOICE_DIFFERS)),
        ],
    ),
    Cause.INVOICE_DIFFERS: Condition(
        of_an_invoice,
        {"invoiced": 3},
        [
            ({"invoiced": 5}, NONE),
            ({"invoiced": 0, "taken_at": LATE}, only(Cause.INVOICED_BEFORE_IT_ARRIVED)),
        ],
    ),
}
